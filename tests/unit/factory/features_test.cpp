// SPDX-License-Identifier: Apache-2.0
// What lines can have beyond machines in series, each against arithmetic done by hand.
#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using namespace foreline::tests;

namespace {

double finish(const Line& line, std::uint32_t quantity) {
  const auto outcome = run(trial_of(line, one_order(quantity)));
  REQUIRE(outcome.end == Outcome::End::done);
  return outcome.end_s;
}

Machine unit(Machine first, std::uint32_t of, std::vector<std::uint32_t> after) {
  first.name += "-2";
  first.after = std::move(after);
  first.unit_of = of;
  return first;
}

}  // namespace

TEST_CASE("two units of a station work two parts at a time") {
  auto press = machine("press", 10, 4);
  auto line = line_of({press, unit(press, 0, {}), machine("pack", 1, 0)});
  line.machines[2].after = std::vector<std::uint32_t>{0};
  // Pairs end at 10, 20, 30; the packer takes 1 s each, the last pair ends at 30, 31 and 32.
  CHECK(finish(line, 6) == Approx(32));
}

TEST_CASE("a part goes only to a unit that makes its product") {
  auto a = machine("a", 10, 4, 2);
  a.makes = {1, 0};
  auto b = unit(machine("b", 10, 4, 2), 0, {});
  b.makes = {0, 1};
  auto line = line_of({a, b});
  line.products = {"p", "q"};
  const auto outcome = run(trial_of(line, {{"P", {0}, 3}, {"Q", {1}, 5}}));
  CHECK(outcome.machines[0].good == 3);
  CHECK(outcome.machines[1].good == 5);
  CHECK(outcome.end_s == Approx(50));  // both at once, each its own order
}

TEST_CASE("an assembly takes its set and an order counts what leaves") {
  auto body = machine("body", 4, 10);
  body.after = std::vector<std::uint32_t>{};
  auto lid = machine("lid", 1, 10);
  lid.after = std::vector<std::uint32_t>{};
  auto join = machine("join", 2, 0);
  join.after = std::vector<std::uint32_t>{0, 1};
  join.takes = {1, 2};
  const auto outcome = run(trial_of(line_of({body, lid, join}), one_order(5)));
  CHECK(outcome.end_s == Approx(5 * 4 + 2));
  CHECK(outcome.machines[0].good == 5);
  CHECK(outcome.machines[1].good == 10);
  CHECK(outcome.orders[0].good == 5);
}

TEST_CASE("a component that is scrapped before the assembly is made again") {
  auto body = machine("body", 4, 10);
  body.after = std::vector<std::uint32_t>{};
  body.scrap_share = 0.3;
  auto lid = machine("lid", 1, 10);
  lid.after = std::vector<std::uint32_t>{};
  auto join = machine("join", 2, 0);
  join.after = std::vector<std::uint32_t>{0, 1};
  join.takes = {1, 1};
  const auto outcome = run(trial_of(line_of({body, lid, join}), one_order(50)));
  REQUIRE(outcome.end == Outcome::End::done);
  CHECK(outcome.machines[0].scrap > 0);
  CHECK(outcome.machines[0].good == 50);
  CHECK(outcome.orders[0].good == 50);
}

TEST_CASE("a split gives several parts for one") {
  auto saw = machine("saw", 6, 10);
  saw.gives = 3;
  const auto outcome = run(trial_of(line_of({saw, machine("drill", 1, 0)}), one_order(2)));
  CHECK(outcome.orders[0].good == 6);
  CHECK(outcome.end_s == Approx(12 + 3));
}

TEST_CASE(
    "an oven works a batch in one go, and starts incomplete when nothing more comes in time") {
  auto oven = machine("oven", 60, 0);
  oven.batch = 4;
  oven.batch_wait_s = 30;
  // Parts at 1..6: the batch of four starts at 4. When it ends, at 64, the two that came at 5 and 6
  // have waited long enough.
  CHECK(finish(line_of({machine("feed", 1, 10), oven}), 6) == Approx(64 + 60));
  // At 64 the fifth has waited 59 s.
  oven.batch_wait_s = 80;
  CHECK(finish(line_of({machine("feed", 1, 10), oven}), 6) == Approx(5 + 80 + 60));
  // On a belt they are there 10 s later, and have waited since then.
  auto belt = machine("feed", 1, 10);
  belt.conveyor = {10, 0, true};
  CHECK(finish(line_of({belt, oven}), 6) == Approx(15 + 80 + 60));
}

