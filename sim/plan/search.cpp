// SPDX-License-Identifier: Apache-2.0
// Iterated greedy over sequences and services on futures of the recursion. The sample grows while
// the search narrows: many schedules on few futures first, the best on more. None of these futures
// is used again to choose or to prove.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/line/random.hpp"
#include "sim/maxplus/evaluator.hpp"
#include "sim/plan/react.hpp"
#include "sim/select/scenario_set.hpp"

namespace foreline::plan {

using namespace line;

namespace {

constexpr std::size_t elite_most = 12;
/// Work of a search in visits of a part to a machine: it ends sooner on a book that is too large to
/// try as many schedules.
constexpr double visits_most = 4e8;
/// Differences that a candidate is described by.
constexpr std::size_t told_most = 8;

/// Draws of one search, in their order.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}
  double uniform() { return random_uniform(seed_, 0xd1ce, Purpose::planning, next_++); }
  std::size_t below(std::size_t n) {
    return std::min(n - 1, static_cast<std::size_t>(uniform() * static_cast<double>(n)));
  }

 private:
  std::uint64_t seed_;
  std::uint64_t next_ = 0;
};

struct Found {
  Schedule schedule;
  double cost = std::numeric_limits<double>::infinity();
};

class Search {
 public:
  Search(const Request& request, const Trial& trial, std::span<const std::uint64_t> seeds,
         std::uint64_t salt)
      : request_(request),
        evaluator_(trial, seeds),
        draws_(request.seed * 1'000'003 + salt),
        frozen_(frozen_of(request)) {
    if (request.policy == Policy::affected) movable_ = affected_orders(request);
    for (std::uint32_t m = 0; m < request.line->machines.size(); ++m)
      if (!request.line->machines[m].faults.empty()) serviceable_.push_back({m});
    // Places that no future comes to are not worth a try: as many as by mean times, and some more.
    const auto projection = projected(request, request.active);
    const auto& sequence = request.active.sequence;
    std::size_t reached = 0;
    for (std::size_t i = frozen_; i < sequence.size(); ++i)
      if (projection.started_s[sequence[i].index] < request.now.at_s + request.horizon_s) ++reached;
    reach_ = reached + reached / 2 + 8;
  }

  /// Improves on the starts; `budget` futures in all, `samples` futures of them a schedule,
  /// growing.
  std::vector<Found> run(const std::vector<Schedule>& starts,
                         const std::vector<std::size_t>& samples, std::size_t budget) {
    std::vector<Schedule> from = starts;
    for (std::size_t stage = 0; stage < samples.size(); ++stage) {
      futures_ = std::min(samples[stage], evaluator_.futures());
      elite_.clear();
      Found best;
      for (const auto& schedule : from) {
        Found one{schedule, cost(schedule)};
        keep(one);
        if (one.cost < best.cost) best = one;
      }
      const std::size_t until = spent_ + budget / samples.size();
      Found now = best;
      const double warmth = 0.002 * std::abs(best.cost);
      while (spent_ < until) {
        Found next{changed(now.schedule), 0};
        if (next.schedule == now.schedule) {
          // Nothing can be moved: do not look for ever.
          spent_ += futures_;
          continue;
        }
        next.cost = cost(next.schedule);
        keep(next);
        const double worse = next.cost - now.cost;
        if (worse <= 0 || (warmth > 0 && draws_.uniform() < std::exp(-worse / warmth)))
          now = std::move(next);
        if (now.cost < best.cost) best = now;
        // Wandering off helps nobody: come back now and then.
        if (draws_.uniform() < 0.02) now = best;
      }
      from.clear();
      for (const auto& one : elite_) from.push_back(one.schedule);
    }
    return elite_;
  }

 private:
  double cost(const Schedule& schedule) {
    const auto& all = evaluator_.evaluate(schedule, 0, futures_);
    spent_ += futures_;
    double sum = 0;
    for (std::size_t i = 0; i < futures_; ++i)
      sum += cost_of(request_, all[i].measures, all[i].service_s);
    return cost_of_change(request_, schedule) + sum / static_cast<double>(futures_);
  }

