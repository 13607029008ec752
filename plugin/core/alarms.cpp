// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/alarms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreline::core {

using namespace line;

namespace {

constexpr std::string_view communication_id = "plc/communication";
constexpr std::string_view deployment_id = "plc/deployment";

std::string minutes(double seconds) {
  return seconds < 5400 ? fmt::format("{:.0f} min", seconds / 60)
                        : fmt::format("{:.1f} h", seconds / 3600);
}

/// "bearing-wear of filler: 83 % within 2.0 h, as likely as not within 48 min; because of vibration
/// (+61 points)"
std::string why_of(const Machine& machine, const KindForecast& kind, double horizon_s) {
  const double median_s = kind.quantile_s(0.5);
  auto text = fmt::format("{} of {}: {:.0f} % within {}", name_of(kind.kind), machine.name,
                          100 * kind.probability_within(horizon_s), minutes(horizon_s));
  if (std::isfinite(median_s))
    text += fmt::format(", as likely as not within {}", minutes(median_s));
  std::string because;
  for (const auto& reason : kind.reasons) {
    if (reason.contribution < 0.02F || reason.signal >= machine.signals.size()) continue;
    if (!because.empty()) because += ", ";
    because += fmt::format("{} (+{:.0f} points)", machine.signals[reason.signal].name,
                           100 * reason.contribution);
  }
  return because.empty() ? text : text + "; because of " + because;
}

}  // namespace

Alarms::Alarms(const Line& line, const AlarmRules& rules) : line_(&line), rules_(rules) {}

AlarmEvent* Alarms::settle(Condition& condition, bool holds, double at_s, double on_delay_s,
                           double off_delay_s, std::vector<AlarmEvent>& out) {
  auto& record = condition.record;
  unshelve_if_due(record, at_s, out);
  if (holds == record.active) {
    condition.pending_since_s = -1;
    return nullptr;
  }
  if (condition.pending_since_s < 0) condition.pending_since_s = at_s;
  if (at_s - condition.pending_since_s < (holds ? on_delay_s : off_delay_s)) return nullptr;
  condition.pending_since_s = -1;
  record.active = holds;
  record.event.at_s = at_s;
  record.event.what = holds ? AlarmEvent::What::raised : AlarmEvent::What::cleared;
  if (record.state == AlarmState::shelved || record.state == AlarmState::out_of_service)
    return nullptr;
  record.since_s = at_s;
  if (holds)
    record.state = AlarmState::unacknowledged;
  else if (record.state != AlarmState::acknowledged)
    record.state = AlarmState::returned_unacknowledged;
  else if (!rules_.latch)
    record.state = AlarmState::normal;
  out.push_back(record.event);
  return &out.back();
}

std::vector<AlarmEvent> Alarms::update_forecasts(double at_s,
                                                 const std::vector<Forecast>& forecasts,
                                                 const std::vector<bool>& held) {
  std::vector<AlarmEvent> changes;
  for (const auto& forecast : forecasts) {
    if (!forecast.available) continue;
    const auto& machine = line_->at(forecast.machine);
    const bool stays = forecast.machine.index < held.size() && held[forecast.machine.index];
    for (const auto& kind : forecast.kinds) {
      if (!machine.can_have(kind.kind) || !gives_warning(kind.kind)) continue;
      auto& condition = conditions_[fmt::format("{}/{}", machine.name, name_of(kind.kind))];
      auto& event = condition.record.event;
      if (event.why.empty()) {
        event.id = fmt::format("{}/{}", machine.name, name_of(kind.kind));
        event.alarm_class = AlarmClass::forecast;
        event.machine = forecast.machine;
        event.kind = kind.kind;
      }
      condition.record.priority = rules_.forecast_priority;
      event.probability = static_cast<float>(kind.probability_within(rules_.horizon_s));
      event.expected_in_s = kind.quantile_s(0.5);
      event.why = why_of(machine, kind, rules_.horizon_s);
      const float bound =
          condition.record.active ? rules_.clear_probability : rules_.raise_probability;
      settle(condition, stays ? condition.record.active : event.probability >= bound, at_s,
             rules_.on_delay_s, rules_.off_delay_s, changes);
    }
  }
  return changes;
}

