// SPDX-License-Identifier: Apache-2.0
// Simulates each stretch of the line's time once it is over, beside the work of the instance, so
// that it is known how far the simulation can be believed (G6).
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "plugin/core/ledger.hpp"
#include "plugin/core/skill.hpp"

namespace foreline::attachment {

class TwinCheck {
 public:
  /// `done` is told of a stretch, or why it could not be simulated, on a thread of its own.
  using Done = std::function<void(line::Result<core::Stretch>)>;
  TwinCheck(double every_s, Done done) : every_s_(every_s), done_(std::move(done)) {}
  ~TwinCheck();  ///< Waits for the one that is under way.
  TwinCheck(const TwinCheck&) = delete;
  TwinCheck& operator=(const TwinCheck&) = delete;

  /// The line as it stands; `now` is what planning would be asked.
  void look(const plan::Request& now, const core::Booked& booked, const core::StopLog& stops);
  /// A schedule is being changed, or a run has ended: begins anew with the next look.
  void forget() { begun_.reset(); }

 private:
  struct Begun {
    plan::Request from;
    core::Booked booked;
    std::vector<double> finished_s;
  };
  double every_s_;
  Done done_;
  std::optional<Begun> begun_;
  std::thread thread_;
  std::atomic<bool> busy_ = false;
};

}  // namespace foreline::attachment
