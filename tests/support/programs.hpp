// SPDX-License-Identifier: Apache-2.0
// The programs of this build as a user runs them, and what they say.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "plugin/host/process.hpp"

namespace foreline::tests {

namespace fs = std::filesystem;

/// An empty folder of this test's own.
inline fs::path fresh_folder(const std::string& name) {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

inline std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline fs::path from_tree(const std::string& name) {
  return fs::path(FORELINE_SOURCE_DIR) / name;
}

/// A running `foreline`.
class Foreline {
 public:
  explicit Foreline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     (fs::path(FORELINE_BINARY_DIR) / "bin" / "foreline").string());
    auto process = host::Process::start(arguments);
    if (!process) FAIL(process.error().text());
    process_.emplace(std::move(*process));
  }

  /// Reads on until a line holds `part`; empty when the program ends or the time is over.
  std::string line_with(const std::string& part, double patience_s = 30) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(patience_s);
    for (;;) {
      for (; read_ < lines_.size(); ++read_)
        if (lines_[read_].find(part) != std::string::npos) return lines_[read_++];
      if (process_->output() < 0 || std::chrono::steady_clock::now() > until) return {};
      wait();
    }
  }
  /// Waits for the end; the exit status, or -1 when it runs on.
  int end(double patience_s = 30) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(patience_s);
    while (process_->running() || process_->output() >= 0) {
      if (std::chrono::steady_clock::now() > until) return -1;
      wait();
    }
    return process_->status();
  }
  void signal(int number) const { process_->signal(number); }
  [[nodiscard]] int pid() const { return process_->pid(); }
  [[nodiscard]] std::string said() const {
    std::string all;
    for (const auto& line : lines_) all += line + "\n";
    return all;
  }

 private:
  void wait() {
    pollfd waiting{process_->output(), POLLIN, 0};
    ::poll(&waiting, 1, 50);
    for (auto& line : process_->lines()) lines_.push_back(std::move(line));
  }
  std::optional<host::Process> process_;
  std::vector<std::string> lines_;
  std::size_t read_ = 0;
};

struct ProcessInfo {
  int pid = 0;
  int parent = 0;
  char state = '?';
  std::string command;  ///< Arguments joined by blanks.
};

inline std::vector<ProcessInfo> processes() {
  std::vector<ProcessInfo> all;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    ProcessInfo info;
    const auto stat = contents(entry.path() / "stat");
    const auto close = stat.rfind(')');
    if (close == std::string::npos) continue;
    std::istringstream(stat.substr(close + 1)) >> info.state >> info.parent;
    info.pid = std::atoi(name.c_str());
    info.command = contents(entry.path() / "cmdline");
    for (auto& c : info.command)
      if (c == '\0') c = ' ';
    all.push_back(std::move(info));
  }
  return all;
}

/// Children, their children, and so on.
inline std::vector<ProcessInfo> descendants(int pid) {
  std::set<int> family = {pid};
  std::vector<ProcessInfo> found;
  for (bool more = true; more;) {
    more = false;
    for (const auto& process : processes()) {
      if (family.count(process.parent) == 0 || family.count(process.pid) != 0) continue;
      family.insert(process.pid);
      found.push_back(process);
      more = true;
    }
  }
  return found;
}

/// Whether these have all ended; a zombie that nobody has waited for counts as ended.
inline bool ended(const std::vector<ProcessInfo>& family, double patience_s = 5) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(patience_s);
  for (;;) {
    std::set<int> alive;
    for (const auto& process : processes())
      if (process.state != 'Z' && process.state != 'X') alive.insert(process.pid);
    bool any = false;
    for (const auto& process : family) any = any || alive.count(process.pid) != 0;
    if (!any) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    ::usleep(20'000);
  }
}

}  // namespace foreline::tests
