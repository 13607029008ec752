// SPDX-License-Identifier: Apache-2.0
#include "sim/line/distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace foreline::line {

namespace {

template <std::size_t N>
double polynomial(const std::array<double, N>& coefficients, double x) {
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

}  // namespace

double normal_quantile(double u) {
  const double q = u - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(central_numerator, r) / polynomial(central_denominator, r);
  }
  const double r = std::sqrt(-std::log(std::min(u, 1 - u)));
  const double z =
      r <= 5 ? polynomial(middle_numerator, r - 1.6) / polynomial(middle_denominator, r - 1.6)
             : polynomial(tail_numerator, r - 5) / polynomial(tail_denominator, r - 5);
  return q < 0 ? -z : z;
}

double Distribution::quantile(double u) const {
  switch (kind) {
    case Kind::deterministic:
      return mean;
    case Kind::exponential:
      return -mean * std::log1p(-u);
    case Kind::normal:
      return std::max(0.0, mean + spread * normal_quantile(u));
    case Kind::lognormal: {
      const double variance = std::log1p((spread * spread) / (mean * mean));
      return std::exp(std::log(mean) - variance / 2 + std::sqrt(variance) * normal_quantile(u));
    }
    case Kind::weibull:
      return mean / std::tgamma(1 + 1 / spread) * std::pow(-std::log1p(-u), 1 / spread);
    case Kind::triangular: {
      const double split = (mean - low) / (high - low);
      return u < split ? low + std::sqrt(u * (high - low) * (mean - low))
                       : high - std::sqrt((1 - u) * (high - low) * (high - mean));
    }
    case Kind::uniform:
      return low + u * (high - low);
  }
  return mean;
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
  constexpr std::array<std::string_view, 7> names = {
      "deterministic", "exponential", "normal", "lognormal", "weibull", "triangular", "uniform"};
  return names.at(static_cast<std::size_t>(kind));
}

}  // namespace foreline::line
