// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/trees.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <cmath>
#include <limits>
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
  if (!rules.classify) {
    double mean = 0;
    for (const auto label : labels)
      mean += static_cast<double>(label) / static_cast<double>(labels.size());
    if (XGBoosterSetParam(trees.state_->booster, "base_score", fmt::format("{}", mean).c_str()) !=
        0)
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
  if (rows.empty()) return {};
  const Matrix matrix(rows, width);
  bst_ulong count = 0;
  const float* values = nullptr;
  if (matrix.failed != 0 ||
      XGBoosterPredict(state_->booster, matrix.handle, 0, 0, 0, &count, &values) != 0)
    throw std::runtime_error(std::string("XGBoost: ") + XGBGetLastError());
  return {values, values + count};
}

std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t hash = 1469598103934665603ULL;  // FNV-1a
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return hash;
}

std::string Trees::bytes() const {
  bst_ulong length = 0;
  const char* start = nullptr;
  if (XGBoosterSaveModelToBuffer(state_->booster, R"({"format": "ubj"})", &length, &start) != 0)
    throw std::runtime_error(std::string("XGBoost: ") + XGBGetLastError());
  return {start, start + length};
}

}  // namespace foreline::plant
