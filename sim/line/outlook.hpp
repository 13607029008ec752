// SPDX-License-Identifier: Apache-2.0
// What becomes of the orders that a trial ends before. A plan that looks a shift ahead would else
// find it cheap to put off for ever whatever it cannot finish: an order that is left undone looks
// no later than the end of the trial.
#pragma once

#include <span>
#include <vector>

#include "sim/line/trial.hpp"

namespace foreline::line {

/// By mean times: the orders that are open follow one another as the sequence has them, each at the
/// pace of its slowest station and in that station's shifts, behind that station's changeover,
/// without further stops. Pure; valid as long as the line and the orders are.
class Outlook {
 public:
  Outlook(const Line& line, const std::vector<Order>& orders);

  /// Sets when the orders finish that have not (-1), and leaves the others. `gone`: parts that have
  /// left the line or were scrapped by `end_s`, of all orders together and since line time 0; of
  /// open orders the first in the sequence have them.
  /// Returns how many parts are still to leave.
  double finish(std::span<const OrderId> sequence, double end_s, double gone,
                std::span<double> finished_s) const;

  /// Lateness and makespan with these finishes. What was over by `start_s` counts as never late.
  void judge(std::span<const double> finished_s, double start_s, Measures& measures) const;

 private:
  const std::vector<Order>* orders_;
  std::vector<double> part_s_;  ///< Of the slowest station, by product.
  std::vector<double> changeover_s_;
  std::vector<const Calendar*> calendars_;
};

/// When each order of an outcome finishes, line time; those that the trial ended before by mean
/// times.
[[nodiscard]] std::vector<double> finishes_of(const Trial& trial, const Outcome& outcome);
/// Sets what Measures say of orders by these finishes.
void look_ahead(const Trial& trial, const Outcome& outcome, Measures& measures);

}  // namespace foreline::line
