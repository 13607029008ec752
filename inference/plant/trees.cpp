// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/trees.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace foreline::plant {

using line::Error;
using line::Result;

namespace {

/// A matrix of XGBoost that frees itself.
struct Matrix {
  DMatrixHandle handle = nullptr;
  int failed = 0;
  Matrix(std::span<const float> rows, std::size_t width) {
    // One thread: more of them wait for each other by spinning, which a busy machine pays for
    // dearly.
    failed = XGDMatrixCreateFromMat_omp(rows.data(), width == 0 ? 0 : rows.size() / width, width,
                                        std::numeric_limits<float>::quiet_NaN(), &handle, 1);
  }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() {
    if (handle != nullptr) XGDMatrixFree(handle);
  }
};

}  // namespace

struct Trees::State {
  BoosterHandle booster = nullptr;
  std::once_flag walkable;
  GrownTrees walked;  ///< Once walkable.
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (booster != nullptr) XGBoosterFree(booster);
  }
};

Result<Trees> Trees::fit(std::span<const float> rows, std::size_t width,
                         std::span<const float> labels, const TreeRules& rules,
                         std::span<const float> weights) {
  const auto refuse = [] { return Error(fmt::format("XGBoost: {}", XGBGetLastError())); };
  Matrix matrix(rows, width);
  if (matrix.failed != 0) return refuse();
  if (XGDMatrixSetFloatInfo(matrix.handle, "label", labels.data(), labels.size()) != 0)
    return refuse();
  if (!weights.empty() &&
      XGDMatrixSetFloatInfo(matrix.handle, "weight", weights.data(), weights.size()) != 0)
    return refuse();
  Trees trees;
  trees.state_ = std::make_shared<State>();
  if (XGBoosterCreate(&matrix.handle, 1, &trees.state_->booster) != 0) return refuse();
  const std::pair<const char*, std::string> parameters[] = {
      {"booster", "gbtree"},
      {"tree_method", rules.exact ? "exact" : "hist"},
      {"objective", rules.classify ? "binary:logistic" : "reg:squarederror"},
      {"eta", fmt::format("{}", rules.rate)},
      {"max_depth", fmt::format("{}", rules.depth)},
      {"subsample", fmt::format("{}", rules.row_share)},
      {"colsample_bytree", fmt::format("{}", rules.column_share)},
      {"min_child_weight", fmt::format("{}", rules.child_weight)},
      {"seed", fmt::format("{}", rules.seed)},
      {"nthread", fmt::format("{}", rules.threads)},
      {"max_bin", "128"},
      {"verbosity", "0"}};
  for (const auto& [name, value] : parameters)
    if (XGBoosterSetParam(trees.state_->booster, name, value.c_str()) != 0) return refuse();
  if (!rules.classify || rules.from_share) {
    double sum = 0;
    double all = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const double weight =
          weights.empty() || !rules.classify ? 1 : static_cast<double>(weights[i]);
      sum += weight * static_cast<double>(labels[i]);
      all += weight;
    }
    if (XGBoosterSetParam(trees.state_->booster, "base_score",
                          fmt::format("{}", sum / all).c_str()) != 0)
      return refuse();
  }
  for (std::size_t round = 0; round < rules.rounds; ++round)
    if (XGBoosterUpdateOneIter(trees.state_->booster, static_cast<int>(round), matrix.handle) != 0)
      return refuse();
  return trees;
}

Result<Trees> Trees::restore(std::string_view bytes) {
  Trees trees;
  trees.state_ = std::make_shared<State>();
  if (XGBoosterCreate(nullptr, 0, &trees.state_->booster) != 0 ||
      XGBoosterLoadModelFromBuffer(trees.state_->booster, bytes.data(), bytes.size()) != 0)
    return Error("the trees of this model are damaged", "train it again");
  (void)XGBoosterSetParam(trees.state_->booster, "nthread", "1");
  return trees;
}

std::vector<float> Trees::predict(std::span<const float> rows, std::size_t width) const {
  std::call_once(state_->walkable, [&] { state_->walked = grown(); });
  return state_->walked.answers(rows, width);
}

