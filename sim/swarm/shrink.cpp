// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/shrink.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

namespace foreline::swarm {

using namespace line;

namespace {

template <class T>
void without_each(const Trial& trial, std::vector<T> Trial::*list, std::vector<Trial>& smaller) {
  for (std::size_t i = 0; i < (trial.*list).size(); ++i) {
    auto& less = smaller.emplace_back(trial);
    (less.*list).erase((less.*list).begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void with_line(const Trial& trial, std::vector<Trial>& smaller,
               const std::function<void(Line&)>& edit) {
  auto line = std::make_shared<Line>(*trial.line);
  edit(*line);
  if (*line == *trial.line) return;
  smaller.push_back(trial);
  smaller.back().line = std::move(line);
}

/// Orders are positions: whoever names one behind the one left out moves up.
Trial without_order(const Trial& trial, std::uint32_t order) {
  auto less = trial;
  auto orders = *trial.orders;
  orders.erase(orders.begin() + order);
  less.orders = std::make_shared<const std::vector<Order>>(std::move(orders));
  auto& sequence = less.schedule.sequence;
  sequence.erase(std::remove(sequence.begin(), sequence.end(), OrderId{order}), sequence.end());
  for (auto& id : sequence) id.index -= id.index > order ? 1 : 0;
  auto& services = less.schedule.services;
  services.erase(std::remove_if(services.begin(), services.end(),
                                [&](const Service& service) {
                                  return service.when == Service::When::before_order &&
                                         service.order.index == order;
                                }),
                 services.end());
  for (auto& service : services) service.order.index -= service.order.index > order ? 1 : 0;
  return less;
}

/// The line without its last machine, if nothing else names it.
void without_last_machine(const Trial& trial, std::vector<Trial>& smaller) {
  const auto last = static_cast<std::uint32_t>(trial.line->machines.size() - 1);
  if (last == 0) return;
  for (const auto& machine : trial.line->machines)
    if (machine.inspection.rework_to == last) return;
  auto names = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& entry) { return entry.machine.index == last; });
  };
  if (names(trial.faults) || names(trial.sensor_faults) || names(trial.schedule.services)) return;
  for (const auto& loss : trial.communication_losses)
    if (loss.machine && loss.machine->index == last) return;
  with_line(trial, smaller, [&](Line& line) {
    const bool unit = line.machines[last].unit_of.has_value();
    line.machines.pop_back();
    const auto takers = line.takers();
    for (std::uint32_t m = 0; m < last; ++m) {
      if (takers[line.buffer_of(m)] > 0 || unit) continue;
      line.machines[m].buffer_after = 0;
      line.machines[m].conveyor = {};
    }
  });
}

std::vector<Trial> steps_down(const Trial& trial) {
  std::vector<Trial> smaller;
  without_last_machine(trial, smaller);
  for (std::uint32_t o = 0; o < trial.orders->size() && trial.orders->size() > 1; ++o)
    smaller.push_back(without_order(trial, o));
  without_each(trial, &Trial::faults, smaller);
  without_each(trial, &Trial::sensor_faults, smaller);
  without_each(trial, &Trial::communication_losses, smaller);
  for (std::size_t s = 0; s < trial.schedule.services.size(); ++s) {
    auto& services = smaller.emplace_back(trial).schedule.services;
    services.erase(services.begin() + static_cast<std::ptrdiff_t>(s));
  }
  if (trial.random_faults) smaller.emplace_back(trial).random_faults = false;
  for (std::size_t o = 0; o < trial.orders->size(); ++o) {
    if ((*trial.orders)[o].quantity < 2) continue;
    auto orders = *trial.orders;
    orders[o].quantity /= 2;
    smaller.emplace_back(trial).orders = std::make_shared<const std::vector<Order>>(orders);
  }
  if (trial.horizon_s > 1200) {
    bool later = false;
    const double half_s = std::floor(trial.horizon_s / 2);
    for (const auto& fault : trial.faults) later = later || fault.at_s >= half_s;
    if (!later) smaller.emplace_back(trial).horizon_s = half_s;
  }
  for (std::size_t m = 0; m < trial.line->machines.size(); ++m) {
    auto with = [&](const std::function<void(Machine&)>& edit) {
      with_line(trial, smaller, [&](Line& line) {
        edit(line.machines[m]);
        // Units of one station stay equal.
        for (auto& unit : line.machines) {
          if (unit.unit_of != m) continue;
          const auto name = unit.name;
          unit = line.machines[m];
          unit.name = name;
          unit.unit_of = static_cast<std::uint32_t>(m);
        }
      });
    };
    if (trial.line->machines[m].unit_of) continue;
    for (std::size_t f = 0; f < trial.line->machines[m].faults.size(); ++f)
      with([&](Machine& machine) {
        machine.faults.erase(machine.faults.begin() + static_cast<std::ptrdiff_t>(f));
      });
    with([](Machine& machine) { machine.maintenance.clear(); });
    with([](Machine& machine) { machine.inspection = {}; });
    with([](Machine& machine) { machine.conveyor = {}; });
    with([](Machine& machine) {
      machine.transporter.reset();
      machine.carry_s = 0;
    });
    with([](Machine& machine) {
      machine.batch = 1;
      machine.batch_wait_s = 0;
    });
    with([](Machine& machine) { machine.gives = 1; });
    with([](Machine& machine) { machine.scrap_share = machine.defect_share = 0; });
    with([](Machine& machine) {
      for (auto& row : machine.changeover_s) std::fill(row.begin(), row.end(), 0.0);
    });
    with([](Machine& machine) {
      std::fill(machine.product_factor.begin(), machine.product_factor.end(), 1.0);
      machine.product_load.clear();
    });
    with([](Machine& machine) {
      machine.cycle =
          Distribution::constant(std::max(1.0, std::round(machine.cycle.expectation())));
    });
    with([](Machine& machine) { machine.calendar.reset(); });
    with([](Machine& machine) { machine.power = {}; });
  }
  with_line(trial, smaller, [](Line& line) { line.calendar.reset(); });
  with_line(trial, smaller, [](Line& line) { line.ambient_swing_k = 0; });
  return smaller;
}

}  // namespace

Trial shrunk(Trial trial, const Fails& fails, std::size_t tries) {
  bool again = true;
  while (again && tries > 0) {
    again = false;
    for (auto& candidate : steps_down(trial)) {
      if (tries-- == 0) return trial;
      if (!fails(candidate)) continue;
      trial = std::move(candidate);
      again = true;
      break;
    }
  }
  return trial;
}

}  // namespace foreline::swarm
