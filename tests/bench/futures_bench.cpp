// SPDX-License-Identifier: Apache-2.0
// Futures a second, forked in the middle of a running line of ten machines. One JSON line a length;
// wall seconds hold the start of the process and the run up to the fork.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "sim/worker/fans.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

int main() {
  std::vector<line::Machine> machines;
  for (int m = 0; m < 10; ++m) {
    machines.push_back(tests::machine("m" + std::to_string(m), 1, 10));
    machines.back().cycle = {line::Distribution::Kind::exponential, 1, 0, 0, 0};
    line::FaultMode mode;
    mode.kind = line::FaultKind::motor_trip;
    mode.onset = {line::Distribution::Kind::exponential, 100, 0, 0, 0};
    mode.repair = {line::Distribution::Kind::exponential, 10, 0, 0, 0};
    machines.back().faults = {mode};
  }
  worker::Options options;
  options.executable = tests::simulator();
  options.children = 2;
  for (const double length_s : {1.0, 50.0, 1000.0}) {
    line::Fan fan;
    fan.trial = tests::trial_of(tests::line_of(machines, 2), tests::one_order(1'000'000), 3000);
    fan.trial.random_faults = true;
    fan.at_s = 3000 - length_s;
    fan.branches.resize(length_s > 500 ? 300 : 1000);
    for (std::size_t b = 0; b < fan.branches.size(); ++b) fan.branches[b].seed = b + 1;
    const auto begun = std::chrono::steady_clock::now();
    const auto ran = worker::run_fans(std::span(&fan, 1), options);
    const double spent_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    if (!ran) return 1;
    std::size_t valid = 0;
    for (const auto& branch : (*ran)[0].branches) valid += branch.valid() ? 1 : 0;
    fmt::print(
        "{{\"bench\": \"futures\", \"length_s\": {}, \"branches\": {}, \"valid\": {}, \"wall_s\": "
        "{:.3f}, \"branches_per_s\": {:.1f}}}\n",
        length_s, fan.branches.size(), valid, spent_s, static_cast<double>(valid) / spent_s);
  }
}
