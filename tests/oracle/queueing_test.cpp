// SPDX-License-Identifier: Apache-2.0
// The simulator against closed forms. Means over independent replications must lie within four
// standard errors (of the mean) of the theory, and the standard error must be small enough to tell.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

struct Estimate {
  double mean = 0;
  double error = 0;
};

/// Good parts per second over 24 replications of `parts` parts.
Estimate throughput(const line::Line& line, std::uint32_t parts, bool faults) {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    trials.push_back(tests::trial_of(line, tests::one_order(parts), 1e9));
    trials.back().seed = seed;
    trials.back().random_faults = faults;
  }
  const auto outcomes = tests::run(trials);
  double sum = 0;
  double squares = 0;
  for (const auto& outcome : outcomes) {
    REQUIRE(outcome.end == line::Outcome::End::done);
    const double rate = parts / outcome.end_s;
    sum += rate;
    squares += rate * rate;
  }
  const auto n = static_cast<double>(trials.size());
  const double mean = sum / n;
  return {mean, std::sqrt(std::max(0.0, squares / n - mean * mean) / (n - 1))};
}

void check(const Estimate& estimate, double theory) {
  INFO("simulated " << estimate.mean << " +- " << estimate.error << ", theory " << theory);
  CHECK(estimate.error < 0.01 * theory);
  CHECK(std::abs(estimate.mean - theory) < 4 * estimate.error + 1e-3 * theory);
}

line::Machine exponential(const char* name, double mean_s, std::uint32_t buffer) {
  auto machine = tests::machine(name, mean_s, buffer);
  machine.cycle = {line::Distribution::Kind::exponential, mean_s, 0, 0, 0};
  return machine;
}

line::FaultMode trips(double between_s, double repair_s, bool random_repair) {
  line::FaultMode mode;
  mode.kind = line::FaultKind::motor_trip;
  mode.onset = {line::Distribution::Kind::exponential, between_s, 0, 0, 0};
  mode.repair = {random_repair ? line::Distribution::Kind::exponential
                               : line::Distribution::Kind::deterministic,
                 repair_s, 0, 0, 0};
  return mode;
}

}  // namespace

TEST_CASE("two exponential machines with B places between them make mu (B+2)/(B+3)") {
  // A birth-death chain on 0 .. B+2 with equal rates; the last machine rests in one state of B+3.
  for (const std::uint32_t places : {0U, 1U, 5U, 20U}) {
    const auto line = tests::line_of({exponential("a", 6, places), exponential("b", 6, 0)});
    check(throughput(line, 5000, false), (places + 2.0) / (places + 3.0) / 6.0);
  }
}

TEST_CASE("two unequal exponential machines follow the truncated geometric distribution") {
  const double rate_a = 1 / 5.0;
  const double rate_b = 1 / 7.0;
  const int states = 4 + 3;  // B = 4
  const double rho = rate_a / rate_b;
  double sum = 0;
  for (int i = 0; i < states; ++i) sum += std::pow(rho, i);
  const auto line = tests::line_of({exponential("a", 5, 4), exponential("b", 7, 0)});
  check(throughput(line, 5000, false), rate_b * (1 - 1 / sum));
}

TEST_CASE("a machine that trips makes its rate times its availability") {
  // Faults come by operating time: availability = MTBF / (MTBF + MTTR).
  for (const bool random_repair : {false, true}) {
    auto machine = tests::machine("a", 5, 0);
    machine.faults = {trips(1800, 300, random_repair)};
    check(throughput(tests::line_of({machine}), 20'000, true), 1 / 5.0 * 1800 / (1800 + 300));
  }
}

TEST_CASE("a line of equal machines without buffers stops as one") {
  // Operation-dependent failures, deterministic and equal cycles, no buffer (Buzacott 1967):
  // efficiency = 1 / (1 + sum of MTTR_i / MTBF_i). Machines work in step, so the share of time in
  // which two are down at once is what the formula leaves out; repairs are short here.
  std::vector<line::Machine> machines;
  for (const char* name : {"a", "b", "c"}) {
    auto machine = tests::machine(name, 5, 0);
    machine.faults = {trips(40'000, 200, false)};
    machines.push_back(std::move(machine));
  }
  const auto estimate = throughput(tests::line_of(std::move(machines), 3), 40'000, true);
  const double theory = 1 / 5.0 / (1 + 3 * 200.0 / 40'000);
  INFO("simulated " << estimate.mean << " +- " << estimate.error << ", theory " << theory);
  CHECK(std::abs(estimate.mean / theory - 1) < 2e-3);
}
