// SPDX-License-Identifier: Apache-2.0
// The near side of the process wall. A Client owns one foreline-sim process and talks to it over a
// pair of pipes; the worker forks a child a trial. A child that crashes, runs away or hangs is an
// Outcome, not an error; the rest of the batch is unharmed. Knows no SimGrid.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/line/trial.hpp"

namespace foreline::worker {

class Journal;
class Ranks;

struct Options {
  std::filesystem::path executable;  ///< foreline-sim; empty: search (see find_worker()).
  unsigned children = 0;             ///< Trials at once; 0 = number of cores.
  std::chrono::milliseconds trial_limit{60'000};  ///< A child over it is killed: End::timed_out.
  std::uint64_t memory_mb = 2048;    ///< A child over it ends as End::out_of_memory; 0: any.
  std::shared_ptr<Journal> journal;  ///< Trials that it holds are not run again; null: none.
  std::shared_ptr<Ranks> ranks;      ///< Other processes that run trials as well; null: none.
  /// Asked ten times a second, on the thread of run(), whether nobody wants its outcomes any more;
  /// empty: they are wanted.
  std::function<bool()> given_up;
};

/// Called as outcomes arrive (any order) with the trial's position. Same thread as run().
using Arrived = std::function<void(std::size_t position, const line::Outcome& outcome)>;

class Client {
 public:
  /// Spawns the worker (posix_spawn; the worker dies with this process). Errors: not found, not
  /// executable, wrong version.
  [[nodiscard]] static line::Result<Client> start(const Options& options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  ///< Ends the worker and its children.

  /// Runs all trials; outcomes in the order of trials, the same bytes wherever each was run. A
  /// trial with which the worker is lost again and again ends as crashed. An Error only when no
  /// worker can be started, the journal cannot be written, or it is given up; trials in hand are
  /// killed then. Not thread-safe: one run at a time.
  [[nodiscard]] line::Result<std::vector<line::Outcome>> run(std::span<const line::Trial> trials,
                                                             const Arrived& arrived = {});

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Where foreline-sim is: $FORELINE_SIM, beside the running executable, beside the library that
/// holds this code, ../libexec/foreline, then PATH. Empty when nowhere.
[[nodiscard]] std::filesystem::path find_worker();

}  // namespace foreline::worker
