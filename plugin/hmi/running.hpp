// SPDX-License-Identifier: Apache-2.0
// The schedule that runs, with or without a proposal: what machines have done of it, what was
// expected of it when it took effect, and what is expected from here.
#pragma once

#include <cstddef>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/trial.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::hmi {

using Json = nlohmann::ordered_json;

/// What each machine has done since the plugin began to watch, as bars of a Gantt. Bounded. Pure:
/// times are those of the snapshots.
class ActualSchedule {
 public:
  static constexpr std::size_t bars_max = 4000;
  ActualSchedule(line::Line line, std::vector<line::Order> orders);

  /// A snapshot of the attachment. Time in which nobody watched has no bar.
  void take(const Json& snapshot);
  /// As attachment::to_json() has occupations, oldest first; times in s of line time.
  [[nodiscard]] Json bars() const;
  /// When nobody works at machines between two line times: bars that are "closed".
  [[nodiscard]] Json closed(double from_s, double until_s) const;

 private:
  struct Bar {
    std::size_t machine = 0;
    line::Occupation::What what = line::Occupation::What::work;
    std::size_t order = 0;  ///< Of work and changeover; as many as orders: not known.
    double from_s = 0;
    double until_s = 0;
  };

  void add(const Bar& bar);

  line::Line line_;
  std::vector<line::Order> orders_;
  std::deque<Bar> bars_;
  double at_s_ = -1;
};

/// When each order leaves the line over all futures of a trial: P10, P50, P90 and the Wilson
/// interval of being on time; what the futures end before is on time as its outlook says.
[[nodiscard]] Json finishes(const line::Trial& trial,
                            const std::vector<const line::Outcome*>& futures);

/// The running schedule in `futures` simulated futures from the line's state now: when each
/// operation begins and ends, how likely each order is on time, and its bars where nothing more
/// breaks down. Errors: the worker; futures that did not end.
[[nodiscard]] line::Result<Json> expected_of(const plan::Request& now, worker::Client& client,
                                             const plan::Progress& progress,
                                             std::size_t futures = 24);

}  // namespace foreline::hmi
