// SPDX-License-Identifier: Apache-2.0
// Reads the source tree as a visitor would: each third-party library in its one room, arrows down
// only, licence lines, links that lead somewhere, no path of one machine.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path root = FORELINE_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// Files under the given folders of the tree, relative to the root, in order.
std::vector<std::string> files_under(const std::vector<std::string>& folders,
                                     const std::set<std::string>& extensions) {
  std::vector<std::string> files;
  for (const auto& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && extensions.count(entry.path().extension().string()) != 0) {
        files.push_back(fs::relative(entry.path(), root).generic_string());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

const std::set<std::string> code = {".hpp", ".cpp", ".h", ".c"};

std::vector<std::string> includes_of(const std::string& file) {
  static const std::regex line(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<std::string> found;
  std::istringstream in(text_of(root / file));
  for (std::string s; std::getline(in, s);) {
    std::smatch match;
    if (std::regex_search(s, match, line)) found.push_back(match[1]);
  }
  return found;
}

bool begins(const std::string& text, const std::string& with) {
  return text.rfind(with, 0) == 0;
}

}  // namespace

TEST_CASE("every third-party library has its room") {
  const std::map<std::string, std::vector<std::string>> rooms = {
      {"simgrid/", {"sim/factory/"}},
      {"mpi.h", {"sim/mpi/"}},
      {"modbus", {"sim/plc/", "plugin/io/"}},
      {"toml++/", {"sim/text/"}},
      {"boost/", {"plugin/io/", "plugin/hmi/", "sim/factory/fiber_stage.cpp"}},
      {"boost/context/", {"sim/factory/"}},
      {"sodium.h", {"plugin/hmi/"}},
      {"oneapi/dnnl/", {"inference/gpt2/"}},
      {"sqlite3.h", {"plugin/store/"}},
      {"mosquitto.h", {"plugin/mqtt/"}},
      {"openssl/", {"plugin/store/", "plugin/io/"}},
      {"CLI/", {"plugin/host/"}},
      {"zlib.h", {"inference/plant/", "sim/trace/"}},
      {"xgboost/", {"inference/plant/"}},
      {"xlsxwriter.h", {"plugin/report/"}},
      {"nlohmann/", {"sim/worker/", "sim/verdict/", "sim/plc/", "inference/", "plugin/"}},
  };
  for (const auto& file : files_under({"sim", "inference", "plugin"}, code)) {
    for (const auto& include : includes_of(file)) {
      for (const auto& [library, allowed] : rooms) {
        if (!begins(include, library)) continue;
        INFO(file << " includes <" << include << ">");
        CHECK(std::any_of(allowed.begin(), allowed.end(),
                          [&](const std::string& room) { return begins(file, room); }));
      }
    }
  }
}

TEST_CASE("arrows between rooms point down only") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> may_include = {
      {"sim/line/", {"sim/line/"}},
      {"sim/text/", {"sim/text/", "sim/line/"}},
      {"sim/verdict/", {"sim/verdict/", "sim/text/", "sim/line/"}},
      {"sim/search/", {"sim/search/", "sim/line/"}},
      {"sim/maxplus/", {"sim/maxplus/", "sim/line/"}},
      {"sim/select/", {"sim/select/", "sim/verdict/", "sim/line/"}},
      {"sim/levers/", {"sim/levers/", "sim/select/", "sim/verdict/", "sim/line/"}},
      {"sim/plan/",
       {"sim/plan/", "sim/search/", "sim/select/", "sim/maxplus/", "sim/verdict/", "sim/worker/",
        "sim/line/"}},
      {"sim/drawing/", {"sim/drawing/", "sim/text/", "sim/line/"}},
      {"sim/swarm/", {"sim/swarm/", "sim/text/", "sim/line/"}},
      {"sim/trace/", {"sim/trace/", "sim/line/"}},
      {"sim/worker/", {"sim/worker/", "sim/line/"}},
      {"sim/mpi/", {"sim/mpi/", "sim/worker/"}},
      {"sim/factory/", {"sim/factory/", "sim/line/"}},
      {"sim/plc/", {"sim/plc/", "sim/factory/", "sim/worker/", "sim/line/"}},
      {"inference/forecast", {"inference/", "sim/line/"}},
      {"inference/gpt2/", {"inference/gpt2/", "sim/line/"}},
      {"inference/", {"inference/", "sim/levers/", "sim/line/", "sim/text/"}},
      {"plugin/core/",
       {"plugin/core/", "inference/", "sim/text/", "sim/plan/", "sim/select/", "sim/line/"}},
      {"plugin/store/", {"plugin/store/", "plugin/core/", "sim/line/"}},
      {"plugin/rehearsal/",
       {"plugin/rehearsal/", "plugin/core/", "inference/", "sim/text/", "sim/verdict/",
        "sim/worker/", "sim/line/"}},
      {"plugin/io/", {"plugin/io/", "plugin/core/", "sim/line/"}},
      {"plugin/mqtt/",
       {"plugin/mqtt/", "plugin/io/", "plugin/store/", "plugin/core/", "sim/line/"}},
  };
  for (const auto& [room, allowed] : may_include) {
    for (const auto& file : files_under({room}, code)) {
      for (const auto& include : includes_of(file)) {
        if (!begins(include, "sim/") && !begins(include, "inference/") &&
            !begins(include, "plugin/"))
          continue;
        if (file == "sim/worker/main.cpp") continue;  // foreline-sim's main joins factory and plc
        INFO(file << " includes \"" << include << "\"");
        CHECK(std::any_of(
            allowed.begin(), allowed.end(),
            [&, name = include](const std::string& other) { return begins(name, other); }));
      }
    }
  }
}

TEST_CASE("the middle has no clock, socket, thread or file") {
  const std::set<std::string> banned = {
      "thread", "mutex", "chrono", "fstream", "future", "condition_variable", "iostream"};
  for (const auto& file : files_under({"sim/line", "sim/verdict", "plugin/core"}, code)) {
    for (const auto& include : includes_of(file)) {
      INFO(file << " includes <" << include << ">");
      CHECK(banned.count(include) == 0);
      CHECK_FALSE(begins(include, "sys/"));
    }
  }
}

// Two types of one name link without a word, and one is then destroyed as the other.
TEST_CASE("no two headers define a type of the same name") {
  static const std::regex room(R"(\nnamespace ([\w:]+) \{)");
  static const std::regex type(
      R"(\n(?:class|struct|enum class) (\w+)(?: final)?(?: : [^;{]*)? ?\{)");
  std::map<std::string, std::string> seen;
  for (const auto& file : files_under({"sim", "inference", "plugin"}, {".hpp"})) {
    const std::string text = text_of(root / file);
    std::smatch space;
    if (!std::regex_search(text, space, room)) continue;
    for (std::sregex_iterator it(text.begin(), text.end(), type), end; it != end; ++it) {
      const std::string name = space[1].str() + "::" + (*it)[1].str();
      const auto [earlier, first] = seen.emplace(name, file);
      INFO(name << " in " << file << " and in " << earlier->second);
      CHECK(first);
    }
  }
  CHECK(seen.size() > 150);
}

TEST_CASE("every source begins with its licence") {
  auto files = files_under({"sim", "inference", "plugin", "tests"}, code);
  REQUIRE(files.size() > 50);
  for (const auto& file : files) {
    INFO(file);
    CHECK(text_of(root / file).substr(0, 60).find("SPDX-License-Identifier: Apache-2.0") !=
          std::string::npos);
  }
}

TEST_CASE("links in the documentation lead to files") {
  auto files = files_under({"docs", "inference/models", "plugin", "scenarios"}, {".md"});
  for (const char* file : {"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md"})
    files.push_back(file);
  static const std::regex link(R"(\]\(([^)#\s]+)[^)]*\))");
  std::size_t checked = 0;
  for (const auto& file : files) {
    const std::string text = text_of(root / file);
    INFO(file);
    REQUIRE_FALSE(text.empty());
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
      const std::string target = (*it)[1];
      if (target.find("://") != std::string::npos) continue;
      INFO("link to " << target);
      CHECK(fs::exists((root / file).parent_path() / target));
      ++checked;
    }
  }
  CHECK(checked > 5);
}

