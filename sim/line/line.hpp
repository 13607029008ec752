// SPDX-License-Identifier: Apache-2.0
// A production line as its file describes it: machines with finite buffers behind them, signals,
// fault modes, crews. Machines stand in series unless a machine says after which others it comes:
// then they are a directed graph, and every machine draws its parts from the buffers behind those
// others. Parts flow from sources that release the orders of a schedule, in its sequence, to sinks.
// Blocking after service: a finished part stays on its machine until the buffer behind has room.
// All times are seconds of line time, which starts at 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/distribution.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/ids.hpp"
#include "sim/line/objective.hpp"

namespace foreline::line {

/// PackML states (ISA-TR88.00.02), numbered as the PackTags of OMAC.
enum class PackmlState : std::uint8_t {
  undefined = 0,
  clearing = 1,
  stopped = 2,
  starting = 3,
  idle = 4,
  suspended = 5,
  execute = 6,
  stopping = 7,
  aborting = 8,
  aborted = 9,
  holding = 10,
  held = 11,
  unholding = 12,
  suspending = 13,
  unsuspending = 14,
  resetting = 15,
  completing = 16,
  complete = 17,
};
inline constexpr std::size_t packml_state_count = 18;
[[nodiscard]] std::string_view name_of(PackmlState state);

/// What a signal measures. The forecaster's words are about kinds, so that a model carries over to
/// machines whose signals have other names and ranges.
enum class SignalKind : std::uint8_t {
  vibration,
  temperature,
  current,
  torque,
  pressure,
  cycle_time
};
inline constexpr std::size_t signal_kind_count = 6;
[[nodiscard]] std::string_view name_of(SignalKind kind);
[[nodiscard]] std::optional<SignalKind> signal_kind_named(std::string_view name);

/// A measured quantity of a machine.
struct Signal {
  std::string name;
  SignalKind kind = SignalKind::vibration;
  std::string unit;       ///< As shown to people: "mm/s", "degC", "A", "N m", "bar", "s".
  double normal = 0;      ///< Healthy level in Execute, in `unit`.
  double idle = 0;        ///< Level when the machine does not run.
  double noise = 0;       ///< Standard deviation of the measurement noise.
  double resolution = 0;  ///< Quantisation step; 0 for none.
  double low = 0;         ///< Sensor range; beyond it the value saturates.
  double high = 0;
  double lag_s = -1;      ///< Time constant of the sensor; below 0: usual for its kind.
  double sampling_s = 0;  ///< The sensor has a new value only so often; 0: at every frame.
  /// How strongly faults show here, as shares of what the fault models say: in the level, and in
  /// the noise. The rise of the cycle time is the work's own and stays.
  double fault_rise = 1;
  double fault_unrest = 1;
  friend bool operator==(const Signal&, const Signal&) = default;
};

/// Changeover times between products, seconds; row = from, column = to; diagonal 0.
using ChangeoverMatrix = std::vector<std::vector<double>>;

/// Working time: a pattern that repeats.
struct Calendar {
  struct Span {
    double from_s = 0;
    double until_s = 0;
    friend bool operator==(const Span&, const Span&) = default;
  };
  std::string name;
  double period_s = 7 * 86400.0;  ///< The pattern repeats after this long.
  double start_s = 0;             ///< Where in the pattern line time 0 is.
  std::vector<Span> open;         ///< In the pattern; ascending, apart, within [0, period_s].
  std::vector<Span> closed;       ///< In line time: holidays and other exceptions.
  friend bool operator==(const Calendar&, const Calendar&) = default;

  [[nodiscard]] bool is_open(double at_s) const;
  /// The first time after `at_s` at which is_open() changes; infinity when it never does.
  [[nodiscard]] double next_change(double at_s) const;
};

/// People who repair and service.
struct Crew {
  std::string name;
  std::uint32_t count = 1;
  std::vector<std::string> skills;        ///< Empty: every skill.
  std::optional<std::uint32_t> calendar;  ///< Position in Line::calendars; else always there.
  friend bool operator==(const Crew&, const Crew&) = default;

