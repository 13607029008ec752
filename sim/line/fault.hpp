// SPDX-License-Identifier: Apache-2.0
// Faults: what can break (kinds), how a machine tends to break (modes, from the line file), what a
// scenario breaks on purpose (scripted), and what is expected to break (forecasts).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/distribution.hpp"
#include "sim/line/ids.hpp"

namespace foreline::line {

/// Physical fault kinds; docs/planners/fault-models.md has the model, the source and typical values
/// of each. Values travel in registers and traces: append only.
enum class FaultKind : std::uint8_t {
  bearing_wear = 0,       ///< Vibration, then temperature, rise until the bearing seizes.
  tool_wear = 1,          ///< Cycle time, current and scrap rise until the tool breaks.
  jam = 2,                ///< Torque becomes uneven, then material jams; short to clear.
  motor_trip = 3,         ///< Electrical; no signal degrades first.
  air_leak = 4,           ///< Pressure falls, cylinders slow down, until the pressure switch acts.
  overheating = 5,        ///< Cooling fails; the thermal relay stops the drive.
  belt_slip = 6,          ///< The belt stretches and slips until it comes off.
  misalignment = 7,       ///< A coupling works loose; vibration at once, heat later.
  imbalance = 8,          ///< Deposits or a lost weight unbalance the rotor.
  filter_clogging = 9,    ///< Flow falls and pressure with it until the low-pressure interlock.
  lubrication_loss = 10,  ///< Friction heats and brakes; bearings and gears wear faster.
  winding_short = 11,     ///< Insulation ages; turns short, current and heat rise.
  gear_wear = 12,         ///< Teeth pit; torque becomes uneven.
  valve_stiction = 13,    ///< A valve sticks; pressure and cycle time become irregular.
  controller_fault = 14,  ///< The drive's controller stops; no warning.
  power_dip = 15,         ///< The supply dips; contactors drop out; no warning.
};
inline constexpr std::size_t fault_kind_count = 16;
inline constexpr std::array<FaultKind, fault_kind_count> all_fault_kinds = {
    FaultKind::bearing_wear,    FaultKind::tool_wear,        FaultKind::jam,
    FaultKind::motor_trip,      FaultKind::air_leak,         FaultKind::overheating,
    FaultKind::belt_slip,       FaultKind::misalignment,     FaultKind::imbalance,
    FaultKind::filter_clogging, FaultKind::lubrication_loss, FaultKind::winding_short,
    FaultKind::gear_wear,       FaultKind::valve_stiction,   FaultKind::controller_fault,
    FaultKind::power_dip};

/// "bearing-wear" and so on, as files spell it.
[[nodiscard]] std::string_view name_of(FaultKind kind);
/// The kind of that name, if there is one.
[[nodiscard]] std::optional<FaultKind> fault_kind_named(std::string_view name);
/// Whether signals degrade before the stop.
[[nodiscard]] constexpr bool gives_warning(FaultKind kind) {
  return kind != FaultKind::motor_trip && kind != FaultKind::controller_fault &&
         kind != FaultKind::power_dip;
}
/// Damage of one kind speeds up another kind on the same machine: its clock runs
/// 1 + (factor - 1) * damage times as fast.
struct Cascade {
  FaultKind kind = FaultKind::bearing_wear;  ///< The one that is sped up.
  double factor = 1;                         ///< At damage 1; > 0.
  friend bool operator==(const Cascade&, const Cascade&) = default;
};

/// One way in which a machine tends to fail. Times are of the mode's clock: operating (Execute)
/// time of the machine (operation-dependent failures), or line time (time-dependent failures).
struct FaultMode {
  enum class Clock : std::uint8_t { operating, calendar };
  FaultKind kind = FaultKind::bearing_wear;
  Distribution onset;     ///< Seconds from renewal (new, serviced, repaired) to onset.
  Distribution progress;  ///< Seconds from onset to failure; 0 for a kind without warning.
  Distribution repair;    ///< Seconds of repair by a crew.
  Clock clock = Clock::operating;
  double load_exponent = 0;  ///< The clock runs Machine::product_load^this times as fast.
  double doubling_k = 0;     ///< It doubles with this many kelvin above 25 degC; 0: no effect.
  std::vector<Cascade> accelerates = {};
  std::string skill = {};                   ///< Crew skill that the repair needs; empty: any crew.
  std::optional<std::uint32_t> spare = {};  ///< Position in Line::spares of what a repair uses up.
  friend bool operator==(const FaultMode&, const FaultMode&) = default;
};

/// A fault that a scenario starts on purpose, in addition to or instead of random ones.
struct ScriptedFault {
  std::string id;  ///< Name within the scenario.
  MachineId machine;
  FaultKind kind = FaultKind::bearing_wear;
  double at_s = 0;           ///< Onset, line time.
  double fails_after_s = 0;  ///< Operating seconds from onset to failure.
  double repair_s = 0;       ///< Repair time; 0 takes the mode's distribution.
  friend bool operator==(const ScriptedFault&, const ScriptedFault&) = default;
};

enum class SensorFaultKind : std::uint8_t {
  stuck,
  drift,
  spike,
  dropout,
  offset,  ///< A constant error from a wrong zero.
  noise,   ///< A loose contact: the noise grows to `magnitude`.
  lag,     ///< A fouled probe: answers with a time constant of `magnitude` seconds.
  gain,    ///< A wrong span: the value is multiplied by `magnitude`.
};
[[nodiscard]] std::string_view name_of(SensorFaultKind kind);
[[nodiscard]] std::optional<SensorFaultKind> sensor_fault_kind_named(std::string_view name);

/// A sensor that lies. The machine itself is healthy.
struct SensorFault {
  std::string id;
  MachineId machine;
  std::string signal;
  SensorFaultKind kind = SensorFaultKind::stuck;
  double from_s = 0;
  double until_s = std::numeric_limits<double>::infinity();
  /// drift: per hour, in the signal's unit; spike, offset, noise: in its unit; lag: seconds; gain:
  /// a factor.
  double magnitude = 0;
  friend bool operator==(const SensorFault&, const SensorFault&) = default;
};

/// Trouble on the wire between from_s and until_s: no frame arrives, or only some, or late.
struct CommunicationLoss {
  std::string id;
  double from_s = 0;
  double until_s = 0;
  double share = 1;                       ///< Share of the frames that are lost.
  double delay_s = 0;                     ///< Frames that arrive show the line of so long ago.
  std::optional<MachineId> machine = {};  ///< Only this machine's device; else the whole line.
  friend bool operator==(const CommunicationLoss&, const CommunicationLoss&) = default;
};

/// Horizons (seconds) at which every forecast states P(fault within h): the upper edges of the
/// answer words. "None" is everything beyond the last.
inline constexpr std::array<double, 10> forecast_horizons_s = {300,  600,  1200, 1800,  2700,
                                                               3600, 5400, 7200, 10800, 14400};
/// So long no fault comes that a forecast has not seen; later ones have yet to show.
inline constexpr double forecast_clear_s = 7200;
using HorizonProbabilities = std::array<float, forecast_horizons_s.size()>;

/// The contribution of one signal to a forecast: how much P(fault within the alarm horizon) falls
/// when that signal is hidden. Negative when the signal speaks against the fault.
struct Reason {
  std::uint32_t signal = 0;  ///< Position in Machine::signals.
  float contribution = 0;
};

/// What is expected of one machine for one fault kind.
struct KindForecast {
  FaultKind kind = FaultKind::bearing_wear;
  HorizonProbabilities within{};  ///< P(fault within forecast_horizons_s[i]); non-decreasing.
  std::vector<Reason> reasons;    ///< Strongest first; empty unless asked for.

  /// P(fault within horizon_s), linear between the stated horizons.
  [[nodiscard]] double probability_within(double horizon_s) const;
  /// The time (s) by which the fault has come with probability `share`; infinity when the
  /// forecast does not reach that share.
  [[nodiscard]] double quantile_s(double share) const;
};

/// What is expected of one machine.
struct Forecast {
  MachineId machine;
  double at_s = 0;         ///< Line time of the newest frame used.
  bool available = false;  ///< False: no number is given, `why_not` says why.
  std::string why_not;
  float missing_share = 0;          ///< Share of the inputs that were not Good.
  std::vector<KindForecast> kinds;  ///< One a kind that the line file gives the machine.
  std::string sentence;             ///< The text the model read.
};

}  // namespace foreline::line