TEST_CASE("components that are scrapped or late do not let those of the next order in their way") {
  // Four wheels of an order fill the places that there are; two units make them, some for nothing.
  auto body = machine("body", 5, 4);
  body.after = std::vector<std::uint32_t>{};
  auto wheel = machine("wheel", 3, 4);
  wheel.after = std::vector<std::uint32_t>{};
  wheel.cycle = {Distribution::Kind::exponential, 3, 0, 0, 0};
  wheel.scrap_share = 0.2;
  auto join = machine("join", 5, 3);
  join.after = std::vector<std::uint32_t>{0, 1};
  join.takes = {1, 4};
  join.scrap_share = 0.1;  // and so are bodies and wheels of what it is made of
  auto lid = machine("lid", 2, 2);
  lid.after = std::vector<std::uint32_t>{};
  auto close = machine("close", 4, 0);
  close.after = std::vector<std::uint32_t>{3, 4};
  close.takes = {1, 1};
  std::vector<Trial> trials;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    trials.push_back(trial_of(line_of({body, wheel, unit(wheel, 1, {}), join, lid, close}),
                              {{"A", {0}, 30}, {"B", {0}, 30}, {"C", {0}, 30}}));
    trials.back().seed = seed;
  }
  for (const auto& outcome : run(trials)) {
    CHECK(outcome.end == Outcome::End::done);
    for (const auto& order : outcome.orders) CHECK(order.good == 30);
  }
}

TEST_CASE("a component that goes into two assemblies is made for both") {
  // A set of the first has one body and two wheels, one of the second that and two more.
  auto body = machine("body", 5, 4);
  body.after = std::vector<std::uint32_t>{};
  auto wheel = machine("wheel", 1, 8);
  wheel.after = std::vector<std::uint32_t>{};
  auto first = machine("first", 5, 3);
  first.after = std::vector<std::uint32_t>{0, 1};
  first.takes = {1, 2};
  auto second = machine("second", 5, 0);
  second.after = std::vector<std::uint32_t>{2, 1};
  second.takes = {1, 2};
  const auto outcome = run(trial_of(line_of({body, wheel, first, second}), one_order(50)));
  CHECK(outcome.end == Outcome::End::done);
  CHECK(outcome.machines[1].good == 200);
  CHECK(outcome.orders[0].good == 50);
}

TEST_CASE("sources that share no machine share the order all the same") {
  auto left = machine("left", 10, 0);
  left.after = std::vector<std::uint32_t>{};
  auto right = machine("right", 5, 0);
  right.after = std::vector<std::uint32_t>{};
  const auto outcome = run(trial_of(line_of({left, right}), {{"A", {0}, 30}, {"B", {0}, 30}}));
  CHECK(outcome.end == Outcome::End::done);
  CHECK(outcome.machines[0].good == 20);
  CHECK(outcome.machines[1].good == 40);
  for (const auto& order : outcome.orders) CHECK(order.good == 30);
}

TEST_CASE("each unit of a station works what comes back to it") {
  auto weld = machine("weld", 20, 10);
  weld.after = std::vector<std::uint32_t>{};
  auto test = machine("test", 1, 0);
  test.after = std::vector<std::uint32_t>{0};
  test.inspection = {1, 1, 1, 3, 0};  // everything goes back three times
  const auto outcome = run(trial_of(line_of({weld, unit(weld, 0, {}), test}), one_order(10)));
  CHECK(outcome.orders[0].scrap == 10);
  CHECK(outcome.machines[0].good + outcome.machines[1].good == 40);
  CHECK(outcome.end_s < 450);  // 40 welds of 20 s, two at a time
}

