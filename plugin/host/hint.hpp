// SPDX-License-Identifier: Apache-2.0
// What to do about an error that another room has found.
#pragma once

#include <string>

#include "sim/line/result.hpp"

namespace foreline::host {

/// The same error with what to do about it, where that is not said yet.
[[nodiscard]] line::Error hinted(line::Error error, const std::string& hint);

/// No plugin answers where one was expected.
[[nodiscard]] line::Error unanswered(line::Error error);

}  // namespace foreline::host
