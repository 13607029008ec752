// SPDX-License-Identifier: Apache-2.0
#include "inference/baselines/baselines.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace foreline::inference {

using namespace line;

namespace {

struct View {
  double from_h = 0;
  double until_h = 0;
  double weight = 1;
  bool happened = false;
};

View first_fault(const Example& example) {
  constexpr float view_s = 3600;
  TimeToFault first{view_s, false};
  for (const auto kind : all_fault_kinds) {
    const auto& truth = example.truth[static_cast<std::size_t>(kind)];
    if (gives_warning(kind) && truth.after_s < first.after_s) first = truth;
  }
  const double age_h = std::max(static_cast<double>(example.window.operating_h), 1e-3);
  return {age_h, age_h + first.after_s / 3600.0, example.weight, first.happened};
}

constexpr std::size_t signal_columns = 9;
constexpr std::size_t width = signal_kind_count * signal_columns + 4 + fault_kind_count;

/// A window as trees read it: of several signals of a kind, the one farthest from its baseline.
void append(std::vector<float>& rows, const Window& window) {
  const auto from = rows.size();
  rows.resize(from + width, unknown_statistic);
  std::array<float, signal_kind_count> farthest{};
  farthest.fill(-1);
  for (const auto& signal : window.signals) {
    if (!signal.known) continue;
    const auto kind = static_cast<std::size_t>(signal.kind);
    const float far = std::isfinite(signal.mean_short) ? std::abs(signal.mean_short) : 0;
    if (far <= farthest[kind]) continue;
    farthest[kind] = far;
    const std::array<float, signal_columns> columns = {
        signal.last,         signal.mean_short,   signal.mean_long,
        signal.slope_long,   signal.trend,        signal.spread_last,
        signal.spread_short, signal.spread_ratio, signal.good_share};
    std::copy(columns.begin(), columns.end(),
              rows.begin() + static_cast<std::ptrdiff_t>(from + kind * signal_columns));
  }
  auto at = from + signal_kind_count * signal_columns;
  rows[at++] = window.operating_h;
  rows[at++] = window.execute_share;
  rows[at++] = window.missing_share;
  rows[at++] = window.own_baseline ? 1 : 0;
  for (std::size_t k = 0; k < fault_kind_count; ++k) rows[at++] = window.kinds[k] ? 1 : 0;
}

}  // namespace

float deviation_score(const Window& window) {
  float highest = 0;
  for (const auto& signal : window.signals)
    if (signal.known && std::isfinite(signal.mean_short))
      highest = std::max(highest, std::abs(signal.mean_short));
  return highest;
}

float Cusum::add(const Window& window) {
  if (window.operating_h < operating_h_ || sums_.size() != window.signals.size())
    sums_.assign(window.signals.size(), {0, 0});
  operating_h_ = window.operating_h;
  float highest = 0;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const auto& signal = window.signals[i];
    auto& [above, below] = sums_[i];
    if (signal.known && std::isfinite(signal.last)) {
      above = std::max(0.0F, above + signal.last - allowance);
      below = std::max(0.0F, below - signal.last - allowance);
    }
    highest = std::max({highest, above, below});
  }
  return highest;
}

AgeHazard AgeHazard::fit(std::span<const Example> examples) {
  std::vector<View> views;
  double events = 0;
  for (const auto& example : examples) {
    views.push_back(first_fault(example));
    if (views.back().happened) events += views.back().weight;
  }
  AgeHazard best;
  if (events <= 0) return best;
  double best_likelihood = -std::numeric_limits<double>::infinity();
  for (double shape = 0.4; shape < 5.01; shape += 0.1) {
    double exposure = 0;
    double log_ages = 0;
    for (const auto& view : views) {
      exposure += view.weight * (std::pow(view.until_h, shape) - std::pow(view.from_h, shape));
      if (view.happened) log_ages += view.weight * std::log(view.until_h);
    }
    // For a given shape the likelihood peaks at scale^-shape = events / exposure.
    const double rate = events / exposure;
    const double likelihood =
        events * (std::log(shape) + std::log(rate)) + (shape - 1) * log_ages - events;
    if (likelihood > best_likelihood) {
      best_likelihood = likelihood;
      best.shape_ = shape;
      best.scale_h_ = std::pow(rate, -1 / shape);
    }
  }
  return best;
}

float AgeHazard::probability(const Window& window, double horizon_s) const {
  const double age_h = std::max(static_cast<double>(window.operating_h), 0.0);
  const double until_h = age_h + horizon_s / 3600 * static_cast<double>(window.execute_share);
  const double hazard = std::pow(until_h / scale_h_, shape_) - std::pow(age_h / scale_h_, shape_);
  return static_cast<float>(1 - std::exp(-hazard));
}

Result<TreeHazard> TreeHazard::fit(std::span<const Example> examples, double horizon_s,
                                   std::uint64_t seed, int threads) {
  TreeHazard hazard;
  for (const auto kind : all_fault_kinds) {
    if (!gives_warning(kind)) continue;
    const auto k = static_cast<std::size_t>(kind);
    std::vector<float> rows;
    std::vector<float> labels;
    std::vector<float> weights;
    bool seen = false;
    for (const auto& example : examples) {
      const auto& truth = example.truth[k];
      const bool soon = static_cast<double>(truth.after_s) <= horizon_s;
      if (!example.window.kinds[k] || (soon && !truth.happened)) continue;
      append(rows, example.window);
      labels.push_back(soon ? 1 : 0);
      weights.push_back(example.weight);
      seen = seen || soon;
    }
    if (!seen) continue;
    plant::TreeRules rules;
    rules.seed = seed;
    rules.threads = threads;
    auto trees = plant::Trees::fit(rows, width, labels, rules, weights);
    if (!trees) return trees.error();
    hazard.trees_[k] = std::move(*trees);
  }
  return hazard;
}

std::vector<std::array<float, fault_kind_count>> TreeHazard::probabilities(
    std::span<const Window> windows) const {
  std::vector<float> rows;
  for (const auto& window : windows) append(rows, window);
  std::vector<std::array<float, fault_kind_count>> all(windows.size());
  for (std::size_t k = 0; k < fault_kind_count; ++k) {
    if (!trees_[k]) continue;
    const auto answers = trees_[k]->predict(rows, width);
    for (std::size_t i = 0; i < windows.size(); ++i)
      if (windows[i].kinds[k]) all[i][k] = answers[i];
  }
  return all;
}

}  // namespace foreline::inference
