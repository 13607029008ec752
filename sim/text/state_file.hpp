// SPDX-License-Identifier: Apache-2.0
// Where a line stands, as a file: written by `foreline state`, or by whoever knows.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"

namespace foreline::text {

/// A state file (TOML), see docs/planners/state-reference.md. Errors: every mistake of the file,
/// and counts that contradict each other or the line.
[[nodiscard]] line::Result<line::LineNow> read_state_file(const std::filesystem::path& path,
                                                          const line::Line& line,
                                                          const std::vector<line::Order>& orders);

/// The state in the format that read_state_file reads, to the last bit.
[[nodiscard]] std::string state_text(const line::LineNow& now, const line::Line& line,
                                     const std::vector<line::Order>& orders);

}  // namespace foreline::text
