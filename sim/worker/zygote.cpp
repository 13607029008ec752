// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/zygote.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <list>
#include <string>
#include <vector>

#include "sim/worker/wire.hpp"

namespace foreline::worker {

using namespace line;
using Clock = std::chrono::steady_clock;

namespace {

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

struct Child {
  pid_t pid = -1;
  int output = -1;
  std::uint64_t id = 0;
  Clock::time_point deadline;
  bool killed = false;
  std::string received;
};

Outcome failure(Outcome::End end, std::string error) {
  Outcome outcome;
  outcome.end = end;
  outcome.error = std::move(error);
  return outcome;
}

[[noreturn]] void run_child(int output, const Message& job, const RunTrial& run) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Outcome outcome;
  try {
    auto trial = trial_from(job.bytes);
    outcome = trial ? run(*trial) : failure(Outcome::End::crashed, trial.error().text());
  } catch (const std::exception& error) {
    outcome = failure(Outcome::End::crashed, error.what());
  }
  write_all(output, to_bytes(outcome));
  ::_exit(0);
}

Child start_child(const Message& job, std::chrono::milliseconds limit, const RunTrial& run) {
  Child child;
  child.id = job.id;
  child.deadline = Clock::now() + limit;
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return child;
  child.pid = ::fork();
  if (child.pid == 0) {
    ::close(pipe[0]);
    run_child(pipe[1], job, run);
  }
  ::close(pipe[1]);
  child.output = pipe[0];
  ::fcntl(child.output, F_SETFL, O_NONBLOCK);
  return child;
}

std::string outcome_of(const Child& child) {
  int status = 0;
  if (child.pid > 0) ::waitpid(child.pid, &status, 0);
  if (outcome_from(child.received)) return child.received;
  if (child.killed)
    return to_bytes(failure(Outcome::End::timed_out, "the trial ran into its time limit"));
  return to_bytes(
      failure(Outcome::End::crashed,
              WIFSIGNALED(status)
                  ? fmt::format("the trial was ended by signal {} ({})", WTERMSIG(status),
                                ::strsignal(WTERMSIG(status)))
                  : fmt::format("the trial's process ended with status {}", WEXITSTATUS(status))));
}

}  // namespace

int serve_trials(unsigned children, std::chrono::milliseconds trial_limit, const RunTrial& run) {
  std::deque<Message> jobs;
  std::list<Child> running;
  std::string input;
  bool ended = false;
  while (!ended || !jobs.empty() || !running.empty()) {
    if (ended) {  // nobody is left to hear the outcomes
      for (const auto& child : running) ::kill(child.pid, SIGKILL);
      return 0;
    }
    while (!jobs.empty() && running.size() < children) {
      running.push_back(start_child(jobs.front(), trial_limit, run));
      jobs.pop_front();
    }
    std::vector<pollfd> polled = {{jobs.size() < 2UL * children ? STDIN_FILENO : -1, POLLIN, 0}};
    int timeout_ms = -1;
    for (const auto& child : running) {
      polled.push_back({child.output, POLLIN, 0});
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(child.deadline - Clock::now())
              .count();
      const int wait = left < 0 ? 0 : static_cast<int>(std::min<long long>(left, 60'000)) + 1;
      if (!child.killed) timeout_ms = timeout_ms < 0 ? wait : std::min(timeout_ms, wait);
    }
    ::poll(polled.data(), polled.size(), timeout_ms);
    std::array<char, 65536> buffer;
    if (polled[0].revents != 0) {
      const auto n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n <= 0 && errno != EINTR) ended = true;
      if (n > 0) input.append(buffer.data(), static_cast<std::size_t>(n));
      bool broken = false;
      while (auto message = take_message(input, broken)) jobs.push_back(std::move(*message));
      if (broken) {
        fmt::print(stderr, "foreline-sim: the input is no message of this build\n");
        return 2;
      }
    }
    std::size_t position = 1;
    for (auto child = running.begin(); child != running.end(); ++position) {
      bool over = child->output < 0;
      while (!over) {
        const auto n = ::read(child->output, buffer.data(), buffer.size());
        if (n > 0) {
          child->received.append(buffer.data(), static_cast<std::size_t>(n));
        } else {
          over = n == 0 || (errno != EAGAIN && errno != EINTR);
          break;
        }
      }
      if (!over && !child->killed && Clock::now() > child->deadline) {
        ::kill(child->pid, SIGKILL);
        child->killed = true;
      }
      if (!over) {
        ++child;
        continue;
      }
      const auto bytes = outcome_of(*child);
      if (child->output >= 0) ::close(child->output);
      if (!write_all(STDOUT_FILENO, framed(child->id, bytes))) return 0;
      child = running.erase(child);
    }
  }
  return 0;
}

}  // namespace foreline::worker
