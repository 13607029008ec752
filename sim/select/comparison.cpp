// SPDX-License-Identifier: Apache-2.0
#include "sim/select/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/line/distribution.hpp"
#include "sim/line/random.hpp"

namespace foreline::select {

namespace {

double mean_of(std::span<const double> values) {
  return values.empty() ? 0.0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double variance_of(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(values.size() - 1);
}

double normal_share(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

/// SplitMix64 (Steele, Lea, Flood 2014) as a stream: resampling needs millions of draws.
class Draws {
 public:
  explicit Draws(std::uint64_t seed)
      : state_(line::random_word(seed, 0, line::Purpose::planning, 0x5e1ec7)) {}
  std::size_t below(std::size_t count) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    z ^= z >> 31U;
    return static_cast<std::size_t>(((z >> 32U) * count) >> 32U);
  }

 private:
  std::uint64_t state_;
};

double quantile_of(std::vector<double>& values, double share) {
  const double at = std::clamp(share, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto place = static_cast<std::size_t>(std::floor(at));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place),
                   values.end());
  const double low = values[place];
  if (place + 1 >= values.size()) return low;
  const double high =
      *std::min_element(values.begin() + static_cast<std::ptrdiff_t>(place) + 1, values.end());
  return low + (at - static_cast<double>(place)) * (high - low);
}

}  // namespace

double tail_mean(std::vector<double> costs, double share) {
  if (costs.empty()) return 0;
  const double wanted =
      std::clamp(share * static_cast<double>(costs.size()), 1.0, static_cast<double>(costs.size()));
  const auto whole = static_cast<std::size_t>(wanted);
  const auto last = std::min(costs.size() - 1, whole);
  std::nth_element(costs.begin(), costs.begin() + static_cast<std::ptrdiff_t>(last), costs.end(),
                   std::greater<>());
  const double sum =
      std::accumulate(costs.begin(), costs.begin() + static_cast<std::ptrdiff_t>(whole), 0.0);
  const double part = wanted - static_cast<double>(whole);
  return (sum + (part > 0 ? part * costs[last] : 0.0)) / wanted;
}

double bootstrap_lower(std::span<const double> values, double confidence, std::uint64_t seed,
                       std::size_t resamples) {
  const std::size_t n = values.size();
  const double mean = mean_of(values);
  if (n < 2 || variance_of(values) == 0) return mean;
  std::vector<double> means(resamples);
  Draws draws(seed);
  std::size_t below = 0;
  for (std::size_t b = 0; b < resamples; ++b) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += values[draws.below(n)];
    means[b] = sum / static_cast<double>(n);
    below += means[b] < mean ? 1 : 0;
  }
  const double share = (static_cast<double>(below) + 0.5) / (static_cast<double>(resamples) + 1);
  const double bias = line::normal_quantile(share);
  double cubes = 0;
  double squares = 0;
  for (const double value : values) {
    // Leaving one out moves the mean by (mean - value) / (n - 1).
    const double moved = (value - mean) / static_cast<double>(n - 1);
    cubes += moved * moved * moved;
    squares += moved * moved;
  }
  const double acceleration = cubes / (6 * std::pow(squares, 1.5));
  const double z = bias + line::normal_quantile(1 - confidence);
  return quantile_of(means, normal_share(bias + z / (1 - acceleration * z)));
}

Chance chance_of(std::size_t hits, std::size_t count, double confidence) {
  const auto share = verdict::wilson_interval(hits, count, confidence);
  return {hits, count, share.low, share.high};
}

