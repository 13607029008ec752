// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/record.hpp"

#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::hmi;

namespace {

line::Line watched() {
  auto first = tests::machine("first", 10, 5);
  auto second = tests::machine("second", 20, 0);
  first.signals.push_back(
      {"vibration", line::SignalKind::vibration, "mm/s", 2, 0, 0.1, 0.001, 0, 40});
  line::FaultMode mode;
  mode.repair = line::Distribution::constant(600);
  first.faults = {mode};
  return tests::line_of({first, second});
}

Json snapshot(double at_s, double value, const char* quality = "Good",
              const char* state = "Execute") {
  Json machines = {
      {"first",
       {{"state", state},
        {"operating_s", at_s},
        {"renewals", 0},
        {"signals", {{"vibration", {{"value", value}, {"unit", "mm/s"}, {"quality", quality}}}}}}},
      {"second",
       {{"state", state}, {"operating_s", at_s}, {"renewals", 0}, {"signals", Json::object()}}}};
  return {{"connected", true},
          {"line_time_s", at_s},
          {"values", {{"at_s", at_s}, {"machines", std::move(machines)}}},
          {"alarms", Json::array()},
          {"forecasts", Json::array()}};
}

void stand(Json& into, double at_s, int first_good, int second_good, int second_scrap) {
  const auto machine = [](int good, int scrap) {
    return Json{{"order", 0},  {"holds_part", true}, {"down_s", 0},
                {"parts", 10}, {"good", {good}},     {"scrap", {scrap}}};
  };
  into["stands"] = {{"at_s", at_s},
                    {"buffers", {first_good - second_good - second_scrap}},
                    {"machines", {machine(first_good, 0), machine(second_good, second_scrap)}}};
}

}  // namespace

