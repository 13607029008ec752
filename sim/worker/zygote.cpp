// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/zygote.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <list>
#include <new>
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

/// What to say when memory runs out, made while there is some.
struct LastWords {
  int output = -1;
  std::string bytes;
} last_words;

void limit_memory(int output, std::uint64_t bytes) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (bytes == 0) return;
  last_words.output = output;
  last_words.bytes =
      to_bytes(failure(Outcome::End::out_of_memory,
                       fmt::format("more memory than the limit of {} MB", bytes >> 20U)));
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) return;
  std::set_new_handler([] {
    write_all(last_words.output, last_words.bytes);
    ::_exit(0);
  });
#else
  (void)output;
  (void)bytes;
#endif
}

using Work = std::function<Outcome()>;

[[noreturn]] void run_child(int output, const ChildLimits& limits, const Work& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit_memory(output, limits.memory_bytes);
  Outcome outcome;
  try {
    outcome = work();
  } catch (const std::exception& error) {
    outcome = failure(Outcome::End::crashed, error.what());
  }
  write_all(output, to_bytes(outcome));
  ::_exit(0);
}

Child start_child(std::uint64_t id, const ChildLimits& limits, const Work& work) {
  Child child;
  child.id = id;
  child.deadline = Clock::now() + limits.time;
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return child;
  child.pid = ::fork();
  if (child.pid == 0) {
    ::close(pipe[0]);
    run_child(pipe[1], limits, work);
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
    return to_bytes(failure(Outcome::End::timed_out, "more time than the limit allows"));
  return to_bytes(
      failure(Outcome::End::crashed,
              WIFSIGNALED(status)
                  ? fmt::format("the trial was ended by signal {} ({})", WTERMSIG(status),
                                ::strsignal(WTERMSIG(status)))
                  : fmt::format("the trial's process ended with status {}", WEXITSTATUS(status))));
}

/// Adds the children's outputs to `polled`; how long to wait for them at most, -1: for ever.
int wait_for(const std::list<Child>& running, std::vector<pollfd>& polled) {
  int timeout_ms = -1;
  for (const auto& child : running) {
    polled.push_back({child.output, POLLIN, 0});
    if (child.killed) continue;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(child.deadline - Clock::now())
            .count();
    const int wait = left < 0 ? 0 : static_cast<int>(std::min<long long>(left, 60'000)) + 1;
    timeout_ms = timeout_ms < 0 ? wait : std::min(timeout_ms, wait);
  }
  return timeout_ms;
}

/// Reads what the child has said, and ends it when its time is over. True when it is gone.
bool attend(Child& child) {
  std::array<char, 65536> buffer;
  bool over = child.output < 0;
  while (!over) {
    const auto n = ::read(child.output, buffer.data(), buffer.size());
    if (n > 0) {
      child.received.append(buffer.data(), static_cast<std::size_t>(n));
    } else {
      over = n == 0 || (errno != EAGAIN && errno != EINTR);
      break;
    }
  }
  if (!over && !child.killed && Clock::now() > child.deadline) {
    ::kill(child.pid, SIGKILL);
    child.killed = true;
  }
  return over;
}

}  // namespace

std::vector<Outcome> in_copies(std::size_t count, unsigned at_once, const ChildLimits& limits,
                               const std::function<Outcome(std::size_t)>& run) {
  std::vector<Outcome> outcomes(count);
  std::list<Child> running;
  std::size_t next = 0;
  while (next < count || !running.empty()) {
    for (; next < count && running.size() < std::max(1U, at_once); ++next)
      running.push_back(start_child(next, limits, [&run, next] { return run(next); }));
    std::vector<pollfd> polled;
    const int timeout_ms = wait_for(running, polled);
    ::poll(polled.data(), polled.size(), timeout_ms);
    for (auto child = running.begin(); child != running.end();) {
      if (!attend(*child)) {
        ++child;
        continue;
      }
      outcomes[child->id] = std::move(*outcome_from(outcome_of(*child)));
      if (child->output >= 0) ::close(child->output);
      child = running.erase(child);
    }
  }
  return outcomes;
}

int serve_fan(const std::function<FanOutcome(const Fan&)>& run) {
  // Nobody would read what comes of it; and it writes nothing before its end, which may be far.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string input;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    input.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const auto fan = fan_from(input);
  if (!fan) {
    fmt::print(stderr, "foreline-sim: {}\n", fan.error().text());
    return 2;
  }
  return write_all(STDOUT_FILENO, to_bytes(run(*fan))) ? 0 : 3;
}

int serve_trials(unsigned children, const ChildLimits& limits, const RunTrial& run) {
  std::deque<Message> jobs;
  std::list<Child> running;
  std::string input;
  bool ended = false;
  if (!write_all(STDOUT_FILENO, framed(worker_greeting, ""))) return 0;
  while (!ended || !jobs.empty() || !running.empty()) {
    if (ended) {  // nobody is left to hear the outcomes
      for (const auto& child : running) ::kill(child.pid, SIGKILL);
      return 0;
    }
    while (!jobs.empty() && running.size() < children) {
      running.push_back(start_child(jobs.front().id, limits, [&] {
        auto trial = trial_from(jobs.front().bytes);
        return trial ? run(*trial) : failure(Outcome::End::crashed, trial.error().text());
      }));
      jobs.pop_front();
    }
    std::vector<pollfd> polled = {{jobs.size() < 2UL * children ? STDIN_FILENO : -1, POLLIN, 0}};
    const int timeout_ms = wait_for(running, polled);
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
    for (auto child = running.begin(); child != running.end();) {
      if (!attend(*child)) {
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
