// SPDX-License-Identifier: Apache-2.0
// Whether an answer is a schedule at all, and what it is worth. Shares no code with the search: it
// knows the problem's definition only, recomputes every time from it, and is as slow as it likes.
#pragma once

#include <string>
#include <vector>

#include "sim/search/problem.hpp"

namespace foreline::search {

/// All mistakes of the answer (a job missing or twice, an overlap, an operation before its
/// predecessor, a machine that is not eligible, a wrong duration, a wrong makespan); empty when it
/// is right.
[[nodiscard]] std::vector<std::string> complaints_about(const FlowShop& shop,
                                                        const FlowShopAnswer& answer);
[[nodiscard]] std::vector<std::string> complaints_about(const JobShop& shop,
                                                        const JobShopAnswer& answer);

/// Start and end of every job on every machine, by the definition of the problem; with blocking,
/// `end` is the departure. The permutation must be one.
[[nodiscard]] std::vector<std::vector<Placed>> times_of(
    const FlowShop& shop, const std::vector<std::int32_t>& permutation);

}  // namespace foreline::search
