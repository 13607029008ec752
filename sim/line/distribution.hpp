// SPDX-License-Identifier: Apache-2.0
// Probability distributions by inverse transform: one uniform number in, one value out. Inverse
// transform keeps common random numbers synchronised, which rejection sampling would not.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace foreline::line {

/// A distribution of a non-negative quantity (a time in seconds, unless the field says otherwise).
struct Distribution {
  enum class Kind {
    deterministic,
    exponential,
    normal,
    lognormal,
    weibull,
    triangular,
    uniform,
    gamma,
    empirical,
  };
  Kind kind = Kind::deterministic;
  double mean = 0;    ///< Mean; the mode for triangular, before truncation for normal.
  double spread = 0;  ///< Standard deviation (normal, lognormal, gamma) or shape (weibull).
  double low = 0;     ///< Lower end (triangular, uniform).
  double high = 0;    ///< Upper end (triangular, uniform).
  std::vector<double> measured = {};  ///< empirical: at least one value, ascending.

  [[nodiscard]] static Distribution constant(double value) {
    return {Kind::deterministic, value, 0, 0, 0};
  }
  /// Values as they were measured, in any order; between them the share grows in a straight line
  /// (Law, Simulation Modeling and Analysis, 5th ed., section 8.3.16). At least one.
  [[nodiscard]] static Distribution of_measured(std::vector<double> values);

  /// The value below which a share `u` of all draws lies. u in (0, 1). normal is truncated at 0:
  /// draws are conditional on being above it.
  [[nodiscard]] double quantile(double u) const;
  /// quantile() of each value, in place: the same numbers, sooner.
  void quantiles(std::span<double> shares) const;

  /// The share of draws at or below `value`: the inverse of quantile(). 0 .. 1.
  [[nodiscard]] double share_below(double value) const;

  /// The expected value (of the untruncated normal).
  [[nodiscard]] double expectation() const;

  friend bool operator==(const Distribution&, const Distribution&) = default;
};

/// "weibull" and so on, as line files spell it.
[[nodiscard]] std::string_view name_of(Distribution::Kind kind);

/// The quantile of the standard normal distribution (Wichura 1988, AS 241). u in (0, 1).
[[nodiscard]] double normal_quantile(double u);

/// The share of the standard gamma distribution of shape `a` > 0 below `x` >= 0: the regularised
/// lower incomplete gamma function, by its series or continued fraction (Press et al., Numerical
/// Recipes, 3rd ed., section 6.2).
[[nodiscard]] double gamma_share(double a, double x);

}  // namespace foreline::line
