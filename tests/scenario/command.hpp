// SPDX-License-Identifier: Apache-2.0
// The `foreline` command in a folder of a test's own.
#pragma once

#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace foreline::tests {

namespace fs = std::filesystem;

struct Ran {
  int status = -1;
  std::string output;
};

/// A folder of this test's own beside the tree's lines and orders.
inline fs::path folder(const std::string& name) {
  const auto path = fs::path(FORELINE_BINARY_DIR) / "scratch" / (name);
  fs::remove_all(path);
  fs::create_directories(path);
  for (const char* data : {"lines", "orders", "schedules"})
    fs::create_directory_symlink(fs::path(FORELINE_SOURCE_DIR) / "scenarios" / data, path / data);
  return path;
}

inline std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline Ran run(const fs::path& in, const std::string& arguments) {
  const auto line = "cd '" + in.string() + "' && '" + std::string(FORELINE_BINARY_DIR) +
                    "/bin/foreline' " + arguments + " 2>&1 </dev/null";
  Ran ran;
  std::FILE* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    ran.output.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace foreline::tests
