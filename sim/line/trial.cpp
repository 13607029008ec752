// SPDX-License-Identifier: Apache-2.0
#include "sim/line/trial.hpp"

#include <algorithm>
#include <limits>

#include "sim/line/outlook.hpp"
#include "sim/line/window.hpp"

namespace foreline::line {

namespace {

/// Overall equipment effectiveness of the machine that works most: availability (planned time
/// without breakdowns, services and changeovers) x performance (share of that in which it works) x
/// quality.
double oee_of(const Outcome& outcome, double duration_s) {
  constexpr auto execute = static_cast<std::size_t>(PackmlState::execute);
  const auto busiest = std::max_element(
      outcome.machines.begin(), outcome.machines.end(),
      [](const auto& a, const auto& b) { return a.state_s[execute] < b.state_s[execute]; });
  if (busiest == outcome.machines.end()) return 0;
  const double planned_s = duration_s - busiest->off_shift_s;
  const double parts = static_cast<double>(busiest->good) + busiest->scrap;
  if (planned_s <= 0 || parts <= 0) return 0;
  // Availability times performance: what is left of the planned time.
  return busiest->state_s[execute] / planned_s * (busiest->good / parts);
}

double start_of(const Trial& trial) {
  return trial.from ? trial.from->at_s : 0.0;
}

/// What came after `before`.
Outcome since(const Outcome& before, Outcome outcome) {
  for (std::size_t m = 0; m < std::min(outcome.machines.size(), before.machines.size()); ++m) {
    auto& machine = outcome.machines[m];
    const auto& then = before.machines[m];
    for (std::size_t state = 0; state < machine.state_s.size(); ++state)
      machine.state_s[state] -= then.state_s[state];
    for (const auto field : {&MachineOutcome::down_s, &MachineOutcome::changeover_s,
                             &MachineOutcome::off_shift_s, &MachineOutcome::energy_kwh})
      machine.*field -= then.*field;
    for (const auto field :
         {&MachineOutcome::good, &MachineOutcome::scrap, &MachineOutcome::breakdowns,
          &MachineOutcome::services, &MachineOutcome::reworked})
      machine.*field -= then.*field;
  }
  outcome.left -= before.left;
  outcome.lead_time_s -= before.lead_time_s;
  outcome.work_in_process_s -= before.work_in_process_s;
  return outcome;
}

Measures measures_from(double from_s, const Trial& trial, const Outcome& outcome) {
  Measures measures;
  for (const MachineOutcome& machine : outcome.machines) {
    measures.downtime_s += machine.down_s;
    measures.changeover_s += machine.changeover_s;
    measures.breakdowns += machine.breakdowns;
    measures.services += machine.services;
    measures.scrap_parts += machine.scrap;
    measures.energy_kwh += machine.energy_kwh;
    measures.rework_parts += machine.reworked;
  }
  measures.good_parts = good_parts(*trial.line, outcome);
  const double start_s = start_of(trial);
  const double duration_s = outcome.end_s - from_s;
  if (outcome.left > 0)
    measures.lead_time_s = outcome.lead_time_s / static_cast<double>(outcome.left);
  if (duration_s > 0) measures.work_in_process = outcome.work_in_process_s / duration_s;
  measures.oee = oee_of(outcome, duration_s);
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
  if (trial.orders) look_ahead(trial, outcome, measures);
  return measures;
}

}  // namespace

double good_parts(const Line& line, const Outcome& outcome) {
  const auto takers = line.takers();
  double parts = 0;
  for (std::uint32_t m = 0; m < outcome.machines.size(); ++m)
    if (takers[line.buffer_of(m)] == 0)
      parts += static_cast<double>(outcome.machines[m].good) * line.machines[m].gives;
  return parts;
}

Measures measures_of(const Trial& trial, const Outcome& outcome) {
  return measures_from(start_of(trial), trial, outcome);
}

Measures measures_since(const Outcome& before, const Trial& trial, const Outcome& outcome) {
  return measures_from(before.end_s, trial, since(before, outcome));
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
      {"lead-time", "s", false, &Measures::lead_time_s},
      {"work-in-process", "parts", false, &Measures::work_in_process},
      {"energy", "kWh", false, &Measures::energy_kwh},
      {"rework", "parts", false, &Measures::rework_parts},
      {"oee", "", true, &Measures::oee},
  };
  return fields;
}

double time_to_fault(const Hazard& hazard, double u) {
  double before_s = 0;
  double before = 0;
  for (std::size_t i = 0; i < forecast_horizons_s.size(); ++i) {
    const double p = hazard.within[i];
    if (u <= p && p > before)
      return before_s + (forecast_horizons_s[i] - before_s) * (u - before) / (p - before);
    before_s = forecast_horizons_s[i];
    before = std::max(before, p);
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace foreline::line
