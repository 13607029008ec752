// SPDX-License-Identifier: Apache-2.0
// Schedules worth trying, and their proof in simulation: every candidate meets the same random
// streams, starts from the line's state now, and is compared with the running schedule seed by
// seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/trial.hpp"
#include "sim/worker/client.hpp"

namespace foreline::plan {

/// The question.
struct Request {
  std::shared_ptr<const line::Line> line;
  std::shared_ptr<const std::vector<line::Order>> orders;
  line::Schedule active;  ///< The incumbent: "keep".
  line::LineNow now;
  std::vector<line::Hazard> hazards;  ///< From the forecast; empty: base rates only.
  double horizon_s = 8 * 3600;        ///< Line time at which every future ends.
  std::uint64_t seed = 1;
  std::size_t selection_seeds = 16;  ///< Futures used to rank candidates.
  std::size_t gate_seeds = 24;       ///< Fresh futures used to prove the winner; disjoint.
  /// Cost of one future: cost_per_late_s * tardiness + cost_per_down_s * downtime + ...
  double cost_tardiness_s = 1.0;
  double cost_downtime_s = 1.0;
  double cost_service_s = 0.2;
  double cost_makespan_s = 0.1;
};

/// A schedule worth trying. `name` is short ("service filler now"), `why` one sentence.
struct Candidate {
  std::string name;
  std::string why;
  line::Schedule schedule;
};

/// keep, service now, service at each next changeover, service in the longest idle gap, resequence
/// by due date / by changeover, and their sensible combinations for the machines at risk. The first
/// is always "keep". Pure.
[[nodiscard]] std::vector<Candidate> candidates(const Request& request);

/// A mean with its 95 % interval (Student t).
struct Estimate {
  double mean = 0;
  double low = 0;
  double high = 0;
};
[[nodiscard]] Estimate estimate_of(const std::vector<double>& values);

struct Evaluated {
  Candidate candidate;
  std::vector<line::Measures> selection;  ///< One a selection seed; same seeds for all candidates.
  std::vector<double> cost;               ///< One a selection seed.
  Estimate mean_cost;
};

/// The winner against keep on fresh seeds: what the gate reads.
struct Proof {
  std::vector<std::uint64_t> seeds;
  std::vector<line::Measures> keep;
  std::vector<line::Measures> winner;
  std::vector<double> gain;  ///< cost(keep) - cost(winner), one a seed.
  Estimate mean_gain;
  double gain_lower_95 = 0;       ///< One-sided lower bound of the mean gain.
  double probability_better = 0;  ///< Share of seeds with gain > 0, ties count half.
  double keep_cost = 0;           ///< Mean cost of keep.
  double tail_change = 0;  ///< Mean of the worst tenth of winner's costs over keep's, - 1 (CVaR90).
  std::size_t invalid_trials = 0;  ///< Crashed, runaway, timed out.
};

struct Plan {
  std::vector<Evaluated> evaluated;  ///< Best first; contains keep.
  std::size_t winner = 0;            ///< Position in `evaluated`.
  Proof proof;                       ///< Of the winner; empty gain when the winner is keep.
  line::Outcome keep_example;        ///< One future of each with a Gantt, same seed.
  line::Outcome winner_example;
};

using Progress = std::function<void(std::size_t done, std::size_t all)>;

/// Simulates all candidates and proves the best. Errors: the worker is lost.
[[nodiscard]] line::Result<Plan> make_plan(const Request& request, worker::Client& client,
                                           const Progress& progress = {});

}  // namespace foreline::plan
