// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/planner.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "sim/select/scenario_set.hpp"
#include "sim/verdict/verdict.hpp"
#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using line::FaultKind;

namespace {

plan::Plan planned(const plan::Request& request, const plan::Progress& progress = {}) {
  worker::Options options;
  options.executable = tests::simulator();
  options.children = 2;
  auto client = worker::Client::start(options);
  if (!client) FAIL(client.error().text());
  auto plan = plan::make_plan(request, *client, progress);
  if (!plan) FAIL(plan.error().text());
  return std::move(*plan);
}

/// The line 500 s into these orders, in the order of the book.
void begin_with(plan::Request& request, std::vector<line::Order> orders) {
  request.orders = std::make_shared<std::vector<line::Order>>(std::move(orders));
  auto trial = tests::trial_of(*request.line, *request.orders);
  trial.want_state_at_s = 500;
  request.now = tests::run(trial).state.value();
  request.active = trial.schedule;
}

}  // namespace

TEST_CASE("an interval is Student's") {
  const auto five = plan::estimate_of({1, 2, 3, 4, 5});
  CHECK(five.mean == 3);
  CHECK(five.high - five.mean == Approx(2.776 * 0.7071).epsilon(0.01));
  CHECK(five.mean - five.low == Approx(five.high - five.mean));
  const auto same = plan::estimate_of(std::vector<double>(10, 7.0));
  CHECK(same.low == 7);
  CHECK(same.high == 7);
  CHECK(plan::estimate_of({4}).low == 4);
  CHECK(plan::estimate_of({}).mean == 0);
}

TEST_CASE("a fault that is as good as certain is served before it comes, with proof") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 1.0F)};
  std::size_t calls = 0;
  std::size_t all = 0;
  const auto plan = planned(request, [&](std::size_t done, std::size_t of) {
    CHECK(done == ++calls);
    all = of;
  });
  CHECK(calls == all);
  const auto& winner = plan.evaluated[plan.winner].candidate;
  INFO(winner.name);
  REQUIRE_FALSE(winner.schedule.services.empty());
  CHECK(winner.schedule.services.front().machine.index == 0);
  const auto& proof = plan.proof;
  REQUIRE(proof.gain.size() == request.gate_seeds);
  CHECK(proof.invalid_trials == 0);
  CHECK(proof.mean_gain.mean > 0);
  CHECK(proof.gain_lower_95 < proof.mean_gain.mean);
  CHECK(proof.gain_lower_95 > proof.mean_gain.low);
  CHECK(proof.probability_better > 0.5);
  const auto kept = std::count_if(proof.keep.begin(), proof.keep.end(),
                                  [](const auto& m) { return m.breakdowns > 0; });
  CHECK(kept >= 8);
  CHECK_FALSE(plan.keep_example.gantt.empty());
  CHECK_FALSE(plan.winner_example.gantt.empty());
  for (std::size_t i = 1; i < plan.evaluated.size(); ++i)
    if (plan.evaluated[i - 1].simulated == plan.evaluated[i].simulated)
      CHECK(plan.evaluated[i - 1].mean_cost.mean <= plan.evaluated[i].mean_cost.mean);
}

TEST_CASE("of many schedules the simulator gets the best eight, and the running one") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.6F),
                     tests::hazard(1, FaultKind::bearing_wear, 0.4F)};
  const auto plan = planned(request);
  const auto simulated = std::count_if(plan.evaluated.begin(), plan.evaluated.end(),
                                       [](const auto& one) { return one.simulated; });
  CHECK(simulated == 8);
  REQUIRE(plan.evaluated.size() > 12);
  CHECK(plan.winner < 8);
  std::size_t kept = 0;
  for (const auto& one : plan.evaluated) {
    if (one.candidate.name == "keep") kept += one.simulated ? 1 : 10;
    CHECK(one.cost.size() == one.selection.size());
    CHECK((one.simulated || one.mean_cost.mean >= 0));
  }
  CHECK(kept == 1);
  for (const auto seed : plan.proof.seeds) CHECK(select::set_of(seed) == select::ScenarioSet::gate);
}

