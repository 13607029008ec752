// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/process.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace foreline;
using namespace std::chrono_literals;

namespace {

host::Process shell(const std::string& script) {
  auto process = host::Process::start({"/bin/sh", "-c", script});
  if (!process) FAIL(process.error().text());
  return std::move(*process);
}

std::vector<std::string> all_lines(host::Process& process) {
  std::vector<std::string> all;
  for (int i = 0; i < 500 && process.output() >= 0; ++i) {
    for (auto& line : process.lines()) all.push_back(std::move(line));
    std::this_thread::sleep_for(10ms);
  }
  return all;
}

}  // namespace

TEST_CASE("output arrives line by line, errors among it, a last line without its end too") {
  auto process = shell("echo one; echo two >&2; printf three");
  CHECK(all_lines(process) == std::vector<std::string>{"one", "two", "three"});
  for (int i = 0; i < 200 && process.running(); ++i) std::this_thread::sleep_for(10ms);
  CHECK(process.status() == 0);
}

TEST_CASE("the status is the shell's: of an exit, of a signal, of a program that is not there") {
  auto left = shell("exit 7");
  while (left.running()) std::this_thread::sleep_for(5ms);
  CHECK(left.status() == 7);
  auto killed = shell("kill -9 $$");
  while (killed.running()) std::this_thread::sleep_for(5ms);
  CHECK(killed.status() == 137);
  auto absent = host::Process::start({"/nowhere/program"});
  REQUIRE(absent);
  const auto lines = all_lines(*absent);
  REQUIRE_FALSE(lines.empty());
  CHECK(lines.front().find("/nowhere/program") != std::string::npos);
  while (absent->running()) std::this_thread::sleep_for(5ms);
  CHECK(absent->status() == 127);
}

TEST_CASE("a child that ignores the polite signal is killed") {
  auto stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.1; done");
  for (int i = 0; i < 500 && stubborn.lines().empty(); ++i) std::this_thread::sleep_for(10ms);
  const auto begun = std::chrono::steady_clock::now();
  stubborn.end(200ms);
  CHECK(stubborn.status() == 137);
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("a child does not outlive a parent that is killed") {
  int channel[2];
  REQUIRE(::pipe(channel) == 0);
  const int parent = ::fork();
  if (parent == 0) {
    auto child = host::Process::start({"/bin/sleep", "60"});
    const int pid = child ? child->pid() : -1;
    (void)!::write(channel[1], &pid, sizeof pid);
    ::pause();
    ::_exit(0);
  }
  int child = -1;
  REQUIRE(::read(channel[0], &child, sizeof child) == sizeof child);
  REQUIRE(child > 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 300 && !gone; ++i) {
    gone = ::kill(child, 0) != 0;
    std::this_thread::sleep_for(10ms);
  }
  // A child that nobody waits for may stay as a zombie where process 1 does not reap.
  if (!gone) {
    char state = '?';
    const auto path = "/proc/" + std::to_string(child) + "/stat";
    if (std::FILE* stat = std::fopen(path.c_str(), "r")) {
      (void)!std::fscanf(stat, "%*d %*s %c", &state);
      std::fclose(stat);
    }
    CHECK(state == 'Z');
  }
}
