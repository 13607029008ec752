// SPDX-License-Identifier: Apache-2.0
// Probability distributions by inverse transform: one uniform number in, one value out. Inverse
// transform keeps common random numbers synchronised, which rejection sampling would not.
#pragma once

#include <string_view>

namespace foreline::line {

/// A distribution of a non-negative quantity (a time in seconds, unless the field says otherwise).
struct Distribution {
  enum class Kind { deterministic, exponential, normal, lognormal, weibull, triangular, uniform };
  Kind kind = Kind::deterministic;
  double mean = 0;    ///< Mean; the mode for triangular, before truncation for normal.
  double spread = 0;  ///< Standard deviation (normal, lognormal) or shape (weibull); else unused.
  double low = 0;     ///< Lower end (triangular, uniform).
  double high = 0;    ///< Upper end (triangular, uniform).

  [[nodiscard]] static Distribution constant(double value) {
    return {Kind::deterministic, value, 0, 0, 0};
  }

  /// The value below which a share `u` of all draws lies. u in (0, 1). normal is truncated at 0.
  [[nodiscard]] double quantile(double u) const;

  /// The expected value (of the untruncated normal).
  [[nodiscard]] double expectation() const;

  friend bool operator==(const Distribution&, const Distribution&) = default;
};

/// "weibull" and so on, as line files spell it.
[[nodiscard]] std::string_view name_of(Distribution::Kind kind);

/// The quantile of the standard normal distribution (Wichura 1988, AS 241). u in (0, 1).
[[nodiscard]] double normal_quantile(double u);

}  // namespace foreline::line
