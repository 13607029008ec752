// SPDX-License-Identifier: Apache-2.0
// Two schedules on the same futures, and what that proves. Costs: less is better. Pure; the
// bootstraps draw from a seed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/verdict/statistics.hpp"

namespace foreline::select {

/// Mean of the worst `share` of the costs (CVaR; Rockafellar and Uryasev 2000), the last of them by
/// its part. 0 for no costs.
[[nodiscard]] double tail_mean(std::vector<double> costs, double share = 0.05);

/// Lower end of a one-sided interval for the mean by the bias-corrected and accelerated bootstrap
/// (Efron 1987). Needs no normal differences, so it is the check of Student's.
[[nodiscard]] double bootstrap_lower(std::span<const double> values, double confidence,
                                     std::uint64_t seed, std::size_t resamples = 2000);

/// A share with Wilson's interval, whose middle is shown to people instead of hits/n: it knows that
/// three of three is not certainty.
struct Chance {
  std::size_t hits = 0;
  std::size_t count = 0;
  double low = 0;
  double high = 1;
  [[nodiscard]] double middle() const { return (low + high) / 2; }
};
[[nodiscard]] Chance chance_of(std::size_t hits, std::size_t count, double confidence = 0.95);

struct ComparisonOptions {
  std::size_t rivals = 1;  ///< Candidates that were compared on these futures (Bonferroni).
  double confidence = 0.95;
  double tail_share = 0.05;
  std::uint64_t seed = 1;
  std::size_t resamples = 2000;  ///< Of the bootstraps; a quarter for the tail.
};

/// The candidate against the incumbent; entry i of both is the cost in future i.
struct Comparison {
  std::size_t futures = 0;
  double incumbent_cost = 0;        ///< Mean.
  double candidate_cost = 0;        ///< Mean.
  verdict::Interval gain;           ///< Of the mean of incumbent - candidate, two-sided.
  double gain_lower = 0;            ///< One-sided lower bound, Student.
  double gain_lower_boot = 0;       ///< The same, BCa bootstrap.
  double gain_share = 0;            ///< Mean gain over the incumbent's mean cost.
  double probability_better = 0.5;  ///< Ties count half.
  Chance better;                    ///< Futures that are strictly better.
  double incumbent_tail = 0;
  double candidate_tail = 0;
  double tail_change = 0;        ///< Candidate's tail over the incumbent's, - 1.
  double tail_change_upper = 0;  ///< One-sided upper bound, percentile bootstrap of pairs.
  double largest_regret = 0;     ///< Most that the candidate costs more in any future; >= 0.
  double correlation = 0;        ///< Of both costs over the futures.
  double variance_ratio = 1;     ///< Variance of an unpaired difference over that of the paired.
  double model_correlation = 0;  ///< Of the gains with a model's; 0: there is none.
  bool sharpened = false;        ///< The bounds of the mean gain are sharpen()'s.
};
/// Both of one length. Identical costs give a gain of exactly 0.
[[nodiscard]] Comparison compare(std::span<const double> incumbent,
                                 std::span<const double> candidate,
                                 const ComparisonOptions& options = {});

/// What a cheap model of the same futures says of the gain.
struct Control {
  std::span<const double> gain;  ///< The model's, future by future.
  double mean = 0;               ///< Of very many other futures of the model.
  double mean_error = 0;         ///< Standard error of that mean.
  bool exact = false;            ///< The model leaves nothing out.
};
/// Bounds of the mean gain again with the model as control variate, where that narrows them: the
/// estimate is mean(gain) - b (mean(control) - control.mean), b by least squares (Lavenberg, Welch
/// 1981). A model that leaves something out is held to be off by a standard deviation of the gain
/// in one more future than were simulated, so that agreement in a few dozen futures is not taken
/// for certainty.
void sharpen(Comparison& comparison, std::span<const double> gain, const Control& control,
             const ComparisonOptions& options = {});

/// Pearson's correlation; 0 when one of them does not vary.
[[nodiscard]] double correlation_of(std::span<const double> a, std::span<const double> b);

}  // namespace foreline::select
