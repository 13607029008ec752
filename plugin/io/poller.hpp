// SPDX-License-Identifier: Apache-2.0
// Reads groups of fields from devices at fixed rates. The beat is that of the steady clock from the
// start, never "period after the work"; a beat that finds the last one still at work is skipped and
// counted, never made up for. Devices do not wait for one another.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/core/register.hpp"
#include "plugin/io/device.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::io {

/// What the end of a request says about the values it was to bring.
[[nodiscard]] line::Quality quality_of(const Outcome& outcome);

struct PollPlan {
  core::DeviceIndex device = 0;
  std::size_t group = 0;
  double period_s = 1;
  double phase_s = 0;               ///< From the start to the first beat.
  std::vector<core::Range> fields;  ///< One a value; merged under `rules`.
  core::MergeRules rules;
};

/// One beat of one plan.
struct Polled {
  std::size_t plan = 0;
  core::DeviceIndex device = 0;
  std::size_t group = 0;
  core::Image image;
  /// Ranges without an answer, and what that means.
  std::vector<std::pair<core::Range, line::Quality>> troubles;
  std::string text;  ///< Of the first trouble.
  std::chrono::steady_clock::time_point beat;
  std::chrono::steady_clock::time_point received;
};

struct PollCounters {
  std::uint64_t polls = 0;
  std::uint64_t overruns = 0;  ///< Beats skipped.
  std::uint64_t splits = 0;    ///< Merged requests that an "illegal data address" took apart.
};

class Poller {
 public:
  /// `polled` is called on the loop's thread. `devices` by index; they and the loop must outlive
  /// it.
  Poller(Loop& loop, std::vector<std::shared_ptr<Device>> devices, std::vector<PollPlan> plans,
         std::function<void(Polled)> polled);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void start();
  /// One beat of every plan, now; `done` once all have ended.
  void once(std::function<void()> done);
  [[nodiscard]] PollCounters counters() const;  ///< Any thread.

 private:
  struct State;
  Loop* loop_;
  std::shared_ptr<State> state_;
};

}  // namespace foreline::io
