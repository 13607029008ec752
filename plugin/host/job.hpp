// SPDX-License-Identifier: Apache-2.0
// The processes that one mpirun has started, seen from one of them. A process that somebody starts
// by hand is a job of one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sim/line/result.hpp"
#include "sim/worker/client.hpp"
#include "sim/worker/ranks.hpp"

namespace foreline::host {

class Job {
 public:
  /// Errors: mpirun has started this process, and the MPI module is not there or does not load.
  [[nodiscard]] static line::Result<Job> join();

  /// Whether this process is the one that reads files, judges and speaks.
  [[nodiscard]] bool leads() const { return rank_ == 0; }
  /// Runs trials for the leader until it leaves; the exit status. Not for the leader.
  [[nodiscard]] int work(std::string_view command, worker::Options workers);
  /// Shares the leader's trials with the others: one at a time in each process unless
  /// `workers.children` says otherwise. `journal` names the file of finished trials; empty: in a
  /// job of several one in the user's cache that `what` names and that finish() deletes, else none.
  [[nodiscard]] line::Result<line::Done> share(worker::Options& workers, const std::string& journal,
                                               const std::string& what);
  /// The leader has all outcomes: says how many were taken from the journal.
  void finish();

 private:
  std::shared_ptr<worker::Carrier> carrier_;
  std::shared_ptr<worker::Ranks> ranks_;  ///< The leader's: they leave with it, however it ends.
  std::shared_ptr<worker::Journal> journal_;
  bool keeps_journal_ = false;
  int rank_ = 0;
};

}  // namespace foreline::host
