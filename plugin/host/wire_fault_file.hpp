// SPDX-License-Identifier: Apache-2.0
// Scripts of faults between the soft PLC and its masters, as people write them.
#pragma once

#include <filesystem>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/plc/wire_fault.hpp"

namespace foreline::host {

/// Reads a file of format "foreline wire faults 1"; the annotated sample is
/// plugin/config/rough-wire.toml. All mistakes at once, with their places.
[[nodiscard]] line::Result<std::vector<plc::WireFault>> read_wire_fault_file(
    const std::filesystem::path& path);

}  // namespace foreline::host
