// SPDX-License-Identifier: Apache-2.0
#include "inference/history.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/unit/forecast/frames.hpp"

using namespace foreline;
using namespace foreline::line;
using foreline::inference::History;
using foreline::testing::normal_level;
using foreline::testing::running_frames;
using foreline::testing::small_line;

namespace {

constexpr double hour_s = 3600;

void feed(History& history, const std::vector<Frame>& frames) {
  for (const auto& frame : frames) history.add(frame);
}

inference::Window window_after(const std::vector<Frame>& frames) {
  History history(small_line());
  feed(history, frames);
  return history.window({0});
}

}  // namespace

TEST_CASE("A healthy machine shows small deviations from a baseline of its own") {
  const auto window = window_after(running_frames(
      *small_line(), 0, 2 * hour_s, [](const Signal& s, double) { return s.normal * 1.05; }));
  REQUIRE(window.ready);
  CHECK(window.own_baseline);
  CHECK(window.execute_share == Approx(1));
  CHECK(window.missing_share == Approx(0));
  CHECK(window.operating_h == Approx(2).margin(0.01));
  for (const auto& signal : window.signals) {
    CHECK(signal.known);
    CHECK(std::abs(signal.mean_long) < 0.3F);
    CHECK(std::abs(signal.slope_long) < 1.0F);
    CHECK(std::abs(signal.spread_ratio) < 0.4F);
  }
}

TEST_CASE("A rising signal rises in level and slope, and the others do not") {
  const auto window =
      window_after(running_frames(*small_line(), 0, 2 * hour_s, [](const Signal& s, double at_s) {
        const bool rises = s.kind == SignalKind::vibration && at_s > hour_s;
        return s.normal + (rises ? 2.0 * (at_s - hour_s) / hour_s : 0);
      }));
  const double unit = std::hypot(0.2, 0.03 * 2.8);
  CHECK(window.signals[0].last == Approx(2.0 / unit).epsilon(0.15));
  CHECK(window.signals[0].mean_long == Approx(1.5 / unit).epsilon(0.15));
  CHECK(window.signals[0].slope_long == Approx(1.0 / unit).epsilon(0.25));
  CHECK(std::abs(window.signals[2].mean_long) < 0.5F);
}

TEST_CASE("Unrest shows in the spread and not in the level") {
  auto frames = running_frames(*small_line(), 0, 2 * hour_s, normal_level);
  for (auto& frame : frames) {
    if (frame.at_s < 2 * hour_s - 300) continue;
    auto& value = frame.machines[0].signals[2].value;
    value = 10 + 4 * (value - 10);
  }
  const auto window = window_after(frames);
  CHECK(window.signals[2].spread_short == Approx(2).margin(0.6));
  CHECK(std::abs(window.signals[2].mean_long) < 0.5F);
}

TEST_CASE("A rise over hours shows in the trend, whatever the level it began from") {
  for (const double other_machine : {1.0, 1.1}) {
    const auto window = window_after(
        running_frames(*small_line(), 3 * hour_s, 8 * hour_s, [&](const Signal& s, double at_s) {
          const bool vibration = s.kind == SignalKind::vibration;
          return other_machine * s.normal * (vibration && at_s > 7 * hour_s ? 1.4 : 1.0);
        }));
    CHECK(window.signals.at(0).trend > 4);
    CHECK(std::abs(window.signals.at(1).trend) < 1);
  }
  const auto shortly = window_after(running_frames(*small_line(), 0, 0.6 * hour_s, normal_level));
  CHECK(std::isnan(shortly.signals.at(0).trend));
}

TEST_CASE("Slope and trend are of the same span of time, however seldom samples come") {
  // A step five hours before the end, and 10 units an hour in the last two.
  for (const double period_s : {10.0, 400.0}) {
    auto line = small_line();
    line->sample_period_s = period_s;
    History history(line);
    feed(history, running_frames(*line, 4 * hour_s, 14 * hour_s, [](const Signal& s, double at_s) {
           if (s.kind != SignalKind::vibration) return s.normal;
           return s.normal + (at_s < 9 * hour_s ? 0 : 30) + std::max(0.0, at_s / 360 - 120);
         }));
    INFO("a sample each " << period_s << " s");
    const auto signal = history.window({0}).signals.at(0);
    const double unit = std::hypot(0.2, 0.03 * 2.8);
    CHECK(signal.slope_long == Approx(5 / unit).epsilon(0.2));
    // The ramp's last half hour against the middle three fifths of the four hours before it.
    CHECK(signal.trend == Approx(16.5 / unit).epsilon(0.1));
  }
}

