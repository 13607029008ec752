// SPDX-License-Identifier: Apache-2.0
// Every command explains itself with an example, and every example runs. A soft PLC is started for
// the examples that attach to one.
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path root = FORELINE_SOURCE_DIR;
const fs::path programs = fs::path(FORELINE_BINARY_DIR) / "bin";

struct Ran {
  int status = -1;
  std::string output;
};

/// Runs one shell line in `folder`, with the build's programs first in PATH.
Ran run(const fs::path& folder, const std::string& command) {
  const std::string line = "cd '" + folder.string() + "' && PATH='" + programs.string() +
                           "':\"$PATH\" && " + "export PATH && { " + command +
                           "\n} 2>&1 </dev/null";
  Ran ran;
  std::FILE* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    ran.output.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

/// An empty folder in which the data of the tree is found under its usual names.
fs::path fresh_folder(const std::string& name) {
  const fs::path folder = fs::path(FORELINE_BINARY_DIR) / "examples" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (const char* data : {"scenarios", "inference", "plugin"}) {
    fs::create_directory_symlink(root / data, folder / data);
  }
  fs::create_directories(folder / "demo-output");
  fs::copy_file(root / "tests/house/story.json", folder / "demo-output/report.json");
  return folder;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> commands() {
  const auto help = run(root, "foreline --help");
  REQUIRE(help.status == 0);
  std::vector<std::string> names;
  for (const auto& line : lines_of(help.output)) {
    // Options have a dash, and what is too long for its line goes on further to the right.
    if (line.size() > 2 && line.rfind("  ", 0) == 0 && line[2] != ' ' && line[2] != '-')
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return names;
}

}  // namespace

TEST_CASE("every command's example runs") {
  const auto names = commands();
  REQUIRE(names.size() >= 11);
  for (const auto& name : names) {
    if (name == "demo") continue;  // the end-to-end test runs it
    const auto help = run(root, "foreline " + name + " --help");
    INFO("foreline " << name << " --help");
    REQUIRE(help.status == 0);
    std::vector<std::string> examples;
    bool listing = false;
    for (const auto& line : lines_of(help.output)) {
      if (line.rfind("Example", 0) == 0) listing = true;
      if (listing && (line.rfind("  foreline ", 0) == 0 || line.rfind("  echo ", 0) == 0))
        examples.push_back(line.substr(2));
    }
    REQUIRE_FALSE(examples.empty());
    const auto folder = fresh_folder(name);
    // The examples of watch, deploy and rollback name the ports of plugin/config/bottling.toml.
    std::string surroundings;
    if (name == "deploy" || name == "rollback")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '6 s' & "
          "foreline watch plugin/config/bottling.toml --for '6 s' & } >/dev/null 2>&1; sleep 2; ";
    if (name == "status")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '6 s' & "
          "foreline watch plugin/config/bottling.toml --for '6 s' & } >/dev/null 2>&1; sleep 3; ";
    if (name == "alarms")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '6 s' & "
          "foreline watch plugin/config/bottling.toml --hmi 15080 --for '6 s' & } >/dev/null 2>&1; "
          "sleep 3; ";
    if (name == "audit")
      surroundings =
          "cp -r plugin/config/bottling.toml watch.toml; sed -i 's#\"../../#\"'\"$PWD\"'/#; "
          "s/^# store = .*/store = \"my-store\"/' watch.toml; "
          "foreline watch watch.toml --for '1 s' >/dev/null 2>&1; ";
    if (name == "probe")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '8 s' & } >/dev/null 2>&1; "
          "sleep 2; ";
    for (const auto& example : examples) {
      // What surrounds an example is over before the next one wants its ports.
      const auto ran =
          run(folder, surroundings + "timeout 120 " + example + "; done=$?; wait; exit $done");
      INFO("$ " << example << "\n" << ran.output);
      CHECK(ran.status == 0);
      CHECK_FALSE(ran.output.empty());
    }
  }
}

TEST_CASE("a command that does not exist is a usage error") {
  const auto ran = run(root, "foreline pln");
  CHECK(ran.status == 2);
  CHECK(ran.output.find("pln") != std::string::npos);
}
