// SPDX-License-Identifier: Apache-2.0
// A new project works before anything in it has been changed, whatever the answers were.
#include <catch2/catch.hpp>
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
