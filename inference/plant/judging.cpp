// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/judging.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "sim/line/random.hpp"

namespace foreline::plant {

namespace {

std::vector<std::size_t> falling(std::span<const float> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return scores[a] > scores[b]; });
  return order;
}

}  // namespace

double average_precision(std::span<const float> scores, std::span<const std::uint8_t> truth) {
  const auto order = falling(scores);
  const double positives = std::accumulate(truth.begin(), truth.end(), 0.0);
  if (positives == 0) return 0;
  double area = 0;
  double hits = 0;
  double hits_before = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    hits += truth[order[i]];
    if (i + 1 < order.size() && scores[order[i + 1]] == scores[order[i]]) continue;
    area += (hits - hits_before) / positives * hits / static_cast<double>(i + 1);
    hits_before = hits;
  }
  return area;
}

double auroc(std::span<const float> scores, std::span<const std::uint8_t> truth) {
  const auto order = falling(scores);
  const double positives = std::accumulate(truth.begin(), truth.end(), 0.0);
  const double negatives = static_cast<double>(truth.size()) - positives;
  if (positives == 0 || negatives == 0) return 0.5;
  double area = 0;
  double hits = 0;
  for (std::size_t i = 0; i < order.size();) {
    double here = 0;
    double misses = 0;
    std::size_t j = i;
    for (; j < order.size() && scores[order[j]] == scores[order[i]]; ++j)
      (truth[order[j]] != 0 ? here : misses) += 1;
    area += misses * (hits + here / 2);
    hits += here;
    i = j;
  }
  return area / (positives * negatives);
}

double brier(std::span<const float> p, std::span<const std::uint8_t> truth) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double d = static_cast<double>(p[i]) - truth[i];
    sum += d * d;
  }
  return p.empty() ? 0 : sum / static_cast<double>(p.size());
}

double calibration_error(std::span<const float> p, std::span<const std::uint8_t> truth) {
  const auto order = falling(p);
  double error = 0;
  for (std::size_t b = 0; b < 10; ++b) {
    const auto from = order.size() * b / 10;
    const auto until = order.size() * (b + 1) / 10;
    double difference = 0;
    for (auto i = from; i < until; ++i)
      difference += static_cast<double>(p[order[i]]) - truth[order[i]];
    error += std::abs(difference);
  }
  return p.empty() ? 0 : error / static_cast<double>(p.size());
}

double f1(std::span<const float> p, std::span<const std::uint8_t> truth, double threshold) {
  double hits = 0;
  double said = 0;
  double positives = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const bool says = static_cast<double>(p[i]) >= threshold;
    hits += says && truth[i] != 0 ? 1 : 0;
    said += says ? 1 : 0;
    positives += truth[i];
  }
  return said + positives == 0 ? 0 : 2 * hits / (said + positives);
}

double best_threshold(std::span<const float> p, std::span<const std::uint8_t> truth) {
  const auto log_odds = [](double share) {
    const double inside = std::clamp(share, 1e-6, 1 - 1e-6);
    return std::log(inside / (1 - inside));
  };
  const double positives = std::accumulate(truth.begin(), truth.end(), 0.0);
  std::vector<double> odds;
  for (const auto share : p) odds.push_back(log_odds(static_cast<double>(share)));
  if (odds.empty()) return 0.5;
  const auto [lowest, highest] = std::minmax_element(odds.begin(), odds.end());
  constexpr double softness = 0.35;  // of the threshold, in log odds
  double best = 0;
  double threshold = 0.5;
  for (double level = *lowest; level <= *highest; level += 0.1) {
    double said = 0;
    double hits = 0;
    for (std::size_t i = 0; i < odds.size(); ++i) {
      const double warned = 1 / (1 + std::exp((level - odds[i]) / softness));
      said += warned;
      hits += truth[i] != 0 ? warned : 0;
    }
    const double value = 2 * hits / (said + positives);
    if (value > best) {
      best = value;
      threshold = 1 / (1 + std::exp(-level));
    }
  }
  return threshold;
}

double nasa_score(std::span<const float> forecast, std::span<const float> truth) {
  double sum = 0;
  for (std::size_t i = 0; i < forecast.size(); ++i) {
    const double d = static_cast<double>(forecast[i]) - static_cast<double>(truth[i]);
    sum += d < 0 ? std::exp(-d / 13) - 1 : std::exp(d / 10) - 1;
  }
  return sum;
}

