// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/imagined.hpp"

#include "sim/line/random.hpp"

namespace foreline::plant {

namespace {

constexpr double exchanged_share = 0.35;  ///< Of an item's values ...
constexpr double exchanged_groups = 0.3;  ///< ... and of a moment's groups.
constexpr std::size_t hidden_every = 5;   ///< Moments, of which one has a group unknown.

}  // namespace

std::vector<Machine> ImaginedItems::next(std::size_t count) {
  std::vector<Machine> imagined;
  if (items_.empty()) return imagined;
  const auto width = records_.channels.size();
  const auto one = [&] {
    const auto word = line::random_word(seed_, 14, line::Purpose::training, drawn_++);
    return items_[word % items_.size()];
  };
  for (const auto end = made_ + count; made_ < end; ++made_) {
    auto item = records_.machines[one()];
    item.failures.clear();
    for (std::size_t c = 0; c < width; ++c)
      if (line::random_uniform(seed_, 15, line::Purpose::training, made_ * width + c) <
          exchanged_share)
        item.values[c] = records_.machines[one()].values[c];
    imagined.push_back(std::move(item));
  }
  return imagined;
}

Samples imagined_moments(const Samples& real, std::span<const std::vector<std::size_t>> groups,
                         double soon, std::size_t count, std::uint64_t seed) {
  if (real.size() == 0) return real;
  std::vector<std::size_t> failing;
  for (std::size_t i = 0; i < real.size(); ++i) {
    const auto first = real.any(i);
    if (first.happened && static_cast<double>(first.after) <= soon) failing.push_back(i);
  }
  std::uint64_t draw = 0;
  const auto below = [&](std::size_t n) {
    return line::random_word(seed, 17, line::Purpose::training, draw++) % n;
  };
  std::vector<std::size_t> first;
  for (std::size_t i = 0; i < count; ++i)
    first.push_back(i % 2 == 0 && !failing.empty() ? failing[below(failing.size())]
                                                   : below(real.size()));
  auto imagined = real.picked(first);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto place = i * groups.size() + g;
      if (line::random_uniform(seed, 18, line::Purpose::training, place) >= exchanged_groups)
        continue;
      const auto other = real.status(below(real.size()));
      for (const auto f : groups[g]) imagined.features[i * real.width + f] = other[f];
    }
  for (std::size_t i = 0; i < count && groups.size() > 1; i += hidden_every)
    for (const auto f : groups[below(groups.size())])
      imagined.features[i * real.width + f] = unknown;
  return imagined;
}

}  // namespace foreline::plant
