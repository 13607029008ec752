// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

namespace foreline::attachment {

namespace {

constexpr std::ptrdiff_t asked_most = 64;  ///< What waits, besides polls, when clients are put off.

}  // namespace

void Attachment::State::tell(Event event) {
  remember(event);
  if (north && event.kind == EventKind::alarm)
    north->alarm(event.subject, watch->alarms().record(event.subject).state);
  events.push_back(std::move(event));
}

void Attachment::State::flush() {
  for (const auto& said : std::exchange(lines, {})) say(said.level, said.room, said.text);
  for (const auto& event : std::exchange(events, {}))
    if (host.event) host.event(event);
}

void Attachment::State::post(Message message) {
  {
    const std::lock_guard lock(inbox_mutex);
    inbox.push_back(std::move(message));
  }
  inbox_filled.notify_one();
}

bool Attachment::State::audit(const std::string& who, const std::string& what,
                              const std::string& detail) {
  if (!store) return false;
  auto written = store->append(wall_ns(), line_s, who, what,
                               fmt::format("proposal {}: {}", proposal.number, detail));
  if (!written) log(Level::error, "store", written.error().text());
  return written.has_value();
}

core::Taken Attachment::State::take_from_client(std::uint16_t address,
                                                std::span<const std::uint16_t> words,
                                                const std::string& role) {
  const auto& rules = configuration.server;
  const auto has_role = [&] {
    return std::find(rules.write_roles.begin(), rules.write_roles.end(), role) !=
           rules.write_roles.end();
  };
  if (!rules.approvals || (rules.tls && !has_role())) return core::Taken::no;
  const auto who = role.empty() ? std::string("a Modbus client") : "Modbus role " + role;
  const bool about_alarm =
      (address == core::published::acknowledge && words.size() == 1) ||
      ((address == core::published::shelve || address == core::published::service) &&
       words.size() == 2);
  if (about_alarm) {
    const auto subject = core::acknowledged_by(words[0], line());
    if (subject.empty()) return core::Taken::no;
    if (address == core::published::acknowledge) return ask(Acknowledged{subject, who});
    if (address == core::published::shelve) return ask(Shelved{subject, 60.0 * words[1], who, {}});
    if (words[1] > 1) return core::Taken::no;
    return ask(Serviced{subject, words[1] == 1, who, {}});
  }
  if (address != core::published::decision) return core::Taken::no;
  const auto decision = core::decision_from(words);
  return decision ? ask(*decision) : core::Taken::no;
}

core::Taken Attachment::State::ask(Message message) {
  {
    const std::lock_guard lock(inbox_mutex);
    const auto asked = std::count_if(inbox.begin(), inbox.end(), [](const Message& waiting) {
      return !std::holds_alternative<io::Polled>(waiting);
    });
    if (asked >= asked_most) return core::Taken::later;
    inbox.push_back(std::move(message));
  }
  inbox_filled.notify_one();
  return core::Taken::yes;
}

bool Attachment::State::note(const std::string& who, const std::string& what,
                             const std::string& detail) {
  return store && logged(store->append(wall_ns(), line_s, who, what, detail));
}

bool Attachment::State::logged(const Result<Done>& done) const {
  if (!done) log(Level::error, "store", done.error().text());
  return done.has_value();
}

void Attachment::State::handle(Message& message) {
  if (auto* wanted = std::get_if<PlanWanted>(&message)) {
    want_plan(wanted->because);
  } else if (auto* acknowledged = std::get_if<Acknowledged>(&message)) {
    acknowledge(*acknowledged);
  } else if (auto* shelved = std::get_if<Shelved>(&message)) {
    shelve(*shelved);
  } else if (auto* serviced = std::get_if<Serviced>(&message)) {
    service(*serviced);
  } else if (auto* wanted_write = std::get_if<WriteWanted>(&message)) {
    write_tag(*wanted_write);
  } else if (auto* noted = std::get_if<Noted>(&message)) {
    if (!store) return;
    auto written = store->append(wall_ns(), line_s, noted->who, noted->what, noted->detail);
    if (!written) log(Level::error, "store", written.error().text());
  } else if (auto* said = std::get_if<Said>(&message)) {
    log(said->level, said->room, said->text);
  } else if (auto* decision = std::get_if<core::Decision>(&message)) {
    decide(*decision);
  } else if (auto* wanted_back = std::get_if<RollBackWanted>(&message)) {
    if (wanted_back->clear)
      clear_lock_out(wanted_back->who);
    else
      roll_back(wanted_back->who, "on request");
  } else if (auto* wanted_staging = std::get_if<StagingWanted>(&message)) {
    wanted_staging->answer->set_value(staging_of(*wanted_staging));
  } else if (auto* compared = std::get_if<Compared>(&message)) {
    take(*compared);
  } else if (auto* planned = std::get_if<Planned>(&message)) {
    take(*planned);
  } else if (auto* polled = std::get_if<io::Polled>(&message)) {
    take(*polled);
    if (polled->group == 0 && polled->device == 0) {
      settle_leftovers();
      glance();
      look_after_proposal();
    }
  } else if (auto* simulated = std::get_if<PlanProgress>(&message)) {
    {
      const std::lock_guard lock(mutex);
      progress = *simulated;
    }
    tell_plan("progress",
              fmt::format("{} of {} futures simulated", simulated->done, simulated->all));
  }
}

void Attachment::State::publish() {
  if (!server) return;
  const std::lock_guard lock(mutex);
  core::Published values;
  values.heartbeat = static_cast<std::uint16_t>(polls);
  values.connected = connected;
  values.clock_s = line_s;
  values.model_loaded = forecaster != nullptr;
  values.proposal = proposal.number;
  values.proposal_state = proposal.state;
  values.proposal_gain = proposal.gain_lower_95;
  values.deployed = kept.ledger.standing() ? kept.ledger.standing()->proposal : std::uint16_t{0};
  values.locked_out = kept.ledger.locked_out();
  values.roll_back = roll_back_state;
  values.layout = layout;
  server->publish(core::registers_of(values, line(), watch->alarms(), watch->latest()),
                  core::inputs_of(line(), watch->alarms()));
}

void Attachment::State::work() {
  while (!stopping) {
    std::unique_lock lock(inbox_mutex);
    inbox_filled.wait(lock, [&] { return stopping || !inbox.empty(); });
    while (!inbox.empty() && !stopping) {
      auto message = std::move(inbox.front());
      inbox.pop_front();
      lock.unlock();
      handle(message);
      const auto* polled = std::get_if<io::Polled>(&message);
      if (polled == nullptr || polled->group == 0) publish();
      keep_history();
      keep_hours_in_time();
      flush();
      lock.lock();
    }
  }
}

void Attachment::State::show_north() {
  if (!north) return;
  for (const auto& record : watch->alarms().standing()) north->alarm(record.event.id, record.state);
  for (std::size_t i = 0; i < tags->tags().size(); ++i)
    if (tags->value(i).received_ns != 0) north->tag(i, tags->value(i));
}

void Attachment::State::take_over(State& former) {
  if (!former.watch) return;
  started = former.started;
  pace = former.pace;
  clock_read = former.clock_read;
  line_s = former.line_s;
  received_ns = former.received_ns;
  told_ns = former.told_ns;
  polls = former.polls;
  if (configuration.line->sample_period_s == former.line().sample_period_s) {
    grid = former.grid;
    framed = former.framed;
  }
  if (*configuration.line == former.line()) {
    frame = former.frame;
    booked = former.booked;
    stops = former.stops;
    if (configuration.planning.react == former.configuration.planning.react)
      reacting = std::move(former.reacting);
    if (following && former.following) following = std::move(former.following);
  }
  watch->take_over(std::move(*former.watch));
  kept.out_of_service = former.kept.out_of_service;
  kept.shelved = former.kept.shelved;
  clock_unread = former.clock_unread;
  if (former.tags) {
    tags->take_over(*former.tags);
    for (const auto& rule : configuration.writes) {
      const auto before = former.tags->find(configuration.tags[rule.tag].name);
      const auto last = before ? former.writes.last(*before) : std::nullopt;
      if (last) writes.begun(rule.tag, *last);
    }
  }
  if (!store && former.drift) drift->restore(former.drift->since(0));
  if (*former.configuration.line == line()) {
    if (former.maintenance) maintenance = std::move(former.maintenance);
    watched_from_s = former.watched_from_s;
    if (former.input_quality) input_quality = std::move(former.input_quality);
  }
  write_ends = former.write_ends;
  gate_refusals = former.gate_refusals;
  planned_at_s = former.planned_at_s;
  deployed_at_s = former.deployed_at_s;
  // Numbers are never given twice; what was proposed under other rules is proposed no longer.
  proposal.number = former.proposal.number;
  proposal.name = former.proposal.name;
  proposal.state = former.proposal.state;
  if (proposal.state != ProposalState::proposed && proposal.state != ProposalState::planning)
    return;
  proposal.state = ProposalState::lapsed;
  (void)audit("foreline", "lapsed", "the configuration was replaced");
  tell_plan("lapsed",
            fmt::format("proposal {} has lapsed: the configuration was replaced", proposal.number));
}

void Attachment::State::live() {
  try {
    work();
  } catch (const std::exception& error) {
    say(Level::error, "attachment", fmt::format("internal error, stopped: {}", error.what()));
  }
  keep_hours();
  keep_sums();
  if (planner.joinable()) planner.join();
  twin_check.reset();
  flush();
}

}  // namespace foreline::attachment
