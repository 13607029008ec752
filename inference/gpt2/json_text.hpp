// SPDX-License-Identifier: Apache-2.0
// JSON from files that nobody vouches for.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// Parses a JSON text. The error names file, line and column, and what was expected there. NaN and
/// Infinity are refused, as the standard does, and what is nested more than 100 deep.
[[nodiscard]] line::Result<nlohmann::json> json_from(std::string_view text,
                                                     const std::string& file);

}  // namespace foreline::gpt2
