// SPDX-License-Identifier: Apache-2.0
// Measures of forecasts. Probabilities are judged where the outcome is known; nothing here chooses
// a threshold on the data it judges.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace foreline::plant {

/// Area under the precision-recall curve as average precision; ties count as one threshold.
[[nodiscard]] double average_precision(std::span<const float> scores,
                                       std::span<const std::uint8_t> truth);
/// Area under the ROC curve (Mann-Whitney; ties count half).
[[nodiscard]] double auroc(std::span<const float> scores, std::span<const std::uint8_t> truth);
/// Mean squared error of probabilities (Brier 1950).
[[nodiscard]] double brier(std::span<const float> p, std::span<const std::uint8_t> truth);
/// Expected calibration error over ten bins of equal mass.
[[nodiscard]] double calibration_error(std::span<const float> p,
                                       std::span<const std::uint8_t> truth);
[[nodiscard]] double f1(std::span<const float> p, std::span<const std::uint8_t> truth,
                        double threshold);
/// The threshold with the best F1 (for a part that is not the judged one). It is sought with a soft
/// edge: where the failures are few, the very best threshold is an accident of some of them.
[[nodiscard]] double best_threshold(std::span<const float> p, std::span<const std::uint8_t> truth);
/// Sum over machines of exp(-d/13) - 1 for early, exp(d/10) - 1 for late forecasts d = forecast -
/// truth (Saxena et al. 2008).
[[nodiscard]] double nasa_score(std::span<const float> forecast, std::span<const float> truth);
[[nodiscard]] double rmse(std::span<const float> forecast, std::span<const float> truth);

struct Spread {
  double mean = 0;
  double low = 0;  ///< 95 % interval by resampling groups.
  double high = 0;
};
/// Mean of `losses` with an interval from 1,000 resamples of whole groups (machines).
[[nodiscard]] Spread mean_by_group(std::span<const double> losses,
                                   std::span<const std::uint32_t> group);

/// Scores turned to probabilities by the shares seen in twenty bins of equal mass, made monotone
/// (pool adjacent violators).
class Steps {
 public:
  Steps() = default;
  Steps(std::span<const float> scores, std::span<const std::uint8_t> truth);
  [[nodiscard]] float probability(float score) const;
  [[nodiscard]] const std::vector<float>& edges() const { return edges_; }
  [[nodiscard]] const std::vector<float>& shares() const { return shares_; }
  [[nodiscard]] static Steps restored(std::vector<float> edges, std::vector<float> shares);

 private:
  std::vector<float> edges_, shares_;
};

/// Weibull life by age with censoring: H(a) = (a / scale)^shape. Maximum likelihood over spells
/// (length, ended by failure).
struct Weibull {
  double shape = 1;
  double scale = 1e30;
  [[nodiscard]] static Weibull fit(std::span<const double> lengths,
                                   std::span<const std::uint8_t> failed);
  /// P(failure within h | alive at age).
  [[nodiscard]] double within(double age, double h) const;
};

}  // namespace foreline::plant
