// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

namespace foreline::attachment {

Json Attachment::State::deployment_json() const {
  const auto& ledger = kept.ledger;
  std::size_t judged_count = 0;
  std::size_t broken = 0;
  for (const auto& promise : ledger.promises()) {
    if (!promise.realised && !promise.rolled_back) continue;
    ++judged_count;
    broken += promise.rolled_back || *promise.realised < promise.gain_lower ? 1 : 0;
  }
  Json json = {{"locked_out", ledger.locked_out()},
               {"judged", judged_count},
               {"broken", broken},
               {"deployments", ledger.promises().size()}};
  if (const auto& standing = ledger.standing()) {
    const auto& last = ledger.promises().back();
    json["proposal"] = standing->proposal;
    json["name"] = standing->name;
    json["from_s"] = standing->from_s;
    json["until_s"] = standing->until_s;
    json["gain_mean"] = standing->gain_mean;
    json["gain_lower"] = standing->gain_lower;
    json["realised"] = last.realised ? Json(*last.realised) : Json();
    json["window"] = followed;
  }
  return json;
}

Answer Attachment::read(const std::string& tag, Value& out) const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  if (const auto found = s.tags ? s.tags->find(tag) : std::nullopt) {
    const auto& shown = s.tags->value(*found);
    out = {};
    out.at_s = s.line_s;
    out.received_ns = shown.received_ns;
    out.value = shown.value;
    out.quality = s.quality_now(*found);
    out.unit = s.tags->tags()[*found].unit;
    return {};
  }
  const auto slash = tag.find('/');
  const auto machine = s.line().machine_named(tag.substr(0, slash));
  if (slash == std::string::npos || !machine)
    return {Refusal::invalid_argument,
            fmt::format("\"{}\" is no tag; write machine/signal or machine/state", tag)};
  const auto name = tag.substr(slash + 1);
  const auto& signals = s.line().at(*machine).signals;
  const auto signal = std::find_if(signals.begin(), signals.end(),
                                   [&](const Signal& known) { return known.name == name; });
  if (name != "state" && signal == signals.end())
    return {Refusal::invalid_argument,
            fmt::format("{} has no signal \"{}\"", s.line().at(*machine).name, name)};
  out = {};
  if (signal != signals.end()) out.unit = signal->unit;
  if (machine->index >= s.frame.machines.size()) return {};
  const auto& seen = s.frame.machines[machine->index];
  out.at_s = s.frame.at_s;
  out.received_ns = s.received_ns;
  const auto& registers = s.configuration.map.machines.at(machine->index);
  if (name == "state") {
    out.value = static_cast<double>(seen.state);
    out.quality = s.quality_of_link(registers.state, seen.state == PackmlState::undefined
                                                         ? Quality::uncertain_out_of_range
                                                         : Quality::good);
  } else {
    const auto which = static_cast<std::size_t>(signal - signals.begin());
    out.value = static_cast<double>(seen.signals.at(which).value);
    out.quality = s.quality_of_link(registers.signals.at(which), seen.signals[which].quality);
  }
  return {};
}

std::uint16_t Attachment::metrics_port() const {
  return state_->metrics_server ? state_->metrics_server->port() : std::uint16_t{0};
}

std::uint16_t Attachment::server_port() const {
  return state_->server_port;
}

