// SPDX-License-Identifier: Apache-2.0
// Futures forked in the middle of a running simulation: the unedited one is the line's own to the
// last bit, equal ones differ by exactly nothing, edits do what they say.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "sim/line/random.hpp"
#include "sim/line/window.hpp"
#include "sim/worker/fans.hpp"
#include "sim/worker/wire.hpp"
#include "tests/property/days.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

std::vector<line::Fan> days(std::uint64_t first_seed, std::size_t count, std::size_t branches) {
  const auto population = tests::population();
  std::vector<line::Fan> fans;
  for (std::uint64_t seed = first_seed; seed < first_seed + count; ++seed) {
    auto& fan = fans.emplace_back();
    fan.trial = population.day(seed);
    fan.trial.want_trace = seed % 3 == 0;
    fan.trial.want_gantt = true;
    fan.at_s = 1500 + 700.0 * static_cast<double>(seed % 9);
    fan.branches.resize(branches);
  }
  return fans;
}

std::vector<line::FanOutcome> run(const std::vector<line::Fan>& fans) {
  worker::Options options;
  options.executable = tests::simulator();
  options.children = 2;
  auto outcomes = worker::run_fans(fans, options);
  if (!outcomes) throw std::runtime_error(outcomes.error().text());
  return std::move(*outcomes);
}

std::string bytes(const line::Outcome& outcome) {
  return worker::to_bytes(outcome);
}

}  // namespace

TEST_CASE("an unedited branch is the line's own future to the last bit") {
  const auto fans = days(8'000'001, 24, 3);
  std::vector<line::Trial> trials;
  for (const auto& fan : fans) trials.push_back(fan.trial);
  const auto plain = tests::run(trials);
  const auto forked = run(fans);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    INFO("seed " << trials[i].seed);
    REQUIRE(forked[i].branches.size() == 3);
    CHECK(bytes(forked[i].trial) == bytes(plain[i]));  // and forking disturbs nothing
    for (const auto& branch : forked[i].branches) CHECK(bytes(branch) == bytes(plain[i]));
  }
}

TEST_CASE("branches on one new seed are equal, on two they are not") {
  auto fans = days(8'100'001, 8, 4);
  for (auto& fan : fans) {
    fan.trial.random_faults = true;
    for (std::size_t b = 0; b < 4; ++b) fan.branches[b].seed = 77 + b / 2;
  }
  const auto outcomes = run(fans);
  std::size_t different = 0;
  for (const auto& outcome : outcomes) {
    const auto& branches = outcome.branches;
    CHECK(bytes(branches[0]) == bytes(branches[1]));
    CHECK(bytes(branches[2]) == bytes(branches[3]));
    different += bytes(branches[0]) != bytes(branches[2]) ? 1 : 0;
  }
  CHECK(different > outcomes.size() / 2);
}

TEST_CASE("a what-if changes its branch and nothing else") {
  auto line = tests::line_of({tests::machine("a", 5, 3), tests::machine("b", 6, 0)});
  line.machines[0].faults = {{line::FaultKind::motor_trip,
                              line::Distribution::constant(900),
                              {},
                              line::Distribution::constant(400)}};
  auto trial = tests::trial_of(line, {{"A", {0}, 300}, {"B", {0}, 300}}, 20'000);
  trial.random_faults = true;
  line::Fan fan{trial, 800, {}, 100};
  fan.branches.resize(5);
  auto quick = line;
  quick.machines[0].faults[0].repair = line::Distribution::constant(100);
  fan.branches[1].line = std::make_shared<line::Line>(quick);
  fan.branches[2].faults = {{"trip", {1}, line::FaultKind::motor_trip, 1000, 0, 500}};
  fan.branches[3].horizon_s = 850;
  fan.branches[4].schedule = trial.schedule;
  fan.branches[4].schedule->services = {{{1}, line::Service::When::at_time, 1200, {}}};
  const auto all = run({fan}).front();
  const auto& outcome = all.trial;
  const auto& branches = all.branches;
  CHECK(bytes(branches[0]) == bytes(outcome));
  REQUIRE(all.series.size() == static_cast<std::size_t>(outcome.end_s / 100));
  CHECK(line::good_parts(*trial.line, all.series[9]) == Approx(1000.0 / 6 - 2).margin(2));
  CHECK(branches[1].end_s < outcome.end_s - 250);
  CHECK(branches[1].machines[0].breakdowns >= outcome.machines[0].breakdowns);
  CHECK(branches[2].machines[1].breakdowns == outcome.machines[1].breakdowns + 1);
  CHECK(branches[2].machines[1].down_s == Approx(500).margin(1e-6));
  CHECK(branches[3].end == line::Outcome::End::horizon);
  CHECK(branches[3].end_s == Approx(850));
  CHECK(branches[4].machines[1].services == 1);
}

TEST_CASE("remaining lives drawn anew follow the life's distribution") {
  // Onset Weibull with shape 3, mean 5000: given 3000 survived, the share that fails by 5000 is
  // 1 - exp(H(3000) - H(5000)), H(t) = (t Gamma(4/3) / 5000)^3.
  auto machine = tests::machine("a", 10, 0);
  line::FaultMode mode;
  mode.kind = line::FaultKind::motor_trip;
  mode.onset = {line::Distribution::Kind::weibull, 5000, 3, 0, 0};
  mode.repair = line::Distribution::constant(1e6);
  machine.faults = {mode};
  auto trial = tests::trial_of(tests::line_of({machine}), tests::one_order(100'000), 5000);
  trial.random_faults = true;
  line::Fan fan;
  fan.at_s = 3000;
  for (trial.seed = 1;; ++trial.seed) {  // a life longer than 3000
    const double life =
        mode.onset.quantile(line::random_uniform(trial.seed, 0, line::Purpose::onset, 0));
    if (life > 3000) break;
  }
  for (std::uint64_t b = 0; b < 600; ++b) {
    fan.branches.emplace_back();
    fan.branches.back().seed = 1000 + b;
  }
  fan.trial = trial;
  const auto outcome = run({fan}).front();
  const auto hazard = [](double t) { return std::pow(t * std::tgamma(4.0 / 3) / 5000, 3); };
  const double theory = 1 - std::exp(hazard(3000) - hazard(5000));
  double failed = 0;
  for (const auto& branch : outcome.branches) failed += branch.machines[0].breakdowns > 0 ? 1 : 0;
  const double error = std::sqrt(theory * (1 - theory) / 600);
  INFO(failed / 600 << " against " << theory << " +- " << error);
  CHECK(std::abs(failed / 600 - theory) < 2.58 * error);
}

TEST_CASE("a branch that fails is an outcome; the others and the trial are unharmed") {
  auto trial = tests::trial_of(tests::line_of({tests::machine("a", 1, 0)}),
                               tests::one_order(2'000'000), 1e6);
  trial.horizon_s = 1000;
  trial.event_limit = 5000;
  line::Fan fan{trial, 100, {}, 0};
  fan.branches.resize(3);
  fan.branches[1].horizon_s = 1e6;
  const auto outcome = run({fan}).front();
  CHECK(outcome.trial.valid());
  CHECK(outcome.branches[0].valid());
  CHECK(outcome.branches[1].end == line::Outcome::End::runaway);
  CHECK(outcome.branches[2].valid());
}
