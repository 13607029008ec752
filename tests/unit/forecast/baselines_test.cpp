// SPDX-License-Identifier: Apache-2.0
#include "inference/baselines/baselines.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "sim/line/random.hpp"

using namespace foreline;
using namespace foreline::inference;

namespace {

/// A machine whose vibration is `level` units from its baseline after `hours` of running.
Window window_at(float level, float hours) {
  Window window;
  window.operating_h = hours;
  window.execute_share = 1;
  window.missing_share = 0;
  window.ready = true;
  window.kinds.set(static_cast<std::size_t>(line::FaultKind::bearing_wear));
  auto& signal = window.signals.emplace_back();
  signal.known = true;
  signal.last = signal.mean_short = signal.mean_long = level;
  return window;
}

double noise(std::uint64_t i) {
  return line::normal_quantile(line::random_uniform(5, 0, line::Purpose::noise, i));
}

}  // namespace

TEST_CASE("A CUSUM chart adds up a small shift, forgets noise, and starts anew after a renewal") {
  Cusum chart;
  float calm = 0;
  float hours = 0;
  for (std::uint64_t i = 0; i < 600; ++i)
    calm = std::max(calm, chart.add(window_at(static_cast<float>(noise(i)), hours += 1.0F / 60)));
  CHECK(calm < 5);
  float shifted = 0;
  for (std::uint64_t i = 0; i < 60; ++i)
    shifted = chart.add(window_at(-5 + static_cast<float>(noise(1000 + i)), hours += 1.0F / 60));
  CHECK(shifted > 40);
  CHECK(chart.add(window_at(0, 0.1F)) == 0);
  auto unknown = window_at(50, 0.2F);
  unknown.signals[0].known = false;
  CHECK(chart.add(unknown) == 0);
}