TEST_CASE("a trend is bounded, in order, and marks what is not good") {
  Record record(watched(), tests::one_order(1000));
  for (int i = 1; i <= 2000; ++i)
    record.take(snapshot(10.0 * i, 2 + 0.001 * i, i % 10 == 0 ? "Bad_SensorFailure" : "Good"));
  record.take(snapshot(20'000, 7));  // the same moment once more
  const auto machine = record.machine("first");
  const auto& trend = machine.at("signals").at(0);
  REQUIRE(trend.at("at_s").size() == Record::points_max);
  CHECK(trend.at("at_s").back() == 20'000.0);
  CHECK(trend.at("value").back().get<double>() == Approx(4.0));
  CHECK(trend.at("bad").size() == Record::points_max / 10);
  CHECK(record.data().at("signals").at(0).at("good").get<double>() == Approx(0.9));
  CHECK(record.machine("third").is_null());
}

TEST_CASE("the drift of a signal is its hourly mean at work, in deviations of its noise") {
  Record record(watched(), tests::one_order(1000));
  CHECK(record.data().at("signals").at(0).at("hours").at("shift").empty());
  for (int i = 1; i <= 360; ++i) {
    // Two deviations too high while it works; what is bad or stands still does not count.
    record.take(snapshot(30.0 * i, i % 3 == 0 ? 2.2 : 50, i % 3 == 1 ? "Bad_SensorFailure" : "Good",
                         i % 3 == 2 ? "Held" : "Execute"));
  }
  const auto data = record.data();
  const auto& hours = data.at("signals").at(0).at("hours");
  REQUIRE(hours.at("shift").size() == 4);
  CHECK(hours.at("at_s").at(1) == 3600.0);
  for (const auto& shift : hours.at("shift")) CHECK(shift.get<double>() == Approx(2).margin(0.01));
  for (int i = 1; i <= 300; ++i) record.take(snapshot(20'000 + 3600.0 * i, 2));
  CHECK(record.data().at("signals").at(0).at("hours").at("shift").size() == Record::hours_max);
}

TEST_CASE("a line is described as it is laid out") {
  auto line = watched();
  auto join = tests::machine("join", 10, 5);
  join.after = {{0, 1}};
  join.takes = {1, 4};
  line.machines[1].after.emplace();
  line.machines.push_back(join);
  auto again = tests::machine("again", 10, 5);
  again.unit_of = 2;
  again.after = join.after;
  line.machines.push_back(again);
  const auto told = description_of(line, {}).at("machines");
  CHECK(told.at(0).at("column") == 0);
  CHECK(told.at(1).at("column") == 0);
  CHECK(told.at(2).at("column") == 1);
  CHECK(told.at(2).at("after") == Json({0, 1}));
  CHECK(told.at(2).at("takes") == Json({1, 4}));
  CHECK(told.at(3).at("column") == 1);
  CHECK(told.at(3).at("buffer_of") == 2);
  CHECK(told.at(3).at("last") == true);
  CHECK(told.at(0).at("last") == false);
}

TEST_CASE("a new run of the line begins a new record") {
  Record record(watched(), tests::one_order(1000));
  for (int i = 1; i <= 10; ++i) record.take(snapshot(10'000.0 + 10 * i, 2));
  record.take(snapshot(10, 2));
  CHECK(record.machine("first").at("signals").at(0).at("at_s").size() == 1);
}

TEST_CASE("OEE is availability times performance times quality, at the slowest machine") {
  Record record(watched(), tests::one_order(1000));
  CHECK(record.constraint() == 1);
  CHECK(record.effectiveness(1).oee < 0);
  auto first = snapshot(1000, 2);
  stand(first, 1000, 50, 40, 0);
  record.take(first);
  // 800 s running, 200 s held; 30 parts of 20 s, 3 of them scrap.
  for (int i = 1; i <= 80; ++i) record.take(snapshot(1000 + 10.0 * i, 2));
  for (int i = 1; i <= 20; ++i) record.take(snapshot(1800 + 10.0 * i, 2, "Good", "Held"));
  auto last = snapshot(2010, 2, "Good", "Idle");
  stand(last, 2010, 85, 67, 3);
  record.take(last);
  const auto found = record.effectiveness(1);
  CHECK(found.availability == Approx(0.8));
  CHECK(found.performance == Approx(600.0 / 800));
  CHECK(found.quality == Approx(0.9));
  CHECK(found.oee == Approx(0.8 * 0.75 * 0.9));
  const auto state = record.state();
  CHECK(state.at("buffers").at(0) == 15);
  CHECK(state.at("wip") == 17);
  CHECK(state.at("throughput_parts_h").get<double>() == Approx(3600 * 27.0 / 1010).margin(0.06));
}

TEST_CASE("notes are numbered, bounded, and plans keep their outcome") {
  Record record(watched(), tests::one_order(10));
  for (std::size_t i = 0; i < 2 * Record::notes_max; ++i)
    record.note({{"event", "alarm"},
                 {"at_s", 1},
                 {"subject", "first/bearing-wear"},
                 {"what", "raised"},
                 {"text", "t"}});
  CHECK(record.notes_after(0).size() == Record::notes_max);
  CHECK(record.last_note() == 2 * Record::notes_max);
  CHECK(record.notes_after(record.last_note() - 3).size() == 3);
  CHECK(record.machine("first").at("history").size() <= 51);

  record.note({{"event", "plan"}, {"what", "progress"}, {"subject", "planning"}});
  CHECK(record.last_note() == 2 * Record::notes_max);
  record.note({{"event", "plan"},
               {"what", "proposed"},
               {"at_s", 5},
               {"subject", "proposal 1"},
               {"detail", {{"proposal", 1}, {"winner", "service now"}, {"reason", "gain"}}}});
  CHECK(record.plan().at("outcome") == "proposed");
  record.note({{"event", "deploy"}, {"what", "confirmed"}, {"subject", "proposal 1"}, {"at_s", 6}});
  CHECK(record.plan().at("outcome") == "confirmed");
  CHECK(record.plans().at(0).at("outcome") == "confirmed");
}

TEST_CASE("snapshots that lack parts, or are none, do no harm") {
  Record record(watched(), tests::one_order(10));
  for (const char* text :
       {"null", "{}", "[]", R"({"values":{}})", R"({"values":{"at_s":1,"machines":{}}})",
        R"({"values":{"at_s":1,"machines":{"first":{}}}})", R"({"stands":{"at_s":1}})",
        R"({"stands":{"at_s":2,"machines":[{},{}]}})"}) {
    record.take(Json::parse(text));
    CHECK_NOTHROW(record.state());
    CHECK_NOTHROW(record.machine("first"));
    CHECK_NOTHROW(record.data());
  }
}
