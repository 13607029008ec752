// SPDX-License-Identifier: Apache-2.0
// Permutation flow shops with set-ups between jobs, releases, or sums over the jobs as objective:
// iterated greedy (Ruiz, Stuetzle 2008; Pan, Ruiz 2012). Insertion is accelerated by heads and
// tails where the objective is the makespan and there is room between machines; else the heads of
// what comes before are kept and a sequence is given up as soon as it is worse.
#pragma once

#include <cstdint>

#include "sim/search/budget.hpp"
#include "sim/search/problem.hpp"

namespace foreline::search {

/// The best sequence found within the budget; with `construct` alone the first one built.
[[nodiscard]] FlowShopAnswer solve_general(const FlowShop& shop, const Budget& budget,
                                           std::uint64_t seed, Statistics* statistics,
                                           bool construct);

}  // namespace foreline::search
