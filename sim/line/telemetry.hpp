// SPDX-License-Identifier: Apache-2.0
// Measured values. Wire trouble is data: every sample carries a quality, and only Good samples feed
// the forecaster.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "sim/line/ids.hpp"
#include "sim/line/line.hpp"

namespace foreline::line {

/// Quality of a value; the mapping to OPC DA, Ignition and Sparkplug codes is in plugin/core.
enum class Quality : std::uint8_t {
  good,
  uncertain_last_known,
  uncertain_out_of_range,
  bad_not_connected,
  bad_comm_failure,
  bad_stale,
  bad_config,
  bad_device_failure,
  bad_sensor_failure,
  bad_out_of_service,
};
[[nodiscard]] std::string_view name_of(Quality quality);

struct Sample {
  float value = std::numeric_limits<float>::quiet_NaN();
  Quality quality = Quality::bad_not_connected;
};

/// What is seen of one machine at one instant.
struct MachineFrame {
  std::vector<Sample> signals;  ///< One a Machine::signals entry, same order.
  PackmlState state = PackmlState::undefined;
  double operating_s = 0;      ///< Operating (Execute) seconds since the last service or repair.
  std::uint32_t renewals = 0;  ///< Services and repairs so far; a change starts a new baseline.
};

/// What is seen of the whole line at one instant of its sampling grid.
struct Frame {
  double at_s = 0;
  bool connected = true;  ///< False: nothing arrived for this instant.
  std::vector<MachineFrame> machines;
};

}  // namespace foreline::line
