// SPDX-License-Identifier: Apache-2.0
// What keeps a model's numbers honest: temperature, blend and intervals from data that it has not
// learned from, the same again without retraining, adaptation as outcomes come in, and the warning
// that the inputs are no longer what they were.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "inference/plant/plant_model.hpp"

namespace foreline::plant {

using line::Done;
using line::Error;
using line::Result;

namespace {

constexpr std::size_t recalibration_moments_min = 50;
constexpr std::size_t drift_moments_min = 50;
constexpr double drift_index = 0.25;  ///< The usual limit of the population stability index.

double clamped(double p) {
  return std::clamp(p, 1e-4, 1 - 1e-4);
}

/// Whether it is known when the failure came, or that it came a fifth of the horizon behind it at
/// most.
bool interval_known(const Samples& samples, std::size_t i, double horizon) {
  const auto truth = samples.any(i);
  return truth.happened && static_cast<double>(truth.after) <= 1.2 * horizon;
}

}  // namespace

void PlantModel::calibrate(const Samples& held, const std::vector<float>& shares,
                           const Answers* trees, const Say& say) {
  // Temperature: the one that surprises least.
  double best = std::numeric_limits<double>::infinity();
  const auto words = bins_.words();
  std::vector<float> row(words);
  for (const double temperature : {1.0, 0.7, 0.8, 0.9, 1.15, 1.3, 1.5, 1.8}) {
    double sum = 0;
    for (std::size_t i = 0; i < held.size() * held.kinds; ++i) {
      double total = 0;
      for (std::size_t b = 0; b < words; ++b)
        total += static_cast<double>(row[b] = std::pow(std::max(shares[i * words + b], 1e-9F),
                                                       static_cast<float>(1 / temperature)));
      for (auto& share : row) share = static_cast<float>(static_cast<double>(share) / total);
      sum += surprise(held.truth[i], row, bins_);
    }
    if (sum < best) {
      best = sum;
      temperature_ = temperature;
    }
  }
  const auto gpt = from_shares(shares, held.size());
  const auto n = horizons_.size();
  // The blend: an even one stays unless another is clearly better, as few machines choose badly.
  if (trees != nullptr) {
    std::vector<Known> known;
    for (std::size_t h = 0; h < n; ++h)
      known.push_back(known_at(held, items() ? 0 : held.kinds, horizons_[h]));
    best = std::numeric_limits<double>::infinity();
    for (const double share : {0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9}) {
      double sum = 0;
      for (std::size_t h = 0; h < n; ++h) {
        for (std::size_t i = 0; i < known[h].samples.size(); ++i) {
          const auto at = known[h].samples[i] * n + h;
          const double p = clamped(share * static_cast<double>(gpt.any[at]) +
                                   (1 - share) * static_cast<double>(trees->any[at]));
          sum -= std::log(known[h].truth[i] != 0 ? p : 1 - p);
        }
      }
      if (sum < best * (share == 0.5 ? 1 : 0.99)) {
        best = sum;
        blend_ = share;
      }
    }
    if (!trees->expected.empty() && !gpt.expected.empty()) {
      best = std::numeric_limits<double>::infinity();
      for (const double share : {0.5, 0.4, 0.6, 0.3, 0.7}) {
        double sum = 0;
        for (std::size_t i = 0; i < held.size(); ++i) {
          const auto truth = held.any(i);
          if (!truth.happened && static_cast<double>(truth.after) < bins_.horizon) continue;
          const double error = share * static_cast<double>(gpt.expected[i]) +
                               (1 - share) * static_cast<double>(trees->expected[i]) -
                               std::min(static_cast<double>(truth.after), bins_.horizon);
          sum += error * error;
        }
        if (sum < best * (share == 0.5 ? 1 : 0.98)) {
          best = sum;
          blend_time_ = share;
        }
      }
    }
    say(fmt::format("blend: {:.0f} % GPT-2 of probabilities, {:.0f} % of times; temperature {:.2f}",
                    100 * blend_, 100 * blend_time_, temperature_));
  }
  const auto blended = trees != nullptr ? mixed(gpt, *trees) : gpt;
  thresholds_.clear();
  for (const auto* answers : {&blended, &gpt, trees}) {
    auto& chosen = thresholds_.emplace_back();
    for (std::size_t h = 0; h < n && answers != nullptr; ++h) {
      const auto known = known_at(held, items() ? 0 : held.kinds, horizons_[h]);
      std::vector<float> p;
      for (const auto i : known.samples) p.push_back(answers->any[i * n + h]);
      chosen.push_back(best_threshold(p, known.truth));
    }
    chosen.resize(n, 0.5);
  }
  if (items()) return;
  // Conformal intervals (CQR, Romano et al. 2019), machines counting alike: of the quantiles the
  // innermost that hold 90 %, which also draws in those that end behind the horizon; if even the
  // outermost hold fewer, they are widened by what is missing.
  std::map<std::uint32_t, double> counts;
  for (std::size_t i = 0; i < held.size(); ++i)
    if (interval_known(held, i, bins_.horizon)) counts[held.machine[i]] += 1;
  for (const double tail : {0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.17, 0.2, 0.25}) {
    const auto before = std::exchange(tail_, tail);
    const auto answers = trees != nullptr ? mixed(from_shares(shares, held.size()), *trees)
                                          : from_shares(shares, held.size());
    std::vector<std::pair<double, std::uint32_t>> scores;
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (!interval_known(held, i, bins_.horizon)) continue;
      const double y = std::min(static_cast<double>(held.any(i).after), bins_.horizon);
      scores.emplace_back(std::max(static_cast<double>(answers.q05[i]) - y,
                                   y - static_cast<double>(answers.q95[i])),
                          held.machine[i]);
    }
    std::sort(scores.begin(), scores.end());
    double mass = 0;
    const double wanted = 0.9 * static_cast<double>(counts.size());
    double missing = 0;
    for (const auto& [score, machine] : scores) {
      mass += 1 / counts[machine];
      if (mass < wanted) continue;
      missing = score;
      break;
    }
    if (tail == 0.05) widening_ = std::max(0.0, missing);
    if (missing > 0) {
      if (tail > 0.05) tail_ = before;
      break;
    }
  }
  say(fmt::format("90 % intervals leave out {:.0f} % at each end, widened by {:.2f} {}",
                  100 * tail_, widening_, schema_.time_unit));
}

