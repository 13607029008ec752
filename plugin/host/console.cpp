// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/console.hpp"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <thread>

#include "plugin/host/process.hpp"

namespace foreline::host {

namespace fs = std::filesystem;

int fail(Exit status, std::string_view command, const line::Error& error) {
  constexpr std::size_t most_told = 100;
  const auto& all = error.diagnostics;
  for (std::size_t i = 0; i < std::min(all.size(), most_told); ++i)
    fmt::print(stderr, "foreline {}: {}\n", command, all[i].text());
  if (all.size() > most_told)
    fmt::print(stderr, "foreline {}: and {} more like these\n", command, all.size() - most_told);
  return status;
}

int fail(Exit status, std::string_view command, const std::string& what) {
  return fail(status, command, line::Error(what));
}

void progress(const std::string& what) {
  fmt::print(stderr, "   {}\n", what);
}

fs::path shipped(const std::string& name) {
  std::error_code error;
  if (fs::exists(name, error)) return name;
  const auto here = own_executable().parent_path();
  for (auto folder = here; folder.has_relative_path(); folder = folder.parent_path()) {
    if (fs::exists(folder / name, error)) return folder / name;
  }
  // An installation, then the tree that this program was built from.
  for (const auto& folder :
       {here.parent_path() / "share" / "foreline", fs::path(FORELINE_SOURCE_DIR)})
    if (fs::exists(folder / name, error)) return folder / name;
  return name;
}

line::Result<worker::Client> start_worker() {
  worker::Options options;
  options.children = std::max(1U, std::thread::hardware_concurrency());
  return worker::Client::start(options);
}

inference::Simulate simulate_on(worker::Client& client) {
  return [&client](std::span<const line::Trial> trials) { return client.run(trials); };
}

std::string password_from_person(const std::string& name, const std::string& rule) {
  const bool terminal = ::isatty(STDIN_FILENO) != 0;
  termios shown{};
  if (terminal) {
    fmt::print(stderr, "Password for {}{}: ", name, rule);
    ::tcgetattr(STDIN_FILENO, &shown);
    auto hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string password;
  std::getline(std::cin, password);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fmt::print(stderr, "\n");
  }
  return password;
}

std::string clock_text(double at_s) {
  const auto seconds = static_cast<long>(std::max(0.0, at_s));
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

line::Result<std::vector<std::filesystem::path>> scenario_files(
    const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  line::Error missing;
  for (const auto& name : paths) {
    const auto path = shipped(name);
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
      std::vector<std::filesystem::path> found;
      for (const auto& entry : std::filesystem::directory_iterator(path, error))
        if (entry.path().extension() == ".toml") found.push_back(entry.path());
      std::sort(found.begin(), found.end());
      if (found.empty())
        missing.diagnostics.push_back({name, 0, 0, "this folder holds no .toml file", ""});
      files.insert(files.end(), found.begin(), found.end());
    } else {
      files.push_back(path);
    }
  }
  if (!missing.diagnostics.empty()) return missing;
  return files;
}

}  // namespace foreline::host
