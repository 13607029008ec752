// SPDX-License-Identifier: Apache-2.0
// Takes away from a failing trial whatever it fails without.
#pragma once

#include <cstddef>
#include <functional>

#include "sim/line/trial.hpp"

namespace foreline::swarm {

/// Whether a trial still fails.
using Fails = std::function<bool(const line::Trial&)>;

/// The smallest trial found that fails as `trial` does: each step leaves something out (a fault, an
/// order, half of the parts, an ability of a machine, the last machine) and is kept when it fails.
/// Asks `fails` at most `tries` times.
[[nodiscard]] line::Trial shrunk(line::Trial trial, const Fails& fails, std::size_t tries = 400);

}  // namespace foreline::swarm
