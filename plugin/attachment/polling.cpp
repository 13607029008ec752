// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace foreline::attachment {

namespace {

constexpr double new_run_s = 3600;        ///< A clock that falls back by more means another run.
constexpr double unwatched_most_s = 900;  ///< A restart; after longer, watching begins anew.

}  // namespace

std::int64_t Attachment::State::arrived_ns(const io::Polled& polled) const {
  return wall_ns() - std::chrono::nanoseconds(Clock::now() - polled.received).count();
}

void Attachment::State::lose(const std::string& trouble, Quality quality) {
  known[0].moved.reset();
  connected = false;
  set_link(0, quality, trouble);
}

void Attachment::State::find() {
  connected = true;
  set_link(0, Quality::good, {});
}

void Attachment::State::take(io::Polled& polled) {
  const std::lock_guard lock(mutex);
  if (polled.group > 0)
    take_tags(polled);
  else if (polled.device == 0)
    take_line(polled);
  else
    take_device(polled);
  if (north) north->link(polled.device, known[polled.device].link == Quality::good);
}

void Attachment::State::take_device(io::Polled& polled) {
  auto& device = known[polled.device];
  auto found = polled.troubles.empty() ? Quality::good : polled.troubles.front().second;
  auto text = polled.troubles.empty() ? std::string() : polled.text;
  if (found == Quality::good) text = suspicion(polled, found);
  set_link(polled.device, found, text);
  image.forget(polled.device);
  if (found != Quality::good) return;
  image.merge(polled.image);
  device.heard = polled.received;
}

void Attachment::State::set_link(std::size_t index, Quality found, const std::string& text) {
  auto& device = known[index];
  if (device.link != found || device.since_ns == 0) device.since_ns = wall_ns();
  device.link = found;
  device.trouble = text;
  const auto changes = device.telling.due(found, seconds(Clock::now() - started));
  if (!changes) return;
  const auto& settings = core::device_at(configuration, index);
  const auto name = index == 0 ? "the PLC at " + settings.where() : settings.name;
  auto said = found == Quality::good ? name + " answers"
              : index == 0           ? text
                                     : fmt::format("{}: {}", name, text);
  if (*changes > 1) said += fmt::format(" ({} changes before were not told)", *changes - 1);
  tell({EventKind::link, line_s, index == 0 ? "plc" : settings.name,
        found == Quality::good ? "connected" : "lost", said, "{}"});
}

std::string Attachment::State::suspicion(const io::Polled& polled, Quality& quality) {
  const auto& settings = core::device_at(configuration, polled.device);
  auto& device = known[polled.device];
  const auto& fresh = polled.image;
  if (settings.signature && fresh.number(*settings.signature) != settings.signature_value) {
    quality = Quality::bad_config;
    return fmt::format("register {} holds {}, wanted {}: another device, or another register map",
                       settings.signature->address, fresh.number(*settings.signature),
                       settings.signature_value);
  }
  if (!settings.heartbeat) return {};
  const double beat = fresh.number(*settings.heartbeat);
  if (!device.moved || beat != device.beat) {
    device.beat = beat;
    device.moved = polled.received;
  } else if (seconds(polled.received - *device.moved) > settings.heartbeat_stale_s) {
    quality = Quality::bad_stale;
    return "the PLC answers, but its heartbeat stands still";
  }
  return {};
}

void Attachment::State::take_refusals(const io::Polled& polled, bool mute) {
  auto& device = known[polled.device];
  const bool before = device.refuses();
  if (polled.image.empty() && !mute) {
    device.refused.insert(polled.group);
    if (!polled.text.empty()) device.refusal = polled.text;
  } else {
    device.refused.erase(polled.group);
  }
  const bool refuses = device.refuses();
  if (refuses != before) device.since_ns = wall_ns();
  if (mute) return;
  const auto changes = device.refusals.due(refuses, seconds(Clock::now() - started));
  if (!changes || (!refuses && *changes == 1 && !before)) return;
  log(refuses ? Level::warning : Level::info, "attachment",
      fmt::format("{}: {}{}", core::device_at(configuration, polled.device).name,
                  refuses ? "answers, and refuses all its tags: " + device.refusal
                          : std::string("its tags are answered again"),
                  *changes > 1 ? fmt::format(" ({} changes before were not told)", *changes - 1)
                               : std::string()));
}