double correlation_of(std::span<const double> a, std::span<const double> b) {
  const std::size_t n = std::min(a.size(), b.size());
  if (n < 2) return 0;
  const double ma = mean_of(a.first(n));
  const double mb = mean_of(b.first(n));
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < n; ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

Comparison compare(std::span<const double> incumbent, std::span<const double> candidate,
                   const ComparisonOptions& options) {
  Comparison result;
  const std::size_t n = std::min(incumbent.size(), candidate.size());
  incumbent = incumbent.first(n);
  candidate = candidate.first(n);
  result.futures = n;
  result.incumbent_cost = mean_of(incumbent);
  result.candidate_cost = mean_of(candidate);
  std::vector<double> gain(n);
  double halves = 0;
  std::size_t hits = 0;
  for (std::size_t i = 0; i < n; ++i) {
    gain[i] = incumbent[i] - candidate[i];
    halves += gain[i] > 0 ? 1 : gain[i] == 0 ? 0.5 : 0;
    hits += gain[i] > 0 ? 1 : 0;
    result.largest_regret = std::max(result.largest_regret, -gain[i]);
  }
  result.better = chance_of(hits, n, options.confidence);
  result.gain = verdict::interval_of(gain, options.confidence);
  result.gain_lower = result.gain_lower_boot = result.gain.mean;
  if (n == 0) return result;
  result.probability_better = halves / static_cast<double>(n);
  // Bonferroni: the bound holds for the best of several, too.
  const double one_sided =
      1 - (1 - options.confidence) / static_cast<double>(std::max<std::size_t>(1, options.rivals));
  const double spread = std::sqrt(variance_of(gain) / static_cast<double>(n));
  if (n < 2) {
    result.gain_lower = result.gain_lower_boot = -std::numeric_limits<double>::infinity();
  } else if (spread > 0) {
    result.gain_lower = result.gain.mean -
                        verdict::student_quantile(one_sided, static_cast<double>(n - 1)) * spread;
    result.gain_lower_boot = bootstrap_lower(gain, one_sided, options.seed, options.resamples);
  }
  result.gain_share =
      result.incumbent_cost != 0 ? result.gain.mean / std::abs(result.incumbent_cost) : 0;
  result.correlation = correlation_of(incumbent, candidate);
  const double paired = variance_of(gain);
  if (paired > 0)
    result.variance_ratio = (variance_of(incumbent) + variance_of(candidate)) / paired;

  std::vector<double> first(incumbent.begin(), incumbent.end());
  std::vector<double> second(candidate.begin(), candidate.end());
  result.incumbent_tail = tail_mean(first, options.tail_share);
  result.candidate_tail = tail_mean(second, options.tail_share);
  if (result.incumbent_tail > 0)
    result.tail_change = result.candidate_tail / result.incumbent_tail - 1;
  result.tail_change_upper = result.tail_change;
  if (paired > 0 && n >= 2) {
    std::vector<double> changes;
    Draws draws(options.seed + 1);
    for (std::size_t b = 0; b < options.resamples / 4; ++b) {
      for (std::size_t i = 0; i < n; ++i) {
        const auto at = draws.below(n);
        first[i] = incumbent[at];
        second[i] = candidate[at];
      }
      const double tail = tail_mean(first, options.tail_share);
      if (tail > 0) changes.push_back(tail_mean(second, options.tail_share) / tail - 1);
    }
    if (!changes.empty()) result.tail_change_upper = quantile_of(changes, options.confidence);
  }
  return result;
}

void sharpen(Comparison& comparison, std::span<const double> gain, const Control& control,
             const ComparisonOptions& options) {
  const std::size_t n = gain.size();
  if (n < 10 || control.gain.size() != n) return;
  const double variance = variance_of(gain);
  const double control_variance = variance_of(control.gain);
  comparison.model_correlation = correlation_of(gain, control.gain);
  if (variance <= 0 || control_variance <= 0) return;
  const double gain_mean = mean_of(gain);
  const double control_mean = mean_of(control.gain);
  const double slope = comparison.model_correlation * std::sqrt(variance / control_variance);
  double squares = control.exact ? 0 : variance;
  std::vector<double> adjusted(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double residual = gain[i] - gain_mean - slope * (control.gain[i] - control_mean);
    squares += residual * residual;
    adjusted[i] = gain[i] - slope * (control.gain[i] - control.mean);
  }
  const auto count = static_cast<double>(n);
  const double freedom = count - 2;
  const double off = control_mean - control.mean;
  const double error =
      std::sqrt(squares / freedom * (1 / count + off * off / ((count - 1) * control_variance)) +
                slope * slope * control.mean_error * control.mean_error);
  const double half_width =
      verdict::student_quantile((1 + options.confidence) / 2, freedom) * error;
  if (half_width >= comparison.gain.half_width) return;
  comparison.sharpened = true;
  comparison.gain = {gain_mean - slope * off, half_width, n};
  const double one_sided =
      1 - (1 - options.confidence) / static_cast<double>(std::max<std::size_t>(1, options.rivals));
  const double quantile = verdict::student_quantile(one_sided, freedom);
  comparison.gain_lower = comparison.gain.mean - quantile * error;
  // The bootstrap knows the futures that were simulated; the model's own mean and the future that
  // was not seen come on top.
  const double below =
      comparison.gain.mean - bootstrap_lower(adjusted, one_sided, options.seed, options.resamples);
  const double model_error = slope * control.mean_error;
  const double unseen = control.exact ? 0 : variance / freedom / count;
  comparison.gain_lower_boot =
      comparison.gain.mean -
      std::sqrt(below * below + quantile * quantile * (model_error * model_error + unseen));
  if (comparison.incumbent_cost != 0)
    comparison.gain_share = comparison.gain.mean / std::abs(comparison.incumbent_cost);
}

}  // namespace foreline::select
