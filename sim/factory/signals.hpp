// SPDX-License-Identifier: Apache-2.0
// What the sensors of one machine show: healthy level, load, ambient, damage, noise, and the lies
// of faulty sensors. Randomness is keyed by sample number, so reading twice gives the same value.
#pragma once

#include <array>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"
#include "sim/line/trial.hpp"

namespace foreline::factory {

/// What the sensors look at.
struct Condition {
  bool running = false;  ///< The machine has worked in this sample period.
  std::uint32_t product = 0;
  double cycle_s = 0;  ///< The last measured cycle time; 0 before the first.
  std::array<double, line::fault_kind_count> damage{};  ///< 0 healthy .. 1 failed, by FaultKind.
};

/// The sensors of one machine; keeps the thermal and drive lag between samples.
class Sensors {
 public:
  Sensors(const line::Trial& trial, line::MachineId machine);
  /// Values at `at_s`, `elapsed_s` after the previous sample; `sample` numbers the grid.
  [[nodiscard]] std::vector<line::Sample> read(double at_s, double elapsed_s, std::uint64_t sample,
                                               const Condition& condition);

 private:
  [[nodiscard]] double target(const line::Signal& signal, std::size_t position, double at_s,
                              const Condition& condition) const;
  [[nodiscard]] line::Sample lie(const line::Signal& signal, std::size_t position, double at_s,
                                 std::uint64_t sample, double value);
  const line::Trial* trial_;
  line::MachineId machine_;
  std::vector<double> level_;  ///< Lagged level by signal; NaN before the first sample.
  std::vector<double> stuck_;  ///< Value at which a stuck sensor stays, by SensorFault.
};

/// Slow-down of the work by tool wear: multiplies the cycle time. >= 1.
[[nodiscard]] double slowdown(double tool_damage);
/// Scrap probability that tool wear adds.
[[nodiscard]] double extra_scrap(double tool_damage);

}  // namespace foreline::factory
