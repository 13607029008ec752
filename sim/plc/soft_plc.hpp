// SPDX-License-Identifier: Apache-2.0
// The soft PLC: a simulated line at a chosen pace, served over Modbus TCP by libmodbus.
#pragma once

#include <string>
#include <vector>

namespace foreline::plc {

/// Runs until a signal ends it; the exit status. Arguments: TRIAL (wire bytes of a Trial), then any
/// of
/// --host A, --port P (0: any free), --speed X (line seconds per wall second), --journal FILE
/// (accepted schedules and the clock; an existing one is continued), --outcome FILE (wire bytes of
/// the Outcome when the work is done), --for S (end after so many seconds),
/// --say json (one JSON object a line instead of text), --personality NAME, --fault "..."
/// (argument_of() in wire_fault.hpp; any number).
[[nodiscard]] int serve(const std::vector<std::string>& arguments);

}  // namespace foreline::plc
