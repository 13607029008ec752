// SPDX-License-Identifier: Apache-2.0
// A line as people draw it: machines from left to right in the order of flow, buffers, belts and
// transporters between them, ways back for rework.
#pragma once

#include <string>
#include <vector>

#include "sim/line/line.hpp"

namespace foreline::drawing {

/// How many machines a part has passed at the most before it comes to each: the column it stands
/// in.
[[nodiscard]] std::vector<std::size_t> columns_of(const line::Line& line);

/// One row a machine: what it draws from, what it does, what is behind it.
[[nodiscard]] std::string as_text(const line::Line& line);

/// A page of its own (SVG 1.1), readable without fonts or scripts from elsewhere.
[[nodiscard]] std::string as_svg(const line::Line& line);

}  // namespace foreline::drawing
