// SPDX-License-Identifier: Apache-2.0
#include "sim/line/flow.hpp"

#include <algorithm>

namespace foreline::line {

namespace {

/// Parts that one machine hands over a second.
double rate_of(const Machine& machine) {
  const double cycle_s = machine.cycle.expectation();
  return cycle_s > 0 ? machine.batch * machine.gives / cycle_s : 1e9;
}

/// The graph from its end: what must come out of every buffer, and who must work for it.
class Graph {
 public:
  explicit Graph(const Line& line)
      : line_(line),
        count_(static_cast<std::uint32_t>(line.machines.size())),
        takers_(count_),
        units_(count_),
        wanted_(count_, -1),
        component_(count_) {
    for (std::uint32_t m = 0; m < count_; ++m) {
      for (const auto input : line.inputs_of(m)) takers_[input].push_back(m);
      units_[line.buffer_of(m)].push_back(m);
    }
    for (std::uint32_t b = 0; b < count_; ++b)
      if (!units_[b].empty() && takers_[b].empty()) leaving_ += rate_behind(b);
  }

  [[nodiscard]] double worked(std::uint32_t m) {
    const auto station = line_.buffer_of(m);
    const double share = rate_of(line_.machines[m]) / rate_behind(station);
    return wanted_from(station) * share / line_.machines[m].gives;
  }
  [[nodiscard]] bool component(std::uint32_t m) {
    auto& known = component_[line_.buffer_of(m)];
    if (known) return *known;
    const auto& takers = takers_[line_.buffer_of(m)];
    known = std::any_of(takers.begin(), takers.end(), [&](std::uint32_t taker) {
      return !line_.machines[taker].takes.empty() || component(taker);
    });
    return *known;
  }
  /// Parts that leave for one that machine `m` hands over; only where it is no component.
  [[nodiscard]] double leaving(std::uint32_t m) const {
    const auto& takers = takers_[line_.buffer_of(m)];
    const double here = line_.machines[m].gives;
    return takers.empty() ? here : here * leaving(takers.front());
  }

 private:
  [[nodiscard]] double rate_behind(std::uint32_t station) const {
    double rate = 0;
    for (const auto unit : units_[station]) rate += rate_of(line_.machines[unit]);
    return rate;
  }
  /// Parts that must come out of a station's buffer for each that leaves the line.
  double wanted_from(std::uint32_t station) {
    auto& wanted = wanted_[station];
    if (wanted >= 0) return wanted;
    double sum = 0;
    if (takers_[station].empty()) sum = rate_behind(station) / leaving_;
    for (const auto taker : takers_[station]) {
      const auto& machine = line_.machines[taker];
      const auto inputs = line_.inputs_of(taker);
      double all = 0;
      for (const auto input : inputs) all += rate_behind(input);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] != station) continue;
        sum += worked(taker) * (machine.takes.empty() ? rate_behind(station) / all
                                                      : static_cast<double>(machine.takes[i]));
      }
    }
    wanted = sum;
    return wanted;
  }

  const Line& line_;
  std::uint32_t count_;
  std::vector<std::vector<std::uint32_t>> takers_;  ///< Machines that draw from each buffer.
  std::vector<std::vector<std::uint32_t>> units_;   ///< Machines that fill each buffer.
  std::vector<double> wanted_;
  std::vector<std::optional<bool>> component_;  ///< By the station's first unit, once asked.
  double leaving_ = 0;
};

bool sends_back(const Machine& machine) {
  const auto& inspection = machine.inspection;
  return inspection.rework_to && inspection.rework_share > 0 &&
         (inspection.detects > 0 || inspection.false_alarms > 0);
}

}  // namespace

Flow flow_of(const Line& line) {
  Graph graph(line);
  Flow flow;
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto& machine = line.machines[m];
    flow.worked.push_back(graph.worked(m));
    flow.seconds.push_back(flow.worked[m] * machine.cycle.expectation() / machine.batch);
    flow.component.push_back(graph.component(m));
    if (flow.seconds[m] > flow.seconds[flow.constraint]) flow.constraint = m;
  }
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    if (flow.component[m]) continue;
    const auto inputs = line.inputs_of(m);
    // Where an order's parts begin: at a source, or where they are put together.
    if (!inputs.empty() && line.machines[m].takes.empty()) continue;
    flow.leave = graph.leaving(m);
    break;
  }
  return flow;
}

std::optional<std::vector<std::int64_t>> counted_behind(const Line& line, const LineNow& now,
                                                        std::uint32_t m) {
  const auto station = line.buffer_of(m);
  const auto orders = now.machines.at(station).progress.size();
  std::vector<std::int64_t> parts(orders);
  bool taken = false;
  for (std::uint32_t other = 0; other < line.machines.size(); ++other) {
    const auto& machine = line.machines[other];
    const auto& seen = now.machines.at(other);
    if (seen.progress.size() != orders || orders == 0) return std::nullopt;
    if (line.buffer_of(other) == station)
      for (std::size_t o = 0; o < orders; ++o)
        parts[o] += std::int64_t{seen.progress[o].good} * machine.gives;
    const auto inputs = line.inputs_of(other);
    const auto input = std::find(inputs.begin(), inputs.end(), station);
    if (input == inputs.end()) continue;
    taken = true;
    const bool reworks = std::any_of(
        line.machines.begin(), line.machines.end(),
        [&](const auto& by) { return sends_back(by) && *by.inspection.rework_to == other; });
    if (reworks || sends_back(machine) || (inputs.size() > 1 && machine.takes.empty()))
      return std::nullopt;
    const std::int64_t each =
        machine.takes.empty() ? 1 : machine.takes[static_cast<std::size_t>(input - inputs.begin())];
    for (std::size_t o = 0; o < orders; ++o)
      parts[o] -= each * (std::int64_t{seen.progress[o].good} + seen.progress[o].scrap);
    if (seen.holds_part && seen.set_up && seen.order.index < orders)
      parts[seen.order.index] -= each * std::max(1U, seen.parts_held);
  }
  return taken ? std::optional(std::move(parts)) : std::nullopt;
}

std::vector<std::int64_t> outstanding_of(const Line& line, const Flow& flow,
                                         const std::vector<Order>& orders, const LineNow& now) {
  const auto takers = line.takers();
  std::vector<std::int64_t> left;
  for (std::size_t o = 0; o < orders.size(); ++o) {
    std::int64_t parts = orders[o].quantity;
    for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
      const auto& progress = now.machines.at(m).progress.at(o);
      const auto gives = std::int64_t{line.machines[m].gives};
      if (!flow.component[m]) parts += progress.good * (gives - 1) - progress.scrap;
      if (takers[line.buffer_of(m)] == 0) parts -= progress.good * gives;
    }
    left.push_back(parts);
  }
  return left;
}

}  // namespace foreline::line
