// SPDX-License-Identifier: Apache-2.0
// What was wrong with each signal since the plugin began to watch, by reason. Pure: times are line
// time, arguments.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "inference/history.hpp"
#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::core {

/// Signals follow the machine with a lag when it starts, s.
inline constexpr double settles_after_s = 15;
inline constexpr std::size_t quality_count = 10;

struct SignalTally {
  std::uint64_t samples = 0;  ///< Those that arrived; a sum of the next.
  std::array<std::uint64_t, quality_count> by_quality{};
  std::uint64_t stuck = 0;  ///< Good ones after a sensor had shown one value for too long.
  /// Good ones of the running machine more than six healthy units from the median of the eleven
  /// before them, since it started, and those of them after which the next was back.
  std::uint64_t outliers = 0;
  std::uint64_t spikes = 0;
  std::uint64_t gaps = 0;  ///< Longer than three sample periods without a Good one.
  double longest_gap_s = 0;
  double longest_gap_at_s = -1;  ///< Line time of its begin.
};

class InputQuality {
 public:
  explicit InputQuality(std::shared_ptr<const line::Line> line);
  /// `seen` has taken the frame. A frame whose time falls back begins anew.
  void take(const line::Frame& frame, const inference::History& seen);

  [[nodiscard]] double since_s() const { return since_s_; }  ///< -1: no frame yet.
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  /// Instants of the sampling grid for which nothing arrived.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] const SignalTally& of(std::size_t machine, std::size_t signal) const {
    return machines_.at(machine).signals.at(signal).tally;
  }

 private:
  struct Signal {
    SignalTally tally;
    double unit = 0;  ///< One healthy unit of deviation, as of inference::SignalStatistics.
    double good_s = -1;
    bool gap = false;  ///< One goes on.
    std::deque<float> before;
    std::uint64_t apart = 0;  ///< Outliers without a break.
    void judge(double value);
    void stands();
    void since_good(double at_s, double period_s);
  };
  struct Machine {
    std::vector<Signal> signals;
    double runs_since_s = -1;
  };
  void begin();
  std::shared_ptr<const line::Line> line_;
  std::vector<Machine> machines_;
  double since_s_ = -1;
  double seen_s_ = -1;
  std::uint64_t frames_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace foreline::core
