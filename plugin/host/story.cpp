// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plugin/host/console.hpp"

namespace foreline::host {

using line::Outcome;
using line::Trial;
using Json = nlohmann::ordered_json;

namespace {

/// Points of one curve; the page needs no more.
constexpr std::size_t points_max = 600;

Json thinned(const std::vector<std::pair<double, double>>& points) {
  Json out = Json::array();
  const auto step = points.size() / points_max + 1;
  for (std::size_t i = 0; i < points.size(); i += step)
    out.push_back(
        {points[i].first, std::isfinite(points[i].second) ? Json(points[i].second) : Json()});
  return out;
}

std::string fault_id(const Trial& trial, const line::FaultRecord& fault) {
  return fmt::format("{}/{}", trial.line->at(fault.machine).name, name_of(fault.kind));
}

Json run_json(const Trial& trial, const Outcome& outcome) {
  Json measures = Json::object();
  const auto values = measures_of(trial, outcome);
  for (const auto& field : line::measure_fields())
    measures[std::string(field.name)] = {{"value", values.*field.field}, {"unit", field.unit}};
  Json gantt = Json::array();
  for (const auto& bar : outcome.gantt)
    gantt.push_back({{"machine", trial.line->at(bar.machine).name},
                     {"what", name_of(bar.what)},
                     {"order", (*trial.orders)[bar.order.index].id},
                     {"from_s", bar.from_s},
                     {"until_s", bar.until_s}});
  Json faults = Json::array();
  for (const auto& fault : outcome.faults)
    faults.push_back({{"id", fault_id(trial, fault)},
                      {"onset_s", fault.onset_s},
                      {"failed_s", fault.failed_s},
                      {"prevented", fault.prevented}});
  return {{"measures", std::move(measures)},
          {"gantt", std::move(gantt)},
          {"faults", std::move(faults)}};
}

std::string shown(double value, std::string_view unit) {
  if (unit == "s") return clock_text(value);
  if (unit.empty()) return fmt::format("{:.1f} %", 100 * value);
  return fmt::format("{:.1f}", value);
}

}  // namespace

void Story::take(const Json& event) {
  const auto kind = event.value("event", "");
  const auto what = event.value("what", "");
  if (kind == "snapshot") {
    const auto& snapshot = event.at("snapshot");
    line_time_s_ = snapshot.value("line_time_s", line_time_s_);
    model_ = snapshot.value("model", model_);
    standing_.clear();
    for (const auto& alarm : snapshot.at("alarms"))
      if (alarm.value("active", false)) standing_.push_back(alarm.value("id", ""));
    if (snapshot.contains("stands")) {
      made_ = 0;
      for (const auto& machine : snapshot.at("stands").at("machines"))
        for (const auto& good : machine.value("good", Json::array()))
          if (good.is_number()) made_ += good.get<double>();
    }
    const auto& values = snapshot.at("values");
    const double at_s = values.value("at_s", 0.0);
    if (!values.contains("machines")) return;
    for (const auto& [machine, seen] : values.at("machines").items()) {
      for (const auto& [name, signal] : seen.at("signals").items()) {
        auto& points = signals_[machine][name];
        units_[machine + "/" + name] = signal.value("unit", "");
        if (!points.empty() && points.back().first >= at_s) continue;
        const auto& value = signal.at("value");
        points.emplace_back(at_s, value.is_number() ? value.get<double>() : std::nan(""));
      }
    }
    return;
  }
  if (kind != "link" && kind != "forecast" && kind != "alarm" && kind != "plan" && kind != "deploy")
    return;
  line_time_s_ = std::max(line_time_s_, event.value("at_s", 0.0));
  const auto subject = event.value("subject", "");
  if (kind == "forecast") {
    if (what == "forecast")
      forecasts_[subject].emplace_back(event.value("at_s", 0.0), event.value("probability", 0.0));
    sentences_[subject.substr(0, subject.find('/'))] = event.at("detail").value("sentence", "");
    return;
  }
  if (kind == "plan" && what == "progress") return;
  events_.push_back({{"at_s", event.value("at_s", 0.0)},
                     {"event", kind},
                     {"what", what},
                     {"text", event.value("text", "")}});
  if (kind == "alarm" && what == "raised" && forecasts_.contains(subject))
    alarms_.push_back({subject, event.value("at_s", 0.0), event.at("detail").value("why", ""),
                       sentences_[subject.substr(0, subject.find('/'))]});
  if (kind == "plan" && (what == "proposed" || what == "refused") && !confirmed_at_s_)
    plan_ = event.at("detail");
  if (kind == "deploy" && what == "approved") approval_ = event.value("text", "");
  if (kind == "deploy" && what == "confirmed" && !confirmed_at_s_)
    confirmed_at_s_ = event.value("at_s", 0.0);
}

std::string Story::standing() const {
  std::string highest;
  double probability = -1;
  for (const auto& [id, points] : forecasts_) {
    if (points.empty() || points.back().second <= probability) continue;
    probability = points.back().second;
    highest = id;
  }
  std::string text = highest.empty() ? std::string("no forecast yet")
                                     : fmt::format("highest forecast {:.0f} % within 2 h ({})",
                                                   100 * probability, highest);
  text += standing_.empty() ? "; no alarm" : "; alarms:";
  for (const auto& id : standing_) text += " " + id;
  return text;
}

const Story::Alarm* Story::told(const Trial& trial, const Outcome& without) const {
  for (const auto& alarm : alarms_) {
    const bool came = std::any_of(
        without.faults.begin(), without.faults.end(), [&](const line::FaultRecord& fault) {
          return fault.failed_s >= 0 && fault_id(trial, fault) == alarm.id;
        });
    if (came) return &alarm;
  }
  return alarms_.empty() ? nullptr : &alarms_.front();
}

Conclusion Story::conclude(const Trial& trial, const Outcome& with, const Outcome& without) const {
  Conclusion conclusion;
  const auto before = measures_of(trial, without);
  const auto after = measures_of(trial, with);
  conclusion.table = fmt::format("{:<24}{:>16}{:>16}\n", "", "without change", "as it went");
  for (const auto& field : line::measure_fields())
    conclusion.table += fmt::format(
        "{:<24}{:>16}{:>16}\n",
        fmt::format("{}{}", field.name,
                    field.unit == "s" || field.unit.empty() ? std::string()
                                                            : fmt::format(" ({})", field.unit)),
        shown(before.*field.field, field.unit), shown(after.*field.field, field.unit));
  const auto* alarm = told(trial, without);
  bool forecast = false;
  for (const auto& fault : without.faults) {
    if (fault.failed_s < 0) continue;
    const auto id = fault_id(trial, fault);
    const bool this_one = alarm != nullptr && alarm->id == id && alarm->at_s < fault.failed_s;
    forecast = forecast || this_one;
    conclusion.sentences.push_back(
        this_one ? fmt::format("Without the change {} stops the line at {}; it was forecast at {}, "
                               "{:.0f} min before.",
                               id, clock_text(fault.failed_s), clock_text(alarm->at_s),
                               (fault.failed_s - alarm->at_s) / 60)
                 : fmt::format("Without the change {} stops the line at {}; it was not forecast.",
                               id, clock_text(fault.failed_s)));
  }
  if (without.faults.empty()) conclusion.sentences.emplace_back("No fault came on this day.");
  conclusion.sentences.push_back(
      confirmed_at_s_
          ? fmt::format("\"{}\" was deployed and confirmed by read-back at {}.",
                        plan_.value("winner", "the proposal"), clock_text(*confirmed_at_s_))
          : "No schedule was deployed and confirmed.");
  const double hours = (before.downtime_s - after.downtime_s) / 60;
  conclusion.sentences.push_back(
      fmt::format("Downtime {} instead of {} ({:+.0f} min), {:.0f} orders late instead of {:.0f}.",
                  clock_text(after.downtime_s), clock_text(before.downtime_s), -hours,
                  after.orders_late, before.orders_late));
  conclusion.proved = forecast && confirmed_at_s_.has_value();
  return conclusion;
}

Json Story::as_json(const text::Scenario& scenario, const Trial& trial, double speed,
                    const Outcome& with, const Outcome& without) const {
  const auto* alarm = told(trial, without);
  const auto machine = alarm != nullptr ? alarm->id.substr(0, alarm->id.find('/'))
                                        : trial.line->machines.front().name;
  Json story = {{"title", scenario.title},
                {"scenario", std::filesystem::path(scenario.path).filename().string()},
                {"line", trial.line->name},
                {"seed", trial.seed},
                {"speed", speed},
                {"version", FORELINE_VERSION},
                {"model", model_},
                {"until_s", std::max(with.end_s, without.end_s)},
                {"machine", machine},
                {"conclusion", conclude(trial, with, without).sentences}};
  auto& machines = story["machines"] = Json::array();
  for (const auto& known : trial.line->machines) machines.push_back(known.name);
  auto& orders = story["orders"] = Json::array();
  for (const auto& order : *trial.orders)
    orders.push_back(
        {{"id", order.id}, {"due_s", std::isfinite(order.due_s) ? Json(order.due_s) : Json()}});
  auto& signals = story["signals"] = Json::array();
  if (const auto seen = signals_.find(machine); seen != signals_.end()) {
    for (const auto& signal : trial.line->at(*trial.line->machine_named(machine)).signals) {
      const auto points = seen->second.find(signal.name);
      if (points != seen->second.end())
        signals.push_back(
            {{"name", signal.name}, {"unit", signal.unit}, {"points", thinned(points->second)}});
    }
  }
  auto& forecasts = story["forecasts"] = Json::array();
  for (const auto& [id, points] : forecasts_) {
    const bool shown_here = id.rfind(machine + "/", 0) == 0 ||
                            std::any_of(alarms_.begin(), alarms_.end(),
                                        [&, &name = id](const Alarm& a) { return a.id == name; });
    if (shown_here) forecasts.push_back({{"id", id}, {"points", thinned(points)}});
  }
  if (alarm != nullptr)
    story["alarm"] = {{"id", alarm->id},
                      {"at_s", alarm->at_s},
                      {"why", alarm->why},
                      {"sentence", alarm->sentence}};
  if (!plan_.is_null()) story["plan"] = plan_;
  if (confirmed_at_s_)
    story["deployment"] = {{"approval", approval_}, {"confirmed_at_s", *confirmed_at_s_}};
  story["runs"] = {{"without", run_json(trial, without)}, {"with", run_json(trial, with)}};
  story["events"] = events_;
  story["audit"] = Json::array();
  return story;
}

}  // namespace foreline::host
