// SPDX-License-Identifier: Apache-2.0
#include "sim/line/trial.hpp"

#include <algorithm>

namespace foreline::line {

Measures measures_of(const Trial& trial, const Outcome& outcome) {
  Measures measures;
  for (const MachineOutcome& machine : outcome.machines) {
    measures.downtime_s += machine.down_s;
    measures.changeover_s += machine.changeover_s;
    measures.breakdowns += machine.breakdowns;
    measures.services += machine.services;
    measures.scrap_parts += machine.scrap;
  }
  if (!outcome.machines.empty()) measures.good_parts = outcome.machines.back().good;
  const double start_s = trial.from ? trial.from->at_s : 0.0;
  const double duration_s = outcome.end_s - start_s;
  if (duration_s > 0) measures.throughput_parts_h = measures.good_parts * 3600 / duration_s;
  const std::size_t count =
      std::min(outcome.orders.size(), trial.orders ? trial.orders->size() : 0);
  for (std::size_t i = 0; i < count; ++i) {
    const Order& order = (*trial.orders)[i];
    const double finished_s = outcome.orders[i].finished_s;
    const double counted_s = finished_s >= 0 ? finished_s : outcome.end_s;
    measures.makespan_s = std::max(measures.makespan_s, counted_s);
    // What was over before the trial began is nothing it could have changed.
    const bool over_before = trial.from && finished_s >= 0 && finished_s <= start_s;
    if (counted_s > order.due_s && !over_before) {
      measures.orders_late += 1;
      measures.tardiness_s += order.weight * (counted_s - order.due_s);
    }
  }
  return measures;
}

const std::vector<MeasureField>& measure_fields() {
  static const std::vector<MeasureField> fields = {
      {"downtime", "s", false, &Measures::downtime_s},
      {"throughput", "parts/h", true, &Measures::throughput_parts_h},
      {"good", "parts", true, &Measures::good_parts},
      {"scrap", "parts", false, &Measures::scrap_parts},
      {"orders-late", "orders", false, &Measures::orders_late},
      {"tardiness", "s", false, &Measures::tardiness_s},
      {"makespan", "s", false, &Measures::makespan_s},
      {"breakdowns", "stops", false, &Measures::breakdowns},
      {"services", "services", false, &Measures::services},
      {"changeover", "s", false, &Measures::changeover_s},
  };
  return fields;
}

}  // namespace foreline::line
