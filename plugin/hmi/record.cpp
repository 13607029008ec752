// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/record.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "plugin/core/input_quality.hpp"
#include "sim/drawing/line_drawing.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::hmi {

using line::PackmlState;

namespace {

constexpr double band_units = 3;  ///< Half-width of the normal band, in healthy units.
/// ISA-18.2: a value that scatters around its limit must not blink. So many readings in a row of
/// the running machine, and back only below the limit by this share of the band's half-width.
constexpr int outside_readings = 6;
constexpr double outside_dead_band = 0.2;
constexpr double stood_s = 900;     ///< After that the level of a signal is not known any more.
constexpr double warms_up_s = 900;  ///< A machine that stood is cold for so long.
constexpr std::size_t history_max = 50;
constexpr std::size_t forecasts_max = 600;
constexpr std::size_t plans_max = 50;

double number(const Json& json, const char* key, double otherwise) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : otherwise;
}

std::string text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Three decimals say all that a page shows of a probability.
Json rounded(const Json& value) {
  return value.is_number() ? Json(std::round(value.get<double>() * 1000) / 1000) : value;
}

Json share(double value) {
  return value < 0 ? Json() : Json(std::round(value * 1000) / 1000);
}

double expected(const line::Distribution& distribution) {
  return distribution.expectation();
}

/// Time in these states is planned production; the others are stops, services and changeovers.
bool planned(std::size_t state) {
  return state != static_cast<std::size_t>(PackmlState::undefined) &&
         state != static_cast<std::size_t>(PackmlState::idle) &&
         state != static_cast<std::size_t>(PackmlState::complete);
}
bool available(std::size_t state) {
  return state == static_cast<std::size_t>(PackmlState::execute) ||
         state == static_cast<std::size_t>(PackmlState::suspended) ||
         state == static_cast<std::size_t>(PackmlState::suspending) ||
         state == static_cast<std::size_t>(PackmlState::unsuspending);
}

/// Where a signal goes, from the newest full block on: times and quantiles side by side. Nothing of
/// a machine that has stood since.
Json ahead_of(const inference::Course& course, double now_s) {
  Json out = {{"at_s", Json::array()},
              {"low", Json::array()},
              {"middle", Json::array()},
              {"high", Json::array()},
              {"held", Json::array()}};
  auto points = course.ahead();
  if (!points.empty() && now_s > points.front().at_s + stood_s) points.clear();
  // What is sooner than the first is no less sure.
  if (!points.empty()) {
    points.insert(points.begin(), points.front());
    points.front().at_s -= inference::Course::block_s;
  }
  for (const auto& point : points) {
    out["at_s"].push_back(point.at_s);
    out["low"].push_back(point.low);
    out["middle"].push_back(point.middle);
    out["high"].push_back(point.high);
    out["held"].push_back(point.held);
  }
  return out;
}

/// Of an alarm's event.
Activation activation_of(const Json& event) {
  const auto detail = event.value("detail", Json());
  const auto of = [&](const char* key) { return detail.is_object() ? text(detail, key) : ""; };
  auto priority = line::AlarmPriority::low;
  for (const auto one :
       {line::AlarmPriority::medium, line::AlarmPriority::high, line::AlarmPriority::critical})
    if (of("priority") == name_of(one)) priority = one;
  return {number(event, "at_s", 0), text(event, "subject"), priority,
          of("class") == name_of(line::AlarmClass::forecast)};
}

std::size_t state_number(const std::string& name) {
  for (std::size_t i = 0; i < line::packml_state_count; ++i)
    if (name_of(static_cast<PackmlState>(i)) == name) return i;
  return 0;
}

}  // namespace

Record::Record(line::Line line, std::vector<line::Order> orders)
    : line_(std::move(line)),
      orders_(std::move(orders)),
      flow_(line::flow_of(line_)),
      takers_(line_.takers()) {
  begin_again();
}

