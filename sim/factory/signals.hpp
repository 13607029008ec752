// SPDX-License-Identifier: Apache-2.0
// What the sensors of one machine show: healthy level, load, ambient, damage, noise, and the lies
// of faulty sensors. Randomness is keyed by sample number, so reading twice gives the same value.
#pragma once

#include <array>
#include <limits>
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
  struct Sensor {
    double day_phase = 0;
    double hour_phase = 0;
    double unit = 1;
    double load_period_s = 1;
    double load_phase = 0;
    double short_load_phase = 0;
    double lag_s = 0;
    double level = std::numeric_limits<double>::quiet_NaN();  ///< Lagged; NaN before the first.
    double value = 0;                                         ///< As last shown.
    double read_at_s = std::numeric_limits<double>::quiet_NaN();
  };
  [[nodiscard]] double target(const line::Signal& signal, std::size_t position, double at_s,
                              const Condition& condition) const;
  [[nodiscard]] line::Sample lie(const line::Signal& signal, std::size_t position, double at_s,
                                 double elapsed_s, std::uint64_t sample, double value);
  const line::Trial* trial_;
  line::MachineId machine_;
  std::vector<Sensor> sensors_;
  std::vector<double> faulty_;  ///< What a stuck or slow sensor shows, by SensorFault.
};

/// What damage 0..1 of a fault does to a signal.
struct Response {
  double rise = 0;    ///< Of the level above idle, relative.
  double unrest = 0;  ///< Growth of the noise, relative.
};
[[nodiscard]] Response response(line::FaultKind fault, line::SignalKind signal, double damage);
}  // namespace foreline::factory