TEST_CASE("Unrest that has just begun shows in the spread of two minutes first") {
  const auto frames = running_frames(*small_line(), 0, 3 * hour_s, normal_level);
  History history(small_line());
  for (auto frame : frames) {
    auto& value = frame.machines.at(0).signals.at(0).value;
    const auto normal = static_cast<float>(small_line()->machines[0].signals[0].normal);
    if (frame.at_s > 3 * hour_s - 120) value = normal + 8 * (value - normal);
    history.add(frame);
  }
  const auto signal = history.window({0}).signals.at(0);
  CHECK(signal.spread_last > 1.5F);
  CHECK(signal.spread_last > signal.spread_short + 0.3F);
  CHECK(signal.spread_short > signal.spread_ratio);
}

TEST_CASE("A single value of two minutes has no spread") {
  auto line = small_line();
  line->sample_period_s = 120;
  History history(line);
  feed(history, running_frames(*line, 0, 3 * hour_s, normal_level));
  const auto signal = history.window({0}).signals.at(0);
  CHECK(std::isnan(signal.spread_last));
  CHECK(std::isfinite(signal.spread_ratio));
}

TEST_CASE("Bad, missing and non-finite samples feed no statistic and count as missing") {
  auto frames = running_frames(*small_line(), 0, 2 * hour_s, normal_level);
  for (auto& frame : frames) {
    if (frame.at_s < hour_s) continue;
    frame.machines[0].signals[0] = {1e6F, Quality::bad_sensor_failure};
    frame.machines[0].signals[1].value = std::numeric_limits<float>::infinity();
  }
  const auto window = window_after(frames);
  CHECK_FALSE(window.signals[0].known);
  CHECK_FALSE(window.signals[1].known);
  CHECK(window.signals[2].known);
  CHECK(window.signals[0].good_share == Approx(0));
  CHECK(window.missing_share == Approx(2.0 / 3).margin(0.01));
}

TEST_CASE("A lost connection and a gap in time both count as missing") {
  auto frames = running_frames(*small_line(), 0, 2 * hour_s, normal_level);
  auto lost = frames;
  for (auto& frame : lost) frame.connected = frame.at_s < 2 * hour_s - 900;
  CHECK(window_after(lost).missing_share == Approx(0.5).margin(0.02));
  auto gap = frames;
  std::erase_if(gap, [](const Frame& f) { return f.at_s > 5400 && f.at_s < 2 * hour_s - 300; });
  CHECK(window_after(gap).missing_share == Approx(1500.0 / 1800).margin(0.02));
}

TEST_CASE("A sensor that never moves where noise is expected is not known") {
  auto frames = running_frames(*small_line(), 0, 2 * hour_s, normal_level);
  for (auto& frame : frames)
    if (frame.at_s > 2 * hour_s - 600) frame.machines[0].signals[0].value = 3.3F;
  const auto window = window_after(frames);
  CHECK_FALSE(window.signals[0].known);
  CHECK(window.signals[0].good_share < 0.8F);
}

TEST_CASE("A signal that comes in another unit is read in the file's, and counts as missing") {
  const auto after = [](double from_s, double until_s, auto shown) {
    auto frames = running_frames(*small_line(), 0, 2 * hour_s, normal_level);
    for (auto& frame : frames)
      if (frame.at_s >= from_s && frame.at_s < until_s) shown(frame.machines[0].signals);
    return window_after(frames);
  };
  const auto fahrenheit = [](std::vector<Sample>& signals) {
    signals[1].value = 1.8F * signals[1].value + 32;
  };
  const auto inches = [](std::vector<Sample>& signals) { signals[0].value /= 25.4F; };
  for (const double from_s : {0.0, hour_s}) {
    INFO(from_s);
    const auto hot = after(from_s, 2 * hour_s, fahrenheit);
    REQUIRE(hot.signals[1].kind == SignalKind::temperature);
    CHECK(std::abs(hot.signals[1].last) < 2);
    CHECK(std::abs(hot.signals[1].mean_long) < 1);
    CHECK(hot.signals[1].good_share == Approx(0).margin(0.01));
    CHECK(hot.signals[0].good_share == Approx(1));
    const auto calm = after(from_s, 2 * hour_s, inches);
    CHECK(std::abs(calm.signals[0].mean_long) < 1);
    CHECK(calm.signals[0].good_share == Approx(0).margin(0.01));
  }
  // Back again.
  const auto back = after(hour_s, 1.5 * hour_s, fahrenheit);
  CHECK(std::abs(back.signals[1].mean_long) < 1);
  CHECK(back.signals[1].good_share > 0.9F);
  // Heat that comes slowly, or that no other unit explains better, is heat.
  for (const double rise_s : {10.0, hour_s}) {
    const double by = rise_s > 10 ? 0.8 * 50 + 32 : 20;
    const auto heated = window_after(
        running_frames(*small_line(), 0, 2 * hour_s, [&](const Signal& s, double at_s) {
          const bool heats = s.kind == SignalKind::temperature && at_s > hour_s;
          return s.normal + (heats ? by * std::min(1.0, (at_s - hour_s) / rise_s) : 0);
        }));
    CHECK(heated.signals[1].last > 15);
    CHECK(heated.signals[1].good_share == Approx(1));
  }
}

