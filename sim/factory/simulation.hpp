// SPDX-License-Identifier: Apache-2.0
// One trial on one SimGrid engine. A process may make one Simulation in its life and must leave
// with _exit(): SimGrid keeps its clock and refuses a second engine.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sim/line/branch.hpp"
#include "sim/line/trial.hpp"

namespace foreline::factory {

class Simulation {
 public:
  /// `trial` must be complete: its schedule runs on its line. Keeps a copy. Frames are made when
  /// `observed` or when the trial wants a trace.
  explicit Simulation(line::Trial trial, bool observed = false);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// Advances line time to `at_s`; earlier times do nothing. Stops at the end of the work when the
  /// trial says so.
  void run_until(double at_s);
  [[nodiscard]] double now_s() const;
  /// All orders have left the line.
  [[nodiscard]] bool done() const;
  [[nodiscard]] bool runaway() const;
  /// The newest frame of the sampling grid; without a machine before the first.
  [[nodiscard]] const line::Frame& frame() const;
  /// `health`: as it truly is, with all that a future goes on from: fault modes, open repairs,
  /// spares, and of each part and queue what nobody sees. Else what a PLC tells.
  [[nodiscard]] line::LineNow state(bool health = false) const;
  [[nodiscard]] std::uint32_t crews_free() const;
  [[nodiscard]] const line::Schedule& schedule() const;
  /// Takes effect at once: services that were done stay done. The caller has checked it with
  /// complaints_about().
  void replace_schedule(const line::Schedule& schedule);
  /// The measures up to now, as measures_of() counts them.
  [[nodiscard]] line::Outcome so_far();
  /// Becomes this future of itself. Edited lines must have the trial's machines, products and
  /// modes.
  void become(const line::Branch& branch);
  /// Everything up to now.
  [[nodiscard]] line::Outcome outcome();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Runs the function for 0 .. count-1, each in a forked copy of this process; the outcomes in
/// order.
using InCopies = std::function<std::vector<line::Outcome>(
    std::size_t count, const std::function<line::Outcome(std::size_t)>& run)>;

/// Runs a trial to its end. Once a process.
[[nodiscard]] line::Outcome run(const line::Trial& trial);

/// Runs a trial to its end and its branches, from where they leave it, in copies of the process.
/// Once a process.
[[nodiscard]] line::FanOutcome run(const line::Fan& fan, const InCopies& in_copies);

}  // namespace foreline::factory
