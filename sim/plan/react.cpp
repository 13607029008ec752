// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/react.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace foreline::plan {

using namespace line;

namespace {

constexpr std::size_t affected_most = 8;  ///< Orders that affected_operations() tries to move.
constexpr std::size_t places_most = 64;   ///< That it tries for each.

/// Machines that share one buffer behind them.
struct Station {
  std::vector<std::uint32_t> units;
  double free_s = 0;
  std::optional<ProductId> set_up;
};

/// Seconds a part, all units that make the product working; 0 when none does.
double pace_of(const Line& line, const Station& station, ProductId product) {
  double parts_a_second = 0;
  for (const auto m : station.units) {
    const auto& machine = line.machines[m];
    if (!machine.makes.empty() && machine.makes[product.index] == 0) continue;
    const double part_s = machine.cycle.expectation() * machine.product_factor[product.index];
    parts_a_second += machine.batch / std::max(1e-9, part_s);
  }
  return parts_a_second > 0 ? 1 / parts_a_second : 0;
}

std::vector<Station> stations_of(const Request& request) {
  const auto& line = *request.line;
  std::vector<Station> by_machine(line.machines.size());
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    auto& station = by_machine[line.buffer_of(m)];
    const auto& now = request.now.machines.at(m);
    const double free_s = request.now.at_s + now.down_remaining_s;
    station.free_s = station.units.empty() ? free_s : std::min(station.free_s, free_s);
    if (now.set_up) station.set_up = (*request.orders)[now.order.index].product;
    station.units.push_back(m);
  }
  std::vector<Station> stations;
  for (auto& station : by_machine)
    if (!station.units.empty()) stations.push_back(std::move(station));
  return stations;
}

double lateness_cost(const Request& request, const Schedule& schedule) {
  const auto projection = projected(request, schedule);
  double sum = 0;
  for (std::size_t o = 0; o < request.orders->size(); ++o) {
    const auto& order = (*request.orders)[o];
    sum += order.weight * std::max(0.0, projection.finished_s[o] - order.due_s);
  }
  return sum;
}

/// Place of each order of the book in a sequence; its length where it is not in it.
std::vector<std::size_t> places_of(const std::vector<OrderId>& sequence) {
  std::size_t book = sequence.size();
  for (const auto order : sequence)
    book = std::max<std::size_t>(book, order.index + std::size_t{1});
  std::vector<std::size_t> places(book, sequence.size());
  for (std::size_t i = 0; i < sequence.size(); ++i) places[sequence[i].index] = i;
  return places;
}

bool same_orders(const Schedule& before, const Schedule& after) {
  if (before.sequence.size() != after.sequence.size()) return false;
  std::vector<std::int32_t> left;
  for (const auto order : before.sequence) {
    if (left.size() <= order.index) left.resize(order.index + std::size_t{1});
    ++left[order.index];
  }
  return std::all_of(after.sequence.begin(), after.sequence.end(), [&](OrderId order) {
    return order.index < left.size() && left[order.index]-- > 0;
  });
}

/// Places of `after`, from `frozen` on, whose orders must be taken out: all but a longest
/// increasing subsequence of the old places.
std::vector<std::size_t> moved_places(const Schedule& before, const Schedule& after,
                                      std::size_t frozen) {
  const auto old = places_of(before.sequence);
  const auto n = after.sequence.size();
  std::vector<std::size_t> ends;  // place in `after` of the last of each length
  std::vector<std::size_t> previous(n, n);
  const auto was = [&](std::size_t i) { return old[after.sequence[i].index]; };
  for (std::size_t i = frozen; i < n; ++i) {
    const auto spot = std::lower_bound(ends.begin(), ends.end(), was(i),
                                       [&](std::size_t e, std::size_t w) { return was(e) < w; });
    if (spot != ends.begin()) previous[i] = *(spot - 1);
    if (spot == ends.end())
      ends.push_back(i);
    else
      *spot = i;
  }
  std::vector<bool> stays(n, false);
  for (auto i = ends.empty() ? n : ends.back(); i < n; i = previous[i]) stays[i] = true;
  std::vector<std::size_t> moved;
  for (std::size_t i = frozen; i < n; ++i)
    if (!stays[i]) moved.push_back(i);
  return moved;
}

}  // namespace

std::size_t frozen_of(const Request& request) {
  return std::min(request.active.sequence.size(),
                  std::max(request.fence, request.now.frozen_prefix(request.active)));
}