void Record::begin_again() {
  machines_.assign(line_.machines.size(), {});
  for (std::size_t m = 0; m < machines_.size(); ++m)
    machines_[m].signals.resize(line_.machines[m].signals.size());
  first_.clear();
  now_.clear();
  finished_.clear();
  values_at_s_ = -1;
  stand_at_s_ = -1;
  begun_s_ = -1;
  looked_s_ = -1;
  activations_.clear();
}

bool Record::off_shift(const line::Machine& machine, const std::string& state, double at_s) const {
  const auto* calendar = line_.calendar_of(machine);
  return calendar != nullptr && state == name_of(PackmlState::stopped) && !calendar->is_open(at_s);
}

void Record::take(const Json& snapshot) {
  if (!snapshot.is_object()) return;
  snapshot_ = snapshot;
  if (const auto values = snapshot.find("values"); values != snapshot.end()) take_values(*values);
  if (const auto stands = snapshot.find("stands"); stands != snapshot.end()) take_stand(*stands);
}

void Record::take_values(const Json& values) {
  const auto machines = values.find("machines");
  const double at_s = number(values, "at_s", -1);
  if (machines == values.end() || !machines->is_object() || machines->empty()) return;
  if (at_s < values_at_s_ - new_run_s) {
    begin_again();
    former_.clear();
  }
  if (at_s <= values_at_s_) return;
  const double passed_s = values_at_s_ < 0 ? 0 : at_s - values_at_s_;
  values_at_s_ = at_s;
  if (begun_s_ < 0) {
    looked_s_ = at_s;
    begun_s_ = std::min(at_s, number(snapshot_, "watched_from_s", at_s));
    count_former();
  }
  for (std::size_t m = 0; m < machines_.size(); ++m) {
    const auto seen = machines->find(line_.machines[m].name);
    if (seen == machines->end()) continue;
    auto& machine = machines_[m];
    const auto state = text(*seen, "state");
    machine.off_shift = off_shift(line_.machines[m], state, at_s);
    // What it need not do costs no effectiveness.
    if (!machine.off_shift) machine.state_s.at(state_number(state)) += passed_s;
    if (state != machine.state) {
      machine.state = state;
      machine.state_since_s = at_s;
    }
    // A count that cannot be read is 0, and nobody has been at the machine.
    const auto renewals = static_cast<std::uint32_t>(number(*seen, "renewals", 0));
    if (renewals != 0 && renewals != machine.renewals) {
      machine.renewals = renewals;
      for (auto& trend : machine.signals) trend.outside = false;
    }
    const double runs_s =
        state == name_of(PackmlState::execute) ? at_s - machine.state_since_s : -1;
    const auto signals = seen->find("signals");
    for (std::size_t s = 0; signals != seen->end() && s < machine.signals.size(); ++s) {
      const auto sample = signals->find(line_.machines[m].signals[s].name);
      if (sample == signals->end()) continue;
      auto& trend = machine.signals[s];
      const bool good = text(*sample, "quality") == name_of(line::Quality::good);
      const double value = number(*sample, "value", std::nan(""));
      trend.points.push_back({at_s, static_cast<float>(value), good});
      if (runs_s >= core::settles_after_s && good) {
        trend.course.add(at_s, value);
        const auto& signal = line_.machines[m].signals[s];
        if (runs_s >= warms_up_s || signal.kind != line::SignalKind::temperature)
          judge(trend, signal, value);
      }
      if (trend.points.size() > points_max) trend.points.pop_front();
    }
  }
}

void Record::judge(Trend& trend, const line::Signal& signal, double value) {
  const double half =
      band_units * inference::healthy_unit(signal) * (trend.outside ? 1 - outside_dead_band : 1);
  const bool outside = std::abs(value - signal.normal) > half;
  trend.contrary = outside == trend.outside ? 0 : trend.contrary + 1;
  if (trend.contrary < outside_readings) return;
  trend.outside = outside;
  trend.contrary = 0;
}

