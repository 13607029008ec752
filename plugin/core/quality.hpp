// SPDX-License-Identifier: Apache-2.0
// Quality as SCADA spells it.
#pragma once

#include <cstdint>

#include "sim/line/telemetry.hpp"

namespace foreline::core {

/// OPC DA 3.00 quality code: 192 good, 64.. uncertain, 0.. bad, with its substatus.
[[nodiscard]] constexpr std::uint32_t opc_quality(line::Quality quality) {
  switch (quality) {
    case line::Quality::good:
      return 192;
    case line::Quality::uncertain_last_known:
      return 68;
    case line::Quality::uncertain_out_of_range:
      return 84;
    case line::Quality::bad_not_connected:
      return 8;
    case line::Quality::bad_comm_failure:
      return 24;
    case line::Quality::bad_stale:
      return 20;
    case line::Quality::bad_config:
      return 4;
    case line::Quality::bad_device_failure:
      return 12;
    case line::Quality::bad_sensor_failure:
      return 16;
    case line::Quality::bad_out_of_service:
      return 28;
  }
  return 0;
}

}  // namespace foreline::core