Projection projected(const Request& request, const Schedule& schedule) {
  const auto& orders = *request.orders;
  Projection projection{std::vector<double>(orders.size(), -1),
                        std::vector<double>(orders.size(), -1)};
  auto stations = stations_of(request);
  for (const auto id : schedule.sequence) {
    const auto& order = orders[id.index];
    double arrives_s = std::max(request.now.at_s, order.release_s);
    for (const auto other : order.after)
      arrives_s = std::max(arrives_s, projection.finished_s[other.index]);
    double last_s = arrives_s;
    Station* before = nullptr;
    for (auto& station : stations) {
      double left = order.quantity;
      for (const auto m : station.units) {
        const auto& progress = request.now.machines[m].progress[id.index];
        left -= progress.good + progress.scrap;
      }
      const double part_s = pace_of(*request.line, station, order.product);
      if (left <= 0 || part_s <= 0) continue;
      const double changeover_s =
          station.set_up ? request.line->machines[station.units.front()]
                               .changeover_s[station.set_up->index][order.product.index]
                         : 0;
      const double start_s = std::max(station.free_s, arrives_s) + changeover_s;
      if (projection.started_s[id.index] < 0) projection.started_s[id.index] = start_s;
      // Parts that find no place keep the station before until the buffer has room for the last.
      if (before != nullptr) {
        const double places = request.line->machines[before->units.front()].buffer_after + 1.0;
        before->free_s = std::max(before->free_s, start_s + std::max(0.0, left - places) * part_s);
      }
      before = &station;
      last_s = std::max(start_s + left * part_s, last_s + part_s);
      arrives_s = start_s + part_s;
      station.free_s = last_s;
      station.set_up = order.product;
      projection.finished_s[id.index] = last_s;
    }
  }
  return projection;
}

std::size_t fence_of(const Request& request, double freeze_s) {
  const auto& sequence = request.active.sequence;
  std::size_t fence = request.now.frozen_prefix(request.active);
  const auto projection = projected(request, request.active);
  while (freeze_s > 0 && fence < sequence.size() &&
         projection.started_s[sequence[fence].index] < request.now.at_s + freeze_s)
    ++fence;
  return fence;
}

double makespan_from(const Request& request) {
  const auto finished_s = projected(request, request.active).finished_s;
  const auto last = std::max_element(finished_s.begin(), finished_s.end());
  const double until_s = request.now.at_s + request.horizon_s;
  return request.now.at_s + (last == finished_s.end() ? 0 : std::max(0.0, *last - until_s));
}

