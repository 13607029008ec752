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

/// Machines and the buffers that they draw from, as far as these hang together: of a buffer with
/// several takers, or a taker with several buffers, only the sums are known.
struct Crossing {
  std::vector<std::uint32_t> buffers;
  std::vector<std::uint32_t> takers;
};

std::vector<Crossing> crossings(const Line& line) {
  const auto count = static_cast<std::uint32_t>(line.machines.size());
  std::vector<std::uint32_t> root(count);
  std::iota(root.begin(), root.end(), 0U);
  const auto find = [&root](std::uint32_t b) {
    while (root[b] != b) b = root[b] = root[root[b]];
    return b;
  };
  for (std::uint32_t m = 0; m < count; ++m) {
    const auto inputs = line.inputs_of(m);
    for (const auto input : inputs) root[find(input)] = find(inputs.front());
  }
  std::vector<Crossing> found(count);
  const auto takers = line.takers();
  for (std::uint32_t b = 0; b < count; ++b)
    if (takers[b] > 0) found[find(b)].buffers.push_back(b);
  for (std::uint32_t m = 0; m < count; ++m)
    if (const auto inputs = line.inputs_of(m); !inputs.empty())
      found[find(inputs.front())].takers.push_back(m);
  found.erase(std::remove_if(found.begin(), found.end(),
                             [](const Crossing& crossing) { return crossing.takers.empty(); }),
              found.end());
  return found;
}

/// Parts that a machine takes at once for each that it gives.
std::int64_t parts_of_one(const Machine& machine) {
  return machine.takes.empty()
             ? 1
             : std::accumulate(machine.takes.begin(), machine.takes.end(), std::int64_t{0});
}

/// What lay in the buffer behind machine `m` when the trial began.
std::int64_t level_before(const Trial& trial, std::uint32_t m) {
  if (!trial.from) return 0;
  if (m < trial.from->buffers.size())
    return static_cast<std::int64_t>(trial.from->buffers[m].size());
  return trial.line->is_plain_series() ? std::max<std::int64_t>(0, trial.from->buffer_level(m)) : 0;
}

/// Parts that were put into buffers and those that were taken out differ by what lies there.
void check_buffers(const Trial& trial, const Outcome& outcome, std::vector<std::string>& broken) {
  const auto& line = *trial.line;
  for (const auto& crossing : crossings(line)) {
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t room = 0;
    // Parts that came back for rework were not taken from these buffers; how many of them are
    // still waiting is not known, nor how much of a split has been handed over.
    std::int64_t slack = 0;
    std::string from;
    std::string to;
    for (const auto b : crossing.buffers) {
      in += level_before(trial, b);
      room += line.machines[b].buffer_after;
      from += fmt::format("{}{}", from.empty() ? "" : ", ", line.machines[b].name);
    }
    for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
      const auto& machine = line.machines[m];
      if (std::find(crossing.buffers.begin(), crossing.buffers.end(), line.buffer_of(m)) ==
          crossing.buffers.end())
        continue;
      in += std::int64_t{outcome.machines[m].good} * machine.gives;
      slack += std::int64_t{machine.gives} - 1;
    }
    for (const auto t : crossing.takers) {
      const auto& machine = line.machines[t];
      to += fmt::format("{}{}", to.empty() ? "" : ", ", machine.name);
      const auto& done = outcome.machines[t];
      const auto each = parts_of_one(machine);
      const auto held = std::max<std::int64_t>(machine.batch, 1) * each;
      out += (std::int64_t{done.good} + done.scrap + done.reworked) * each;
      room += held;
      if (trial.from && trial.from->machines[t].holds_part)
        in += std::max<std::int64_t>(1, trial.from->machines[t].parts_held) * each;
      for (std::uint32_t m = 0; m < line.machines.size(); ++m)
        if (line.machines[m].inspection.rework_to == t)
          slack += outcome.machines[m].reworked * each;
    }
    const auto between = in - out;
    if (between < -slack || between > room + slack)
      broken.push_back(fmt::format("{} parts are between {} and {}, where {} have room", between,
                                   from, to, room));
  }
}

/// Parts of every order, and of all together, that left the line or were scrapped in it.
void check_orders(const Trial& trial, const Outcome& outcome, std::vector<std::string>& broken) {
  const auto& machines = trial.line->machines;
  // A split makes several parts of one; what an assembly is made of is made again when scrapped.
  const bool splits = std::any_of(machines.begin(), machines.end(),
                                  [](const Machine& machine) { return machine.gives > 1; });
  const bool assembles = std::any_of(machines.begin(), machines.end(),
                                     [](const Machine& machine) { return !machine.takes.empty(); });
  std::uint64_t good = 0;
  for (std::size_t o = 0; o < trial.orders->size() && o < outcome.orders.size(); ++o) {
    const auto& order = (*trial.orders)[o];
    const auto& done = outcome.orders[o];
    const auto parts = std::uint64_t{done.good} + done.scrap;
    good += done.good;
    if (!splits && (assembles ? done.good : parts) > order.quantity)
      broken.push_back(
          fmt::format("order {} made {} parts of {}", order.id, parts, order.quantity));
    if (done.finished_s >= 0 &&
        (splits || assembles ? parts < order.quantity : parts != order.quantity))
      broken.push_back(
          fmt::format("order {} is finished with {} parts of {}", order.id, parts, order.quantity));
    if (done.finished_s >= 0 && !trial.from && done.started_s < order.release_s - tolerance_s)
      broken.push_back(fmt::format("order {} started before its release", order.id));
    for (const auto other : order.after) {
      const double ended_s = outcome.orders.at(other.index).finished_s;
      if (!trial.from && done.started_s >= 0 &&
          (ended_s < 0 || done.started_s < ended_s - tolerance_s))
        broken.push_back(fmt::format("order {} started before order {} had ended", order.id,
                                     (*trial.orders)[other.index].id));
    }
    if (done.finished_s >= 0 && done.finished_s < done.started_s)
      broken.push_back(fmt::format("order {} finished before it started", order.id));
  }
  if (!trial.from && outcome.left != good)
    broken.push_back(fmt::format("{} parts left the line, {} of the orders", outcome.left, good));
  // Little's law as an identity: who left was in the line for its lead time.
  if (!splits && outcome.lead_time_s > outcome.work_in_process_s * (1 + 1e-9) + tolerance_s)
    broken.push_back(
        fmt::format("parts that left were in the line for {:.3f} s, all parts {:.3f} s",
                    outcome.lead_time_s, outcome.work_in_process_s));
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
  check_buffers(trial, outcome, broken);
  check_orders(trial, outcome, broken);
  check_times(trial, outcome, broken);
  return broken;
}

}  // namespace foreline::verdict