TEST_CASE("the cookbook shows its files as they are") {
  const std::string book = text_of(root / "docs/planners/cookbook.md");
  static const std::regex recipe(
      R"(\]\(\.\./\.\./(scenarios/cookbook/lines/[^)]+)\)[^`]*```toml\n([^`]*)```)");
  std::size_t recipes = 0;
  for (std::sregex_iterator it(book.begin(), book.end(), recipe), end; it != end; ++it, ++recipes) {
    INFO((*it)[1]);
    CHECK(text_of(root / (*it)[1].str()).find((*it)[2].str()) != std::string::npos);
  }
  CHECK(recipes == files_under({"scenarios/cookbook/lines"}, {".toml"}).size());
  CHECK(recipes >= 20);
}

TEST_CASE("no file speaks of one machine's folders") {
  // Spelled in two parts so that this file passes its own test.
  static const std::regex path(std::string("/wo") + "rk/(main|shared)|/ho" + "me/[a-z]+/|/tmp/bu" +
                               "ild");
  for (const auto& file :
       files_under({"sim", "inference", "plugin", "tests", "docs", "scenarios"},
                   {".hpp", ".cpp", ".h", ".c", ".txt", ".md", ".toml", ".py", ".sh", ".json"})) {
    INFO(file);
    const std::string text = text_of(root / file);
    if (text.size() > 2'000'000) continue;
    CHECK_FALSE(std::regex_search(text, path));
  }
}

