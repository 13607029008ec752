// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "sim/verdict/verdict.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using text::Bound;
using text::Expectation;

namespace {

/// A machine whose bearing begins to wear at 100 s and stops it at 1100 s, if nobody serves it.
text::Scenario scenario() {
  text::Scenario scenario;
  scenario.path = "wear.toml";
  scenario.title = "wear";
  auto trial = tests::trial_of(tests::line_of({tests::machine("filler", 5, 0)}),
                               {{"A", {0}, 400, 0, 2500}}, 4000);
  scenario.line = trial.line;
  scenario.orders = trial.orders;
  scenario.schedule = trial.schedule;
  scenario.horizon_s = 4000;
  scenario.seed_count = 3;
  scenario.faults = {{"wear", {0}, line::FaultKind::bearing_wear, 100, 1000, 600}};
  return scenario;
}

std::vector<verdict::SeedResult> results_of(const text::Scenario& scenario,
                                            const std::vector<double>& alarms_at) {
  std::vector<verdict::SeedResult> results;
  for (std::size_t i = 0; i < scenario.seed_count; ++i) {
    verdict::SeedResult result;
    result.trial = text::trial_of(scenario, i);
    result.seed = result.trial.seed;
    result.outcome = tests::run(result.trial);
    line::AlarmEvent alarm;
    alarm.id = "filler/bearing-wear";
    alarm.at_s = alarms_at.at(i);
    if (alarm.at_s >= 0) result.alarms.push_back(alarm);
    results.push_back(std::move(result));
  }
  return results;
}

verdict::ExpectationVerdict judged(text::Scenario scenario, Expectation expectation,
                                   const std::vector<double>& alarms_at) {
  expectation.line = 12;
  scenario.expectations = {expectation};
  const auto verdict = verdict::judge(scenario, results_of(scenario, alarms_at));
  CHECK(verdict.broken_invariants.empty());
  CHECK(verdict.passed == verdict.expectations.at(0).passed);
  return verdict.expectations.at(0);
}

Expectation alarm(const std::string& pattern, std::optional<double> lead_s = {},
                  std::size_t wanted = 0) {
  Expectation expectation;
  expectation.what = Expectation::Alarm{pattern, "wear", lead_s};
  expectation.seeds.wanted = wanted;
  return expectation;
}

}  // namespace

TEST_CASE("an alarm must come between the onset and the stop, early enough, on enough seeds") {
  const auto on_time = judged(scenario(), alarm("filler/bearing-wear", 900), {150, 150, 150});
  CHECK(on_time.passed);
  CHECK(on_time.held == 3);
  CHECK(on_time.line == 12);
  const auto late = judged(scenario(), alarm("filler/*", 900), {150, 700, 150});
  CHECK_FALSE(late.passed);
  CHECK(late.held == 2);
  CHECK(late.worst_seed == 2);
  CHECK(late.got.find("before the stop") != std::string::npos);
  CHECK(judged(scenario(), alarm("filler/*", 900, 2), {150, 700, 150}).passed);
  CHECK_FALSE(judged(scenario(), alarm("*"), {50, 150, 150}).passed);
  CHECK_FALSE(judged(scenario(), alarm("*"), {1200, 150, 150}).passed);
  CHECK_FALSE(judged(scenario(), alarm("*"), {-1, 150, 150}).passed);
  CHECK_FALSE(judged(scenario(), alarm("filler/jam"), {150, 150, 150}).passed);
  CHECK(judged(scenario(), alarm("*/bearing-wear"), {150, 150, 150}).passed);
}

TEST_CASE("no alarm means none until the fault begins, or none at all") {
  Expectation expectation;
  expectation.what = Expectation::NoAlarm{"*", "wear"};
  CHECK(judged(scenario(), expectation, {150, -1, 2000}).passed);
  const auto early = judged(scenario(), expectation, {150, 60, 150});
  CHECK_FALSE(early.passed);
  CHECK(early.worst_seed == 2);
  expectation.what = Expectation::NoAlarm{"*", ""};
  CHECK_FALSE(judged(scenario(), expectation, {-1, -1, 150}).passed);
  expectation.what = Expectation::NoAlarm{"capper/*", ""};
  CHECK(judged(scenario(), expectation, {150, 150, 150}).passed);
}

TEST_CASE("measures are held against bounds") {
  Expectation expectation;
  expectation.what = Expectation::Measure{"downtime", {Bound::Side::at_most, 600}};
  CHECK(judged(scenario(), expectation, {-1, -1, -1}).passed);
  expectation.what = Expectation::Measure{"downtime", {Bound::Side::at_most, 599}};
  CHECK_FALSE(judged(scenario(), expectation, {-1, -1, -1}).passed);
  expectation.what = Expectation::Measure{"orders-late", {Bound::Side::at_least, 1}};
  CHECK(judged(scenario(), expectation, {-1, -1, -1}).passed);
}

TEST_CASE("large bounds are written out") {
  Expectation expectation;
  expectation.what = Expectation::Measure{"throughput", {Bound::Side::at_least, 123'456}};
  const auto told = judged(scenario(), expectation, {-1, -1, -1});
  INFO(told.text);
  CHECK(told.text.find("123456") != std::string::npos);
}

TEST_CASE("a compared schedule is held against the scenario's own on the same seed") {
  auto with_service = scenario();
  Expectation::Compare compare;
  compare.schedule = with_service.schedule;
  compare.schedule.services.push_back({{0}, line::Service::When::at_time, 500, {}});
  compare.schedule_name = "service.toml";
  compare.measure = "downtime";
  compare.margin = -600;
  Expectation expectation;
  expectation.what = compare;
  with_service.expectations = {expectation};
  auto results = results_of(with_service, {-1, -1, -1});
  for (auto& result : results) {
    auto trial = result.trial;
    trial.schedule = compare.schedule;
    result.compared.push_back(tests::run(trial));
  }
  CHECK(verdict::judge(with_service, results).passed);
  std::get<Expectation::Compare>(with_service.expectations[0].what).margin = -601;
  const auto more = verdict::judge(with_service, results);
  CHECK_FALSE(more.passed);
  CHECK(more.expectations[0].got.find("against") != std::string::npos);
}

TEST_CASE("a trial that crashed passes no expectation") {
  auto crashed = scenario();
  Expectation expectation;
  expectation.what = Expectation::NoAlarm{"*", ""};
  crashed.expectations = {expectation};
  auto results = results_of(crashed, {-1, -1, -1});
  results[1].outcome.end = line::Outcome::End::crashed;
  const auto verdict = verdict::judge(crashed, results);
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.expectations[0].worst_seed == 2);
  REQUIRE(verdict.broken_invariants.size() == 1);
  CHECK(verdict.broken_invariants[0].find("seed 2") != std::string::npos);
}