TEST_CASE("nothing is simulated where the recursion is sure that nothing is worth a proof") {
  auto request = tests::request();
  request.selection_seeds = 10;
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.5F)};
  begin_with(request, {{"A", {0}, 100, 0, 3600, 1}, {"B", {0}, 100, 0, 7200, 1}});
  request.objective.service_s = 1000;  // a service is never worth it
  const auto all = planned(request);
  request.least_gain_share = 0.005;
  const auto plan = planned(request);
  const auto simulated = [](const plan::Plan& one) {
    return std::count_if(one.evaluated.begin(), one.evaluated.end(),
                         [](const auto& e) { return e.simulated; });
  };
  CHECK(simulated(all) > 1);
  CHECK(simulated(plan) == 1);
  CHECK(plan.evaluated.size() == all.evaluated.size());
  CHECK(plan.evaluated[plan.winner].candidate.name == "keep");
  // Where something is to be gained, the same rule leaves it to the proof.
  request.objective.service_s = 0.2;
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 1.0F)};
  const auto other = planned(request);
  CHECK(simulated(other) > 1);
  CHECK(other.evaluated[other.winner].candidate.name != "keep");
  CHECK(other.proof.gain.size() == request.gate_seeds);
}

TEST_CASE("what the gate is sure to refuse does not win where another gains enough") {
  auto request = tests::request();
  request.selection_seeds = 10;
  request.least_gain_share = 0.005;
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.6F),
                     tests::hazard(1, FaultKind::bearing_wear, 0.42F)};
  const auto best = planned(request);
  const auto& name = best.evaluated[best.winner].candidate.name;
  const double worst = plan::worst_of(best.proof.corners)->gain_share;
  REQUIRE(worst > 0);

  request.bar.emplace();
  request.bar->worst_corner = worst + 0.05;
  const auto sound = planned(request);
  const auto& winner = sound.evaluated[sound.winner];
  CHECK(winner.candidate.name != name);
  CHECK(winner.candidate.name != "keep");
  CHECK(winner.short_of.empty());
  CHECK(plan::holds(sound.proof.corners, *request.bar));
  const auto former = std::find_if(sound.evaluated.begin(), sound.evaluated.end(),
                                   [&](const auto& one) { return one.candidate.name == name; });
  REQUIRE(former != sound.evaluated.end());
  CHECK(former->short_of.find("gains too little where") == 0);

  // Where none is sound, people see the best one and what the gate says of it.
  request.bar->worst_corner = 2;
  const auto none = planned(request);
  CHECK(none.evaluated[none.winner].candidate.name == name);
  CHECK(none.evaluated[none.winner].short_of.empty());
}

TEST_CASE("an order that the horizon cannot hold is not put off for the sake of one that it can") {
  auto request = tests::request();
  request.horizon_s = 3600;
  request.objective.makespan_s = 0;
  // B is late whatever happens, and weighs as much as ten; C could be in time before it.
  begin_with(
      request,
      {{"A", {0}, 100, 0, 3600, 1}, {"B", {0}, 700, 0, 1800, 10}, {"C", {0}, 100, 0, 2600, 1}});
  const auto plan = planned(request);
  CHECK(plan.evaluated[plan.winner].candidate.schedule.sequence == request.active.sequence);
  for (const auto& one : plan.evaluated) {
    const auto& sequence = one.candidate.schedule.sequence;
    if (sequence[1].index == 1 || !one.simulated) continue;
    INFO(one.candidate.name);
    CHECK(one.mean_cost.mean > plan.evaluated[plan.winner].mean_cost.mean + 1500);
  }
  REQUIRE(plan.evaluated.size() > 1);
}

