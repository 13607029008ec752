// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/client.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <thread>

#include "sim/worker/wire.hpp"

extern char** environ;

namespace foreline::worker {

using namespace line;
namespace fs = std::filesystem;

namespace {

bool runs(const fs::path& path) {
  return ::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path);
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

/// Writes may meet a worker that has just died; the write then fails instead of killing the host.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~NoPipeSignal() {
    const timespec none{};
    while (sigtimedwait(&set_, nullptr, &none) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t set_{};
  sigset_t before_{};
};

}  // namespace

fs::path find_worker() {
  std::vector<fs::path> places;
  if (const char* given = std::getenv("FORELINE_SIM")) places.emplace_back(given);
  std::error_code error;
  auto add_around = [&](const fs::path& file) {
    places.push_back(file.parent_path() / "foreline-sim");
    places.push_back(file.parent_path() / ".." / "libexec" / "foreline" / "foreline-sim");
    places.push_back(file.parent_path() / ".." / "bin" / "foreline-sim");
    places.push_back(file.parent_path() / ".." / ".." / "libexec" / "foreline" / "foreline-sim");
  };
  if (const auto self = fs::read_symlink("/proc/self/exe", error); !error) add_around(self);
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&find_worker), &info) != 0 && info.dli_fname != nullptr) {
    add_around(fs::absolute(info.dli_fname, error));
  }
  if (const char* path = std::getenv("PATH")) {
    std::istringstream folders(path);
    for (std::string folder; std::getline(folders, folder, ':');)
      places.push_back(fs::path(folder) / "foreline-sim");
  }
  for (const auto& place : places) {
    if (runs(place)) return fs::weakly_canonical(place, error);
  }
  return {};
}

struct Client::State {
  Options options;
  pid_t pid = -1;
  int to = -1;
  int from = -1;

  ~State() { end(); }

  void end() {
    close_fd(to);
    close_fd(from);
    if (pid <= 0) return;
    // The end of its input tells the worker to go; a stuck one is made to.
    for (int i = 0; i < 100; ++i) {
      if (::waitpid(pid, nullptr, WNOHANG) == pid) {
        pid = -1;
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    pid = -1;
  }

  Result<Done> spawn() {
    std::array<int, 2> in{-1, -1};
    std::array<int, 2> out{-1, -1};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
      for (auto* fd : {&in[0], &in[1], &out[0], &out[1]}) close_fd(*fd);
      return Error(fmt::format("cannot open a pipe to the simulator: {}", std::strerror(errno)));
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGCHLD}) sigaddset(&defaults, number);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    const std::string program = options.executable.string();
    const std::string children = std::to_string(options.children);
    const std::string limit = std::to_string(options.trial_limit.count());
    std::array<const char*, 7> argv = {program.c_str(),  "--worker",   "--children",
                                       children.c_str(), "--limit-ms", limit.c_str(),
                                       nullptr};
    const int failed = ::posix_spawn(&pid, program.c_str(), &actions, &attributes,
                                     const_cast<char* const*>(argv.data()), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close_fd(in[0]);
    close_fd(out[1]);
    to = in[1];
    from = out[0];
    if (failed != 0) {
      pid = -1;
      return Error(fmt::format("cannot start {}: {}", program, std::strerror(failed)));
    }
    ::fcntl(to, F_SETFL, O_NONBLOCK);
    ::fcntl(from, F_SETFL, O_NONBLOCK);
    return Done{};
  }
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::start(const Options& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  if (state->options.executable.empty()) state->options.executable = find_worker();
  if (state->options.executable.empty()) {
    return Error("the simulator foreline-sim is nowhere to be found",
                 "it belongs beside foreline; or set FORELINE_SIM to its path");
  }
  if (!runs(state->options.executable)) {
    return Error(
        fmt::format("{} is not a program that can be run", state->options.executable.string()));
  }
  if (state->options.children == 0)
    state->options.children = std::max(1U, std::thread::hardware_concurrency());
  if (auto spawned = state->spawn(); !spawned) return spawned.error();
  return Client(std::move(state));
}

Result<std::vector<Outcome>> Client::run(std::span<const Trial> trials, const Arrived& arrived) {
  const NoPipeSignal no_signal;
  std::vector<std::optional<Outcome>> outcomes(trials.size());
  std::size_t open = trials.size();
  int restarts = 0;
  while (open > 0) {
    if (state_->pid <= 0) {
      if (auto spawned = state_->spawn(); !spawned) return spawned.error();
    }
    std::vector<std::size_t> waiting;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      if (!outcomes[i]) waiting.push_back(i);
    }
    std::size_t next = 0;
    std::string sending;
    std::string received;
    bool lost = false;
    bool progressed = false;
    while (open > 0 && !lost) {
      if (sending.empty() && next < waiting.size()) {
        const auto position = waiting[next++];
        sending = framed(position, to_bytes(trials[position]));
      }
      std::array<pollfd, 2> polled = {pollfd{state_->from, POLLIN, 0},
                                      pollfd{sending.empty() ? -1 : state_->to, POLLOUT, 0}};
      if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) lost = true;
      if ((polled[1].revents & (POLLOUT | POLLERR)) != 0) {
        const auto n = ::write(state_->to, sending.data(), sending.size());
        if (n > 0) sending.erase(0, static_cast<std::size_t>(n));
        if (n < 0 && errno != EAGAIN && errno != EINTR) lost = true;
      }
      if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      std::array<char, 65536> buffer;
      const auto n = ::read(state_->from, buffer.data(), buffer.size());
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) lost = true;
      if (n > 0) received.append(buffer.data(), static_cast<std::size_t>(n));
      while (auto message = take_message(received, lost)) {
        auto outcome = outcome_from(message->bytes);
        if (!outcome || message->id >= outcomes.size() || outcomes[message->id]) {
          lost = true;
          break;
        }
        outcomes[message->id] = std::move(*outcome);
        --open;
        progressed = true;
        if (arrived) arrived(message->id, *outcomes[message->id]);
      }
    }
    if (!lost) continue;
    state_->end();
    restarts = progressed ? 0 : restarts + 1;
    if (restarts > 2) {
      return Error(fmt::format("the simulator {} ends as soon as it is started",
                               state_->options.executable.string()),
                   "run it with --version; it must be of the same build");
    }
  }
  std::vector<Outcome> out;
  out.reserve(outcomes.size());
  for (auto& outcome : outcomes) out.push_back(std::move(*outcome));
  return out;
}

}  // namespace foreline::worker
