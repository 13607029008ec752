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
    return Json{{"order", 0}, {"held", 1}, {"down_s", 0}, {"good", {good}}, {"scrap", {scrap}}};
  };
  into["stands"] = {{"at_s", at_s},
                    {"buffers", {first_good - second_good - second_scrap, nullptr}},
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
  CHECK(record.machine("third").is_null());
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

TEST_CASE("buffers, parts, orders and OEE are told for lines with branches as far as is known") {
  auto line = watched();
  line.machines[1].after.emplace();
  auto join = tests::machine("join", 30, 4);
  join.after = {{0, 1}};
  join.takes = {1, 2};
  auto pack = tests::machine("pack", 5, 0);
  pack.after = {{2}};
  pack.gives = 2;
  line.machines.push_back(join);
  line.machines.push_back(pack);
  Record record(line, tests::one_order(50));
  CHECK(record.constraint() == 1);  // twice 20 s a set; joining 30
  CHECK(description_of(line, {}).at("ideal_parts_h") == 180.0);
  const auto look = [&](double at_s, std::vector<int> good, Json buffers, Json held) {
    auto told = snapshot(at_s, 2);
    Json machines = Json::array();
    for (const auto parts : good)
      machines.push_back(
          {{"order", 0}, {"held", held}, {"down_s", 0}, {"good", {parts}}, {"scrap", {0}}});
    told["stands"] = {{"at_s", at_s}, {"buffers", std::move(buffers)}, {"machines", machines}};
    record.take(told);
  };
  look(1000, {10, 20, 8, 6}, {2, 4, nullptr, nullptr}, 1);
  CHECK(record.state().at("wip").is_null());  // a buffer nobody knows
  CHECK(record.state().at("buffers").at(1) == 4);
  look(4600, {40, 80, 38, 36}, {2, 4, 2, nullptr}, 1);
  const auto state = record.state();
  CHECK(state.at("wip") == 2 + 4 + 2 + 4);
  CHECK(state.at("good_parts") == 72.0);
  CHECK(state.at("throughput_parts_h") == 60.0);
  const auto& order = state.at("orders").at(0);
  CHECK(order.at("good") == 72.0);
  CHECK(order.at("of") == 100.0);
  CHECK(order.at("begun") == true);
  CHECK(order.at("over") == false);
  look(5000, {50, 100, 50, 50}, {0, 0, 0, nullptr}, 0);
  CHECK(record.state().at("orders").at(0).at("over") == true);
}

TEST_CASE("a machine outside its working time is off shift, and that costs no effectiveness") {
  auto line = watched();
  line::Calendar shift;
  shift.period_s = 86'400;
  shift.open = {{0, 2000}};
  line.calendars = {shift};
  line.calendar = 0;
  Record record(line, tests::one_order(1000));
  auto first = snapshot(1000, 2);
  stand(first, 1000, 0, 0, 0);
  record.take(first);
  record.take(snapshot(1500, 2));
  CHECK(record.state().at("machines").at(1).at("off_shift") == false);
  for (int i = 1; i <= 10; ++i) record.take(snapshot(2000 + 500.0 * i, 2, "Good", "Stopped"));
  CHECK(record.state().at("machines").at(1).at("off_shift") == true);
  auto last = snapshot(7100, 2, "Good", "Stopped");
  stand(last, 7100, 30, 20, 0);
  record.take(last);
  CHECK(record.effectiveness(1).availability == Approx(1));
  record.take(snapshot(86'400 + 100, 2, "Good", "Stopped"));  // at work, and serviced
  CHECK(record.state().at("machines").at(1).at("off_shift") == false);
}

TEST_CASE("a plant without an order book has OEE from its counters") {
  Record record(watched(), {});
  const auto look = [&](double at_s, double good, double scrap) {
    auto told = snapshot(at_s, 2);
    Json machines = Json::array();
    for (int m = 0; m < 2; ++m)
      machines.push_back({{"held", nullptr},
                          {"good", Json::array()},
                          {"scrap", Json::array()},
                          {"all_good", good},
                          {"all_scrap", scrap}});
    told["stands"] = {{"at_s", at_s}, {"buffers", {3, nullptr}}, {"machines", machines}};
    record.take(told);
  };
  look(1000, 500, 50);
  look(2000, 536, 54);
  const auto found = record.effectiveness(1);
  CHECK(found.quality == Approx(0.9));
  CHECK(found.performance == Approx(40 * 20 / 1000.0));
  CHECK(record.state().at("buffers").at(0) == 3);
  CHECK(record.state().at("orders").is_null());
  CHECK(record.state().at("wip").is_null());
  look(3000, 10, 0);  // the counter was set back
  CHECK(record.effectiveness(1).oee < 0);
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

TEST_CASE("a machine's history begins with the alarms of before, as many as fit") {
  Record record(watched(), tests::one_order(10));
  Json past = Json::array();
  for (int i = 0; i < 80; ++i)
    past.push_back({{"at_s", i}, {"subject", "first/bearing-wear"}, {"what", "raised"}});
  past.push_back(Json());
  past.push_back({{"subject", 7}, {"what", nullptr}});
  past.push_back({{"subject", "plc/communication"}, {"what", "raised"}});
  record.remember(past);
  record.remember(Json());
  record.note(
      {{"event", "alarm"}, {"at_s", 100}, {"subject", "first/bearing-wear"}, {"what", "cleared"}});
  const auto history = record.machine("first").at("history");
  CHECK(history.size() == 50);
  CHECK(history.front().at("at_s") == 31.0);
  CHECK(history.back().at("what") == "cleared");
  CHECK(record.notes_after(0).size() == 1);
}

TEST_CASE("a count of services that is lost is none") {
  Record record(watched(), tests::one_order(10));
  const auto with = [](double at_s, int renewals, const char* state) {
    auto one = snapshot(at_s, 2, "Good", state);
    one["values"]["machines"]["first"]["renewals"] = renewals;
    return one;
  };
  record.take(with(10, 0, "Undefined"));
  record.take(with(20, 3, "Execute"));
  record.take(with(30, 0, "Undefined"));
  CHECK(record.machine("first").at("renewals") == 3);
  record.take(with(50, 4, "Execute"));
  CHECK(record.machine("first").at("renewals") == 4);
}

TEST_CASE("a value is outside its band after some readings in a row of the running machine") {
  Record record(watched(), tests::one_order(10));  // 2 mm/s, noise 0.1
  double at_s = 0;
  const auto outside = [&] {
    return record.state().at("machines").at(0).at("signals").at(0).at(2).get<bool>();
  };
  const auto read = [&](double value, int times, const char* state = "Execute") {
    for (int i = 0; i < times; ++i) record.take(snapshot(at_s += 10, value, "Good", state));
    return outside();
  };
  CHECK_FALSE(read(2.0, 3));
  CHECK_FALSE(read(2.5, 5));
  CHECK_FALSE(read(2.0, 1));
  CHECK_FALSE(read(2.5, 5));
  CHECK(read(2.5, 1));
  // Just below the limit, it stays; well below, it goes after as many readings.
  CHECK(read(2.32, 20));
  CHECK(read(2.2, 5));
  CHECK_FALSE(read(2.2, 1));
  // What it shows while it waits says nothing, and is no break between readings.
  CHECK_FALSE(read(0.1, 20, "Suspended"));
  CHECK_FALSE(read(2.5, 2 + 3));
  CHECK_FALSE(read(0.1, 20, "Suspended"));
  CHECK(read(2.5, 2 + 3));
  CHECK(read(0.1, 20, "Held"));
  auto repaired = snapshot(at_s += 10, 0.1, "Good", "Held");
  repaired["values"]["machines"]["first"]["renewals"] = 1;
  record.take(repaired);
  CHECK_FALSE(outside());
}

TEST_CASE("the readings that are expected of a signal come with its trend") {
  Record record(watched(), tests::one_order(10));
  for (int i = 1; i <= 720; ++i)
    record.take(snapshot(10.0 * i, 2 + 0.01 * (i % 7), "Good", i % 50 == 0 ? "Idle" : "Execute"));
  const auto ahead = record.machine("first").at("signals").at(0).at("ahead");
  REQUIRE(ahead.at("at_s").size() >= 2);
  CHECK(ahead.at("at_s").at(0) == 7200.0);
  CHECK(ahead.at("at_s").at(1) == 7500.0);
  for (std::size_t i = 0; i < ahead.at("at_s").size(); ++i) {
    CHECK(ahead.at("low").at(i).get<double>() >= 1.99);
    CHECK(ahead.at("high").at(i).get<double>() <= 2.07);
  }
  for (int i = 1; i <= 180; ++i) record.take(snapshot(7200 + 10.0 * i, 0.1, "Good", "Held"));
  CHECK(record.machine("first").at("signals").at(0).at("ahead").at("at_s").empty());
}

TEST_CASE("the load of alarms is told for alarms, for predictions and for both, over a window") {
  Record record(watched(), tests::one_order(10));
  record.take(snapshot(1000, 2));
  const auto raise = [&](double at_s, const char* id, const char* kind, const char* priority) {
    record.note({{"event", "alarm"},
                 {"what", "raised"},
                 {"subject", id},
                 {"at_s", at_s},
                 {"detail", {{"class", kind}, {"priority", priority}}}});
  };
  raise(1010, "first/vibration", "data-quality", "low");
  raise(1020, "first/vibration", "data-quality", "low");
  raise(1030, "first/vibration", "data-quality", "low");
  raise(1500, "first/bearing-wear", "forecast", "medium");
  record.note({{"event", "alarm"}, {"what", "raised"}, {"subject", "odd"}, {"detail", nullptr}});
  record.note({{"event", "alarm"}, {"what", "cleared"}, {"subject", "first/vibration"}});
  auto now = snapshot(2200, 2);
  now["alarms"] = {{{"id", "first/vibration"}, {"class", "data-quality"}, {"raised_s", 1030}}};
  record.take(now);
  const auto notes = record.notes_after(0);
  CHECK(notes.at(3).at("class") == "forecast");  // what the pages filter by
  CHECK(notes.at(3).at("priority") == "medium");
  auto load = record.alarm_load();
  CHECK(load.at("from_s") == 1000.0);
  CHECK(load.at("alarms").at("raised") == 3);
  CHECK(load.at("alarms").at("per_interval").get<double>() == Approx(1.5));
  CHECK(load.at("alarms").at("by_priority") == Json::array({3, 0, 0, 0}));
  CHECK(load.at("alarms").at("chattering").at(0).at("id") == "first/vibration");
  CHECK(load.at("predictions").at("raised") == 1);
  CHECK(load.at("both").at("raised") == 4);
  CHECK(load.at("both").at("stale").empty());
  now["line_time_s"] = 1030 + 24 * 3600;
  record.take(now);
  load = record.alarm_load();
  CHECK(load.at("from_s") == 1030.0);
  CHECK(load.at("alarms").at("stale") == Json::array({"first/vibration"}));
  CHECK(load.at("predictions").at("stale").empty());
  raise(1030 + 24 * 3600 + 30, "plc/communication", "communication", "high");  // the link is lost
  CHECK(record.alarm_load().at("alarms").at("raised") == 1);
  CHECK(record.alarm_load().at("alarms").at("by_priority") == Json::array({0, 0, 1, 0}));
  for (int i = 0; i < 10'000; ++i)
    raise(2300 + 24 * 3600 + i, "first/vibration", "data-quality", "low");
  CHECK(record.alarm_load().at("both").at("raised") == Record::activations_max - 1);
}

TEST_CASE("alarms of before a restart count in the load while the line was watched") {
  Json past = Json::array();
  for (const double at_s : {500.0, 900.0, 1100.0, 90'000.0})
    past.push_back({{"at_s", at_s},
                    {"subject", "first/bearing-wear"},
                    {"what", "raised"},
                    {"detail", {{"class", "forecast"}, {"priority", "high"}}}});
  past.push_back({{"at_s", 1150}, {"subject", "first/vibration"}, {"what", "raised"}});
  auto now = snapshot(1200, 2);
  const bool soon_connected = GENERATE(true, false);
  const auto load = [&] {
    Record record(watched(), tests::one_order(10));
    if (soon_connected) record.take(now);
    record.remember(past);
    record.take(now);
    return record.alarm_load();
  };
  CHECK(load().at("both").at("raised") == 0);
  now["watched_from_s"] = 800;
  CHECK(load().at("from_s") == 800.0);
  CHECK(load().at("until_s") == 1200.0);
  CHECK(load().at("predictions").at("raised") == 2);
  CHECK(load().at("predictions").at("by_priority") == Json::array({0, 0, 2, 0}));
  CHECK(load().at("alarms").at("raised") == 1);
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
