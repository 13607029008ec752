// SPDX-License-Identifier: Apache-2.0
// Machines between which parts are not assembled: they share the parts that an order releases.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/line/line.hpp"

namespace foreline::line {

/// For each machine a machine that stands for its feed. All that parts leave the line from are one.
[[nodiscard]] std::vector<std::uint32_t> feeds_of(const Line& line);

}  // namespace foreline::line
