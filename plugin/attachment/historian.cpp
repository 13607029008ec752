// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace foreline::attachment {

namespace {

constexpr auto hours_kept_every = std::chrono::seconds(60);
constexpr auto history_again_after = std::chrono::seconds(5);
constexpr auto history_sure_after =
    2 * history_again_after;               ///< A full disk takes a little now and then.
constexpr std::size_t past_most = 20'000;  ///< Events of the historian that a start reads.
constexpr double sums_kept_every_s = 600;

}  // namespace

void Attachment::State::check(const Result<Done>& done) {
  if (done) return;
  if (!std::exchange(history_fails, true))
    log(Level::error, "store",
        done.error().text() + "; the past is not kept until it can be written again");
  history.reset();
  history_failed = Clock::now();
  next_history = history_failed + history_again_after;
  ++dropped;
}

Result<Done> Attachment::State::open_history() {
  std::vector<std::string> channels;
  for (const auto& machine : line().machines) {
    channels.push_back(machine.name + "/state");
    for (const auto& signal : machine.signals) channels.push_back(machine.name + "/" + signal.name);
  }
  auto opened = store::History::open(configuration.store, channels);
  if (!opened) return opened.error();
  history.emplace(std::move(*opened));
  return Done{};
}

void Attachment::State::remember(const Event& event) {
  if (!history) return;
  constexpr std::array<const char*, 6> kinds = {"link", "forecast", "alarm",
                                                "plan", "deploy",   "write"};
  told_ns = std::max(wall_ns(), told_ns);
  check(history->add_event({told_ns, event.at_s, kinds.at(static_cast<std::size_t>(event.kind)),
                            event.subject, event.what, event.text, event.detail_json}));
}

void Attachment::State::remember(const Frame& seen) {
  if (!history) return;
  std::vector<Sample> samples;
  for (const auto& machine : seen.machines) {
    samples.push_back({static_cast<float>(machine.state), Quality::good});
    samples.insert(samples.end(), machine.signals.begin(), machine.signals.end());
  }
  check(history->add_frame(wall_ns(), samples));
}

void Attachment::State::remember_maintenance(const Frame& seen) {
  const auto foreseen = [this](std::size_t machine) {
    const AlarmEvent* likeliest = nullptr;
    const auto standing = watch->alarms().standing();
    for (const auto& record : standing)
      if (record.active && record.event.alarm_class == AlarmClass::forecast &&
          record.event.machine.index == machine &&
          (likeliest == nullptr || record.event.probability > likeliest->probability))
        likeliest = &record.event;
    return likeliest == nullptr ? std::string() : std::string(name_of(likeliest->kind));
  };
  const auto ended = maintenance->take(seen, wall_ns(), foreseen);
  for (const auto& [machine, entry] : ended) {
    if (!history) continue;
    told_ns = std::max(wall_ns(), told_ns);
    check(
        history->add_event({told_ns, entry.until_s, "machine", line().machines[machine].name,
                            std::string(core::name_of(entry.what)), "", text_of(to_json(entry))}));
  }
  if (!ended.empty() || seen.at_s < sums_kept_s || seen.at_s > sums_kept_s + sums_kept_every_s)
    keep_sums();
}

void Attachment::State::keep_history() {
  const auto now = Clock::now();
  if (!history && configuration.historian.on && now >= next_history) {
    next_history = now + history_again_after;
    (void)open_history();
  }
  if (!history || now < next_commit) return;
  next_commit = now + std::chrono::seconds(1);
  const auto committed = history->commit();
  check(committed);
  if (committed && history_fails && now - history_failed >= history_sure_after) {
    history_fails = false;
    log(Level::info, "store", "the past is kept again");
  }
  if (!history || now < next_drop) return;
  next_drop = now + std::chrono::minutes(10);
  const auto keep_ns = static_cast<std::int64_t>(1e9 * configuration.historian.keep_s);
  check(history->drop_before(wall_ns() - keep_ns, wall_ns() - 4 * keep_ns));
}

std::string Attachment::State::former_history() {
  Json told = Json::array();
  const auto keep_ns = static_cast<std::int64_t>(4e9 * configuration.historian.keep_s);
  const auto kept_events =
      history ? history->of_machines(wall_ns() - keep_ns, past_most)
              : Result<std::vector<store::Happening>>(std::vector<store::Happening>());
  if (!kept_events) return text_of(told);
  std::vector<std::pair<std::size_t, core::MaintenanceEntry>> entries;
  const store::Happening* sums = nullptr;
  for (const auto& event : *kept_events) {
    if (event.kind == "alarm") {
      auto& alarm = told.emplace_back(Json{{"at_s", event.at_s},
                                           {"subject", event.subject},
                                           {"what", event.what},
                                           {"text", event.text}});
      if (event.what == "raised") alarm["detail"] = Json::parse(event.detail, nullptr, false);
    } else if (event.kind == "sums") {
      sums = &event;
    } else if (const auto machine = line().machine_named(event.subject)) {
      if (auto entry = maintenance_from(event)) entries.emplace_back(machine->index, *entry);
    }
  }
  const auto detail = sums ? Json::parse(sums->detail, nullptr, false) : Json();
  const std::lock_guard lock(mutex);
  std::vector<bool> begins;
  for (std::size_t m = 0; m < line().machines.size(); ++m)
    begins.push_back(maintenance->entries(m).empty() && maintenance->summary(m).since_s < 0);
  for (auto& [machine, entry] : entries)
    if (begins[machine]) maintenance->restore(machine, std::move(entry));
  if (!detail.is_object()) return text_of(told);
  const auto machines = detail.value("machines", Json::object());
  for (std::size_t m = 0; m < line().machines.size(); ++m) {
    const auto found = machines.find(line().machines[m].name);
    const auto kept_sums = found == machines.end() ? std::nullopt : sums_from(*found);
    if (begins[m] && kept_sums) maintenance->restore(m, *kept_sums, sums->at_s);
  }
  former_watch = {detail.value("from_s", sums->at_s), sums->at_s};
  return text_of(told);
}

void Attachment::State::keep_sums() {
  if (!history || watched_from_s < 0) return;
  sums_kept_s = frame.at_s;
  told_ns = std::max(wall_ns(), told_ns);
  check(history->add_event(
      {told_ns, frame.at_s, "sums", "line", "kept", "",
       text_of({{"from_s", watched_from_s}, {"machines", sums_of(*maintenance, line())}})}));
}

void Attachment::State::keep_hours() {
  if (!store || drift->last() == 0) return;
  std::vector<store::HourRow> rows;
  for (auto& hour : drift->since(hours_kept))
    rows.push_back({std::move(hour.signal), hour.number, hour.from_s, hour.samples, hour.sum});
  const auto oldest = drift->last() - static_cast<std::int64_t>(core::Drift::hours_max) + 1;
  auto done = store->keep_hours(rows, oldest);
  if (done) hours_kept = drift->last();
  if (done.has_value() != hours_fail) return;
  hours_fail = !done;
  log(done ? Level::info : Level::error, "store",
      done ? "hourly means of the signals are kept again" : done.error().text());
}

void Attachment::State::keep_hours_in_time() {
  const auto now = Clock::now();
  if (now < next_hours) return;
  next_hours = now + hours_kept_every;
  keep_hours();
}

}  // namespace foreline::attachment
