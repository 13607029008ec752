// SPDX-License-Identifier: Apache-2.0
#include "sim/line/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreline::line {

namespace {

bool has_precedence(const std::vector<Order>& orders) {
  return std::any_of(orders.begin(), orders.end(),
                     [](const Order& order) { return !order.after.empty(); });
}

}  // namespace

std::vector<OrderId> with_precedence(std::vector<OrderId> sequence,
                                     const std::vector<Order>& orders) {
  if (!has_precedence(orders)) return sequence;
  std::vector<bool> waiting(orders.size(), false);
  for (const auto id : sequence) waiting[id.index] = true;
  std::vector<OrderId> kept;
  while (!sequence.empty()) {
    auto next = std::find_if(sequence.begin(), sequence.end(), [&](OrderId id) {
      const auto& after = orders[id.index].after;
      return std::none_of(after.begin(), after.end(),
                          [&](OrderId other) { return waiting[other.index]; });
    });
    if (next == sequence.end()) next = sequence.begin();  // a circle: nothing can be done
    waiting[next->index] = false;
    kept.push_back(*next);
    sequence.erase(next);
  }
  return kept;
}

std::vector<OrderId> circle_in(const std::vector<Order>& orders) {
  enum class Mark : std::uint8_t { fresh, on_the_way, done };
  std::vector<Mark> marks(orders.size(), Mark::fresh);
  std::vector<std::pair<std::uint32_t, std::size_t>>
      way;  // order, and which of its `after` is next
  for (std::uint32_t start = 0; start < orders.size(); ++start) {
    if (marks[start] != Mark::fresh) continue;
    way = {{start, 0}};
    marks[start] = Mark::on_the_way;
    while (!way.empty()) {
      auto& [order, next] = way.back();
      if (next == orders[order].after.size()) {
        marks[order] = Mark::done;
        way.pop_back();
        continue;
      }
      const auto other = orders[order].after[next++].index;
      if (marks[other] == Mark::on_the_way) {
        std::vector<OrderId> circle;
        const auto from = std::find_if(way.begin(), way.end(),
                                       [&](const auto& step) { return step.first == other; });
        for (auto step = from; step != way.end(); ++step) circle.push_back({step->first});
        circle.push_back({other});
        return circle;
      }
      if (marks[other] != Mark::fresh) continue;
      marks[other] = Mark::on_the_way;
      way.emplace_back(other, 0);
    }
  }
  return {};
}

std::vector<std::string> complaints_about(const Schedule& schedule, const Line& line,
                                          const std::vector<Order>& orders, const Schedule& active,
                                          std::size_t frozen) {
  std::vector<std::string> complaints;
  std::vector<std::size_t> seen(orders.size(), 0);
  for (const OrderId id : schedule.sequence) {
    if (id.index >= orders.size())
      complaints.push_back(
          fmt::format("the sequence names order number {}, but the order book has {}", id.index,
                      orders.size()));
    else
      ++seen[id.index];
  }
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (seen[i] == 0)
      complaints.push_back(fmt::format("order {} is missing from the sequence", orders[i].id));
    if (seen[i] > 1)
      complaints.push_back(
          fmt::format("order {} is in the sequence {} times", orders[i].id, seen[i]));
  }
  std::vector<bool> before(orders.size(), false);
  for (const OrderId id : schedule.sequence) {
    if (id.index >= orders.size()) continue;
    for (const OrderId other : orders[id.index].after)
      if (!before[other.index] && seen[other.index] > 0)
        complaints.push_back(fmt::format("order {} must come after order {}", orders[id.index].id,
                                         orders[other.index].id));
    before[id.index] = true;
  }
  for (std::size_t i = 0; i < frozen && i < active.sequence.size(); ++i) {
    if (i < schedule.sequence.size() && schedule.sequence[i] == active.sequence[i]) continue;
    const OrderId id = active.sequence[i];
    const std::string order_name =
        id.index < orders.size() ? orders[id.index].id : fmt::format("number {}", id.index);
    complaints.push_back(fmt::format(
        "order {} has started and must stay at position {} of the sequence", order_name, i + 1));
  }
  for (const Service& service : schedule.services) {
    if (service.machine.index >= line.machines.size())
      complaints.push_back(fmt::format("a service names machine number {}, but the line has {}",
                                       service.machine.index, line.machines.size()));
    if (service.when == Service::When::at_time &&
        !(std::isfinite(service.at_s) && service.at_s >= 0))
      complaints.push_back("a service has a time that is negative or not a number");
    if (service.when == Service::When::before_order && service.order.index >= orders.size())
      complaints.push_back(
          fmt::format("a service waits for order number {}, but the order book has {}",
                      service.order.index, orders.size()));
  }
  return complaints;
}