  void keep(const Found& found) {
    for (const auto& one : elite_)
      if (one.schedule == found.schedule) return;
    const auto at = std::find_if(elite_.begin(), elite_.end(),
                                 [&](const Found& e) { return found.cost < e.cost; });
    elite_.insert(at, found);
    if (elite_.size() > elite_most) elite_.pop_back();
  }

  [[nodiscard]] bool started(MachineId machine, OrderId order) const {
    const auto& now = request_.now.machines.at(machine.index);
    const auto& progress = now.progress.at(order.index);
    return progress.good + progress.scrap > 0 || (now.set_up && now.order == order);
  }

  Schedule changed(const Schedule& from) {
    Schedule next = from;
    const auto open = next.sequence.size() - std::min(frozen_, next.sequence.size());
    const bool all = request_.policy == Policy::full;
    const bool move_orders =
        open > 1 && (all || !movable_.empty()) && (serviceable_.empty() || draws_.uniform() < 0.55);
    if (move_orders) {
      // Of those that nobody comes to, any may be what comes too late.
      const auto reach = std::min(open, reach_);
      const auto among = reach < open && draws_.uniform() < 0.5 ? open : reach;
      const auto order = all ? next.sequence[frozen_ + draws_.below(among)]
                             : movable_[draws_.below(movable_.size())];
      next.sequence.erase(std::find(next.sequence.begin(), next.sequence.end(), order));
      const auto put = frozen_ + draws_.below(reach);
      next.sequence.insert(next.sequence.begin() + static_cast<std::ptrdiff_t>(put), order);
      next.sequence = with_precedence(std::move(next.sequence), *request_.orders);
      if (request_.largest_moved_share >= 1 && request_.largest_shift >= 1) return next;
      const auto unrest = nervousness_of(request_.active, next, frozen_);
      if (unrest.moved_share > request_.largest_moved_share ||
          unrest.weighted_shift > request_.largest_shift)
        return from;
      return next;
    }
    if (serviceable_.empty()) return from;
    // Services that the running schedule has are its own; only ours are changed.
    const auto& given = request_.active.services;
    std::vector<std::size_t> ours;
    for (std::size_t i = 0; i < next.services.size(); ++i)
      if (std::find(given.begin(), given.end(), next.services[i]) == given.end()) ours.push_back(i);
    const double kind = draws_.uniform();
    if (!ours.empty() && kind < 0.25) {
      next.services.erase(next.services.begin() +
                          static_cast<std::ptrdiff_t>(ours[draws_.below(ours.size())]));
      return next;
    }
    Service service;
    service.machine = serviceable_[draws_.below(serviceable_.size())];
    if (!ours.empty() && kind < 0.6) {
      const auto which = ours[draws_.below(ours.size())];
      service.machine = next.services[which].machine;
      next.services.erase(next.services.begin() + static_cast<std::ptrdiff_t>(which));
    } else if (ours.size() >= 3) {
      return from;
    }
    std::vector<OrderId> ahead;
    for (const auto order : next.sequence)
      if (!started(service.machine, order)) ahead.push_back(order);
    if (!ahead.empty() && draws_.uniform() < 0.5) {
      // Hidden in the changeover to an order.
      service.when = Service::When::before_order;
      service.order = ahead[draws_.below(std::min<std::size_t>(ahead.size(), 6))];
    } else {
      const double share = draws_.uniform();
      // In whole seconds, as the PLC keeps it.
      service.at_s = std::round(request_.now.at_s) +
                     60 * std::floor(share * share * request_.horizon_s / 2 / 60);
    }
    next.services.push_back(service);
    return next;
  }