std::optional<Record::Count> Record::count(const Json& machine, std::size_t position) const {
  const auto& known = line_.machines.at(position);
  const double ideal_s = expected(known.cycle) / known.batch;
  const auto counts = [&](const char* key) {
    const auto found = machine.find(key);
    const bool fits = found != machine.end() && found->is_array() && !orders_.empty() &&
                      found->size() == orders_.size() &&
                      std::all_of(found->begin(), found->end(),
                                  [](const Json& part) { return part.is_number(); });
    return fits ? &*found : nullptr;
  };
  Count count;
  const auto* good = counts("good");
  const auto* scrap = counts("scrap");
  if (good != nullptr && scrap != nullptr) {
    for (std::size_t o = 0; o < orders_.size(); ++o) {
      const double fine = good->at(o).get<double>();
      const double bad = scrap->at(o).get<double>();
      count.good += fine;
      count.scrap += bad;
      count.ideal_s += (fine + bad) * ideal_s * known.product_factor.at(orders_[o].product.index);
    }
    return count;
  }
  // Which product they were is not known: as a product usually is.
  count.good = number(machine, "all_good", -1);
  if (count.good < 0) return std::nullopt;
  count.scrap = number(machine, "all_scrap", 0);
  const auto& factors = known.product_factor;
  const double usual = factors.empty() ? 1
                                       : std::accumulate(factors.begin(), factors.end(), 0.0) /
                                             static_cast<double>(factors.size());
  count.ideal_s = (count.good + count.scrap) * ideal_s * usual;
  return count;
}

void Record::take_stand(const Json& stands) {
  const double at_s = number(stands, "at_s", -1);
  const auto machines = stands.find("machines");
  if (at_s <= stand_at_s_ || machines == stands.end() || machines->size() != machines_.size())
    return;
  stand_at_s_ = at_s;
  now_.clear();
  bool falls = false;
  for (std::size_t m = 0; m < machines_.size(); ++m) {
    now_.push_back(count(machines->at(m), m));
    falls = falls || (m < first_.size() && now_[m] && first_[m] && now_[m]->good < first_[m]->good);
  }
  if (first_.empty() || falls) {
    // Also when a counter was set back.
    first_ = now_;
    finished_.clear();
    // Parts and time must be counted from one moment.
    for (auto& machine : machines_) machine.state_s = {};
  }
  const auto good = good_parts();
  if (!good) return;
  finished_.emplace_back(at_s, *good);
  while (finished_.size() > 2 && finished_[1].first < at_s - throughput_window_s)
    finished_.pop_front();
}

std::optional<double> Record::good_parts() const {
  double left = 0;
  for (std::uint32_t m = 0; m < now_.size(); ++m) {
    if (takers_[line_.buffer_of(m)] != 0) continue;
    if (!now_[m]) return std::nullopt;
    left += now_[m]->good * line_.machines[m].gives;
  }
  return now_.empty() ? std::nullopt : std::optional(left);
}

/// How far each order has come; null when its parts are not counted.
Json Record::orders_of(const Json& machines) const {
  line::LineNow now;
  for (const auto& seen : machines) {
    auto& machine = now.machines.emplace_back();
    if (const auto order = seen.find("order"); order != seen.end() && order->is_number()) {
      machine.set_up = true;
      machine.order.index = order->get<std::uint32_t>();
    }
    for (const char* key : {"good", "scrap"})
      if (!seen.contains(key) || seen[key].size() != orders_.size()) return {};
    for (std::size_t o = 0; o < orders_.size(); ++o) {
      if (!seen["good"][o].is_number() || !seen["scrap"][o].is_number()) return {};
      machine.progress.push_back(
          {seen["good"][o].get<std::uint32_t>(), seen["scrap"][o].get<std::uint32_t>()});
    }
  }
  if (orders_.empty() || now.machines.size() != line_.machines.size()) return {};
  const auto outstanding = line::outstanding_of(line_, flow_, orders_, now);
  Json out = Json::array();
  for (std::uint32_t o = 0; o < orders_.size(); ++o) {
    double good = 0;
    bool begun = false;
    for (std::uint32_t m = 0; m < line_.machines.size(); ++m) {
      const auto& machine = now.machines[m];
      const auto& progress = machine.progress[o];
      begun = begun || progress.good + progress.scrap > 0 ||
              (machine.set_up && machine.order.index == o);
      if (takers_[line_.buffer_of(m)] == 0) good += progress.good * line_.machines[m].gives;
    }
    out.push_back({{"begun", begun},
                   {"good", good},
                   {"of", orders_[o].quantity * flow_.leave},
                   {"over", outstanding[o] <= 0}});
  }
  return out;
}

