// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/fans.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <string>
#include <thread>

#include "sim/worker/wire.hpp"

extern char** environ;

namespace foreline::worker {

using namespace line;
using Clock = std::chrono::steady_clock;

namespace {

struct Running {
  std::size_t position = 0;
  pid_t pid = -1;
  int to = -1;
  int from = -1;
  std::string sending;
  std::string received;
  Clock::time_point deadline;
  bool killed = false;

  Running() = default;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    close_input();
    if (from >= 0) ::close(from);
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  void close_input() {
    if (to >= 0) ::close(to);
    to = -1;
  }
};

Result<Done> spawn(Running& running, const Options& options, unsigned children) {
  std::array<int, 2> in{-1, -1};
  std::array<int, 2> out{-1, -1};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
    for (const int fd : {in[0], in[1], out[0], out[1]})
      if (fd >= 0) ::close(fd);
    return Error(fmt::format("cannot open a pipe to the simulator: {}", std::strerror(errno)));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  const std::string program = options.executable.string();
  const std::string count = std::to_string(children);
  const std::string limit = std::to_string(options.trial_limit.count());
  std::array<const char*, 7> argv = {program.c_str(), "--fan",       "--children", count.c_str(),
                                     "--limit-ms",    limit.c_str(), nullptr};
  const int failed = ::posix_spawn(&running.pid, program.c_str(), &actions, nullptr,
                                   const_cast<char* const*>(argv.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  running.to = in[1];
  running.from = out[0];
  ::fcntl(running.to, F_SETFL, O_NONBLOCK);
  ::fcntl(running.from, F_SETFL, O_NONBLOCK);
  if (failed == 0) return Done{};
  running.pid = -1;
  return Error(fmt::format("cannot start {}: {}", program, std::strerror(failed)));
}

FanOutcome outcome_of(Running& running, std::size_t branches) {
  int status = 0;
  ::waitpid(running.pid, &status, 0);
  running.pid = -1;
  if (auto outcome = fan_outcome_from(running.received)) return std::move(*outcome);
  Outcome failed;
  failed.end = running.killed ? Outcome::End::timed_out : Outcome::End::crashed;
  failed.error = running.killed ? "more time than the limit allows"
                 : WIFSIGNALED(status)
                     ? fmt::format("the trial was ended by signal {} ({})", WTERMSIG(status),
                                   ::strsignal(WTERMSIG(status)))
                     : fmt::format("the trial's process ended with status {}", WEXITSTATUS(status));
  FanOutcome all;
  all.trial = failed;
  all.branches.assign(branches, failed);
  return all;
}

/// Sends and receives what can be without waiting. True when the process has closed its output.
bool attend(Running& running) {
  if (running.to >= 0) {
    const auto n = ::write(running.to, running.sending.data(), running.sending.size());
    if (n > 0) running.sending.erase(0, static_cast<std::size_t>(n));
    if (running.sending.empty() || (n < 0 && errno != EAGAIN && errno != EINTR))
      running.close_input();
  }
  std::array<char, 65536> buffer;
  for (;;) {
    const auto n = ::read(running.from, buffer.data(), buffer.size());
    if (n > 0)
      running.received.append(buffer.data(), static_cast<std::size_t>(n));
    else
      return n == 0 || (errno != EAGAIN && errno != EINTR);
  }
}

}  // namespace

Result<std::vector<FanOutcome>> run_fans(std::span<const Fan> fans, Options options) {
  if (options.executable.empty()) options.executable = find_worker();
  if (options.executable.empty())
    return Error("the simulator foreline-sim is nowhere to be found",
                 "it belongs beside foreline; or set FORELINE_SIM to its path");
  if (options.children == 0) options.children = std::max(1U, std::thread::hardware_concurrency());
  // A process that dies while it is written to must not take this one along.
  sigset_t pipe_signal;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const auto at_once =
      std::min<std::size_t>(options.children, std::max<std::size_t>(1, fans.size()));
  const auto each = std::max<unsigned>(1, options.children / static_cast<unsigned>(at_once));
  std::vector<FanOutcome> outcomes(fans.size());
  std::list<Running> running;
  std::size_t next = 0;
  std::optional<Error> error;
  while (!error && (next < fans.size() || !running.empty())) {
    while (!error && next < fans.size() && running.size() < at_once) {
      auto& one = running.emplace_back();
      one.position = next;
      one.sending = to_bytes(fans[next]);
      one.deadline = Clock::now() +
                     options.trial_limit * static_cast<long>(2 + fans[next].branches.size() / each);
      ++next;
      if (auto spawned = spawn(one, options, each); !spawned) error = spawned.error();
    }
    std::vector<pollfd> polled;
    for (const auto& one : running) {
      polled.push_back({one.from, POLLIN, 0});
      polled.push_back({one.to, POLLOUT, 0});
    }
    ::poll(polled.data(), polled.size(), 200);
    for (auto one = running.begin(); one != running.end();) {
      if (!attend(*one)) {
        if (!one->killed && Clock::now() > one->deadline) {
          ::kill(one->pid, SIGKILL);
          one->killed = true;
        }
        ++one;
        continue;
      }
      outcomes[one->position] = outcome_of(*one, fans[one->position].branches.size());
      one = running.erase(one);
    }
  }
  running.clear();
  const timespec none{};
  while (sigtimedwait(&pipe_signal, nullptr, &none) == SIGPIPE) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error) return *error;
  return outcomes;
}

}  // namespace foreline::worker
