// SPDX-License-Identifier: Apache-2.0
#include "sim/line/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreline::line {

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
