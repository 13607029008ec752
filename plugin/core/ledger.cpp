// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/line/outlook.hpp"

namespace foreline::core {

using namespace line;

namespace {

/// Of the time since the deployment: what may be unseen before the realised gain means nothing.
constexpr double unseen_share_most = 0.05;

/// Something that has a price and that no register tells; empty: nothing.
std::string_view unseen_price(const Objective& objective) {
  for (const auto& field : objective_fields())
    for (const auto price : {&Objective::energy_kwh, &Objective::rework_part})
      if (field.price == price && objective.*price > 0) return field.name;
  return {};
}

double scrapped(const LineNow& now) {
  double parts = 0;
  for (const auto& machine : now.machines)
    for (const auto& progress : machine.progress) parts += progress.scrap;
  return parts;
}

/// A machine that stands in a service, and not because its shift is over.
bool is_serviced(const Line& line, const Frame& frame, std::size_t machine) {
  if (frame.machines[machine].state != PackmlState::stopped) return false;
  const auto* calendar = line.calendar_of(line.machines[machine]);
  return calendar == nullptr || calendar->is_open(frame.at_s);
}

}  // namespace

void Booked::book(const Frame& frame, const Line& line) {
  const double passed_s = at_s < 0 ? 0 : frame.at_s - at_s;
  at_s = frame.at_s;
  if (passed_s <= 0) return;
  // A frame speaks for the time since the one before; after a gap nobody knows.
  if (!frame.connected || passed_s > 3 * line.sample_period_s) {
    missed_s += passed_s;
    return;
  }
  serviced.resize(frame.machines.size());
  broken.resize(frame.machines.size());
  for (std::size_t m = 0; m < frame.machines.size(); ++m) {
    const auto state = frame.machines[m].state;
    const bool is_broken = state == PackmlState::held;
    const bool in_service = is_serviced(line, frame, m);
    down_s += is_broken ? passed_s : 0;
    service_s += in_service ? passed_s : 0;
    changeover_s += state == PackmlState::resetting ? passed_s : 0;
    breakdowns += is_broken && !broken[m] ? 1 : 0;
    services += serviced[m] && !in_service ? 1 : 0;
    broken[m] = is_broken;
    serviced[m] = in_service;
  }
}

Promised promise_of(const plan::Request& request, const plan::Plan& plan, std::uint16_t proposal,
                    const Booked& booked) {
  const auto& winner = plan.evaluated.at(plan.winner).candidate;
  const auto& proof = plan.proof;
  Promised promised;
  promised.proposal = proposal;
  promised.name = winner.name;
  promised.from_s = request.now.at_s;
  promised.until_s = request.now.at_s + request.horizon_s;
  promised.keep_cost = proof.keep_cost;
  promised.gain_mean = proof.mean_gain.mean;
  auto costs = proof.winner_cost;
  if (!costs.empty()) {
    std::sort(costs.begin(), costs.end());
    const auto at = static_cast<std::size_t>(0.95 * static_cast<double>(costs.size() - 1) + 0.5);
    promised.gain_lower = proof.keep_cost - costs[at];
  }
  promised.off_at_start = plan::parts_off(*request.line, request.now);
  promised.scrapped_at_start = scrapped(request.now);
  for (std::size_t o = 0; o < request.orders->size(); ++o)
    promised.finished.push_back(
        plan::is_finished(*request.line, request.now, (*request.orders)[o], o));
  promised.booked = booked;
  promised.band = proof.band;
  promised.prices.objective = request.objective;
  promised.cost_of_change = plan::cost_of_change(request, winner.schedule);
  promised.prices.now.at_s = request.now.at_s;
  promised.prices.makespan_from_s = request.makespan_from_s;
  promised.before = request.active;
  promised.after = winner.schedule;
  return promised;
}

Following::Following(Promised promised, const GateRules& rules, bool seen_from_the_start)
    : promised_(std::move(promised)), watch_(rules.windows_outside), whole_(seen_from_the_start) {}

Following::News Following::step(const Line& line, const std::vector<Order>& orders,
                                const LineNow& now, const Booked& booked) {
  News news;
  finished_s_.resize(orders.size(), -1);
  bool all = true;
  for (std::size_t o = 0; o < orders.size(); ++o) {
    if (finished_s_[o] < 0 && plan::is_finished(line, now, orders[o], o)) finished_s_[o] = now.at_s;
    all = all && finished_s_[o] >= 0;
  }
  const auto& band = promised_.band;
  const double passed_s = now.at_s - promised_.from_s;
  // A look may come late; the counts then belong to a later moment, so windows are only judged by
  // looks near their end, and those without one are left out.
  while (band.window_s > 0 && window_ < band.low.size() &&
         passed_s >= band.window_s * static_cast<double>(window_ + 1)) {
    const double late_s = passed_s - band.window_s * static_cast<double>(window_ + 1);
    const auto w = window_++;
    if (late_s > band.window_s / 4) continue;
    const double parts = plan::parts_off(line, now) - promised_.off_at_start;
    // Where nothing is left to do, no band says anything any more.
    if (all) continue;
    const bool due = watch_.step(parts, band.low[w], band.high[w]);
    news.window = fmt::format("{:.0f} parts in {:.0f} min, simulated {:.0f} to {:.0f}", parts,
                              passed_s / 60, band.low[w], band.high[w]);
    if (due) {
      news.back_due = true;
      news.text = fmt::format("for {} windows the line has not kept what was simulated: {}",
                              watch_.windows(), news.window);
    }
  }
  if (!all && now.at_s < promised_.until_s) return news;
  news.over = true;
  const double missed_s = booked.missed_s - promised_.booked.missed_s;
  if (!whole_ || booked.at_s < promised_.from_s ||
      missed_s > unseen_share_most * std::max(1.0, passed_s)) {
    news.text = "what was gained cannot be known: the plugin has not seen the whole time";
    return news;
  }
  if (const auto unseen = unseen_price(promised_.prices.objective); !unseen.empty()) {
    news.text = fmt::format(
        "what was gained cannot be known: {} has a price, and no register tells of it", unseen);
    return news;
  }
  Measures measures;
  const auto& before = promised_.booked;
  measures.downtime_s = booked.down_s - before.down_s;
  measures.breakdowns = booked.breakdowns - before.breakdowns;
  measures.services = booked.services - before.services;
  measures.changeover_s = booked.changeover_s - before.changeover_s;
  measures.scrap_parts = scrapped(now) - promised_.scrapped_at_start;
  // As in the futures that were promised: open orders go on by mean times.
  auto finishes = finished_s_;
  for (std::size_t o = 0; o < std::min(orders.size(), promised_.finished.size()); ++o)
    if (promised_.finished[o]) finishes[o] = 0;
  const double gone = plan::parts_off(line, now) + scrapped(now);
  const Outlook outlook(line, orders);
  measures.ahead_parts = outlook.finish(promised_.after.sequence,
                                        std::max(now.at_s, promised_.from_s), gone, finishes);
  outlook.judge(finishes, promised_.from_s, measures);
  measures.ahead_makespan_s = std::max(measures.ahead_makespan_s, promised_.from_s);
  const double cost =
      promised_.cost_of_change +
      plan::cost_of(promised_.prices, measures, booked.service_s - promised_.booked.service_s);
  news.realised = promised_.keep_cost - cost;
  news.text = fmt::format(
      "gained {:.0f}; promised were {:.0f}, and 95 % sure {:.0f} (late {:.0f} s by weight, stopped "
      "{:.0f} s, serviced {:.0f} s, done after {:.0f} s)",
      *news.realised, promised_.gain_mean, promised_.gain_lower, measures.ahead_tardiness_s,
      measures.downtime_s, booked.service_s - promised_.booked.service_s,
      measures.ahead_makespan_s - promised_.from_s);
  return news;
}

void Ledger::promised(const Promised& promised) {
  promises_.push_back({promised.gain_lower, std::nullopt, false});
  standing_ = promised;
  open_ = true;
}

void Ledger::settled(std::optional<double> realised) {
  if (open_ && !promises_.empty()) promises_.back().realised = realised;
  open_ = false;
}

void Ledger::ended() {
  standing_.reset();
  open_ = false;
}

void Ledger::rolled_back() {
  if (standing_ && !promises_.empty()) promises_.back().rolled_back = true;
  standing_.reset();
  open_ = false;
  locked_out_ = true;
}

}  // namespace foreline::core
