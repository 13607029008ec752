// SPDX-License-Identifier: Apache-2.0
// Which random futures are used for what. A schedule is never judged on futures that helped to find
// it: the optimiser has fitted those.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace foreline::select {

enum class ScenarioSet : std::uint8_t { search = 0, selection = 1, gate = 2, report = 3 };
[[nodiscard]] std::string_view name_of(ScenarioSet set);

/// The seed of scenario `number` of a set. Sets cannot overlap, whatever the base seed: a seed
/// carries its set in its two highest bits.
[[nodiscard]] std::uint64_t scenario_seed(std::uint64_t base, ScenarioSet set,
                                          std::uint64_t number);
[[nodiscard]] ScenarioSet set_of(std::uint64_t scenario_seed);
[[nodiscard]] std::vector<std::uint64_t> scenario_seeds(std::uint64_t base, ScenarioSet set,
                                                        std::size_t count);

}  // namespace foreline::select
