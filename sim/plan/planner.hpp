// SPDX-License-Identifier: Apache-2.0
// Schedules worth trying, and their proof in simulation: every candidate meets the same random
// streams, starts from the line's state now, and is compared with the running schedule seed by
// seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/trial.hpp"
#include "sim/select/comparison.hpp"
#include "sim/worker/client.hpp"

namespace foreline::plan {

/// How far a plan may go; each policy may do what those before it may.
enum class Policy : std::uint8_t {
  right_shift,  ///< The sequence stays and moves in time; services may be added.
  affected,     ///< Orders that by mean times will be late may be moved, the others not.
  full,         ///< Every order behind the fence may be moved.
};
/// As files and options spell them, in this order: "right-shift", "affected", "full".
[[nodiscard]] const std::vector<std::string>& policy_names();

/// The question.
/// What a schedule is asked for beside its gain before it is deployed.
struct Bar {
  double least_probability_better = 0.6;  ///< Share of futures in which it is better.
  double largest_tail_growth = 0.01;      ///< Upper bound for the worst twentieth of futures.
  double least_good_corners = 0.8;        ///< Share of corners in which nothing is lost.
  double worst_corner = -0.03;            ///< Gain over the cost of keeping, in any corner.
  friend bool operator==(const Bar&, const Bar&) = default;
};

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
  std::size_t keep_futures = 60;  ///< As many at most, where keeping wins and only bands are told.
  /// Of the cost of keeping; where the recursion is sure that no schedule gains so much, none is
  /// simulated and keeping wins. 0: all are.
  double least_gain_share = 0;
  /// Where a schedule gains that much and clears the bar, by a recursion that can be trusted, none
  /// that falls short of it wins.
  std::optional<Bar> bar = std::nullopt;
  /// Futures that the search may evaluate by the recursion, over all schedules it tries; 0: only
  /// the schedules that candidates() lists. Without effect on lines that the recursion cannot do.
  std::size_t search_futures = 6000;
  std::size_t model_futures = 256;  ///< Of the recursion in each corner of the model's errors.
  /// Of the recursion, for the mean of its gain: the control variate of the proof.
  std::size_t control_futures = 1024;
  Policy policy = Policy::full;
  std::size_t fence = 0;           ///< Leading orders that may not move, started or not.
  double largest_moved_share = 1;  ///< No candidate but those given moves more; moved_share().
  double largest_shift = 1;        ///< Nor shifts more; Nervousness::weighted_shift.
  line::Objective objective;       ///< What a future costs.
  /// Line time from which the makespan counts, if that is later than now; see makespan_from().
  double makespan_from_s = 0;
};

/// Leading orders of the running schedule that may not move: started, or before the fence.
[[nodiscard]] std::size_t frozen_of(const Request& request);

/// A schedule worth trying. `name` is short ("service filler now"), `why` one sentence.
struct Candidate {
  std::string name;
  std::string why;
  line::Schedule schedule;
};

/// keep, service now, service at each next changeover, service in the longest idle gap, resequence
/// by due date / by changeover, and their sensible combinations for the machines at risk. The first
/// is always "keep". They go as far as the policy lets them and keep the bounds of unrest. Pure.
[[nodiscard]] std::vector<Candidate> candidates(const Request& request);

/// A mean with its 95 % interval (Student t).
struct Estimate {
  double mean = 0;
  double low = 0;
  double high = 0;
};
[[nodiscard]] Estimate estimate_of(const std::vector<double>& values);

/// The least share of the open orders that must be taken out and put in elsewhere to get from one
/// sequence to the other. `frozen` leading orders are not open. 1 when they hold different orders.
[[nodiscard]] double moved_share(const line::Schedule& before, const line::Schedule& after,
                                 std::size_t frozen);

/// The name of the schedule that is best in a world without chance.
inline constexpr std::string_view calm_champion = "best without chance";

/// Schedules better than the given ones, found on futures of the recursion: orders are taken out
/// and put in elsewhere, services added, moved and left out (iterated greedy with growing samples),
/// from several starts, the best without any randomness among the results. At most `most`, best
/// first. Empty when the recursion cannot do the line. A function of the request.
[[nodiscard]] std::vector<Candidate> searched(const Request& request,
                                              const std::vector<Candidate>& starts,
                                              std::size_t most);

/// What a future costs by the request's prices. Orders that it ends before count as they finish by
/// mean times: what is put off beyond the horizon is late there.
[[nodiscard]] double cost_of(const Request& request, const line::Measures& measures,
                             double service_s);
/// Time in services, summed over machines.
[[nodiscard]] double service_s_of(const line::Outcome& outcome);
/// What a schedule costs in any future, for not being the running one.
[[nodiscard]] double cost_of_change(const Request& request, const line::Schedule& schedule);
/// Whether the recursion can do the line and knows everything that has a price.
[[nodiscard]] bool recursion_tells(const Request& request);

/// A way in which the model may be wrong, and what is left of the gain there.
struct Corner {
  std::string name;       ///< "repairs take 1.5 times as long"
  double gain_share = 0;  ///< Mean gain over the cost of keeping.
};
[[nodiscard]] std::vector<std::pair<std::string, line::Trial>> corners_of(const line::Trial& trial);
/// The corner in which most is lost; null when there is none.
[[nodiscard]] const Corner* worst_of(const std::vector<Corner>& corners);
/// Corners in which nothing is lost.
[[nodiscard]] std::size_t good_of(const std::vector<Corner>& corners);
[[nodiscard]] bool holds(const std::vector<Corner>& corners, const Bar& bar);

