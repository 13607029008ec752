// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/input_quality.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <memory>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using core::InputQuality;

namespace {

struct Watched {
  std::shared_ptr<const Line> line = [] {
    auto machine = tests::machine("press", 10, 5);
    machine.signals.push_back({"vibration", SignalKind::vibration, "mm/s", 2, 0, 0.1, 0.01, 0, 40});
    return std::make_shared<const Line>(tests::line_of({machine}));
  }();
  inference::History history{line};
  InputQuality quality{line};
  double at_s = 0;
  int number = 0;

  void see(double value, Quality as = Quality::good, PackmlState state = PackmlState::execute) {
    Frame frame;
    frame.at_s = at_s += 10;
    frame.machines.push_back({{{static_cast<float>(value), as}}, state, at_s, 1});
    history.add(frame);
    quality.take(frame, history);
  }
  void see_noise(int times) {
    for (int i = 0; i < times; ++i) see(2 + 0.05 * (++number % 5 - 2));
  }
  [[nodiscard]] const core::SignalTally& tally() const { return quality.of(0, 0); }
};

}  // namespace

TEST_CASE("what is wrong with samples is counted by reason") {
  Watched watched;
  watched.see_noise(20);
  watched.see(std::numeric_limits<double>::quiet_NaN(), Quality::bad_sensor_failure);
  watched.see(45, Quality::uncertain_out_of_range);
  watched.see_noise(20);
  const auto& tally = watched.tally();
  CHECK(tally.samples == 42);
  CHECK(tally.by_quality.at(static_cast<std::size_t>(Quality::good)) == 40);
  CHECK(tally.by_quality.at(static_cast<std::size_t>(Quality::bad_sensor_failure)) == 1);
  CHECK(tally.by_quality.at(static_cast<std::size_t>(Quality::uncertain_out_of_range)) == 1);
  CHECK(tally.outliers == 0);
  CHECK(tally.stuck == 0);
  CHECK(tally.gaps == 0);  // two are no gap
  CHECK(watched.quality.frames() == 42);
  CHECK(watched.quality.lost() == 0);
}

TEST_CASE("a lone value far off is a spike; what stays there is an outlier until it is usual") {
  Watched watched;
  watched.see_noise(20);
  watched.see(5);
  watched.see_noise(1);
  CHECK(watched.tally().outliers == 1);
  CHECK(watched.tally().spikes == 1);
  watched.see_noise(20);
  for (int i = 0; i < 20; ++i) watched.see(5 + 0.05 * (i % 3));
  CHECK(watched.tally().outliers == 1 + 6);  // then the median has followed
  CHECK(watched.tally().spikes == 1);
  // What a machine that stands, or has just started, shows is no outlier.
  watched.see(0, Quality::good, PackmlState::held);
  watched.see(0);
  CHECK(watched.tally().outliers == 7);
  // Nor is what it has warmed up to since.
  for (int i = 0; i < 11; ++i) watched.see(3.5 + 0.05 * (i % 3));
  CHECK(watched.tally().outliers == 7);
}

TEST_CASE("a sensor that shows one value for ever is counted as stuck") {
  Watched watched;
  watched.see_noise(20);
  for (int i = 0; i < 60; ++i) watched.see(2.2);
  CHECK(watched.tally().stuck > 30);
  CHECK(watched.tally().stuck < 60);
}

TEST_CASE("gaps are counted with the longest and when it began, and so is what never arrived") {
  Watched watched;
  watched.see_noise(10);  // to 100 s
  for (int i = 0; i < 5; ++i) watched.see(2, Quality::bad_stale);
  watched.see_noise(10);  // to 250 s
  CHECK(watched.tally().gaps == 1);
  CHECK(watched.tally().longest_gap_s == 60);
  CHECK(watched.tally().longest_gap_at_s == 100);
  watched.at_s += 200;  // nothing for twenty instants
  watched.see_noise(1);
  CHECK(watched.tally().gaps == 2);
  CHECK(watched.tally().longest_gap_s == 210);
  CHECK(watched.tally().longest_gap_at_s == 250);
  CHECK(watched.quality.lost() == 20);
  watched.at_s = 0;  // another run
  watched.see_noise(1);
  CHECK(watched.tally().samples == 1);
  CHECK(watched.quality.since_s() == 10);
}
