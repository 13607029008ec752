// SPDX-License-Identifier: Apache-2.0
// Gradient-boosted trees (XGBoost) on the same statistics: the opponent of the GPT-2, and its
// partner in the blend.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::plant {

struct TreeRules {
  bool classify = true;  ///< Labels are 0 or 1 and answers probabilities; else least squares.
  std::size_t rounds = 100;
  double rate = 0.1;
  int depth = 5;
  double row_share = 0.7;
  double column_share = 0.5;
  double child_weight = 5;
  bool from_share = false;  ///< Classifiers begin with the share of ones, not with a half.
  bool exact = false;       ///< Any value may split; else 128 quantiles, too coarse for rare ends.
  std::uint64_t seed = 1;
  int threads = 1;
};

/// The trees themselves, to be walked: an answer is `margin` and one leaf of each tree. Trees stand
/// one after the other, each node before those below it, its lower branch next to it.
struct GrownTrees {
  struct Node {
    float value = 0;  ///< Splits: less goes to the lower branch. Leaves: what it adds.
    std::uint32_t column = 0;
    std::uint32_t upper = 0;  ///< Nodes from here to the upper branch; 0 for leaves.
    bool unknown_below = false;
  };
  bool classify = true;
  float margin = 0;  ///< Of trees that classify: log odds.
  std::vector<Node> nodes;
  std::vector<std::uint32_t> roots;
  std::size_t depth = 0;  ///< Splits from a root to a leaf, at most.
  /// What XGBoost says of each row, NaN where nothing is known.
  [[nodiscard]] std::vector<float> answers(std::span<const float> rows, std::size_t width) const;
};

class Trees {
 public:
  /// `rows`: (labels.size() x width), NaN where nothing is known. `weights`: one a row, or
  /// none. An error when XGBoost refuses.
  [[nodiscard]] static line::Result<Trees> fit(std::span<const float> rows, std::size_t width,
                                               std::span<const float> labels,
                                               const TreeRules& rules,
                                               std::span<const float> weights = {});
  [[nodiscard]] static line::Result<Trees> restore(std::string_view bytes);
  /// One answer a row.
  [[nodiscard]] std::vector<float> predict(std::span<const float> rows, std::size_t width) const;
  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] GrownTrees grown() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace foreline::plant
