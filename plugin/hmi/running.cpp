// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/running.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "plugin/attachment/details.hpp"
#include "sim/line/outlook.hpp"
#include "sim/select/scenario_set.hpp"
#include "sim/verdict/statistics.hpp"

namespace foreline::hmi {

using namespace line;
using What = Occupation::What;

namespace {

/// Longer between two snapshots, and nobody knows what was between.
constexpr double unseen_s = 900;
/// Work that stands still for less goes on, as in simulated Gantts.
constexpr double gap_s = 90;
constexpr std::uint64_t first_future = 400'000;  ///< Of the report's: no other question has these.

/// What a machine in this PackML state does; nothing: it waits, or nobody knows.
std::optional<What> what_of(std::string_view state, bool is_open) {
  if (state == name_of(PackmlState::execute)) return What::work;
  if (state == name_of(PackmlState::held)) return What::repair;
  if (state == name_of(PackmlState::resetting)) return What::changeover;
  if (state == name_of(PackmlState::stopped) && is_open) return What::service;
  return std::nullopt;
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double position = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace

ActualSchedule::ActualSchedule(Line line, std::vector<Order> orders)
    : line_(std::move(line)), orders_(std::move(orders)) {}

void ActualSchedule::take(const Json& snapshot) {
  const auto values = snapshot.is_object() ? snapshot.find("values") : snapshot.end();
  if (!snapshot.is_object() || values == snapshot.end()) return;
  const auto machines = values->find("machines");
  const auto at = values->find("at_s");
  if (machines == values->end() || !machines->is_object() || at == values->end() ||
      !at->is_number())
    return;
  const double at_s = at->get<double>();
  if (at_s < at_s_ - 3600) bars_.clear();  // another run of the line
  if (at_s == at_s_) return;
  const double from_s = std::exchange(at_s_, at_s);
  if (from_s < 0 || at_s < from_s || at_s - from_s > unseen_s) return;
  const auto stands = snapshot.find("stands");
  for (std::size_t m = 0; m < line_.machines.size(); ++m) {
    const auto& machine = line_.machines[m];
    const auto seen = machines->find(machine.name);
    if (seen == machines->end()) continue;
    const auto* calendar = line_.calendar_of(machine);
    const auto state = seen->value("state", std::string());
    const auto what = what_of(state, calendar == nullptr || calendar->is_open(from_s));
    if (!what) continue;
    Bar bar{m, *what, orders_.size(), from_s, at_s};
    if (stands != snapshot.end() && (*what == What::work || *what == What::changeover)) {
      const auto& all = stands->value("machines", Json::array());
      const auto order = m < all.size() ? all[m].value("order", Json()) : Json();
      if (order.is_number_unsigned() || order.is_number_integer())
        bar.order = std::min(orders_.size(), order.get<std::size_t>());
    }
    add(bar);
  }
}

void ActualSchedule::add(const Bar& bar) {
  const auto same = std::find_if(bars_.rbegin(), bars_.rend(),
                                 [&](const Bar& known) { return known.machine == bar.machine; });
  const double goes_on_s = bar.what == What::work ? gap_s : 0;
  if (same != bars_.rend() && same->what == bar.what && same->order == bar.order &&
      bar.from_s - same->until_s <= goes_on_s) {
    same->until_s = bar.until_s;
    return;
  }
  bars_.push_back(bar);
  if (bars_.size() > bars_max) bars_.pop_front();
}

Json ActualSchedule::bars() const {
  Json out = Json::array();
  for (const auto& bar : bars_) {
    Json entry = {{"machine", line_.machines[bar.machine].name},
                  {"what", name_of(bar.what)},
                  {"from_s", bar.from_s},
                  {"until_s", bar.until_s}};
    if (bar.order < orders_.size()) entry["order"] = orders_[bar.order].id;
    out.push_back(std::move(entry));
  }
  return out;
}

Json ActualSchedule::closed(double from_s, double until_s) const {
  constexpr std::size_t most = 200;  // of one machine
  Json out = Json::array();
  for (const auto& machine : line_.machines) {
    const auto* calendar = line_.calendar_of(machine);
    if (calendar == nullptr) continue;
    double at_s = std::max(0.0, from_s);
    for (std::size_t i = 0; i < most && at_s < until_s; ++i) {
      const double next_s = std::min(calendar->next_change(at_s), until_s);
      if (!calendar->is_open(at_s))
        out.push_back(
            {{"machine", machine.name}, {"what", "closed"}, {"from_s", at_s}, {"until_s", next_s}});
      at_s = next_s;
    }
  }
  return out;
}

Json finishes(const Trial& trial, const std::vector<const Outcome*>& futures) {
  const auto& orders = *trial.orders;
  std::vector<std::vector<double>> ahead_s;
  for (const auto* outcome : futures) ahead_s.push_back(finishes_of(trial, *outcome));
  Json out = Json::array();
  for (std::size_t o = 0; o < orders.size(); ++o) {
    std::vector<double> finished;
    std::size_t on_time = 0;
    for (std::size_t i = 0; i < futures.size(); ++i) {
      if (ahead_s[i][o] <= orders[o].due_s) ++on_time;
      if (std::isfinite(ahead_s[i][o])) finished.push_back(ahead_s[i][o]);
    }
    const auto share = verdict::wilson_interval(on_time, futures.size(), 0.95);
    Json entry = {{"order", orders[o].id},
                  {"due_s", std::isfinite(orders[o].due_s) ? Json(orders[o].due_s) : Json()},
                  {"on_time", (share.low + share.high) / 2},
                  {"on_time_low", share.low},
                  {"on_time_high", share.high}};
    if (!finished.empty()) {
      entry["p10_s"] = quantile(finished, 0.1);
      entry["p50_s"] = quantile(finished, 0.5);
      entry["p90_s"] = quantile(finished, 0.9);
    }
    out.push_back(std::move(entry));
  }
  return out;
}

Result<Json> expected_of(const plan::Request& now, worker::Client& client,
                         const plan::Progress& progress, std::size_t futures) {
  Trial future;
  future.line = now.line;
  future.orders = now.orders;
  future.schedule = now.active;
  future.horizon_s = now.now.at_s + now.horizon_s;
  future.from = now.now;
  future.hazards = now.hazards;
  future.replication = true;
  future.want_gantt = true;
  std::vector<Trial> trials(futures + 1, future);
  for (std::size_t i = 0; i < futures; ++i)
    trials[i].seed = select::scenario_seed(now.seed, select::ScenarioSet::report, first_future + i);
  trials.back().random_faults = false;
  trials.back().hazards.clear();
  std::size_t done = 0;
  auto outcomes =
      client.run(trials, [&](std::size_t, const Outcome&) { progress(++done, trials.size()); });
  if (!outcomes) return outcomes.error();
  const auto calm = std::move(outcomes->back());
  outcomes->pop_back();
  std::vector<const Outcome*> valid;
  for (const auto& outcome : *outcomes)
    if (outcome.valid()) valid.push_back(&outcome);
  if (valid.empty() || !calm.valid())
    return Error("the simulation of the running schedule failed: " + outcomes->front().error);
  return Json{{"at_s", now.now.at_s},
              {"until_s", future.horizon_s},
              {"futures", valid.size()},
              {"bars", attachment::to_json(calm.gantt, *now.line, *now.orders)},
              {"spans", attachment::to_json(plan::work_spans(*outcomes), *now.line, *now.orders)},
              {"orders", finishes(future, valid)}};
}

}  // namespace foreline::hmi
