// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/react.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>

#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using line::FaultKind;

namespace {

/// C is due before B, which runs ahead of it, is over.
plan::Request hurried() {
  auto request = tests::request();
  auto orders = *request.orders;
  orders[2].due_s = 3600;
  orders[3].due_s = 3.9 * 3600;
  request.orders = std::make_shared<const std::vector<line::Order>>(orders);
  return request;
}

std::string sequence_of(const line::Schedule& schedule) {
  std::string ids;
  for (const auto order : schedule.sequence) ids += "ABCD"[order.index];
  return ids;
}

}  // namespace

TEST_CASE("on a line without chance the projection is what the simulation finds") {
  const auto request = tests::request();
  line::Trial trial;
  trial.line = request.line;
  trial.orders = request.orders;
  trial.schedule = request.active;
  trial.from = request.now;
  trial.random_faults = false;
  trial.horizon_s = 1e6;
  const auto outcome = tests::run(trial);
  const auto projection = plan::projected(request, request.active);
  for (std::size_t o = 0; o < 4; ++o) {
    INFO("order " << o);
    // A part under way counts whole, and a changeover's start depends on the part before.
    CHECK(projection.finished_s[o] == Approx(outcome.orders[o].finished_s).margin(60));
  }
  CHECK(projection.started_s[3] == Approx(outcome.orders[3].started_s).margin(60));
}

TEST_CASE("an open repair delays the projection by what is left of it") {
  auto request = tests::request();
  const auto before = plan::projected(request, request.active);
  request.now.machines[0].down_remaining_s = 1800;
  const auto after = plan::projected(request, request.active);
  for (std::size_t o = 0; o < 4; ++o)
    CHECK(after.finished_s[o] - before.finished_s[o] == Approx(1800).margin(60));
}

TEST_CASE("the fence holds what has started and what starts soon") {
  const auto request = tests::request();
  CHECK(plan::fence_of(request, 0) == 1);
  const auto projection = plan::projected(request, request.active);
  CHECK(plan::fence_of(request, projection.started_s[1] - request.now.at_s + 1) == 2);
  CHECK(plan::fence_of(request, 1e9) == 4);
}

TEST_CASE("an order that will be late comes forward, the others keep their sequence") {
  auto request = hurried();
  REQUIRE(plan::affected_orders(request) == std::vector<line::OrderId>{{2}});
  const auto moved = plan::affected_operations(request);
  REQUIRE(moved);
  CHECK(sequence_of(moved->schedule) == "ACBD");
  CHECK(moved->why.find("C would be late") == 0);
  request.fence = 2;
  CHECK_FALSE(plan::affected_operations(request));
  request.fence = 0;
  request.largest_moved_share = 0.3;
  CHECK_FALSE(plan::affected_operations(request));
  CHECK_FALSE(plan::affected_operations(tests::request()));
}

TEST_CASE("a policy lets a plan do what it says and no more") {
  auto request = hurried();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.8F)};
  const auto sequences = [&] {
    std::vector<std::string> all;
    auto listed = plan::candidates(request);
    for (auto& found : plan::searched(request, listed, 6)) listed.push_back(std::move(found));
    for (const auto& one : listed) all.push_back(sequence_of(one.schedule));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  };
  request.policy = plan::Policy::right_shift;
  CHECK(sequences() == std::vector<std::string>{"ABCD"});
  request.policy = plan::Policy::affected;
  for (auto sequence : sequences()) {
    sequence.erase(sequence.find('C'), 1);
    CHECK(sequence == "ABD");
  }
  CHECK(sequences().size() > 1);
  request.policy = plan::Policy::full;
  const auto all = sequences();
  CHECK(std::find(all.begin(), all.end(), "ACDB") != all.end());
  request.fence = 3;
  CHECK(sequences() == std::vector<std::string>{"ABCD"});
}

