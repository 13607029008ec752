// SPDX-License-Identifier: Apache-2.0
// Examples with answers: windows along a simulated day, replayed through the same History as the
// live plugin, each with the true time to the next fault of every kind, or how long none came.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "inference/history.hpp"
#include "sim/line/trial.hpp"

namespace foreline::inference {

/// The time from a window to the next stop by one kind of fault, if nobody intervenes. Not
/// happened: none came for `after_s`, then the view ended (end of the trace, a service, or the
/// onset of a fault that the experimenter started and nature would not have).
struct TimeToFault {
  float after_s = 0;
  bool happened = false;
  friend bool operator==(const TimeToFault&, const TimeToFault&) = default;
};

struct Example {
  Window window;
  std::array<TimeToFault, line::fault_kind_count> truth;
  /// How long the view of each kind would have been had nothing failed. Whoever asks about a time
  /// must leave out what was viewed for less, failures too, or failures are too many.
  std::array<float, line::fault_kind_count> view_s{};
  std::uint32_t day = 0;
  float weight = 1;  ///< Windows of line time that this one stands for.
};

/// The truth of one machine and kind at `at_s`. `experiment`: scripted onsets in the future censor.
[[nodiscard]] TimeToFault time_to_fault(const line::Trial& trial, const line::Outcome& outcome,
                                        line::MachineId machine, line::FaultKind kind, double at_s,
                                        bool experiment);

/// Seconds from `at_s` to the end of the view.
[[nodiscard]] double view_after(const line::Trial& trial, const line::Outcome& outcome,
                                line::MachineId machine, line::FaultKind kind, double at_s,
                                bool experiment);

struct ExampleRules {
  double every_s = 60;  ///< Between windows of one machine close to a fault (within 4 h).
  double calm_every_s =
      600;  ///< Between windows elsewhere; they count every_s / calm_every_s less often.
};

/// Ready windows of one day. Deterministic; offsets are drawn from the trial's seed.
[[nodiscard]] std::vector<Example> examples_of(const line::Trial& trial,
                                               const line::Outcome& outcome, std::uint32_t day,
                                               const ExampleRules& rules = {});

}  // namespace foreline::inference
