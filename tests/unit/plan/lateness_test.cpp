// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/lateness.hpp"

#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using plan::Delays;
using plan::Lateness;

namespace {

constexpr double minute_s = 60;

/// The day of a line as it goes on at 5 min.
struct Day {
  Trial trial;
  Outcome outcome;

  Day(const Line& line, const std::vector<Order>& orders, std::vector<ScriptedFault> faults = {}) {
    trial = tests::trial_of(line, orders);
    trial.want_state_at_s = 5 * minute_s;
    trial.from = tests::run(trial).state.value();
    trial.want_state_at_s.reset();
    trial.want_gantt = true;
    trial.horizon_s = 40 * 3600;
    trial.faults = std::move(faults);
    outcome = tests::run(trial);
  }
  Lateness of(std::uint32_t order) { return Delays(trial, outcome).of({order}); }
};

Line one_machine() {
  auto line = tests::line_of({tests::machine("press", 30, 0)});
  line.products = {"a", "b"};
  line.machines[0].product_factor = {1, 1};
  line.machines[0].changeover_s = {{0, 40 * minute_s}, {40 * minute_s, 0}};
  return line;
}

/// 20 minutes of work each.
const std::vector<Order> two = {{"A", {0}, 40}, {"B", {0}, 40}};

ScriptedFault trip(std::uint32_t machine) {
  ScriptedFault fault;
  fault.id = "trip";
  fault.machine = {machine};
  fault.kind = FaultKind::motor_trip;
  fault.at_s = 10 * minute_s;
  fault.fails_after_s = 1;
  fault.repair_s = 90 * minute_s;
  return fault;
}

}  // namespace

TEST_CASE("an order that waits behind another waits for its turn") {
  const auto late = Day(one_machine(), two).of(1);
  CHECK(late.turn_s == Approx(15 * minute_s));
  CHECK(late.breakdown_s + late.changeover_s + late.service_s + late.closed_s == 0);
}

TEST_CASE("a breakdown delays the order behind the one that it stops") {
  for (const std::uint32_t order : {0U, 1U}) {
    const auto late = Day(one_machine(), two, {trip(0)}).of(order);
    CHECK(late.breakdown_s == Approx(90 * minute_s));
    CHECK(late.turn_s == Approx(order * 15 * minute_s));
  }
}

TEST_CASE("a breakdown behind a full buffer delays the order that cannot begin") {
  auto line = tests::line_of({tests::machine("first", 30, 2), tests::machine("second", 30, 0)});
  const auto late = Day(line, two, {trip(1)}).of(1);
  CHECK(late.breakdown_s == Approx(90 * minute_s).margin(5 * 30));
  CHECK(late.turn_s == Approx(15 * minute_s).margin(5 * 30));
}

TEST_CASE("a changeover is counted once") {
  const auto late = Day(one_machine(), {{"A", {0}, 40}, {"B", {1}, 40}}).of(1);
  CHECK(late.changeover_s == Approx(40 * minute_s));
  CHECK(late.turn_s == Approx(15 * minute_s));
}

TEST_CASE("a night in which nobody works is no turn of another order") {
  auto line = one_machine();
  line.calendars.push_back({"day", 86400, 0, {{0, 30 * minute_s}}, {}});
  line.calendar = 0;
  const auto late = Day(line, two).of(1);
  CHECK(late.closed_s == Approx(86400 - 30 * minute_s));
  CHECK(late.turn_s == Approx(15 * minute_s));
}

TEST_CASE("before its release an order loses no time") {
  auto orders = two;
  orders[1].release_s = 3600;
  const auto late = Day(one_machine(), orders).of(1);
  CHECK(late.turn_s + late.breakdown_s + late.changeover_s == 0);
  CHECK(plan::reason_of(late, 1).empty());
}

TEST_CASE("reasons are told most first, and a long night hides none of them") {
  CHECK(plan::reason_of({1200, 7200, 60, 0, 36'000}, 0.5) ==
        "nobody works 300 min, breakdowns 60 min");
  CHECK(plan::reason_of({1200, 2400, 0, 1200, 0}, 0.5) ==
        "breakdowns 20 min, waits for its turn 10 min, services 10 min");
}
