// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "sim/plan/react.hpp"

namespace foreline::plan {

using namespace line;

namespace {

constexpr double alarm_horizon_s = 7200;
constexpr double at_risk = 0.2;             ///< P(fault within 2 h) of a machine worth a service.
constexpr std::size_t machines_served = 2;  ///< Those most at risk.
constexpr std::array<double, 3> delays_s = {1200, 2400, 4800};

/// Machines at risk, most first.
std::vector<MachineId> machines_at_risk(const Request& request) {
  std::vector<std::pair<double, MachineId>> risks;
  for (const auto& hazard : request.hazards) {
    KindForecast forecast;
    forecast.within = hazard.within;
    const double risk = forecast.probability_within(alarm_horizon_s);
    if (risk < at_risk || !gives_warning(hazard.kind)) continue;
    const auto known = std::find_if(risks.begin(), risks.end(), [&](const auto& entry) {
      return entry.second == hazard.machine;
    });
    if (known == risks.end())
      risks.emplace_back(risk, hazard.machine);
    else
      known->first = std::max(known->first, risk);
  }
  std::stable_sort(risks.begin(), risks.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<MachineId> machines;
  for (std::size_t i = 0; i < std::min(machines_served, risks.size()); ++i)
    machines.push_back(risks[i].second);
  return machines;
}

/// Orders of the sequence that this machine has not turned to yet.
std::vector<OrderId> orders_ahead(const Schedule& schedule, const MachineNow& machine) {
  std::vector<OrderId> ahead;
  for (const auto order : schedule.sequence) {
    const auto& progress = machine.progress.at(order.index);
    const bool begun =
        progress.good + progress.scrap > 0 || (machine.set_up && machine.order == order);
    if (!begun) ahead.push_back(order);
  }
  return ahead;
}

/// The open orders as they are due, those without a date last.
Schedule by_due_date(const Request& request, std::size_t frozen) {
  Schedule schedule = request.active;
  std::stable_sort(schedule.sequence.begin() + static_cast<std::ptrdiff_t>(frozen),
                   schedule.sequence.end(), [&](OrderId a, OrderId b) {
                     return (*request.orders)[a.index].due_s < (*request.orders)[b.index].due_s;
                   });
  return schedule;
}

/// The open orders by the shortest next changeover (summed over the machines), the earlier due
/// first among equals, then the one that comes first now.
Schedule by_changeover(const Request& request, std::size_t frozen) {
  Schedule schedule = request.active;
  auto& sequence = schedule.sequence;
  const auto first = std::max<std::size_t>(frozen, 1);
  if (first >= sequence.size()) return schedule;
  const auto& orders = *request.orders;
  const auto products = request.line->products.size();
  std::vector<double> changeover_s(products * products, 0);
  for (const auto& machine : request.line->machines)
    for (std::size_t from = 0; from < products; ++from)
      for (std::size_t to = 0; to < products; ++to)
        changeover_s[from * products + to] += machine.changeover_s[from][to];
  // Each product's places in the running sequence, the next to choose last.
  std::vector<std::vector<std::size_t>> waiting(products);
  for (std::size_t i = sequence.size(); i-- > first;)
    waiting[orders[sequence[i].index].product.index].push_back(i);
  for (auto& places : waiting)
    std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
      return orders[sequence[a].index].due_s > orders[sequence[b].index].due_s;
    });
  auto last = orders[sequence[first - 1].index].product.index;
  std::vector<OrderId> chosen(sequence.begin(),
                              sequence.begin() + static_cast<std::ptrdiff_t>(first));
  while (chosen.size() < sequence.size()) {
    std::size_t best = products;
    const auto key = [&](std::size_t product) {
      const auto place = waiting[product].back();
      return std::tuple(changeover_s[last * products + product],
                        orders[sequence[place].index].due_s, place);
    };
    for (std::size_t product = 0; product < products; ++product)
      if (!waiting[product].empty() && (best == products || key(product) < key(best)))
        best = product;
    chosen.push_back(sequence[waiting[best].back()]);
    waiting[best].pop_back();
    last = static_cast<std::uint32_t>(best);
  }
  sequence = std::move(chosen);
  return schedule;
}

class Candidates {
 public:
  explicit Candidates(const Request& request) : request_(request) {}

  void add(std::string name, std::string why, Schedule schedule) {
    if (auto kept = with_precedence(schedule.sequence, *request_.orders);
        kept != schedule.sequence) {
      schedule.sequence = std::move(kept);
      const auto unrest = nervousness_of(request_.active, schedule, frozen_of(request_));
      if (unrest.moved_share > request_.largest_moved_share ||
          unrest.weighted_shift > request_.largest_shift)
        return;
    }
    const bool known = std::any_of(all_.begin(), all_.end(), [&](const Candidate& candidate) {
      return candidate.schedule == schedule;
    });
    if (!known) all_.push_back({std::move(name), std::move(why), std::move(schedule)});
  }

  /// `base`, and `base` with each sensible service of each machine at risk.
  void add_family(const std::string& name, const std::string& why, const Schedule& base,
                  const std::vector<MachineId>& machines, bool all_times) {
    add(name, why, base);
    for (const auto id : machines) {
      const auto& machine = request_.line->at(id);
      const auto prefix = base == request_.active ? std::string() : name + ", ";
      const auto serve_at = [&](double at_s, const std::string& when) {
        auto schedule = base;
        schedule.services.push_back({id, Service::When::at_time, std::round(at_s), {}});
        add(prefix + fmt::format("service {} {}", machine.name, when),
            fmt::format("{} is serviced {} ({:.0f} min), before it is likely to fail", machine.name,
                        when, machine.service.expectation() / 60),
            std::move(schedule));
      };
      serve_at(request_.now.at_s, "now");
      const auto ahead = orders_ahead(base, request_.now.machines.at(id.index));
      for (std::size_t i = 0; i < std::min<std::size_t>(all_times ? 3 : 1, ahead.size()); ++i) {
        auto schedule = base;
        schedule.services.push_back({id, Service::When::before_order, 0, ahead[i]});
        const auto& order = (*request_.orders)[ahead[i].index];
        add(prefix + fmt::format("service {} before {}", machine.name, order.id),
            fmt::format("{} is serviced in the changeover to order {}", machine.name, order.id),
            std::move(schedule));
      }
      if (!all_times) continue;
      for (const double delay_s : delays_s)
        serve_at(request_.now.at_s + delay_s, fmt::format("in {:.0f} min", delay_s / 60));
    }
  }

  std::vector<Candidate> take() { return std::move(all_); }

 private:
  const Request& request_;
  std::vector<Candidate> all_;
};

}  // namespace

std::vector<Candidate> candidates(const Request& request) {
  Candidates all(request);
  const auto machines = machines_at_risk(request);
  const auto frozen = frozen_of(request);
  all.add_family("keep", "the schedule goes on as it is", request.active, machines, true);
  if (request.policy == Policy::full) {
    const auto calm = [&](const Schedule& schedule) {
      return bounded(request.active, schedule, frozen,
                     {request.largest_moved_share, request.largest_shift});
    };
    all.add_family("by due date", "open orders in the order of their due dates",
                   calm(by_due_date(request, frozen)), machines, false);
    all.add_family("by changeover", "open orders with the shortest changeovers first",
                   calm(by_changeover(request, frozen)), machines, false);
  }
  if (request.policy != Policy::right_shift)
    if (auto affected = affected_operations(request))
      all.add_family(affected->name, affected->why, affected->schedule, machines, false);
  return all.take();
}

}  // namespace foreline::plan
