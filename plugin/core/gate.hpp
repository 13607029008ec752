// SPDX-License-Identifier: Apache-2.0
// Whether a schedule may be proposed to people. Each check can refuse and says why with its
// numbers; nothing overrides the gate. Pure.
#pragma once

#include <string>
#include <vector>

#include "sim/line/schedule.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::core {

struct GateRules {
  double least_gain_share = 0.01;         ///< Lower bound of the gain over the cost of keeping.
  double least_probability_better = 0.6;  ///< Share of futures in which it is better.
  double largest_tail_growth = 0.05;      ///< Of the mean cost of the worst tenth of futures.
  double oldest_forecast_s = 900;         ///< Line time.
  double largest_missing_share = 0.3;     ///< Of the input of the machine at risk.
  double largest_moved_share = 0.8;       ///< Orders not started that change their place.
  double hold_off_s = 1800;               ///< After a deployment.
};

/// All that the gate looks at.
struct GateInput {
  const plan::Request* request = nullptr;
  const plan::Plan* plan = nullptr;
  bool connected = false;
  double now_s = 0;           ///< Line time of the decision.
  double forecast_at_s = 0;   ///< Of the forecast that the futures used.
  double missing_share = 0;   ///< Of the machine at risk.
  double deployed_at_s = -1;  ///< Last deployment; -1: none.
  bool may_write = false;
  bool audit_works = false;
};

struct Check {
  std::string name;  ///< "gain"
  bool passed = false;
  std::string text;  ///< What was found, with numbers.
};

struct GateVerdict {
  bool passed = false;
  std::string reason;  ///< One sentence: the gain when passed, else the first refusal.
  std::vector<Check> checks;
};

[[nodiscard]] GateVerdict judge(const GateInput& input, const GateRules& rules);

/// Whether a schedule that the gate has passed can still be deployed on the line as it stands now;
/// empty when it can, else why not. Run again right before the write.
[[nodiscard]] std::vector<std::string> complaints_now(const line::Schedule& schedule,
                                                      const plan::Request& request,
                                                      const line::LineNow& now,
                                                      const line::Schedule& active);

}  // namespace foreline::core
