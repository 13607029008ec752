// SPDX-License-Identifier: Apache-2.0
// What alarms ask of an operator, by the measures of ISA-18.2 / IEC 62682. Pure: times are line
// time, arguments.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/line/alarm.hpp"

namespace foreline::hmi {

inline constexpr double load_window_s = 24 * 3600;
inline constexpr double load_interval_s = 600;  ///< Rates are told for ten minutes.
inline constexpr std::size_t flood_over = 10;   ///< More in one interval are a flood.
inline constexpr std::size_t chattering_from = 3;
inline constexpr double chattering_within_s = 60;
inline constexpr double stale_after_s = 24 * 3600;
inline constexpr std::size_t offenders_most = 10;

/// An alarm was raised.
struct Activation {
  double at_s = 0;
  std::string id;
  line::AlarmPriority priority = line::AlarmPriority::low;
  bool forecast = false;  ///< A prediction, which is no alarm.
};

struct AlarmLoad {
  std::size_t raised = 0;
  double per_interval = 0;  ///< Mean.
  std::size_t peak =
      0;  ///< Most in one interval; these follow one another from the window's begin.
  double peak_at_s = 0;
  double flood_share = 0;                                       ///< Share of the intervals.
  std::array<std::size_t, 4> by_priority{};                     ///< low, medium, high, critical.
  std::vector<std::pair<std::string, std::size_t>> offenders;   ///< Most frequent first.
  std::vector<std::pair<std::string, std::size_t>> chattering;  ///< With the most in a minute.
};

/// Of those in (from_s, until_s], in order of time. A window shorter than an interval counts as
/// one.
[[nodiscard]] AlarmLoad load_of(std::span<const Activation> activations, double from_s,
                                double until_s);

}  // namespace foreline::hmi
