// SPDX-License-Identifier: Apache-2.0
// Futures forked off a running trial: what is different in each, and how all of them fared.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/line/trial.hpp"

namespace foreline::line {

/// What is different in one future. With nothing different it is the trial's own future to the last
/// bit.
struct Branch {
  std::optional<std::uint64_t> seed;  ///< Draws from here on; remaining lives are drawn anew too.
  std::shared_ptr<const Line> line;   ///< What-if: same machines, products and modes, other values.
  std::optional<Schedule> schedule;   ///< From here on; services that were done stay done.
  std::vector<ScriptedFault> faults;  ///< In addition; an onset in the past begins now.
  std::optional<double> horizon_s;    ///< Instead of the trial's.
};

/// A trial and the futures to fork off it at `at_s`.
struct Fan {
  Trial trial;
  double at_s = 0;
  std::vector<Branch> branches;
  double series_step_s = 0;  ///< Return what came of the trial by each such step; 0: nothing.
};

struct FanOutcome {
  Outcome trial;                  ///< As if nothing had been forked.
  std::vector<Outcome> branches;  ///< One a branch; each counts from the trial's start.
  std::vector<Outcome> series;    ///< By each step while it ran: machines and sums, no orders.
};

}  // namespace foreline::line
