// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cmath>

#include "sim/line/crews.hpp"
#include "sim/line/distribution.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"
#include "sim/line/random.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"

using namespace foreline::line;

TEST_CASE("a draw depends on its place and on nothing else") {
  const double first = random_uniform(7, 3, Purpose::cycle, 41);
  (void)random_uniform(7, 3, Purpose::cycle, 40);
  CHECK(random_uniform(7, 3, Purpose::cycle, 41) == first);
  CHECK(random_uniform(8, 3, Purpose::cycle, 41) != first);
  CHECK(random_uniform(7, 2, Purpose::cycle, 41) != first);
  CHECK(random_uniform(7, 3, Purpose::repair, 41) != first);
}

TEST_CASE("draws of one stream are uniform and uncorrelated") {
  const int count = 200'000;
  double sum = 0;
  double squares = 0;
  double products = 0;
  double before = 0.5;
  for (int i = 0; i < count; ++i) {
    const double u = random_uniform(1, 0, Purpose::noise, static_cast<std::uint64_t>(i));
    sum += u;
    squares += u * u;
    products += (u - 0.5) * (before - 0.5);
    before = u;
  }
  CHECK(sum / count == Approx(0.5).margin(0.003));
  CHECK(squares / count == Approx(1.0 / 3).margin(0.003));
  CHECK(products / count == Approx(0.0).margin(0.001));
}

TEST_CASE("quantiles reproduce the stated mean of every distribution") {
  using Kind = Distribution::Kind;
  const Distribution all[] = {{Kind::deterministic, 5, 0, 0, 0}, {Kind::exponential, 5, 0, 0, 0},
                              {Kind::normal, 5, 1, 0, 0},        {Kind::lognormal, 5, 2, 0, 0},
                              {Kind::weibull, 5, 1.7, 0, 0},     {Kind::triangular, 4, 0, 2, 9},
                              {Kind::uniform, 0, 0, 2, 8}};
  for (const Distribution& distribution : all) {
    double sum = 0;
    const int count = 20'000;
    for (int i = 0; i < count; ++i) sum += distribution.quantile((i + 0.5) / count);
    INFO(name_of(distribution.kind));
    CHECK(sum / count == Approx(distribution.expectation()).epsilon(0.003));
  }
}

TEST_CASE("many quantiles at once are the same numbers to the last bit") {
  using Kind = Distribution::Kind;
  const Distribution all[] = {
      {Kind::deterministic, 5, 0, 0, 0}, {Kind::exponential, 5, 0, 0, 0},
      {Kind::normal, 5, 0.1, 0, 0},      {Kind::normal, 5, 4, 0, 0},
      {Kind::normal, 5, 0, 0, 0},        {Kind::lognormal, 5, 2, 0, 0},
      {Kind::triangular, 4, 0, 2, 9},    Distribution::of_measured({1, 2, 5, 3})};
  for (const Distribution& distribution : all) {
    std::vector<double> values = {1e-300, 1 - 0x1p-53, 0x1p-54, 0.925, 0.075, 0.0750001};
    for (std::uint64_t i = 0; i < 491; ++i)
      values.push_back(random_uniform(1, 0, Purpose::noise, i));
    const auto shares = values;
    distribution.quantiles(values);
    INFO(name_of(distribution.kind) << ' ' << distribution.spread);
    for (std::size_t i = 0; i < values.size(); ++i)
      CHECK(values[i] == distribution.quantile(shares[i]));
  }
}

TEST_CASE("the normal quantile agrees with published values") {
  CHECK(normal_quantile(0.5) == Approx(0.0).margin(1e-15));
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-14));
  CHECK(normal_quantile(1e-10) == Approx(-6.361340902404056).epsilon(1e-13));
}

TEST_CASE("a forecast's probability and quantile are inverse to each other") {
  KindForecast forecast;
  float p = 0;
  for (float& within : forecast.within) within = (p += 0.08F);
  CHECK(forecast.probability_within(300) == Approx(0.08));
  CHECK(forecast.probability_within(forecast.quantile_s(0.5)) == Approx(0.5));
  CHECK(std::isinf(forecast.quantile_s(0.95)));
}

TEST_CASE("a diagnostic leaves out what it does not know") {
  CHECK(Diagnostic{"a.toml", 3, 7, "unknown key 'x'", "did you mean 'y'?"}.text() ==
        "a.toml:3:7: unknown key 'x' (did you mean 'y'?)");
  CHECK(Diagnostic{"a.toml", 0, 0, "cannot be opened", ""}.text() == "a.toml: cannot be opened");
  CHECK(Error("no worker").text() == "no worker");
}

