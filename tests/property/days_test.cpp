// SPDX-License-Identifier: Apache-2.0
// A swarm of random days on random lines: whatever happens, parts, times and events add up.
#include <catch2/catch.hpp>
#include <vector>

#include "sim/verdict/verdict.hpp"
#include "sim/worker/wire.hpp"
#include "tests/property/days.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

std::vector<line::Trial> days(const std::vector<std::uint64_t>& seeds) {
  const auto population = tests::population();
  std::vector<line::Trial> trials;
  for (const auto seed : seeds) {
    trials.push_back(population.day(seed));
    trials.back().want_gantt = true;
    trials.back().want_trace = false;
  }
  return trials;
}

}  // namespace

TEST_CASE("no random day breaks an invariant") {
  std::vector<std::uint64_t> seeds = {475, 1183};
  for (std::uint64_t seed = 5'000'001; seed <= 5'000'120; ++seed) seeds.push_back(seed);
  const auto trials = days(seeds);
  const auto outcomes = tests::run(trials);
  std::size_t breakdowns = 0;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    for (const auto& broken : verdict::broken_invariants(trials[i], outcomes[i]))
      FAIL_CHECK("seed " << seeds[i] << ": " << broken);
    for (const auto& machine : outcomes[i].machines) breakdowns += machine.breakdowns;
  }
  CHECK(breakdowns > trials.size() / 2);
}

TEST_CASE("a day is a function of its seed and nothing else") {
  const auto trials = days({6'000'001, 6'000'002, 6'000'003, 6'000'001, 6'000'002, 6'000'003});
  const auto outcomes = tests::run(trials);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(worker::to_bytes(outcomes[i]) == worker::to_bytes(outcomes[i + 3]));
  CHECK(worker::to_bytes(outcomes[0]) != worker::to_bytes(outcomes[1]));
}

TEST_CASE("watching a day does not change it") {
  auto trials = days({6'100'001, 6'100'001});
  trials[1].want_trace = true;
  const auto outcomes = tests::run(trials);
  CHECK(outcomes[1].trace.frames.size() > 100);
  auto unwatched = outcomes[1];
  unwatched.trace = {};
  CHECK(worker::to_bytes(unwatched) == worker::to_bytes(outcomes[0]));
}
