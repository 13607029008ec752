// SPDX-License-Identifier: Apache-2.0
// Costs of schedules whose true means are known, on common futures.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/line/distribution.hpp"
#include "sim/line/random.hpp"

namespace foreline::tests {

/// A standard normal draw for this place.
inline double normal(std::uint64_t seed, std::uint32_t who, std::uint64_t future) {
  return line::normal_quantile(line::random_uniform(seed, who, line::Purpose::scenario, future));
}

/// Cost in one future: mean 100, spread 20, correlation `common` between schedules.
inline double cost(std::uint64_t seed, std::uint32_t who, std::uint64_t future, double mean = 100,
                   double common = 0.9) {
  return mean + 20 * (std::sqrt(common) * normal(seed, 1'000'000, future) +
                      std::sqrt(1 - common) * normal(seed, who, future));
}

inline std::vector<double> costs(std::uint64_t seed, std::uint32_t who, std::size_t count,
                                 double mean = 100, double common = 0.9) {
  std::vector<double> all;
  for (std::size_t f = 0; f < count; ++f) all.push_back(cost(seed, who, f, mean, common));
  return all;
}

}  // namespace foreline::tests
