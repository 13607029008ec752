// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/verdict/verdict.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

verdict::Verdict failed() {
  verdict::Verdict verdict;
  verdict.scenario = "a & b/\"c\".toml";
  verdict.title = "1 < 2\x01\nand so on";
  verdict.seeds = 20;
  verdict.expectations.push_back({14, "alarm filler/jam", true, 20, 18, 3, "fine"});
  verdict.expectations.push_back({18, "downtime <= 5 min", false, 17, 20, 912, "1h 3min"});
  return verdict;
}

}  // namespace

TEST_CASE("a failure says file, line, wanted, worst seed, got, and how to run it again") {
  const auto text = verdict::as_text(failed());
  for (const char* part : {"FAIL", "\"c\".toml:18:", "downtime <= 5 min", "20 of 20", "held on 17",
                           "seed 912", "1h 3min", "--seed 912"}) {
    INFO(part << " in\n" << text);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find("alarm filler/jam") == std::string::npos);
}

TEST_CASE("JUnit output is well-formed whatever the names hold") {
  auto broken = failed();
  broken.broken_invariants = {"seed 3: <parts> & \"parts\""};
  const auto path = std::filesystem::path(FORELINE_BINARY_DIR) / "junit_test.xml";
  std::ofstream(path) << verdict::as_junit({failed(), broken});
  const auto lint = "xmllint --xpath 'count(//failure)' '" + path.string() + "' 2>&1";
  std::FILE* pipe = ::popen(lint.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 256> answer{};
  const auto size = std::fread(answer.data(), 1, answer.size() - 1, pipe);
  CHECK(::pclose(pipe) == 0);
  CHECK(std::stoi(std::string(answer.data(), size)) == 3);
}

TEST_CASE("a broken invariant is called by its name in every output") {
  auto broken = failed();
  broken.broken_invariants = {"seed 3: parts are lost",
                              "seed 4: the trial ended as crashed: abort"};
  const auto junit = verdict::as_junit({broken});
  const auto json = nlohmann::json::parse(verdict::as_json({broken}, {{}}));
  for (const auto& what : broken.broken_invariants) {
    CHECK(verdict::as_text(broken).find("broken invariant: " + what) != std::string::npos);
    CHECK(junit.find("broken invariant: " + what) != std::string::npos);
    CHECK(verdict::as_html({broken}).find("broken invariant: " + what) != std::string::npos);
  }
  CHECK(json[0]["broken_invariants"] == broken.broken_invariants);
}

TEST_CASE("JSON output holds every measure of every seed") {
  verdict::SeedResult result;
  result.seed = 5;
  result.trial = tests::trial_of(tests::line_of({tests::machine("m", 2, 0)}), tests::one_order(30));
  result.outcome = tests::run(result.trial);
  const auto all = nlohmann::json::parse(verdict::as_json({failed()}, {{result}}));
  REQUIRE(all.size() == 1);
  CHECK(all[0]["passed"] == false);
  const auto& measures = all[0]["replications"][0]["measures"];
  for (const auto& field : line::measure_fields())
    CHECK(measures.contains(std::string(field.name)));
  CHECK(measures["makespan"] == 60);
}