std::string Attachment::metrics() const {
  const auto& s = *state_;
  std::string out;
  const auto family = [&](const char* name, const char* type, const char* help) {
    out += fmt::format("# HELP foreline_{} {}\n# TYPE foreline_{} {}\n", name, help, name, type);
  };
  const std::lock_guard lock(s.mutex);
  struct Counted {
    std::string label;
    io::DeviceCounters counters;
  };
  std::vector<Counted> all;
  for (std::size_t d = 0; d < s.devices.size(); ++d)
    all.push_back(
        {text_of(Json(core::device_at(s.configuration, d).name)), s.devices[d]->counters()});
  const auto each = [&](const char* name, const char* type, const char* help, auto value) {
    family(name, type, help);
    for (const auto& [label, counters] : all)
      out += fmt::format("foreline_{}{{device={}}} {}\n", name, label, value(counters));
  };
  using C = io::DeviceCounters;
  each("requests_total", "counter", "Requests sent", [](const C& c) { return c.requests; });
  each("answers_total", "counter", "Requests answered", [](const C& c) { return c.answers; });
  each("timeouts_total", "counter", "Requests without an answer",
       [](const C& c) { return c.timeouts; });
  each("malformed_total", "counter", "Answers that were none",
       [](const C& c) { return c.malformed; });
  each("late_total", "counter", "Answers that came too late", [](const C& c) { return c.late; });
  each("duplicates_total", "counter", "Second answers", [](const C& c) { return c.duplicates; });
  each("connects_total", "counter", "Connections made", [](const C& c) { return c.connects; });
  each("connect_failures_total", "counter", "Connections that failed",
       [](const C& c) { return c.connect_failures; });
  each("refused_total", "counter", "Requests not sent, to leave a device alone",
       [](const C& c) { return c.refused; });
  each("queue_length", "gauge", "Requests that wait", [](const C& c) { return c.queued; });
  each("connected", "gauge", "1: connected", [](const C& c) { return c.connected ? 1 : 0; });
  family("exceptions_total", "counter", "Exception answers by code");
  for (const auto& [label, counters] : all)
    for (const auto& [code, count] : counters.exceptions_by_code)
      out += fmt::format("foreline_exceptions_total{{device={},code=\"{}\"}} {}\n", label, code,
                         count);
  family("round_trip_seconds", "histogram", "From a request to its answer");
  for (const auto& [label, counters] : all) {
    std::uint64_t below = 0;
    for (std::size_t b = 0; b < counters.round_trips.size(); ++b) {
      below += counters.round_trips[b];
      const auto bound = b < C::bounds_s.size() ? fmt::format("{}", C::bounds_s[b]) : "+Inf";
      out += fmt::format("foreline_round_trip_seconds_bucket{{device={},le=\"{}\"}} {}\n", label,
                         bound, below);
    }
    out += fmt::format(
        "foreline_round_trip_seconds_sum{{device={0}}} {1}\n"
        "foreline_round_trip_seconds_count{{device={0}}} {2}\n",
        label, counters.round_trips_s, below);
  }
  const auto one = [&](const char* name, const char* type, const char* help, auto value) {
    family(name, type, help);
    out += fmt::format("foreline_{} {}\n", name, value);
  };
  one("polls_total", "counter", "Polls of the line", s.polls);
  one("overruns_total", "counter", "Beats skipped", s.overruns);
  one("line_time_seconds", "gauge", "The line's own clock", s.line_s);
  one("line_connected", "gauge", "1: the line's PLC answers as itself", s.connected ? 1 : 0);
  one("alarms_standing", "gauge", "Alarms that are not normal",
      s.watch ? s.watch->alarms().standing().size() : 0);
  one("proposals_total", "counter", "Proposals made", s.proposal.number);
  one("gate_refusals_total", "counter", "Plans that the gate refused", s.gate_refusals);
  one("forecast_seconds_last", "gauge", "Time of the last round of forecasts", s.forecast_took_s);
  one("register_clients", "gauge", "Clients of our register server",
      s.server ? s.server->clients() : 0);
  one("historian_failures_total", "counter",
      "Historians given up because they could not be written", s.dropped);
  if (s.north) {
    const auto north = s.north->counters();
    one("mqtt_connected", "gauge", "1: the broker answers", north.connected ? 1 : 0);
    one("mqtt_connects_total", "counter", "Connections to the broker", north.connects);
    one("mqtt_published_total", "counter", "Messages published", north.published);
    one("mqtt_history_total", "counter", "Of these, values that had been kept", north.history);
    one("mqtt_kept", "gauge", "Records that wait on disk", north.kept);
    one("mqtt_dropped_total", "counter", "Records given up", north.dropped);
  }
  family("writes_total", "counter", "Tags written, by how it ended");
  constexpr std::array<const char*, 3> ends = {"written", "refused", "failed"};
  for (std::size_t i = 0; i < ends.size(); ++i)
    out += fmt::format("foreline_writes_total{{end=\"{}\"}} {}\n", ends[i], s.write_ends[i]);
  return out;
}