double rmse(std::span<const float> forecast, std::span<const float> truth) {
  double sum = 0;
  for (std::size_t i = 0; i < forecast.size(); ++i) {
    const double d = static_cast<double>(forecast[i]) - static_cast<double>(truth[i]);
    sum += d * d;
  }
  return forecast.empty() ? 0 : std::sqrt(sum / static_cast<double>(forecast.size()));
}

Spread mean_by_group(std::span<const double> losses, std::span<const std::uint32_t> group) {
  std::map<std::uint32_t, std::pair<double, double>> groups;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    groups[group[i]].first += losses[i];
    groups[group[i]].second += 1;
  }
  std::vector<std::pair<double, double>> sums;
  double total = 0;
  for (const auto& [id, sum] : groups) {
    sums.push_back(sum);
    total += sum.first;
  }
  Spread spread;
  if (sums.empty()) return spread;
  spread.mean = total / static_cast<double>(losses.size());
  std::vector<double> means;
  for (std::uint32_t resample = 0; resample < 1000; ++resample) {
    double sum = 0;
    double count = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto& drawn =
          sums[line::random_word(5, resample, line::Purpose::training, i) % sums.size()];
      sum += drawn.first;
      count += drawn.second;
    }
    means.push_back(sum / count);
  }
  std::sort(means.begin(), means.end());
  spread.low = means[25];
  spread.high = means[974];
  return spread;
}

Steps::Steps(std::span<const float> scores, std::span<const std::uint8_t> truth) {
  auto order = falling(scores);
  std::reverse(order.begin(), order.end());
  std::vector<std::pair<double, double>> pools;  // (failures, count), rising scores
  std::vector<float> edges;
  for (std::size_t b = 0; b < 20; ++b) {
    const auto from = order.size() * b / 20;
    const auto until = order.size() * (b + 1) / 20;
    if (from == until || (!edges.empty() && scores[order[from]] <= edges.back() && b > 0)) {
      if (!pools.empty())
        for (auto i = from; i < until; ++i) {
          pools.back().first += truth[order[i]];
          pools.back().second += 1;
        }
      continue;
    }
    double failures = 0;
    for (auto i = from; i < until; ++i) failures += truth[order[i]];
    edges.push_back(scores[order[from]]);
    pools.emplace_back(failures, static_cast<double>(until - from));
    while (pools.size() > 1 && pools[pools.size() - 2].first * pools.back().second >=
                                   pools.back().first * pools[pools.size() - 2].second) {
      pools[pools.size() - 2].first += pools.back().first;
      pools[pools.size() - 2].second += pools.back().second;
      pools.pop_back();
      edges.pop_back();
    }
  }
  edges_ = std::move(edges);
  for (const auto& [failures, count] : pools)
    shares_.push_back(static_cast<float>((failures + 0.1) / (count + 1)));
}

Steps Steps::restored(std::vector<float> edges, std::vector<float> shares) {
  Steps steps;
  steps.edges_ = std::move(edges);
  steps.shares_ = std::move(shares);
  steps.shares_.resize(steps.edges_.size());
  return steps;
}

float Steps::probability(float score) const {
  if (shares_.empty()) return 0;
  const auto found = std::upper_bound(edges_.begin(), edges_.end(), score);
  const auto i = found == edges_.begin() ? 0 : found - edges_.begin() - 1;
  return shares_[static_cast<std::size_t>(i)];
}

Weibull Weibull::fit(std::span<const double> lengths, std::span<const std::uint8_t> failed) {
  Weibull best;
  double failures = 0;
  for (const auto f : failed) failures += f;
  if (failures == 0) return best;
  double best_likelihood = -std::numeric_limits<double>::infinity();
  for (double shape = 0.4; shape < 12; shape *= 1.05) {
    double exposure = 0;
    double logs = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const double length = std::max(lengths[i], 1e-9);
      exposure += std::pow(length, shape);
      if (failed[i] != 0) logs += std::log(length);
    }
    // For a given shape the likelihood peaks at scale^-shape = failures / exposure.
    const double rate = failures / exposure;
    const double likelihood =
        failures * (std::log(shape) + std::log(rate)) + (shape - 1) * logs - failures;
    if (likelihood > best_likelihood) {
      best_likelihood = likelihood;
      best = {shape, std::pow(rate, -1 / shape)};
    }
  }
  return best;
}

double Weibull::within(double age, double h) const {
  age = std::max(age, 0.0);
  return 1 - std::exp(std::pow(age / scale, shape) - std::pow((age + h) / scale, shape));
}

}  // namespace foreline::plant
