// SPDX-License-Identifier: Apache-2.0
// What counts on a line: the price of each thing that a schedule can change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace foreline::line {

struct Measures;

/// Cost of one unit of each, 0 or more. Where a line file says nothing, costs are seconds by
/// weight.
struct Objective {
  std::string currency = "";  ///< As people write it: "EUR"; empty: none was given.
  double tardiness_s = 1.0;   ///< Of lateness, times the order's weight.
  double late_order = 0;
  double flow_s = 0;  ///< From an order's release to its end, times its weight.
  double makespan_s = 0.1;
  double open_part = 0;  ///< That has not left the line by the end of the horizon.
  double downtime_s = 1.0;
  double breakdown = 0;
  double service_s = 0.2;
  double service = 0;
  double changeover_s = 0;
  double energy_kwh = 0;
  double scrap_part = 0;
  double rework_part = 0;
  double moved_order =
      0;  ///< That another schedule takes out of the running one and puts elsewhere.
  friend bool operator==(const Objective&, const Objective&) = default;
};

/// One price, in one place for files and reports.
struct ObjectiveField {
  std::string_view name;  ///< As line files spell it: "tardiness".
  std::string_view unit;  ///< That a price is for: "h", "order", "part", "kWh".
  double units = 1;       ///< Of Objective in one of these: 3600 for hours.
  double Objective::*price;
};
[[nodiscard]] const std::vector<ObjectiveField>& objective_fields();

/// Nothing has a price.
[[nodiscard]] Objective free_of_cost();

/// What a future costs that began at `start_s`, without `moved_order`.
[[nodiscard]] double cost_of(const Objective& objective, const Measures& measures, double service_s,
                             double start_s);

/// "tardiness 60 EUR/h, energy 0.28 EUR/kWh".
[[nodiscard]] std::string text_of(const Objective& objective);

}  // namespace foreline::line
