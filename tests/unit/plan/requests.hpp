// SPDX-License-Identifier: Apache-2.0
// A line of two machines in the middle of its first order, as a planner finds it.
#pragma once

#include <memory>

#include "sim/plan/planner.hpp"
#include "tests/support/lines.hpp"

namespace foreline::tests {

inline line::Hazard hazard(std::uint32_t machine, line::FaultKind kind, float within_2h) {
  line::Hazard hazard{{machine}, kind, {}};
  for (std::size_t i = 0; i < hazard.within.size(); ++i)
    hazard.within[i] =
        within_2h * static_cast<float>(std::min(1.0, line::forecast_horizons_s[i] / 7200.0));
  return hazard;
}

/// Three products, four orders; A is under way. Bearings of both machines wear.
inline plan::Request request() {
  auto a = machine("first", 10, 5, 3);
  auto b = machine("second", 10, 0, 3);
  for (auto* m : {&a, &b}) {
    m->changeover_s = {{0, 600, 1200}, {600, 0, 600}, {1200, 600, 0}};
    line::FaultMode mode;
    mode.onset = line::Distribution::constant(1e7);
    mode.progress = line::Distribution::constant(3600);
    mode.repair = line::Distribution::constant(3600);
    m->faults = {mode};
  }
  auto line = line_of({a, b});
  line.products = {"a", "b", "c"};
  const std::vector<line::Order> orders = {{"A", {0}, 100, 0, 3600, 1},
                                           {"B", {2}, 100, 0, 4 * 3600.0, 1},
                                           {"C", {1}, 100, 0, 2 * 3600.0, 1},
                                           {"D", {2}, 100}};
  auto trial = trial_of(line, orders);
  trial.want_state_at_s = 500;
  plan::Request request;
  request.now = run(trial).state.value();
  request.line = trial.line;
  request.orders = trial.orders;
  request.active = trial.schedule;
  request.selection_seeds = 6;
  request.gate_seeds = 10;
  return request;
}

}  // namespace foreline::tests
