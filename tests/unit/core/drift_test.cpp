// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/drift.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using core::Drift;

namespace {

std::shared_ptr<const Line> watched(const std::string& name = "press") {
  auto machine = tests::machine(name, 10, 5);
  machine.signals.push_back({"vibration", SignalKind::vibration, "mm/s", 2, 0, 0.1, 0, 0, 40});
  machine.signals.push_back({"current", SignalKind::current, "A", 10, 0, 0, 0, 0, 40});
  return std::make_shared<const Line>(tests::line_of({machine}));
}

Frame seen(double at_s, double vibration, Quality quality = Quality::good,
           PackmlState state = PackmlState::execute) {
  MachineFrame machine;
  machine.state = state;
  machine.signals = {{static_cast<float>(vibration), quality}, {11, Quality::good}};
  return {at_s, true, {machine}};
}

}  // namespace

TEST_CASE("the drift of a signal is its hourly mean at work, in deviations of its noise") {
  Drift drift(watched());
  CHECK(drift.course(0, 0).empty());
  for (int i = 1; i <= 360; ++i) {
    // Two deviations too high while it works; what is bad or stands still does not count.
    drift.take(seen(30.0 * i, i % 3 == 0 ? 2.2 : 50,
                    i % 3 == 1 ? Quality::bad_sensor_failure : Quality::good,
                    i % 3 == 2 ? PackmlState::held : PackmlState::execute));
  }
  const auto course = drift.course(0, 0);
  REQUIRE(course.size() == 4);
  CHECK(course[1].from_s == 3600);
  for (const auto& hour : course) CHECK(hour.deviations == Approx(2).margin(0.01));
  for (const auto& hour : drift.course(0, 1)) CHECK(std::isnan(hour.deviations));  // no noise given
  for (int i = 1; i <= 300; ++i) drift.take(seen(20'000 + 3600.0 * i, 2));
  CHECK(drift.course(0, 0).size() == Drift::hours_max);
}

TEST_CASE("drift goes on after a restart, also within an hour and on a clock that began anew") {
  Drift before(watched());
  before.take(seen(3600, 2.1));
  before.take(seen(7200, 2.2));
  Drift after(watched());
  after.restore(before.since(0));
  CHECK(after.since(0) == before.since(0));
  after.take(seen(7230, 2.4));  // the same hour
  REQUIRE(after.course(0, 0).size() == 2);
  CHECK(after.course(0, 0)[1].deviations == Approx(3).margin(0.01));
  after.take(seen(10, 2.0));  // another run
  REQUIRE(after.course(0, 0).size() == 3);
  CHECK(after.course(0, 0)[2].from_s == 0);
  CHECK(after.last() == 3);
  // Only what is newer is written again.
  for (const auto& row : after.since(3)) CHECK(row.number == 3);
  Drift another(watched("lathe"));
  another.restore(before.since(0));
  CHECK(another.since(0).empty());
}

TEST_CASE("sums that are damaged are passed over") {
  Drift drift(watched());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  drift.restore({{"press/vibration", 1, 0, 0, 1},
                 {"press/vibration", 2, 0, nan, 1},
                 {"press/vibration", 3, 0, 1, nan},
                 {"press/", 4, 0, 1, 1},
                 {"", -9'223'372'036'854'775'807, nan, 1, 1}});
  CHECK(drift.since(-1).empty());
  drift.take(seen(nan, 1));
  CHECK(drift.course(0, 0).empty());
}