TEST_CASE("a sequence is put in order of precedence, and otherwise left alone") {
  std::vector<Order> orders(5);
  for (std::size_t o = 0; o < orders.size(); ++o) orders[o].id = "ABCDE"[o];
  const auto kept = [&](const std::string& sequence) {
    std::vector<OrderId> ids;
    for (const char letter : sequence) ids.push_back({static_cast<std::uint32_t>(letter - 'A')});
    std::string out;
    for (const auto id : with_precedence(ids, orders)) out += orders[id.index].id;
    return out;
  };
  CHECK(kept("EDCBA") == "EDCBA");
  orders[4].after = {{2}};
  orders[2].after = {{0}, {1}};
  CHECK(kept("ABCDE") == "ABCDE");
  CHECK(kept("EDCBA") == "DBACE");
  CHECK(kept("CAB") == "ABC");
  CHECK(kept("EC") == "CE");  // those that no sequence holds are not waited for
  CHECK(circle_in(orders).empty());
  orders[1].after = {{4}};
  const auto circle = circle_in(orders);
  REQUIRE(circle.size() == 4);
  CHECK(circle.front() == circle.back());
  for (std::size_t i = 0; i + 1 < circle.size(); ++i) {
    const auto& after = orders[circle[i].index].after;
    CHECK(std::find(after.begin(), after.end(), circle[i + 1]) != after.end());
  }
  orders[3].after = {{3}};
  CHECK_FALSE(circle_in(orders).empty());
}

TEST_CASE("a schedule that puts an order before one that it waits for is refused") {
  Line line;
  line.machines.resize(1);
  std::vector<Order> orders(2);
  orders[0].id = "A";
  orders[1].id = "B";
  orders[0].after = {{1}};
  const Schedule active{{{1}, {0}}, {}};
  CHECK(complaints_about(active, line, orders, active, 0).empty());
  const Schedule wrong{{{0}, {1}}, {}};
  CHECK(complaints_about(wrong, line, orders, active, 0) ==
        std::vector<std::string>{"order A must come after order B"});
}

TEST_CASE("a schedule's mistakes are all reported at once") {
  Line line;
  line.machines.resize(2);
  const std::vector<Order> orders = {{"A", {}, 1}, {"B", {}, 1}, {"C", {}, 1}};
  Schedule active{{{0}, {1}, {2}}, {}};
  Schedule wrong{{{1}, {1}, {9}}, {{MachineId{5}, Service::When::at_time, -1, {}}}};
  const auto complaints = complaints_about(wrong, line, orders, active, 1);
  CHECK(complaints.size() == 7);
  CHECK(complaints_about(active, line, orders, active, 3).empty());
}

TEST_CASE("a holiday of any length ends, however many shifts would have begun in it") {
  Calendar calendar;
  constexpr double day_s = 86400;
  for (int day = 0; day < 5; ++day)
    calendar.open.push_back({day * day_s + 6 * 3600, day * day_s + 14 * 3600});
  calendar.closed = {{8 * 3600, 60 * day_s}, {59 * day_s, 65 * day_s}};
  CHECK(calendar.next_change(7 * 3600) == 8 * 3600);
  // Day 65 is a Wednesday of the pattern, day 70 a Monday.
  CHECK(calendar.next_change(8 * 3600) == 65 * day_s + 6 * 3600);
  CHECK(calendar.next_change(30 * day_s) == 65 * day_s + 6 * 3600);
  CHECK(calendar.next_change(67 * day_s + 15 * 3600) == 70 * day_s + 6 * 3600);
}

TEST_CASE("more and fewer crews are those with the name that is given, or the only ones") {
  Line line;
  line.crews = 2;
  REQUIRE(add_crews(line, "", -1));
  CHECK(line.crews == 1);
  CHECK(add_crews(line, "", -1).error().text() == "that leaves 0 crews");
  CHECK(add_crews(line, "fitters", 1).error().text() ==
        "there are no crews \"fitters\" (the crews of this line have no names)");
  line.crews = 3;
  line.crew_groups = {{"fitters", 3, {}, {}}};
  REQUIRE(add_crews(line, "", -1));
  CHECK(line.crews == 2);
  CHECK(line.crew_groups[0].count == 2);
  line.crew_groups.push_back({"electrician", 1, {"electrical"}, {}});
  line.crews = 3;
  CHECK(add_crews(line, "", -1).error().text() ==
        "this line has several kinds of crews: fitters, electrician (say which are meant, such as "
        "fitters=-1)");
  CHECK(add_crews(line, "electrician", -2).error().text() == "that leaves -1 crews");
  REQUIRE(add_crews(line, "electrician", -1));
  CHECK(line.crews == 2);
  CHECK(line.crew_groups[1].count == 0);
}
