// SPDX-License-Identifier: Apache-2.0
#include "sim/line/outlook.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "sim/line/flow.hpp"

namespace foreline::line {

namespace {

/// Beyond so many shifts nobody looks.
constexpr int shifts_most = 10'000;

double worked_until(const Calendar* calendar, double at_s, double seconds) {
  for (int shift = 0; calendar != nullptr && shift < shifts_most; ++shift) {
    const double next_s = calendar->next_change(at_s);
    if (calendar->is_open(at_s)) {
      if (seconds <= next_s - at_s) break;
      seconds -= next_s - at_s;
    } else if (seconds <= 0 || !std::isfinite(next_s)) {
      break;
    }
    at_s = next_s;
  }
  return at_s + seconds;
}

bool splits_or_assembles(const Line& line) {
  return std::any_of(line.machines.begin(), line.machines.end(), [](const Machine& machine) {
    return machine.gives > 1 || !machine.takes.empty();
  });
}

/// Parts that a station works for one part of an order: more than one where it makes components, or
/// behind a split.
std::vector<double> parts_of_one(const Line& line) {
  std::vector<double> parts(line.machines.size(), 1);
  if (!splits_or_assembles(line)) return parts;
  const auto flow = flow_of(line);
  std::fill(parts.begin(), parts.end(), 0);
  for (std::uint32_t m = 0; m < line.machines.size(); ++m)
    parts[line.buffer_of(m)] += flow.worked[m] * flow.leave;
  return parts;
}

}  // namespace

Outlook::Outlook(const Line& line, const std::vector<Order>& orders) : orders_(&orders) {
  const auto products = line.products.size();
  part_s_.assign(products, 0);
  changeover_s_.assign(products * products, 0);
  calendars_.assign(products, nullptr);
  const auto parts = parts_of_one(line);
  for (std::size_t p = 0; p < products; ++p) {
    std::vector<double> parts_a_second(line.machines.size(), 0);
    for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
      const auto& machine = line.machines[m];
      if (!machine.makes.empty() && machine.makes[p] == 0) continue;
      const double part_s = machine.cycle.expectation() * machine.product_factor[p];
      parts_a_second[line.buffer_of(m)] += machine.batch / std::max(1e-9, part_s);
    }
    for (std::size_t m = 0; m < parts_a_second.size(); ++m)
      if (parts[m] > 0) parts_a_second[m] /= parts[m];
    std::optional<std::size_t> slowest;
    for (std::size_t m = 0; m < parts_a_second.size(); ++m)
      if (parts_a_second[m] > 0 && (!slowest || parts_a_second[m] < parts_a_second[*slowest]))
        slowest = m;
    if (!slowest) continue;
    const auto& machine = line.machines[*slowest];
    part_s_[p] = 1 / parts_a_second[*slowest];
    for (std::size_t from = 0; from < products; ++from)
      changeover_s_[from * products + p] = machine.changeover_s[from][p];
    calendars_[p] = line.calendar_of(machine);
  }
}

double Outlook::finish(std::span<const OrderId> sequence, double end_s, double gone,
                       std::span<double> finished_s) const {
  const auto& orders = *orders_;
  const auto products = part_s_.size();
  for (std::size_t o = 0; o < orders.size(); ++o)
    if (finished_s[o] >= 0) gone -= orders[o].quantity;
  double at_s = end_s;
  double open = 0;
  std::optional<std::size_t> before;
  for (const auto id : sequence) {
    const auto& order = orders[id.index];
    const auto product = order.product.index;
    if (finished_s[id.index] < 0) {
      const double done = std::clamp(gone, 0.0, static_cast<double>(order.quantity));
      gone -= done;
      open += order.quantity - done;
      double seconds = (order.quantity - done) * part_s_[product];
      if (before && done <= 0) seconds += changeover_s_[*before * products + product];
      // Those that it comes after are before it in the sequence, and so have ended by then.
      at_s = worked_until(calendars_[product], std::max(at_s, order.release_s), seconds);
      finished_s[id.index] = at_s;
    }
    before = product;
  }
  // Whatever no sequence holds comes last.
  for (std::size_t o = 0; o < orders.size(); ++o)
    if (finished_s[o] < 0) finished_s[o] = at_s;
  return open;
}

void Outlook::judge(std::span<const double> finished_s, double start_s, Measures& measures) const {
  const auto& orders = *orders_;
  measures.ahead_late = measures.ahead_tardiness_s = 0;
  measures.ahead_makespan_s = measures.ahead_flow_s = 0;
  for (std::size_t o = 0; o < orders.size(); ++o) {
    measures.ahead_makespan_s = std::max(measures.ahead_makespan_s, finished_s[o]);
    if (finished_s[o] <= start_s) continue;
    measures.ahead_flow_s += orders[o].weight * (finished_s[o] - orders[o].release_s);
    if (finished_s[o] <= orders[o].due_s) continue;
    measures.ahead_late += 1;
    measures.ahead_tardiness_s += orders[o].weight * (finished_s[o] - orders[o].due_s);
  }
}

namespace {

std::vector<double> finishes_of(const Trial& trial, const Outcome& outcome, const Outlook& outlook,
                                double& open) {
  const auto& orders = *trial.orders;
  std::vector<double> finished_s(orders.size(), -1);
  const auto& line = *trial.line;
  const double leave = splits_or_assembles(line) ? flow_of(line).leave : 1.0;
  // A component that is scrapped is made again.
  const bool again = std::any_of(line.machines.begin(), line.machines.end(),
                                 [](const Machine& machine) { return !machine.takes.empty(); });
  double gone = 0;
  for (std::size_t o = 0; o < std::min(orders.size(), outcome.orders.size()); ++o) {
    const auto& order = outcome.orders[o];
    finished_s[o] = order.finished_s;
    gone += order.finished_s >= 0 ? orders[o].quantity
                                  : (1.0 * order.good + (again ? 0 : order.scrap)) / leave;
  }
  open = outlook.finish(trial.schedule.sequence, outcome.end_s, gone, finished_s);
  return finished_s;
}

}  // namespace

std::vector<double> finishes_of(const Trial& trial, const Outcome& outcome) {
  double open = 0;
  return finishes_of(trial, outcome, Outlook(*trial.line, *trial.orders), open);
}

void look_ahead(const Trial& trial, const Outcome& outcome, Measures& measures) {
  const Outlook outlook(*trial.line, *trial.orders);
  outlook.judge(finishes_of(trial, outcome, outlook, measures.ahead_parts),
                trial.from ? trial.from->at_s : -1.0, measures);
}

}  // namespace foreline::line
