// SPDX-License-Identifier: Apache-2.0
#include "sim/line/flow.hpp"

#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;

namespace {

/// Two mills side by side and a hob feed an assembly that takes one and two; a press splits in
/// four.
Line shop() {
  auto mill = tests::machine("mill", 30, 5);
  mill.after.emplace();
  auto second = tests::machine("mill-2", 30, 0);
  second.after.emplace();
  second.unit_of = 0;
  auto hob = tests::machine("hob", 20, 8);
  hob.after.emplace();
  auto join = tests::machine("join", 25, 4);
  join.after = {{0, 2}};
  join.takes = {1, 2};
  auto cut = tests::machine("cut", 10, 0);
  cut.after = {{3}};
  cut.gives = 4;
  return tests::line_of({mill, second, hob, join, cut});
}

LineNow standing(const Line& line, const std::vector<std::vector<Progress>>& progress) {
  LineNow now;
  for (std::size_t m = 0; m < line.machines.size(); ++m) {
    MachineNow machine;
    machine.progress = progress[m];
    now.machines.push_back(machine);
  }
  return now;
}

}  // namespace

TEST_CASE("in a plain series every machine works one part for each that leaves") {
  const auto line = tests::line_of(
      {tests::machine("a", 10, 4), tests::machine("b", 12, 4), tests::machine("c", 5, 0)});
  const auto flow = flow_of(line);
  CHECK(flow.worked == std::vector<double>{1, 1, 1});
  CHECK(flow.seconds == std::vector<double>{10, 12, 5});
  CHECK(flow.constraint == 1);
  CHECK(flow.leave == 1);
}

TEST_CASE("units share the work, assemblies multiply it, splits divide it") {
  const auto line = shop();
  const auto flow = flow_of(line);
  // A quarter of a set for each part that leaves: a quarter of a mill's part, shared by two.
  CHECK(flow.worked[0] == Approx(0.125));
  CHECK(flow.worked[1] == Approx(0.125));
  CHECK(flow.worked[2] == Approx(0.5));
  CHECK(flow.worked[3] == Approx(0.25));
  CHECK(flow.worked[4] == Approx(0.25));
  CHECK(flow.constraint == 2);  // 10 s a part; joining 6.25
  CHECK(flow.leave == 4);
  CHECK(flow.component == std::vector<bool>{true, true, true, false, false});
}

TEST_CASE("a long line of stations with several units is looked at once") {
  // Looking at every way through it would never end: there are 3^40.
  std::vector<Machine> machines;
  for (std::uint32_t station = 0; station < 40; ++station) {
    for (std::uint32_t unit = 0; unit < 3; ++unit) {
      auto& machine = machines.emplace_back(tests::machine("m", 30, 5));
      machine.after.emplace();
      if (station > 0) machine.after = {{3 * (station - 1)}};
      if (unit > 0) machine.unit_of = 3 * station;
    }
  }
  const auto flow = flow_of(tests::line_of(machines));
  CHECK(flow.worked.front() == Approx(1.0 / 3));
  CHECK_FALSE(flow.component.front());
}

TEST_CASE("branches and several ends share in proportion to their rates") {
  auto head = tests::machine("head", 1, 9);
  head.after.emplace();
  auto fast = tests::machine("fast", 2, 3);
  fast.after = {{0}};
  auto slow = tests::machine("slow", 6, 3);
  slow.after = {{0}};
  auto pack = tests::machine("pack", 1, 0);
  pack.after = {{1, 2}};
  const auto flow = flow_of(tests::line_of({head, fast, slow, pack}));
  CHECK(flow.worked[1] == Approx(0.75));
  CHECK(flow.worked[2] == Approx(0.25));
  CHECK(flow.seconds[1] == Approx(1.5));
  CHECK(flow.seconds[2] == Approx(1.5));
  fast.after = slow.after = {{0}};
  const auto ends = flow_of(tests::line_of({head, fast, slow}));
  CHECK(ends.worked[0] == Approx(1));
  CHECK(ends.worked[1] == Approx(0.75));
}

TEST_CASE("the counts tell what is in a buffer where there is one way in and out") {
  const auto line = shop();
  auto now = standing(line, {{{10, 1}}, {{12, 0}}, {{40, 2}}, {{15, 1}}, {{13, 0}}});
  now.machines[3].holds_part = true;
  now.machines[3].set_up = true;
  CHECK(counted_behind(line, now, 0) == std::vector<std::int64_t>{22 - 17});
  CHECK(counted_behind(line, now, 1) == std::vector<std::int64_t>{5});  // its station's
  CHECK(counted_behind(line, now, 2) == std::vector<std::int64_t>{40 - 2 * 17});
  CHECK(counted_behind(line, now, 3) == std::vector<std::int64_t>{2});
  CHECK_FALSE(counted_behind(line, now, 4));  // parts leave here
  auto checked = line;
  checked.machines[4].inspection.detects = 0.9;
  checked.machines[4].inspection.rework_share = 0.5;
  checked.machines[4].inspection.rework_to = 3;
  CHECK_FALSE(counted_behind(checked, now, 0));  // what is joined again was not taken from there
  CHECK_FALSE(counted_behind(checked, now, 3));
  now.machines[2].progress.clear();
  CHECK_FALSE(counted_behind(line, now, 0));
}

TEST_CASE("an order is over when what it asks for has left or is lost") {
  const auto line = shop();
  const auto flow = flow_of(line);
  const std::vector<Order> orders = {{"1", {0}, 20}};
  // 20 sets, two of them scrapped in joining; scrapped components are made again.
  auto now = standing(line, {{{10, 5}}, {{10, 0}}, {{40, 3}}, {{18, 2}}, {{17, 0}}});
  CHECK(outstanding_of(line, flow, orders, now) == std::vector<std::int64_t>{1});
  now.machines[4].progress[0].good = 18;
  CHECK(outstanding_of(line, flow, orders, now) == std::vector<std::int64_t>{0});
}

TEST_CASE("an order has begun when any source has") {
  auto now = standing(
      shop(),
      {{{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}, {{0, 0}, {3, 0}}, {{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}});
  Schedule schedule;
  schedule.sequence = {{1}, {0}};
  CHECK(now.frozen_prefix(schedule) == 1);
}
