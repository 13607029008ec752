// SPDX-License-Identifier: Apache-2.0
// Job shops of all kinds with set-ups, releases, or sums over the jobs as objective: simulated
// annealing over lists of operations, which a decoder turns into times. Moves turn a pair on a
// longest path of a job that costs (van Laarhoven, Aarts, Lenstra 1992), put an operation
// elsewhere, or on another machine.
#pragma once

#include <cstdint>

#include "sim/search/budget.hpp"
#include "sim/search/problem.hpp"

namespace foreline::search {

[[nodiscard]] JobShopAnswer solve_general(const JobShop& shop, const Budget& budget,
                                          std::uint64_t seed, Statistics* statistics);

}  // namespace foreline::search
