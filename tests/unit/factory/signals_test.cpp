// SPDX-License-Identifier: Apache-2.0
// What sensors show of a machine's health, and how they lie.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using namespace foreline::tests;

namespace {

const std::vector<Signal> all_signals = {
    {"vibration", SignalKind::vibration, "mm/s", 2.0, 0.2, 0.1, 0.01, 0, 40},
    {"temperature", SignalKind::temperature, "degC", 50, 22, 0.4, 0.1, -20, 150},
    {"current", SignalKind::current, "A", 10, 1, 0.2, 0.01, 0, 40},
    {"torque", SignalKind::torque, "N m", 5, 0, 0.1, 0.01, 0, 20},
    {"pressure", SignalKind::pressure, "bar", 3, 0.2, 0.05, 0.01, 0, 10},
    {"cycle time", SignalKind::cycle_time, "s", 4, 0, 0.02, 0.001, 0, 60}};

Trial watched(double horizon_s = 3600) {
  auto m = machine("m", 4, 0);
  m.signals = all_signals;
  auto trial = trial_of(line_of({m}), one_order(100'000), horizon_s);
  trial.want_trace = true;
  return trial;
}

struct Statistics {
  double mean = 0;
  double deviation = 0;
};

Statistics over(const Outcome& outcome, std::size_t signal, double from_s, double until_s) {
  double n = 0;
  double sum = 0;
  double squares = 0;
  for (const auto& frame : outcome.trace.frames) {
    if (frame.at_s < from_s || frame.at_s >= until_s) continue;
    const auto& sample = frame.machines[0].signals[signal];
    if (sample.quality != Quality::good) continue;
    n += 1;
    sum += sample.value;
    squares += static_cast<double>(sample.value) * sample.value;
  }
  return {sum / n, std::sqrt(std::max(0.0, squares / n - sum / n * sum / n))};
}

}  // namespace

TEST_CASE("frames lie on the sampling grid and carry every signal with truth beside them") {
  auto trial = watched(605);
  const auto outcome = run(trial);
  REQUIRE(outcome.trace.frames.size() == 61);
  REQUIRE(outcome.trace.truth.size() == 61);
  for (std::size_t i = 0; i < outcome.trace.frames.size(); ++i) {
    const auto& frame = outcome.trace.frames[i];
    CHECK(frame.at_s == Approx(10.0 * static_cast<double>(i)));
    CHECK(frame.connected);
    CHECK(frame.machines[0].signals.size() == all_signals.size());
  }
  CHECK(outcome.trace.frames.back().machines[0].state == PackmlState::execute);
  CHECK(outcome.trace.frames.back().machines[0].operating_s == Approx(600));
}

TEST_CASE("healthy machines stay near their normal level and differ from each other") {
  std::vector<Trial> trials(8, watched());
  for (std::size_t i = 0; i < trials.size(); ++i) trials[i].seed = i + 1;
  const auto outcomes = run(trials);
  double lowest = 1e9;
  double highest = 0;
  for (const auto& outcome : outcomes) {
    for (std::size_t s = 0; s < all_signals.size(); ++s) {
      INFO(all_signals[s].name);
      CHECK(over(outcome, s, 1800, 3600).mean == Approx(all_signals[s].normal).epsilon(0.2));
    }
    const double vibration = over(outcome, 0, 1800, 3600).mean;
    lowest = std::min(lowest, vibration);
    highest = std::max(highest, vibration);
  }
  CHECK(highest - lowest > 0.05);
}

TEST_CASE("each kind of wear shows in its own signals before it stops the machine") {
  struct Case {
    FaultKind kind;
    std::vector<double> rise;    ///< Least relative rise of the mean, a signal; 0: none wanted.
    std::vector<double> unrest;  ///< Least factor of the deviation, a signal; 0: none wanted.
  };
  const std::vector<Case> cases = {
      {FaultKind::bearing_wear, {1.0, 0.15, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0}},
      {FaultKind::tool_wear, {0, 0, 0.15, 0.2, 0, 0.06}, {0, 0, 0, 0, 0, 0}},
      {FaultKind::jam, {0, 0, 0, 0, 0, 0}, {0, 0, 2.5, 2.5, 0, 0}}};
  for (const auto& one : cases) {
    auto trial = watched(20'000);
    trial.faults = {{"f", {0}, one.kind, 6000, 6000, 600}};
    const auto outcome = run(trial);
    REQUIRE(outcome.faults.size() == 1);
    REQUIRE(outcome.faults[0].failed_s == Approx(12'000).margin(1));
    for (std::size_t s = 0; s < all_signals.size(); ++s) {
      const auto before = over(outcome, s, 3000, 6000);
      const auto late = over(outcome, s, 11'400, 12'000);
      INFO(name_of(one.kind) << " " << all_signals[s].name);
      if (one.rise[s] > 0) CHECK(late.mean / before.mean - 1 > one.rise[s]);
      if (one.unrest[s] > 0) CHECK(late.deviation / before.deviation > one.unrest[s]);
    }
  }
}

TEST_CASE("a signal shows as much of a fault as its line file says") {
  const auto late = [](double rise, double unrest) {
    auto trial = watched(13'000);
    auto line = *trial.line;
    for (auto& signal : line.machines[0].signals) {
      signal.fault_rise = rise;
      signal.fault_unrest = unrest;
    }
    trial.line = std::make_shared<Line>(line);
    trial.faults = {{"f", {0}, FaultKind::bearing_wear, 6000, 6000, 600}};
    return over(run(trial), 0, 11'700, 12'000);
  };
  const auto usual = late(1, 1);
  const auto blind = late(0, 0);
  const auto quiet = late(1, 0);
  CHECK(usual.mean / blind.mean > 3);
  CHECK(blind.mean < 2.5);
  CHECK(quiet.mean == Approx(usual.mean).epsilon(0.02));
  CHECK(late(0.5, 0).mean - blind.mean == Approx((usual.mean - blind.mean) / 2).epsilon(0.05));
  CHECK(late(0, 1).deviation > 1.5 * blind.deviation);
}

TEST_CASE("a motor trip gives no warning") {
  auto trial = watched(6000);
  auto tripping = trial;
  tripping.faults = {{"f", {0}, FaultKind::motor_trip, 5000, 0, 600}};
  const auto healthy = run(trial);
  const auto tripped = run(tripping);
  REQUIRE(tripped.faults.size() == 1);
  for (std::size_t i = 0; i < 500; ++i) {
    for (std::size_t s = 0; s < all_signals.size(); ++s) {
      REQUIRE(healthy.trace.frames[i].machines[0].signals[s].value ==
              tripped.trace.frames[i].machines[0].signals[s].value);
    }
  }
}

TEST_CASE("truth grows from healthy at the onset to failed at the stop") {
  auto trial = watched(9000);
  auto line = *trial.line;
  line.machines[0].faults = {{FaultKind::bearing_wear, Distribution::constant(3000),
                              Distribution::constant(4000), Distribution::constant(500)}};
  trial.line = std::make_shared<Line>(line);
  trial.random_faults = true;
  const auto outcome = run(trial);
  float before = 0;
  for (std::size_t i = 0; i < 700; ++i) {
    const float damage = outcome.trace.truth[i].damage.at(0);
    CHECK(damage >= before);
    if (i <= 300) CHECK(damage == 0);
    before = damage;
  }
  CHECK(before > 0.98F);
  CHECK(outcome.trace.truth[760].damage.at(0) == 0);
  CHECK(outcome.trace.frames[760].machines[0].renewals == 1);
}

TEST_CASE("a stopped machine cools down to its idle level") {
  auto trial = watched(8000);
  trial.faults = {{"f", {0}, FaultKind::motor_trip, 2000, 0, 100'000}};
  const auto outcome = run(trial);
  CHECK(over(outcome, 0, 3000, 8000).mean == Approx(0.2).margin(0.1));
  CHECK(over(outcome, 1, 2000, 2060).mean > 40);
  CHECK(over(outcome, 1, 7000, 8000).mean == Approx(22).margin(4));
}

TEST_CASE("sensors lie in four ways while the machine is healthy") {
  auto trial = watched(4000);
  const std::vector<SensorFaultKind> kinds = {SensorFaultKind::stuck, SensorFaultKind::drift,
                                              SensorFaultKind::spike, SensorFaultKind::dropout};
  for (std::size_t i = 0; i < kinds.size(); ++i)
    trial.sensor_faults.push_back(
        {"s", {0}, all_signals[i].name, kinds[i], 1000, 3000, i == 1 ? 60.0 : 10.0});
  const auto honest = run(watched(4000));
  const auto lying = run(trial);
  CHECK(lying.faults.empty());
  for (std::size_t s = 0; s < 4; ++s) {
    for (const double outside : {500.0, 3500.0})
      CHECK(over(lying, s, outside - 400, outside + 400).mean ==
            over(honest, s, outside - 400, outside + 400).mean);
  }
  CHECK(over(lying, 0, 1000, 3000).deviation == 0);
  CHECK(over(lying, 1, 2800, 3000).mean - over(honest, 1, 2800, 3000).mean ==
        Approx(60 * 1900.0 / 3600).margin(1));
  CHECK(over(lying, 2, 1000, 3000).deviation > 1);
  for (const auto& frame : lying.trace.frames) {
    const auto& sample = frame.machines[0].signals[3];
    const bool dropped = frame.at_s >= 1000 && frame.at_s < 3000;
    CHECK((sample.quality == Quality::bad_sensor_failure) == dropped);
    CHECK(std::isnan(sample.value) == dropped);
  }
}

TEST_CASE("values are quantised and saturate at the sensor's range") {
  auto trial = watched(2000);
  auto line = *trial.line;
  line.machines[0].signals[0].resolution = 0.5;
  line.machines[0].signals[2].high = 9;
  trial.line = std::make_shared<Line>(line);
  const auto outcome = run(trial);
  for (const auto& frame : outcome.trace.frames) {
    const double steps = frame.machines[0].signals[0].value / 0.5;
    CHECK(steps == Approx(std::round(steps)));
    CHECK(frame.machines[0].signals[2].value <= 9);
  }
}

TEST_CASE("no frame arrives during a communication loss") {
  auto trial = watched(1000);
  trial.communication_losses = {{"c", 300, 500}};
  const auto outcome = run(trial);
  for (const auto& frame : outcome.trace.frames) {
    const bool lost = frame.at_s >= 300 && frame.at_s < 500;
    CHECK(frame.connected == !lost);
    for (const auto& sample : frame.machines[0].signals)
      CHECK((sample.quality == Quality::bad_comm_failure) == lost);
  }
}
