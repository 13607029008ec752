// SPDX-License-Identifier: Apache-2.0
#include "sim/verdict/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sim/line/distribution.hpp"

namespace foreline::verdict {

namespace {

/// I_x(a, b) by its continued fraction, modified Lentz (Press et al., Numerical Recipes, 6.4).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  constexpr double tiny = 1e-300;
  double c = 1;
  double d = 1 / std::max(tiny, 1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double step = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      if (std::abs(d) < tiny) d = tiny;
      if (std::abs(c) < tiny) c = tiny;
      d = 1 / d;
      step = c * d;
      fraction *= step;
    }
    if (std::abs(step - 1) < 1e-15) break;
  }
  const double front = std::exp(a * std::log(x) + b * std::log1p(-x) + std::lgamma(a + b) -
                                std::lgamma(a) - std::lgamma(b));
  return front * fraction / a;
}

double student_share(double t, double freedom) {
  const double tail = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
  return t < 0 ? tail : 1 - tail;
}

/// Solves a x = b for a small symmetric matrix; false when it is singular.
bool solve(std::vector<std::vector<double>> a, std::vector<double> b, std::vector<double>& x) {
  const auto n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i + 1; r < n; ++r)
      if (std::abs(a[r][i]) > std::abs(a[pivot][i])) pivot = r;
    if (std::abs(a[pivot][i]) < 1e-300) return false;
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    for (std::size_t r = i + 1; r < n; ++r) {
      const double factor = a[r][i] / a[i][i];
      for (std::size_t c = i; c < n; ++c) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  }
  x.assign(n, 0);
  for (std::size_t i = n; i-- > 0;) {
    double rest = b[i];
    for (std::size_t c = i + 1; c < n; ++c) rest -= a[i][c] * x[c];
    x[i] = rest / a[i][i];
  }
  return true;
}

}  // namespace

double student_quantile(double share, double freedom) {
  if (share == 0.5) return 0;
  double low = -1;
  double high = 1;
  while (student_share(low, freedom) > share) low *= 2;
  while (student_share(high, freedom) < share) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-13 * std::max(1.0, std::abs(high)); ++i) {
    const double middle = (low + high) / 2;
    (student_share(middle, freedom) < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

Interval interval_of(std::span<const double> values, double confidence) {
  Interval interval;
  interval.count = values.size();
  interval.half_width = std::numeric_limits<double>::infinity();
  if (values.empty()) return interval;
  const auto n = static_cast<double>(values.size());
  interval.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) return interval;
  double squares = 0;
  for (const double value : values) squares += (value - interval.mean) * (value - interval.mean);
  interval.half_width = squares == 0 ? 0
                                     : student_quantile((1 + confidence) / 2, n - 1) *
                                           std::sqrt(squares / (n - 1) / n);
  return interval;
}

Interval controlled_interval(std::span<const double> values,
                             std::span<const std::vector<double>> controls, double confidence) {
  const std::size_t n = values.size();
  const std::size_t q = controls.empty() ? 0 : controls[0].size();
  if (q == 0 || controls.size() != n || n <= q + 2) return interval_of(values, confidence);
  // Least squares of y on (1, controls): the intercept is the estimate, as the controls' true means
  // are 0; its variance is residual variance times the first element of the inverse.
  std::vector<std::vector<double>> normal(q + 1, std::vector<double>(q + 1));
  std::vector<double> right(q + 1);
  auto row = [&](std::size_t i, std::size_t c) { return c == 0 ? 1.0 : controls[i][c - 1]; };
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t r = 0; r <= q; ++r) {
      right[r] += row(i, r) * values[i];
      for (std::size_t c = 0; c <= q; ++c) normal[r][c] += row(i, r) * row(i, c);
    }
  }
  std::vector<double> fit;
  std::vector<double> first(q + 1);
  std::vector<double> inverse;
  first[0] = 1;
  if (!solve(normal, right, fit) || !solve(normal, first, inverse))
    return interval_of(values, confidence);
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double residual = values[i];
    for (std::size_t c = 0; c <= q; ++c) residual -= fit[c] * row(i, c);
    squares += residual * residual;
  }
  const auto freedom = static_cast<double>(n - q - 1);
  return {fit[0],
          student_quantile((1 + confidence) / 2, freedom) *
              std::sqrt(squares / freedom * std::max(0.0, inverse[0])),
          n};
}

std::size_t warm_up_of(std::span<const double> series, std::size_t batch) {
  batch = std::max<std::size_t>(1, batch);
  const std::size_t count = series.size() / batch;
  if (count < 4) return 0;
  std::vector<double> means(count);
  for (std::size_t b = 0; b < count; ++b)
    means[b] = std::accumulate(series.begin() + static_cast<std::ptrdiff_t>(b * batch),
                               series.begin() + static_cast<std::ptrdiff_t>((b + 1) * batch), 0.0) /
               static_cast<double>(batch);
  double sum = 0;
  double squares = 0;
  double best = std::numeric_limits<double>::infinity();
  std::size_t cut = 0;
  for (std::size_t d = count; d-- > 0;) {  // the mean and scatter of what is left after d batches
    sum += means[d];
    squares += means[d] * means[d];
    if (d > count / 2) continue;
    const auto left = static_cast<double>(count - d);
    const double statistic = std::max(0.0, squares - sum * sum / left) / (left * left);
    if (statistic <= best * (1 + 1e-12)) {
      best = statistic;
      cut = d;
    }
  }
  return cut * batch;
}

Share wilson_interval(std::size_t held, std::size_t count, double confidence) {
  if (count == 0) return {};
  const double z = line::normal_quantile((1 + confidence) / 2);
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(held) / n;
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace foreline::verdict