  [[nodiscard]] bool can(std::string_view skill) const;
};

/// Vehicles that carry parts, shared by the machines that name them.
struct Transporter {
  std::string name;
  std::uint32_t count = 1;
  friend bool operator==(const Transporter&, const Transporter&) = default;
};

/// A spare part and its stock: at `reorder_at` pieces `order_size` more are ordered.
struct Spare {
  std::string name;
  std::uint32_t stock = 1;
  std::uint32_t reorder_at = 0;
  std::uint32_t order_size = 1;
  Distribution lead;  ///< Seconds from order to delivery.
  friend bool operator==(const Spare&, const Spare&) = default;
};

/// A belt as the buffer behind a machine: a part is there `travel_s` after it was put on.
struct Conveyor {
  double travel_s = 0;       ///< 0: no conveyor.
  double spacing_s = 0;      ///< Least time between two parts put on.
  bool accumulating = true;  ///< False: the belt stands while its first part is not taken.
  friend bool operator==(const Conveyor&, const Conveyor&) = default;
};

/// What is done about parts that are defective.
struct Inspection {
  double detects = 0;            ///< Share of the defective parts that are found; 0: no inspection.
  double false_alarms = 0;       ///< Share of the good parts that are taken for defective.
  double rework_share = 0;       ///< Share of what is found that goes back; the rest is scrapped.
  std::uint32_t rework_max = 1;  ///< A part goes back at most so often.
  std::optional<std::uint32_t> rework_to{};  ///< Position in Line::machines.
  friend bool operator==(const Inspection&, const Inspection&) = default;
};

/// A rule by which a machine is serviced without being told by the schedule.
struct Maintenance {
  enum class Rule : std::uint8_t { calendar, age, condition };
  Rule rule = Rule::calendar;
  /// calendar: line time between services; age: operating time since renewal; condition: line time
  /// between inspections.
  double every_s = 0;
  FaultKind kind = FaultKind::bearing_wear;  ///< condition: what is looked at.
  double at_damage = 0.5;                    ///< condition: serviced from this damage on.
  friend bool operator==(const Maintenance&, const Maintenance&) = default;
};

/// Electrical power by what the machine does, in kW.
struct Power {
  double work_kw = 0;
  double idle_kw = 0;   ///< Starved, blocked, idle.
  double setup_kw = 0;  ///< Changeover.
  double down_kw = 0;   ///< Held, serviced.
  double off_kw = 0;    ///< Outside working time.
  friend bool operator==(const Power&, const Power&) = default;
};

struct Machine {
  std::string name;
  Distribution cycle;                  ///< Processing time of one part.
  std::vector<double> product_factor;  ///< Multiplies `cycle`, one a product.
  ChangeoverMatrix changeover_s;       ///< (products x products).
  double scrap_share = 0;              ///< Probability that a healthy machine scraps a part.
  Distribution service;                ///< Duration of a planned service (renews wear modes).
  std::uint32_t buffer_after = 0;      ///< Places between this machine and the next; 0 = none.
  std::vector<Signal> signals;
  std::vector<FaultMode> faults;  ///< At most one mode a kind.
  /// Machines from whose buffers this one draws (positions in Line::machines): absent: the one
  /// before; empty: a source.
  std::optional<std::vector<std::uint32_t>> after = {};
  /// Assembly: parts taken at once from each of `after`. Empty: one part from any of them.
  std::vector<std::uint32_t> takes = {};
  std::uint32_t gives = 1;  ///< Split: parts handed over for each that was worked.
  /// A further unit of that machine's station: its parts go into that machine's buffer.
  std::optional<std::uint32_t> unit_of = {};
  std::vector<std::uint8_t> makes = {};  ///< Eligibility, one a product; empty: all.
  std::uint32_t batch = 1;               ///< Parts of one order worked together, at most.
  double batch_wait_s = 0;               ///< A batch that is not full starts after waiting so long.
  Conveyor conveyor = {};
  std::optional<std::uint32_t> transporter = {};  ///< Carries parts to the buffer behind.
  double carry_s = 0;                             ///< One way, with a part; and empty back.
  double defect_share = 0;  ///< Probability that a part becomes defective, which only an inspection
                            ///< sees.
  Inspection inspection = {};
  std::optional<std::uint32_t> calendar = {};  ///< Position in Line::calendars; else Line's own.
  std::int32_t priority = 0;                   ///< Higher is repaired first.
  std::vector<Maintenance> maintenance = {};
  double service_quality = 1;  ///< Share of the age that a service takes away (Kijima's model II).
  std::string service_skill = {};
  Power power = {};
  std::vector<double> product_load = {};  ///< Stress by product, 1 = usual; empty: 1.
  friend bool operator==(const Machine&, const Machine&) = default;

  /// Whether the line file says that this machine fails of `kind`.
  [[nodiscard]] bool can_have(FaultKind kind) const;
};

struct Line {
  std::string name;
  std::vector<std::string> products;
  std::vector<Machine> machines;       ///< In the order of flow; at least one.
  std::uint32_t crews = 1;             ///< Repairs and services that can go on at once.
  double sample_period_s = 10;         ///< Grid of frames.
  std::vector<Crew> crew_groups = {};  ///< Instead of `crews`, when not empty.
  std::vector<Transporter> transporters = {};
  std::vector<Spare> spares = {};
  std::vector<Calendar> calendars = {};
  std::optional<std::uint32_t> calendar = {};  ///< Of all machines without one of their own.
  double ambient_degc = 25;                    ///< Mean temperature of the hall.
  double ambient_swing_k = 0;                  ///< Half the difference of warmest and coldest hour.
  std::optional<Objective> objective = {};     ///< What counts here; absent: nobody has said.
  friend bool operator==(const Line&, const Line&) = default;

  [[nodiscard]] std::optional<MachineId> machine_named(std::string_view name) const;
  [[nodiscard]] std::optional<ProductId> product_named(std::string_view name) const;
  [[nodiscard]] const Machine& at(MachineId id) const { return machines.at(id.index); }

  /// The machines from whose buffers machine `m` draws.
  [[nodiscard]] std::vector<std::uint32_t> inputs_of(std::uint32_t m) const;
  /// The machine into whose buffer machine `m` puts its parts: itself, or its station's first unit.
  [[nodiscard]] std::uint32_t buffer_of(std::uint32_t m) const {
    return machines[m].unit_of.value_or(m);
  }
  /// How many machines draw from the buffer of each machine. Where none does, parts leave the line.
  [[nodiscard]] std::vector<std::uint32_t> takers() const;
  /// When one of its machines works: by its own calendar, else by the line's; null: always.
  [[nodiscard]] const Calendar* calendar_of(const Machine& machine) const;
  /// Machines one after the other, one part in and one part out, and nothing else that would make
  /// the counts of parts say less than where every part is.
  [[nodiscard]] bool is_plain_series() const;
  /// Temperature of the hall; warmest at 15:00 of each day of line time.
  [[nodiscard]] double ambient_at(double at_s) const;
};

}  // namespace foreline::line