TEST_CASE("what lies beyond the horizon for every schedule is no part of a cost") {
  auto request = tests::request();
  request.horizon_s = 1e6;
  CHECK(plan::makespan_from(request) == request.now.at_s);
  const auto finished_s = plan::projected(request, request.active).finished_s;
  const double last_s = *std::max_element(finished_s.begin(), finished_s.end());
  request.horizon_s = last_s - request.now.at_s - 700;
  CHECK(plan::makespan_from(request) == Approx(request.now.at_s + 700));
  request.objective = line::free_of_cost();
  request.objective.makespan_s = 1;
  request.makespan_from_s = plan::makespan_from(request);
  line::Measures measures;
  measures.ahead_makespan_s = last_s;
  CHECK(plan::cost_of(request, measures, 0) == Approx(request.horizon_s));
}

TEST_CASE("a service is worth an alarm above its cost over what it prevents") {
  auto machine = tests::request().line->machines[0];
  machine.service = line::Distribution::constant(1200);
  // 0.2 * 1200 s of service against 1 * 3600 s of repair.
  line::Objective objective;
  const auto threshold = [&] {
    return plan::cost_loss_threshold(machine, machine.faults[0].kind, objective);
  };
  CHECK(threshold() == Approx(240.0 / 3600));
  objective.service = 120;
  CHECK(threshold() == Approx(360.0 / 3600));
  objective.breakdown = 3600;
  CHECK(threshold() == Approx(360.0 / 7200));
  objective.service_s = 10;
  CHECK(threshold() == 1);
  CHECK(plan::cost_loss_threshold(machine, FaultKind::jam, objective) == 1);
  // Where a stop has no price, a service is worth it above the time that it takes over a repair's.
  objective.breakdown = objective.downtime_s = 0;
  CHECK(threshold() == Approx(1200.0 / 3600));
}

TEST_CASE("a long stop is one reason, and the next stop another") {
  const auto request = tests::request();
  plan::Reacting reacting;
  auto now = request.now;
  const auto reasons = [&](double at_s, const std::vector<plan::Stop>& open) {
    now.at_s = at_s;
    return reacting.step(*request.line, *request.orders, now, open);
  };
  CHECK(reasons(1000, {}).empty());
  CHECK(reasons(1100, {{{1}, 1000, 0}}).empty());
  REQUIRE(reasons(1300, {{{1}, 1000, 0}}) ==
          std::vector<std::string>{"second has been down for 5 min"});
  CHECK(reasons(1400, {{{1}, 1000, 0}}).empty());
  CHECK(reasons(1500, {}).empty());
  CHECK(reasons(2000, {{{1}, 1600, 0}}).size() == 1);
}

TEST_CASE("an order that leaves its band is a reason once, early or late") {
  const auto request = tests::request();
  auto now = request.now;
  plan::Reacting reacting;
  reacting.expect({{{0}, 900, 1100}, {{1}, 3000, 4000}});
  const auto step = [&] { return reacting.step(*request.line, *request.orders, now, {}); };
  now.at_s = 1099;
  CHECK(step().empty());
  now.at_s = 1101;
  REQUIRE(step().size() == 1);
  CHECK(step().empty());
  now.at_s = 2500;
  now.machines[1].progress[1].good = 100;
  const auto early = step();
  REQUIRE(early.size() == 1);
  CHECK(early[0].find("order B was over after 42 min") == 0);
  CHECK(step().empty());
}

TEST_CASE("the band of an order holds nine of ten simulated ends") {
  const auto request = tests::request();
  std::vector<line::Outcome> futures(101);
  for (std::size_t i = 0; i < futures.size(); ++i) {
    futures[i].orders.resize(4);
    futures[i].orders[0].finished_s = 1000 + static_cast<double>(i);
    futures[i].orders[1].finished_s = i < 90 ? 4000 : -1;
  }
  const auto bands = plan::finish_bands(request, futures);
  REQUIRE(bands.size() == 4);
  CHECK(bands[0].low_s == 1005);
  CHECK(bands[0].high_s == 1095);
  CHECK(bands[1].low_s == 4000);
  CHECK(bands[1].high_s == std::numeric_limits<double>::infinity());
}