void Attachment::State::take_tags(const io::Polled& polled) {
  // A device with tags alone lives when one of its requests is answered, if only by an exception.
  const bool mute =
      !polled.troubles.empty() && polled.image.empty() &&
      std::all_of(polled.troubles.begin(), polled.troubles.end(), [](const auto& trouble) {
        return trouble.second == Quality::bad_not_connected ||
               trouble.second == Quality::bad_comm_failure;
      });
  if (!known[polled.device].watched) {
    if (mute)
      set_link(polled.device, polled.troubles.front().second, polled.text);
    else
      set_link(polled.device, Quality::good, {});
  }
  take_refusals(polled, mute);
  const auto changed = tags->update(polled.device, polled.group - 1, polled.image, polled.troubles,
                                    arrived_ns(polled), seconds(polled.received - started));
  for (const auto i : changed) {
    const auto& shown = tags->value(i);
    if (history)
      check(history->add_point(tags->tags()[i].name,
                               {shown.received_ns, shown.value, shown.quality}));
    if (north) north->tag(i, shown);
  }
}

void Attachment::State::take_line(io::Polled& polled) {
  const auto& map = configuration.map;
  auto& fresh = polled.image;
  counters = devices[0]->counters();
  overruns = poller->counters().overruns;
  ++polls;
  if (!polled.troubles.empty()) {
    lose(polled.text.empty() ? "the PLC does not have all registers of the map" : polled.text,
         polled.troubles.front().second);
    return miss_locked();
  }
  auto quality = Quality::good;
  if (const auto why = suspicion(polled, quality); quality != Quality::good) {
    // The heartbeat's time stays, so that a PLC that hangs is not found again by being asked.
    const auto moved = known[0].moved;
    lose(why, quality);
    if (quality == Quality::bad_stale) known[0].moved = moved;
    return miss_locked();
  }
  const auto now = polled.received;
  const double clock_s = map.clock ? fresh.number(*map.clock) : seconds(now - started);
  if (!std::isfinite(clock_s)) {
    lose("the PLC's clock is no number", Quality::bad_sensor_failure);
    return miss_locked();
  }
  // A PLC that was away may bring its clock back as it was.
  if (known[0].link != Quality::good && known[0].link != Quality::uncertain_last_known)
    framed = now;
  if (const auto why = clock_trouble(clock_s, now); !why.empty()) {
    lose(why, Quality::uncertain_last_known);
    return miss_locked();
  }
  find();
  keep_pace(clock_s, now);
  image.forget(0);
  image.merge(fresh);
  // What another device said three beats ago is not what it says now.
  for (std::size_t d = 1; d < devices.size(); ++d)
    if (seconds(now - known[d].heard) > 3 * configuration.plc.poll_s)
      image.forget(static_cast<core::DeviceIndex>(d));
  received_ns = std::max(received_ns, arrived_ns(polled));
  const bool first = clock_unread;
  clock_unread = false;
  if (clock_s < frame.at_s - new_run_s) begin_run(clock_s);
  line_s = clock_s;
  if (first) bound_shelving();
  const auto cell = static_cast<std::int64_t>(std::floor(clock_s / line().sample_period_s + 1e-6));
  if (cell <= grid) return;
  grid = cell;
  framed = now;
  frame = core::frame_of(map, line(), image, static_cast<double>(cell) * line().sample_period_s);
  remember(frame);
  if (north) north->frame(frame);
  booked.book(frame, line());
  stops.take(frame);
  drift->take(frame);
  if (watched_from_s < 0) {
    const bool goes_on = former_watch && frame.at_s >= former_watch->second &&
                         frame.at_s <= former_watch->second + unwatched_most_s;
    watched_from_s = goes_on ? former_watch->first : frame.at_s;
  }
  remember_maintenance(frame);
  if (judged) judged->take(frame, line().sample_period_s);
  const auto begun = Clock::now();
  const auto changes = watch->step(frame);
  input_quality->take(frame, watch->history());
  if (!changes.forecasts.empty()) forecast_took_s = seconds(Clock::now() - begun);
  if (judged) judged->take(changes.forecasts, line());
  take(changes);
}

