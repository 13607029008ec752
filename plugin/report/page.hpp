// SPDX-License-Identifier: Apache-2.0
// The story of one run as one self-contained page: no script, no outside file, drawings as SVG.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/line/result.hpp"

namespace foreline::report {

/// A story as `foreline demo` writes it (report.json). Missing parts are left out of the page.
[[nodiscard]] line::Result<std::string> page_of(const nlohmann::ordered_json& story);

}  // namespace foreline::report
