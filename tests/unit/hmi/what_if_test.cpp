// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/what_if.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using namespace foreline::hmi;

namespace {

Json answer(const Json& edit) {
  const auto now = tests::request();
  const auto asked = what_if_from(edit, now);
  REQUIRE(asked);
  auto simulator = tests::started_simulator();
  std::size_t done = 0;
  const auto found =
      answer_of(*asked, now, simulator, [&](std::size_t n, std::size_t) { done = n; });
  REQUIRE(found);
  CHECK(done == 2 * asked->futures);
  return *found;
}

const Json& measure(const Json& answer, const std::string& name) {
  for (const auto& entry : answer.at("measures"))
    if (entry.at("name") == name) return entry;
  throw std::out_of_range(name);
}

}  // namespace

TEST_CASE("no change makes no difference at all") {
  const auto found = answer({{"futures", 6}});
  for (const auto& entry : found.at("measures")) {
    CHECK(entry.at("difference").at("mean") == 0.0);
    CHECK(entry.at("difference").at("low") == 0.0);
  }
  CHECK(found.at("better") == 0);
  CHECK(found.at("what").empty());
}

TEST_CASE("a fault costs downtime, and a faster machine saves time") {
  const auto broken = answer(
      {{"futures", 6},
       {"faults",
        {{{"machine", "first"}, {"kind", "bearing-wear"}, {"in_s", 60}, {"repair_s", 1800}}}}});
  CHECK(measure(broken, "downtime").at("difference").at("mean").get<double>() > 1500);
  const auto& first = broken.at("machines").at(0);
  CHECK(first.at("machine") == "first");
  CHECK(first.at("down").at("difference").at("low").get<double>() > 0);
  CHECK(broken.at("machines").at(1).at("starved").at("difference").at("mean").get<double>() > 0);
  for (const char* use : {"utilisation", "blocked", "starved", "down", "set-up"})
    for (const char* side : {"keep", "edited"}) {
      const auto share = first.at(use).at(side).at("mean").get<double>();
      CHECK(share >= 0);
      CHECK(share <= 1);
    }
  // A is due 50 minutes after the half hour that it loses.
  CHECK(broken.at("probability_better").at("high").get<double>() < 0.5);
  REQUIRE_FALSE(broken.at("late").at("edited").empty());
  const auto& late = broken.at("late").at("edited").at(0);
  CHECK(late.at("futures") == 6);
  CHECK(late.at("late_s").get<double>() > 0);
  CHECK(late.at("causes_s").at("repair").get<double>() > 1500);
  const auto fast = answer(
      {{"futures", 6},
       {"speeds",
        {{{"machine", "first"}, {"factor", 0.5}}, {{"machine", "second"}, {"factor", 0.5}}}}});
  CHECK(measure(fast, "makespan").at("difference").at("mean").get<double>() < -100);
  CHECK(fast.at("gantt").at("edited").size() > 4);
  CHECK(fast.at("orders").at("edited").size() == 4);
  REQUIRE(fast.at("spans").at("edited").size() == 8);
  for (const auto& span : fast.at("spans").at("edited")) {
    CHECK(span.at("begin_s")[0] <= span.at("begin_s")[2]);
    CHECK(span.at("end_s")[0] <= span.at("end_s")[2]);
  }
}

TEST_CASE("an edit that makes no sense is refused with all its mistakes") {
  const auto now = tests::request();
  const auto refused = [&](const Json& edit) {
    const auto asked = what_if_from(edit, now);
    return asked ? std::string() : asked.error().text();
  };
  CHECK(refused(Json::array()).find("object") != std::string::npos);
  const auto many = refused({{"crews", 0},
                             {"futures", 1e9},
                             {"colour", "red"},
                             {"sequence", {"A", "Z"}},
                             {"faults", {{{"machine", "third"}, {"kind", "jam"}}}}});
  for (const char* part :
       {"crews", "futures", "colour", "order that is not in the book", "machine that is not"})
    CHECK(many.find(part) != std::string::npos);
  CHECK_FALSE(
      refused({{"faults", {{{"machine", "first"}, {"kind", "jam"}, {"in_s", 1}, {"repair_s", 1}}}}})
          .empty());
  // A is under way: it cannot be moved.
  CHECK_FALSE(refused({{"sequence", {"B", "A", "C", "D"}}}).empty());
  CHECK_FALSE(refused({{"sequence", {"A", "A", "C", "D"}}}).empty());
  CHECK(refused({{"sequence", {"A", "C", "B", "D"}}}).empty());
}
