// SPDX-License-Identifier: Apache-2.0
// What a comparison of schedules rests on: the same futures for all, and a fork that is the line.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "sim/plan/planner.hpp"
#include "sim/verdict/verdict.hpp"
#include "sim/worker/wire.hpp"
#include "tests/property/days.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

/// Days and, of each, the same day stopped at `at_s` with its state.
std::vector<line::Trial> forks_of(const std::vector<line::Trial>& days,
                                  const std::vector<line::Outcome>& outcomes) {
  std::vector<line::Trial> forks;
  for (std::size_t i = 0; i < days.size(); ++i) {
    if (!outcomes[i].state) continue;
    auto fork = days[i];
    fork.from = outcomes[i].state;
    fork.want_state_at_s.reset();
    fork.faults.clear();
    fork.sensor_faults.clear();
    fork.communication_losses.clear();
    fork.want_gantt = true;
    forks.push_back(std::move(fork));
  }
  return forks;
}

std::vector<line::Trial> forks(std::uint64_t first_seed, std::size_t count) {
  const auto population = tests::population();
  std::vector<line::Trial> days;
  for (std::uint64_t seed = first_seed; seed < first_seed + count; ++seed) {
    days.push_back(population.day(seed));
    days.back().want_trace = false;
    days.back().want_state_at_s = 3000 + 500.0 * static_cast<double>(seed % 11);
  }
  return forks_of(days, tests::run(days));
}

}  // namespace

TEST_CASE("futures from any state of any line keep the invariants") {
  const auto trials = forks(7'000'001, 60);
  REQUIRE(trials.size() > 50);
  const auto outcomes = tests::run(trials);
  for (std::size_t i = 0; i < trials.size(); ++i)
    for (const auto& broken : verdict::broken_invariants(trials[i], outcomes[i]))
      FAIL_CHECK("seed " << trials[i].seed << " from " << trials[i].from->at_s << " s: " << broken);
}

TEST_CASE("equal schedules differ by exactly nothing, on every seed") {
  const auto some = forks(7'100'001, 12);
  std::vector<line::Trial> twice;
  for (const auto& trial : some) {
    twice.push_back(trial);
    twice.push_back(trial);
  }
  const auto outcomes = tests::run(twice);
  for (std::size_t i = 0; i < twice.size(); i += 2)
    CHECK(worker::to_bytes(outcomes[i]) == worker::to_bytes(outcomes[i + 1]));
}

TEST_CASE("two schedules agree up to the moment at which they differ") {
  auto plain = forks(7'200'001, 20);
  auto served = plain;
  for (auto& trial : served)
    trial.schedule.services.push_back(
        {{0}, line::Service::When::at_time, trial.from->at_s + 3600, {}});
  const auto kept = tests::run(plain);
  const auto changed = tests::run(served);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double until_s = plain[i].from->at_s + 3600;
    // A stretch of work on one order is one bar, stops in between included; its end may be later.
    std::vector<line::Occupation> before[2];
    for (std::size_t which = 0; which < 2; ++which)
      for (const auto& bar : (which == 0 ? kept : changed)[i].gantt)
        if (bar.from_s < until_s) before[which].push_back(bar);
    REQUIRE(before[0].size() == before[1].size());
    for (std::size_t b = 0; b < before[0].size(); ++b) {
      CHECK(before[0][b].machine == before[1][b].machine);
      CHECK(before[0][b].what == before[1][b].what);
      CHECK(before[0][b].order == before[1][b].order);
      CHECK(before[0][b].from_s == before[1][b].from_s);
    }
  }
}
