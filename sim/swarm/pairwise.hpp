// SPDX-License-Identifier: Apache-2.0
// Test cases in which every two levels of every two factors meet at least once.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace foreline::swarm {

/// One level a factor.
using Case = std::vector<std::size_t>;

/// Whether two levels of two factors can be in one case.
using Possible = std::function<bool(std::size_t factor_a, std::size_t level_a, std::size_t factor_b,
                                    std::size_t level_b)>;

struct Coverage {
  std::size_t pairs = 0;    ///< That are possible.
  std::size_t covered = 0;  ///< That are in some case.
};

/// Few cases that cover every possible pair: greedily, each case is begun with a pair that is still
/// missing and gets the level of each further factor that adds the most (Cohen et al. 1997, AETG,
/// without its random restarts). Deterministic. `levels`: how many each factor has, all at least 1.
[[nodiscard]] std::vector<Case> pairwise(const std::vector<std::size_t>& levels,
                                         const Possible& possible);

[[nodiscard]] Coverage coverage_of(const std::vector<Case>& cases,
                                   const std::vector<std::size_t>& levels,
                                   const Possible& possible);

}  // namespace foreline::swarm