TEST_CASE("the best schedule is the one that is best by what counts") {
  auto request = tests::request();
  const auto winner = [&] {
    const auto plan = planned(request);
    std::string sequence;
    for (const auto id : plan.evaluated[plan.winner].candidate.schedule.sequence)
      sequence += (*request.orders)[id.index].id;
    return sequence;
  };
  // Products a, c, b, c: the changeovers of A C B D or A C D B are the shortest.
  request.objective = line::free_of_cost();
  request.objective.changeover_s = 1;
  const auto short_ones = winner();
  CHECK((short_ones == "ACBD" || short_ones == "ACDB"));
  // B is due last, but worth ten of the others.
  request.objective = line::free_of_cost();
  request.objective.tardiness_s = 1;
  auto orders = *request.orders;
  orders[1].due_s = 2200;
  orders[1].weight = 10;
  request.orders = std::make_shared<std::vector<line::Order>>(orders);
  CHECK(winner().substr(0, 2) == "AB");
  // Where moving costs more than it can bring, all stay.
  request.active.sequence = {{0}, {2}, {3}, {1}};
  CHECK(winner().substr(0, 2) == "AB");
  request.objective.moved_order = 1e6;
  CHECK(winner() == "ACDB");
}

TEST_CASE("with a price for energy the simulator decides, which knows it") {
  auto request = tests::request();
  auto line = *request.line;
  line.machines[0].power.setup_kw = 100;
  line.machines[1].power.setup_kw = 100;
  request.line = std::make_shared<line::Line>(line);
  request.objective = line::free_of_cost();
  request.objective.energy_kwh = 0.3;
  CHECK_FALSE(plan::recursion_tells(request));
  const auto plan = planned(request);
  const auto& sequence = plan.evaluated[plan.winner].candidate.schedule.sequence;
  CHECK(sequence[1].index == 2);  // a, b, c, c instead of a, c, b, c
  CHECK(plan.proof.mean_gain.mean > 0);
  CHECK_FALSE(plan.proof.compared.sharpened);
  for (const auto& one : plan.evaluated) CHECK(one.simulated);
}

TEST_CASE("no schedule that is tried puts an order before one that it waits for") {
  auto request = tests::request();
  auto orders = *request.orders;
  orders[2].after = {{1}};  // C, which is due before B, waits for it
  orders[3].after = {{2}};
  request.orders = std::make_shared<std::vector<line::Order>>(orders);
  const auto all = plan::candidates(request);
  for (const auto& one : all) {
    INFO(one.name);
    CHECK(line::complaints_about(one.schedule, *request.line, orders, request.active, 1).empty());
  }
  for (const auto& one : plan::searched(request, all, 6)) {
    INFO(one.name);
    CHECK(one.schedule.sequence == request.active.sequence);
  }
  const auto plan = planned(request);
  CHECK(plan.proof.broken.empty());
  CHECK(plan.proof.invalid_trials == 0);
}

TEST_CASE("without a hazard and with nothing to gain by another order, keeping wins") {
  auto request = tests::request();
  begin_with(request, {{"A", {0}, 100, 0, 3600, 1}, {"B", {0}, 100, 0, 7200, 1}});
  const auto plan = planned(request);
  CHECK(plan.evaluated[plan.winner].candidate.name == "keep");
  CHECK(plan.proof.gain.empty());
}

TEST_CASE("a plan is a function of its request, and is proved on futures it was not chosen by") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.6F)};
  const auto one = planned(request);
  const auto two = planned(request);
  CHECK(one.proof.gain == two.proof.gain);
  CHECK(one.proof.seeds == two.proof.seeds);
  CHECK(one.evaluated[one.winner].candidate.name == two.evaluated[two.winner].candidate.name);
  for (std::size_t i = 0; i < one.evaluated.size(); ++i)
    CHECK(one.evaluated[i].cost == two.evaluated[i].cost);
  request.seed = 2;
  const auto other = planned(request);
  const std::set<std::uint64_t> first(one.proof.seeds.begin(), one.proof.seeds.end());
  CHECK(first.size() == request.gate_seeds);
  for (const auto seed : other.proof.seeds) CHECK(first.count(seed) == 0);
}
