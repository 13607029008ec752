// SPDX-License-Identifier: Apache-2.0
// When a running schedule should be looked at again, how far an answer may go, and how much unrest
// it brings. Reasons, policies and measures of stability are those of Vieira, Herrmann and Lin
// (2003, rescheduling manufacturing systems). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/plan/planner.hpp"
#include "sim/plan/replay.hpp"

namespace foreline::plan {

/// When orders enter and leave the line by mean times, parts passing on one by one, with the open
/// repairs and without further ones: C(i, s) = max(C(i-1, s), first part's arrival) + changeover +
/// work of what is left. Line time, one an order of the book; -1: it has left, or is in no
/// sequence. Branches count as a series of stations, buffers as large enough: good for telling whom
/// a delay hits, not for promises.
struct Projection {
  std::vector<double> started_s;
  std::vector<double> finished_s;
};
[[nodiscard]] Projection projected(const Request& request, const line::Schedule& schedule);

/// Leading orders of the running schedule that may not move: those that have started, and those
/// that by mean times start within `freeze_s`.
[[nodiscard]] std::size_t fence_of(const Request& request, double freeze_s);

/// From when on the makespan should count: what the running schedule takes by mean times beyond the
/// horizon is the same for all, and would make every share of a cost look small.
[[nodiscard]] double makespan_from(const Request& request);

/// Orders behind the fence that by mean times will be late, most weighted lateness first.
[[nodiscard]] std::vector<line::OrderId> affected_orders(const Request& request);
/// The running schedule with affected orders moved forward where that pays, the others in their
/// sequence. Within the request's bounds. Nothing when no such move pays.
[[nodiscard]] std::optional<Candidate> affected_operations(const Request& request);

/// How much of the running schedule a new one turns over, behind the frozen orders.
struct Nervousness {
  double moved_share = 0;  ///< See moved_share().
  /// Places that orders shift by, those that are next counting most (1/(1 + place)), over the most
  /// that they could: 0 to 1.
  double weighted_shift = 0;
};
[[nodiscard]] Nervousness nervousness_of(const line::Schedule& before, const line::Schedule& after,
                                         std::size_t frozen);

/// As much of `after` as the bounds allow: of the orders that move, the most urgent ones do, the
/// others keep their sequence. `after` itself when it is within them. Services are those of
/// `after`.
[[nodiscard]] line::Schedule bounded(const line::Schedule& before, const line::Schedule& after,
                                     std::size_t frozen, const Nervousness& largest);

/// Above this probability of a fault a service costs less than what it prevents: cost of a service
/// over the cost of the repair (cost-loss ratio; Murphy 1977). Where a stop has no
/// price, by the time that each takes. 0 to 1; 1 when there is nothing to prevent.
[[nodiscard]] double cost_loss_threshold(const line::Machine& machine, line::FaultKind kind,
                                         const line::Objective& objective);

struct ReactRules {
  bool on_breakdown = true;
  bool on_finish = true;
  double breakdown_after_s = 300;  ///< Shorter stops need no plan.
  friend bool operator==(const ReactRules&, const ReactRules&) = default;
};

/// Watches a running schedule for breakdowns and for orders that leave their band.
class Reacting {
 public:
  explicit Reacting(const ReactRules& rules = {}) : rules_(rules) {}

  /// What was simulated of the schedule that runs from now on.
  void expect(std::vector<FinishBand> bands) { bands_ = std::move(bands); }

  /// Why the running schedule should be looked at again; each reason is given once, so that a stop
  /// that lasts asks for one plan. `open` are the stops at `now`, `until_s` without meaning.
  [[nodiscard]] std::vector<std::string> step(const line::Line& line,
                                              const std::vector<line::Order>& orders,
                                              const line::LineNow& now,
                                              const std::vector<Stop>& open);

 private:
  ReactRules rules_;
  std::vector<FinishBand> bands_;
  std::vector<Stop> reacted_;  ///< Open stops that were a reason already.
};

}  // namespace foreline::plan
