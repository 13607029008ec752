// SPDX-License-Identifier: Apache-2.0
// The far side of the process wall: reads trials from standard input, forks a child for each,
// writes outcomes to standard output. Single-threaded, and free of SimGrid until after the fork.
#pragma once

#include <chrono>
#include <functional>

#include "sim/line/trial.hpp"

namespace foreline::worker {

/// Runs one trial; called in a child that leaves with _exit() afterwards.
using RunTrial = std::function<line::Outcome(const line::Trial&)>;

/// Serves until standard input ends. Returns the exit status.
[[nodiscard]] int serve_trials(unsigned children, std::chrono::milliseconds trial_limit,
                               const RunTrial& run);

}  // namespace foreline::worker