std::vector<AlarmEvent> Alarms::update_communication(double at_s, bool connected) {
  std::vector<AlarmEvent> changes;
  auto& condition = conditions_[std::string(communication_id)];
  auto& event = condition.record.event;
  event.id = communication_id;
  event.alarm_class = AlarmClass::communication;
  condition.record.priority = rules_.communication_priority;
  event.probability = connected ? 0.0F : 1.0F;
  event.why = connected ? "the PLC answers again" : "nothing arrives from the PLC";
  settle(condition, !connected, at_s, rules_.communication_on_delay_s, 0, changes);
  return changes;
}

std::vector<AlarmEvent> Alarms::update_quality(double at_s,
                                               const std::vector<std::vector<bool>>& bad) {
  std::vector<AlarmEvent> changes;
  for (std::uint32_t m = 0; m < bad.size() && m < line_->machines.size(); ++m) {
    const auto& machine = line_->machines[m];
    for (std::size_t s = 0; s < bad[m].size() && s < machine.signals.size(); ++s) {
      const auto id = fmt::format("{}/{}", machine.name, machine.signals[s].name);
      const auto known = conditions_.find(id);
      if (!bad[m][s] && known == conditions_.end()) continue;
      auto& condition = conditions_[id];
      auto& event = condition.record.event;
      event.id = id;
      event.alarm_class = AlarmClass::data_quality;
      condition.record.priority = rules_.quality_priority;
      event.machine = {m};
      event.why = fmt::format("{} of {} {}", machine.signals[s].name, machine.name,
                              bad[m][s] ? "gives no good value; the forecast does without it"
                                        : "gives good values again");
      settle(condition, bad[m][s], at_s, rules_.quality_on_delay_s, rules_.quality_on_delay_s,
             changes);
    }
  }
  return changes;
}

bool Alarms::acknowledge(const std::string& id, double at_s) {
  const auto found = conditions_.find(id);
  if (found == conditions_.end()) return false;
  auto& record = found->second.record;
  if (record.state == AlarmState::unacknowledged)
    record.state = AlarmState::acknowledged;
  else if (record.state == AlarmState::returned_unacknowledged ||
           (record.state == AlarmState::acknowledged && !record.active))
    record.state = AlarmState::normal;  // the latter: a latched one
  else
    return false;
  record.since_s = at_s;
  return true;
}

std::vector<AlarmEvent> Alarms::update_deployment(double at_s, bool failed,
                                                  const std::string& why) {
  std::vector<AlarmEvent> changes;
  auto& condition = conditions_[std::string(deployment_id)];
  auto& event = condition.record.event;
  event.id = deployment_id;
  event.alarm_class = AlarmClass::deployment;
  event.probability = failed ? 1.0F : 0.0F;
  event.why = why;
  condition.record.priority = rules_.deployment_priority;
  settle(condition, failed, at_s, 0, 0, changes);
  return changes;
}

void Alarms::show(AlarmRecord& record, double at_s) {
  record.state = record.active ? AlarmState::unacknowledged : AlarmState::normal;
  record.since_s = at_s;
}

void Alarms::unshelve_if_due(AlarmRecord& record, double at_s, std::vector<AlarmEvent>& out) {
  if (record.state != AlarmState::shelved || at_s < record.shelved_until_s) return;
  show(record, at_s);
  auto& unshelved = out.emplace_back(record.event);
  unshelved.at_s = at_s;
  unshelved.what = AlarmEvent::What::unshelved;
}

std::vector<AlarmEvent> Alarms::unshelve_due(double at_s) {
  std::vector<AlarmEvent> changes;
  for (auto& [id, condition] : conditions_) unshelve_if_due(condition.record, at_s, changes);
  return changes;
}

