// SPDX-License-Identifier: Apache-2.0
// Values of the watch and the planning as JSON, for events and snapshots.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "plugin/core/alarms.hpp"
#include "plugin/core/gate.hpp"
#include "plugin/core/maintenance_log.hpp"
#include "plugin/core/register_map.hpp"
#include "plugin/store/history.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::attachment {

using Json = nlohmann::ordered_json;

/// On one line, whatever bytes a name or a person's text is made of.
[[nodiscard]] std::string text_of(const Json& json);

[[nodiscard]] Json to_json(const line::Forecast& forecast, const line::Line& line);
[[nodiscard]] Json to_json(const core::AlarmRecord& record);
[[nodiscard]] Json to_json(const core::MaintenanceEntry& entry);
/// What the historian keeps of one; nothing for what says something else.
[[nodiscard]] std::optional<core::MaintenanceEntry> maintenance_from(const store::Happening& event);
/// The sums of each machine of the line, by its name, as the historian keeps them.
[[nodiscard]] Json sums_of(const core::MaintenanceLog& log, const line::Line& line);
/// Of one machine; nothing for what is none of it.
[[nodiscard]] std::optional<core::MaintenanceLog::Summary> sums_from(const Json& json);
[[nodiscard]] Json to_json(const line::Frame& frame, const line::Line& line);
[[nodiscard]] Json to_json(const core::Glance& glance, const line::Line& line);
[[nodiscard]] Json to_json(const line::Schedule& schedule, const line::Line& line,
                           const std::vector<line::Order>& orders);
[[nodiscard]] Json to_json(const std::vector<line::Occupation>& gantt, const line::Line& line,
                           const std::vector<line::Order>& orders);
/// When each order is on each machine: "begin_s" and "end_s" of its work, each P10, P50 and P90.
[[nodiscard]] Json to_json(const std::vector<plan::WorkSpan>& spans, const line::Line& line,
                           const std::vector<line::Order>& orders);
/// Why the gate said so: check, form and values, as pages translate them.
[[nodiscard]] Json said(const core::GateVerdict& verdict);
/// Candidates with intervals, the proof, the gate's checks; of keep and winner one future, when
/// each operation begins and ends, and how likely each order is on time.
[[nodiscard]] Json to_json(const plan::Plan& plan, const plan::Request& request,
                           const core::GateVerdict& verdict);

}  // namespace foreline::attachment
