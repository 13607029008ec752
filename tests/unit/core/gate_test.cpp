// SPDX-License-Identifier: Apache-2.0
// One case that passes; then each reason to refuse, alone.
#include "plugin/core/gate.hpp"

#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::core;

namespace {

struct Case {
  plan::Request request;
  plan::Plan plan;
  GateInput input;
  GateRules rules;

  Case() {
    request.line = std::make_shared<line::Line>(
        tests::line_of({tests::machine("a", 10, 4), tests::machine("b", 10, 0)}));
    request.orders = std::make_shared<std::vector<line::Order>>(std::vector<line::Order>{
        {"1", {0}, 10}, {"2", {0}, 10}, {"3", {0}, 10}, {"4", {0}, 10}, {"5", {0}, 10}});
    request.active.sequence = {{0}, {1}, {2}, {3}, {4}};
    request.now.at_s = 1000;
    request.now.machines.resize(2);
    for (auto& machine : request.now.machines) machine.progress.resize(5);
    request.now.machines[0].progress[0].good = 3;
    request.now.machines[1].progress[0].good = 3;
    plan::Evaluated winner;
    winner.candidate.name = "service a now";
    winner.candidate.schedule = request.active;
    winner.candidate.schedule.services = {{{0}, line::Service::When::at_time, 1100, {}}};
    plan.evaluated = {winner};
    auto& proof = plan.proof;
    for (std::uint64_t i = 0; i < 20; ++i) proof.seeds.push_back(i);
    proof.gain.assign(20, 500);
    proof.mean_gain = {500, 480, 520};
    proof.gain_lower_95 = 480;
    proof.probability_better = 1;
    proof.keep_cost = 2000;
    input.connected = true;
    input.now_s = 1010;
    input.forecast_at_s = 980;
    input.may_write = true;
    input.audit_works = true;
  }

  /// The name of the check that refuses; "passed" when none does.
  std::string verdict() {
    input.request = &request;
    input.plan = &plan;
    const auto judged = judge(input, rules);
    CHECK_FALSE(judged.reason.empty());
    if (judged.passed) return "passed";
    return judged.reason.substr(0, judged.reason.find(':'));
  }
  line::Schedule& schedule() { return plan.evaluated[0].candidate.schedule; }
};

}  // namespace

TEST_CASE("a schedule that is proved better is proposed") {
  CHECK(Case().verdict() == "passed");
}

TEST_CASE("each doubt alone refuses") {
  Case c;
  SECTION("the running schedule won") {
    c.schedule() = c.request.active;
    CHECK(c.verdict() == "change");
  }
  SECTION("a started order would move") {
    std::swap(c.schedule().sequence[0], c.schedule().sequence[1]);
    CHECK(c.verdict() == "schedule");
  }
  SECTION("an order is missing") {
    c.schedule().sequence.pop_back();
    CHECK(c.verdict() == "schedule");
  }
  SECTION("more services than a block holds") {
    c.schedule().services.assign(17, c.schedule().services[0]);
    CHECK(c.verdict() == "schedule");
  }
  SECTION("the PLC is away") {
    c.input.connected = false;
    CHECK(c.verdict() == "link");
  }
  SECTION("the forecast is old") {
    c.input.forecast_at_s = 1010 - 901;
    CHECK(c.verdict() == "forecast");
  }
  SECTION("the forecast is of the future") {
    c.input.forecast_at_s = 1020;
    CHECK(c.verdict() == "forecast");
  }
  SECTION("too much input was missing") {
    c.input.missing_share = 0.31;
    CHECK(c.verdict() == "input");
  }
  SECTION("one future crashed") {
    c.plan.proof.invalid_trials = 1;
    CHECK(c.verdict() == "simulation");
  }
  SECTION("the gain may be too small") {
    c.plan.proof.gain_lower_95 = 19.9;
    CHECK(c.verdict() == "gain");
  }
  SECTION("nothing was proved") {
    c.plan.proof.gain.clear();
    CHECK(c.verdict() == "gain");
  }
  SECTION("a coin would do as well") {
    c.plan.proof.probability_better = 0.59;
    CHECK(c.verdict() == "better");
  }
  SECTION("better on average, worse when it matters") {
    c.plan.proof.tail_change = 0.051;
    CHECK(c.verdict() == "tail");
  }
  SECTION("nearly everything moves") {
    c.schedule().sequence = {{0}, {4}, {3}, {2}, {1}};
    c.rules.largest_moved_share = 0.4;
    CHECK(c.verdict() == "stability");
  }
  SECTION("the last change is fresh") {
    c.input.deployed_at_s = 500;
    CHECK(c.verdict() == "hold-off");
  }
  SECTION("writing is off") {
    c.input.may_write = false;
    CHECK(c.verdict() == "write");
  }
  SECTION("the audit cannot be written") {
    c.input.audit_works = false;
    CHECK(c.verdict() == "audit");
  }
}

TEST_CASE("what was proved earlier is deployed only on the line it was proved for") {
  Case c;
  const auto schedule = c.schedule();
  CHECK(complaints_now(schedule, c.request, c.request.now, c.request.active).empty());
  auto other = c.request.active;
  std::swap(other.sequence[3], other.sequence[4]);
  CHECK_FALSE(complaints_now(schedule, c.request, c.request.now, other).empty());
  auto moved = schedule;
  std::swap(moved.sequence[1], moved.sequence[2]);
  CHECK(complaints_now(moved, c.request, c.request.now, c.request.active).empty());
  auto later = c.request.now;
  later.machines[0].progress[1].good = 1;  // order 2 has started meanwhile
  CHECK_FALSE(complaints_now(moved, c.request, later, c.request.active).empty());
}