TEST_CASE("a conveyor takes its travel time and keeps its spacing") {
  auto feed = machine("feed", 1, 10);
  feed.conveyor = {20, 3, true};
  // Put on at 1, 4, 7; there at 21, 24, 27.
  CHECK(finish(line_of({feed, machine("pack", 1, 0)}), 3) == Approx(28));
}

TEST_CASE("a belt that does not accumulate stands while its first part waits") {
  auto feed = machine("feed", 1, 10);
  feed.conveyor = {20, 10, false};
  // On at 1 and 11. There at 21, taken at once; the second needs 20 s of moving belt.
  auto slow = machine("pack", 40, 0);
  CHECK(finish(line_of({feed, slow}), 2) == Approx(21 + 40 + 40));
  feed.conveyor = {20, 1, false};
  // On at 1, 2, 3: there at 21, 22 (waits, the belt stands until 61), 62 (waits until 101).
  CHECK(finish(line_of({feed, slow}), 3) == Approx(21 + 3 * 40));
}

TEST_CASE("one transporter serves two machines one after the other") {
  auto left = machine("left", 10, 5);
  left.after = std::vector<std::uint32_t>{};
  left.transporter = 0;
  left.carry_s = 8;
  auto right = unit(left, 0, {});
  auto pack = machine("pack", 1, 0);
  pack.after = std::vector<std::uint32_t>{0};
  auto line = line_of({left, right, pack});
  line.transporters = {{"truck", 1}};
  // Both done at 10; the first is there at 18, the truck is back at 26, the second there at 34.
  CHECK(finish(line, 2) == Approx(35));
  line.transporters = {{"truck", 2}};
  CHECK(finish(line, 2) == Approx(20));
}

