// SPDX-License-Identifier: Apache-2.0
// How good a score is at seeing faults come. Methods are compared at equal false alarms: each gets
// the threshold at which it raises no more than so many a machine-day on the very days it is judged
// on.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "inference/train/examples.hpp"
#include "sim/line/trial.hpp"

namespace foreline::inference {

/// One machine over one day, looked at every minute.
struct MachineDay {
  std::uint32_t day = 0;
  std::vector<double> at_s;
  std::vector<Window> windows;            ///< Beside at_s; not ready ones score 0.
  std::vector<line::FaultRecord> faults;  ///< Of this machine.
  std::vector<std::array<TimeToFault, line::fault_kind_count>>
      truth;  ///< Beside at_s, experiments included.
};

/// The days of one trial, a machine each.
[[nodiscard]] std::vector<MachineDay> machine_days(const line::Trial& trial,
                                                   const line::Outcome& outcome, std::uint32_t day,
                                                   double every_s = 60);

/// Scores of one method: one series a machine-day, beside MachineDay::at_s.
using Scores = std::vector<std::vector<float>>;

struct AlarmProtocol {
  double on_delay_s = 120;   ///< The score stays at or above the threshold for so long.
  double clear_share = 0.6;  ///< The alarm ends below this share of the threshold ...
  double off_delay_s = 600;  ///< ... for so long.
  double lead_s = 1800;      ///< A warning shorter than this is too late ...
  double shown_share = 0.5;  ///< ... or than this share of the time from onset to stop.
  /// An alarm is true when a fault follows within this time, or has begun and is not repaired.
  double sensible_s = 4 * 3600.0;
};

/// What a method achieved on some days.
struct Detection {
  double threshold = 0;
  std::array<std::uint32_t, line::fault_kind_count> faults{};  ///< Failures that could be forecast.
  std::array<std::uint32_t, line::fault_kind_count> warned{};  ///< Of these: in time.
  /// Of these: shown for long enough that the whole lead could be had.
  std::uint32_t slow_faults = 0, slow_warned = 0;
  std::uint32_t false_alarms = 0;
  double machine_days = 0;
  std::vector<double> leads_s;  ///< Of the warned faults.
  /// By day: (failures, warned), for the bootstrap.
  std::vector<std::array<double, 2>> by_day;

  /// Share of the failures that give warning, warned of in time.
  [[nodiscard]] double recall() const;
  [[nodiscard]] double false_alarms_a_day() const;
};

[[nodiscard]] Detection detect(std::span<const MachineDay> days, const Scores& scores,
                               double threshold, const AlarmProtocol& protocol = {});

/// The most sensitive detection with at most `false_alarms_a_day` per machine-day.
[[nodiscard]] Detection detect_at_rate(std::span<const MachineDay> days, const Scores& scores,
                                       double false_alarms_a_day,
                                       const AlarmProtocol& protocol = {});

struct Interval {
  double low = 0;
  double middle = 0;
  double high = 0;
};
/// recall(a) - recall(b) on the same days, 95 % interval by resampling whole days.
[[nodiscard]] Interval recall_difference(const Detection& a, const Detection& b,
                                         std::uint64_t seed = 1);

}  // namespace foreline::inference
