// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/imagined.hpp"

#include "sim/line/random.hpp"

namespace foreline::plant {

namespace {

constexpr double exchanged_share = 0.35;  ///< Of an item's values.

}  // namespace

Records imagined_items(const Records& records, std::span<const std::size_t> items,
                       std::size_t count, std::uint64_t seed) {
  Records imagined = records;
  imagined.machines.clear();
  if (items.empty()) return imagined;
  const auto width = records.channels.size();
  std::uint64_t draw = 0;
  const auto one = [&] {
    const auto word = line::random_word(seed, 14, line::Purpose::training, draw++);
    return items[word % items.size()];
  };
  for (std::size_t i = 0; i < count; ++i) {
    auto item = records.machines[one()];
    item.failures.clear();
    for (std::size_t c = 0; c < width; ++c)
      if (line::random_uniform(seed, 15, line::Purpose::training, i * width + c) < exchanged_share)
        item.values[c] = records.machines[one()].values[c];
    imagined.machines.push_back(std::move(item));
  }
  return imagined;
}

}  // namespace foreline::plant
