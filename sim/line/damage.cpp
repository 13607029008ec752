// SPDX-License-Identifier: Apache-2.0
#include "sim/line/damage.hpp"

#include <cmath>

namespace foreline::line {

double slowdown(FaultKind kind, double damage) {
  if (damage <= 0) return 0;
  switch (kind) {
    case FaultKind::tool_wear:
      return 0.12 * damage * std::sqrt(damage);
    case FaultKind::air_leak:
      return 0.10 * (damage * damage);
    case FaultKind::belt_slip:
      return 0.15 * (damage * damage);
    case FaultKind::valve_stiction:
      return 0.08 * damage;
    default:
      return 0;
  }
}

double extra_scrap(FaultKind kind, double damage) {
  if (damage <= 0) return 0;
  switch (kind) {
    case FaultKind::tool_wear:
      return 0.06 * damage * damage;
    case FaultKind::misalignment:
    case FaultKind::filter_clogging:
      return 0.02 * damage * damage;
    case FaultKind::valve_stiction:
      return 0.03 * damage * damage;
    default:
      return 0;
  }
}

}  // namespace foreline::line
