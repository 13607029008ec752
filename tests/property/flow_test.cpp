// SPDX-License-Identifier: Apache-2.0
// Laws of flow lines that hold for any line without faults.
#include <catch2/catch.hpp>
#include <vector>

#include "sim/line/random.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

double draw(std::uint64_t seed, std::uint64_t index, double low, double high) {
  return low + (high - low) * line::random_uniform(seed, 0, line::Purpose::scenario, index);
}

/// A line of 2 to 6 machines with random times, two products and random changeovers.
line::Trial random_trial(std::uint64_t seed) {
  std::vector<line::Machine> machines;
  const auto count = static_cast<std::size_t>(draw(seed, 0, 2, 7));
  for (std::size_t m = 0; m < count; ++m) {
    auto machine = tests::machine("m" + std::to_string(m), draw(seed, 10 + m, 2, 9),
                                  static_cast<std::uint32_t>(draw(seed, 20 + m, 0, 5)), 2);
    if (m % 2 == 0)
      machine.cycle = {line::Distribution::Kind::exponential, machine.cycle.mean, 0, 0, 0};
    machine.product_factor = {1, draw(seed, 30 + m, 0.5, 2)};
    machine.changeover_s = {{0, draw(seed, 40 + m, 0, 60)}, {draw(seed, 50 + m, 0, 60), 0}};
    machines.push_back(std::move(machine));
  }
  auto line = tests::line_of(std::move(machines));
  line.products = {"a", "b"};
  auto trial = tests::trial_of(std::move(line), {{"A", {0}, 30}, {"B", {1}, 30}, {"C", {0}, 30}});
  trial.seed = seed;
  return trial;
}

double makespan(const line::Trial& trial, const line::Outcome& outcome) {
  REQUIRE(outcome.end == line::Outcome::End::done);
  return line::measures_of(trial, outcome).makespan_s;
}

/// The makespans of 30 random trials after `change`, against those before.
template <class Change>
std::vector<std::pair<double, double>> before_and_after(Change change) {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    trials.push_back(random_trial(seed));
    auto changed = *trials.back().line;
    change(changed);
    auto other = trials.back();
    other.line = std::make_shared<line::Line>(std::move(changed));
    trials.push_back(std::move(other));
  }
  const auto outcomes = tests::run(trials);
  std::vector<std::pair<double, double>> pairs;
  for (std::size_t i = 0; i < trials.size(); i += 2)
    pairs.emplace_back(makespan(trials[i], outcomes[i]), makespan(trials[i + 1], outcomes[i + 1]));
  return pairs;
}

}  // namespace

TEST_CASE("more room between machines never makes the line slower") {
  bool faster = false;
  for (const auto& [before, after] : before_and_after([](line::Line& line) {
         for (auto& machine : line.machines) machine.buffer_after += 3;
       })) {
    CHECK(after <= before + 1e-6);
    faster = faster || after < before - 1;
  }
  CHECK(faster);
}

TEST_CASE("a faster machine never makes the line slower") {
  for (const auto& [before, after] :
       before_and_after([](line::Line& line) { line.machines.back().cycle.mean *= 0.8; }))
    CHECK(after <= before + 1e-6);
}

TEST_CASE("a line at half speed takes twice as long") {
  for (const auto& [before, after] : before_and_after([](line::Line& line) {
         for (auto& machine : line.machines) {
           machine.cycle.mean *= 2;
           for (auto& row : machine.changeover_s)
             for (auto& time_s : row) time_s *= 2;
         }
       }))
    CHECK(after == Approx(2 * before).epsilon(1e-9));
}
