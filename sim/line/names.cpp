// SPDX-License-Identifier: Apache-2.0
// Every enumeration's spelling, as files, registers' documentation and reports use it.
#include <array>
#include <optional>
#include <string_view>

#include "sim/line/alarm.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"
#include "sim/line/trial.hpp"

namespace foreline::line {

namespace {

template <std::size_t N, class Enum>
std::string_view spelled(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : std::string_view("unknown");
}

template <class Enum, std::size_t N>
std::optional<Enum> parsed(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  return std::nullopt;
}

constexpr std::array<std::string_view, fault_kind_count> fault_kinds = {
    "bearing-wear",     "tool-wear",     "jam",          "motor-trip",     "air-leak",
    "overheating",      "belt-slip",     "misalignment", "imbalance",      "filter-clogging",
    "lubrication-loss", "winding-short", "gear-wear",    "valve-stiction", "controller-fault",
    "power-dip"};
constexpr std::array<std::string_view, 8> sensor_fault_kinds = {
    "stuck", "drift", "spike", "dropout", "offset", "noise", "lag", "gain"};
constexpr std::array<std::string_view, packml_state_count> packml_states = {
    "Undefined", "Clearing",   "Stopped",      "Starting",  "Idle",       "Suspended",
    "Execute",   "Stopping",   "Aborting",     "Aborted",   "Holding",    "Held",
    "Unholding", "Suspending", "Unsuspending", "Resetting", "Completing", "Complete"};
constexpr std::array<std::string_view, signal_kind_count> signal_kinds = {
    "vibration", "temperature", "current", "torque", "pressure", "cycle-time"};
constexpr std::array<std::string_view, 10> qualities = {"Good",
                                                        "Uncertain_LastKnown",
                                                        "Uncertain_OutOfRange",
                                                        "Bad_NotConnected",
                                                        "Bad_CommFailure",
                                                        "Bad_Stale",
                                                        "Bad_Config",
                                                        "Bad_DeviceFailure",
                                                        "Bad_SensorFailure",
                                                        "Bad_OutOfService"};
constexpr std::array<std::string_view, 5> occupations = {"work", "changeover", "service", "repair",
                                                         "waiting-for-crew"};
constexpr std::array<std::string_view, 6> ends = {"done",    "horizon",   "runaway",
                                                  "crashed", "timed-out", "out-of-memory"};
constexpr std::array<std::string_view, 6> alarm_states = {"normal",       "unacknowledged",
                                                          "acknowledged", "returned-unacknowledged",
                                                          "shelved",      "out-of-service"};
constexpr std::array<std::string_view, 4> alarm_classes = {"forecast", "communication",
                                                           "data-quality", "deployment"};
constexpr std::array<std::string_view, 7> alarm_events = {
    "raised", "cleared", "acknowledged", "shelved", "unshelved", "out-of-service", "in-service"};

}  // namespace

std::string_view name_of(FaultKind kind) {
  return spelled(fault_kinds, kind);
}
std::optional<FaultKind> fault_kind_named(std::string_view name) {
  return parsed<FaultKind>(fault_kinds, name);
}
std::string_view name_of(SensorFaultKind kind) {
  return spelled(sensor_fault_kinds, kind);
}
std::optional<SensorFaultKind> sensor_fault_kind_named(std::string_view name) {
  return parsed<SensorFaultKind>(sensor_fault_kinds, name);
}
std::string_view name_of(PackmlState state) {
  return spelled(packml_states, state);
}
std::string_view name_of(SignalKind kind) {
  return spelled(signal_kinds, kind);
}
std::optional<SignalKind> signal_kind_named(std::string_view name) {
  return parsed<SignalKind>(signal_kinds, name);
}
std::string_view name_of(Quality quality) {
  return spelled(qualities, quality);
}
std::string_view name_of(Occupation::What what) {
  return spelled(occupations, what);
}
std::string_view name_of(Outcome::End end) {
  return spelled(ends, end);
}
std::string_view name_of(AlarmState state) {
  return spelled(alarm_states, state);
}
std::string_view name_of(AlarmClass alarm_class) {
  return spelled(alarm_classes, alarm_class);
}
std::string_view name_of(AlarmPriority priority) {
  constexpr std::array<std::string_view, 5> priorities = {"none", "low", "medium", "high",
                                                          "critical"};
  return spelled(priorities, priority);
}
std::string_view name_of(AlarmEvent::What what) {
  return spelled(alarm_events, what);
}

}  // namespace foreline::line
