// SPDX-License-Identifier: Apache-2.0
#include "inference/train/examples.hpp"

#include <catch2/catch.hpp>

#include "inference/train/population.hpp"
#include "tests/unit/forecast/frames.hpp"

using namespace foreline;
using namespace foreline::inference;
using namespace foreline::line;

namespace {

constexpr MachineId press{0};
constexpr auto bearing = FaultKind::bearing_wear;

TimeToFault at(const Trial& trial, const Outcome& outcome, double at_s) {
  return time_to_fault(trial, outcome, press, bearing, at_s, true);
}

Outcome failing_at(double onset_s, double failed_s) {
  Outcome outcome;
  outcome.end_s = 10'000;
  outcome.faults.push_back({press, bearing, onset_s, failed_s, failed_s + 100, false});
  return outcome;
}

}  // namespace

TEST_CASE("The truth of a window is the time to the next failure of that kind and machine") {
  const Trial trial;
  const auto outcome = failing_at(2000, 5000);
  CHECK(at(trial, outcome, 1000) == TimeToFault{4000, true});
  CHECK(at(trial, outcome, 5000) == TimeToFault{5000, false});
  CHECK(time_to_fault(trial, outcome, {1}, bearing, 1000, true) == TimeToFault{9000, false});
  CHECK(time_to_fault(trial, outcome, press, FaultKind::jam, 1000, true) ==
        TimeToFault{9000, false});
}

TEST_CASE("A fault that the experimenter starts ends the view of the windows before it") {
  Trial trial;
  trial.faults.push_back({"f", press, bearing, 2000, 3000, 0});
  const auto outcome = failing_at(2000, 5000);
  CHECK(at(trial, outcome, 500) == TimeToFault{1500, false});
  CHECK(at(trial, outcome, 2500) == TimeToFault{2500, true});
  CHECK(time_to_fault(trial, outcome, press, bearing, 500, false) == TimeToFault{4500, true});
}

TEST_CASE("A service ends the view") {
  Outcome outcome;
  outcome.end_s = 10'000;
  outcome.faults.push_back({press, bearing, 2000, -1, 4000, true});
  CHECK(at(Trial(), outcome, 3000) == TimeToFault{1000, false});
}

TEST_CASE("Examples are ready windows, closer together while a fault grows") {
  Trial trial;
  trial.line = testing::small_line();
  Outcome outcome = failing_at(7200, 9900);
  outcome.trace.frames = testing::running_frames(*trial.line, 0, 10'000, testing::normal_level);
  const auto examples = examples_of(trial, outcome, 3);
  std::size_t close = 0;
  for (const auto& example : examples) {
    CHECK(example.window.ready);
    CHECK(example.day == 3);
    const bool grows = example.window.at_s >= 7200 && example.window.at_s < 9900;
    CHECK(example.weight == (grows ? 1.0F : 10.0F));
    close += grows ? 1 : 0;
  }
  CHECK(close == 44);  // a minute apart over 45 min
  CHECK(examples.size() - close < 15);
}

TEST_CASE("A day is a function of its seed") {
  const Population population{{testing::small_line()}, 0.5, {}};
  bool random = false;
  bool given = false;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const auto a = population.day(seed);
    const auto b = population.day(seed);
    CHECK(*a.line == *b.line);
    CHECK(*a.orders == *b.orders);
    CHECK(a.faults == b.faults);
    (a.line->name == "small" ? given : random) = true;
    CHECK(complaints_about(a.schedule, *a.line, *a.orders, {}, 0).empty());
  }
  CHECK((random && given));
}

TEST_CASE("a random day of a line with machines without signals has no lying sensors there") {
  Line line;
  line.name = "l";
  line.products = {"a"};
  Machine machine;
  machine.name = "press";
  machine.cycle = Distribution::constant(10);
  machine.product_factor = {1};
  machine.changeover_s = {{0}};
  line.machines = {machine};
  const auto shared = std::make_shared<const Line>(line);
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    CHECK(random_day(shared, seed, {}).sensor_faults.empty());
}
