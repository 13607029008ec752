// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/alarm_load.hpp"

#include <catch2/catch.hpp>

using namespace foreline;
using namespace foreline::hmi;
using line::AlarmPriority;

TEST_CASE("the load of alarms is what a hand counts") {
  std::vector<Activation> raised;
  const auto add = [&](double at_s, const char* id, AlarmPriority priority) {
    raised.push_back({at_s, id, priority, false});
  };
  add(100, "old", AlarmPriority::high);  // before the window
  // The first ten minutes after 1000: eleven, a flood; in the second two; in the third none; the
  // fourth has one, and is half over.
  for (int i = 1; i <= 8; ++i) add(1000 + 70 * i, "a", AlarmPriority::low);
  add(1590, "b", AlarmPriority::medium);
  add(1595, "b", AlarmPriority::medium);
  add(1600, "b", AlarmPriority::medium);  // to the end of an interval belongs its last moment
  add(1649.9, "b", AlarmPriority::medium);
  add(1700, "c", AlarmPriority::critical);
  add(2900, "d", AlarmPriority::low);
  add(3200, "future", AlarmPriority::high);
  const auto load = load_of(raised, 1000, 3100);
  CHECK(load.raised == 14);
  CHECK(load.per_interval == Approx(14 / 3.5));
  CHECK(load.peak == 11);
  CHECK(load.peak_at_s == 1000);
  CHECK(load.flood_share == Approx(1.0 / 4));
  CHECK(load.by_priority == std::array<std::size_t, 4>{9, 4, 0, 1});
  REQUIRE(load.offenders.size() == 4);
  CHECK(load.offenders[0] == std::pair<std::string, std::size_t>("a", 8));
  CHECK(load.offenders[1] == std::pair<std::string, std::size_t>("b", 4));
  // Three of b lie within ten seconds, and the fourth within the same minute; a comes every 70 s.
  REQUIRE(load.chattering.size() == 1);
  CHECK(load.chattering[0] == std::pair<std::string, std::size_t>("b", 4));
}

TEST_CASE("ten in ten minutes are no flood, and two in a minute do not chatter") {
  std::vector<Activation> raised;
  for (int i = 0; i < 10; ++i) raised.push_back({10.0 + 50 * i, "a", AlarmPriority::low, false});
  const auto load = load_of(raised, 0, 600);
  CHECK(load.peak == 10);
  CHECK(load.flood_share == 0);
  CHECK(load.chattering.empty());
  CHECK(load.per_interval == 10);
}

TEST_CASE("a window without alarms, or without length, has no load") {
  CHECK(load_of({}, 0, 86'400).raised == 0);
  CHECK(load_of({}, 5, 5).per_interval == 0);
  const std::vector<Activation> one = {{7, "a", AlarmPriority::low, false}};
  CHECK(load_of(one, 5, 10).per_interval == 1);
}

TEST_CASE("of many alarms the ten most frequent are told") {
  std::vector<Activation> raised;
  for (int id = 0; id < 30; ++id)
    for (int i = 0; i <= id; ++i)
      raised.push_back({1.0 + 100 * i, "alarm " + std::to_string(id), AlarmPriority::low, false});
  const auto load = load_of(raised, 0, 86'400);
  REQUIRE(load.offenders.size() == 10);
  CHECK(load.offenders.front().second == 30);
  CHECK(load.offenders.back().second == 21);
}
