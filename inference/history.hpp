// SPDX-License-Identifier: Apache-2.0
// What has been seen of each machine, and the window that the forecaster reads. Training replays
// simulated traces through the same History as the live plugin, so both see the same statistics.
// A baseline (robust mean and spread of each signal while the machine runs) is learned from the
// first Good Execute samples after each renewal and then kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::inference {

/// The statistics of one signal, in units of its own healthy spread (z-scores against the baseline).
struct SignalStatistics {
  line::SignalKind kind = line::SignalKind::vibration;
  bool known = false;      ///< False: too few Good samples; its words are "?".
  float last = 0;          ///< Mean of the newest minute.
  float mean_short = 0;    ///< 5 min.
  float mean_long = 0;     ///< 30 min.
  float slope_long = 0;    ///< Per 30 min, least squares.
  float spread_ratio = 0;  ///< log2(spread of the last 30 min / baseline spread).
  float good_share = 0;    ///< Share of Good samples in the last 30 min.
};

/// What the forecaster reads of one machine at one instant.
struct Window {
  line::MachineId machine;
  double at_s = 0;
  float operating_h = 0;       ///< Operating hours since renewal.
  float execute_share = 0;     ///< Of the last 30 min.
  float missing_share = 1;     ///< Over all signals, last 30 min.
  bool ready = false;          ///< Baseline learned and at least 5 min of frames.
  std::vector<SignalStatistics> signals;  ///< One a Machine::signals entry.
};

class History {
 public:
  explicit History(std::shared_ptr<const line::Line> line);
  /// Frames come in rising time; an older or equal time is ignored. O(signals).
  void add(const line::Frame& frame);
  [[nodiscard]] Window window(line::MachineId machine) const;
  [[nodiscard]] const line::Line& line() const { return *line_; }

 private:
  struct Channel;
  struct MachineHistory;
  std::shared_ptr<const line::Line> line_;
  std::vector<std::shared_ptr<MachineHistory>> machines_;
};

}  // namespace foreline::inference