  const Request& request_;
  maxplus::Evaluator evaluator_;
  Draws draws_;
  std::size_t frozen_;
  std::size_t reach_ = 0;         ///< Places behind the frozen ones that an order is put at.
  std::vector<OrderId> movable_;  ///< Orders that may be taken out, if not all may.
  std::vector<MachineId> serviceable_;
  std::vector<Found> elite_;
  std::size_t futures_ = 8;
  std::size_t spent_ = 0;
};

Trial question_of(const Request& request) {
  Trial trial;
  trial.line = request.line;
  trial.orders = request.orders;
  trial.schedule = request.active;
  trial.horizon_s = request.now.at_s + request.horizon_s;
  trial.from = request.now;
  trial.hazards = request.hazards;
  return trial;
}

/// The same day without any chance: every work takes its mean time and nothing breaks.
Trial without_chance(Trial trial) {
  auto line = *trial.line;
  for (auto& machine : line.machines) {
    machine.cycle = Distribution::constant(machine.cycle.expectation());
    machine.scrap_share = 0;
    machine.faults.clear();
  }
  trial.line = std::make_shared<const Line>(std::move(line));
  trial.hazards.clear();
  trial.random_faults = false;
  return trial;
}

/// What is different from the running schedule, in words.
std::string difference(const Request& request, const Schedule& schedule) {
  std::vector<std::string> changes;
  std::vector<std::size_t> was(request.orders->size(), 0);
  for (std::size_t i = 0; i < request.active.sequence.size(); ++i)
    was[request.active.sequence[i].index] = i;
  for (std::size_t i = 0; i < schedule.sequence.size(); ++i) {
    const auto order = schedule.sequence[i];
    if (was[order.index] > i)
      changes.push_back(fmt::format("{} comes {} earlier", (*request.orders)[order.index].id,
                                    was[order.index] - i));
  }
  for (const auto& service : schedule.services) {
    const auto& given = request.active.services;
    if (std::find(given.begin(), given.end(), service) != given.end()) continue;
    changes.push_back(
        fmt::format("{} is serviced ", request.line->at(service.machine).name) +
        (service.when == Service::When::before_order
             ? fmt::format("in the changeover to {}", (*request.orders)[service.order.index].id)
             : fmt::format("in {:.0f} min", (service.at_s - request.now.at_s) / 60)));
  }
  // Services come last and are what a planner wants to read first of a long list.
  if (changes.size() > told_most) {
    const auto left_out = changes.size() - told_most;
    changes.erase(changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(left_out));
    changes.push_back(fmt::format("and {} more", left_out));
  }
  const auto text = fmt::format("{}", fmt::join(changes, "; "));
  return text.empty() ? "as it is" : text;
}

}  // namespace

std::vector<Candidate> searched(const Request& request, const std::vector<Candidate>& starts,
                                std::size_t most) {
  std::vector<Candidate> found;
  if (most == 0 || !maxplus::obstacles(*request.line).empty()) return found;
  const auto trial = question_of(request);
  const auto futures = std::min(
      request.search_futures,
      static_cast<std::size_t>(visits_most / std::max(1.0, maxplus::visits_within(trial))));
  std::vector<Schedule> from;
  for (const auto& start : starts) from.push_back(start.schedule);
  const auto add = [&](const std::string& name, const Schedule& schedule) {
    const bool known = std::any_of(starts.begin(), starts.end(),
                                   [&](const auto& c) { return c.schedule == schedule; }) ||
                       std::any_of(found.begin(), found.end(),
                                   [&](const auto& c) { return c.schedule == schedule; });
    if (!known) found.push_back({name, difference(request, schedule), schedule});
  };
  // The champion of a world without chance: it must be in the final, since few futures mislead.
  std::vector<Schedule> plain;
  for (const auto& schedule : from)
    if (schedule.services == request.active.services) plain.push_back(schedule);
  const std::vector<std::uint64_t> one = {request.seed};
  Search calm(request, without_chance(trial), one, 1);
  const auto champions = calm.run(plain, {1}, futures / 20);
  if (!champions.empty()) add(std::string(calm_champion), champions.front().schedule);

  const auto seeds = select::scenario_seeds(request.seed, select::ScenarioSet::search, 64);
  Search wide(request, trial, seeds, 2);
  const auto elite = wide.run(from, {8, 24, 64}, futures);
  std::size_t number = 0;
  for (const auto& one_found : elite) {
    if (found.size() >= most) break;
    add(fmt::format("search {}", ++number), one_found.schedule);
  }
  return found;
}

}  // namespace foreline::plan
