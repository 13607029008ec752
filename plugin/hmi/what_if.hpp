// SPDX-License-Identifier: Apache-2.0
// What would happen if: the running schedule against an edited one, or an edited line, on the same
// simulated futures from the line's state now. Changes nothing but its own answer.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::hmi {

using Json = nlohmann::ordered_json;

/// An edit as the page sends it, checked against the line as it stands.
struct WhatIf {
  line::Schedule schedule;
  line::Line line;  ///< With other crews, buffers and speeds.
  std::vector<line::ScriptedFault> faults;
  std::vector<std::string> sentences;  ///< What is different, for people.
  std::size_t futures = 20;
};

/// Keys, all optional: "sequence" [order id...], "services" [{"machine", "at_s" | "before_order"}],
/// "faults" [{"machine", "kind", "in_s", "repair_s"}], "crews", "buffers" [{"machine", "places"}],
/// "speeds" [{"machine", "factor"}] (of the cycle time), "futures" (4 to 200). Errors: all mistakes
/// at once.
[[nodiscard]] line::Result<WhatIf> what_if_from(const Json& edit, const plan::Request& now);

/// Simulates both on the same futures: every measure with its interval and the paired difference,
/// likewise what each machine does with its time, each order's finish (P10 to P90, and on-time
/// probability as the middle of its Wilson interval), what late orders lost their time to, when
/// each operation begins and ends, and one future of both as a Gantt. Errors: the worker.
[[nodiscard]] line::Result<Json> answer_of(const WhatIf& asked, const plan::Request& now,
                                           worker::Client& client, const plan::Progress& progress);

}  // namespace foreline::hmi
