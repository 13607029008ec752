// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/verdict/verdict.hpp"

namespace foreline::verdict {

using namespace line;

namespace {

constexpr double tolerance_s = 1e-3;

/// Parts of every order that left or entered each machine, the start state's included.
void check_parts(const Trial& trial, const Outcome& outcome, std::vector<std::string>& broken) {
  const auto& machines = trial.line->machines;
  for (std::size_t m = 0; m + 1 < machines.size(); ++m) {
    std::int64_t left = outcome.machines[m].good;
    std::int64_t entered =
        std::int64_t{outcome.machines[m + 1].good} + outcome.machines[m + 1].scrap;
    if (trial.from) left += std::max<std::int64_t>(0, trial.from->buffer_level(m));
    if (trial.from && trial.from->machines[m + 1].holds_part) left += 1;
    const std::int64_t between = left - entered;
    const auto room = static_cast<std::int64_t>(machines[m].buffer_after) + 1;
    if (between < 0 || between > room)
      broken.push_back(fmt::format("{} parts are between {} and {}, where {} have room", between,
                                   machines[m].name, machines[m + 1].name, room));
  }
  for (std::size_t o = 0; o < trial.orders->size() && o < outcome.orders.size(); ++o) {
    const auto& order = (*trial.orders)[o];
    const auto& done = outcome.orders[o];
    const auto parts = std::uint64_t{done.good} + done.scrap;
    if (parts > order.quantity)
      broken.push_back(
          fmt::format("order {} made {} parts of {}", order.id, parts, order.quantity));
    if (done.finished_s >= 0 && parts != order.quantity)
      broken.push_back(
          fmt::format("order {} is finished with {} parts of {}", order.id, parts, order.quantity));
    if (done.finished_s >= 0 && !trial.from && done.started_s < order.release_s - tolerance_s)
      broken.push_back(fmt::format("order {} started before its release", order.id));
    if (done.finished_s >= 0 && done.finished_s < done.started_s)
      broken.push_back(fmt::format("order {} finished before it started", order.id));
  }
}

void check_times(const Trial& trial, const Outcome& outcome, std::vector<std::string>& broken) {
  const double start_s = trial.from ? trial.from->at_s : 0;
  const double span_s = outcome.end_s - start_s;
  for (std::size_t m = 0; m < outcome.machines.size(); ++m) {
    const auto& states = outcome.machines[m].state_s;
    const double sum = std::accumulate(states.begin(), states.end(), 0.0);
    if (std::abs(sum - span_s) > tolerance_s * std::max(1.0, span_s / 1000))
      broken.push_back(fmt::format("the states of {} add up to {:.3f} s of {:.3f} s",
                                   trial.line->machines[m].name, sum, span_s));
  }
  for (const auto& fault : outcome.faults) {
    const auto& name = trial.line->at(fault.machine).name;
    if (fault.failed_s >= 0 && fault.failed_s < fault.onset_s - tolerance_s)
      broken.push_back(fmt::format("a fault of {} stops it before its onset", name));
    if (fault.restored_s >= 0 && fault.failed_s > fault.restored_s)
      broken.push_back(fmt::format("a fault of {} is repaired before it stops it", name));
  }
  auto bars = outcome.gantt;
  std::stable_sort(bars.begin(), bars.end(), [](const Occupation& a, const Occupation& b) {
    return a.machine != b.machine ? a.machine < b.machine : a.from_s < b.from_s;
  });
  for (std::size_t i = 0; i + 1 < bars.size(); ++i) {
    if (bars[i].machine == bars[i + 1].machine &&
        bars[i].what != Occupation::What::work &&  // stretches of one order are joined
        bars[i].until_s > bars[i + 1].from_s + tolerance_s)
      broken.push_back(fmt::format("{} does two things at {:.1f} s",
                                   trial.line->at(bars[i].machine).name, bars[i + 1].from_s));
  }
}

}  // namespace

std::vector<std::string> broken_invariants(const Trial& trial, const Outcome& outcome) {
  std::vector<std::string> broken;
  if (!outcome.valid()) {
    broken.push_back(fmt::format("the trial ended as {}: {}", name_of(outcome.end), outcome.error));
    return broken;
  }
  if (outcome.machines.size() != trial.line->machines.size()) {
    broken.emplace_back("the outcome has another number of machines than the line");
    return broken;
  }
  check_parts(trial, outcome, broken);
  check_times(trial, outcome, broken);
  return broken;
}

}  // namespace foreline::verdict
