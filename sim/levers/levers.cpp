// SPDX-License-Identifier: Apache-2.0
#include "sim/levers/levers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace foreline::levers {

using namespace line;

namespace {

constexpr double cycle_factor = 0.9;
constexpr double repair_factor = 0.8;
constexpr double changeover_factor = 0.8;

bool changes_over(const Machine& machine) {
  for (const auto& row : machine.changeover_s)
    if (std::any_of(row.begin(), row.end(), [](double s) { return s > 0; })) return true;
  return false;
}

Distribution shorter(Distribution time, double factor) {
  time.mean *= factor;
  if (time.kind != Distribution::Kind::weibull) time.spread *= factor;  // else it is the shape
  time.low *= factor;
  time.high *= factor;
  for (auto& value : time.measured) value *= factor;
  return time;
}

/// The machines that draw from the buffer of each.
std::vector<std::vector<std::uint32_t>> followers_of(const Line& line) {
  std::vector<std::vector<std::uint32_t>> after(line.machines.size());
  for (std::uint32_t m = 0; m < line.machines.size(); ++m)
    for (const auto input : line.inputs_of(m)) after[input].push_back(m);
  return after;
}

/// Time that the lever saves of itself, as a share of the simulated time.
double saved(const Lever& lever, const Line& line, std::span<const MachineUse> use,
             const std::vector<std::vector<std::uint32_t>>& followers) {
  const auto m = lever.machine.index;
  switch (lever.what) {
    case What::cycle:
      return (1 - cycle_factor) * use[m].working;
    case What::repair:
      return (1 - repair_factor) * use[m].down;
    case What::changeover:
      return (1 - changeover_factor) * use[m].changeover;
    case What::buffer: {
      // A place helps where both of its sides wait for each other, the less the more there are.
      double starved = 0;
      for (const auto next : followers[line.buffer_of(m)])
        starved = std::max(starved, use[next].starved);
      return std::min(use[m].blocked, starved) /
             (2.0 + line.machines[line.buffer_of(m)].buffer_after);
    }
    case What::service:
      return use[m].down / 2;
  }
  return 0;
}

template <class Value>
double mean_of(const std::vector<std::uint32_t>& machines, const Value& value) {
  if (machines.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const auto m : machines) sum += value(m);
  return sum / static_cast<double>(machines.size());
}

}  // namespace

std::string_view name_of(What what) {
  constexpr std::string_view names[what_count] = {"cycle", "repair", "changeover", "buffer",
                                                  "service"};
  return names[static_cast<std::size_t>(what)];
}

std::string text_of(const Lever& lever, const Line& line) {
  constexpr std::string_view texts[what_count] = {"10 % less cycle time", "20 % less repair time",
                                                  "20 % less changeover time",
                                                  "one more place behind it", "a service now"};
  return fmt::format("{}: {}", line.at(lever.machine).name,
                     texts[static_cast<std::size_t>(lever.what)]);
}

std::vector<Lever> levers_of(const Line& line) {
  std::vector<Lever> all;
  const auto takers = line.takers();
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto& machine = line.machines[m];
    all.push_back({What::cycle, {m}});
    if (!machine.faults.empty()) all.push_back({What::repair, {m}});
    if (changes_over(machine)) all.push_back({What::changeover, {m}});
    if (line.buffer_of(m) == m && takers[m] > 0) all.push_back({What::buffer, {m}});
    if (!machine.faults.empty()) all.push_back({What::service, {m}});
  }
  return all;
}

Trial pulled(const Trial& trial, const Lever& lever) {
  Trial other = trial;
  if (lever.what == What::service) {
    Service service;
    service.machine = lever.machine;
    service.at_s = trial.from ? trial.from->at_s : 0;
    other.schedule.services.push_back(service);
    return other;
  }
  auto line = *trial.line;
  auto& machine = line.machines[lever.machine.index];
  if (lever.what == What::cycle)
    for (auto& factor : machine.product_factor) factor *= cycle_factor;
  if (lever.what == What::repair)
    for (auto& mode : machine.faults) mode.repair = shorter(mode.repair, repair_factor);
  if (lever.what == What::changeover)
    for (auto& row : machine.changeover_s)
      for (auto& s : row) s *= changeover_factor;
  if (lever.what == What::buffer) ++machine.buffer_after;
  other.line = std::make_shared<const Line>(std::move(line));
  return other;
}

std::vector<MachineUse> use_of(const Trial& trial, std::span<const Outcome> outcomes) {
  const auto count = trial.line->machines.size();
  std::vector<MachineUse> use(count);
  std::vector<double> stretches(count, 0);
  const double began = trial.from ? trial.from->at_s : 0;
  double total = 0;
  for (const auto& outcome : outcomes) {
    total += outcome.end_s - began;
    for (std::size_t m = 0; m < count; ++m) {
      const auto& now = outcome.machines[m];
      auto& sum = use[m];
      sum.working += now.state_s[static_cast<std::size_t>(PackmlState::execute)];
      sum.changeover += now.changeover_s;
      sum.down += now.down_s;
      sum.serviced += now.service_s;
      sum.starved += now.starved_s;
      sum.blocked += now.blocked_s;
      sum.off_shift += now.off_shift_s;
      sum.breakdowns_h += 3600.0 * now.breakdowns;
      const double parts = now.good + now.scrap;
      stretches[m] += 1 + now.waits;
      sum.scrap += parts > 0 ? now.scrap / parts * (outcome.end_s - began) : 0;
    }
  }
  if (total <= 0) return use;
  for (std::size_t m = 0; m < count; ++m) {
    auto& u = use[m];
    for (auto* share : {&u.working, &u.changeover, &u.down, &u.serviced, &u.starved, &u.blocked,
                        &u.off_shift, &u.breakdowns_h, &u.scrap})
      *share /= total;
    u.idle = std::max(0.0, 1 - u.active() - u.starved - u.blocked - u.off_shift);
    u.active_period_s = u.active() * total / stretches[m];
  }
  return use;
}

