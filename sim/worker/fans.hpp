// SPDX-License-Identifier: Apache-2.0
// The near side of forked futures: each fan runs in a foreline-sim process of its own, which forks
// its branches in the middle of the run.
#pragma once

#include <span>
#include <vector>

#include "sim/line/branch.hpp"
#include "sim/worker/client.hpp"

namespace foreline::worker {

/// Runs fans, `options.children` processes at once in all; outcomes in order. A fan that crashes or
/// takes longer than options.trial_limit for every trial it holds is an outcome (crashed, timed
/// out). Errors: foreline-sim cannot be found or started.
[[nodiscard]] line::Result<std::vector<line::FanOutcome>> run_fans(std::span<const line::Fan> fans,
                                                                   Options options);

}  // namespace foreline::worker
