// SPDX-License-Identifier: Apache-2.0
// A scenario file to a verdict: simulate every seed, replay each trace through the same watch as
// the live plugin's, judge.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "inference/forecaster.hpp"
#include "plugin/core/watch.hpp"
#include "sim/text/files.hpp"
#include "sim/verdict/verdict.hpp"
#include "sim/worker/client.hpp"

namespace foreline::host {

/// `only_seed`: this seed instead of all. The forecaster may be null when no alarm is expected.
/// `event_limit`: a trial that passes it ends as runaway; 0: the trials' own.
[[nodiscard]] line::Result<std::vector<verdict::SeedResult>> run_scenario(
    const text::Scenario& scenario, std::optional<std::uint64_t> only_seed, worker::Client& client,
    const std::shared_ptr<const inference::Forecaster>& forecaster, const core::WatchRules& rules,
    std::uint64_t event_limit = 0);

/// Whether the scenario's expectations need forecasts.
[[nodiscard]] bool expects_alarms(const text::Scenario& scenario);

/// What the watch says of a trace.
[[nodiscard]] std::vector<line::AlarmEvent> alarms_of(
    const line::Trial& trial, const line::Outcome& outcome,
    const std::shared_ptr<const inference::Forecaster>& forecaster, const core::WatchRules& rules);

/// Scenario files named by paths; a folder stands for the .toml files in it.
[[nodiscard]] line::Result<std::vector<std::filesystem::path>> scenario_files(
    const std::vector<std::string>& paths);

}  // namespace foreline::host