void Record::remember(const Json& past) {
  if (!past.is_array()) return;
  for (const auto& event : past) {
    if (!event.is_object()) continue;
    keep_alarm(event);
    if (text(event, "what") == "raised") former_.push_back(activation_of(event));
  }
  count_former();
}

/// Those of another run of the line, or of before a time in which nobody watched, do not.
void Record::count_former() {
  if (looked_s_ < 0) return;
  std::erase_if(former_, [this](const Activation& one) {
    return one.at_s < begun_s_ || one.at_s > looked_s_;
  });
  activations_.insert(activations_.begin(), former_.begin(), former_.end());
  former_.clear();
  while (activations_.size() > activations_max) activations_.pop_front();
}

void Record::keep(line::MachineId machine, Json entry) {
  auto& history = machines_.at(machine.index).history;
  history.push_back(std::move(entry));
  if (history.size() > history_max) history.erase(history.begin());
}

void Record::keep_alarm(const Json& event) {
  const auto subject = text(event, "subject");
  const auto machine = line_.machine_named(subject.substr(0, subject.find('/')));
  if (!machine) return;
  keep(*machine, {{"at_s", number(event, "at_s", 0)},
                  {"what", text(event, "what")},
                  {"alarm", subject},
                  {"text", text(event, "text")}});
}

void Record::note(Json event) {
  const auto kind = text(event, "event");
  const auto what = text(event, "what");
  const auto subject = text(event, "subject");
  const auto slash = subject.find('/');
  const auto machine = line_.machine_named(subject.substr(0, slash));
  if (kind == "forecast") {
    if (machine && slash != std::string::npos && what == "forecast") {
      auto& points = machines_.at(machine->index).forecasts[subject.substr(slash + 1)];
      points.emplace_back(number(event, "at_s", 0), number(event, "probability", 0));
      if (points.size() > forecasts_max) points.pop_front();
    }
    return;
  }
  if (kind == "plan" && what == "progress") return;
  if (kind == "plan" && (what == "proposed" || what == "refused") && event["detail"].is_object()) {
    plan_ = event["detail"];
    plan_["outcome"] = what;
    plans_.push_back({{"proposal", plan_.value("proposal", 0)},
                      {"at_s", number(event, "at_s", 0)},
                      {"winner", text(plan_, "winner")},
                      {"outcome", what},
                      {"reason", text(plan_, "reason")},
                      {"said", plan_.value("said", Json())}});
    if (plans_.size() > plans_max) plans_.erase(plans_.begin());
  }
  // What becomes of a schedule after its deployment is no outcome of the newest proposal.
  const bool about_proposal = subject.rfind("proposal", 0) == 0 && what != "signed";
  if (((kind == "deploy" && about_proposal) || (kind == "plan" && what == "lapsed")) &&
      !plans_.empty()) {
    plans_.back()["outcome"] = what;
    if (plan_.is_object()) plan_["outcome"] = what;
  }
  if (kind == "alarm") {
    keep_alarm(event);
    if (what == "raised") {
      activations_.push_back(activation_of(event));
      if (activations_.size() > activations_max) activations_.pop_front();
    }
  }
  if (kind == "plan" && event.contains("detail") && event["detail"].is_object() &&
      event["detail"].contains("said")) {
    Json said = event["detail"]["said"];
    event["said"] = std::move(said);
  }
  if (kind == "alarm" && event.contains("detail") && event["detail"].is_object())
    for (const char* name : {"priority", "class"})
      if (const auto found = event["detail"].find(name); found != event["detail"].end())
        event[name] = *found;
  event.erase("detail");
  event["number"] = next_note_++;
  notes_.push_back(std::move(event));
  if (notes_.size() > notes_max) notes_.pop_front();
}

