// SPDX-License-Identifier: Apache-2.0
#include "sim/line/feeds.hpp"

#include <numeric>
#include <optional>

namespace foreline::line {

std::vector<std::uint32_t> feeds_of(const Line& line) {
  const auto count = static_cast<std::uint32_t>(line.machines.size());
  std::vector<std::uint32_t> group(count);
  std::iota(group.begin(), group.end(), 0U);
  const auto root = [&group](std::uint32_t m) {
    while (group[m] != m) m = group[m] = group[group[m]];
    return m;
  };
  const auto takers = line.takers();
  std::optional<std::uint32_t> last;
  for (std::uint32_t m = 0; m < count; ++m) {
    group[root(m)] = root(line.buffer_of(m));
    if (takers[line.buffer_of(m)] == 0) {
      if (last) group[root(m)] = root(*last);
      last = m;
    }
    if (!line.machines[m].takes.empty()) continue;
    for (const auto input : line.inputs_of(m)) group[root(m)] = root(input);
  }
  for (std::uint32_t m = 0; m < count; ++m) group[m] = root(m);
  return group;
}

}  // namespace foreline::line
