// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/trees.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace foreline::plant {

using line::Error;
using line::Result;

namespace {

constexpr std::size_t rows_at_once = 8192;  ///< Of a prediction: XGBoost keeps a copy of each.
constexpr std::size_t rows_walked = 8;  ///< So few that asking XGBoost would be most of the cost.

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
  std::vector<float> answers;
  if (rows.size() <= rows_walked * width) {
    std::call_once(state_->walkable, [&] { state_->walked = grown(); });
    for (std::size_t from = 0; from < rows.size(); from += width)
      answers.push_back(state_->walked.answer(rows.subspan(from, width)));
    return answers;
  }
  for (std::size_t from = 0; from < rows.size(); from += rows_at_once * width) {
    const Matrix matrix(rows.subspan(from, std::min(rows_at_once * width, rows.size() - from)),
                        width);
    bst_ulong count = 0;
    const float* values = nullptr;
    if (matrix.failed != 0 ||
        XGBoosterPredict(state_->booster, matrix.handle, 0, 0, 0, &count, &values) != 0)
      throw std::runtime_error(std::string("XGBoost: ") + XGBGetLastError());
    answers.insert(answers.end(), values, values + count);
  }
  return answers;
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

float GrownTrees::answer(std::span<const float> row) const {
  float sum = margin;
  for (const auto& nodes : trees) {
    std::size_t at = 0;
    while (nodes[at].below >= 0) {
      const auto& node = nodes[at];
      const float value = row[node.column];
      const bool below = std::isnan(value) ? node.unknown_below : value < node.value;
      at = static_cast<std::size_t>(below ? node.below : node.above);
    }
    sum += nodes[at].value;
  }
  return classify ? 1 / (1 + std::exp(-sum)) : sum;
}

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
    const auto below = one.at("left_children").get<std::vector<std::int32_t>>();
    const auto above = one.at("right_children").get<std::vector<std::int32_t>>();
    const auto columns = one.at("split_indices").get<std::vector<std::uint32_t>>();
    const auto values = one.at("split_conditions").get<std::vector<float>>();
    const auto unknown_below = one.at("default_left").get<std::vector<int>>();
    auto& nodes = grown.trees.emplace_back();
    for (std::size_t i = 0; i < values.size(); ++i)
      nodes.push_back({values[i], columns[i], below[i], above[i], unknown_below[i] != 0});
  }
  return grown;
}

}  // namespace foreline::plant
