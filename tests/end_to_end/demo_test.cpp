// SPDX-License-Identifier: Apache-2.0
// The main job as a newcomer runs it, undisturbed and disturbed.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

namespace {

std::vector<std::string> demo(const fs::path& out, std::vector<std::string> more) {
  std::vector<std::string> arguments = {"demo", from_tree("scenarios/demo.toml").string(), "--out",
                                        out.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("the demo forecasts, plans, deploys, confirms and reports") {
  const auto out = fresh_folder("demo");
  Foreline run(demo(out, {"--approve-as", "end-to-end test"}));
  const int status = run.end(300);
  INFO(run.said());
  REQUIRE(status == 0);
  for (const char* part :
       {"serves Modbus TCP on 127.0.0.1:", "libforeline.so", "filler/bearing-wear raised",
        "proposal 1:", "approved by end-to-end test", "read back, equals the approved schedule",
        "without change", "report.html", "no alarm; about "}) {
    INFO(part);
    CHECK(run.said().find(part) != std::string::npos);
  }

  const auto page = contents(out / "report.html");
  CHECK(page.size() > 20'000);
  CHECK_FALSE(std::regex_search(page, std::regex("(src|href)\\s*=\\s*[\"']?(https?:)?//")));
  for (const char* part : {"filler", "bearing-wear", "<svg", "seed", "end-to-end test"}) {
    INFO(part);
    CHECK(page.find(part) != std::string::npos);
  }
  const auto story = nlohmann::json::parse(contents(out / "report.json"));
  CHECK(story.at("audit").size() >= 2);
}

TEST_CASE(
    "the PLC is killed while the line runs: it is noticed, reconnected, and the job gets done") {
  const auto out = fresh_folder("killed-plc");
  Foreline run(demo(out, {"--approve-as", "test"}));
  REQUIRE_FALSE(run.line_with("no alarm", 60).empty());
  int plc = 0;
  for (const auto& process : descendants(run.pid()))
    if (process.command.find("--plc") != std::string::npos) plc = process.pid;
  REQUIRE(plc > 0);
  ::kill(plc, SIGKILL);
  CHECK_FALSE(run.line_with("died (status 137)").empty());
  const int status = run.end(300);
  INFO(run.said());
  CHECK(status == 0);
  CHECK(std::regex_search(run.said(),
                          std::regex("link +.*(lost|gone|closed|reset|refused|no answer)")));
  CHECK(run.said().find("read back, equals the approved schedule") != std::string::npos);
}

TEST_CASE("a killed or interrupted demo leaves no process behind") {
  for (const int number : {SIGKILL, SIGINT, SIGTERM}) {
    Foreline run(demo(fresh_folder("interrupted"), {}));
    REQUIRE_FALSE(run.line_with("libforeline.so").empty());
    const auto family = descendants(run.pid());
    REQUIRE(family.size() >= 2);
    run.signal(number);
    const int status = run.end(15);
    INFO("signal " << number << ", status " << status << "\n" << run.said());
    CHECK(status == 128 + number);
    CHECK(ended(family));
  }
}

TEST_CASE("without a name the demo waits for a person and says how to decide") {
  const auto out = fresh_folder("waiting");
  Foreline run(demo(out, {"--speed", "300"}));
  // What has started meanwhile stays as it is: whoever is refused decides on the next proposal.
  int status = 1;
  std::string said;
  for (int proposal = 0; status != 0 && proposal < 3; ++proposal) {
    REQUIRE_FALSE(run.line_with("waiting   for a person", 120).empty());
    const auto command = run.line_with("deploy --plugin");
    std::smatch found;
    REQUIRE(std::regex_search(command, found, std::regex("--plugin (\\S+) --approve (\\d+) --as")));
    Foreline person({"deploy", "--plugin", found[1], "--approve", found[2], "--as", "shift lead"});
    status = person.end();
    said += person.said();
    CHECK((status == 0 || said.find("has started and must stay") != std::string::npos));
  }
  INFO(said);
  CHECK(status == 0);
  CHECK_FALSE(run.line_with("approved by shift lead").empty());
  CHECK_FALSE(run.line_with("read back, equals the approved schedule").empty());
  run.signal(SIGTERM);
  CHECK(run.end(15) == 128 + SIGTERM);
}
