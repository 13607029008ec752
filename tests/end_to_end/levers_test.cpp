// SPDX-License-Identifier: Apache-2.0
// What a planner is told of a line's levers, by the shipped model, by arithmetic, and by a folder
// that holds no model.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

TEST_CASE("levers are simulated in the order that a model, or arithmetic, promises") {
  const auto folder = fresh_folder("levers");
  const auto told = [&](std::vector<std::string> more) {
    const auto json = (folder / "levers.json").string();
    std::vector<std::string> words = {"whatif",   from_tree("scenarios/demo.toml").string(),
                                      "--at",     "1h",
                                      "--levers", "--futures",
                                      "6",        "--json",
                                      json};
    words.insert(words.end(), more.begin(), more.end());
    Foreline whatif(words);
    const int status = whatif.end(120);
    INFO(whatif.said());
    REQUIRE(status == 0);
    std::ifstream in(json);
    return nlohmann::json::parse(in).at("line");
  };
  const auto all = told({});
  REQUIRE(all.at("levers").size() == 24);
  const auto gain = [](const nlohmann::json& lever) { return lever.at("gain").get<double>(); };
  CHECK(std::is_sorted(all.at("levers").begin(), all.at("levers").end(),
                       [&](const auto& a, const auto& b) { return gain(a) > gain(b); }));
  CHECK(gain(all.at("levers").front()) > 0.02);
  CHECK(all.at("bottleneck").at("simulated") == "filler");
  for (const auto& machine : all.at("machines")) {
    double sum = 0;
    for (const char* share :
         {"working", "changeover", "broken", "service", "starved", "blocked", "off_shift", "idle"})
      sum += machine.at(share).get<double>();
    CHECK(sum == Approx(1).margin(1e-6));
  }
  // Three of them, and the best of all among these.
  const auto some = told({"--most-levers", "3"});
  REQUIRE(some.at("levers").size() == 3);
  CHECK(some.at("levers").front().at("lever") == all.at("levers").front().at("lever"));
  CHECK(some.at("levers").front().at("likely_best").get<double>() > 0);
  CHECK_FALSE(some.at("bottleneck").contains("simulated"));
  const auto plain = told({"--most-levers", "3", "--no-llm"});
  CHECK(plain.at("levers").size() == 3);
  CHECK_FALSE(plain.at("levers").front().contains("likely_best"));
}

TEST_CASE("a folder without a lever model is refused before anything is simulated") {
  Foreline whatif({"whatif", from_tree("scenarios/demo.toml").string(), "--levers", "--lever-model",
                   from_tree("scenarios").string()});
  CHECK(whatif.end(60) == 2);
  CHECK(whatif.said().find("plant.json") != std::string::npos);
  CHECK(whatif.said().find("WHAT-IF") == std::string::npos);
}
