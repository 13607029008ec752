// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/keeping.hpp"

#include <array>

namespace foreline::attachment {

using namespace line;

namespace {

Json to_json(const Schedule& schedule) {
  Json sequence = Json::array();
  for (const auto order : schedule.sequence) sequence.push_back(order.index);
  Json services = Json::array();
  for (const auto& service : schedule.services)
    services.push_back(
        {service.machine.index, static_cast<int>(service.when), service.at_s, service.order.index});
  return {{"sequence", std::move(sequence)}, {"services", std::move(services)}};
}

Schedule schedule_from(const Json& json) {
  Schedule schedule;
  for (const auto& order : json.at("sequence"))
    schedule.sequence.push_back({order.get<std::uint32_t>()});
  for (const auto& one : json.at("services"))
    schedule.services.push_back(
        {{one.at(0).get<std::uint32_t>()},
         one.at(1).get<int>() == 0 ? Service::When::at_time : Service::When::before_order,
         one.at(2).get<double>(),
         {one.at(3).get<std::uint32_t>()}});
  return schedule;
}

/// By name; records of earlier versions have four prices in this order.
Objective objective_from(const Json& json) {
  auto objective = free_of_cost();
  const std::array<double Objective::*, 4> former = {&Objective::tardiness_s,
                                                     &Objective::downtime_s, &Objective::service_s,
                                                     &Objective::makespan_s};
  for (std::size_t i = 0; json.is_array() && i < former.size(); ++i)
    objective.*former.at(i) = json.at(i).get<double>();
  for (const auto& field : objective_fields())
    if (json.is_object()) objective.*field.price = json.value(std::string(field.name), 0.0);
  return objective;
}

core::Stretch stretch_from(const Json& json) {
  const auto at = [&](const char* key) { return json.at(key).get<double>(); };
  return {at("from_s"), at("until_s"), at("came"),      at("replayed"),      at("low"),
          at("high"),   at("mean"),    at("deviation"), at("event_error_s"), at("events")};
}

core::Scores scores_from(const Json& json) {
  core::Scores scores;
  scores.squares = json.at("squares").get<double>();
  for (std::size_t i = 0; i < scores.bins.size(); ++i) {
    const auto& bin = json.at("bins").at(i);
    scores.bins[i] = {bin.at(0).get<double>(), bin.at(1).get<double>(), bin.at(2).get<double>()};
  }
  return scores;
}

Aside aside_from(const store::AuditLine& line, const Json& json) {
  Aside aside{line.who, json.value("reason", std::string()), line.wall_ns};
  aside.until_s = json.value("until_s", 0.0);
  aside.until_ns = json.value("until_ms", std::int64_t{0}) * 1'000'000;
  aside.for_s = json.value("for_s", 0.0);
  return aside;
}

bool names_known(const Schedule& schedule, std::size_t orders, std::size_t machines) {
  for (const auto order : schedule.sequence)
    if (order.index >= orders) return false;
  for (const auto& service : schedule.services)
    if (service.machine.index >= machines || service.order.index >= orders) return false;
  return true;
}

}  // namespace

bool fits(const core::Promised& promised, std::size_t orders, std::size_t machines) {
  return names_known(promised.before, orders, machines) &&
         names_known(promised.after, orders, machines);
}

core::Promised promised_from(const Json& json) {
  core::Promised promised;
  promised.proposal = json.at("proposal").get<std::uint16_t>();
  promised.name = json.at("name").get<std::string>();
  promised.from_s = json.at("from_s").get<double>();
  promised.until_s = json.at("until_s").get<double>();
  promised.keep_cost = json.at("keep_cost").get<double>();
  promised.gain_mean = json.at("gain_mean").get<double>();
  promised.gain_lower = json.at("gain_lower").get<double>();
  promised.off_at_start = json.at("off_at_start").get<double>();
  promised.finished = json.at("finished").get<std::vector<bool>>();
  promised.band.window_s = json.at("window_s").get<double>();
  promised.band.low = json.at("low").get<std::vector<double>>();
  promised.band.high = json.at("high").get<std::vector<double>>();
  promised.prices.objective = objective_from(json.at("prices"));
  promised.cost_of_change = json.value("cost_of_change", 0.0);
  promised.prices.now.at_s = promised.from_s;
  promised.prices.makespan_from_s = json.value("makespan_from_s", 0.0);
  promised.before = schedule_from(json.at("before"));
  promised.after = schedule_from(json.at("after"));
  return promised;
}

Json to_json(const core::Promised& promised) {
  Json prices = Json::object();
  for (const auto& field : objective_fields())
    prices[std::string(field.name)] = promised.prices.objective.*field.price;
  return {{"proposal", promised.proposal},
          {"name", promised.name},
          {"from_s", promised.from_s},
          {"until_s", promised.until_s},
          {"keep_cost", promised.keep_cost},
          {"gain_mean", promised.gain_mean},
          {"gain_lower", promised.gain_lower},
          {"off_at_start", promised.off_at_start},
          {"finished", promised.finished},
          {"window_s", promised.band.window_s},
          {"low", promised.band.low},
          {"high", promised.band.high},
          {"prices", prices},
          {"cost_of_change", promised.cost_of_change},
          {"makespan_from_s", promised.prices.makespan_from_s},
          {"before", to_json(promised.before)},
          {"after", to_json(promised.after)}};
}

Json to_json(const core::Stretch& stretch) {
  return {{"from_s", stretch.from_s},
          {"until_s", stretch.until_s},
          {"came", stretch.came},
          {"replayed", stretch.replayed},
          {"low", stretch.low},
          {"high", stretch.high},
          {"mean", stretch.mean},
          {"deviation", stretch.deviation},
          {"event_error_s", stretch.event_error_s},
          {"events", stretch.events}};
}

Json to_json(const core::Scores& scores) {
  Json bins = Json::array();
  for (const auto& bin : scores.bins) bins.push_back({bin.forecasts, bin.probability, bin.failed});
  return {{"squares", scores.squares}, {"bins", std::move(bins)}};
}

const Aside* Kept::aside(const core::AlarmRecord& record) const {
  if (record.state != AlarmState::shelved && record.state != AlarmState::out_of_service)
    return nullptr;
  const auto& put = record.state == AlarmState::shelved ? shelved : out_of_service;
  const auto found = put.find(record.event.id);
  return found == put.end() ? nullptr : &found->second;
}

void Kept::add(const core::Stretch& stretch) {
  stretches.push_back(stretch);
  if (stretches.size() > stretches_most) stretches.erase(stretches.begin());
}

void Kept::add(const Period& period) {
  scores.add(period.scores);
  periods.push_back(period);
  if (periods.size() > periods_most) periods.erase(periods.begin());
}

Kept kept_of(const std::vector<store::AuditLine>& lines, std::int64_t now_ns, std::size_t orders,
             std::size_t machines) {
  Kept found;
  for (const auto& line : lines) {
    const auto detail = Json::parse(line.detail, nullptr, false);
    try {
      if (line.what == kept::promised) {
        const auto promised = promised_from(detail);
        found.ledger.promised(promised);
        if (!fits(promised, orders, machines)) found.ledger.ended();
      } else if (line.what == kept::settled) {
        const auto& realised = detail.at("realised");
        found.ledger.settled(realised.is_number() ? std::optional(realised.get<double>())
                                                  : std::nullopt);
      } else if (line.what == kept::rolled_back) {
        found.ledger.rolled_back();
      } else if (line.what == kept::cleared) {
        found.ledger.cleared();
      } else if (line.what == kept::ended) {
        found.ledger.ended();
      } else if (line.what == kept::out_of_service || line.what == kept::in_service) {
        const auto alarm = detail.at("alarm").get<std::string>();
        found.out_of_service.erase(alarm);
        found.shelved.erase(alarm);
        if (line.what == kept::out_of_service)
          found.out_of_service.emplace(alarm, aside_from(line, detail));
      } else if (line.what == kept::shelved || line.what == kept::unshelved) {
        const auto alarm = detail.at("alarm").get<std::string>();
        found.shelved.erase(alarm);
        if (line.what == kept::shelved) found.shelved.emplace(alarm, aside_from(line, detail));
      } else if (line.what == kept::stretch) {
        found.add(stretch_from(detail));
      } else if (line.what == kept::scores && line.wall_ns > now_ns - Kept::scores_for_ns) {
        found.add(Period{line.wall_ns, line.at_s, scores_from(detail)});
      }
    } catch (const Json::exception&) {
      continue;  // of another release, or a person's note with the same word
    }
  }
  return found;
}

}  // namespace foreline::attachment
