// SPDX-License-Identifier: Apache-2.0
// The far side of the process wall: reads trials from standard input, forks a child for each,
// writes outcomes to standard output. Single-threaded, and free of SimGrid until after the fork.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/line/branch.hpp"
#include "sim/line/trial.hpp"

namespace foreline::worker {

/// Runs one trial; called in a child that leaves with _exit() afterwards.
using RunTrial = std::function<line::Outcome(const line::Trial&)>;

/// What a child may use before it is ended.
struct ChildLimits {
  std::chrono::milliseconds time{60'000};    ///< Passed: End::timed_out.
  std::uint64_t memory_bytes = 2ULL << 30U;  ///< Of address space. 0: any.
};

/// Serves until standard input ends. Returns the exit status.
[[nodiscard]] int serve_trials(unsigned children, const ChildLimits& limits, const RunTrial& run);

/// Reads one fan from standard input to its end, runs it in this process, writes what came of it to
/// standard output. Returns the exit status.
[[nodiscard]] int serve_fan(const std::function<line::FanOutcome(const line::Fan&)>& run);

/// Runs `run` for 0 .. count-1 in forked copies of this process, `at_once` at a time; the outcomes
/// in order. What a copy does is gone with it; a copy that crashes or hangs is an outcome. The
/// caller must be single-threaded.
[[nodiscard]] std::vector<line::Outcome> in_copies(
    std::size_t count, unsigned at_once, const ChildLimits& limits,
    const std::function<line::Outcome(std::size_t)>& run);

}  // namespace foreline::worker
