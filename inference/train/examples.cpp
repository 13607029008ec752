// SPDX-License-Identifier: Apache-2.0
#include "inference/train/examples.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "sim/line/random.hpp"

namespace foreline::inference {

using namespace line;

namespace {

/// Whether a fault of this machine has begun and has not stopped it yet.
bool degrading(const Outcome& outcome, MachineId machine, double at_s) {
  return std::any_of(outcome.faults.begin(), outcome.faults.end(), [&](const FaultRecord& fault) {
    const double until_s = fault.failed_s >= 0     ? fault.failed_s
                           : fault.restored_s >= 0 ? fault.restored_s
                                                   : std::numeric_limits<double>::infinity();
    return fault.machine == machine && fault.onset_s <= at_s && at_s < until_s;
  });
}

}  // namespace

double view_after(const Trial& trial, const Outcome& outcome, MachineId machine, FaultKind kind,
                  double at_s, bool experiment) {
  double view_ends_s = outcome.end_s;
  if (experiment) {
    for (const auto& fault : trial.faults)
      if (fault.machine == machine && fault.kind == kind && fault.at_s > at_s)
        view_ends_s = std::min(view_ends_s, fault.at_s);
  }
  for (const auto& fault : outcome.faults)
    if (fault.machine == machine && fault.kind == kind && fault.prevented &&
        fault.restored_s > at_s)
      view_ends_s = std::min(view_ends_s, fault.restored_s);
  return std::max(0.0, view_ends_s - at_s);
}

TimeToFault time_to_fault(const Trial& trial, const Outcome& outcome, MachineId machine,
                          FaultKind kind, double at_s, bool experiment) {
  const double view_ends_s = at_s + view_after(trial, outcome, machine, kind, at_s, experiment);
  double fails_s = std::numeric_limits<double>::infinity();
  for (const auto& fault : outcome.faults)
    if (fault.machine == machine && fault.kind == kind && fault.failed_s > at_s)
      fails_s = std::min(fails_s, fault.failed_s);
  const bool happened = fails_s <= view_ends_s;
  return {static_cast<float>(std::max(0.0, (happened ? fails_s : view_ends_s) - at_s)), happened};
}

std::vector<Example> examples_of(const Trial& trial, const Outcome& outcome, std::uint32_t day,
                                 const ExampleRules& rules) {
  std::vector<Example> examples;
  History history(trial.line);
  const auto machines = static_cast<std::uint32_t>(trial.line->machines.size());
  std::vector<double> next_s;
  for (std::uint32_t m = 0; m < machines; ++m)
    next_s.push_back(rules.calm_every_s * random_uniform(trial.seed, m, Purpose::training, 1));
  for (const auto& frame : outcome.trace.frames) {
    history.add(frame);
    for (std::uint32_t m = 0; m < machines; ++m) {
      const bool close = degrading(outcome, {m}, frame.at_s);
      if (close) next_s[m] = std::min(next_s[m], frame.at_s + rules.every_s);
      if (frame.at_s < next_s[m]) continue;
      next_s[m] = frame.at_s + (close ? rules.every_s : rules.calm_every_s);
      auto window = history.window({m});
      if (!window.ready) continue;
      auto& example = examples.emplace_back();
      example.window = std::move(window);
      example.day = day;
      example.weight = close ? 1.0F : static_cast<float>(rules.calm_every_s / rules.every_s);
      for (std::size_t k = 0; k < fault_kind_count; ++k) {
        example.truth[k] = time_to_fault(trial, outcome, {m}, all_fault_kinds[k], frame.at_s, true);
        example.view_s[k] = static_cast<float>(
            view_after(trial, outcome, {m}, all_fault_kinds[k], frame.at_s, true));
      }
    }
  }
  return examples;
}

}  // namespace foreline::inference