std::string Attachment::way_back() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto& standing = s.kept.ledger.standing();
  if (!standing) return "null";
  const auto& orders = *s.configuration.orders;
  const auto frozen = s.glanced ? s.glanced->frozen_prefix(standing->after) : 0;
  const auto back = core::way_back(standing->before, standing->after, frozen);
  return text_of({{"proposal", standing->proposal},
                  {"before", to_json(standing->after, s.line(), orders)},
                  {"after", to_json(back, s.line(), orders)}});
}

std::string Attachment::calibration() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  auto here = s.kept.scores;
  if (s.judged) here.add(s.judged->scores());
  Json json = {{"horizon_s", s.configuration.watch.alarms.horizon_s},
               {"every_s", s.configuration.watch.alarms.horizon_s / forecasts_judged_a_horizon},
               {"here", to_json(here)},
               {"periods", Json::array()}};
  for (const auto& period : s.kept.periods) {
    double said = 0;
    for (const auto& bin : period.scores.bins) said += bin.probability;
    json["periods"].push_back({{"wall_ms", period.wall_ns / 1'000'000},
                               {"at_s", period.at_s},
                               {"forecasts", period.scores.forecasts()},
                               {"said", said},
                               {"came", period.scores.failures()},
                               {"squares", period.scores.squares}});
  }
  return text_of(json);
}

std::string Attachment::drift() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  Json json = Json::array();
  for (std::size_t m = 0; s.drift && m < s.line().machines.size(); ++m) {
    const auto& machine = s.line().machines[m];
    for (std::size_t i = 0; i < machine.signals.size(); ++i) {
      Json at = Json::array();
      Json shift = Json::array();
      for (const auto& hour : s.drift->course(m, i)) {
        at.push_back(hour.from_s);
        shift.push_back(std::isfinite(hour.deviations)
                            ? Json(std::round(100 * hour.deviations) / 100)
                            : Json());
      }
      json.push_back({{"machine", machine.name},
                      {"signal", machine.signals[i].name},
                      {"at_s", std::move(at)},
                      {"shift", std::move(shift)}});
    }
  }
  return text_of(json);
}

std::string Attachment::input_quality() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  if (!s.input_quality) return "{}";
  const auto& quality = *s.input_quality;
  Json json = {{"since_s", quality.since_s() < 0 ? Json() : Json(quality.since_s())},
               {"frames", quality.frames()},
               {"lost", quality.lost()},
               {"signals", Json::array()}};
  for (std::size_t m = 0; m < s.line().machines.size(); ++m) {
    const auto& machine = s.line().machines[m];
    for (std::size_t i = 0; i < machine.signals.size(); ++i) {
      const auto& tally = quality.of(m, i);
      Json by = Json::object();
      for (std::size_t q = 0; q < core::quality_count; ++q)
        if (tally.by_quality.at(q) > 0)
          by[std::string(name_of(static_cast<Quality>(q)))] = tally.by_quality.at(q);
      json["signals"].push_back(
          {{"machine", machine.name},
           {"signal", machine.signals[i].name},
           {"samples", tally.samples},
           {"by_quality", std::move(by)},
           {"stuck", tally.stuck},
           {"outliers", tally.outliers},
           {"spikes", tally.spikes},
           {"gaps", tally.gaps},
           {"longest_gap_s", tally.gaps == 0 ? Json() : Json(tally.longest_gap_s)},
           {"longest_gap_at_s", tally.gaps == 0 ? Json() : Json(tally.longest_gap_at_s)}});
    }
  }
  return text_of(json);
}

std::string Attachment::maintenance(const std::string& machine) const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto position = s.line().machine_named(machine);
  if (!s.maintenance || !position) return "null";
  const auto& summary = s.maintenance->summary(position->index);
  const auto maybe = [](std::optional<double> value) { return value ? Json(*value) : Json(); };
  Json entries = Json::array();
  for (const auto& entry : s.maintenance->entries(position->index))
    entries.push_back(to_json(entry));
  return text_of({{"since_s", summary.since_s < 0 ? Json() : Json(summary.since_s)},
                  {"operating_s", summary.operating_s},
                  {"breakdowns", summary.breakdowns},
                  {"down_s", summary.down_s},
                  {"services", summary.services},
                  {"service_s", summary.service_s},
                  {"mtbf_s", maybe(summary.mtbf_s())},
                  {"mttr_s", maybe(summary.mttr_s())},
                  {"entries", std::move(entries)}});
}

