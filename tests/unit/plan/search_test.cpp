// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "sim/line/schedule_block.hpp"
#include "sim/maxplus/evaluator.hpp"
#include "sim/search/budget.hpp"
#include "sim/select/scenario_set.hpp"
#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using line::FaultKind;

namespace {

/// Mean cost on futures that the search has not seen.
double fresh_cost(const plan::Request& request, const line::Schedule& schedule) {
  line::Trial trial;
  trial.line = request.line;
  trial.orders = request.orders;
  trial.horizon_s = request.now.at_s + request.horizon_s;
  trial.from = request.now;
  trial.hazards = request.hazards;
  const auto seeds = select::scenario_seeds(request.seed, select::ScenarioSet::report, 200);
  maxplus::Evaluator evaluator(trial, seeds);
  double sum = 0;
  for (const auto& future : evaluator.evaluate(schedule))
    sum += plan::cost_of(request, future.measures, future.service_s);
  return sum / 200;
}

line::Schedule sequence(std::vector<std::uint32_t> orders) {
  line::Schedule schedule;
  for (const auto order : orders) schedule.sequence.push_back({order});
  return schedule;
}

}  // namespace

TEST_CASE("an order counts as moved when it is taken out, not when it slides along") {
  const auto before = sequence({0, 1, 2, 3, 4});
  CHECK(plan::moved_share(before, before, 0) == 0);
  CHECK(plan::moved_share(before, sequence({4, 0, 1, 2, 3}), 0) == Approx(0.2));
  CHECK(plan::moved_share(before, sequence({1, 2, 3, 4, 0}), 0) == Approx(0.2));
  CHECK(plan::moved_share(before, sequence({4, 3, 2, 1, 0}), 0) == Approx(0.8));
  CHECK(plan::moved_share(before, sequence({0, 1, 2, 4, 3}), 3) == Approx(0.5));
  CHECK(plan::moved_share(before, before, 5) == 0);
  CHECK(plan::moved_share(before, sequence({0, 1, 2, 3}), 0) == 1);
  CHECK(plan::moved_share(before, sequence({0, 1, 2, 3, 7}), 0) == 1);
}

TEST_CASE("the search beats the listed schedules on futures it has not seen") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.8F)};
  const auto listed = plan::candidates(request);
  const auto found = plan::searched(request, listed, 6);
  REQUIRE_FALSE(found.empty());
  CHECK(found.size() <= 6);
  double best_listed = 1e18;
  for (const auto& one : listed)
    best_listed = std::min(best_listed, fresh_cost(request, one.schedule));
  double best_found = 1e18;
  for (const auto& one : found) {
    INFO(one.name << ": " << one.why);
    best_found = std::min(best_found, fresh_cost(request, one.schedule));
    CHECK(line::complaints_about(one.schedule, *request.line, *request.orders, request.active,
                                 request.now.frozen_prefix(request.active))
              .empty());
    CHECK_FALSE(one.why.empty());
  }
  CHECK(best_found <= best_listed);
  const auto again = plan::searched(request, listed, 6);
  REQUIRE(again.size() == found.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(again[i].schedule == found[i].schedule);
}

TEST_CASE("what is found is what a PLC can hold, so that it is known again in it") {
  auto request = tests::request();
  request.now.at_s += 0.4;
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.8F)};
  auto all = plan::candidates(request);
  for (auto& one : plan::searched(request, all, 6)) all.push_back(std::move(one));
  bool served = false;
  for (const auto& one : all) {
    INFO(one.name << ": " << one.why);
    line::Schedule held;
    REQUIRE(line::from_block(line::to_block(one.schedule), held) == line::BlockFault::none);
    CHECK(held == one.schedule);
    served = served || !one.schedule.services.empty();
  }
  CHECK(served);
}

TEST_CASE(
    "the search moves no more orders than it may, and leaves lines alone that it cannot tell") {
  auto request = tests::request();
  request.largest_moved_share = 0;
  for (const auto& one : plan::searched(request, {plan::candidates(request).front()}, 6))
    CHECK(plan::moved_share(request.active, one.schedule, 1) == 0);
  auto line = *request.line;
  line.machines[0].conveyor.travel_s = 5;
  request.line = std::make_shared<const line::Line>(line);
  CHECK(plan::searched(request, plan::candidates(request), 6).empty());
}

TEST_CASE("corners are the model with one thing wrong") {
  auto request = tests::request();
  line::Trial trial;
  trial.line = request.line;
  trial.orders = request.orders;
  trial.from = request.now;
  CHECK(plan::corners_of(trial).size() == 6);
  trial.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.8F)};
  const auto corners = plan::corners_of(trial);
  REQUIRE(corners.size() == 8);
  const auto& sooner = corners[0].second;
  CHECK(sooner.hazards[0].within[5] > trial.hazards[0].within[5]);
  CHECK(corners[1].second.hazards[0].within[5] < trial.hazards[0].within[5]);
  CHECK(corners[3].second.line->machines[0].faults[0].repair.mean == Approx(1.5 * 3600));
  CHECK(corners[4].second.line->machines[1].cycle.mean == Approx(9.5));
  CHECK(corners[6].second.hazards.empty());
}

TEST_CASE("a book of ten thousand orders is searched in bounded time") {
  auto request = tests::request();
  std::vector<line::Order> orders(request.orders->begin(), request.orders->end());
  for (std::uint32_t i = 0; i < 10'000; ++i)
    orders.push_back(
        {"X" + std::to_string(i), {i % 3}, 20 + i % 50, 0, 3600.0 * (1 + i * 7919 % 400), 1});
  for (auto& machine : request.now.machines) machine.progress.resize(orders.size());
  for (std::uint32_t i = 4; i < orders.size(); ++i) request.active.sequence.push_back({i});
  request.orders = std::make_shared<const std::vector<line::Order>>(std::move(orders));
  const double from_s = search::thread_cpu_s();
  const auto listed = plan::candidates(request);
  const auto found = plan::searched(request, listed, 6);
  // Once every comparison of two sequences took a hundred million steps.
  CHECK(search::thread_cpu_s() - from_s < 60);
  CHECK(listed.size() >= 3);
  REQUIRE_FALSE(found.empty());
  for (const auto& one : found) {
    CHECK(one.why.size() < 1000);
    CHECK(line::complaints_about(one.schedule, *request.line, *request.orders, request.active,
                                 request.now.frozen_prefix(request.active))
              .empty());
  }
}
