// SPDX-License-Identifier: Apache-2.0
// Breakdowns, repairs, services and crews.
#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using namespace foreline::tests;

namespace {

FaultMode mode(FaultKind kind, double onset_s, double progress_s, double repair_s) {
  return {kind, Distribution::constant(onset_s), Distribution::constant(progress_s),
          Distribution::constant(repair_s)};
}

ScriptedFault scripted(FaultKind kind, double at_s, double after_s, double repair_s,
                       std::uint32_t machine = 0) {
  return {"f", {machine}, kind, at_s, after_s, repair_s};
}

}  // namespace

TEST_CASE("a breakdown stops the part in work and its clock, and the part goes on after repair") {
  auto trial = trial_of(line_of({machine("m", 10, 0)}), one_order(3));
  trial.faults = {scripted(FaultKind::bearing_wear, 2, 10, 100)};
  trial.want_gantt = true;
  const auto outcome = run(trial);
  REQUIRE(outcome.faults.size() == 1);
  CHECK(outcome.faults[0].onset_s == Approx(2));
  CHECK(outcome.faults[0].failed_s == Approx(12));
  CHECK(outcome.faults[0].restored_s == Approx(112));
  CHECK_FALSE(outcome.faults[0].prevented);
  CHECK(outcome.end_s == Approx(130));
  CHECK(outcome.machines[0].down_s == Approx(100));
  CHECK(outcome.machines[0].breakdowns == 1);
  bool repair_shown = false;
  for (const auto& bar : outcome.gantt)
    repair_shown |= bar.what == Occupation::What::repair && bar.from_s == Approx(12);
  CHECK(repair_shown);
}

TEST_CASE("faults age by operating time, not by the clock") {
  auto line = line_of({machine("m", 10, 0)});
  line.machines[0].faults = {mode(FaultKind::bearing_wear, 30, 20, 60)};
  auto trial = trial_of(line, {{"A", {0}, 3}, {"B", {0}, 4, 1000.0}});
  trial.random_faults = true;
  const auto outcome = run(trial);
  // 30 s operating until 30; idle until 1000; onset at 30 operating, failure at 50 = clock 1020.
  REQUIRE(outcome.faults.size() == 1);
  CHECK(outcome.faults[0].failed_s == Approx(1020));
}

TEST_CASE("a service before the failure prevents it and renews the wear") {
  auto line = line_of({machine("m", 10, 0)});
  line.machines[0].faults = {mode(FaultKind::bearing_wear, 100, 200, 1000)};
  auto trial = trial_of(line, one_order(50));
  trial.random_faults = true;
  const auto without = run(trial);
  CHECK(without.machines[0].breakdowns == 1);
  trial.schedule.services = {{{0}, Service::When::at_time, 250, {}}};
  const auto with = run(trial);
  CHECK(with.machines[0].breakdowns == 0);
  CHECK(with.machines[0].services == 1);
  CHECK(with.machines[0].service_s == Approx(300));
  REQUIRE_FALSE(with.faults.empty());
  CHECK(with.faults[0].prevented);
  CHECK(with.faults[0].failed_s == -1);
  CHECK(with.faults[0].restored_s == Approx(550));
}

TEST_CASE("a service waits for the part in work") {
  auto trial = trial_of(line_of({machine("m", 100, 0)}), one_order(2));
  trial.schedule.services = {{{0}, Service::When::at_time, 50, {}}};
  trial.want_gantt = true;
  const auto outcome = run(trial);
  double from = -1;
  for (const auto& bar : outcome.gantt)
    if (bar.what == Occupation::What::service) from = bar.from_s;
  CHECK(from == Approx(100));
  CHECK(outcome.end_s == Approx(500));
}

TEST_CASE("a service before an order is done when the machine turns to it") {
  auto trial =
      trial_of(line_of({machine("a", 10, 5), machine("b", 10, 0)}), {{"A", {0}, 5}, {"B", {0}, 5}});
  trial.schedule.services = {{{1}, Service::When::before_order, 0, {1}}};
  trial.want_gantt = true;
  const auto outcome = run(trial);
  double from = -1;
  for (const auto& bar : outcome.gantt)
    if (bar.what == Occupation::What::service) from = bar.from_s;
  // b ends order A at 60; the first part of B is there at the same moment.
  CHECK(from == Approx(60));
  CHECK(outcome.machines[1].services == 1);
  CHECK(outcome.end_s == Approx(60 + 300 + 50));
}