void PlantModel::widen(Answers& answers) const {
  const auto horizon = static_cast<float>(bins_.horizon);
  const auto by = static_cast<float>(widening_);
  for (std::size_t i = 0; i < answers.q05.size(); ++i) {
    answers.q05[i] = std::clamp(answers.q05[i] - by, 0.0F, answers.q50[i]);
    // What may come behind the horizon has no end that could move.
    if (answers.q95[i] < horizon)
      answers.q95[i] = std::clamp(answers.q95[i] + by, answers.q50[i], horizon);
  }
}

Result<Done> PlantModel::recalibrate(const Records& prepared, const Samples& samples,
                                     const Say& say) {
  const auto known =
      known_at(samples, items() ? 0 : samples.kinds, horizons_[horizons_.size() / 2]);
  const auto failures =
      static_cast<std::size_t>(std::accumulate(known.truth.begin(), known.truth.end(), 0U));
  if (samples.size() < recalibration_moments_min || failures == 0 || failures == known.truth.size())
    return Error(
        fmt::format("{}: {} moments, {} of them before a failure, are too few to calibrate "
                    "anew on, wanted {} of both sorts",
                    prepared.name, samples.size(), failures, recalibration_moments_min),
        "give records with failures and without");
  if (groves_.empty()) {
    calibrate(samples, gpt_shares(samples), nullptr, say);
  } else {
    const auto trees = from_trees(groves_, samples);
    calibrate(samples, gpt_shares(samples), &trees, say);
  }
  return Done{};
}

void PlantModel::adapt(float low, float high, float truth, double rate) {
  // Of the scores max(low - y, y - high), the widening follows the 90 % quantile: up by 0.9 steps
  // when the interval missed, down by 0.1 when it held (Gibbs and Candes 2021; Angelopoulos,
  // Candes and Tibshirani 2023). The share of misses then tends to 10 % whatever comes.
  const bool missed = truth < low || truth > high;
  widening_ = std::clamp(widening_ + rate * bins_.horizon * (missed ? 0.9 : -0.1), -bins_.horizon,
                         bins_.horizon);
}

std::vector<std::vector<float>> PlantModel::shares_of_levels(const Samples& samples) const {
  std::vector<std::vector<float>> shares(words_.features().size());
  for (std::size_t f = 0; f < shares.size(); ++f)
    if (words_.level_count(f) > 0) shares[f].resize(words_.level_count(f) + 1);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto levels = words_.levels(samples.status(i));
    for (std::size_t f = 0; f < shares.size(); ++f)
      if (!shares[f].empty()) shares[f][levels[f]] += 1 / static_cast<float>(samples.size());
  }
  return shares;
}

std::vector<Drift> PlantModel::drift(const Samples& samples) const {
  std::vector<Drift> drifted;
  if (samples.size() < drift_moments_min) return drifted;
  const auto now = shares_of_levels(samples);
  for (std::size_t f = 0; f < now.size(); ++f) {
    const auto& feature = words_.features()[f];
    if (feature.statistic != "last" || now[f].empty() || level_shares_[f].size() != now[f].size())
      continue;
    // Eight bands of levels, and "unknown": finer ones would measure the size of the sample.
    const auto levels = now[f].size() - 1;
    const auto bands = std::min<std::size_t>(8, levels);
    std::vector<double> then_share(bands + 1), now_share(bands + 1);
    for (std::size_t level = 0; level <= levels; ++level) {
      const auto b = level == levels ? bands : level * bands / levels;
      then_share[b] += static_cast<double>(level_shares_[f][level]);
      now_share[b] += static_cast<double>(now[f][level]);
    }
    double index = 0;
    for (std::size_t b = 0; b <= bands; ++b) {
      const double p = std::max(then_share[b], 1e-3);
      const double q = std::max(now_share[b], 1e-3);
      index += (q - p) * std::log(q / p);
    }
    if (index > drift_index) drifted.push_back({feature.group, index});
  }
  std::sort(drifted.begin(), drifted.end(),
            [](const Drift& a, const Drift& b) { return a.index > b.index; });
  return drifted;
}

}  // namespace foreline::plant
