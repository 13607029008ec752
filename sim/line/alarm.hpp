// SPDX-License-Identifier: Apache-2.0
// Alarms in the words of ISA-18.2 / IEC 62682. A forecast is an alarm class of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/line/fault.hpp"
#include "sim/line/ids.hpp"

namespace foreline::line {

/// ISA-18.2 states. Values travel in registers: append only.
enum class AlarmState : std::uint16_t {
  normal = 0,
  unacknowledged = 1,           ///< UNACK_ALM
  acknowledged = 2,             ///< ACK_ALM
  returned_unacknowledged = 3,  ///< UNACK_RTN
  shelved = 4,                  ///< SHLVD
  out_of_service = 5,           ///< OOSRV
};
[[nodiscard]] std::string_view name_of(AlarmState state);

enum class AlarmClass : std::uint8_t { forecast, communication, data_quality, deployment };
[[nodiscard]] std::string_view name_of(AlarmClass alarm_class);

/// How soon an operator must act. Values travel in registers: append only.
enum class AlarmPriority : std::uint16_t { low = 1, medium = 2, high = 3, critical = 4 };
[[nodiscard]] std::string_view name_of(AlarmPriority priority);

/// A change of one alarm.
struct AlarmEvent {
  enum class What : std::uint8_t {
    raised,
    cleared,
    acknowledged,
    shelved,
    unshelved,
    out_of_service,
    in_service
  };
  double at_s = 0;  ///< Line time.
  What what = What::raised;
  AlarmClass alarm_class = AlarmClass::forecast;
  std::string id;                            ///< "filler/bearing-wear", "plc/communication".
  MachineId machine;                         ///< forecast, data_quality.
  FaultKind kind = FaultKind::bearing_wear;  ///< forecast.
  float probability = 0;                     ///< forecast: within the alarm horizon.
  double expected_in_s = 0;  ///< forecast: median time to fault from at_s; may be infinity.
  std::string why;           ///< One sentence from a template.
};
[[nodiscard]] std::string_view name_of(AlarmEvent::What what);

}  // namespace foreline::line
