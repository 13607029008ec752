// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/running.hpp"

#include <catch2/catch.hpp>

#include "plugin/attachment/details.hpp"
#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using namespace foreline::hmi;

namespace {

/// Both machines in their states at that time, the first with order `order`.
Json snapshot(double at_s, const char* first, const char* second, int order = 0) {
  return {{"values",
           {{"at_s", at_s},
            {"machines", {{"first", {{"state", first}}}, {"second", {{"state", second}}}}}}},
          {"stands", {{"machines", {{{"order", order}}, {{"order", nullptr}}}}}}};
}

Json bar(const char* machine, const char* what, double from_s, double until_s,
         const char* order = nullptr) {
  Json bar = {{"machine", machine}, {"what", what}, {"from_s", from_s}, {"until_s", until_s}};
  if (order != nullptr) bar["order"] = order;
  return bar;
}

ActualSchedule actual(const std::optional<line::Calendar>& shift = std::nullopt) {
  auto line = tests::line_of({tests::machine("first", 10, 5), tests::machine("second", 10, 0)});
  if (shift) {
    line.calendars = {*shift};
    line.calendar = 0;
  }
  return {line, {{"A", {0}, 10}, {"B", {0}, 10}}};
}

bool rising(const Json& quantiles) {
  return quantiles.size() == 3 && quantiles[0] <= quantiles[1] && quantiles[1] <= quantiles[2];
}

}  // namespace

TEST_CASE("what machines have done is told as bars, by order, and waiting is none") {
  auto seen = actual();
  seen.take(snapshot(100, "Execute", "Idle"));
  seen.take(snapshot(160, "Execute", "Execute"));
  seen.take(snapshot(220, "Suspended", "Execute"));
  seen.take(snapshot(280, "Execute", "Held"));  // waited for less than it takes to be told
  seen.take(snapshot(340, "Resetting", "Held", 1));
  seen.take(snapshot(400, "Execute", "Stopped", 1));
  CHECK(seen.bars() ==
        Json{bar("first", "work", 100, 280, "A"), bar("second", "work", 100, 220),
             bar("second", "repair", 220, 340), bar("first", "changeover", 280, 340, "B"),
             bar("first", "work", 340, 400, "B"), bar("second", "service", 340, 400)});
}

TEST_CASE("nothing is told of a time in which nobody watched, nor of a run before") {
  auto seen = actual();
  seen.take(snapshot(100, "Execute", "Execute"));
  seen.take(snapshot(5000, "Execute", "Execute"));
  CHECK(seen.bars().empty());
  seen.take(snapshot(5060, "Execute", "Execute"));
  CHECK(seen.bars().size() == 2);
  seen.take(snapshot(60, "Execute", "Execute"));
  CHECK(seen.bars().empty());
  for (const auto& nonsense : {Json(), Json::array(), Json{{"values", 7}},
                               Json{{"values", {{"at_s", "x"}, {"machines", Json::object()}}}}})
    seen.take(nonsense);
  CHECK(seen.bars().empty());
}

TEST_CASE("bars are bounded, the oldest go") {
  auto seen = actual();
  for (int i = 0; i < 6000; ++i)
    seen.take(snapshot(60.0 * i, i % 2 == 0 ? "Execute" : "Held", "Idle"));
  CHECK(seen.bars().size() == ActualSchedule::bars_max);
  CHECK(seen.bars().back().at("until_s") == 60.0 * 5999);
}

TEST_CASE("a machine that stands outside its shift is closed, not serviced") {
  line::Calendar shift;
  shift.period_s = 86'400;
  shift.open = {{0, 2000}, {4000, 8000}};
  auto seen = actual(shift);
  seen.take(snapshot(2000, "Stopped", "Stopped"));
  seen.take(snapshot(2060, "Stopped", "Stopped"));
  CHECK(seen.bars().empty());
  const auto closed = seen.closed(1000, 90'000);
  REQUIRE(closed.size() == 6);
  CHECK(closed[0] == bar("first", "closed", 2000, 4000));
  CHECK(closed[1] == bar("first", "closed", 8000, 86'400));
  CHECK(closed[2] == bar("first", "closed", 88'400, 90'000));
  CHECK(actual().closed(0, 90'000).empty());
}

TEST_CASE("the running schedule is expected with spreads, and its bars have no chance in them") {
  auto now = tests::request();
  now.hazards = {tests::hazard(0, line::FaultKind::bearing_wear, 0.5F)};
  auto simulator = tests::started_simulator();
  const auto expected = expected_of(
      now, simulator, [](std::size_t, std::size_t) {}, 16);
  REQUIRE(expected);
  CHECK(expected->at("futures") == 16);
  for (const auto& one : expected->at("bars")) CHECK(one.at("what") != "repair");
  REQUIRE(expected->at("spans").size() == 8);  // four orders on two machines
  bool spread = false;
  for (const auto& span : expected->at("spans")) {
    CHECK(rising(span.at("begin_s")));
    CHECK(rising(span.at("end_s")));
    spread = spread || span.at("end_s")[0] < span.at("end_s")[2];
  }
  CHECK(spread);
  const auto& order = expected->at("orders").at(1);
  CHECK(order.at("order") == "B");
  CHECK(order.at("on_time_low") < order.at("on_time"));
  CHECK(order.at("p10_s") <= order.at("p90_s"));
}

TEST_CASE("an order that no future ends within its horizon is expected beyond it") {
  auto now = tests::request();
  now.horizon_s = 60;
  auto simulator = tests::started_simulator();
  const auto expected = expected_of(
      now, simulator, [](std::size_t, std::size_t) {}, 4);
  REQUIRE(expected);
  for (const auto& order : expected->at("orders")) {
    INFO(order.dump());
    REQUIRE(order.contains("p10_s"));
    CHECK(order.at("p10_s") > expected->at("until_s"));
  }
}

TEST_CASE(
    "a plan tells when each operation of both schedules begins and ends, and who is on time") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, line::FaultKind::bearing_wear, 1.0F)};
  auto simulator = tests::started_simulator();
  const auto plan = plan::make_plan(request, simulator);
  REQUIRE(plan);
  const auto told = attachment::to_json(*plan, request, {});
  CHECK(told.at("until_s") == request.now.at_s + request.horizon_s);
  for (const char* side : {"keep", "winner"}) {
    REQUIRE(told.at("spans").at(side).size() == 8);
    for (const auto& span : told.at("spans").at(side)) {
      CHECK(rising(span.at("begin_s")));
      CHECK(rising(span.at("end_s")));
      CHECK(span.at("begin_s")[1] < span.at("end_s")[1]);
    }
    const auto& orders = told.at("orders").at(side);
    REQUIRE(orders.size() == 3);  // D has no date
    for (const auto& order : orders) {
      CHECK(order.at("on_time_low") < order.at("on_time"));
      CHECK(order.at("on_time") < order.at("on_time_high"));
      CHECK(order.at("p10_s") <= order.at("p90_s"));
    }
  }
}
