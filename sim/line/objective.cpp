// SPDX-License-Identifier: Apache-2.0
#include "sim/line/objective.hpp"

#include <fmt/format.h>

#include "sim/line/trial.hpp"

namespace foreline::line {

const std::vector<ObjectiveField>& objective_fields() {
  static const std::vector<ObjectiveField> fields = {
      {"tardiness", "h", 3600, &Objective::tardiness_s},
      {"orders-late", "order", 1, &Objective::late_order},
      {"flow-time", "h", 3600, &Objective::flow_s},
      {"makespan", "h", 3600, &Objective::makespan_s},
      {"backlog", "part", 1, &Objective::open_part},
      {"downtime", "h", 3600, &Objective::downtime_s},
      {"breakdowns", "stop", 1, &Objective::breakdown},
      {"service", "h", 3600, &Objective::service_s},
      {"services", "service", 1, &Objective::service},
      {"changeover", "h", 3600, &Objective::changeover_s},
      {"energy", "kWh", 1, &Objective::energy_kwh},
      {"scrap", "part", 1, &Objective::scrap_part},
      {"rework", "part", 1, &Objective::rework_part},
      {"moved", "order", 1, &Objective::moved_order},
  };
  return fields;
}

Objective free_of_cost() {
  Objective objective;
  for (const auto& field : objective_fields()) objective.*field.price = 0;
  return objective;
}

double cost_of(const Objective& o, const Measures& m, double service_s, double start_s) {
  return o.tardiness_s * m.ahead_tardiness_s + o.late_order * m.ahead_late +
         o.flow_s * m.ahead_flow_s + o.makespan_s * (m.ahead_makespan_s - start_s) +
         o.open_part * m.ahead_parts + o.downtime_s * m.downtime_s + o.breakdown * m.breakdowns +
         o.service_s * service_s + o.service * m.services + o.changeover_s * m.changeover_s +
         o.energy_kwh * m.energy_kwh + o.scrap_part * m.scrap_parts +
         o.rework_part * m.rework_parts;
}

std::string text_of(const Objective& objective) {
  std::string text;
  for (const auto& field : objective_fields()) {
    const double price = objective.*field.price * field.units;
    if (price <= 0) continue;
    text += fmt::format("{}{} {:.6g} {}/{}", text.empty() ? "" : ", ", field.name, price,
                        objective.currency.empty() ? "s" : objective.currency, field.unit);
  }
  return text;
}

}  // namespace foreline::line
