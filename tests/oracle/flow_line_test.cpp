// SPDX-License-Identifier: Apache-2.0
// The simulator against the recursion of a flow line with finite buffers and blocking after service
// (Pinedo, Scheduling, section 6.2; Altiok, Performance Analysis of Manufacturing Systems): part j
// begins on machine i when it has left i-1 and j-1 has left i, and leaves i when it is finished and
// part j - (B_i + 1) has left i+1. The recursion shares no code with the simulator but the draws.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "sim/line/random.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

double recursion(const line::Trial& trial) {
  const auto& machines = trial.line->machines;
  std::vector<double> released;
  for (const auto id : trial.schedule.sequence)
    released.insert(released.end(), (*trial.orders)[id.index].quantity,
                    (*trial.orders)[id.index].release_s);
  const auto n = released.size();
  std::vector<std::vector<double>> left(machines.size(), std::vector<double>(n));
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < machines.size(); ++i) {
      double begin = i == 0 ? released[j] : left[i - 1][j];
      if (j > 0) begin = std::max(begin, left[i][j - 1]);
      const double u =
          line::random_uniform(trial.seed, static_cast<std::uint32_t>(i), line::Purpose::cycle, j);
      left[i][j] = begin + machines[i].cycle.quantile(u);
      const std::size_t room = machines[i].buffer_after + 1;
      if (i + 1 < machines.size() && j >= room)
        left[i][j] = std::max(left[i][j], left[i + 1][j - room]);
    }
  }
  return left.back().back();
}

line::Trial random_trial(std::uint64_t seed) {
  const auto draw = [&](std::uint64_t index, double low, double high) {
    return low + (high - low) * line::random_uniform(seed, 9, line::Purpose::scenario, index);
  };
  std::vector<line::Machine> machines;
  const auto count = static_cast<std::size_t>(draw(0, 1, 8));
  for (std::size_t m = 0; m < count; ++m) {
    auto machine =
        tests::machine("m" + std::to_string(m), 5, static_cast<std::uint32_t>(draw(10 + m, 0, 7)));
    machine.cycle.kind = static_cast<line::Distribution::Kind>(draw(20 + m, 0, 7));
    machine.cycle.mean = draw(30 + m, 3, 9);
    machine.cycle.spread = draw(40 + m, 0.6, 1.8);
    machine.cycle.low = 2;
    machine.cycle.high = 11;
    machines.push_back(std::move(machine));
  }
  auto trial = tests::trial_of(tests::line_of(std::move(machines)),
                               {{"A", {0}, 60}, {"B", {0}, 40, draw(50, 0, 900)}, {"C", {0}, 50}});
  trial.seed = seed;
  return trial;
}

}  // namespace

TEST_CASE("every makespan is that of the recursion") {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) trials.push_back(random_trial(seed));
  const auto outcomes = tests::run(trials);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    INFO("seed " << trials[i].seed << ", " << trials[i].line->machines.size() << " machines");
    REQUIRE(outcomes[i].end == line::Outcome::End::done);
    CHECK(line::measures_of(trials[i], outcomes[i]).makespan_s ==
          Approx(recursion(trials[i])).epsilon(1e-9));
  }
}
