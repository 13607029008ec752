// SPDX-License-Identifier: Apache-2.0
// The checker must refuse every planted mistake, and must not know the search.
#include "sim/search/checker.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/unit/search/shops.hpp"

using namespace foreline;
using namespace foreline::search;

TEST_CASE("the checker includes nothing of the search") {
  std::ifstream in(std::string(FORELINE_SOURCE_DIR) + "/sim/search/checker.cpp");
  std::ostringstream text;
  text << in.rdbuf();
  const std::string code = text.str();
  REQUIRE_FALSE(code.empty());
  static const std::regex include(R"re(#include "([^"]+)")re");
  for (std::sregex_iterator it(code.begin(), code.end(), include), end; it != end; ++it) {
    const std::string name = (*it)[1];
    CHECK((name == "sim/search/checker.hpp" || name == "sim/search/problem.hpp"));
  }
}

TEST_CASE("times of a flow shop by hand") {
  FlowShop shop;
  shop.jobs = 2;
  shop.machines = 2;
  shop.time = {3, 5, 2, 1};  // job 0: 3 then 5; job 1: 2 then 1
  CHECK(tests::makespan_of(shop, {0, 1}) == 9);
  CHECK(tests::makespan_of(shop, {1, 0}) == 10);
  shop.blocking = true;
  const auto times = times_of(shop, {0, 1});
  CHECK(times[1][0].end == 8);  // waits on machine 0 for machine 1
  CHECK(tests::makespan_of(shop, {0, 1}) == 9);
}

TEST_CASE("times, set-ups, releases and objectives by hand") {
  FlowShop shop;
  shop.jobs = 2;
  shop.machines = 2;
  shop.time = {3, 5, 2, 1};
  shop.setups = {2, false, {0, 4, 0, 0, 0, 7, 0, 0}};  // from job 0 to job 1: 4 and 7
  shop.dates = {{1, 0}, {9, 10}, {2, 3}};
  const auto times = times_of(shop, {0, 1});
  CHECK(times[0] == std::vector<Placed>{{0, 1, 4}, {1, 4, 9}});
  CHECK(times[1] == std::vector<Placed>{{0, 8, 10}, {1, 16, 17}});
  FlowShopAnswer answer{{0, 1}, 17, 17};
  CHECK(complaints_about(shop, answer).empty());
  shop.objective = Objective::tardiness;
  answer.value = 3 * 7;
  CHECK(complaints_about(shop, answer).empty());
  shop.objective = Objective::flowtime;
  answer.value = 2 * 8 + 3 * 17;
  CHECK(complaints_about(shop, answer).empty());
}

TEST_CASE("a wrong sequence is refused") {
  const auto shop = tests::random_flow_shop(4, 3, false, 5);
  const auto makespan = tests::makespan_of(shop, {2, 0, 3, 1});
  FlowShopAnswer answer{{2, 0, 3, 1}, makespan, makespan};
  CHECK(complaints_about(shop, answer).empty());
  SECTION("a job twice") {
    answer.permutation = {2, 0, 2, 1};
    CHECK(complaints_about(shop, answer).size() == 2);
  }
  SECTION("a job missing") {
    answer.permutation.pop_back();
    CHECK(complaints_about(shop, answer) == std::vector<std::string>{"job 1 is missing"});
  }
  SECTION("a job that does not exist") {
    answer.permutation[0] = 4;
    CHECK_FALSE(complaints_about(shop, answer).empty());
  }
  SECTION("a flattering makespan") {
    --answer.makespan;
    CHECK(complaints_about(shop, answer).size() == 1);
  }
  SECTION("a flattering objective") {
    --answer.value;
    CHECK(complaints_about(shop, answer).size() == 1);
  }
}

TEST_CASE("a wrong job shop schedule is refused") {
  JobShop shop;
  shop.machines = 2;
  shop.jobs = {{{{0, 3}}, {{1, 2}}}, {{{1, 4}, {0, 5}}}};
  JobShopAnswer answer;
  answer.jobs = {{{0, 0, 3}, {1, 4, 6}}, {{1, 0, 4}}};
  answer.makespan = answer.value = 6;
  CHECK(complaints_about(shop, answer).empty());
  auto& placed = answer.jobs;
  SECTION("no time for a set-up") {
    shop.setups = {2, false, {0, 0, 0, 0, 0, 0, 1, 0}};  // machine 1: 1 from job 1 to job 0
  }
  SECTION("before its release") {
    shop.dates.release = {1, 0};
  }
  SECTION("a flattering sum") {
    shop.objective = Objective::tardiness;
    shop.dates.due = {5, 9};
    shop.dates.weight = {3, 1};
    answer.value = 2;  // it is 3
  }
  SECTION("two at once on a machine") {
    placed[0][1] = {1, 3, 5};
  }
  SECTION("before its predecessor") {
    placed[0][0] = {0, 2, 5};
  }
  SECTION("too short") {
    placed[1][0].end = 3;
  }
  SECTION("on a machine that cannot do it") {
    placed[0][0].machine = 1;
  }
  SECTION("an operation missing") {
    placed[0].pop_back();
  }
  SECTION("a job missing") {
    placed.pop_back();
  }
  SECTION("a start before time") {
    placed[0][0] = {0, -3, 0};
  }
  SECTION("a flattering makespan") {
    answer.makespan = 5;
  }
  CHECK_FALSE(complaints_about(shop, answer).empty());
}

TEST_CASE("work of no length at one moment may have been done in any order") {
  JobShop shop;
  shop.machines = 1;
  shop.jobs = {{{{0, 0}}}, {{{0, 0}}}, {{{0, 0}}}, {{{0, 4}}}};
  // From 2 to 0 to 1 nothing is set up, and then to 3.
  shop.setups = {4, false, {0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0}};
  JobShopAnswer answer{{{{0, 0, 0}}, {{0, 0, 0}}, {{0, 0, 0}}, {{0, 0, 4}}}, 4, 4};
  CHECK(complaints_about(shop, answer).empty());
  shop.setups.time[7] = 1;  // from 1 to 3
  CHECK_FALSE(complaints_about(shop, answer).empty());
}