std::int64_t LineNow::buffer_level(std::size_t machine) const {
  if (machine < buffers.size()) return static_cast<std::int64_t>(buffers[machine].size());
  const MachineNow& before = machines.at(machine);
  const MachineNow& behind = machines.at(machine + 1);
  std::int64_t level = behind.holds_part ? -1 : 0;
  for (std::size_t order = 0; order < before.progress.size(); ++order) {
    level += before.progress[order].good;
    level -= std::int64_t{behind.progress[order].good} + behind.progress[order].scrap;
  }
  return level;
}

bool LineNow::in_service(const Line& line, std::size_t machine) const {
  const auto& now = machines.at(machine);
  if (now.state != PackmlState::stopped) return false;
  const auto& own = line.machines.at(machine).calendar;
  const auto calendar = own ? own : line.calendar;
  return now.down_remaining_s > 0 || !calendar || line.calendars[*calendar].is_open(at_s) ||
         (now.since_s && !now.holds_part);
}

bool LineNow::has_had(const Service& service, const Schedule& schedule, const Line& line) const {
  const auto& machine = machines.at(service.machine.index);
  const auto begun = [&](OrderId order) {
    const auto& made = machine.progress.at(order.index);
    return made.good + made.scrap > 0 || (machine.set_up && machine.order == order);
  };
  const auto& served = machine.served;
  if (service.when == Service::When::before_order && begun(service.order)) return true;
  if (served) return std::find(served->begin(), served->end(), service) != served->end();
  // A machine that has worked longer since its renewal than since the time of the service, or that
  // was never renewed, is still to have it.
  const auto over = [&](const Service& one) {
    return one.when == Service::When::at_time
               ? machine.renewals > 0 && machine.operating_s <= at_s - one.at_s
               : begun(one.order);
  };
  const auto due = [&](const Service& one) {
    return one.when == Service::When::before_order || one.at_s <= at_s;
  };
  const auto precedes = [&](const Service& a, const Service& b) {
    if (a.when != b.when) return a.when == Service::When::at_time;
    if (a.when == Service::When::at_time) return a.at_s < b.at_s;
    const auto place = [&](OrderId id) {
      return std::find(schedule.sequence.begin(), schedule.sequence.end(), id);
    };
    return place(a.order) < place(b.order);
  };
  if (over(service)) return true;
  // A machine that is being serviced now is in the next of its services.
  return in_service(line, service.machine.index) && due(service) &&
         std::none_of(schedule.services.begin(), schedule.services.end(), [&](const auto& other) {
           return other.machine == service.machine && other != service && !over(other) &&
                  due(other) && precedes(other, service);
         });
}

std::size_t LineNow::frozen_prefix(const Schedule& schedule) const {
  std::size_t frozen = 0;
  for (std::size_t i = 0; i < schedule.sequence.size(); ++i) {
    const std::uint32_t order = schedule.sequence[i].index;
    // A line may have several sources.
    const bool begun =
        std::any_of(machines.begin(), machines.end(), [&](const MachineNow& machine) {
          const bool counted =
              order < machine.progress.size() &&
              (machine.progress[order].good > 0 || machine.progress[order].scrap > 0);
          return counted || (machine.set_up && machine.order.index == order);
        });
    if (begun) frozen = i + 1;
  }
  return frozen;
}

}  // namespace foreline::line