std::string Attachment::State::clock_trouble(double clock_s, Clock::time_point now) const {
  const double period_s = line().sample_period_s;
  if (grid == std::numeric_limits<std::int64_t>::min() || clock_s < frame.at_s - new_run_s)
    return {};
  if (clock_s >= static_cast<double>(grid + 1) * period_s) return {};
  const double patience_s =
      std::max(3 * period_s / std::min(pace, 1.0), configuration.plc.heartbeat_stale_s);
  if (seconds(now - framed) <= patience_s) return {};
  const double behind_s = frame.at_s - clock_s;
  return behind_s > period_s
             ? fmt::format(
                   "the PLC's clock was set back and is {:.0f} min behind; nothing is "
                   "sampled until it has caught up",
                   std::max(1.0, std::ceil(behind_s / 60)))
             : "the PLC answers, but its clock stands still";
}

void Attachment::State::keep_pace(double clock_s, Clock::time_point now) {
  if (clock_read != Clock::time_point{}) {
    const double wall_s = seconds(now - clock_read);
    if (clock_s > line_s && wall_s > 0)
      pace += 0.05 * (std::clamp((clock_s - line_s) / wall_s, 0.0, 1e5) - pace);
  }
  clock_read = now;
}

void Attachment::State::begin_run(double clock_s) {
  for (auto& [id, aside] : kept.shelved) aside.until_s += clock_s - line_s;
  line_s = clock_s;
  watch.emplace(configuration.line, forecaster, configuration.watch);
  put_aside();
  grid = std::numeric_limits<std::int64_t>::min();
  planned_at_s = -1;
  deployed_at_s = -1;
  scored_at_s = -1;
  booked = {};
  stops = core::StopLog(line().machines.size());
  reacting = plan::Reacting(configuration.planning.react);
  reason_kept.clear();
  following.reset();
  watched_from_s = -1;
  former_watch.reset();
  if (twin_check) twin_check->forget();
  if (kept.ledger.standing()) {
    kept.ledger.ended();
    (void)note("foreline", kept::ended, "{}");
  }
  log(Level::warning, "attachment", "the line's clock has fallen back: a new run begins");
}

Quality Attachment::State::quality_of_link(const core::Register& at, Quality quality) const {
  for (const std::size_t d : {std::size_t{0}, std::size_t{at.device}})
    if (d >= known.size() || known[d].link != Quality::good)
      return d < known.size() ? known[d].link : Quality::bad_not_connected;
  return quality;
}

Quality Attachment::State::quality_now(std::size_t index) const {
  const auto& tag = tags->tags()[index];
  const auto& shown = tags->value(index);
  const auto link = tag.at.device < known.size() ? known[tag.at.device].link : Quality::good;
  // A device that is not itself, or that hangs, says nothing that can be believed.
  if (link == Quality::bad_config || link == Quality::bad_stale) return link;
  const double age_s = seconds(Clock::now() - started) - shown.received_s;
  const auto& settings = core::device_at(configuration, tag.at.device);
  const double patience_s = 3 * configuration.groups[tag.group].period_s + settings.timeout_s;
  if (shown.received_ns != 0 && age_s > patience_s && core::opc_quality(shown.quality) >= 64)
    return Quality::bad_stale;
  return shown.quality;
}

void Attachment::State::miss_locked() {
  if (clock_read == Clock::time_point{}) {
    // Nothing has ever been read: line time has no origin yet, so seconds of waiting stand in.
    take(watch->lost(seconds(Clock::now() - started)));
    return;
  }
  take(watch->lost(line_s + pace * seconds(Clock::now() - clock_read)));
}

