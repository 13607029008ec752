// SPDX-License-Identifier: Apache-2.0
// Another number of repair crews.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/line/line.hpp"
#include "sim/line/result.hpp"

namespace foreline::line {

inline constexpr std::int64_t most_crews = 100;  ///< Of a line.

/// So many crews of the name `group` more (or less, below 0); empty: of the only ones that there
/// are. Error, and nothing is changed: no such crews, several to choose from, or none left.
Result<Done> add_crews(Line& line, std::string_view group, std::int64_t change);

}  // namespace foreline::line
