// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/details.hpp"

#include <algorithm>
#include <cmath>

namespace foreline::attachment {

using namespace line;

namespace {

/// JSON has no NaN and no infinity: null.
Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

Json to_json(const plan::Estimate& estimate) {
  return {{"mean", finite(estimate.mean)},
          {"low", finite(estimate.low)},
          {"high", finite(estimate.high)}};
}

/// Every measure of some futures: mean with interval.
Json summary(const std::vector<Measures>& futures) {
  Json all = Json::object();
  for (const auto& field : measure_fields()) {
    std::vector<double> values;
    for (const auto& measures : futures) values.push_back(measures.*field.field);
    auto entry = to_json(plan::estimate_of(values));
    entry["unit"] = field.unit;
    all[std::string(field.name)] = std::move(entry);
  }
  return all;
}

/// Every measure's difference winner - keep, future by future: mean with interval.
Json difference(const std::vector<Measures>& winner, const std::vector<Measures>& keep) {
  std::vector<Measures> apart(std::min(winner.size(), keep.size()));
  for (std::size_t i = 0; i < apart.size(); ++i)
    for (const auto& field : measure_fields())
      apart[i].*field.field = winner[i].*field.field - keep[i].*field.field;
  return summary(apart);
}

/// Orders with a due date that are open: when they leave the line (P10, P50, P90; none when fewer
/// than half of the futures see it), and the Wilson interval of being on time.
Json promises(const std::vector<plan::OnTime>& on_time, select::Chance plan::OnTime::*side,
              const std::vector<plan::WorkSpan>& spans, const std::vector<Order>& orders) {
  std::vector<const plan::WorkSpan*> last(orders.size(), nullptr);
  for (const auto& span : spans)
    if (auto& known = last.at(span.order.index); known == nullptr || span.end_s > known->end_s)
      known = &span;
  Json out = Json::array();
  for (const auto& one : on_time) {
    const auto& order = orders.at(one.order.index);
    const auto& chance = one.*side;
    Json entry = {{"order", order.id},
                  {"due_s", finite(order.due_s)},
                  {"on_time", chance.middle()},
                  {"on_time_low", chance.low},
                  {"on_time_high", chance.high}};
    if (const auto* span = last[one.order.index]) {
      entry["p10_s"] = span->end_low_s;
      entry["p50_s"] = span->end_s;
      entry["p90_s"] = span->end_high_s;
    }
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json to_json(const Forecast& forecast, const Line& line) {
  const auto& machine = line.at(forecast.machine);
  Json json = {{"machine", machine.name},
               {"at_s", forecast.at_s},
               {"available", forecast.available},
               {"missing_share", forecast.missing_share}};
  if (!forecast.available) {
    json["why_not"] = forecast.why_not;
    return json;
  }
  json["sentence"] = forecast.sentence;
  auto& kinds = json["kinds"] = Json::array();
  for (const auto& kind : forecast.kinds) {
    Json entry = {{"kind", name_of(kind.kind)},
                  {"within", kind.within},
                  {"median_s", finite(kind.quantile_s(0.5))}};
    auto& reasons = entry["reasons"] = Json::array();
    for (const auto& reason : kind.reasons) {
      if (reason.signal < machine.signals.size())
        reasons.push_back({{"signal", machine.signals[reason.signal].name},
                           {"contribution", reason.contribution}});
    }
    kinds.push_back(std::move(entry));
  }
  return json;
}

Json to_json(const core::AlarmRecord& record) {
  return {{"id", record.event.id},
          {"class", name_of(record.event.alarm_class)},
          {"state", name_of(record.state)},
          {"active", record.active},
          {"priority", name_of(record.priority)},
          {"since_s", record.since_s},
          {"raised_s", record.active ? Json(record.event.at_s) : Json()},
          {"until_s", record.state == AlarmState::shelved ? Json(record.shelved_until_s) : Json()},
          {"probability", record.event.probability},
          {"expected_in_s", finite(record.event.expected_in_s)},
          {"why", record.event.why}};
}

Json to_json(const core::MaintenanceEntry& entry) {
  return {{"what", core::name_of(entry.what)},
          {"from_s", entry.from_s},
          {"until_s", entry.until_s < 0 ? Json() : Json(entry.until_s)},
          {"ran_s", entry.ran_s},
          {"foreseen", entry.foreseen},
          {"wall_ms", entry.wall_ns / 1'000'000}};
}

std::optional<core::MaintenanceEntry> maintenance_from(const store::Happening& event) {
  const auto detail = Json::parse(event.detail, nullptr, false);
  core::MaintenanceEntry entry;
  entry.from_s = entry.until_s = event.at_s;
  entry.wall_ns = event.at_ns;
  // Earlier releases kept no more than that it was renewed.
  entry.what = core::maintenance_named(event.what).value_or(core::MaintenanceEntry::What::renewal);
  try {
    entry.from_s = detail.at("from_s").get<double>();
    entry.ran_s = detail.at("ran_s").get<double>();
    entry.foreseen = detail.at("foreseen").get<std::string>();
  } catch (const Json::exception&) {
    if (event.what != "renewed") return std::nullopt;
  }
  return entry;
}

Json sums_of(const core::MaintenanceLog& log, const Line& line) {
  Json out = Json::object();
  for (std::size_t m = 0; m < line.machines.size(); ++m) {
    const auto& sums = log.summary(m);
    out[line.machines[m].name] = {
        {"since_s", sums.since_s},       {"operating_s", sums.operating_s},
        {"breakdowns", sums.breakdowns}, {"repaired", sums.repaired},
        {"down_s", sums.down_s},         {"services", sums.services},
        {"service_s", sums.service_s}};
  }
  return out;
}

std::optional<core::MaintenanceLog::Summary> sums_from(const Json& json) {
  core::MaintenanceLog::Summary sums;
  try {
    json.at("since_s").get_to(sums.since_s);
    json.at("operating_s").get_to(sums.operating_s);
    json.at("breakdowns").get_to(sums.breakdowns);
    json.at("repaired").get_to(sums.repaired);
    json.at("down_s").get_to(sums.down_s);
    json.at("services").get_to(sums.services);
    json.at("service_s").get_to(sums.service_s);
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  return sums;
}

Json to_json(const Frame& frame, const Line& line) {
  Json machines = Json::object();
  for (std::size_t m = 0; m < frame.machines.size() && m < line.machines.size(); ++m) {
    const auto& seen = frame.machines[m];
    Json signals = Json::object();
    for (std::size_t s = 0; s < seen.signals.size(); ++s) {
      const auto& signal = line.machines[m].signals[s];
      signals[signal.name] = {{"value", finite(static_cast<double>(seen.signals[s].value))},
                              {"unit", signal.unit},
                              {"quality", name_of(seen.signals[s].quality)}};
    }
    machines[line.machines[m].name] = {{"state", name_of(seen.state)},
                                       {"operating_s", seen.operating_s},
                                       {"renewals", seen.renewals},
                                       {"signals", std::move(signals)}};
  }
  return {{"at_s", frame.at_s}, {"machines", std::move(machines)}};
}

Json to_json(const core::Glance& glance, const Line& line) {
  Json buffers = Json::array();
  Json machines = Json::array();
  const auto maybe = [](const auto& value) { return value ? Json(*value) : Json(); };
  for (std::size_t m = 0; m < glance.machines.size(); ++m) {
    const auto& machine = glance.machines[m];
    buffers.push_back(maybe(machine.buffer));
    Json good = Json::array();
    Json scrap = Json::array();
    for (const auto& progress : machine.progress) {
      good.push_back(progress.good);
      scrap.push_back(progress.scrap);
    }
    machines.push_back({{"name", line.machines.at(m).name},
                        {"order", maybe(machine.order)},
                        {"held", maybe(machine.held)},
                        {"down_s", machine.down_s},
                        {"good", std::move(good)},
                        {"scrap", std::move(scrap)},
                        {"all_good", maybe(machine.good)},
                        {"all_scrap", maybe(machine.scrap)}});
  }
  return {
      {"at_s", glance.at_s}, {"buffers", std::move(buffers)}, {"machines", std::move(machines)}};
}

Json to_json(const Schedule& schedule, const Line& line, const std::vector<Order>& orders) {
  Json sequence = Json::array();
  for (const auto order : schedule.sequence) sequence.push_back(orders.at(order.index).id);
  Json services = Json::array();
  for (const auto& service : schedule.services) {
    Json entry = {{"machine", line.at(service.machine).name}};
    if (service.when == Service::When::at_time)
      entry["at_s"] = service.at_s;
    else
      entry["before_order"] = orders.at(service.order.index).id;
    services.push_back(std::move(entry));
  }
  return {{"sequence", std::move(sequence)}, {"services", std::move(services)}};
}

Json to_json(const std::vector<Occupation>& gantt, const Line& line,
             const std::vector<Order>& orders) {
  Json bars = Json::array();
  for (const auto& bar : gantt) {
    Json entry = {{"machine", line.at(bar.machine).name},
                  {"what", name_of(bar.what)},
                  {"from_s", bar.from_s},
                  {"until_s", bar.until_s}};
    if (bar.what == Occupation::What::work || bar.what == Occupation::What::changeover)
      entry["order"] = orders.at(bar.order.index).id;
    bars.push_back(std::move(entry));
  }
  return bars;
}

Json to_json(const std::vector<plan::WorkSpan>& spans, const Line& line,
             const std::vector<Order>& orders) {
  Json out = Json::array();
  for (const auto& span : spans)
    out.push_back({{"machine", line.at(span.machine).name},
                   {"order", orders.at(span.order.index).id},
                   {"begin_s", {span.begin_low_s, span.begin_s, span.begin_high_s}},
                   {"end_s", {span.end_low_s, span.end_s, span.end_high_s}}});
  return out;
}

Json said(const core::GateVerdict& verdict) {
  return {{"check", verdict.check}, {"form", verdict.found.form}, {"values", verdict.found.values}};
}

Json to_json(const plan::Plan& plan, const plan::Request& request,
             const core::GateVerdict& verdict) {
  Json candidates = Json::array();
  for (const auto& evaluated : plan.evaluated) {
    candidates.push_back({{"name", evaluated.candidate.name},
                          {"why", evaluated.candidate.why},
                          {"cost", to_json(evaluated.mean_cost)},
                          {"simulated", evaluated.simulated},
                          {"short_of", evaluated.short_of},
                          {"measures", summary(evaluated.selection)}});
  }
  Json checks = Json::array();
  for (const auto& check : verdict.checks)
    checks.push_back({{"rule", check.rule},
                      {"name", check.name},
                      {"passed", check.passed},
                      {"text", check.text},
                      {"form", check.found.form},
                      {"values", check.found.values}});
  const auto& winner = plan.evaluated.at(plan.winner).candidate;
  const auto& proof = plan.proof;
  return {
      {"at_s", request.now.at_s},
      {"until_s", request.now.at_s + request.horizon_s},
      {"seed", request.seed},
      {"objective", text_of(request.objective)},
      {"currency", request.objective.currency},
      {"winner", winner.name},
      {"why", winner.why},
      {"passed", verdict.passed},
      {"reason", verdict.reason},
      {"said", said(verdict)},
      {"before", to_json(request.active, *request.line, *request.orders)},
      {"after", to_json(winner.schedule, *request.line, *request.orders)},
      {"candidates", std::move(candidates)},
      {"checks", std::move(checks)},
      {"proof",
       {{"seeds", proof.seeds},
        {"gain", proof.gain},
        {"mean_gain", to_json(proof.mean_gain)},
        {"gain_lower_95", finite(proof.gain_lower_95)},
        {"control_variate", proof.compared.sharpened},
        {"model_correlation", proof.compared.model_correlation},
        {"probability_better", proof.probability_better},
        {"keep_cost", proof.keep_cost},
        {"keep", summary(proof.keep)},
        {"winner", summary(proof.winner)},
        {"difference", difference(proof.winner, proof.keep)}}},
      {"orders",
       {{"keep", promises(proof.on_time, &plan::OnTime::keep, proof.keep_spans, *request.orders)},
        {"winner",
         promises(proof.on_time, &plan::OnTime::winner, proof.winner_spans, *request.orders)}}},
      {"spans",
       {{"keep", to_json(proof.keep_spans, *request.line, *request.orders)},
        {"winner", to_json(proof.winner_spans, *request.line, *request.orders)}}},
      {"gantt",
       {{"keep", to_json(plan.keep_example.gantt, *request.line, *request.orders)},
        {"winner", to_json(plan.winner_example.gantt, *request.line, *request.orders)}}}};
}

}  // namespace foreline::attachment