TEST_CASE("a service of a starved machine begins on time") {
  auto trial = trial_of(line_of({machine("a", 1000, 1), machine("b", 10, 0)}), one_order(2));
  trial.schedule.services = {{{1}, Service::When::at_time, 200, {}}};
  const auto outcome = run(trial);
  CHECK(outcome.machines[1].service_s == Approx(300));
  CHECK(outcome.end_s == Approx(2010));
}

TEST_CASE("crews are shared: the second broken machine waits") {
  for (const std::uint32_t crews : {1U, 2U}) {
    auto trial =
        trial_of(line_of({machine("a", 10, 50), machine("b", 10, 0)}, crews), one_order(40));
    trial.faults = {scripted(FaultKind::motor_trip, 101, 0, 200, 0),
                    scripted(FaultKind::motor_trip, 103, 0, 100, 1)};
    const auto outcome = run(trial);
    CHECK(outcome.machines[0].down_s == Approx(200));
    CHECK(outcome.machines[1].down_s == Approx(crews == 1 ? 198 + 100 : 100));
  }
}

TEST_CASE("a scripted fault without warning stops the machine at once") {
  auto trial = trial_of(line_of({machine("m", 10, 0)}), one_order(10));
  trial.faults = {scripted(FaultKind::motor_trip, 33, 500, 60)};
  const auto outcome = run(trial);
  REQUIRE(outcome.faults.size() == 1);
  CHECK(outcome.faults[0].onset_s == Approx(33));
  CHECK(outcome.faults[0].failed_s == Approx(33));
  CHECK(outcome.end_s == Approx(160));
}

TEST_CASE("two faults on one machine are both repaired") {
  auto trial = trial_of(line_of({machine("m", 10, 0)}), one_order(100));
  trial.faults = {scripted(FaultKind::bearing_wear, 50, 100, 60),
                  scripted(FaultKind::jam, 55, 95, 40), scripted(FaultKind::tool_wear, 70, 80, 20)};
  const auto outcome = run(trial);
  CHECK(outcome.machines[0].breakdowns == 3);
  // Tool wear slows its part, so the end is a little later than 1000 + 120.
  CHECK(outcome.machines[0].down_s == Approx(120));
  for (const auto& fault : outcome.faults) CHECK(fault.restored_s > 0);
}

TEST_CASE("tool wear slows the machine and adds scrap before it stops it") {
  auto healthy = trial_of(line_of({machine("m", 10, 0)}), one_order(800));
  auto worn = healthy;
  worn.faults = {scripted(FaultKind::tool_wear, 0, 20'000, 60)};
  const auto outcomes = run({healthy, worn});
  CHECK(outcomes[0].end_s == Approx(8000));
  CHECK(outcomes[1].machines[0].breakdowns == 0);
  CHECK(outcomes[1].end_s > 8050);
  CHECK(outcomes[1].machines[0].scrap > 0);
}

TEST_CASE("a used line fails sooner than a new one") {
  auto line = line_of({machine("m", 10, 0)});
  line.machines[0].faults = {mode(FaultKind::bearing_wear, 1000, 500, 60)};
  auto trial = trial_of(line, one_order(200));
  trial.random_faults = true;
  const auto fresh = run(trial);
  trial.wear_share = 0.8;
  const auto used = run(trial);
  REQUIRE_FALSE(fresh.faults.empty());
  REQUIRE_FALSE(used.faults.empty());
  CHECK(fresh.faults[0].failed_s == Approx(1500));
  CHECK(used.faults[0].failed_s == Approx(700));
}

TEST_CASE("clearing a jam does not make the bearing new") {
  auto line = line_of({machine("m", 10, 0)});
  line.machines[0].faults = {mode(FaultKind::bearing_wear, 1000, 500, 60),
                             mode(FaultKind::jam, 300, 30, 20)};
  auto trial = trial_of(line, one_order(160));
  trial.random_faults = true;
  trial.want_state_at_s = 1450;
  const auto outcome = run(trial);
  bool bearing = false;
  for (const auto& fault : outcome.faults)
    bearing |= fault.kind == FaultKind::bearing_wear && fault.failed_s > 1500;
  CHECK(bearing);
  REQUIRE(outcome.state);
  CHECK(outcome.state->machines[0].renewals == 0);
}
