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
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "sim/worker/journal.hpp"
#include "sim/worker/ranks.hpp"
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
  bool greeted = false;  ///< It has said that it is a worker of this build.

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
    // A connection or port of the host's that the worker holds too would not end with the host.
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
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
    const std::string memory = std::to_string(options.memory_mb);
    std::array<const char*, 9> argv = {program.c_str(),  "--worker",     "--children",
                                       children.c_str(), "--limit-ms",   limit.c_str(),
                                       "--memory-mb",    memory.c_str(), nullptr};
    const int failed = ::posix_spawn(&pid, program.c_str(), &actions, &attributes,
                                     const_cast<char* const*>(argv.data()), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close_fd(in[0]);
    close_fd(out[1]);
    to = in[1];
    from = out[0];
    greeted = false;
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

namespace {

/// The trials of one run: which wait, which the worker has, what became of the others.
class Batch {
 public:
  Batch(std::span<const Trial> trials, const Arrived& arrived, Journal* journal)
      : trials_(trials), arrived_(&arrived), journal_(journal), outcomes_(trials.size()) {
    if (journal_ != nullptr) keys_.resize(trials.size());
    for (std::size_t i = 0; i < trials.size(); ++i) {
      if (journal_ != nullptr) {
        keys_[i] = journal_->key_of(to_bytes(trials[i]));
        if (const auto known = journal_->find(keys_[i])) {
          if (auto outcome = outcome_from(*known)) {
            keep(i, std::move(*outcome));
            continue;
          }
        }
      }
      waiting_.push_back(i);
    }
  }

  [[nodiscard]] bool over() const { return kept_ == outcomes_.size(); }
  [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }

  /// The next trial for whoever asks.
  [[nodiscard]] std::optional<Message> next() {
    if (waiting_.empty()) return std::nullopt;
    const auto position = waiting_.front();
    waiting_.pop_front();
    return Message{position, to_bytes(trials_[position])};
  }
  /// The next trial for this process' own worker, when it may have one more.
  [[nodiscard]] std::optional<Message> next_here(std::size_t at_most) {
    if (here_.size() >= (alone_ > 0 ? 1 : at_most)) return std::nullopt;
    auto job = next();
    if (job) here_.insert(job->id);
    return job;
  }
  /// Takes what became of a trial. False when these are not the bytes of one that is open.
  bool take(const Message& message) {
    auto outcome = outcome_from(message.bytes);
    if (!outcome || message.id >= outcomes_.size() || outcomes_[message.id]) return false;
    if (here_.erase(message.id) > 0 && alone_ > 0) --alone_;
    const bool again = outcome->end == Outcome::End::crashed ||
                       outcome->end == Outcome::End::timed_out ||
                       outcome->end == Outcome::End::out_of_memory;
    if (journal_ != nullptr && !again) {
      if (auto added = journal_->add(keys_[message.id], message.bytes); !added)
        trouble_ = added.error();
    }
    keep(message.id, std::move(*outcome));
    return true;
  }
  void refuse(std::string why) { trouble_ = Error(std::move(why)); }
  /// The worker is lost. What it had is tried again, one after the other; a trial that loses it
  /// twice when it is alone there is the cause.
  void lost(bool was_a_worker) {
    if (was_a_worker && here_.size() == 1 && ++losses_[*here_.begin()] > 1) {
      Outcome outcome;
      outcome.end = Outcome::End::crashed;
      outcome.error = "each time it is run the simulator's worker is lost";
      keep(*here_.begin(), std::move(outcome));
      here_.clear();
      if (alone_ > 0) --alone_;
    }
    waiting_.insert(waiting_.begin(), here_.begin(), here_.end());
    alone_ = std::max(alone_, here_.size());
    here_.clear();
  }

  [[nodiscard]] std::vector<Outcome> outcomes() {
    std::vector<Outcome> out;
    out.reserve(outcomes_.size());
    for (auto& outcome : outcomes_) out.push_back(std::move(*outcome));
    return out;
  }

 private:
  void keep(std::size_t position, Outcome outcome) {
    outcomes_[position] = std::move(outcome);
    ++kept_;
    if (*arrived_) (*arrived_)(position, *outcomes_[position]);
  }

  std::span<const Trial> trials_;
  const Arrived* arrived_;
  Journal* journal_;
  std::vector<std::optional<Outcome>> outcomes_;
  std::vector<Journal::Key> keys_;
  std::deque<std::size_t> waiting_;
  std::set<std::size_t> here_;  ///< With this process' own worker.
  std::map<std::size_t, int> losses_;
  std::size_t alone_ = 0;  ///< So many more trials are run one after the other.
  std::size_t kept_ = 0;
  std::optional<Error> trouble_;
};

}  // namespace

Result<std::vector<Outcome>> Client::run(std::span<const Trial> trials, const Arrived& arrived) {
  const NoPipeSignal no_signal;
  auto& state = *state_;
  auto* ranks = state.options.ranks.get();
  // With others to share with, nobody holds more than is being worked on and one to go on with.
  const std::size_t at_most =
      ranks != nullptr ? state.options.children + 1UL : 4UL * state.options.children;
  constexpr int look_at_ranks_ms = 2;
  constexpr int ask_whether_given_up_ms = 100;
  const auto& given_up = state.options.given_up;
  Batch batch(trials, arrived, state.options.journal.get());
  int in_vain = 0;
  while (!batch.over()) {
    if (state.pid <= 0) {
      if (auto spawned = state.spawn(); !spawned) return spawned.error();
    }
    std::string sending;
    std::string received;
    bool lost = false;
    while (!batch.over() && !lost) {
      if (batch.trouble()) return *batch.trouble();
      if (given_up && given_up()) {
        state.end();
        return Error("the simulations were given up");
      }
      if (sending.empty()) {
        if (const auto job = batch.next_here(at_most)) sending = framed(job->id, job->bytes);
      }
      if (ranks != nullptr) {
        const auto served =
            ranks->serve([&] { return batch.next(); },
                         [&](const Message& message) {
                           if (!batch.take(message))
                             batch.refuse("a rank has sent what is no outcome of this build");
                         });
        if (!served) return served.error();
        if (batch.over()) break;
      }
      std::array<pollfd, 2> polled = {pollfd{state.from, POLLIN, 0},
                                      pollfd{sending.empty() ? -1 : state.to, POLLOUT, 0}};
      const int timeout_ms = ranks != nullptr ? look_at_ranks_ms
                             : given_up       ? ask_whether_given_up_ms
                                              : -1;
      if (::poll(polled.data(), polled.size(), timeout_ms) < 0 && errno != EINTR) lost = true;
      if ((polled[1].revents & (POLLOUT | POLLERR)) != 0) {
        const auto n = ::write(state.to, sending.data(), sending.size());
        if (n > 0) sending.erase(0, static_cast<std::size_t>(n));
        if (n < 0 && errno != EAGAIN && errno != EINTR) lost = true;
      }
      if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      std::array<char, 65536> buffer;
      const auto n = ::read(state.from, buffer.data(), buffer.size());
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) lost = true;
      if (n > 0) received.append(buffer.data(), static_cast<std::size_t>(n));
      bool broken = false;
      while (const auto message = take_message(received, broken)) {
        if (message->id == worker_greeting) {
          state.greeted = true;
        } else if (!batch.take(*message)) {
          broken = true;
          break;
        }
      }
      lost = lost || broken;
    }
    if (!lost) continue;
    in_vain = state.greeted ? 0 : in_vain + 1;
    state.end();
    batch.lost(state.greeted);
    if (in_vain > 2) {
      return Error(fmt::format("the simulator {} ends as soon as it is started",
                               state.options.executable.string()),
                   "run it with --version; it must be of the same build");
    }
  }
  if (batch.trouble()) return *batch.trouble();
  return batch.outcomes();
}

}  // namespace foreline::worker
