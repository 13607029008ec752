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
  for (int tenths = 4; tenths <= 50; ++tenths) {
    const double shape = tenths / 10.0;
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

}  // namespace foreline::inference
