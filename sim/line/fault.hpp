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

/// Physical fault kinds. Values travel in registers and traces: append only.
enum class FaultKind : std::uint8_t {
  bearing_wear = 0,  ///< Vibration, then temperature, rise until the bearing seizes.
  tool_wear = 1,     ///< Cycle time, current and scrap rise until the tool breaks.
  jam = 2,           ///< Torque becomes uneven, then material jams; short to clear.
  motor_trip = 3,    ///< Electrical; no signal degrades first.
};
inline constexpr std::size_t fault_kind_count = 4;
inline constexpr std::array<FaultKind, fault_kind_count> all_fault_kinds = {
    FaultKind::bearing_wear, FaultKind::tool_wear, FaultKind::jam, FaultKind::motor_trip};

/// "bearing-wear" and so on, as files spell it.
[[nodiscard]] std::string_view name_of(FaultKind kind);
/// The kind of that name, if there is one.
[[nodiscard]] std::optional<FaultKind> fault_kind_named(std::string_view name);
/// Whether signals degrade before the stop.
[[nodiscard]] constexpr bool gives_warning(FaultKind kind) {
  return kind != FaultKind::motor_trip;
}

/// One way in which a machine tends to fail. Times are operating (Execute) time of the machine.
struct FaultMode {
  FaultKind kind = FaultKind::bearing_wear;
  Distribution onset;     ///< Operating seconds from renewal (new, serviced, repaired) to onset.
  Distribution progress;  ///< Operating seconds from onset to failure; 0 for motor_trip.
  Distribution repair;    ///< Seconds of repair by a crew.
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

enum class SensorFaultKind : std::uint8_t { stuck, drift, spike, dropout };
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
  double magnitude = 0;  ///< drift: per hour, in the signal's unit; spike: height in its unit.
  friend bool operator==(const SensorFault&, const SensorFault&) = default;
};

/// Trouble on the wire: no frame arrives between from_s and until_s.
struct CommunicationLoss {
  std::string id;
  double from_s = 0;
  double until_s = 0;
  friend bool operator==(const CommunicationLoss&, const CommunicationLoss&) = default;
};

/// Horizons (seconds) at which every forecast states P(fault within h): the upper edges of the
/// answer words. "None" is everything beyond the last.
inline constexpr std::array<double, 10> forecast_horizons_s = {300,  600,  1200, 1800,  2700,
                                                               3600, 5400, 7200, 10800, 14400};
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
  float missing_share = 0;  ///< Share of the inputs that were not Good.
  std::vector<KindForecast> kinds;
  std::string sentence;  ///< The text the model read.
};

}  // namespace foreline::line
