// SPDX-License-Identifier: Apache-2.0
// Items and moments that might have been: mixed from real ones, to be answered by a model that
// learns quickly from few, so that a network meets the rule behind a handful of failures many times
// (model compression: Bucila, Caruana and Niculescu-Mizil 2006).
#pragma once

#include <cstdint>
#include <span>

#include "inference/plant/samples.hpp"

namespace foreline::plant {

/// Items: each a real one out of `items` (positions in records.machines) with about a third of its
/// values taken from other ones. Their failures are unknown. Deterministic by seed, and the same
/// however many are asked for at a time.
class ImaginedItems {
 public:
  ImaginedItems(const Records& records, std::span<const std::size_t> items, std::uint64_t seed)
      : records_(records), items_(items), seed_(seed) {}
  /// The next `count` items.
  [[nodiscard]] std::vector<Machine> next(std::size_t count);

 private:
  const Records& records_;
  std::span<const std::size_t> items_;
  std::uint64_t seed_;
  std::uint64_t made_ = 0, drawn_ = 0;
};

/// `count` moments: each a real one with some of its groups of features (positions; a signal's, an
/// event's) taken together from other moments, some with a group unknown. Every other one begins
/// with a moment that had a failure within `soon`, if there are any. They have no truth.
/// Deterministic by seed.
[[nodiscard]] Samples imagined_moments(const Samples& real,
                                       std::span<const std::vector<std::size_t>> groups,
                                       double soon, std::size_t count, std::uint64_t seed);

}  // namespace foreline::plant