Json Record::alarm_load() const {
  // While nothing arrives, alarms are raised by a reckoning that runs ahead of the line's time.
  const double until_s = std::max(number(snapshot_, "line_time_s", 0),
                                  activations_.empty() ? 0 : activations_.back().at_s);
  double from_s = std::max(begun_s_ < 0 ? until_s : begun_s_, until_s - load_window_s);
  // What had to be forgotten is not told as nothing.
  if (activations_.size() == activations_max) from_s = std::max(from_s, activations_.front().at_s);
  const auto counts = [](const auto& pairs) {
    Json out = Json::array();
    for (const auto& [id, n] : pairs) out.push_back({{"id", id}, {"n", n}});
    return out;
  };
  const auto stale = snapshot_.value("alarms", Json::array());
  const auto told = [&](std::optional<bool> forecast) {
    std::vector<Activation> some;
    for (const auto& one : activations_)
      if (!forecast || one.forecast == *forecast) some.push_back(one);
    const auto load = load_of(some, from_s, until_s);
    Json stands = Json::array();
    for (const auto& alarm : stale)
      if ((!forecast ||
           *forecast == (text(alarm, "class") == name_of(line::AlarmClass::forecast))) &&
          number(alarm, "raised_s", until_s) <= until_s - stale_after_s)
        stands.push_back(text(alarm, "id"));
    return Json{{"raised", load.raised},
                {"per_interval", load.per_interval},
                {"peak", load.peak},
                {"peak_at_s", load.peak == 0 ? Json() : Json(load.peak_at_s)},
                {"flood_share", load.flood_share},
                {"by_priority", load.by_priority},
                {"offenders", counts(load.offenders)},
                {"chattering", counts(load.chattering)},
                {"stale", std::move(stands)}};
  };
  return {{"from_s", from_s},
          {"until_s", until_s},
          {"alarms", told(false)},
          {"predictions", told(true)},
          {"both", told(std::nullopt)}};
}

std::vector<Json> Record::notes_after(std::uint64_t number) const {
  std::vector<Json> found;
  for (const auto& note : notes_)
    if (note.at("number").get<std::uint64_t>() > number) found.push_back(note);
  return found;
}

Effectiveness Record::effectiveness(std::size_t machine) const {
  Effectiveness found;
  if (machine >= now_.size() || machine >= first_.size() || !now_[machine] || !first_[machine])
    return found;
  double planned_s = 0;
  double available_s = 0;
  const auto& spent = machines_.at(machine).state_s;
  for (std::size_t state = 0; state < spent.size(); ++state) {
    if (planned(state)) planned_s += spent[state];
    if (available(state)) available_s += spent[state];
  }
  const auto& now = *now_[machine];
  const auto& first = *first_[machine];
  const double good = now.good - first.good;
  const double scrap = now.scrap - first.scrap;
  if (planned_s <= 0 || available_s <= 0 || good + scrap <= 0) return found;
  found.availability = available_s / planned_s;
  // Processing times scatter around their mean, so a short while may look faster than ideal.
  found.performance = std::min(1.0, (now.ideal_s - first.ideal_s) / available_s);
  found.quality = good / (good + scrap);
  found.oee = found.availability * found.performance * found.quality;
  return found;
}

