// SPDX-License-Identifier: Apache-2.0
// Trials shared out among the processes of one job. Rank 0 holds the batch and gives each of the
// others a little more than it works on, and more as its outcomes come; who is faster gets more.
// Knows no MPI: a Carrier takes the bytes there.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/worker/wire.hpp"

namespace foreline::worker {

/// Bytes between the processes of a job, in order between any two. One thread.
class Carrier {
 public:
  struct Letter {
    int from = 0;
    std::string bytes;
  };

  Carrier() = default;
  virtual ~Carrier() = default;
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  /// Returns at once; the bytes leave while the carrier is used.
  virtual void send(int to, std::string bytes) = 0;
  /// Waits until all that was sent has been taken.
  virtual void settle() = 0;
  /// The next letter; nothing when none comes within `patience`.
  [[nodiscard]] virtual std::optional<Letter> receive(std::chrono::microseconds patience) = 0;
};

/// The other processes, seen from rank 0. They leave when it is destroyed.
class Ranks {
 public:
  explicit Ranks(std::shared_ptr<Carrier> carrier);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  /// Takes what has come, waiting for it at most `patience`, and gives work to who is short of it.
  /// `next` says what is to be done (nothing: no more), `done` takes what came of it. An Error when
  /// a rank cannot work.
  [[nodiscard]] line::Result<line::Done> serve(const std::function<std::optional<Message>()>& next,
                                               const std::function<void(Message)>& done,
                                               std::chrono::microseconds patience = {});

 private:
  std::shared_ptr<Carrier> carrier_;
  std::vector<std::set<std::uint64_t>> open_;  ///< What each rank has been given, by rank.
};

/// Works for rank 0 until it leaves: `run` makes the bytes of an outcome out of those of a trial.
/// Returns false when `run` fails, of which rank 0 is told.
bool work_for_rank_0(Carrier& carrier,
                     const std::function<line::Result<std::string>(std::string_view)>& run);

}  // namespace foreline::worker
