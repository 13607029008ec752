// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/alarms.hpp"

#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using core::Alarms;
using What = AlarmEvent::What;

namespace {

Line filler() {
  auto machine = tests::machine("filler", 4, 0);
  machine.signals.push_back({"vibration", SignalKind::vibration, "mm/s", 2, 0, 0.1, 0, 0, 40});
  machine.faults.push_back({FaultKind::bearing_wear, Distribution::constant(1e6),
                            Distribution::constant(1e4), Distribution::constant(600)});
  return tests::line_of({machine});
}

std::vector<Forecast> saying(double probability, FaultKind kind = FaultKind::bearing_wear) {
  Forecast forecast;
  forecast.available = true;
  KindForecast answer;
  answer.kind = kind;
  answer.within.fill(static_cast<float>(probability));
  answer.reasons = {{0, 0.4F}};
  forecast.kinds = {answer};
  return {forecast};
}

}  // namespace

TEST_CASE("a forecast alarm needs its probability for the whole on-delay") {
  const auto line = filler();
  Alarms alarms(line, {});
  CHECK(alarms.update_forecasts(0, saying(0.6)).empty());
  CHECK(alarms.update_forecasts(60, saying(0.6)).empty());
  CHECK(alarms.update_forecasts(90, saying(0.4)).empty());  // the wait begins anew
  CHECK(alarms.update_forecasts(120, saying(0.6)).empty());
  CHECK(alarms.update_forecasts(239, saying(0.6)).empty());
  const auto raised = alarms.update_forecasts(240, saying(0.7));
  REQUIRE(raised.size() == 1);
  CHECK(raised[0].what == What::raised);
  CHECK(raised[0].id == "filler/bearing-wear");
  CHECK(raised[0].probability == Approx(0.7));
  CHECK(raised[0].why.find("vibration (+40 points)") != std::string::npos);
  CHECK(alarms.update_forecasts(300, saying(0.9)).empty());  // raised once
}

TEST_CASE("a machine that stands still with its fault raises and clears nothing") {
  const auto line = filler();
  Alarms alarms(line, {});
  const std::vector<bool> held = {true};
  (void)alarms.update_forecasts(0, saying(0.8));
  CHECK(alarms.update_forecasts(120, saying(0.8), held).empty());
  CHECK(alarms.update_forecasts(3000, saying(0.8)).empty());  // the wait begins anew
  REQUIRE(alarms.update_forecasts(3120, saying(0.8)).size() == 1);
  CHECK(alarms.update_forecasts(3200, saying(0.0), held).empty());
  CHECK(alarms.update_forecasts(4200, saying(0.0), held).empty());
  CHECK(alarms.standing().size() == 1);
}

TEST_CASE("an alarm clears below its lower bound only, and stays until it is acknowledged") {
  const auto line = filler();
  Alarms alarms(line, {});
  (void)alarms.update_forecasts(0, saying(0.8));
  REQUIRE(alarms.update_forecasts(120, saying(0.8)).size() == 1);
  CHECK(alarms.update_forecasts(2000, saying(0.35)).empty());  // between the bounds
  CHECK(alarms.update_forecasts(3000, saying(0.1)).empty());
  const auto cleared = alarms.update_forecasts(3600, saying(0.1));
  REQUIRE(cleared.size() == 1);
  CHECK(cleared[0].what == What::cleared);
  CHECK(alarms.record("filler/bearing-wear").state == AlarmState::returned_unacknowledged);
  CHECK(alarms.standing().size() == 1);
  CHECK(alarms.acknowledge("filler/bearing-wear", 3700));
  CHECK(alarms.standing().empty());
  CHECK_FALSE(alarms.acknowledge("filler/bearing-wear", 3800));
  CHECK_FALSE(alarms.acknowledge("no/such", 3800));
}

TEST_CASE("an acknowledged alarm becomes normal as its condition ends") {
  const auto line = filler();
  Alarms alarms(line, {});
  (void)alarms.update_forecasts(0, saying(0.8));
  (void)alarms.update_forecasts(120, saying(0.8));
  CHECK(alarms.acknowledge("filler/bearing-wear", 150));
  CHECK(alarms.record("filler/bearing-wear").state == AlarmState::acknowledged);
  (void)alarms.update_forecasts(200, saying(0.0));
  (void)alarms.update_forecasts(800, saying(0.0));
  CHECK(alarms.record("filler/bearing-wear").state == AlarmState::normal);
}

TEST_CASE("a shelved alarm is silent until its time is over") {
  const auto line = filler();
  Alarms alarms(line, {});
  (void)alarms.update_forecasts(0, saying(0.8));
  (void)alarms.update_forecasts(120, saying(0.8));
  CHECK(alarms.shelve("filler/bearing-wear", 130, 1000));
  CHECK(alarms.update_forecasts(500, saying(0.0)).empty());
  CHECK(alarms.update_forecasts(1100, saying(0.0)).empty());  // cleared in silence
  CHECK(alarms.update_forecasts(1101, saying(0.9)).empty());
  const auto back = alarms.update_forecasts(1240, saying(0.9));
  REQUIRE(back.size() == 2);
  CHECK(back[0].what == What::unshelved);
  CHECK(back[1].what == What::raised);
}