Alarms::Condition* Alarms::condition_of(const std::string& id) {
  auto found = conditions_.find(id);
  if (found == conditions_.end()) {
    auto record = made(id);
    if (!record) return nullptr;
    found = conditions_.emplace(id, Condition{std::move(*record), -1}).first;
  }
  return &found->second;
}

std::optional<AlarmRecord> Alarms::made(const std::string& id) const {
  AlarmRecord record;
  record.event.id = id;
  const auto as = [&](AlarmClass alarm_class, AlarmPriority priority) {
    record.event.alarm_class = alarm_class;
    record.priority = priority;
    return record;
  };
  if (id == communication_id) return as(AlarmClass::communication, rules_.communication_priority);
  if (id == deployment_id) return as(AlarmClass::deployment, rules_.deployment_priority);
  for (std::uint32_t m = 0; m < line_->machines.size(); ++m) {
    const auto& machine = line_->machines[m];
    record.event.machine = {m};
    for (const auto& mode : machine.faults) {
      if (!gives_warning(mode.kind) || id != fmt::format("{}/{}", machine.name, name_of(mode.kind)))
        continue;
      record.event.kind = mode.kind;
      return as(AlarmClass::forecast, rules_.forecast_priority);
    }
    for (const auto& signal : machine.signals)
      if (id == fmt::format("{}/{}", machine.name, signal.name))
        return as(AlarmClass::data_quality, rules_.quality_priority);
  }
  return std::nullopt;
}

bool Alarms::unshelve(const std::string& id, double at_s) {
  const auto found = conditions_.find(id);
  if (found == conditions_.end() || found->second.record.state != AlarmState::shelved) return false;
  show(found->second.record, at_s);
  return true;
}

bool Alarms::take_out_of_service(const std::string& id, double at_s) {
  auto* condition = condition_of(id);
  if (condition == nullptr) return false;
  auto& record = condition->record;
  if (record.state == AlarmState::out_of_service) return false;
  record.state = AlarmState::out_of_service;
  record.since_s = at_s;
  return true;
}

bool Alarms::return_to_service(const std::string& id, double at_s) {
  const auto found = conditions_.find(id);
  if (found == conditions_.end() || found->second.record.state != AlarmState::out_of_service)
    return false;
  show(found->second.record, at_s);
  return true;
}

bool Alarms::shelve(const std::string& id, double at_s, double for_s) {
  const auto found = conditions_.find(id);
  if (found == conditions_.end() || !(for_s > 0)) return false;
  auto& record = found->second.record;
  if (record.state == AlarmState::out_of_service) return false;
  record.state = AlarmState::shelved;
  record.since_s = at_s;
  record.shelved_until_s = at_s + for_s;
  return true;
}

bool Alarms::keep_shelved(const std::string& id, double at_s, double until_s) {
  auto* condition = condition_of(id);
  if (condition == nullptr || condition->record.state == AlarmState::out_of_service) return false;
  auto& record = condition->record;
  record.state = AlarmState::shelved;
  record.since_s = at_s;
  record.shelved_until_s = until_s;
  return true;
}

void Alarms::take_over(const Alarms& former) {
  for (const auto& [id, condition] : former.conditions_) {
    if (!can_have(id)) continue;
    auto& kept = conditions_[id] = condition;
    // The machine may have another place in the line now.
    if (const auto machine = line_->machine_named(id.substr(0, id.find('/'))))
      kept.record.event.machine = *machine;
  }
}

std::vector<AlarmRecord> Alarms::standing() const {
  std::vector<AlarmRecord> records;
  for (const auto& [id, condition] : conditions_) {
    if (condition.record.state != AlarmState::normal) records.push_back(condition.record);
  }
  std::stable_sort(records.begin(), records.end(), [](const AlarmRecord& a, const AlarmRecord& b) {
    return a.since_s > b.since_s;
  });
  return records;
}

AlarmRecord Alarms::record(const std::string& id) const {
  const auto found = conditions_.find(id);
  return found == conditions_.end() ? AlarmRecord{} : found->second.record;
}

}  // namespace foreline::core
