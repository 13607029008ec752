// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "sim/text/document.hpp"

namespace foreline::host {

/// A moment of a line's day, or a length of time, as a word behind an option; nothing below 0.
[[nodiscard]] inline std::optional<double> line_time(std::string_view word) {
  const auto seconds = text::parse_duration(word);
  return seconds && *seconds >= 0 ? seconds : std::nullopt;
}

}  // namespace foreline::host
