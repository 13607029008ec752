// SPDX-License-Identifier: Apache-2.0
// What has been seen of each machine, and the window that the forecaster reads. Training replays
// simulated traces through the same History as the live plugin, so both see the same statistics.
// Only Good samples of a running (Execute) machine feed the statistics; "minutes" of a statistic
// are minutes of running, so a pause does not dilute them. Statistics are robust: trimmed means,
// slopes through medians, spreads from successive differences (which load and product changes don't
// move).
//
// A baseline (level and noise of each signal while the machine runs) is learned once a renewal,
// after a settling time (a cold machine warms up). Until then, and when the watch began in
// mid-life, the line file's normal and noise serve. A renewal does not always renew everything (a
// cleared jam leaves a worn bearing), so a new baseline that is far from the former one is not
// believed.
#pragma once

#include <bitset>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::inference {

inline constexpr float unknown_statistic = std::numeric_limits<float>::quiet_NaN();

/// The statistics of one signal, as deviations from its baseline in healthy units: one unit is
/// sqrt(noise^2 + (3 % of the healthy level above idle)^2), because no load is constant. NaN: not
/// enough samples for this one.
struct SignalStatistics {
  line::SignalKind kind = line::SignalKind::vibration;
  bool known = false;  ///< False: too few Good samples, or stuck; its words are "not known".
  float last = unknown_statistic;          ///< Newest minute of running.
  float mean_short = unknown_statistic;    ///< 5 min.
  float mean_long = unknown_statistic;     ///< 30 min.
  float slope_long = unknown_statistic;    ///< Units per 30 min, least squares over 3-min medians.
  float trend = unknown_statistic;         ///< The 30 min, less the (up to) 4 h before them.
  float spread_last = unknown_statistic;   ///< log2(noise of the last 2 min / baseline noise).
  float spread_short = unknown_statistic;  ///< log2(noise of the last 5 min / baseline noise).
  float spread_ratio = unknown_statistic;  ///< log2(noise of the last 30 min / baseline noise).
  float good_share = 0;  ///< Share of Good, not stuck samples in the last 30 min of line time.
};

/// One healthy unit of a signal as the line file describes it: before a baseline is learned.
[[nodiscard]] double healthy_unit(const line::Signal& signal);

/// By the kind's number.
using FaultKinds = std::bitset<line::fault_kind_count>;

/// What the forecaster reads of one machine at one instant.
struct Window {
  line::MachineId machine;
  double at_s = 0;
  float operating_h = 0;      ///< Operating hours since renewal.
  float execute_share = 0;    ///< Of the last 30 min.
  float missing_share = 1;    ///< Over all signals, last 30 min: not Good, or stuck.
  bool own_baseline = false;  ///< Learned from this machine; false: the line file's normal serves.
  bool ready = false;         ///< At least 5 min of frames, and a minute of running.
  std::string why_not;        ///< When not ready: what is missing.
  FaultKinds kinds;           ///< Faults that the line file gives the machine.
  std::vector<SignalStatistics> signals;  ///< One a Machine::signals entry.
};

class History {
 public:
  explicit History(std::shared_ptr<const line::Line> line);
  History(History&&) noexcept;
  History& operator=(History&&) noexcept;
  ~History();
  /// Frames come in rising time; an older or equal time is ignored. O(signals).
  void add(const line::Frame& frame);
  [[nodiscard]] Window window(line::MachineId machine) const;
  /// Whether a sensor has shown one value for longer than its noise allows: its samples count as
  /// missing.
  [[nodiscard]] bool is_stuck(line::MachineId machine, std::uint32_t signal) const;
  /// Goes on where `former` stood, for machines that are described there as they are here.
  void take_over(History&& former);
  [[nodiscard]] const line::Line& line() const { return *line_; }

 private:
  struct MachineHistory;
  std::shared_ptr<const line::Line> line_;
  std::vector<MachineHistory> machines_;
};

}  // namespace foreline::inference
