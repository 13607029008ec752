// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/skill.hpp"

#include <catch2/catch.hpp>

#include "sim/line/random.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::core;
using line::PackmlState;

namespace {

line::Line line_with_faults() {
  auto a = tests::machine("a", 10, 4);
  line::FaultMode mode;
  mode.kind = line::FaultKind::bearing_wear;
  a.faults = {mode};
  return tests::line_of({a, tests::machine("b", 10, 0)});
}

std::vector<line::Forecast> forecast(double at_s, float probability) {
  line::Forecast forecast;
  forecast.machine = {0};
  forecast.at_s = at_s;
  forecast.available = true;
  line::KindForecast kind;
  kind.kind = line::FaultKind::bearing_wear;
  kind.within.fill(probability);
  line::KindForecast other;  // the machine has no such mode
  other.kind = line::FaultKind::tool_wear;
  other.within.fill(1);
  forecast.kinds = {kind, other};
  return {forecast};
}

line::Frame frame(double at_s, PackmlState state, std::uint32_t renewals = 0) {
  line::Frame frame;
  frame.at_s = at_s;
  frame.machines.resize(2);
  frame.machines[0].state = state;
  frame.machines[0].renewals = renewals;
  frame.machines[1].state = PackmlState::execute;
  return frame;
}

double uniform(std::uint64_t i) {
  return line::random_uniform(5, 0, line::Purpose::scenario, i);
}

}  // namespace

TEST_CASE("a calibrated forecast has skill and no calibration error; a constant has none") {
  Scores sharp;
  Scores constant;
  Scores boastful;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const double p = i % 2 == 0 ? 0.05 : 0.75;
    const bool failed = uniform(i) < p;
    sharp.add(p, failed);
    constant.add(0.4, failed);
    boastful.add(i % 2 == 0 ? 0.0 : 0.999, failed);
  }
  const auto record = sharp.record(100, 10);
  REQUIRE(record);
  CHECK(record->skill > 0.45);
  CHECK(record->calibration_error < 0.015);
  REQUIRE(constant.record(100, 10));
  CHECK(std::abs(constant.record(100, 10)->skill) < 0.01);
  CHECK(boastful.record(100, 10)->calibration_error > 0.1);
  CHECK_FALSE(sharp.record(30'000, 10));
  Scores few;
  few.add(0.9, true);
  CHECK_FALSE(few.record(1, 2));
}

TEST_CASE("forecasts wait until it is known what came") {
  const auto line = line_with_faults();
  ForecastWatch watch(2, 1000, 100);
  watch.take(frame(0, PackmlState::execute), 10);
  SECTION("the fault comes within the horizon") {
    watch.take(forecast(0, 0.8F), line);
    watch.take(forecast(50, 0.1F), line);  // too soon after the one before
    for (double at_s = 10; at_s < 500; at_s += 10)
      watch.take(frame(at_s, PackmlState::execute), 10);
    CHECK(watch.scores().forecasts() == 0);
    watch.take(frame(500, PackmlState::held), 10);
    CHECK(watch.scores().forecasts() == 1);
    CHECK(watch.scores().failures() == 1);
    CHECK(watch.scores().squares == Approx(0.04).margin(1e-6));
  }
  SECTION("it does not") {
    watch.take(forecast(0, 0.8F), line);
    for (double at_s = 10; at_s <= 1010; at_s += 10)
      watch.take(frame(at_s, PackmlState::execute), 10);
    CHECK(watch.scores().forecasts() == 1);
    CHECK(watch.scores().failures() == 0);
  }
  SECTION("a service hides what would have come") {
    watch.take(forecast(0, 0.8F), line);
    watch.take(frame(10, PackmlState::stopped), 10);
    watch.take(frame(20, PackmlState::execute, 1), 10);
    for (double at_s = 30; at_s <= 1100; at_s += 10)
      watch.take(frame(at_s, PackmlState::execute, 1), 10);
    CHECK(watch.scores().forecasts() == 0);
  }
  SECTION("a machine that nobody sees for a moment has not been serviced") {
    watch.take(frame(1, PackmlState::execute, 1), 10);
    watch.take(forecast(1, 0.8F), line);
    watch.take(frame(10, PackmlState::undefined), 10);
    watch.take(frame(20, PackmlState::execute, 1), 10);
    watch.take(frame(30, PackmlState::held, 1), 10);
    CHECK(watch.scores().failures() == 1);
  }
  SECTION("so does a gap") {
    watch.take(forecast(0, 0.8F), line);
    watch.take(frame(900, PackmlState::execute), 10);
    watch.take(frame(910, PackmlState::held), 10);
    CHECK(watch.scores().forecasts() == 0);
  }
}

TEST_CASE("stops are kept with their ends, open ones to the end of the question") {
  StopLog log(2);
  log.take(frame(10, PackmlState::held));
  log.take(frame(20, PackmlState::undefined));  // its device does not answer
  log.take(frame(30, PackmlState::execute));
  log.take(frame(90, PackmlState::held));
  auto stops = log.between(0, 100);
  REQUIRE(stops.size() == 2);
  CHECK(stops[0].from_s == 10);
  CHECK(stops[0].until_s == 30);
  CHECK(stops[1].until_s == 100);
  CHECK(log.between(40, 80).empty());
}

TEST_CASE("the simulation's record shows a cycle time that is a tenth wrong, and drift") {
  std::vector<Stretch> stretches;
  for (int i = 0; i < 20; ++i) {
    Stretch stretch;
    stretch.came = i == 3 ? 120 : 100;
    stretch.replayed = stretch.came + (i % 2 == 0 ? 1 : -1);
    stretch.mean = 100;
    stretch.low = 94;
    stretch.high = 106;
    stretch.deviation = 4;
    stretch.events = 2;
    stretch.event_error_s = 100;
    stretches.push_back(stretch);
  }
  CHECK_FALSE(twin_record_of(stretches, 21, 10'000));
  auto record = twin_record_of(stretches, 3, 10'000);
  REQUIRE(record);
  CHECK(record->throughput_error == 0);
  CHECK(record->event_error == Approx(0.01));
  CHECK(record->covered == 19);
  CHECK_FALSE(record->drifting);
  for (auto& stretch : stretches) {
    stretch.replayed = 110;
    stretch.mean = 104;
  }
  record = twin_record_of(stretches, 3, 10'000);
  CHECK(record->throughput_error > 0.08);
  CHECK(record->drifting);
}
