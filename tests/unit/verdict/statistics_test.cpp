// SPDX-License-Identifier: Apache-2.0
#include "sim/verdict/statistics.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "sim/line/distribution.hpp"
#include "sim/line/random.hpp"

using namespace foreline;

namespace {

double uniform(std::uint64_t seed, std::uint64_t index) {
  return line::random_uniform(seed, 0, line::Purpose::scenario, index);
}

}  // namespace

TEST_CASE("Student's quantiles are those of the tables") {
  // Abramowitz and Stegun, table 26.10; one degree of freedom is Cauchy: tan(pi (p - 1/2)).
  CHECK(verdict::student_quantile(0.975, 1) == Approx(12.70620473617471).epsilon(1e-9));
  CHECK(verdict::student_quantile(0.995, 9) == Approx(3.24983554159213).epsilon(1e-9));
  CHECK(verdict::student_quantile(0.95, 30) == Approx(1.69726088659396).epsilon(1e-9));
  CHECK(verdict::student_quantile(0.025, 4) == Approx(-2.77644510519779).epsilon(1e-9));
  CHECK(verdict::student_quantile(0.995, 1e7) ==
        Approx(line::normal_quantile(0.995)).epsilon(1e-6));
  CHECK(verdict::student_quantile(0.5, 3) == 0);
}

TEST_CASE("99 intervals of 100 hold the truth") {
  int held = 0;
  int held_with_control = 0;
  double plain = 0;
  double controlled = 0;
  constexpr int trials = 2000;
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    std::vector<double> values;
    std::vector<std::vector<double>> controls;
    for (std::uint64_t i = 0; i < 12; ++i) {
      const double shared = uniform(trial, 2 * i) - 0.5;
      values.push_back(7 + 3 * shared + (uniform(trial, 2 * i + 1) - 0.5));
      controls.push_back({shared});
    }
    const auto interval = verdict::interval_of(values, 0.99);
    const auto sharper = verdict::controlled_interval(values, controls, 0.99);
    held += interval.holds(7) ? 1 : 0;
    held_with_control += sharper.holds(7) ? 1 : 0;
    plain += interval.half_width;
    controlled += sharper.half_width;
  }
  CHECK(held > 0.98 * trials);
  CHECK(held < trials);
  CHECK(held_with_control > 0.98 * trials);
  CHECK(held_with_control < trials);
  CHECK(controlled < 0.5 * plain);
}

TEST_CASE("one value has no interval, equal values an interval of nothing") {
  CHECK(std::isinf(verdict::interval_of(std::vector<double>{3}, 0.95).half_width));
  CHECK(verdict::interval_of(std::vector<double>{3, 3, 3}, 0.95).half_width == 0);
  CHECK(std::isinf(verdict::interval_of({}, 0.95).half_width));
}

TEST_CASE("a warm-up is cut where it ends") {
  std::vector<double> series;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const double start = i < 60 ? -8 + 8.0 * static_cast<double>(i) / 60 : 0;
    series.push_back(20 + start + uniform(1, i) - 0.5);
  }
  const auto cut = verdict::warm_up_of(series);
  CHECK(cut >= 45);
  CHECK(cut <= 70);
  // Without a transient next to nothing is cut; the end of a run never counts as one.
  for (std::uint64_t i = 0; i < 400; ++i) series[i] = 20 + uniform(2, i);
  CHECK(verdict::warm_up_of(series) <= 60);
  for (std::size_t i = 380; i < 400; ++i) series[i] = 0;
  CHECK(verdict::warm_up_of(series) <= 200);
  CHECK(verdict::warm_up_of(std::vector<double>(100, 5.0)) == 0);
  CHECK(verdict::warm_up_of(std::vector<double>{1, 2, 3}) == 0);
}

TEST_CASE("a share has Wilson's interval") {
  const auto share = verdict::wilson_interval(18, 20, 0.95);
  CHECK(share.low == Approx(0.69896).epsilon(1e-4));
  CHECK(share.high == Approx(0.97213).epsilon(1e-4));
  CHECK(verdict::wilson_interval(0, 0, 0.95).high == 1);
  CHECK(verdict::wilson_interval(20, 20, 0.95).high == 1);
  CHECK(verdict::wilson_interval(0, 0, 0.95).low == 0);
  // Wilson 1927; Agresti and Coull 1998: 0 of 10 gives 0 to 0.278.
  CHECK(verdict::wilson_interval(0, 10, 0.95).low == Approx(0).margin(1e-9));
  CHECK(verdict::wilson_interval(0, 10, 0.95).high == Approx(0.2775).margin(1e-3));
  CHECK(verdict::wilson_interval(10, 10, 0.95).low == Approx(0.7225).margin(1e-3));
  const auto half = verdict::wilson_interval(5, 10, 0.95);
  CHECK((half.low + half.high) / 2 == Approx(0.5));
}
