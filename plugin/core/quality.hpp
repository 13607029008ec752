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

/// Ignition's quality code (docs.inductiveautomation.com, "Quality Codes and Overlays").
[[nodiscard]] constexpr std::uint32_t ignition_quality(line::Quality quality) {
  switch (quality) {
    case line::Quality::good:
      return 192;
    case line::Quality::uncertain_last_known:
      return 257;
    case line::Quality::uncertain_out_of_range:
      return 260;
    case line::Quality::bad_not_connected:
      return 522;
    case line::Quality::bad_comm_failure:
    case line::Quality::bad_device_failure:
    case line::Quality::bad_sensor_failure:
      return 527;
    case line::Quality::bad_stale:
      return 516;
    case line::Quality::bad_config:
      return 519;
    case line::Quality::bad_out_of_service:
      return 512;
  }
  return 512;
}

/// The metric property "Quality" of Sparkplug B 3.0: 192 good, 500 stale, 0 bad. Uncertain values
/// are not good.
[[nodiscard]] constexpr std::uint32_t sparkplug_quality(line::Quality quality) {
  switch (quality) {
    case line::Quality::good:
      return 192;
    case line::Quality::uncertain_last_known:
    case line::Quality::bad_stale:
      return 500;
    default:
      return 0;
  }
}

}  // namespace foreline::core