TEST_CASE("work stops at the end of the shift, to the second, and goes on at the next") {
  auto line = line_of({machine("m", 3600, 0)});
  Calendar calendar;
  calendar.name = "early";
  calendar.period_s = 86'400;
  calendar.start_s = 6 * 3600;  // line time 0 is 06:00
  calendar.open = {{6 * 3600.0, 10 * 3600.0}, {10.25 * 3600, 14 * 3600.0}};
  line.calendars = {calendar};
  line.calendar = 0;
  // Ten hours of work: 7.75 h on the first day, 2.25 h from 06:00 of the second.
  const auto outcome = run(trial_of(line, one_order(10)));
  CHECK(outcome.end_s == Approx(86'400 + 2.25 * 3600));
  CHECK(outcome.machines[0].off_shift_s == Approx(0.25 * 3600 + 16 * 3600));
  CHECK(outcome.machines[0].state_s[static_cast<std::size_t>(PackmlState::execute)] ==
        Approx(36'000));
  CHECK(outcome.machines[0].service_s == 0);
}

TEST_CASE("a repair waits for a crew that has the skill and is at work") {
  auto line = line_of({machine("m", 100, 0)});
  Calendar day;
  day.period_s = 86'400;
  day.open = {{1000, 50'000}};
  line.calendars = {day};
  line.crew_groups = {{"fitters", 3, {"mechanical"}, {}}, {"electricians", 1, {"electrical"}, 0}};
  FaultMode mode;
  mode.kind = FaultKind::motor_trip;
  mode.onset = Distribution::constant(1e9);
  mode.repair = Distribution::constant(60);
  mode.skill = "electrical";
  line.machines[0].faults = {mode};
  auto trial = trial_of(line, one_order(1));
  trial.faults = {{"trip", {0}, FaultKind::motor_trip, 40, 0, 0}};
  const auto outcome = run(trial);
  CHECK(outcome.faults.at(0).restored_s == Approx(1060));
  CHECK(outcome.end_s == Approx(1060 + 60));
}

TEST_CASE("a repair without its spare part waits for the delivery") {
  auto line = line_of({machine("m", 1000, 0)});
  line.spares = {{"bearing", 1, 0, 1, Distribution::constant(5000)}};
  FaultMode mode;
  mode.kind = FaultKind::motor_trip;
  mode.onset = Distribution::constant(400);
  mode.repair = Distribution::constant(10);
  mode.spare = 0;
  line.machines[0].faults = {mode};
  auto trial = trial_of(line, one_order(1));
  trial.random_faults = true;
  // Trips after 400 s and 800 s of work. The piece goes at 400, the next comes at 5400.
  const auto outcome = run(trial);
  CHECK(outcome.end_s == Approx(5400 + 10 + 200));
}

TEST_CASE("as many spare parts are ordered as repairs wait for") {
  std::vector<Machine> machines;
  for (const char* name : {"a", "b", "c"}) {
    machines.push_back(machine(name, 500, 0));
    machines.back().after = std::vector<std::uint32_t>{};
    machines.back().faults = {
        {FaultKind::motor_trip, Distribution::constant(400), {}, Distribution::constant(10)}};
    machines.back().faults.front().spare = 0;
  }
  auto line = line_of(machines, 3);
  line.spares = {{"bearing", 1, 0, 1, Distribution::constant(5000)}};
  auto trial = trial_of(line, one_order(3));
  trial.random_faults = true;
  // All trip at 400. One has the piece, two are ordered besides that, and come together.
  CHECK(run(trial).end_s == Approx(5400 + 10 + 100));
}

TEST_CASE("machines are serviced by the calendar, by age and by condition") {
  auto m = machine("m", 100, 0);
  m.service = Distribution::constant(50);
  m.maintenance = {{Maintenance::Rule::calendar, 1000, {}, 0}};
  CHECK(run(trial_of(line_of({m}), one_order(30))).machines[0].services == 3);
  m.maintenance = {{Maintenance::Rule::age, 1000, {}, 0}};
  CHECK(run(trial_of(line_of({m}), one_order(30))).machines[0].services == 2);
  m.maintenance = {{Maintenance::Rule::condition, 500, FaultKind::gear_wear, 0.5}};
  auto trial = trial_of(line_of({m}), one_order(30));
  trial.faults = {{"wear", {0}, FaultKind::gear_wear, 100, 1400, 10}};
  const auto outcome = run(trial);
  CHECK(outcome.machines[0].services == 1);
  CHECK(outcome.machines[0].breakdowns == 0);
  CHECK(outcome.faults.at(0).restored_s == Approx(1050));  // damage 0.29 at 500, 0.64 at 1000
}

TEST_CASE("an inspection finds defects, sends some back and loses no part") {
  auto press = machine("press", 1, 10);
  press.defect_share = 0.3;
  auto check = machine("check", 1, 0);
  check.inspection = {1.0, 0.0, 0.5, 1, 0U};
  const auto outcome = run(trial_of(line_of({press, check}), one_order(2000)));
  REQUIRE(outcome.end == Outcome::End::done);
  CHECK(outcome.machines[1].reworked == Approx(300).margin(60));
  CHECK(outcome.orders[0].good + outcome.orders[0].scrap == 2000);
  CHECK(outcome.orders[0].scrap == outcome.machines[1].scrap);
  CHECK(outcome.machines[0].good == 2000 + outcome.machines[1].reworked);
}

TEST_CASE("energy is power times the time in each state") {
  auto m = machine("m", 10, 0);
  m.power = {36, 3.6, 0, 0, 0};
  const auto outcome = run(trial_of(line_of({m}), {{"A", {0}, 10, 900.0}}));
  CHECK(outcome.machines[0].energy_kwh == Approx(36 * 100 / 3600.0 + 3.6 * 900 / 3600.0));
}

TEST_CASE("lead time and work in process obey Little's law") {
  const auto outcome = run(trial_of(
      line_of({machine("a", 3, 5), machine("b", 4, 2), machine("c", 2, 0)}), one_order(500)));
  CHECK(outcome.left == 500);
  CHECK(outcome.work_in_process_s == Approx(outcome.lead_time_s));
}

TEST_CASE(
    "a time-dependent failure comes while the machine stands, an operation-dependent one not") {
  auto m = machine("m", 10, 0);
  FaultMode mode;
  mode.kind = FaultKind::controller_fault;
  mode.onset = Distribution::constant(500);
  mode.repair = Distribution::constant(100);
  m.faults = {mode};
  auto trial = trial_of(line_of({m}), {{"late", {0}, 10, 900.0}});
  trial.random_faults = true;
  CHECK(run(trial).machines[0].breakdowns == 0);
  m.faults[0].clock = FaultMode::Clock::calendar;
  trial.line = std::make_shared<Line>(line_of({m}));
  const auto outcome = run(trial);
  CHECK(outcome.machines[0].breakdowns == 1);
  CHECK(outcome.faults.at(0).failed_s == Approx(500));
}

TEST_CASE("load, heat and another fault's damage make a fault come sooner") {
  auto m = machine("m", 1, 0);
  FaultMode mode;
  mode.kind = FaultKind::bearing_wear;
  mode.onset = Distribution::constant(1000);
  mode.progress = Distribution::constant(1000);
  mode.repair = Distribution::constant(10);
  m.faults = {mode};
  auto fails_at = [&](const Line& line, std::vector<ScriptedFault> scripted = {}) {
    auto trial = trial_of(line, one_order(2500));
    trial.random_faults = true;
    trial.faults = std::move(scripted);
    const auto outcome = run(trial);
    for (const auto& fault : outcome.faults)
      if (fault.kind == FaultKind::bearing_wear) return fault.failed_s;
    return -1.0;
  };
  CHECK(fails_at(line_of({m})) == Approx(2000));
  m.product_load = {2};
  m.faults[0].load_exponent = 3;  // the cubic law of rolling bearings: 8 times as fast
  CHECK(fails_at(line_of({m})) == Approx(250));
  m.faults[0].load_exponent = 0;
  m.faults[0].doubling_k = 10;
  auto hot = line_of({m});
  hot.ambient_degc = 45;
  CHECK(fails_at(hot) == Approx(500));
  m.faults[0].doubling_k = 0;
  FaultMode dry;
  dry.kind = FaultKind::lubrication_loss;
  dry.onset = Distribution::constant(1e9);
  dry.progress = Distribution::constant(1);
  dry.repair = Distribution::constant(10);
  dry.accelerates = {{FaultKind::bearing_wear, 3}};
  m.faults.push_back(dry);
  // Damage of the lubrication grows from 0 at 0 s to 1 at 4000 s: the bearing's clock shows
  // t + t^2 / 4000 at t, and 2000 at 1464.
  const double failed =
      fails_at(line_of({m}), {{"dry", {0}, FaultKind::lubrication_loss, 0, 4000, 10}});
  CHECK(failed == Approx(1464).margin(2));
}

TEST_CASE("every physical kind stops its machine, and those with warning show it first") {
  for (const auto kind : all_fault_kinds) {
    INFO(name_of(kind));
    auto m = machine("m", 10, 0);
    for (std::uint32_t k = 0; k < signal_kind_count; ++k)
      m.signals.push_back(
          {"s" + std::to_string(k), static_cast<SignalKind>(k), "u", 10, 1, 0.01, 0, 0, 100, 0, 0});
    auto healthy = trial_of(line_of({m}), one_order(400), 4000);
    healthy.want_trace = true;
    auto trial = healthy;
    trial.faults = {{"f", {0}, kind, 500, gives_warning(kind) ? 2000.0 : 0.0, 300}};
    const auto outcomes = run(std::vector<Trial>{healthy, trial});
    CHECK(outcomes[1].machines[0].breakdowns == 1);
    double apart = 0;
    for (std::size_t f = 0; f < outcomes[0].trace.frames.size(); ++f) {
      const auto& frame = outcomes[0].trace.frames[f];
      if (frame.at_s < 2300 || frame.at_s > 2480 || !gives_warning(kind)) continue;
      for (std::size_t s = 0; s < m.signals.size(); ++s)
        apart = std::max(apart, std::abs(static_cast<double>(
                                    frame.machines[0].signals[s].value -
                                    outcomes[1].trace.frames[f].machines[0].signals[s].value)));
    }
    CHECK((apart > 0.3) == gives_warning(kind));
  }
}
