// SPDX-License-Identifier: Apache-2.0
// The plant's now as files from which `foreline futures`, `whatif` and `run` begin.
#pragma once

#include <filesystem>

#include "plugin/core/configuration.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"

namespace foreline::attachment {

/// What a file can say of the state: what registers alone cannot be sure of is left out.
[[nodiscard]] line::LineNow sayable(line::LineNow now);

/// Writes now.toml (the state) and plant.toml (a scenario that begins there, with the running
/// schedule) into the folder, each at once and only when it can be read again.
/// Errors: what the reader complains of, or the disk.
[[nodiscard]] line::Result<line::Done> write_twin_files(const std::filesystem::path& folder,
                                                        const core::Configuration& configuration,
                                                        const line::LineNow& now,
                                                        const line::Schedule& running);

}  // namespace foreline::attachment