std::vector<Waste> waste_of(std::span<const MachineUse> use) {
  std::vector<Waste> all = {{"starved", 0},     {"blocked", 0},  {"breakdowns", 0},
                            {"changeovers", 0}, {"services", 0}, {"off shift", 0},
                            {"scrap", 0}};
  for (const auto& u : use) {
    const double shares[] = {u.starved,   u.blocked,          u.down, u.changeover, u.serviced,
                             u.off_shift, u.scrap * u.working};
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i].share += shares[i] / static_cast<double>(use.size());
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Waste& a, const Waste& b) { return a.share > b.share; });
  return all;
}

std::vector<double> pace_by(Method method, std::span<const MachineUse> use) {
  std::vector<double> pace;
  for (const auto& u : use)
    pace.push_back(method == Method::utilisation ? u.active() : u.active_period_s);
  const double top = std::max(1e-9, *std::max_element(pace.begin(), pace.end()));
  for (auto& p : pace) p /= top;
  return pace;
}

MachineId bottleneck_by(Method method, std::span<const MachineUse> use) {
  const auto pace = pace_by(method, use);
  return {static_cast<std::uint32_t>(std::max_element(pace.begin(), pace.end()) - pace.begin())};
}

std::vector<double> scores_by(Method method, std::span<const Lever> levers, const Line& line,
                              std::span<const MachineUse> use) {
  const auto followers = followers_of(line);
  const auto pace = pace_by(method, use);
  const double power = method == Method::utilisation ? 4 : 2;  // periods spread wider
  std::vector<double> scores;
  for (const auto& lever : levers)
    scores.push_back(saved(lever, line, use, followers) *
                     std::pow(pace[lever.machine.index], power));
  return scores;
}

const std::vector<std::string>& status_names() {
  static const std::vector<std::string> names = {"lever",
                                                 "saved",
                                                 "saved rank",
                                                 "working",
                                                 "changeover",
                                                 "down",
                                                 "starved",
                                                 "blocked",
                                                 "active",
                                                 "active rank",
                                                 "active to top",
                                                 "period to top",
                                                 "period rank",
                                                 "breakdowns",
                                                 "scrap",
                                                 "upstream block",
                                                 "downstream starve",
                                                 "upstream active",
                                                 "downstream active",
                                                 "buffer before",
                                                 "buffer behind",
                                                 "place",
                                                 "machines",
                                                 "units",
                                                 "top active",
                                                 "turn"};
  return names;
}

std::vector<float> status_of(const Lever& lever, const Line& line,
                             std::span<const MachineUse> use) {
  const auto followers = followers_of(line);
  const auto m = lever.machine.index;
  const auto& u = use[m];
  const auto count = line.machines.size();
  const auto inputs = line.inputs_of(m);
  const auto& next = followers[line.buffer_of(m)];
  const auto rank = [&](const auto& value) {
    double above = 0;
    for (std::size_t other = 0; other < count; ++other) above += value(other) > value(m) ? 1 : 0;
    return above;
  };
  const auto save = [&](std::size_t other) {
    return saved({lever.what, {static_cast<std::uint32_t>(other)}}, line, use, followers);
  };
  const auto active = [&](std::size_t other) { return use[other].active(); };
  const auto period = [&](std::size_t other) { return use[other].active_period_s; };
  const double top = active(bottleneck_by(Method::utilisation, use).index);
  const double longest = period(bottleneck_by(Method::active_period, use).index);
  double units = 0;
  for (std::uint32_t other = 0; other < count; ++other)
    units += line.buffer_of(other) == line.buffer_of(m) ? 1 : 0;
  // Where waiting turns from blocked (before a bottleneck) to starved (behind it).
  const double blocked_before = mean_of(inputs, [&](auto i) { return use[i].blocked; });
  const double starved_behind = mean_of(next, [&](auto i) { return use[i].starved; });
  const double turn = (std::isnan(blocked_before) ? 0 : blocked_before) +
                      (std::isnan(starved_behind) ? 0 : starved_behind) - u.starved - u.blocked;
  const double values[] = {
      static_cast<double>(lever.what),
      save(m),
      rank(save),
      u.working,
      u.changeover,
      u.down,
      u.starved,
      u.blocked,
      u.active(),
      rank(active),
      u.active() / std::max(1e-9, top),
      u.active_period_s / std::max(1e-9, longest),
      rank(period),
      u.breakdowns_h,
      u.scrap,
      blocked_before,
      starved_behind,
      mean_of(inputs, [&](auto i) { return use[i].active(); }),
      mean_of(next, [&](auto i) { return use[i].active(); }),
      mean_of(inputs, [&](auto i) { return line.machines[line.buffer_of(i)].buffer_after; }),
      next.empty() ? std::numeric_limits<double>::quiet_NaN()
                   : line.machines[line.buffer_of(m)].buffer_after,
      static_cast<double>(m) / std::max<double>(1, static_cast<double>(count) - 1),
      static_cast<double>(count),
      units,
      top,
      turn,
  };
  return {std::begin(values), std::end(values)};
}

}  // namespace foreline::levers
