// SPDX-License-Identifier: Apache-2.0
#include "sim/select/scenario_set.hpp"

#include <array>

#include "sim/line/random.hpp"

namespace foreline::select {

std::string_view name_of(ScenarioSet set) {
  constexpr std::array<std::string_view, 4> names = {"search", "selection", "gate", "report"};
  return names.at(static_cast<std::size_t>(set));
}

std::uint64_t scenario_seed(std::uint64_t base, ScenarioSet set, std::uint64_t number) {
  const auto word =
      line::random_word(base, static_cast<std::uint32_t>(set), line::Purpose::planning, number);
  return (word >> 2U) | (static_cast<std::uint64_t>(set) << 62U);
}

ScenarioSet set_of(std::uint64_t scenario_seed) {
  return static_cast<ScenarioSet>(scenario_seed >> 62U);
}

std::vector<std::uint64_t> scenario_seeds(std::uint64_t base, ScenarioSet set, std::size_t count) {
  std::vector<std::uint64_t> seeds;
  for (std::size_t i = 0; i < count; ++i) seeds.push_back(scenario_seed(base, set, i));
  return seeds;
}

}  // namespace foreline::select
