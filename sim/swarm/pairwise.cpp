// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/pairwise.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

namespace foreline::swarm {

namespace {

/// Factor and level, twice, the lower factor first.
using Pair = std::array<std::size_t, 4>;

Pair pair_of(std::size_t a, std::size_t level_a, std::size_t b, std::size_t level_b) {
  return a < b ? Pair{a, level_a, b, level_b} : Pair{b, level_b, a, level_a};
}

std::set<Pair> possible_pairs(const std::vector<std::size_t>& levels, const Possible& possible) {
  std::set<Pair> pairs;
  for (std::size_t a = 0; a < levels.size(); ++a)
    for (std::size_t b = a + 1; b < levels.size(); ++b)
      for (std::size_t i = 0; i < levels[a]; ++i)
        for (std::size_t j = 0; j < levels[b]; ++j)
          if (possible(a, i, b, j)) pairs.insert({a, i, b, j});
  return pairs;
}

using Partial = std::vector<std::optional<std::size_t>>;

bool fits(const Partial& chosen, std::size_t factor, std::size_t level, const Possible& possible) {
  for (std::size_t other = 0; other < chosen.size(); ++other) {
    if (!chosen[other] || other == factor) continue;
    const auto pair = pair_of(factor, level, other, *chosen[other]);
    if (!possible(pair[0], pair[1], pair[2], pair[3])) return false;
  }
  return true;
}

/// Fills the factors that are open, each with the level that meets the most missing pairs; false
/// when some factor has no level that fits.
bool complete(Partial& chosen, const std::vector<std::size_t>& levels,
              const std::set<Pair>& missing, const Possible& possible, std::size_t turn) {
  for (std::size_t factor = 0; factor < levels.size(); ++factor) {
    if (chosen[factor]) continue;
    std::optional<std::size_t> best;
    std::size_t most = 0;
    for (std::size_t step = 0; step < levels[factor]; ++step) {
      // Among equals not always the first.
      const auto level = (step + turn) % levels[factor];
      if (!fits(chosen, factor, level, possible)) continue;
      std::size_t gain = 0;
      for (std::size_t other = 0; other < levels.size(); ++other)
        if (chosen[other]) gain += missing.count(pair_of(factor, level, other, *chosen[other]));
      if (!best || gain > most) {
        best = level;
        most = gain;
      }
    }
    if (!best) return false;
    chosen[factor] = best;
  }
  return true;
}

}  // namespace

std::vector<Case> pairwise(const std::vector<std::size_t>& levels, const Possible& possible) {
  auto missing = possible_pairs(levels, possible);
  std::vector<Case> cases;
  while (!missing.empty()) {
    const auto pair = *missing.begin();
    Partial chosen(levels.size());
    chosen[pair[0]] = pair[1];
    chosen[pair[2]] = pair[3];
    if (!complete(chosen, levels, missing, possible, cases.size())) {
      missing.erase(pair);  // these two fit, but nothing fits to both
      continue;
    }
    Case made;
    for (const auto& level : chosen) made.push_back(*level);
    for (std::size_t a = 0; a < made.size(); ++a)
      for (std::size_t b = a + 1; b < made.size(); ++b) missing.erase({a, made[a], b, made[b]});
    cases.push_back(std::move(made));
  }
  return cases;
}

Coverage coverage_of(const std::vector<Case>& cases, const std::vector<std::size_t>& levels,
                     const Possible& possible) {
  auto missing = possible_pairs(levels, possible);
  Coverage coverage;
  coverage.pairs = missing.size();
  for (const auto& made : cases)
    for (std::size_t a = 0; a < made.size(); ++a)
      for (std::size_t b = a + 1; b < made.size(); ++b) missing.erase({a, made[a], b, made[b]});
  coverage.covered = coverage.pairs - missing.size();
  return coverage;
}

}  // namespace foreline::swarm
