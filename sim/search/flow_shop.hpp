// SPDX-License-Identifier: Apache-2.0
// Permutation flow shops, classic and blocking: NEH (Nawaz, Enscore, Ham 1983) and an iterated
// greedy search (Ruiz, Stuetzle 2007) with local search on partial sequences (Dubois-Lacoste,
// Pagnozzi, Stuetzle 2017).
#pragma once

#include <cstdint>

#include "sim/search/budget.hpp"
#include "sim/search/problem.hpp"

namespace foreline::search {

/// NEH: jobs by falling total time, each at its best place; the first of equal places.
[[nodiscard]] FlowShopAnswer neh(const FlowShop& shop, Statistics* statistics = nullptr);

/// The best sequence found within the budget, never worse than NEH's. Deterministic for a given
/// seed when the budget is a number of evaluations.
[[nodiscard]] FlowShopAnswer solve(const FlowShop& shop, const Budget& budget, std::uint64_t seed,
                                   Statistics* statistics = nullptr);

}  // namespace foreline::search