Json Record::state() const {
  Json out = Json::object();
  for (const char* key : {"connected", "line_time_s", "pace", "proposal", "deployment", "planning",
                          "alarms", "counters", "schedule", "server_port"})
    if (snapshot_.contains(key)) out[key] = snapshot_[key];
  // An ordered object moves its values as it grows, so that none is referred to while it does.
  Json machines = Json::array();
  const auto values = snapshot_.find("values");
  for (std::size_t m = 0; m < machines_.size(); ++m) {
    const auto& known = line_.machines[m];
    Json entry = {{"name", known.name},
                  {"state", machines_[m].state},
                  {"state_since_s", machines_[m].state_since_s},
                  {"off_shift", machines_[m].off_shift},
                  {"signals", Json::array()}};
    if (values != snapshot_.end() && values->contains("machines") &&
        values->at("machines").contains(known.name)) {
      const auto& seen = values->at("machines").at(known.name);
      entry["operating_s"] = seen.value("operating_s", Json());
      const auto signals = seen.value("signals", Json::object());
      for (const auto& [name, sample] : signals.items())
        entry["signals"].push_back({sample.value("value", Json()), text(sample, "quality")});
      for (std::size_t s = 0; s < machines_[m].signals.size() && s < entry["signals"].size(); ++s)
        entry["signals"][s].push_back(machines_[m].signals[s].outside);
    }
    const auto found = effectiveness(m);
    entry["oee"] = {{"a", share(found.availability)},
                    {"p", share(found.performance)},
                    {"q", share(found.quality)},
                    {"oee", share(found.oee)}};
    machines.push_back(std::move(entry));
  }
  if (const auto stands = snapshot_.find("stands"); stands != snapshot_.end() && !now_.empty()) {
    out["buffers"] = stands->value("buffers", Json::array());
    const auto& at = stands->at("machines");
    std::int64_t wip = 0;
    bool whole = true;  // every part of it is known
    const auto add = [&](const Json& parts) {
      if (parts.is_number())
        wip += std::max<std::int64_t>(0, parts.get<std::int64_t>());
      else
        whole = false;
    };
    for (std::uint32_t m = 0; m < at.size() && m < machines.size(); ++m) {
      add(at[m].value("held", Json()));
      // Units of a station have one buffer; behind the last there is none.
      if (line_.buffer_of(m) == m && takers_[m] > 0)
        add(m < out["buffers"].size() ? out["buffers"][m] : Json());
      for (const char* key : {"order", "down_s"}) machines[m][key] = at[m].value(key, Json());
    }
    out["wip"] = whole ? Json(wip) : Json();
    out["orders"] = orders_of(at);
  }
  out["machines"] = std::move(machines);
  if (finished_.size() > 1 && finished_.back().first > finished_.front().first + 60)
    out["throughput_parts_h"] =
        std::round(36'000 * (finished_.back().second - finished_.front().second) /
                   (finished_.back().first - finished_.front().first)) /
        10;
  if (const auto good = good_parts()) out["good_parts"] = *good;
  out["constraint"] = constraint();
  auto& forecasts = out["forecasts"] = Json::array();
  for (const auto& forecast : snapshot_.value("forecasts", Json::array())) {
    Json entry = {{"machine", forecast.value("machine", Json())},
                  {"at_s", forecast.value("at_s", Json())},
                  {"available", forecast.value("available", false)},
                  {"missing", rounded(forecast.value("missing_share", Json()))}};
    if (forecast.contains("why_not")) entry["why_not"] = forecast["why_not"];
    auto& kinds = entry["kinds"] = Json::array();
    for (const auto& kind : forecast.value("kinds", Json::array())) {
      Json within = Json::array();
      for (const auto& p : kind.at("within")) within.push_back(rounded(p));
      kinds.push_back({{"kind", kind.at("kind")}, {"within", std::move(within)}});
    }
    forecasts.push_back(std::move(entry));
  }
  return out;
}

