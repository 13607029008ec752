// SPDX-License-Identifier: Apache-2.0
#include "inference/train/growth.hpp"

#include <algorithm>

#include "inference/plant/trees.hpp"
#include "sim/line/random.hpp"

namespace foreline::inference {

using namespace line;

namespace {

/// Share of examples in which signals of one kind are hidden, if the machine has any.
constexpr double hidden_share = 0.25;

/// As if the machine had no signal of this kind.
void hide(TreeRow& row, std::size_t kind) {
  const auto from = row.begin() + static_cast<std::ptrdiff_t>(kind * tree_signal_columns);
  std::fill(from, from + tree_signal_columns, unknown_statistic);
}

}  // namespace

void TreeLessons::add(const Example& example) {
  const auto uniform = [&](std::uint64_t number) {
    return random_uniform(7, 1, Purpose::training, 2 * rows_.size() + number);
  };
  const bool hidden = uniform(0) < hidden_share;
  const auto kind = static_cast<std::size_t>(uniform(1) * signal_kind_count);
  rows_.push_back(tree_row(example.window));
  if (hidden) hide(rows_.back(), kind);
  weights_.push_back(example.weight);
  auto& answers = answers_.emplace_back();
  for (std::size_t k = 0; k < fault_kind_count; ++k) {
    if (!example.window.kinds[k] || static_cast<double>(example.view_s[k]) < tree_horizon_s)
      continue;
    const auto& truth = example.truth[k];
    answers[k] = truth.happened && static_cast<double>(truth.after_s) <= tree_horizon_s
                     ? Answer::fails
                     : Answer::calm;
  }
}

Result<HazardTrees> TreeLessons::grow(std::uint64_t seed, int threads,
                                      const std::function<bool()>& stop) const {
  HazardTrees::Ensembles ensembles;
  for (const auto kind : all_fault_kinds) {
    if (stop && stop()) return Error("stopped before all trees were grown");
    const auto k = static_cast<std::size_t>(kind);
    std::vector<float> rows;
    std::vector<float> labels;
    std::vector<float> weights;
    bool seen = false;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!gives_warning(kind) || answers_[i][k] == Answer::unknown) continue;
      rows.insert(rows.end(), rows_[i].begin(), rows_[i].end());
      labels.push_back(answers_[i][k] == Answer::fails ? 1 : 0);
      weights.push_back(weights_[i]);
      seen = seen || labels.back() > 0;
    }
    if (!seen) continue;
    plant::TreeRules rules;
    rules.seed = seed;
    rules.threads = threads;
    rules.from_share = true;
    auto trees = plant::Trees::fit(rows, tree_columns, labels, rules, weights);
    if (!trees) return trees.error();
    const auto grown = trees->grown();
    ensembles[k].margin = grown.margin;
    for (const auto& node : grown.nodes) {
      const auto column = node.column | (node.unknown_below ? TreeNode::unknown_below : 0U);
      ensembles[k].nodes.push_back(
          {node.value, node.upper == 0 ? TreeNode::leaf : static_cast<std::uint16_t>(column)});
    }
  }
  return HazardTrees::of(std::move(ensembles));
}

}  // namespace foreline::inference
