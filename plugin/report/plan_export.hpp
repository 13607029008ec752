// SPDX-License-Identifier: Apache-2.0
// A plan for those who go on with it: a Gantt chart, tables, a calendar of its services.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "plugin/report/tables.hpp"
#include "sim/line/trial.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::report {

/// The plan's schedule by machine and by order as one SVG file: the bars of one future, behind them
/// from when to when nine of ten futures begin and end each work, when orders are due, now, and
/// the end of the freeze (absent: none).
[[nodiscard]] std::string plan_gantt(const plan::Request& request, const plan::Plan& plan,
                                     std::optional<double> frozen_until_s = {});

/// Orders in their new sequence with their dates and chances, work by machine with its P10 to P90,
/// services, and what was weighed. Times are line time in seconds.
[[nodiscard]] std::vector<Table> plan_tables(const plan::Request& request, const plan::Plan& plan);

/// A moment as "2026-11-30T06:00"; nothing when it is none.
[[nodiscard]] std::optional<std::chrono::sys_seconds> moment_of(const std::string& text);

/// Services of one future as calendar entries (RFC 5545) in local time; `zero` is line time 0.
/// `what` precedes each summary.
[[nodiscard]] std::string calendar_of(const std::vector<line::Occupation>& gantt,
                                      const line::Line& line, const std::string& what,
                                      std::chrono::sys_seconds zero);

}  // namespace foreline::report
