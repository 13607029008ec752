// SPDX-License-Identifier: Apache-2.0
// Grows the trees of a model of simulated lines from its training days.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "inference/hazard_trees.hpp"
#include "inference/train/examples.hpp"
#include "sim/line/result.hpp"

namespace foreline::inference {

/// Examples as trees learn from them.
class TreeLessons {
 public:
  /// In some examples the signals of one kind are hidden, so that "not known" is ordinary.
  void add(const Example& example);
  [[nodiscard]] std::size_t size() const { return weights_.size(); }
  /// A model for each kind of fault that gives warning and was seen to come within the horizon.
  /// `stop` ends it with an error.
  [[nodiscard]] line::Result<HazardTrees> grow(std::uint64_t seed, int threads,
                                               const std::function<bool()>& stop = {}) const;

 private:
  enum class Answer : std::int8_t { unknown, calm, fails };
  std::vector<TreeRow> rows_;
  std::vector<std::array<Answer, line::fault_kind_count>> answers_;
  std::vector<float> weights_;
};

}  // namespace foreline::inference