std::string Attachment::past() const {
  const std::lock_guard lock(state_->mutex);
  return state_->past;
}

std::string Attachment::snapshot() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  auto seen = s.frame;
  for (std::size_t m = 0; m < seen.machines.size(); ++m)
    for (std::size_t i = 0; i < seen.machines[m].signals.size(); ++i) {
      auto& quality = seen.machines[m].signals[i].quality;
      quality = s.quality_of_link(s.configuration.map.machines[m].signals[i], quality);
    }
  Json json = {{"line", s.line().name},        {"running", s.running.load()},
               {"connected", s.connected},     {"line_time_s", s.line_s},
               {"server_port", server_port()}, {"values", to_json(seen, s.line())}};
  Json forecasts = Json::array();
  Json alarms = Json::array();
  if (s.watch) {
    for (const auto& forecast : s.watch->latest()) forecasts.push_back(to_json(forecast, s.line()));
    for (const auto& record : s.watch->alarms().standing()) {
      alarms.push_back(to_json(record));
      const auto* aside = s.kept.aside(record);
      if (aside == nullptr) continue;
      alarms.back()["by"] = aside->who;
      alarms.back()["reason"] = aside->reason;
      alarms.back()["hidden_ms"] = aside->since_ns / 1'000'000;
    }
  }
  json["forecasts"] = std::move(forecasts);
  json["alarms"] = std::move(alarms);
  json["proposal"] = {{"number", s.proposal.number},
                      {"state", core::name_of(s.proposal.state)},
                      {"name", s.proposal.name},
                      {"gain_lower_95", s.proposal.gain_lower_95}};
  if (!s.proposal.signed_by.empty()) json["proposal"]["signed_by"] = s.proposal.signed_by;
  json["deployment"] = s.deployment_json();
  json["received_ns"] = s.received_ns;
  if (s.watched_from_s >= 0) json["watched_from_s"] = s.watched_from_s;
  json["pace"] = s.pace;
  json["model"] = s.forecaster ? s.forecaster->description() : std::string();
  json["planning"] = {{"done", s.progress.done}, {"all", s.progress.all}};
  if (s.looked) json["stands"] = to_json(*s.looked, s.line());
  if (s.looked && s.configuration.map.schedule)
    json["schedule"] = to_json(s.running_schedule, s.line(), *s.configuration.orders);
  Json devices = Json::array();
  for (std::size_t d = 0; d < s.devices.size(); ++d) {
    const auto counters = s.devices[d]->counters();
    const auto& device = s.known[d];
    devices.push_back(
        {{"name", core::device_at(s.configuration, d).name},
         {"quality", name_of(device.link)},
         {"trouble", device.trouble.empty() && device.refuses() ? device.refusal : device.trouble},
         {"since_ns", device.since_ns},
         {"connected", counters.connected},
         {"requests", counters.requests},
         {"timeouts", counters.timeouts},
         {"exceptions", counters.exceptions},
         {"malformed", counters.malformed},
         {"late", counters.late},
         {"connects", counters.connects}});
  }
  json["devices"] = std::move(devices);
  json["counters"] = {{"polls", s.polls},
                      {"requests", s.counters.requests},
                      {"timeouts", s.counters.timeouts},
                      {"exceptions", s.counters.exceptions},
                      {"malformed", s.counters.malformed},
                      {"late", s.counters.late},
                      {"duplicates", s.counters.duplicates},
                      {"overruns", s.overruns}};
  if (s.tags && !s.tags->tags().empty()) {
    auto& tags = json["tags"] = Json::object();
    for (std::size_t i = 0; i < s.tags->tags().size(); ++i) {
      const auto& tag = s.tags->tags()[i];
      const auto& shown = s.tags->value(i);
      auto& entry = tags[tag.name] = {{"quality", name_of(s.quality_now(i))},
                                      {"unit", tag.unit},
                                      {"source_ns", shown.source_ns},
                                      {"received_ns", shown.received_ns}};
      if (tag.at.type == core::RegisterType::string)
        entry["value"] = shown.text;
      else
        entry["value"] = std::isfinite(shown.value) ? Json(shown.value) : Json();
    }
  }
  return text_of(json);
}

}  // namespace foreline::attachment