Json Record::machine(const std::string& name) const {
  const auto position = line_.machine_named(name);
  if (!position) return {};
  const auto& known = line_.at(*position);
  const auto& machine = machines_.at(position->index);
  Json out = {{"name", name}, {"signals", Json::array()}, {"forecasts", Json::array()}};
  for (std::size_t s = 0; s < machine.signals.size(); ++s) {
    Json at = Json::array();
    Json value = Json::array();
    Json bad = Json::array();
    for (const auto& point : machine.signals[s].points) {
      at.push_back(point.at_s);
      value.push_back(std::isfinite(point.value) ? Json(point.value) : Json());
      if (!point.good) bad.push_back(at.size() - 1);
    }
    out["signals"].push_back({{"name", known.signals[s].name},
                              {"at_s", std::move(at)},
                              {"value", std::move(value)},
                              {"bad", std::move(bad)},
                              {"ahead", ahead_of(machine.signals[s].course, values_at_s_)}});
  }
  for (const auto& [kind, points] : machine.forecasts) {
    Json at = Json::array();
    Json probability = Json::array();
    for (const auto& [at_s, p] : points) {
      at.push_back(at_s);
      probability.push_back(std::round(p * 1000) / 1000);
    }
    out["forecasts"].push_back(
        {{"kind", kind}, {"at_s", std::move(at)}, {"probability", std::move(probability)}});
  }
  auto& latest = out["latest"] = Json();
  for (const auto& forecast : snapshot_.value("forecasts", Json::array()))
    if (forecast.value("machine", "") == name) latest = forecast;
  Json spent = Json::object();
  for (std::size_t state = 0; state < machine.state_s.size(); ++state)
    if (machine.state_s[state] > 0)
      spent[std::string(name_of(static_cast<PackmlState>(state)))] = machine.state_s[state];
  out["states_s"] = std::move(spent);
  out["renewals"] = machine.renewals;
  out["history"] = machine.history;
  return out;
}

Json Record::data() const {
  Json out = {{"counters", snapshot_.value("counters", Json::object())},
              {"model", snapshot_.value("model", "")},
              {"forecasts", Json::array()}};
  for (const auto& forecast : snapshot_.value("forecasts", Json::array()))
    out["forecasts"].push_back({{"machine", forecast.value("machine", Json())},
                                {"available", forecast.value("available", false)},
                                {"why_not", forecast.value("why_not", "")},
                                {"missing", forecast.value("missing_share", Json())},
                                {"sentence", forecast.value("sentence", "")}});
  return out;
}

Json description_of(const line::Line& line, const std::vector<line::Order>& orders) {
  Json out = {{"name", line.name},
              {"products", line.products},
              {"sample_period_s", line.sample_period_s},
              {"crews", line.crews},
              {"horizons_s", line::forecast_horizons_s},
              {"machines", Json::array()},
              {"orders", Json::array()}};
  const auto flow = line::flow_of(line);
  const double pace_s = flow.seconds.empty() ? 0 : flow.seconds[flow.constraint];
  out["ideal_parts_h"] = pace_s > 0 ? Json(std::round(36'000 / pace_s) / 10) : Json();
  const auto columns = drawing::columns_of(line);
  const auto takers = line.takers();
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto& machine = line.machines[m];
    Json signals = Json::array();
    for (const auto& signal : machine.signals)
      signals.push_back(
          {{"name", signal.name},
           {"unit", signal.unit},
           {"kind", name_of(signal.kind)},
           {"normal", signal.normal},
           {"band_low", signal.normal - band_units * inference::healthy_unit(signal)},
           {"band_high", signal.normal + band_units * inference::healthy_unit(signal)},
           {"low", signal.low},
           {"high", signal.high}});
    Json faults = Json::array();
    for (const auto& mode : machine.faults)
      faults.push_back({{"kind", name_of(mode.kind)},
                        {"warns", line::gives_warning(mode.kind)},
                        {"repair_s", expected(mode.repair)}});
    out["machines"].push_back(
        {{"name", machine.name},
         {"cycle_s", expected(machine.cycle)},
         {"product_factor", machine.product_factor},
         {"service_s", expected(machine.service)},
         {"buffer_after", machine.buffer_after},
         {"column", columns[m]},
         {"after", line.inputs_of(m)},
         {"takes", machine.takes},
         {"buffer_of", line.buffer_of(m)},
         {"last", takers[line.buffer_of(m)] == 0},
         {"rework_to", machine.inspection.rework_to ? Json(*machine.inspection.rework_to) : Json()},
         {"signals", std::move(signals)},
         {"faults", std::move(faults)}});
  }
  for (const auto& order : orders)
    out["orders"].push_back({{"id", order.id},
                             {"product", line.products.at(order.product.index)},
                             {"quantity", order.quantity},
                             {"release_s", order.release_s},
                             {"due_s", std::isfinite(order.due_s) ? Json(order.due_s) : Json()},
                             {"weight", order.weight}});
  return out;
}

}  // namespace foreline::hmi
