// SPDX-License-Identifier: Apache-2.0
// A new project works before anything in it has been changed, whatever the answers were.
#include <catch2/catch.hpp>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

TEST_CASE("a new project's files are right and its days go as expected") {
  const auto folder = fresh_folder("init");
  const std::vector<std::vector<std::string>> projects = {
      {"--machines", "filler,capper,packer", "--cycle", "4 s"},
      {"--machines", "oven", "--cycle", "90 s", "--products", "bread,rolls,\"cake\""},
      {"--name", "line \"7\"", "--machines", "a b,weld,c,d,e", "--cycle", "800ms", "--plc",
       "10.1.2.3:502"},
  };
  for (std::size_t i = 0; i < projects.size(); ++i) {
    const auto project = folder / ("p" + std::to_string(i));
    std::vector<std::string> words = {"init", project.string(), "--yes"};
    words.insert(words.end(), projects[i].begin(), projects[i].end());
    Foreline init(words);
    const int made = init.end();
    INFO(init.said());
    REQUIRE(made == 0);
    Foreline check({"check", (project / "line.toml").string(), (project / "scenarios").string(),
                    (project / "plugin.toml").string()});
    const int right = check.end();
    INFO(check.said());
    CHECK(right == 0);
    Foreline run({"run", (project / "scenarios").string()});
    const int passed = run.end(240);
    INFO(run.said());
    CHECK(passed == 0);
  }
}

TEST_CASE("a project begins with what was found on a PLC") {
  const auto folder = fresh_folder("init-probe");
  Foreline serve({"serve", from_tree("scenarios/demo.toml").string(), "--personality", "openplc",
                  "--for", "60 s"});
  const auto said = serve.line_with("listening");
  REQUIRE_FALSE(said.empty());
  const auto plc = said.substr(said.find("127."));
  const auto tags = (folder / "found.csv").string();
  Foreline probe({"probe", plc, "--last", "60", "--tags", tags});
  const int probed = probe.end();
  INFO(probe.said());
  REQUIRE(probed == 0);
  Foreline init({"init", (folder / "new").string(), "--yes", "--plc", plc, "--tags", tags});
  const int made = init.end();
  INFO(init.said());
  REQUIRE(made == 0);
  Foreline check({"check", (folder / "new/plugin.toml").string()});
  CHECK(check.end() == 0);
  Foreline look({"watch", (folder / "new/plugin.toml").string(), "--dry-run"});
  (void)look.end();
  INFO(look.said());
  CHECK(std::regex_search(look.said(), std::regex("hr_2 +[0-9]+ +Good ")));
  std::ofstream(folder / "broken.csv") << "name,address\nx,hr:99999999\n";
  Foreline broken(
      {"init", (folder / "other").string(), "--yes", "--tags", (folder / "broken.csv").string()});
  CHECK(broken.end() == 2);
  CHECK(broken.said().find("broken.csv:2:") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "other"));
}

TEST_CASE("a project is made whole or not at all, and never over another") {
  const auto folder = fresh_folder("init-wrong");
  std::ofstream(folder / "mine") << "precious";
  Foreline over({"init", folder.string(), "--yes"});
  CHECK(over.end() == 2);
  CHECK(contents(folder / "mine") == "precious");
  Foreline wrong(
      {"init", (folder / "new").string(), "--yes", "--cycle", "-3 s", "--plc", "x:99999"});
  CHECK(wrong.end() == 2);
  CHECK_FALSE(wrong.said().find("no time of a part") == std::string::npos);
  CHECK_FALSE(wrong.said().find("no address of a PLC") == std::string::npos);
  CHECK_FALSE(fs::exists(folder / "new"));
  CHECK_FALSE(fs::exists(folder / "new.part"));
}
