// SPDX-License-Identifier: Apache-2.0
// A scenario file to a verdict: simulate every seed, replay each trace through the same watch as
// the live plugin's, judge.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "inference/forecaster.hpp"
#include "plugin/core/watch.hpp"
#include "sim/text/files.hpp"
#include "sim/verdict/verdict.hpp"
#include "sim/worker/client.hpp"

namespace foreline::rehearsal {

/// What is being done, and how much of it: called once a trial, on the caller's thread.
using Step = std::function<void(const std::string& what, std::size_t done, std::size_t all)>;

/// `only_seed`: this seed instead of all. The forecaster may be null when no alarm is expected.
/// `event_limit`: a trial that passes it ends as runaway; 0: the trials' own. What `step` throws
/// passes through. `watch`: alarms are wanted also where none is expected.
[[nodiscard]] line::Result<std::vector<verdict::SeedResult>> run_scenario(
    const text::Scenario& scenario, std::optional<std::uint64_t> only_seed, worker::Client& client,
    const std::shared_ptr<const inference::Forecaster>& forecaster, const core::WatchRules& rules,
    const Step& step, std::uint64_t event_limit = 0, bool watch = false);

/// Whether the scenario's expectations need forecasts.
[[nodiscard]] bool expects_alarms(const text::Scenario& scenario);

/// What the watch says of a trace.
[[nodiscard]] std::vector<line::AlarmEvent> alarms_of(
    const line::Trial& trial, const line::Outcome& outcome,
    const std::shared_ptr<const inference::Forecaster>& forecaster, const core::WatchRules& rules);

}  // namespace foreline::rehearsal