TEST_CASE(
    "every row of the table of faults has its tests, and the protection that they need is named") {
  std::string tests;
  for (const auto& file : files_under({"tests"}, {".cpp", ".py", ".txt", ".mjs"}))
    if (file != "tests/house/house_test.cpp") tests += text_of(root / file);
  std::set<int> tested;
  const std::regex title(R"(\brows? (\d+(?:(?:, | and )\d+)*))");
  const std::regex number(R"(\d+)");
  for (auto it = std::sregex_iterator(tests.begin(), tests.end(), title);
       it != std::sregex_iterator(); ++it) {
    const auto numbers = (*it)[1].str();
    for (auto one = std::sregex_iterator(numbers.begin(), numbers.end(), number);
         one != std::sregex_iterator(); ++one)
      tested.insert(std::stoi((*one)[0]));
  }
  const auto page = text_of(root / "docs/integrators/failure-behaviour.md");
  const auto taken_out = page.find("## Protections taken out");
  REQUIRE(taken_out != std::string::npos);
  std::map<int, std::set<std::size_t>> told;  // by row: in the table of behaviour, of protections
  const std::regex row(R"(\n\| ([0-9][0-9, ]*) \|[^\n]*)");
  for (auto it = std::sregex_iterator(page.begin(), page.end(), row); it != std::sregex_iterator();
       ++it) {
    const auto numbers = (*it)[1].str();
    const bool protection = static_cast<std::size_t>(it->position()) > taken_out;
    for (auto one = std::sregex_iterator(numbers.begin(), numbers.end(), number);
         one != std::sregex_iterator(); ++one)
      told[std::stoi((*one)[0])].insert(protection ? 1 : 0);
    if (!protection) continue;
    // The tests named beside it exist.
    const auto line = (*it)[0].str();
    const std::regex quoted("\"([^\"]+)\"");
    std::smatch names;
    REQUIRE(std::regex_search(line, names, quoted));
    std::istringstream parts(names[1].str());
    for (std::string part; std::getline(parts, part, ',');) {
      part.erase(0, part.find_first_not_of(' '));
      INFO(line << "\nno test begins with \"" << part << "\"");
      CHECK(tests.find("\"" + part) != std::string::npos);
    }
  }
  for (int n = 1; n <= 28; ++n) {
    INFO("row " << n);
    CHECK(tested.count(n) == 1);
    CHECK(told[n].size() == 2);
  }
}