TEST_CASE("an alarm that stands all the while it is shelved is as old as it was") {
  const auto line = filler();
  Alarms alarms(line, {});
  (void)alarms.update_forecasts(0, saying(0.8));
  (void)alarms.update_forecasts(120, saying(0.8));
  REQUIRE(alarms.shelve("filler/bearing-wear", 130, 1000));
  const auto back = alarms.update_forecasts(1140, saying(0.8));
  REQUIRE(back.size() == 1);
  CHECK(back[0].at_s == 1140);
  CHECK(alarms.standing().at(0).event.at_s == 120);
}

TEST_CASE("only faults that the machine can have, and that give warning, alarm") {
  const auto line = filler();
  Alarms alarms(line, {});
  for (const auto kind : {FaultKind::tool_wear, FaultKind::motor_trip})
    for (double at_s = 0; at_s < 1000; at_s += 60)
      CHECK(alarms.update_forecasts(at_s, saying(1, kind)).empty());
}

TEST_CASE("no forecast leaves an alarm as it stands") {
  const auto line = filler();
  Alarms alarms(line, {});
  (void)alarms.update_forecasts(0, saying(0.8));
  (void)alarms.update_forecasts(120, saying(0.8));
  auto none = saying(0);
  none[0].available = false;
  for (double at_s = 200; at_s < 5000; at_s += 60)
    CHECK(alarms.update_forecasts(at_s, none).empty());
  CHECK(alarms.record("filler/bearing-wear").active);
}

TEST_CASE("a lost link alarms after its delay and clears with the first answer") {
  const auto line = filler();
  Alarms alarms(line, {});
  CHECK(alarms.update_communication(0, true).empty());
  CHECK(alarms.update_communication(10, false).empty());
  CHECK(alarms.update_communication(39, false).empty());
  REQUIRE(alarms.update_communication(40, false).size() == 1);
  // The host's reckoning of line time may have run ahead of the line.
  const auto back = alarms.update_communication(25, true);
  REQUIRE(back.size() == 1);
  CHECK(back[0].what == What::cleared);
}

TEST_CASE("a signal without good values alarms by its name") {
  const auto line = filler();
  Alarms alarms(line, {});
  CHECK(alarms.update_quality(0, {{true}}).empty());
  const auto raised = alarms.update_quality(120, {{true}});
  REQUIRE(raised.size() == 1);
  CHECK(raised[0].id == "filler/vibration");
  CHECK(raised[0].alarm_class == AlarmClass::data_quality);
  CHECK(alarms.update_quality(200, {{false}}).empty());
  CHECK(alarms.update_quality(320, {{false}}).size() == 1);
}

TEST_CASE("an alarm out of service is followed and never shown, until it is returned") {
  const auto line = filler();
  Alarms alarms(line, {});
  CHECK_FALSE(alarms.take_out_of_service("filler/tool-wear", 0));
  CHECK_FALSE(alarms.take_out_of_service("filler/motor-trip", 0));
  CHECK_FALSE(alarms.return_to_service("filler/bearing-wear", 0));
  REQUIRE(alarms.take_out_of_service("filler/bearing-wear", 0));
  CHECK_FALSE(alarms.take_out_of_service("filler/bearing-wear", 1));
  CHECK(alarms.record("filler/bearing-wear").event.alarm_class == AlarmClass::forecast);
  CHECK(alarms.standing().size() == 1);
  for (double at_s = 10; at_s < 1000; at_s += 60)
    CHECK(alarms.update_forecasts(at_s, saying(0.9)).empty());
  CHECK_FALSE(alarms.acknowledge("filler/bearing-wear", 1000));
  CHECK_FALSE(alarms.shelve("filler/bearing-wear", 1000, 60));
  CHECK(alarms.record("filler/bearing-wear").state == AlarmState::out_of_service);
  REQUIRE(alarms.return_to_service("filler/bearing-wear", 1001));
  CHECK(alarms.record("filler/bearing-wear").state == AlarmState::unacknowledged);

  REQUIRE(alarms.take_out_of_service("filler/vibration", 1002));
  CHECK(alarms.record("filler/vibration").event.alarm_class == AlarmClass::data_quality);
  REQUIRE(alarms.return_to_service("filler/vibration", 1003));
  CHECK(alarms.record("filler/vibration").state == AlarmState::normal);
}

TEST_CASE("an alarm that nothing more is heard of is unshelved all the same") {
  const auto line = filler();
  Alarms alarms(line, {});
  (void)alarms.update_deployment(0, true, "not confirmed");
  REQUIRE(alarms.shelve("plc/deployment", 10, 600));
  CHECK(alarms.unshelve_due(600).empty());
  const auto back = alarms.unshelve_due(610);
  REQUIRE(back.size() == 1);
  CHECK(back[0].what == What::unshelved);
  CHECK(alarms.record("plc/deployment").state == AlarmState::unacknowledged);
  CHECK(alarms.unshelve_due(620).empty());
}

TEST_CASE("an alarm is kept shelved before it has arisen again") {
  const auto line = filler();
  Alarms alarms(line, {});
  CHECK_FALSE(alarms.keep_shelved("filler/no-such", 0, 1000));
  REQUIRE(alarms.keep_shelved("filler/bearing-wear", 0, 1000));
  for (double at_s = 0; at_s < 1000; at_s += 60)
    CHECK(alarms.update_forecasts(at_s, saying(0.9)).empty());
  const auto back = alarms.unshelve_due(1000);
  REQUIRE(back.size() == 1);
  CHECK(alarms.record("filler/bearing-wear").state == AlarmState::unacknowledged);
  REQUIRE(alarms.take_out_of_service("filler/bearing-wear", 1010));
  CHECK_FALSE(alarms.keep_shelved("filler/bearing-wear", 1020, 2000));
}
