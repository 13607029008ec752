// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/random_day.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "sim/line/random.hpp"

namespace foreline::swarm {

using namespace line;

namespace {

class Dice {
 public:
  Dice(std::uint64_t seed, std::uint32_t stream) : stream_(seed, stream, Purpose::scenario) {}
  double share() { return stream_.uniform(index_++); }
  double between(double low, double high) { return low + (high - low) * share(); }
  double scale(double low, double high) { return low * std::pow(high / low, share()); }
  std::uint32_t below(std::size_t count) {
    return static_cast<std::uint32_t>(
        std::min(count - 1, static_cast<std::size_t>(share() * static_cast<double>(count))));
  }
  std::uint32_t whole(std::uint32_t low, std::uint32_t high) {
    return low + below(std::size_t{high} - low + 1);
  }
  bool chance(double probability) { return share() < probability; }

 private:
  RandomStream stream_;
  std::uint64_t index_ = 0;
};

/// Times of people's files: to a hundredth of a second.
double tidy(double seconds) {
  return std::max(0.01, std::round(seconds * 100) / 100);
}

Distribution random_time(double mean_s, Dice& dice) {
  using Kind = Distribution::Kind;
  mean_s = tidy(mean_s);
  switch (dice.below(8)) {
    case 0:
      return Distribution::constant(mean_s);
    case 1:
      return {Kind::exponential, mean_s, 0, 0, 0};
    case 2:
      return {Kind::normal, mean_s, tidy(0.1 * mean_s), 0, 0};
    case 3:
      return {Kind::lognormal, mean_s, tidy(0.3 * mean_s), 0, 0};
    case 4:
      return {Kind::weibull, mean_s, 2, 0, 0};
    case 5:
      return {Kind::triangular, mean_s, 0, tidy(0.5 * mean_s), tidy(2 * mean_s)};
    case 6:
      return {Kind::gamma, mean_s, tidy(0.5 * mean_s), 0, 0};
    default:
      return Distribution::of_measured({mean_s, tidy(0.8 * mean_s), tidy(1.3 * mean_s)});
  }
}

FaultMode random_mode(FaultKind kind, const Line& line, Dice& dice) {
  FaultMode mode;
  mode.kind = kind;
  mode.onset = random_time(dice.scale(1800, 80'000), dice);
  if (gives_warning(kind)) mode.progress = random_time(dice.scale(60, 20'000), dice);
  mode.repair = random_time(dice.scale(30, 4000), dice);
  if (dice.chance(0.15)) {
    mode.clock = FaultMode::Clock::calendar;
  } else {
    if (dice.chance(0.3)) mode.load_exponent = 3;
    if (dice.chance(0.3)) mode.doubling_k = 10;
  }
  if (dice.chance(0.2)) mode.accelerates.push_back({all_fault_kinds[dice.below(16)], 4});
  if (!line.crew_groups.empty() && dice.chance(0.4)) {
    const auto& skills = line.crew_groups[dice.below(line.crew_groups.size())].skills;
    if (!skills.empty()) mode.skill = skills[dice.below(skills.size())];
  }
  if (!line.spares.empty() && dice.chance(0.3)) mode.spare = dice.below(line.spares.size());
  return mode;
}

Calendar random_calendar(Dice& dice) {
  Calendar calendar;
  calendar.name = "shifts";
  calendar.start_s = 3600 * dice.below(7 * 24);
  for (int day = 0; day < 7; ++day) {
    const double from_s = day * 86'400 + 3600 * dice.whole(5, 8);
    const double length_s = 3600 * dice.whole(6, 15);
    calendar.open.push_back({from_s, from_s + length_s / 2});
    calendar.open.push_back({from_s + length_s / 2 + 900, from_s + length_s});
  }
  if (dice.chance(0.2)) calendar.closed.push_back({7200, 7200 + 3600.0 * dice.whole(1, 5)});
  return calendar;
}

Machine random_machine(std::uint32_t number, const Line& line, Dice& dice) {
  const auto products = line.products.size();
  Machine machine;
  machine.name = fmt::format("m{}", number);
  machine.cycle = random_time(dice.scale(2, 60), dice);
  machine.product_factor.assign(products, 1.0);
  machine.changeover_s.assign(products, std::vector<double>(products, 0));
  const double changeover_s = dice.chance(0.5) ? tidy(dice.scale(10, 900)) : 0;
  for (std::size_t p = 0; p < products; ++p) {
    if (dice.chance(0.3)) machine.product_factor[p] = tidy(dice.between(0.7, 1.4));
    for (std::size_t q = 0; q < products; ++q)
      machine.changeover_s[p][q] = p == q ? 0 : changeover_s;
  }
  if (dice.chance(0.4)) machine.scrap_share = 0.03;
  if (dice.chance(0.3)) machine.defect_share = 0.05;
  machine.service = random_time(dice.scale(60, 2000), dice);
  if (dice.chance(0.8)) machine.buffer_after = dice.whole(0, 12);
  if (dice.chance(0.15)) {
    machine.batch = dice.whole(2, 6);
    machine.batch_wait_s = dice.chance(0.5) ? 120 : 0;
  }
  if (machine.buffer_after > 0 && dice.chance(0.2)) {
    machine.conveyor.travel_s = tidy(dice.scale(5, 120));
    machine.conveyor.spacing_s = dice.chance(0.5) ? 2 : 0;
    machine.conveyor.accumulating = dice.chance(0.6);
  }
  if (!line.transporters.empty() && dice.chance(0.3)) {
    machine.transporter = dice.below(line.transporters.size());
    machine.carry_s = tidy(dice.scale(1, 40));
  }
  machine.priority = static_cast<std::int32_t>(dice.below(3));
  if (dice.chance(0.3)) machine.service_quality = 0.7;
  if (dice.chance(0.4)) machine.power = {8, 2, 3, 1, 0.2};
  if (dice.chance(0.4))
    for (std::size_t p = 0; p < products; ++p)
      machine.product_load.push_back(dice.chance(0.5) ? 1 : 1.4);
  const auto kinds = dice.below(4);
  for (std::uint32_t i = 0; i < kinds; ++i) {
    const auto kind = all_fault_kinds[dice.below(all_fault_kinds.size())];
    if (!machine.can_have(kind)) machine.faults.push_back(random_mode(kind, line, dice));
  }
  if (!machine.faults.empty() && gives_warning(machine.faults.front().kind) && dice.chance(0.3))
    machine.maintenance.push_back(
        {Maintenance::Rule::condition, 1800, machine.faults.front().kind, 0.3});
  if (dice.chance(0.2))
    machine.maintenance.push_back(
        {Maintenance::Rule::age, tidy(dice.scale(3000, 40'000)), {}, 0.5});
  if (dice.chance(0.1))
    machine.maintenance.push_back({Maintenance::Rule::calendar, 14'400, {}, 0.5});
  for (std::uint32_t s = dice.below(3); s > 0; --s) {
    Signal signal;
    signal.name = fmt::format("s{}", s);
    signal.kind = static_cast<SignalKind>(dice.below(signal_kind_count));
    signal.unit = std::string(1, 'x');
    signal.normal = 10;
    signal.idle = 1;
    signal.noise = 0.2;
    signal.high = 100;
    machine.signals.push_back(signal);
  }
  return machine;
}

/// Puts a second, equal machine beside `first`, as a file's units = 2 does.
void add_unit(Line& line, std::uint32_t first) {
  auto behind = [first](std::uint32_t& m) { m += m > first ? 1 : 0; };
  for (auto& machine : line.machines) {
    for (auto& input : *machine.after) behind(input);
    if (machine.inspection.rework_to) behind(*machine.inspection.rework_to);
  }
  auto unit = line.machines[first];
  unit.name += "-2";
  unit.unit_of = first;
  line.machines[first].name += "-1";
  line.machines.insert(line.machines.begin() + first + 1, unit);
}

/// Turns the series into a graph: a component beside, further units, a split, rework.
void bend(Line& line, Dice& dice) {
  const auto count = static_cast<std::uint32_t>(line.machines.size());
  for (std::uint32_t m = 0; m < count; ++m)
    line.machines[m].after =
        m == 0 ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>{m - 1};
  std::optional<std::uint32_t> assembly;
  if (count >= 3 && dice.chance(0.4)) {
    // The machine before the assembly becomes a source of its own.
    assembly = dice.whole(2, count - 1);
    auto& component = line.machines[*assembly - 1];
    component.after = std::vector<std::uint32_t>{};
    auto& joins = line.machines[*assembly];
    joins.after = std::vector<std::uint32_t>{*assembly - 2, *assembly - 1};
    joins.takes = {1, dice.whole(1, 3)};
    joins.batch = 1;
    joins.batch_wait_s = 0;
  }
  const auto first_free = assembly ? *assembly + 1 : 1;
  if (first_free < count && dice.chance(0.25)) {
    line.machines[dice.whole(first_free, count - 1)].gives = dice.whole(2, 3);
  }
  if (dice.chance(0.5)) {
    auto& inspector = line.machines[dice.whole(1, count - 1)];
    const auto number = static_cast<std::uint32_t>(&inspector - line.machines.data());
    inspector.inspection = {0.9, 0.01, 0.7, 2, dice.below(number)};
    const auto& takes = line.machines[*inspector.inspection.rework_to].takes;
    // A part comes back alone: it fits no set.
    if (!takes.empty() ||
        (assembly && *inspector.inspection.rework_to < *assembly && number >= *assembly))
      inspector.inspection.rework_to = number > 0 ? number - 1 : 0;
    if (assembly && (*inspector.inspection.rework_to == *assembly || number == *assembly))
      inspector.inspection.rework_to.reset();
    // The component has no machine before it.
    if (assembly && number == *assembly - 1) inspector.inspection.rework_to = number;
    if (const auto& to = inspector.inspection.rework_to;
        to && std::any_of(line.machines.begin() + *to, line.machines.begin() + number,
                          [](const Machine& machine) { return machine.gives > 1; }))
      inspector.inspection.rework_to = number;
    if (!inspector.inspection.rework_to) inspector.inspection.rework_share = 0;
  }
  if (dice.chance(0.5)) {
    const auto first = dice.below(count);
    if (line.machines[first].takes.empty()) add_unit(line, first);
  }
}

}  // namespace

Line random_line(std::uint64_t seed) {
  Dice dice(seed, 1);
  Line line;
  line.name = fmt::format("random {}", seed);
  for (std::uint32_t p = dice.whole(1, 3); p > 0; --p)
    line.products.push_back(fmt::format("p{}", p));
  line.sample_period_s = 60;
  line.ambient_swing_k = dice.chance(0.5) ? 6 : 0;
  if (dice.chance(0.4)) {
    line.calendars.push_back(random_calendar(dice));
    if (dice.chance(0.5)) line.calendar = 0;
  }
  if (dice.chance(0.4)) {
    line.crew_groups.push_back({"fitters", dice.whole(1, 2), {"mechanical"}, {}});
    line.crew_groups.push_back({"electrician", 1, {"electrical"}, {}});
    if (!line.calendars.empty() && dice.chance(0.5)) line.crew_groups[1].calendar = 0;
    line.crews = line.crew_groups[0].count + 1;
  } else {
    line.crews = dice.whole(1, 3);
  }
  if (dice.chance(0.3)) line.transporters.push_back({"truck", dice.whole(1, 2)});
  if (dice.chance(0.3))
    line.spares.push_back(
        {"spindle", dice.whole(1, 2), dice.below(2), 1, random_time(20'000, dice)});
  const auto machines = dice.whole(2, 6);
  for (std::uint32_t m = 0; m < machines; ++m)
    line.machines.push_back(random_machine(m, line, dice));
  for (auto& machine : line.machines)
    if (!line.calendars.empty() && dice.chance(0.2)) machine.calendar = 0;
  if (dice.chance(0.6)) bend(line, dice);
  // Who takes several parts at once must have so many within reach.
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto inputs = line.inputs_of(m);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto set = i < line.machines[m].takes.size() ? line.machines[m].takes[i] : 1;
      for (std::uint32_t unit = inputs[i]; unit < line.machines.size(); ++unit) {
        auto& before = line.machines[unit];
        if (line.buffer_of(unit) != inputs[i]) continue;
        if (before.buffer_after > 0) before.buffer_after = std::max(before.buffer_after, set);
        before.conveyor.accumulating =
            before.conveyor.accumulating || set > 1 || line.machines[m].batch > 1;
      }
    }
  }
  // Behind a machine from which nobody takes there is no buffer, so no belt either.
  const auto takers = line.takers();
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    if (takers[line.buffer_of(m)] > 0) continue;
    line.machines[m].buffer_after = 0;
    line.machines[m].conveyor = {};
  }
  return line;
}

Trial random_day(std::uint64_t seed) {
  Dice dice(seed, 2);
  Trial trial;
  trial.line = std::make_shared<const Line>(random_line(seed));
  const auto& line = *trial.line;
  trial.seed = seed;
  trial.horizon_s = 3600 * dice.whole(4, 48);
  std::vector<Order> orders;
  for (std::uint32_t o = dice.whole(1, 6); o > 0; --o) {
    Order order;
    order.id = fmt::format("o{}", o);
    order.product = {dice.below(line.products.size())};
    order.quantity = dice.whole(1, 400);
    if (dice.chance(0.3)) order.release_s = 600 * dice.below(40);
    if (dice.chance(0.6)) order.due_s = order.release_s + 3600 * dice.whole(1, 20);
    orders.push_back(order);
  }
  for (std::uint32_t i = 0; i < orders.size(); ++i) trial.schedule.sequence.push_back({i});
  for (std::uint32_t s = dice.below(3); s > 0; --s) {
    Service service;
    service.machine = {dice.below(line.machines.size())};
    service.at_s = 600 * dice.below(60);
    if (dice.chance(0.4)) {
      service.when = Service::When::before_order;
      service.at_s = 0;
      service.order = {dice.below(orders.size())};
    }
    trial.schedule.services.push_back(service);
  }
  trial.orders = std::make_shared<const std::vector<Order>>(std::move(orders));
  for (std::uint32_t f = dice.below(4); f > 0; --f) {
    ScriptedFault fault;
    fault.id = fmt::format("f{}", f);
    fault.machine = {dice.below(line.machines.size())};
    fault.kind = all_fault_kinds[dice.below(all_fault_kinds.size())];
    fault.at_s = std::round(dice.share() * trial.horizon_s);
    fault.fails_after_s = gives_warning(fault.kind) ? tidy(dice.scale(60, 9000)) : 0;
    fault.repair_s = tidy(dice.scale(60, 3000));
    trial.faults.push_back(fault);
  }
  for (std::uint32_t s = dice.below(3); s > 0; --s) {
    const MachineId machine{dice.below(line.machines.size())};
    const auto& signals = line.at(machine).signals;
    if (signals.empty()) continue;
    SensorFault lie;
    lie.id = fmt::format("s{}", s);
    lie.machine = machine;
    lie.signal = signals[dice.below(signals.size())].name;
    lie.kind = static_cast<SensorFaultKind>(dice.below(8));
    lie.from_s = std::round(dice.share() * trial.horizon_s);
    lie.until_s = lie.from_s + 3600;
    lie.magnitude = 2;
    trial.sensor_faults.push_back(lie);
  }
  if (dice.chance(0.3)) {
    const double from_s = std::round(dice.share() * trial.horizon_s);
    trial.communication_losses.push_back(
        {"wire", from_s, from_s + 1800, dice.chance(0.5) ? 1 : 0.5, 0, {}});
  }
  if (dice.chance(0.3)) {
    auto waiting = *trial.orders;
    for (std::uint32_t o = 1; o < waiting.size(); ++o)
      if (dice.chance(0.5)) waiting[o].after = {{dice.below(o)}};
    trial.orders = std::make_shared<const std::vector<Order>>(std::move(waiting));
  }
  trial.event_limit = 5'000'000;
  return trial;
}

}  // namespace foreline::swarm