namespace {

std::string stored(BoosterHandle booster, const char* how) {
  bst_ulong length = 0;
  const char* start = nullptr;
  if (XGBoosterSaveModelToBuffer(booster, how, &length, &start) != 0)
    throw std::runtime_error(std::string("XGBoost: ") + XGBGetLastError());
  return {start, start + length};
}

}  // namespace

std::string Trees::bytes() const {
  return stored(state_->booster, R"({"format": "ubj"})");
}

std::vector<float> GrownTrees::answers(std::span<const float> rows, std::size_t width) const {
  // Several trees at a time, no jump that depends on a row, and the same trees for many rows: a
  // walk waits for memory, not for the one before it.
  constexpr std::size_t trees_together = 8;
  constexpr std::size_t rows_together = 256;
  const Node nothing;
  const auto count = width == 0 ? 0 : rows.size() / width;
  std::vector<float> sums(count, margin);
  for (std::size_t from = 0; from < count; from += rows_together)
    for (std::size_t first = 0; first < roots.size(); first += trees_together) {
      for (std::size_t r = from; r < std::min(count, from + rows_together); ++r) {
        const float* row = &rows[r * width];
        std::array<const Node*, trees_together> at{};
        for (std::size_t t = 0; t < trees_together; ++t)
          at[t] = first + t < roots.size() ? &nodes[roots[first + t]] : &nothing;
        for (std::size_t level = 0; level < depth; ++level)
          for (std::size_t t = 0; t < trees_together; ++t) {
            const auto& node = *at[t];
            const float value = row[node.column];
            const bool below = std::isnan(value) ? node.unknown_below : value < node.value;
            at[t] += below ? std::min(node.upper, 1U) : node.upper;
          }
        for (std::size_t t = 0; t < trees_together; ++t) sums[r] += at[t]->value;
      }
    }
  if (classify)
    for (auto& sum : sums) sum = 1 / (1 + std::exp(-sum));
  return sums;
}

namespace {

/// XGBoost's tree, as its JSON has it.
struct Grown {
  std::vector<std::int32_t> below, above;
  std::vector<std::uint32_t> columns;
  std::vector<float> values;
  std::vector<int> unknown_below;
};

/// Appends what is below `at` in our order; its depth. A tree is as deep as the rules let it grow,
/// so this may recurse.
std::size_t append(const Grown& tree, std::size_t at, std::vector<GrownTrees::Node>& nodes) {
  const auto place = nodes.size();
  nodes.push_back({tree.values[at], 0, 0, false});
  if (tree.below[at] < 0) return 0;
  const auto below = append(tree, static_cast<std::size_t>(tree.below[at]), nodes);
  nodes[place].column = tree.columns[at];
  nodes[place].unknown_below = tree.unknown_below[at] != 0;
  nodes[place].upper = static_cast<std::uint32_t>(nodes.size() - place);
  return 1 + std::max(below, append(tree, static_cast<std::size_t>(tree.above[at]), nodes));
}

}  // namespace

GrownTrees Trees::grown() const {
  const auto all = nlohmann::json::parse(stored(state_->booster, R"({"format": "json"})"));
  const auto& learner = all.at("learner");
  const double base =
      std::stod(learner.at("learner_model_param").at("base_score").get<std::string>());
  const bool classify = learner.at("objective").at("name").get<std::string>() == "binary:logistic";
  GrownTrees grown;
  grown.classify = classify;
  grown.margin = static_cast<float>(classify ? std::log(base / (1 - base)) : base);
  for (const auto& one : learner.at("gradient_booster").at("model").at("trees")) {
    const Grown tree{one.at("left_children").get<std::vector<std::int32_t>>(),
                     one.at("right_children").get<std::vector<std::int32_t>>(),
                     one.at("split_indices").get<std::vector<std::uint32_t>>(),
                     one.at("split_conditions").get<std::vector<float>>(),
                     one.at("default_left").get<std::vector<int>>()};
    grown.roots.push_back(static_cast<std::uint32_t>(grown.nodes.size()));
    grown.depth = std::max(grown.depth, append(tree, 0, grown.nodes));
  }
  return grown;
}

}  // namespace foreline::plant
