// SPDX-License-Identifier: Apache-2.0
// What counts is said in the line file, and `foreline plan` goes by it.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

namespace {

const std::string line = R"(format = "foreline line 1"
name = "paint"
products = ["white", "black"]

[[machine]]
name = "booth"
cycle = "10 s"
changeover = "20 min"
buffer_after = 5

[[machine]]
name = "oven"
cycle = "9 s"

)";

const std::string orders =
    "id,product,quantity,due\nA,white,100,30min\nB,black,100,1h\nC,white,100,2h\nD,black,100,"
    "3h\n";

const std::string scenario = R"(format = "foreline scenario 1"
title = "a day of painting"
line = "line.toml"
orders = "orders.csv"
horizon = "6 h"
)";

}  // namespace

TEST_CASE("foreline plan goes by what counts on the line") {
  const auto folder = fresh_folder("objective");
  std::ofstream(folder / "orders.csv") << orders;
  std::ofstream(folder / "day.toml") << scenario;
  const auto planned = [&](const std::string& objective, std::string& said) {
    std::ofstream(folder / "line.toml") << line << objective;
    const auto json = (folder / "plan.json").string();
    Foreline plan({"plan", (folder / "day.toml").string(), "--at", "5min", "--for", "4h",
                   "--futures", "8", "--no-llm", "--largest-moved", "100", "--json", json});
    const int status = plan.end(120);
    said = plan.said();
    INFO(said);
    REQUIRE(status == 0);
    std::ifstream in(json);
    return nlohmann::json::parse(in);
  };
  std::string said;
  const auto sequence = [](const nlohmann::json& plan) {
    std::string ids;
    for (const auto& id : plan.at("after").at("sequence")) ids += id.get<std::string>();
    return ids;
  };
  auto plan = planned("[objective]\ntardiness = \"60 EUR/h\"\n", said);
  CHECK(sequence(plan) == "ABCD");
  CHECK(said.find("What counts: tardiness 60 EUR/h") != std::string::npos);
  CHECK(said.find("EUR, mean [95 %]") != std::string::npos);
  CHECK(plan.at("objective") == "tardiness 60 EUR/h");
  plan = planned("[objective]\nchangeover = \"60 EUR/h\"\n", said);
  CHECK(sequence(plan).substr(0, 2) == "AC");
  CHECK(plan.at("currency") == "EUR");
  plan = planned("[objective]\nfirst = [\"orders-late\", \"changeover\"]\n", said);
  CHECK(sequence(plan) == "ABDC");
  CHECK(plan.at("currency") == "points");
}

TEST_CASE("an order that waits for another is planned behind it") {
  const auto folder = fresh_folder("precedence");
  std::ofstream(folder / "line.toml") << line;
  std::ofstream(folder / "orders.csv")
      << "id,product,quantity,due,after\nA,white,100,30min,\nB,black,100,5h,\nC,white,100,1h,B\n";
  std::ofstream(folder / "day.toml") << scenario;
  Foreline plan({"plan", (folder / "day.toml").string(), "--at", "5min", "--for", "5h", "--futures",
                 "8", "--no-llm", "--out", (folder / "best.toml").string()});
  const int status = plan.end(120);
  INFO(plan.said());
  REQUIRE(status == 0);
  std::ifstream in(folder / "best.toml");
  const std::string best((std::istreambuf_iterator<char>(in)), {});
  CHECK(best.find(R"("A", "B", "C")") != std::string::npos);
}
