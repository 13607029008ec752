// SPDX-License-Identifier: Apache-2.0
#include "sim/line/outlook.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/lines.hpp"

using namespace foreline::line;
using foreline::tests::line_of;
using foreline::tests::machine;

namespace {

Line two_products() {
  auto fast = machine("fast", 5, 4, 2);
  auto slow = machine("slow", 10, 0, 2);
  slow.changeover_s = {{0, 60}, {90, 0}};
  fast.changeover_s = {{0, 600}, {600, 0}};
  auto line = line_of({fast, slow});
  line.products = {"a", "b"};
  return line;
}

const std::vector<Order> orders = {
    {"1", {0}, 10, 0, 50, 1}, {"2", {1}, 20, 0, 400, 2}, {"3", {0}, 5, 2000, 2100, 3}};
const std::vector<OrderId> sequence = {{0}, {1}, {2}};

}  // namespace

TEST_CASE("open orders follow one another at the pace of the slowest machine") {
  const Outlook outlook(two_products(), orders);
  std::vector<double> finished_s = {95, -1, -1};
  outlook.finish(sequence, 100, 10, finished_s);
  CHECK(finished_s[0] == 95);
  CHECK(finished_s[1] == Approx(100 + 60 + 200));
  CHECK(finished_s[2] == Approx(2000 + 90 + 50));  // not before its release
  Measures measures;
  outlook.judge(finished_s, -1, measures);
  CHECK(measures.ahead_late == 2);
  CHECK(measures.ahead_tardiness_s == Approx(45 + 3 * 40));
  CHECK(measures.ahead_makespan_s == Approx(2140));
  outlook.judge(finished_s, 95, measures);  // what was over at the start is late for ever
  CHECK(measures.ahead_tardiness_s == Approx(3 * 40));
}

TEST_CASE("parts that have gone are those of the first open orders") {
  const Outlook outlook(two_products(), orders);
  std::vector<double> finished_s = {-1, -1, -1};
  outlook.finish(sequence, 100, 14, finished_s);
  CHECK(finished_s[0] == 100);
  CHECK(finished_s[1] == Approx(100 + 160));  // under way: the changeover is over
  const std::vector<OrderId> other = {{1}, {0}, {2}};
  finished_s = {-1, -1, -1};
  outlook.finish(other, 100, 14, finished_s);
  CHECK(finished_s[1] == Approx(100 + 60));
  CHECK(finished_s[0] == Approx(160 + 90 + 100));
}

TEST_CASE("an order waits for all parts of its sets, and for all pieces of its parts") {
  auto body = machine("body", 5, 4);
  body.after = std::vector<std::uint32_t>{};
  auto wheel = machine("wheel", 10, 8);
  wheel.after = std::vector<std::uint32_t>{};
  auto join = machine("join", 5, 0);
  join.after = std::vector<std::uint32_t>{0, 1};
  join.takes = {1, 4};
  const auto sets = line_of({body, wheel, join});
  const std::vector<Order> one = {{"1", {0}, 10}};
  std::vector<double> finished_s = {-1};
  Outlook(sets, one).finish({{OrderId{0}}}, 100, 4, finished_s);
  CHECK(finished_s[0] == Approx(100 + 6 * 40));
  auto saw = machine("saw", 5, 12);
  saw.gives = 6;
  auto trial = foreline::tests::trial_of(line_of({saw, machine("deburr", 4, 0)}), one);
  Outcome outcome;
  outcome.end_s = 100;
  outcome.orders = {{0, -1, 24, 0}};  // 24 pieces of 60
  CHECK(finishes_of(trial, outcome)[0] == Approx(100 + 6 * 24));
}

TEST_CASE("nothing is finished while nobody works") {
  auto line = two_products();
  Calendar day;
  day.period_s = 1000;
  day.open = {{0, 150}};
  line.calendars = {day};
  line.calendar = 0;
  const Outlook outlook(line, orders);
  std::vector<double> finished_s = {95, -1, -1};
  outlook.finish(sequence, 100, 10, finished_s);
  CHECK(finished_s[1] == Approx(1000 + 150 + 850 + 60));  // 50 s today, 150 tomorrow, 60 then
  CHECK(finished_s[2] == Approx(2060 + 90 + 850 + 50));
  line.calendars[0].open.clear();
  finished_s = {95, -1, -1};
  outlook.finish(sequence, 100, 10, finished_s);
  CHECK(std::isfinite(finished_s[1]));
}

TEST_CASE("units side by side share an order, and one that cannot make it does not") {
  auto line = two_products();
  line.machines.push_back(line.machines[1]);
  line.machines[2].name = "slow too";
  line.machines[2].unit_of = 1;
  line.machines[2].makes = {1, 0};
  const std::vector<Order> same = {{"1", {0}, 10}, {"2", {1}, 20}};
  const Outlook outlook(line, same);
  std::vector<double> finished_s = {-1, -1};
  outlook.finish(std::vector<OrderId>{{0}, {1}}, 0, 0, finished_s);
  CHECK(finished_s[0] == Approx(50));
  CHECK(finished_s[1] == Approx(50 + 60 + 200));
}
