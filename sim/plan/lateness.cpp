// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/lateness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace foreline::plan {

using namespace line;
using What = Occupation::What;

Lateness& Lateness::operator+=(const Lateness& other) {
  turn_s += other.turn_s;
  breakdown_s += other.breakdown_s;
  changeover_s += other.changeover_s;
  service_s += other.service_s;
  closed_s += other.closed_s;
  return *this;
}

std::string reason_of(const Lateness& all, double share) {
  std::vector<std::pair<double, const char*>> causes = {{all.turn_s, "waits for its turn"},
                                                        {all.breakdown_s, "breakdowns"},
                                                        {all.changeover_s, "changeovers"},
                                                        {all.service_s, "services"}};
  // A night may be long without being the reason, so it does not hide the others.
  const double most_s = share * std::max_element(causes.begin(), causes.end())->first;
  causes.emplace_back(all.closed_s, "nobody works");
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [sum_s, name] : causes) {
    const double seconds = share * sum_s;
    if (seconds >= 30 && seconds > most_s / 4)
      text += fmt::format("{}{} {:.0f} min", text.empty() ? "" : ", ", name, seconds / 60);
  }
  return text;
}

Delays::Delays(const Trial& trial, const Outcome& outcome)
    : trial_(trial),
      outcome_(outcome),
      now_s_(trial.from ? trial.from->at_s : 0),
      bars_of_order_(trial.orders->size()) {
  for (std::size_t i = 0; i < outcome.gantt.size(); ++i)
    if (outcome.gantt[i].what == What::work)
      bars_of_order_.at(outcome.gantt[i].order.index).push_back(i);
}

const Delays::Course& Delays::course_of(std::uint32_t machine) {
  const auto [at, fresh] = courses_.try_emplace(machine);
  auto& course = at->second;
  if (!fresh) return course;
  constexpr std::size_t elsewhere = cause_count;  // the same causes of other machines
  std::vector<std::pair<double, std::pair<std::size_t, int>>> edges;
  const auto add = [&](double from_s, double until_s, std::size_t what) {
    if (until_s <= now_s_) return;
    edges.push_back({std::max(from_s, now_s_), {what, 1}});
    edges.push_back({until_s, {what, -1}});
  };
  const auto& line = *trial_.line;
  if (const auto* hours = line.calendar_of(line.machines[machine])) {
    for (double at_s = now_s_; at_s < outcome_.end_s;) {
      const double next_s = std::min(hours->next_change(at_s), outcome_.end_s);
      if (!hours->is_open(at_s)) add(at_s, next_s, closed);
      at_s = next_s;
    }
  }
  for (const auto& bar : outcome_.gantt) {
    const Cause cause = bar.what == What::work         ? work
                        : bar.what == What::changeover ? changeover
                        : bar.what == What::service    ? service
                                                       : repair;
    if (bar.machine.index == machine)
      add(bar.from_s, bar.until_s, cause);
    else if (cause != work)
      add(bar.from_s, bar.until_s, elsewhere + cause);
  }
  std::sort(edges.begin(), edges.end());
  std::array<int, 2 * cause_count> open{};
  course.push_back({now_s_, idle, {}});
  for (std::size_t i = 0; i < edges.size();) {
    const double at_s = edges[i].first;
    for (; i < edges.size() && edges[i].first == at_s; ++i)
      open[edges[i].second.first] += edges[i].second.second;
    const auto first =
        std::find_if(open.begin(), open.end(), [](int count) { return count > 0; }) - open.begin();
    Stretch next{at_s, first == 2 * cause_count ? idle : static_cast<Cause>(first % elsewhere),
                 course.back().before_s};
    next.before_s[course.back().cause] += at_s - course.back().from_s;
    course.push_back(next);
  }
  return course;
}

std::array<double, Delays::cause_count> Delays::between(const Course& course, double from_s,
                                                        double until_s) {
  const auto until = [&](double at_s) {
    const auto behind = std::upper_bound(course.begin(), course.end(), at_s,
                                         [](double t, const Stretch& s) { return t < s.from_s; });
    if (behind == course.begin()) return std::array<double, cause_count>{};
    auto sums = std::prev(behind)->before_s;
    sums[std::prev(behind)->cause] += at_s - std::prev(behind)->from_s;
    return sums;
  };
  auto sums = until(std::max(from_s, until_s));
  const auto before = until(from_s);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] -= before[i];
  return sums;
}

Lateness Delays::of(OrderId id) {
  const auto& order = (*trial_.orders).at(id.index);
  const auto& fate = outcome_.orders.at(id.index);
  const auto& gantt = outcome_.gantt;
  const auto& own = bars_of_order_[id.index];
  const double from_s = std::max(now_s_, order.release_s);
  const double until_s = fate.finished_s >= 0 ? fate.finished_s : outcome_.end_s;
  const double began_s =
      std::clamp(fate.started_s >= 0 ? fate.started_s : until_s, from_s, std::max(from_s, until_s));
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  if (own.empty()) {
    const auto& machines = trial_.line->machines;
    while (first + 1 < machines.size() &&
           !(trial_.line->inputs_of(first).empty() &&
             (machines[first].makes.empty() || machines[first].makes[order.product.index] != 0)))
      ++first;
    last = first;
  } else {
    first = gantt[*std::min_element(own.begin(), own.end(), [&](auto a, auto b) {
              return gantt[a].from_s < gantt[b].from_s;
            })].machine.index;
    last = gantt[*std::max_element(own.begin(), own.end(), [&](auto a, auto b) {
             return gantt[a].until_s < gantt[b].until_s;
           })].machine.index;
  }
  const auto waits = between(course_of(first), from_s, began_s);
  auto under_way = between(course_of(last), began_s, until_s);
  for (const auto i : own)
    if (gantt[i].machine.index == last && gantt[i].until_s > began_s)
      under_way[work] -= between(course_of(last), std::max(began_s, gantt[i].from_s),
                                 std::min(until_s, gantt[i].until_s))[work];
  const auto both = [&](Cause cause) { return waits[cause] + under_way[cause]; };
  return {both(work) + waits[idle], both(repair), both(changeover), both(service), both(closed)};
}

}  // namespace foreline::plan
