// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/register_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace foreline::core {

using namespace line;

namespace {

constexpr std::uint16_t no_order = 0xFFFF;

}  // namespace

std::vector<Range> fields(const RegisterMap& map) {
  std::vector<Range> wanted;
  for (const auto& at : {map.clock, map.heartbeat, map.signature})
    if (at) wanted.push_back(range_of(*at));
  for (const auto& machine : map.machines) {
    for (const auto& at : {machine.state, machine.operating, machine.renewals})
      wanted.push_back(range_of(at));
    for (const auto& at : machine.signals) wanted.push_back(range_of(at));
  }
  return wanted;
}

std::vector<Range> planning_fields(const RegisterMap& map, std::size_t orders) {
  std::vector<Range> wanted;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& machine = map.machines[m];
    for (const auto& at :
         {machine.order, machine.remaining, machine.holds_part, machine.down, machine.parts})
      wanted.push_back(range_of(at));
    for (std::size_t o = 0; map.progress && o < orders; ++o) {
      const auto& progress = *map.progress;
      wanted.push_back({RegisterTable::holding,
                        static_cast<std::uint16_t>(progress.address + m * progress.machine_stride +
                                                   o * progress.order_stride),
                        2});
    }
  }
  return wanted;
}

Frame frame_of(const RegisterMap& map, const Line& line, const Image& image, double at_s) {
  Frame frame;
  frame.at_s = at_s;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& registers = map.machines[m];
    const auto& machine = line.machines.at(m);
    MachineFrame seen;
    const double state = image.number(registers.state);
    if (state >= 0 && state < static_cast<double>(packml_state_count))
      seen.state = static_cast<PackmlState>(static_cast<int>(state));
    const double operating = image.number(registers.operating);
    seen.operating_s = std::isfinite(operating) ? std::max(0.0, operating) : 0;
    const double renewals = image.number(registers.renewals);
    seen.renewals =
        std::isfinite(renewals) ? static_cast<std::uint32_t>(std::clamp(renewals, 0.0, 4e9)) : 0;
    for (std::size_t s = 0; s < registers.signals.size(); ++s) {
      const double value = image.number(registers.signals[s]);
      Sample sample{static_cast<float>(value), Quality::good};
      if (!image.has(registers.signals[s])) {
        sample = {};
      } else if (!std::isfinite(value)) {
        sample = {std::numeric_limits<float>::quiet_NaN(), Quality::bad_sensor_failure};
      } else if (const auto& signal = machine.signals[s];
                 signal.high > signal.low && (value < signal.low || value > signal.high)) {
        sample.quality = Quality::uncertain_out_of_range;
      }
      seen.signals.push_back(sample);
    }
    frame.machines.push_back(std::move(seen));
  }
  return frame;
}

Result<LineNow> line_now_of(const RegisterMap& map, const Line& line,
                            const std::vector<Order>& orders, const Image& image, double at_s) {
  if (!map.progress)
    return Error("the register map has no [progress]; planning needs the counts of each order",
                 "add [progress] to the plugin's configuration");
  LineNow now;
  now.at_s = at_s;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& registers = map.machines[m];
    const auto at_least_zero = [&](const Register& at) {
      const double value = image.number(at);
      return std::isfinite(value) ? std::max(0.0, value) : 0.0;
    };
    MachineNow machine;
    const double state = image.number(registers.state);
    machine.state = state >= 0 && state < static_cast<double>(packml_state_count)
                        ? static_cast<PackmlState>(static_cast<int>(state))
                        : PackmlState::undefined;
    const double order = image.number(registers.order);
    machine.set_up = order >= 0 && order < static_cast<double>(orders.size());
    if (machine.set_up) machine.order = {static_cast<std::uint32_t>(order)};
    if (!machine.set_up && order != no_order)
      return Error(fmt::format("{} works on order number {}, but the order book has {}",
                               line.machines[m].name, order, orders.size()),
                   "give the plugin the order book that the PLC runs");
    machine.holds_part = image.number(registers.holds_part) != 0;
    machine.remaining_s = machine.holds_part ? at_least_zero(registers.remaining) : 0;
    machine.down_remaining_s = at_least_zero(registers.down);
    machine.operating_s = at_least_zero(registers.operating);
    machine.parts = static_cast<std::uint32_t>(at_least_zero(registers.parts));
    machine.renewals = static_cast<std::uint32_t>(at_least_zero(registers.renewals));
    for (std::size_t o = 0; o < orders.size(); ++o) {
      const auto address =
          static_cast<std::uint16_t>(map.progress->address + m * map.progress->machine_stride +
                                     o * map.progress->order_stride);
      machine.progress.push_back(
          {image.word(RegisterTable::holding, address),
           image.word(RegisterTable::holding, static_cast<std::uint16_t>(address + 1))});
      if (std::uint64_t{machine.progress.back().good} + machine.progress.back().scrap >
          orders[o].quantity)
        return Error(fmt::format("{} counts more parts of order {} than it has",
                                 line.machines[m].name, orders[o].id),
                     "give the plugin the order book that the PLC runs");
    }
    now.machines.push_back(std::move(machine));
  }
  for (std::size_t m = 0; m + 1 < now.machines.size(); ++m) {
    const auto level = now.buffer_level(m);
    const auto places = static_cast<std::int64_t>(line.machines[m].buffer_after);
    if (level < 0 || level > std::max<std::int64_t>(places, 1))
      return Error(fmt::format("the counts put {} parts between {} and {}, where {} have room",
                               level, line.machines[m].name, line.machines[m + 1].name, places));
  }
  return now;
}

}  // namespace foreline::core
