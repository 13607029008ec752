// SPDX-License-Identifier: Apache-2.0
// A trial is parameters in and results out; an experiment is a vector of trials. Same trial, same
// build: same bytes of outcome, whatever else runs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::line {

/// A forecast as the simulation uses it: the time of the machine's next fault of this kind follows
/// this distribution (line time from now). A fault that it does not see coming comes by the mode's
/// own onset and progress, not before `forecast_clear_s`.
struct Hazard {
  MachineId machine;
  FaultKind kind = FaultKind::bearing_wear;
  HorizonProbabilities within{};
  friend bool operator==(const Hazard&, const Hazard&) = default;
};
/// The hazard's time to fault from now at probability `u`, linear between the horizons; infinity
/// beyond the last.
[[nodiscard]] double time_to_fault(const Hazard& hazard, double u);

/// The parameters of one simulated future (or past).
struct Trial {
  std::shared_ptr<const Line> line;
  std::shared_ptr<const std::vector<Order>> orders;
  Schedule schedule;
  std::uint64_t seed = 1;
  double horizon_s = 8 * 3600;  ///< Line time at which the trial ends if work remains.
  bool stop_when_done = true;   ///< End as soon as the last part has left the line.
  bool random_faults = true;    ///< Draw faults from the machines' modes.
  double wear_share =
      0;  ///< Initial age: each mode starts at this share of its onset draw (0 = new) to 1.
  std::vector<ScriptedFault> faults;
  std::vector<SensorFault> sensor_faults;
  std::vector<CommunicationLoss> communication_losses;
  std::optional<LineNow> from;  ///< Start here instead of empty at 0.
  std::vector<Hazard> hazards;  ///< Only with `from`.
  bool replication = false;     ///< Nobody looks in: on the fast stage, to the same bytes.
  bool want_trace = false;      ///< Return frames and truth.
  bool want_gantt = false;      ///< Return occupations.
  std::optional<double> want_state_at_s;  ///< Return where the line stood then.
  bool want_health = false;  ///< The state as it truly is: a future of it goes on as this trial.
  std::vector<double> count_at_s;          ///< Return the parts that had left by then, ascending.
  std::uint64_t event_limit = 50'000'000;  ///< A trial that passes it ends as runaway.
};

/// What a machine did from `from_s` until `until_s`.
struct Occupation {
  enum class What : std::uint8_t { work, changeover, service, repair, waiting_for_crew };
  MachineId machine;
  What what = What::work;
  OrderId order;  ///< work, changeover: for this order.
  double from_s = 0;
  double until_s = 0;
};
[[nodiscard]] std::string_view name_of(Occupation::What what);

/// One fault as it truly was.
struct FaultRecord {
  MachineId machine;
  FaultKind kind = FaultKind::bearing_wear;
  double onset_s = 0;      ///< When degradation began.
  double failed_s = -1;    ///< When the machine stopped; -1: it did not (serviced or horizon).
  double restored_s = -1;  ///< When repair or service ended; -1: not within the trial.
  bool prevented = false;  ///< A service renewed the machine before it stopped.
};

struct MachineOutcome {
  std::array<double, packml_state_count> state_s{};  ///< Time in each PackML state.
  double down_s = 0;  ///< Held for breakdowns: waiting for crew and repair.
  double service_s = 0;
  double changeover_s = 0;
  double starved_s = 0;
  double blocked_s = 0;
  std::uint32_t good = 0;
  std::uint32_t scrap = 0;
  std::uint32_t breakdowns = 0;
  std::uint32_t services = 0;
  double off_shift_s = 0;      ///< Stopped because nobody works.
  std::uint32_t reworked = 0;  ///< Parts that an inspection here sent back.
  std::uint32_t defects = 0;   ///< Parts that became defective here.
  double energy_kwh = 0;
  std::uint32_t waits = 0;  ///< Times that it was starved or blocked, between two activities.
};

struct OrderOutcome {
  double started_s = -1;   ///< First part entered the line; -1: never.
  double finished_s = -1;  ///< Last part left the line; -1: not within the trial.
  std::uint32_t good = 0;
  std::uint32_t scrap = 0;
};

/// Truth beside a frame: damage 0 (healthy) .. 1 (failed), machine-major by Machine::faults.
struct Truth {
  std::vector<float> damage;
  /// Rate (1/h of the mode's clock) of what comes next: the onset while healthy, the failure once
  /// degraded, given the time already spent so; same layout. Health is 1 - damage.
  std::vector<float> hazard;
};

struct Trace {
  std::vector<Frame> frames;
  std::vector<Truth> truth;  ///< One a frame.
};

struct Outcome {
  /// runaway: more events than Trial::event_limit.
  enum class End : std::uint8_t { done, horizon, runaway, crashed, timed_out, out_of_memory };
  End end = End::done;
  std::string error;  ///< What is known of an end that is not valid().
  double end_s = 0;
  std::uint64_t events = 0;  ///< Timed completions.
  std::vector<MachineOutcome> machines;
  std::vector<OrderOutcome> orders;
  std::vector<FaultRecord> faults;
  std::vector<Occupation> gantt;
  std::uint64_t left = 0;  ///< Parts that left the line.
  /// Of these by each Trial::count_at_s; after the trial's end as at its end.
  std::vector<std::uint64_t> left_by;
  double lead_time_s = 0;        ///< Sum over these of the time from entering to leaving.
  double work_in_process_s = 0;  ///< Integral of the parts in the line over the trial.
  Trace trace;
  std::optional<LineNow> state;  ///< At Trial::want_state_at_s, if the trial got there.

  [[nodiscard]] bool valid() const { return end == End::done || end == End::horizon; }
};
[[nodiscard]] std::string_view name_of(Outcome::End end);

/// The measures planners and scenario files speak of, all for the whole line.
struct Measures {
  double downtime_s = 0;          ///< Sum over machines of breakdown time.
  double throughput_parts_h = 0;  ///< Good parts that left the line per hour of the trial.
  double good_parts = 0;
  double scrap_parts = 0;
  double orders_late = 0;  ///< Orders finished after due, or due and unfinished at the end.
  double tardiness_s = 0;  ///< Weighted sum of max(0, finish - due); unfinished: to the end.
  double makespan_s = 0;   ///< Finish of the last order; the end of the trial if unfinished.
  double breakdowns = 0;
  double services = 0;
  double changeover_s = 0;
  double lead_time_s = 0;      ///< Mean time of a part in the line.
  double work_in_process = 0;  ///< Mean parts in the line.
  double energy_kwh = 0;
  double rework_parts = 0;
  double oee = 0;  ///< Of the busiest machine: availability x performance x quality.
  // The same of orders, where those that the trial ends before finish by mean times: see Outlook.
  double ahead_late = 0;
  double ahead_tardiness_s = 0;
  double ahead_makespan_s = 0;
  double ahead_flow_s = 0;  ///< Weighted sum of the times from release to finish.
  double ahead_parts = 0;   ///< Of the orders, that have not left the line at the end.
};
/// From the trial's own start (`from`, or 0) to its end.
[[nodiscard]] Measures measures_of(const Trial& trial, const Outcome& outcome);

/// Names, units and access for every field of Measures, in one place for files and reports.
struct MeasureField {
  std::string_view name;  ///< As scenario files spell it: "downtime".
  std::string_view unit;  ///< "s", "parts/h", "parts", "".
  bool more_is_better = false;
  double Measures::*field;
};
[[nodiscard]] const std::vector<MeasureField>& measure_fields();

}  // namespace foreline::line
