// SPDX-License-Identifier: Apache-2.0
// The plugin's file for a line behind the soft PLC.
#pragma once

#include <filesystem>
#include <string>

#include "sim/line/line.hpp"

namespace foreline::host {

struct PluginSettings {
  std::filesystem::path line;
  std::filesystem::path orders;
  std::filesystem::path model;
  std::string host;
  int port = 0;
  double poll_s = 1;
  bool writes = false;  ///< Whether schedules may be written to the PLC.
  /// A file of tags, as `foreline probe` finds them on a PLC that is not the soft one; empty: none.
  std::filesystem::path tags = {};
};

/// A file of format "foreline plugin 1" with the registers of sim/plc/contract.hpp.
[[nodiscard]] std::string configuration_of(const line::Line& line, const PluginSettings& settings);

}  // namespace foreline::host