void Attachment::State::take(const core::Changes& changes) {
  for (const auto& forecast : changes.forecasts) {
    if (north) north->forecast(forecast);
    const auto& machine = line().at(forecast.machine);
    const auto detail = text_of(to_json(forecast, line()));
    if (!forecast.available) {
      tell({EventKind::forecast, forecast.at_s, machine.name, "unavailable", forecast.why_not,
            detail});
      continue;
    }
    for (const auto& kind : forecast.kinds) {
      if (!gives_warning(kind.kind)) continue;
      const double p = kind.probability_within(configuration.watch.alarms.horizon_s);
      tell({EventKind::forecast, forecast.at_s,
            fmt::format("{}/{}", machine.name, name_of(kind.kind)), "forecast",
            fmt::format("{} of {}: {:.0f} % within {:.0f} min", name_of(kind.kind), machine.name,
                        100 * p, configuration.watch.alarms.horizon_s / 60),
            detail, p, kind.quantile_s(0.5)});
    }
  }
  for (const auto& alarm : changes.alarms) {
    if (alarm.what == AlarmEvent::What::unshelved && kept.shelved.erase(alarm.id) > 0)
      note_alarm("foreline", kept::unshelved, {{"alarm", alarm.id}, {"reason", "time is over"}});
    tell({EventKind::alarm, alarm.at_s, alarm.id, std::string(name_of(alarm.what)),
          fmt::format("{} {}: {}", alarm.id, name_of(alarm.what), alarm.why),
          text_of(to_json(watch->alarms().record(alarm.id))),
          static_cast<double>(alarm.probability), alarm.expected_in_s});
    const bool forecast_raised =
        alarm.alarm_class == AlarmClass::forecast && alarm.what == AlarmEvent::What::raised;
    if (!forecast_raised || !configuration.planning.on_alarm) continue;
    const auto& rules = configuration.planning;
    const double threshold =
        plan::cost_loss_threshold(line().at(alarm.machine), alarm.kind, rules.objective);
    if (static_cast<double>(alarm.probability) >= threshold)
      post(PlanWanted{alarm.id});
    else
      tell_plan("not-wanted",
                fmt::format("{}: a service costs more than it prevents below {:.0f} %, so nothing "
                            "is planned",
                            alarm.id, 100 * threshold));
  }
}

void Attachment::State::post_poll(io::Polled polled) {
  {
    const std::lock_guard lock(inbox_mutex);
    for (auto& waiting : inbox) {
      auto* older = std::get_if<io::Polled>(&waiting);
      if (older == nullptr || older->plan != polled.plan) continue;
      *older = std::move(polled);
      return;
    }
    inbox.emplace_back(std::move(polled));
  }
  inbox_filled.notify_one();
}

void Attachment::State::begin_polling() {
  loop = std::make_unique<io::Loop>();
  std::vector<io::PollPlan> plans;
  const auto count = configuration.devices.size() + 1;
  std::unique_lock lock(mutex);
  known.assign(count, {});
  auto of_line = core::fields(configuration.map);
  std::map<std::pair<std::size_t, std::size_t>, std::vector<core::Range>> of_tags;
  for (const auto& tag : configuration.tags) {
    of_tags[{tag.at.device, tag.group}].push_back(core::range_of(tag.at));
    known[tag.at.device].groups.insert(tag.group + 1);
  }
  for (std::size_t d = 0; d < count; ++d) {
    const auto& settings = core::device_at(configuration, d);
    devices.push_back(
        std::make_shared<io::Device>(*loop, settings, static_cast<std::uint64_t>(wall_ns()) + d));
    const auto rules = core::merge_rules(settings);
    const auto plan = [&](std::size_t group, double period_s, double phase_s) -> io::PollPlan& {
      plans.push_back({static_cast<core::DeviceIndex>(d), group, period_s, phase_s, {}, rules});
      return plans.back();
    };
    auto& of_its_line = plan(0, configuration.plc.poll_s, 0);
    for (const auto& field : of_line)
      if (field.device == d) of_its_line.fields.push_back(field);
    for (const auto& watched : {settings.heartbeat, settings.signature})
      if (watched && d > 0) of_its_line.fields.push_back(core::range_of(*watched));
    known[d].watched = d == 0 || !of_its_line.fields.empty();
    if (!known[d].watched) plans.pop_back();
    for (std::size_t g = 0; g < configuration.groups.size(); ++g) {
      const auto& group = configuration.groups[g];
      // Devices and groups share the period out between them.
      const double spread = static_cast<double>(d * configuration.groups.size() + g) /
                            static_cast<double>(count * configuration.groups.size());
      auto& tagged =
          plan(g + 1, group.period_s, group.phase_s >= 0 ? group.phase_s : spread * group.period_s);
      tagged.fields = std::move(of_tags[{d, g}]);
      if (tagged.fields.empty()) plans.pop_back();
    }
  }
  lock.unlock();
  plc = std::make_unique<io::ModbusClient>(devices[0]);
  poller =
      std::make_unique<io::Poller>(*loop, devices, std::move(plans),
                                   [this](io::Polled polled) { post_poll(std::move(polled)); });
  poller->start();
  loop->start();
}

void Attachment::State::end_polling() {
  if (loop) loop->stop();
  poller.reset();
  plc.reset();
  std::vector<std::shared_ptr<io::Device>> gone;
  {
    const std::lock_guard lock(mutex);
    gone.swap(devices);
  }
  gone.clear();
  loop.reset();
}

}  // namespace foreline::attachment
