// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/what_if.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using namespace foreline::hmi;

namespace {

worker::Client client() {
  worker::Options options;
  options.executable = tests::simulator();
  auto started = worker::Client::start(options);
  REQUIRE(started);
  return std::move(*started);
}

Json answer(const Json& edit) {
  const auto now = tests::request();
  const auto asked = what_if_from(edit, now);
  REQUIRE(asked);
  auto simulator = client();
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
  const auto fast = answer(
      {{"futures", 6},
       {"speeds",
        {{{"machine", "first"}, {"factor", 0.5}}, {{"machine", "second"}, {"factor", 0.5}}}}});
  CHECK(measure(fast, "makespan").at("difference").at("mean").get<double>() < -100);
  CHECK(fast.at("gantt").at("edited").size() > 4);
  CHECK(fast.at("orders").at("edited").size() == 4);
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
