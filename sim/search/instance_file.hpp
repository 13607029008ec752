// SPDX-License-Identifier: Apache-2.0
// The public formats of shop instances, read from text. Every mistake is a diagnostic with its line
// and column. Formats: docs/planners/solve.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/search/problem.hpp"

namespace foreline::search {

enum class Kind : std::uint8_t { flowshop, blocking, hybrid, jobshop, flexible };
[[nodiscard]] std::string_view name_of(Kind kind);
[[nodiscard]] std::optional<Kind> kind_named(std::string_view name);
[[nodiscard]] std::optional<Objective> objective_named(std::string_view name);

/// What the rows of a matrix of times are, where the numbers leave it open.
enum class Rows : std::uint8_t { automatic, machines, jobs };

/// flowshop, blocking: FlowShop; hybrid: HybridFlowShop; jobshop, flexible: JobShop.
using Instance = std::variant<FlowShop, HybridFlowShop, JobShop>;
[[nodiscard]] const std::string& name_of(const Instance& instance);

/// All instances of the text; at least one. `file` is the name for diagnostics; an instance without
/// a name of its own gets the file's stem, and "-2", "-3" ... from the second on.
[[nodiscard]] line::Result<std::vector<Instance>> read_instances(std::string_view text,
                                                                 const std::string& file, Kind kind,
                                                                 Rows rows = Rows::automatic);

}  // namespace foreline::search