TEST_CASE("Spikes in a tenth of the samples move no level") {
  auto frames = running_frames(*small_line(), 0, 2 * hour_s, normal_level);
  for (std::size_t i = 400; i < frames.size(); i += 10)
    frames[i].machines[0].signals[0].value += 50;
  const auto window = window_after(frames);
  CHECK(std::abs(window.signals[0].mean_long) < 1);
  CHECK(std::abs(window.signals[0].slope_long) < 1.5F);
}

TEST_CASE("Idle time neither feeds nor dilutes the statistics") {
  auto frames = running_frames(*small_line(), 0, 2 * hour_s, [](const Signal& s, double at_s) {
    return s.normal + (s.kind == SignalKind::vibration && at_s > 5400 ? 1.0 : 0.0);
  });
  for (auto& frame : frames) {
    if (frame.at_s < 2 * hour_s - 600) continue;
    frame.machines[0].state = PackmlState::suspended;
    frame.machines[0].signals[0].value = 0.2F;
  }
  const auto window = window_after(frames);
  CHECK(window.signals[0].mean_short > 3);
  CHECK(window.execute_share == Approx(2.0 / 3).margin(0.02));
  CHECK(window.missing_share == Approx(0));
}

TEST_CASE("A machine first seen in mid-life is measured against the line file") {
  auto frames = running_frames(*small_line(), 0, 3 * hour_s, [](const Signal& s, double) {
    return s.normal + (s.kind == SignalKind::vibration ? 1.5 : 0.0);
  });
  for (auto& frame : frames) frame.machines[0].operating_s += 100 * hour_s;
  const auto window = window_after(frames);
  CHECK_FALSE(window.own_baseline);
  CHECK(window.ready);
  CHECK(window.signals[0].mean_long > 4);
}

TEST_CASE("A repair that leaves the wear does not hide it") {
  auto frames = running_frames(*small_line(), 0, 5 * hour_s, [](const Signal& s, double at_s) {
    return s.normal + (s.kind == SignalKind::vibration && at_s > 2 * hour_s ? 1.5 : 0.0);
  });
  for (auto& frame : frames) {
    if (frame.at_s < 3 * hour_s) continue;
    frame.machines[0].renewals = 1;
    frame.machines[0].operating_s = frame.at_s - 3 * hour_s;
  }
  CHECK(window_after(frames).signals[0].mean_long > 4);
}

TEST_CASE("A machine that nobody sees for a moment keeps what it has learned") {
  auto frames = running_frames(*small_line(), 0, 5 * hour_s, [](const Signal& s, double at_s) {
    return s.normal + (s.kind == SignalKind::vibration && at_s > 2 * hour_s ? 1.5 : 0.0);
  });
  for (auto& frame : frames) {
    auto& machine = frame.machines[0];
    machine.renewals = 3;
    if (frame.at_s < 3 * hour_s || frame.at_s >= 3 * hour_s + 60) continue;
    machine.state = PackmlState::undefined;  // its device does not answer
    machine.renewals = 0;
    machine.operating_s = 0;
    for (auto& sample : machine.signals) sample = {};
  }
  const auto window = window_after(frames);
  CHECK(window.signals[0].mean_long > 4);
  CHECK(window.operating_h == Approx(5).margin(0.01));
}

TEST_CASE("A window says why it is not ready") {
  History history(small_line());
  CHECK(history.window({0}).why_not == "no frame has arrived");
  feed(history, running_frames(*small_line(), 0, 120, normal_level));
  CHECK(history.window({0}).why_not == "watched for less than 5 min");
  CHECK_FALSE(history.window({0}).ready);
}

TEST_CASE("Frames of the past and frames without machines do no harm") {
  History history(small_line());
  feed(history, running_frames(*small_line(), 0, hour_s, normal_level));
  const auto before = history.window({0});
  feed(history, running_frames(*small_line(), 0, hour_s, normal_level));
  CHECK(history.window({0}).signals[0].mean_long == before.signals[0].mean_long);
  Frame empty;
  empty.at_s = hour_s + 10;
  history.add(empty);
  CHECK(history.window({0}).at_s == hour_s + 10);
  CHECK(history.window({0}).missing_share > 0);
}