std::vector<OrderId> affected_orders(const Request& request) {
  const auto projection = projected(request, request.active);
  const auto& sequence = request.active.sequence;
  std::vector<std::pair<double, OrderId>> late;
  for (std::size_t i = frozen_of(request); i < sequence.size(); ++i) {
    const auto& order = (*request.orders)[sequence[i].index];
    const double lateness_s = projection.finished_s[sequence[i].index] - order.due_s;
    if (lateness_s > 0) late.emplace_back(order.weight * lateness_s, sequence[i]);
  }
  std::stable_sort(late.begin(), late.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<OrderId> orders;
  for (const auto& one : late) orders.push_back(one.second);
  return orders;
}

std::optional<Candidate> affected_operations(const Request& request) {
  const auto frozen = frozen_of(request);
  const Nervousness largest{request.largest_moved_share, request.largest_shift};
  Schedule best = request.active;
  double cost = lateness_cost(request, best);
  std::string names;
  auto affected = affected_orders(request);
  affected.resize(std::min(affected.size(), affected_most));
  for (const auto order : affected) {
    const auto from = static_cast<std::size_t>(
        std::find(best.sequence.begin(), best.sequence.end(), order) - best.sequence.begin());
    const std::size_t step = 1 + (from - frozen) / places_most;
    Schedule improved = best;
    for (std::size_t to = frozen; to < from; to += step) {
      Schedule next = best;
      const auto begin = next.sequence.begin();
      std::rotate(begin + static_cast<std::ptrdiff_t>(to),
                  begin + static_cast<std::ptrdiff_t>(from),
                  begin + static_cast<std::ptrdiff_t>(from) + 1);
      const double next_cost = lateness_cost(request, next);
      if (next_cost >= cost || with_precedence(next.sequence, *request.orders) != next.sequence)
        continue;
      const auto unrest = nervousness_of(request.active, next, frozen);
      if (unrest.moved_share > largest.moved_share ||
          unrest.weighted_shift > largest.weighted_shift)
        continue;
      cost = next_cost;
      improved = std::move(next);
    }
    if (improved == best) continue;
    best = std::move(improved);
    names += (names.empty() ? "" : ", ") + (*request.orders)[order.index].id;
  }
  if (best == request.active) return std::nullopt;
  return Candidate{"affected orders",
                   fmt::format("{} would be late by mean times and come earlier; the others keep "
                               "their sequence",
                               names),
                   std::move(best)};
}

double moved_share(const Schedule& before, const Schedule& after, std::size_t frozen) {
  if (!same_orders(before, after)) return 1;
  const auto open = before.sequence.size() - std::min(frozen, before.sequence.size());
  if (open == 0) return 0;
  return static_cast<double>(moved_places(before, after, frozen).size()) /
         static_cast<double>(open);
}

Nervousness nervousness_of(const Schedule& before, const Schedule& after, std::size_t frozen) {
  Nervousness unrest{moved_share(before, after, frozen), 0};
  if (!same_orders(before, after)) return {1, 1};
  const auto places = places_of(after.sequence);
  const auto n = before.sequence.size();
  double shifted = 0;
  double most = 0;
  for (std::size_t i = frozen; i < n; ++i) {
    const double weight = 1.0 / static_cast<double>(1 + i - frozen);
    const auto to = places[before.sequence[i].index];
    shifted += weight * static_cast<double>(to > i ? to - i : i - to);
    most += weight * static_cast<double>(std::max(i - frozen, n - 1 - i));
  }
  unrest.weighted_shift = most > 0 ? std::min(1.0, shifted / most) : 0;
  return unrest;
}

Schedule bounded(const Schedule& before, const Schedule& after, std::size_t frozen,
                 const Nervousness& largest) {
  const auto within = [&](const Schedule& schedule) {
    const auto unrest = nervousness_of(before, schedule, frozen);
    return unrest.moved_share <= largest.moved_share &&
           unrest.weighted_shift <= largest.weighted_shift;
  };
  if (!same_orders(before, after) || within(after)) return after;
  const auto moved = moved_places(before, after, frozen);
  const auto with_first = [&](std::size_t count) {
    Schedule schedule = after;
    std::vector<bool> taken(places_of(before.sequence).size(), false);
    for (std::size_t i = 0; i < count; ++i) taken[after.sequence[moved[i]].index] = true;
    auto& sequence = schedule.sequence = before.sequence;
    sequence.erase(std::remove_if(sequence.begin(), sequence.end(),
                                  [&](OrderId order) { return taken[order.index]; }),
                   sequence.end());
    for (std::size_t i = 0; i < count; ++i)
      sequence.insert(sequence.begin() + static_cast<std::ptrdiff_t>(moved[i]),
                      after.sequence[moved[i]]);
    return schedule;
  };
  // As many as fit; unrest grows with them as a rule, and none is always within.
  std::size_t low = 0;
  std::size_t high = moved.size();
  while (low < high) {
    const auto middle = low + (high - low + 1) / 2;
    if (within(with_first(middle)))
      low = middle;
    else
      high = middle - 1;
  }
  return with_first(low);
}

double cost_loss_threshold(const Machine& machine, FaultKind kind, const Objective& objective) {
  const auto mode = std::find_if(machine.faults.begin(), machine.faults.end(),
                                 [&](const FaultMode& m) { return m.kind == kind; });
  if (mode == machine.faults.end()) return 1;
  const double service_s = machine.service.expectation();
  const double repair_s = mode->repair.expectation();
  const double loss = objective.downtime_s * repair_s + objective.breakdown;
  if (loss > 0)
    return std::clamp((objective.service_s * service_s + objective.service) / loss, 0.0, 1.0);
  return repair_s > 0 ? std::clamp(service_s / repair_s, 0.0, 1.0) : 1;
}

std::vector<std::string> Reacting::step(const Line& line, const std::vector<Order>& orders,
                                        const LineNow& now, const std::vector<Stop>& open) {
  std::vector<std::string> reasons;
  const auto same = [](const Stop& a) {
    return [&a](const Stop& b) { return a.machine == b.machine && a.from_s == b.from_s; };
  };
  reacted_.erase(std::remove_if(reacted_.begin(), reacted_.end(),
                                [&](const Stop& stop) {
                                  return std::none_of(open.begin(), open.end(), same(stop));
                                }),
                 reacted_.end());
  for (const auto& stop : open) {
    if (!rules_.on_breakdown || now.at_s - stop.from_s < rules_.breakdown_after_s ||
        std::any_of(reacted_.begin(), reacted_.end(), same(stop)))
      continue;
    reacted_.push_back(stop);
    reasons.push_back(fmt::format("{} has been down for {:.0f} min", line.at(stop.machine).name,
                                  (now.at_s - stop.from_s) / 60));
  }
  std::vector<FinishBand> open_bands;
  for (const auto& band : bands_) {
    const auto& order = orders.at(band.order.index);
    const bool finished = is_finished(line, now, order, band.order.index);
    const bool early = finished && now.at_s < band.low_s;
    const bool late = !finished && now.at_s > band.high_s;
    if (!finished && !late) open_bands.push_back(band);
    if (rules_.on_finish && (early || late))
      reasons.push_back(fmt::format(
          "order {} {}, of ten simulated futures nine end it between {:.0f} and {:.0f} min",
          order.id,
          early ? fmt::format("was over after {:.0f} min", now.at_s / 60)
                : fmt::format("is not over after {:.0f} min", now.at_s / 60),
          band.low_s / 60, band.high_s / 60));
  }
  bands_ = std::move(open_bands);
  return reasons;
}

}  // namespace foreline::plan
