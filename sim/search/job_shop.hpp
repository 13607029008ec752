// SPDX-License-Identifier: Apache-2.0
// Job shops, plain and flexible (and hybrid flow shops, as flexible ones): tabu search over block
// moves (Nowicki, Smutnicki 1996; Balas, Vazacopoulos 1998; Zhang et al. 2007) and reassignments
// (Mastrolilli, Gambardella 2000), guided by path relinking between elite schedules (Peng, Lue,
// Cheng 2015).
#pragma once

#include <cstdint>

#include "sim/search/budget.hpp"
#include "sim/search/problem.hpp"

namespace foreline::search {

/// The best schedule found within the budget. Deterministic for a given seed when the budget is a
/// number of evaluations.
[[nodiscard]] JobShopAnswer solve(const JobShop& shop, const Budget& budget, std::uint64_t seed,
                                  Statistics* statistics = nullptr);

/// The same for a hybrid flow shop; begins with an iterated greedy search over permutations.
[[nodiscard]] JobShopAnswer solve(const HybridFlowShop& shop, const Budget& budget,
                                  std::uint64_t seed, Statistics* statistics = nullptr);

}  // namespace foreline::search