/// How often an order is on time, if kept and if changed; beyond the horizon by mean times.
struct OnTime {
  line::OrderId order;
  select::Chance keep;
  select::Chance winner;
};

struct Evaluated {
  Candidate candidate;
  std::vector<line::Measures> selection;  ///< One a selection seed; same seeds for all candidates.
  std::vector<double> cost;               ///< One a selection seed.
  Estimate mean_cost;
  bool simulated = true;  ///< False: the recursion left it out, and these are its numbers.
  std::string short_of;   ///< What the bar asks and the recursion does not see in it; mostly empty.
};

/// In which band nineteen of twenty simulated futures stay from beginning to end: parts that have
/// left the line since the start, at the end of each window.
struct Band {
  double window_s = 0;
  std::vector<double> low;
  std::vector<double> high;
};
[[nodiscard]] double window_of(const Request& request);
/// Line times at which the windows end.
[[nodiscard]] std::vector<double> window_ends(const Request& request);
/// Of futures that counted at the ends of the windows.
[[nodiscard]] Band band_of(const Request& request, std::span<const line::Outcome> futures);

/// When nine of ten simulated futures end an order, line time; infinity beyond their end.
struct FinishBand {
  line::OrderId order;
  double low_s = 0;
  double high_s = 0;
};
/// Of the orders that were open at request.now, in the order of the book.
[[nodiscard]] std::vector<FinishBand> finish_bands(const Request& request,
                                                   std::span<const line::Outcome> futures);

/// When an order is on a machine: its first work begins, its last ends, in one future of ten before
/// the low and in nine before the high, line time.
struct WorkSpan {
  line::MachineId machine;
  line::OrderId order;
  double begin_low_s = 0;
  double begin_s = 0;  ///< Median.
  double begin_high_s = 0;
  double end_low_s = 0;
  double end_s = 0;  ///< Median.
  double end_high_s = 0;
};
/// Of futures that were run with their Gantt, in the order of machines and of the book. Pairs that
/// come in fewer than half of the futures are left out.
[[nodiscard]] std::vector<WorkSpan> work_spans(std::span<const line::Outcome> futures);

/// Parts that have left the line since line time 0.
[[nodiscard]] double parts_off(const line::Line& line, const line::LineNow& now);
/// Whether all parts of an order have left the line or been scrapped.
[[nodiscard]] bool is_finished(const line::Line& line, const line::LineNow& now,
                               const line::Order& order, std::size_t position);

/// The winner against keep on fresh seeds: what the gate reads.
struct Proof {
  std::vector<std::uint64_t> seeds;
  std::vector<line::Measures> keep;
  std::vector<line::Measures> winner;
  std::vector<double> gain;  ///< cost(keep) - cost(winner), one a seed.
  std::vector<double> winner_cost;
  Band band;  ///< Of the winner.
  std::vector<FinishBand> keep_finishes;
  std::vector<FinishBand> winner_finishes;
  std::vector<WorkSpan> keep_spans;
  std::vector<WorkSpan> winner_spans;
  Estimate mean_gain;
  double gain_lower_95 = 0;  ///< One-sided lower bound of the mean gain, see select::sharpen().
  double probability_better = 0;  ///< Share of seeds with gain > 0, ties count half.
  double keep_cost = 0;           ///< Mean cost of keep.
  double tail_change = 0;  ///< Mean of the worst tenth of winner's costs over keep's, - 1 (CVaR90).
  std::size_t invalid_trials = 0;  ///< Crashed, runaway, timed out.
  select::Comparison compared;     ///< Costs of keep and winner, future by future.
  std::vector<OnTime> on_time;     ///< Orders with a due date that were open.
  std::vector<Corner> corners;
  std::vector<std::string> broken;  ///< Laws of a line that an outcome broke; empty as a rule.
  double start_deviation_s = 0;     ///< Mean change of when an open order starts.
};

struct Plan {
  /// Simulated ones first, of either kind the best first; contains keep, simulated.
  std::vector<Evaluated> evaluated;
  std::size_t winner = 0;      ///< Position in `evaluated`.
  bool decided = false;        ///< The race ended with one left, not with the last future.
  std::size_t searched = 0;    ///< Schedules that came from the search.
  Proof proof;                 ///< Of the winner; empty gain when the winner is keep.
  line::Outcome keep_example;  ///< One future of each with a Gantt, same seed.
  line::Outcome winner_example;
};

using Progress = std::function<void(std::size_t done, std::size_t all)>;
/// The best schedule so far and its gain over keeping, while the race goes on.
using BestSoFar = std::function<void(const Candidate& best, const Estimate& gain)>;

/// Simulates all candidates and proves the best. Errors: the worker is lost.
[[nodiscard]] line::Result<Plan> make_plan(const Request& request, worker::Client& client,
                                           const Progress& progress = {},
                                           const BestSoFar& best_so_far = {});

}  // namespace foreline::plan
