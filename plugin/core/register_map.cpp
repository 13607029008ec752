// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/register_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/line/flow.hpp"

namespace foreline::core {

using namespace line;

namespace {

constexpr std::uint16_t no_order = 0xFFFF;

/// A count as a register gives it; nothing when it was not read or is none.
std::optional<double> count_of(const std::optional<Register>& at, const Image& image) {
  const double value = at ? image.number(*at) : std::numeric_limits<double>::quiet_NaN();
  return std::isfinite(value) && value >= 0 ? std::optional(value) : std::nullopt;
}

/// The counts of each order at one machine, as far as they were read.
std::vector<Progress> progress_of(const RegisterMap& map, std::size_t machine, std::size_t orders,
                                  const Image& image) {
  std::vector<Progress> found;
  for (std::size_t o = 0; map.progress && o < orders; ++o) {
    const auto address =
        static_cast<std::uint16_t>(map.progress->address + machine * map.progress->machine_stride +
                                   o * map.progress->order_stride);
    const Register at{RegisterTable::holding, address};
    const Register behind{RegisterTable::holding, static_cast<std::uint16_t>(address + 1)};
    if (!image.has(at) || !image.has(behind)) return {};
    found.push_back({image.word(RegisterTable::holding, at.address),
                     image.word(RegisterTable::holding, behind.address)});
  }
  return found;
}

/// In a plain series the counts must put as many parts into each buffer as it can hold.
std::optional<Error> contradiction(const Line& line, const LineNow& now) {
  for (std::size_t m = 0; m + 1 < now.machines.size(); ++m) {
    const auto level = now.buffer_level(m);
    const auto places = static_cast<std::int64_t>(line.machines[m].buffer_after);
    if (level < 0 || level > std::max<std::int64_t>(places, 1))
      return Error(fmt::format("the counts put {} parts between {} and {}, where {} have room",
                               level, line.machines[m].name, line.machines[m + 1].name, places));
  }
  return std::nullopt;
}

/// In a line with branches, what the counts say is in each buffer.
Result<std::vector<std::vector<PartNow>>> contents_of(const Line& line, const LineNow& now,
                                                      std::size_t orders,
                                                      const std::vector<OrderId>& sequence) {
  auto first = sequence;
  for (std::uint32_t o = 0; first.empty() && o < orders; ++o) first.push_back({o});
  const auto takers = line.takers();
  std::vector<std::vector<PartNow>> buffers(line.machines.size());
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    if (line.buffer_of(m) != m || takers[m] == 0) continue;
    const auto parts = counted_behind(line, now, m);
    if (!parts)
      return Error(
          fmt::format("the counts do not tell what is in the buffer behind {}, where parts come "
                      "back for rework or a machine chooses between buffers",
                      line.machines[m].name),
          "such a line is planned from files: foreline state, foreline plan --from");
    std::int64_t all = 0;
    for (const auto count : *parts) {
      if (count < 0)
        return Error(
            fmt::format("the counts take more parts out of the buffer behind {} than "
                        "came in",
                        line.machines[m].name));
      all += count;
    }
    const auto most =
        std::max<std::int64_t>(line.machines[m].buffer_after, 1) + line.machines[m].gives - 1;
    if (all > most)
      return Error(fmt::format("the counts put {} parts behind {}, where {} have room", all,
                               line.machines[m].name, line.machines[m].buffer_after));
    for (const auto order : first)
      if (order.index < parts->size())
        buffers[m].insert(buffers[m].end(), static_cast<std::size_t>((*parts)[order.index]),
                          {order});
  }
  return buffers;
}

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
    if (machine.planned)
      for (const auto& at :
           {machine.order, machine.remaining, machine.holds_part, machine.down, machine.parts})
        wanted.push_back(range_of(at));
    for (const auto& at : {machine.good, machine.scrap, machine.buffer})
      if (at) wanted.push_back(range_of(*at));
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
    const double operating = image.number(registers.operating);
    const double renewals = image.number(registers.renewals);
    // A state without an age or a count of renewals would look like a new machine.
    if (std::isfinite(operating) && std::isfinite(renewals)) {
      if (state >= 0 && state < static_cast<double>(packml_state_count))
        seen.state = static_cast<PackmlState>(static_cast<int>(state));
      seen.operating_s = std::max(0.0, operating);
      seen.renewals = static_cast<std::uint32_t>(std::clamp(renewals, 0.0, 4e9));
    }
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
                            const std::vector<Order>& orders, const Image& image, double at_s,
                            const std::vector<OrderId>& sequence) {
  if (!map.progress)
    return Error("the register map has no [progress]; planning needs the counts of each order",
                 "add [progress] to the plugin's configuration");
  const bool plain = line.is_plain_series();
  LineNow now;
  now.at_s = at_s;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& registers = map.machines[m];
    if (!registers.planned)
      return Error(fmt::format("the register map of {} says nothing of its work; planning needs it",
                               line.machines[m].name),
                   "add order, remaining, holds_part, down and parts to its [[machine]]");
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
    const double held = at_least_zero(registers.holds_part);
    machine.holds_part = held > 0;
    machine.parts_held = held > 1 ? static_cast<std::uint32_t>(std::min(held, 65'535.0)) : 0;
    machine.remaining_s = machine.holds_part ? at_least_zero(registers.remaining) : 0;
    machine.down_remaining_s = at_least_zero(registers.down);
    machine.operating_s = at_least_zero(registers.operating);
    machine.parts = static_cast<std::uint32_t>(at_least_zero(registers.parts));
    machine.renewals = static_cast<std::uint32_t>(at_least_zero(registers.renewals));
    machine.progress = progress_of(map, m, orders.size(), image);
    machine.progress.resize(orders.size());
    for (std::size_t o = 0; plain && o < orders.size(); ++o)
      if (std::uint64_t{machine.progress[o].good} + machine.progress[o].scrap > orders[o].quantity)
        return Error(fmt::format("{} counts more parts of order {} than it has",
                                 line.machines[m].name, orders[o].id),
                     "give the plugin the order book that the PLC runs");
    now.machines.push_back(std::move(machine));
  }
  if (plain) {
    if (auto wrong = contradiction(line, now)) return *wrong;
    return now;
  }
  auto buffers = contents_of(line, now, orders.size(), sequence);
  if (!buffers) return buffers.error();
  now.buffers = std::move(*buffers);
  return now;
}

Glance glance_of(const RegisterMap& map, const Line& line, const std::vector<Order>& orders,
                 const Image& image, double at_s) {
  Glance glance;
  glance.at_s = at_s;
  LineNow counted;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& registers = map.machines[m];
    auto& machine = glance.machines.emplace_back();
    auto& now = counted.machines.emplace_back();
    machine.good = count_of(registers.good, image);
    machine.scrap = count_of(registers.scrap, image);
    if (const auto level = count_of(registers.buffer, image))
      machine.buffer = static_cast<std::int64_t>(std::min(*level, 1e9));
    now.progress = machine.progress = progress_of(map, m, orders.size(), image);
    if (!registers.planned) {
      now.progress.clear();  // what is on the machine is not known
      continue;
    }
    const double order = image.number(registers.order);
    now.set_up = order >= 0 && order < static_cast<double>(orders.size());
    if (now.set_up) machine.order = now.order.index = static_cast<std::uint32_t>(order);
    if (const auto held = count_of(registers.holds_part, image))
      machine.held = static_cast<std::uint32_t>(std::min(*held, 65'535.0));
    now.holds_part = machine.held.value_or(0) > 0;
    now.parts_held = machine.held.value_or(0);
    machine.down_s = count_of(registers.down, image).value_or(0);
  }
  for (std::uint32_t m = 0; m < glance.machines.size(); ++m) {
    if (glance.machines[m].buffer || line.buffer_of(m) != m) continue;
    const auto parts = counted_behind(line, counted, m);
    if (!parts) continue;
    std::int64_t level = 0;
    for (const auto count : *parts) level += count;
    // One that hands over several parts counts them with the last.
    glance.machines[m].buffer = std::max<std::int64_t>(level, 0);
  }
  return glance;
}

}  // namespace foreline::core
