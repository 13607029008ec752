// SPDX-License-Identifier: Apache-2.0
#include "sim/line/distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace foreline::line {

namespace {

template <std::size_t N>
[[gnu::always_inline]] inline double polynomial(const std::array<double, N>& coefficients,
                                                double x) {
  double sum = 0;
  for (std::size_t i = N; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// Algorithm AS 241, PPND16: relative accuracy about 1e-16.
constexpr std::array<double, 8> central_numerator = {
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
    1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
    3.3430575583588128105e4, 2.5090809287301226727e3};
constexpr std::array<double, 8> central_denominator = {1.0,
                                                       4.2313330701600911252e1,
                                                       6.8718700749205790830e2,
                                                       5.3941960214247511077e3,
                                                       2.1213794301586595867e4,
                                                       3.9307895800092710610e4,
                                                       2.8729085735721942674e4,
                                                       5.2264952788528545610e3};
constexpr std::array<double, 8> middle_numerator = {
    1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
    3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr std::array<double, 8> middle_denominator = {1.0,
                                                      2.05319162663775882187e0,
                                                      1.67638483018380384940e0,
                                                      6.89767334985100004550e-1,
                                                      1.48103976427480074590e-1,
                                                      1.51986665636164571966e-2,
                                                      5.47593808499534494600e-4,
                                                      1.05075007164441684324e-9};
constexpr std::array<double, 8> tail_numerator = {
    6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr std::array<double, 8> tail_denominator = {1.0,
                                                    5.99832206555887937690e-1,
                                                    1.36929880922735805310e-1,
                                                    1.48753612908506148525e-2,
                                                    7.86869131145613259100e-4,
                                                    1.84631831751005468180e-5,
                                                    1.42151175831644588870e-7,
                                                    2.04426310338993978564e-15};

[[gnu::always_inline]] inline bool is_central(double q) {
  return std::abs(q) <= 0.425;
}
[[gnu::always_inline]] inline double central_quantile(double q) {
  const double r = 0.180625 - q * q;
  return q * polynomial(central_numerator, r) / polynomial(central_denominator, r);
}

}  // namespace

double normal_quantile(double u) {
  const double q = u - 0.5;
  if (is_central(q)) return central_quantile(q);
  const double r = std::sqrt(-std::log(std::min(u, 1 - u)));
  const double z =
      r <= 5 ? polynomial(middle_numerator, r - 1.6) / polynomial(middle_denominator, r - 1.6)
             : polynomial(tail_numerator, r - 5) / polynomial(tail_denominator, r - 5);
  return q < 0 ? -z : z;
}

double gamma_share(double a, double x) {
  if (x <= 0) return 0;
  const double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a;
    double sum = term;
    for (int n = 1; n < 10'000 && term > sum * 1e-16; ++n) {
      term *= x / (a + n);
      sum += term;
    }
    return std::min(1.0, sum * scale);
  }
  // Lentz's method for the continued fraction of the upper tail.
  constexpr double tiny = 1e-300;
  double b = x + 1 - a;
  double c = 1 / tiny;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < 10'000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (std::abs(d) < tiny ? tiny : d);
    c = b + an / c;
    c = std::abs(c) < tiny ? tiny : c;
    const double step = c * d;
    h *= step;
    if (std::abs(step - 1) < 1e-16) break;
  }
  return std::clamp(1 - scale * h, 0.0, 1.0);
}

namespace {

constexpr std::size_t at_once = 64;

[[gnu::always_inline]] inline void central_quantiles(const double* shares, double* values) {
  for (std::size_t i = 0; i < at_once; ++i) values[i] = central_quantile(shares[i] - 0.5);
}
// The same for wider registers; no product is fused with a sum, so that the results are equal.
using Central = void (*)(const double* shares, double* values);
void plain(const double* shares, double* values) {
  central_quantiles(shares, values);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void wide(const double* shares, double* values) {
  central_quantiles(shares, values);
}
__attribute__((target("avx512f"))) void widest(const double* shares, double* values) {
  central_quantiles(shares, values);
}
Central best() {
  if (__builtin_cpu_supports("avx512f")) return widest;
  return __builtin_cpu_supports("avx2") ? wide : plain;
}
#else
Central best() {
  return plain;
}
#endif

/// normal_quantile() of each value.
void normal_quantiles(std::span<double> shares) {
  static const Central central = best();
  std::array<double, at_once> values;
  for (; shares.size() >= at_once; shares = shares.subspan(at_once)) {
    central(shares.data(), values.data());
    for (std::size_t i = 0; i < at_once; ++i)
      shares[i] = is_central(shares[i] - 0.5) ? values[i] : normal_quantile(shares[i]);
  }
  for (auto& share : shares) share = normal_quantile(share);
}

double normal_share(double z) {
  return 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2);
}

/// The quantile of the standard gamma distribution: Wilson and Hilferty's cube as the start, then
/// Newton steps kept inside a bracket that bisection narrows.
double gamma_quantile(double a, double u) {
  const double z = normal_quantile(u);
  const double cube = 1 - 1 / (9 * a) + z / (3 * std::sqrt(a));
  double x = a * cube * cube * cube;
  if (cube <= 0 || x < 0.1 * a) x = std::exp((std::log(u) + std::lgamma(a + 1)) / a);
  double low = 0;
  double high = std::max(2 * x, a + 40 * std::sqrt(a) + 800);
  for (int i = 0; i < 100; ++i) {
    const double error = gamma_share(a, x) - u;
    (error > 0 ? high : low) = x;
    const double density = std::exp((a - 1) * std::log(x) - x - std::lgamma(a));
    double next = x - error / density;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (std::abs(next - x) <= 1e-14 * x) return next;
    x = next;
  }
  return x;
}

}  // namespace

Distribution Distribution::of_measured(std::vector<double> values) {
  Distribution result;
  result.kind = Kind::empirical;
  std::sort(values.begin(), values.end());
  for (const double value : values) result.mean += value / static_cast<double>(values.size());
  result.low = values.empty() ? 0 : values.front();
  result.high = values.empty() ? 0 : values.back();
  result.measured = std::move(values);
  return result;
}

double Distribution::quantile(double u) const {
  switch (kind) {
    case Kind::deterministic:
      return mean;
    case Kind::exponential:
      return -mean * std::log1p(-u);
    case Kind::normal:
    case Kind::lognormal:
      quantiles({&u, 1});
      return u;
    case Kind::weibull:
      return mean / std::tgamma(1 + 1 / spread) * std::pow(-std::log1p(-u), 1 / spread);
    case Kind::triangular: {
      const double split = (mean - low) / (high - low);
      return u < split ? low + std::sqrt(u * (high - low) * (mean - low))
                       : high - std::sqrt((1 - u) * (high - low) * (high - mean));
    }
    case Kind::uniform:
      return low + u * (high - low);
    case Kind::gamma: {
      if (!(spread > 0 && mean > 0)) return mean;
      const double shape = (mean / spread) * (mean / spread);
      return gamma_quantile(shape, u) * (mean / shape);
    }
    case Kind::empirical: {
      const auto steps = static_cast<double>(measured.size() - 1);
      const double at = u * steps;
      const auto before = std::min(static_cast<std::size_t>(at), measured.size() - 1);
      const auto after = std::min(before + 1, measured.size() - 1);
      return measured[before] +
             (at - static_cast<double>(before)) * (measured[after] - measured[before]);
    }
  }
  return mean;
}

void Distribution::quantiles(std::span<double> shares) const {
  if (kind == Kind::lognormal) {
    const double variance = std::log1p((spread * spread) / (mean * mean));
    const double middle = std::log(mean) - variance / 2;
    const double deviation = std::sqrt(variance);
    normal_quantiles(shares);
    for (auto& value : shares) value = std::exp(middle + deviation * value);
  } else if (kind == Kind::normal) {
    // Below nine deviations nothing is cut off that a double could show.
    if (spread > 0 && mean < 9 * spread) {
      const double cut = normal_share(-mean / spread);
      for (auto& share : shares) share = std::min(cut + (1 - cut) * share, 1 - 1e-16);
    }
    normal_quantiles(shares);
    for (auto& value : shares) value = std::max(0.0, mean + spread * value);
  } else {
    for (auto& value : shares) value = quantile(value);
  }
}

double Distribution::share_below(double value) const {
  if (value < 0) return 0;
  switch (kind) {
    case Kind::deterministic:
      return value >= mean ? 1 : 0;
    case Kind::exponential:
      return mean > 0 ? -std::expm1(-value / mean) : 1;
    case Kind::normal: {
      if (!(spread > 0)) return value >= mean ? 1 : 0;
      const double cut = normal_share(-mean / spread);
      return std::clamp((normal_share((value - mean) / spread) - cut) / (1 - cut), 0.0, 1.0);
    }
    case Kind::lognormal: {
      if (value <= 0) return 0;
      const double variance = std::log1p((spread * spread) / (mean * mean));
      if (!(variance > 0)) return value >= mean ? 1 : 0;
      return normal_share((std::log(value) - std::log(mean) + variance / 2) / std::sqrt(variance));
    }
    case Kind::weibull:
      return -std::expm1(-std::pow(value * std::tgamma(1 + 1 / spread) / mean, spread));
    case Kind::triangular:
      if (value <= low) return 0;
      if (value >= high) return 1;
      return value < mean ? (value - low) * (value - low) / ((high - low) * (mean - low))
                          : 1 - (high - value) * (high - value) / ((high - low) * (high - mean));
    case Kind::uniform:
      if (value >= high) return 1;
      return value <= low ? 0 : (value - low) / (high - low);
    case Kind::gamma: {
      if (!(spread > 0 && mean > 0)) return value >= mean ? 1 : 0;
      const double shape = (mean / spread) * (mean / spread);
      return gamma_share(shape, value * shape / mean);
    }
    case Kind::empirical: {
      if (value >= measured.back()) return 1;
      if (value < measured.front()) return 0;
      const auto above = std::upper_bound(measured.begin(), measured.end(), value);
      const double low_end = *(above - 1);
      return (static_cast<double>(above - measured.begin()) - 1 +
              (value - low_end) / (*above - low_end)) /
             static_cast<double>(measured.size() - 1);
    }
  }
  return 0;
}

double Distribution::expectation() const {
  switch (kind) {
    case Kind::triangular:
      return (low + mean + high) / 3;
    case Kind::uniform:
      return (low + high) / 2;
    default:
      return mean;
  }
}

std::string_view name_of(Distribution::Kind kind) {
  constexpr std::array<std::string_view, 9> names = {"deterministic", "exponential", "normal",
                                                     "lognormal",     "weibull",     "triangular",
                                                     "uniform",       "gamma",       "empirical"};
  return names.at(static_cast<std::size_t>(kind));
}

}  // namespace foreline::line
