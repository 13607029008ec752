// SPDX-License-Identifier: Apache-2.0
// The watch without a model: what it says of links and sensors.
#include "plugin/core/watch.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;

namespace {

std::shared_ptr<const Line> line_with_signal() {
  auto machine = tests::machine("m", 5, 0);
  machine.signals.push_back({"vibration", SignalKind::vibration, "mm/s", 2, 0, 0.1, 0.001, 0, 40});
  return std::make_shared<const Line>(tests::line_of({machine}));
}

Frame frame(double at_s, float value, bool connected = true) {
  Frame frame;
  frame.at_s = at_s;
  frame.connected = connected;
  MachineFrame machine;
  machine.state = PackmlState::execute;
  machine.operating_s = at_s;
  machine.signals = {{value, Quality::good}};
  frame.machines = {machine};
  return frame;
}

std::vector<std::string> raised(core::Watch& watch, int frames,
                                const std::function<Frame(int)>& make) {
  std::vector<std::string> ids;
  for (int i = 1; i <= frames; ++i) {
    for (const auto& alarm : watch.step(make(i)).alarms)
      if (alarm.what == AlarmEvent::What::raised) ids.push_back(alarm.id);
  }
  return ids;
}

}  // namespace

TEST_CASE("a healthy stream raises nothing") {
  core::Watch watch(line_with_signal(), nullptr, {});
  CHECK(raised(watch, 300, [](int i) {
          return frame(10.0 * i, 2.0F + 0.05F * static_cast<float>(i % 7));
        }).empty());
}

TEST_CASE("a sensor that shows one value for ever is reported, the machine is not blamed") {
  core::Watch watch(line_with_signal(), nullptr, {});
  const auto ids = raised(watch, 200, [](int i) {
    return frame(10.0 * i, i < 60 ? 2.0F + 0.05F * static_cast<float>(i % 7) : 2.1F);
  });
  CHECK(ids == std::vector<std::string>{"m/vibration"});
}

TEST_CASE("values that are no numbers are reported as a signal") {
  core::Watch watch(line_with_signal(), nullptr, {});
  const auto ids = raised(watch, 100, [](int i) {
    auto f = frame(10.0 * i, 2.0F + 0.05F * static_cast<float>(i % 7));
    if (i > 50)
      f.machines[0].signals[0] = {std::numeric_limits<float>::quiet_NaN(),
                                  Quality::bad_sensor_failure};
    return f;
  });
  CHECK(ids == std::vector<std::string>{"m/vibration"});
}

TEST_CASE("a silent link is reported once, in a trace and live") {
  core::Watch watch(line_with_signal(), nullptr, {});
  const auto ids = raised(watch, 60, [](int i) {
    return frame(10.0 * i, 2.0F + 0.05F * static_cast<float>(i % 7), i < 20 || i > 40);
  });
  CHECK(ids == std::vector<std::string>{"plc/communication"});
  int live = 0;
  for (double at_s = 610; at_s < 700; at_s += 5)
    live += static_cast<int>(watch.lost(at_s).alarms.size());
  CHECK(live == 1);
}

TEST_CASE("a watch that follows another goes on with its alarms and histories") {
  const auto line = line_with_signal();
  core::Watch former(line, nullptr, {});
  (void)raised(former, 100, [](int i) {
    auto f = frame(10.0 * i, 2.0F + 0.05F * static_cast<float>(i % 7));
    if (i > 50)
      f.machines[0].signals[0] = {std::numeric_limits<float>::quiet_NaN(),
                                  Quality::bad_sensor_failure};
    return f;
  });
  REQUIRE(former.alarms().acknowledge("m/vibration", 1000));
  const auto operating_h = former.history().window({0}).operating_h;
  REQUIRE(operating_h > 0);

  // The same machine, now the second of a line that has one more.
  auto machines = line->machines;
  machines.insert(machines.begin(), tests::machine("first", 5, 0));
  const auto longer = std::make_shared<const Line>(tests::line_of(machines));
  core::AlarmRules rules;
  rules.quality_priority = AlarmPriority::high;
  core::Watch watch(longer, nullptr, {60, rules});
  watch.take_over(std::move(former));
  const auto record = watch.alarms().record("m/vibration");
  CHECK(record.state == AlarmState::acknowledged);
  CHECK(record.active);
  CHECK(record.event.machine == MachineId{1});
  CHECK(watch.history().window({1}).operating_h == operating_h);
  CHECK(watch.history().window({0}).operating_h == 0);
  auto next = frame(1010, 2);
  next.machines.insert(next.machines.begin(), MachineFrame{});
  CHECK(watch.step(next).alarms.empty());  // not raised a second time
  CHECK(watch.history().window({1}).at_s == 1010);

  // A line without that machine has neither.
  core::Watch other(std::make_shared<const Line>(tests::line_of({tests::machine("x", 5, 0)})),
                    nullptr, {});
  other.take_over(std::move(watch));
  CHECK(other.alarms().standing().empty());
}
