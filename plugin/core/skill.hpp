// SPDX-License-Identifier: Apache-2.0
// How far forecasts and simulations can be believed, from what came of them on this plant (G5, G6).
// Pure: times are line time, arguments.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <vector>

#include "plugin/core/gate.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/telemetry.hpp"
#include "sim/plan/replay.hpp"

namespace foreline::core {

/// P(the machine stops within the horizon), whatever the kind of fault.
[[nodiscard]] double any_fault_within(const line::Forecast& forecast, const line::Line& line,
                                      double horizon_s);

/// Sums over forecasts whose time has come; those of two periods add up.
struct Scores {
  struct Bin {
    double forecasts = 0;
    double probability = 0;  ///< Sum.
    double failed = 0;
  };
  double squares = 0;  ///< Sum of (probability - what came)^2.
  std::array<Bin, 10> bins{};

  void add(double probability, bool failed);
  void add(const Scores& other);
  [[nodiscard]] double forecasts() const;
  [[nodiscard]] double failures() const;
  /// Brier skill over the mean share that failed, and the expected calibration error; nothing
  /// before so many forecasts and failures.
  [[nodiscard]] std::optional<ForecastRecord> record(std::size_t least_forecasts,
                                                     std::size_t least_failures) const;
};

/// How good a model was on the days it was judged by (evaluation.json in its folder, which
/// `foreline train` writes); nothing when there is no such file. Errors: it says something else.
[[nodiscard]] line::Result<std::optional<ForecastRecord>> evaluation_of(
    const std::filesystem::path& model);

/// Keeps forecasts until it is known what came of them.
class ForecastWatch {
 public:
  /// One forecast of a machine is kept every `every_s`: neighbours say nothing new.
  ForecastWatch(std::size_t machines, double horizon_s, double every_s);
  void take(const std::vector<line::Forecast>& forecasts, const line::Line& line);
  /// A service or a gap ends what cannot be judged any more.
  void take(const line::Frame& frame, double sample_period_s);
  [[nodiscard]] const Scores& scores() const { return scores_; }
  void clear() { scores_ = {}; }

 private:
  struct Waiting {
    double at_s = 0;
    double probability = 0;
  };
  struct Machine {
    std::deque<Waiting> waiting;
    bool held = false;
    std::uint32_t renewals = 0;
    double kept_s = -1e18;
  };
  std::vector<Machine> machines_;
  double horizon_s_;
  double every_s_;
  double seen_s_ = -1;
  Scores scores_;
};

/// Stops as frames show them.
class StopLog {
 public:
  explicit StopLog(std::size_t machines) : since_s_(machines, -1) {}
  void take(const line::Frame& frame);
  /// Those that touch [from_s, until_s]; the open ones end then.
  [[nodiscard]] std::vector<plan::Stop> between(double from_s, double until_s) const;
  /// Those that go on.
  [[nodiscard]] std::vector<plan::Stop> open() const;

 private:
  std::vector<double> since_s_;  ///< -1: runs.
  std::deque<plan::Stop> stops_;
};

/// A stretch of time that was simulated afterwards, and what came.
struct Stretch {
  double from_s = 0;
  double until_s = 0;
  double came = 0;      ///< Parts that left the line.
  double replayed = 0;  ///< The same simulated with the stops as they were.
  double low = 0;       ///< Nine of ten futures that knew nothing of them.
  double high = 0;
  double mean = 0;
  double deviation = 0;
  double event_error_s = 0;  ///< Mean absolute error of when orders finished, with the stops.
  double events = 0;         ///< So many orders.
};
[[nodiscard]] Stretch stretch_of(const plan::Request& request, const plan::Replayed& replayed,
                                 double came, const std::vector<double>& finished_s);

/// Of the last stretches; nothing before there are `least`.
[[nodiscard]] std::optional<TwinRecord> twin_record_of(const std::vector<Stretch>& stretches,
                                                       std::size_t least, double horizon_s);

}  // namespace foreline::core
