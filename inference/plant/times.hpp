// SPDX-License-Identifier: Apache-2.0
// Times as plants write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace foreline::plant {

/// `iso` stands for all dates that can be read in one way only: "2026-01-31", "20260131T0815",
/// "31-Jan-2026", "Jan 31, 2026", "2026年1月31日"; the others are "31/01/2026" and "01/31/2026".
enum class TimeFormat { number, iso, day_month_year, month_day_year };

/// A time in seconds, minutes and so on, as `unit` says (dates: since 1970, in UTC unless they say
/// their zone). Nothing when the text is no such time, or no day of the calendar.
[[nodiscard]] std::optional<double> parse_time(std::string_view text, TimeFormat format,
                                               const std::string& unit);
/// Seconds of a unit of time; 0 for units that are no time ("cycle").
[[nodiscard]] double seconds_of(const std::string& unit);

}  // namespace foreline::plant
