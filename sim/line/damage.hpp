// SPDX-License-Identifier: Apache-2.0
// What damage does to the work itself (what it does to signals is the simulator's matter).
#pragma once

#include "sim/line/fault.hpp"

namespace foreline::line {

/// Share of the cycle time that damage 0 .. 1 of this kind adds: a dull tool is fed more slowly, a
/// leak slows cylinders down. 0 for kinds that only stop the machine.
[[nodiscard]] double slowdown(FaultKind kind, double damage);
/// Scrap probability that damage 0 .. 1 of this kind adds.
[[nodiscard]] double extra_scrap(FaultKind kind, double damage);

}  // namespace foreline::line
