// SPDX-License-Identifier: Apache-2.0
// The sharpest oracle: the simulator and an event heap of sixty lines draw the same numbers, so
// over a year they must count the same events to the last one.
#include "tests/oracle/event_heap.hpp"
#include "tests/oracle/replications.hpp"

using namespace foreline;

namespace {

/// Both stages against the heap.
void check_counts(const line::Trial& trial) {
  auto fast = trial;
  fast.replication = true;
  const auto heap = tests::run_heap(trial);
  for (const auto& outcome : tests::run_patiently({trial, fast})) {
    REQUIRE(outcome.end == line::Outcome::End::horizon);
    CHECK(outcome.events == heap.events);
    for (std::size_t m = 0; m < outcome.machines.size(); ++m) {
      INFO("machine " << m);
      CHECK(outcome.machines[m].good == heap.good[m]);
      CHECK(outcome.machines[m].breakdowns == heap.trips[m]);
    }
  }
}

line::Trial ten_machines(double cycle_s, std::uint32_t places, std::uint32_t crews,
                         double horizon_s) {
  std::vector<line::Machine> machines;
  for (int m = 0; m < 10; ++m) {
    machines.push_back(tests::exponential_machine("m" + std::to_string(m), cycle_s, places));
    machines.back().faults = {
        tests::trips(tests::exponential(100 * cycle_s), tests::exponential(10 * cycle_s))};
  }
  auto trial = tests::trial_of(tests::line_of(std::move(machines), crews),
                               tests::one_order(4'000'000'000U), horizon_s);
  trial.random_faults = true;
  trial.event_limit = 2'000'000'000;
  return trial;
}

}  // namespace

TEST_CASE("a simulated year has exactly the events of the reference heap") {
  // 10 machines, buffers of 10, 2 crews; 31,536,000 s.
  check_counts(ten_machines(60, 10, 2, 31'536'000));
}

TEST_CASE("other lines and seeds count as the reference heap does") {
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    auto trial = ten_machines(1, 1 + seed % 4, 1 + seed % 3, 30'000);
    trial.seed = seed;
    INFO("seed " << seed);
    check_counts(trial);
  }
}
