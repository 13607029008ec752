// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/attachment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <span>
#include <utility>

#include "plugin/attachment/state.hpp"

namespace foreline::attachment {

namespace {

constexpr std::size_t name_most = 64;
constexpr std::size_t reason_most = 200;

/// Why an act in this name for this reason cannot go into the audit; empty when it can.
std::string complaint_about(const std::string& who, const std::string& reason = {}) {
  if (who.empty() || who.size() > name_most)
    return fmt::format("an act needs a name of at most {} bytes", name_most);
  if (reason.size() > reason_most) return fmt::format("a reason has at most {} bytes", reason_most);
  return {};
}

constexpr double shelve_least_s = 60;

}  // namespace

Attachment::Attachment(core::Configuration configuration, HostCalls host)
    : state_(std::make_unique<State>()) {
  state_->configuration = std::move(configuration);
  state_->host = std::move(host);
}

Attachment::~Attachment() {
  (void)stop(std::chrono::seconds(5));
}

Answer Attachment::start(Attachment* former) {
  auto& s = *state_;
  if (s.running || s.thread.joinable())
    return {Refusal::wrong_state, "this instance has been started already"};
  const auto& configuration = s.configuration;
  if (!configuration.model.empty()) {
    inference::ForecasterOptions options;
    options.reasons = configuration.reasons;
    auto forecaster = inference::Forecaster::load(configuration.model, options);
    if (!forecaster) return {Refusal::io, forecaster.error().text()};
    auto evaluation = core::evaluation_of(configuration.model);
    if (!evaluation) return {Refusal::io, evaluation.error().text()};
    s.say(Level::info, "inference", forecaster->description());
    const std::lock_guard lock(s.mutex);
    s.forecaster = std::make_shared<const inference::Forecaster>(std::move(*forecaster));
    s.evaluation = *evaluation;
    s.judged.emplace(s.line().machines.size(), configuration.watch.alarms.horizon_s,
                     configuration.watch.alarms.horizon_s / forecasts_judged_a_horizon);
  }
  if (!configuration.store.empty()) {
    if (!s.store_lock) {
      auto lock = store::StoreLock::take(configuration.store);
      if (!lock) return {Refusal::io, lock.error().text()};
      s.store_lock = std::move(*lock);
    }
    auto store = store::Store::open(configuration.store);
    if (!store) return {Refusal::io, store.error().text()};
    s.store.emplace(std::move(*store));
  }
  {
    const std::lock_guard lock(s.mutex);
    if (!s.watch) s.watch.emplace(configuration.line, s.forecaster, configuration.watch);
    if (!s.drift) s.drift.emplace(configuration.line);
    if (!s.input_quality) s.input_quality.emplace(configuration.line);
    if (!s.maintenance) s.maintenance.emplace(configuration.line->machines.size());
  }
  if (configuration.server.on) {
    io::ServerOptions options;
    options.host = configuration.server.host;
    options.port = configuration.server.port;
    options.clients = configuration.server.clients;
    options.tls = configuration.server.tls;
    auto server = io::RegisterServer::start(
        options,
        [&s](std::uint16_t address, std::span<const std::uint16_t> words, const std::string& role) {
          return s.take_from_client(address, words, role);
        });
    if (!server) return {Refusal::io, server.error().text()};
    const std::lock_guard lock(s.mutex);
    s.server = std::move(*server);
    s.server_port = s.server->port();
    if (core::is_open(configuration.server))
      s.log(Level::warning, "registers",
            fmt::format("whoever reaches {} may acknowledge and approve, under any name, without "
                        "TLS (trusted_network)",
                        core::where_of(configuration.server.host, s.server_port)));
  }
  {
    const std::lock_guard lock(s.mutex);
    if (!s.tags) {
      s.tags.emplace(configuration.tags);
      s.writes = core::WriteRules(configuration.writes);
    }
    s.layout = core::layout_of(core::published_map(s.line()));
    s.stops = core::StopLog(s.line().machines.size());
    s.reacting = plan::Reacting(configuration.planning.react);
  }
  if (s.store) {
    const std::lock_guard lock(s.mutex);
    auto lines = s.store->audit();
    if (!lines) return {Refusal::io, lines.error().text()};
    s.kept = kept_of(*lines, s.wall_ns(), configuration.orders->size(), s.line().machines.size());
    // Without the PLC's clock, line time begins anew with the instance.
    if (!configuration.map.clock && former == nullptr)
      for (auto& [id, aside] : s.kept.shelved)
        aside.until_s = 1e-9 * static_cast<double>(aside.until_ns - s.wall_ns());
    s.put_aside();
    if (s.kept.ledger.open() && s.kept.ledger.standing())
      s.following.emplace(*s.kept.ledger.standing(), configuration.gate, false);
    if (s.kept.ledger.standing()) s.deployed_at_s = s.kept.ledger.standing()->from_s;
    if (configuration.map.schedule)
      s.twin_check.emplace(
          configuration.planning.check_every_s,
          [&s](Result<core::Stretch> stretch) { s.post(Compared{std::move(stretch)}); });
    auto hours = s.store->hours();
    if (!hours) return {Refusal::io, hours.error().text()};
    std::vector<core::HourlySum> sums;
    for (auto& row : *hours)
      sums.push_back({std::move(row.signal), row.number, row.from_s, row.samples, row.sum});
    s.drift->restore(sums);
    s.hours_kept = s.drift->last();
    auto entries = s.store->unfinished();
    if (!entries) return {Refusal::io, entries.error().text()};
    s.leftovers = !entries->empty();
  }
  if (configuration.historian.on) {
    if (auto opened = s.open_history(); !opened) return {Refusal::io, opened.error().text()};
  }
  {
    auto past = s.former_history();
    const std::lock_guard lock(s.mutex);
    s.past = std::move(past);
  }
  if (configuration.sparkplug.on) {
    auto north = Northbound::start(
        configuration,
        [&s](bool trouble, const std::string& text) {
          s.post(Said{trouble ? Level::warning : Level::info, "mqtt", text});
        },
        [&s] { return s.wall_ns() / 1'000'000; });
    if (!north) return {Refusal::io, north.error().text()};
    const std::lock_guard lock(s.mutex);
    s.north = std::move(*north);
  }
  if (configuration.metrics.on) {
    auto metrics =
        io::MetricsServer::start(configuration.metrics.port, [this] { return this->metrics(); });
    if (!metrics) return {Refusal::io, metrics.error().text()};
    s.metrics_server = std::move(*metrics);
    s.say(Level::info, "metrics",
          fmt::format("counters on http://127.0.0.1:{}/metrics", s.metrics_server->port()));
  }
  {
    const std::lock_guard lock(s.mutex);
    if (s.started == Clock::time_point{}) s.started = Clock::now();
    if (former != nullptr) s.take_over(*former->state_);
  }
  s.show_north();
  s.stopping = false;
  s.publish();
  s.begin_polling();
  s.running = true;
  s.process = ::getpid();
  s.thread = std::thread([&s] {
    s.own_thread = std::this_thread::get_id();
    inference::Forecaster::take_short_turns();
    s.live();
    s.own_thread = std::thread::id();
    const std::lock_guard lock(s.inbox_mutex);
    s.running = false;
    s.inbox_filled.notify_all();
  });
  return {};
}

Answer Attachment::stop(std::chrono::milliseconds limit) {
  auto& s = *state_;
  if (s.own_thread == std::this_thread::get_id())
    return {Refusal::wrong_state, "an instance is not stopped from one of its own callbacks"};
  if (s.process && *s.process != ::getpid())
    return {Refusal::wrong_state, "a process that was forked has no thread of this instance"};
  {
    std::unique_lock lock(s.inbox_mutex);
    s.stopping = true;
    s.inbox_filled.notify_all();
    // A deployment under way may end well; a device with a long timeout is not waited for.
    s.inbox_filled.wait_for(lock, limit, [&] { return !s.running; });
  }
  for (const auto& device : s.devices) device->retire();
  if (s.thread.joinable()) s.thread.join();
  s.end_polling();
  s.inbox.clear();
  // Their threads may wait for the lock.
  std::unique_ptr<io::RegisterServer> server;
  std::unique_ptr<Northbound> north;
  {
    const std::lock_guard lock(s.mutex);
    server.swap(s.server);
    north.swap(s.north);
    s.server_port = 0;
  }
  server.reset();
  s.metrics_server.reset();
  s.history.reset();
  north.reset();
  s.store_lock.reset();
  return {};
}

Answer Attachment::acknowledge(const std::string& subject, const std::string& who) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (auto wrong = complaint_about(who); !wrong.empty()) return {Refusal::invalid_argument, wrong};
  {
    const std::lock_guard lock(s.mutex);
    const auto record = s.watch->alarms().record(subject);
    if (record.state != AlarmState::unacknowledged &&
        record.state != AlarmState::returned_unacknowledged)
      return {Refusal::refused, fmt::format("no alarm \"{}\" waits for acknowledgement", subject)};
  }
  s.post(Acknowledged{subject, who});
  return {};
}

Answer Attachment::shelve(const std::string& subject, double for_s, const std::string& who,
                          const std::string& reason) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (auto wrong = complaint_about(who, reason); !wrong.empty())
    return {Refusal::invalid_argument, wrong};
  if (!(for_s >= shelve_least_s && for_s <= shelve_most_s))
    return {Refusal::invalid_argument, "an alarm is shelved for one minute to 24 hours"};
  {
    const std::lock_guard lock(s.mutex);
    if (s.watch->alarms().record(subject).state == AlarmState::normal)
      return {Refusal::refused, fmt::format("no alarm \"{}\" stands", subject)};
  }
  s.post(Shelved{subject, for_s, who, reason});
  return {};
}

Answer Attachment::unshelve(const std::string& subject, const std::string& who) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (auto wrong = complaint_about(who); !wrong.empty()) return {Refusal::invalid_argument, wrong};
  {
    const std::lock_guard lock(s.mutex);
    if (s.watch->alarms().record(subject).state != AlarmState::shelved)
      return {Refusal::refused, fmt::format("\"{}\" is not shelved", subject)};
  }
  s.post(Shelved{subject, 0, who, {}});
  return {};
}

Answer Attachment::service(const std::string& subject, bool in_service, const std::string& who,
                           const std::string& reason) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (auto wrong = complaint_about(who, reason); !wrong.empty())
    return {Refusal::invalid_argument, wrong};
  {
    const std::lock_guard lock(s.mutex);
    if (!s.watch->alarms().can_have(subject))
      return {Refusal::invalid_argument, fmt::format("this line has no alarm \"{}\"", subject)};
    const bool out = s.watch->alarms().record(subject).state == AlarmState::out_of_service;
    if (out != in_service)
      return {Refusal::refused,
              fmt::format("\"{}\" is {} service already", subject, in_service ? "in" : "out of")};
  }
  s.post(Serviced{subject, in_service, who, reason});
  return {};
}

Answer Attachment::write(const std::string& tag, double value, const std::string& who) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (who.empty()) return {Refusal::invalid_argument, "a write needs a name"};
  const std::lock_guard lock(s.mutex);
  const auto index = s.tags ? s.tags->find(tag) : std::nullopt;
  if (!index) return {Refusal::invalid_argument, fmt::format("\"{}\" is no tag", tag)};
  const auto& rules = s.configuration.writes;
  if (std::none_of(rules.begin(), rules.end(),
                   [&](const core::WriteRule& rule) { return rule.tag == *index; }))
    return {Refusal::refused, fmt::format("{} may not be written: no [[write]] names it", tag)};
  s.post(WriteWanted{*index, value, who});
  return {};
}

Answer Attachment::note(const std::string& who, const std::string& what,
                        const std::string& detail) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  s.post(Noted{who, what, detail});
  return {};
}

std::optional<plan::Request> Attachment::question() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  if (!s.glanced || !s.watch) return std::nullopt;
  double forecast_at_s = 0;
  double missing_share = 0;
  return s.request_from(*s.glanced, s.running_schedule, forecast_at_s, missing_share);
}

Answer Attachment::plan() {
  if (!state_->running) return {Refusal::wrong_state, "this instance is not running"};
  state_->post(PlanWanted{"a request"});
  return {};
}

Answer Attachment::decide(std::uint64_t proposal, bool approved, const std::string& who) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (who.empty()) return {Refusal::invalid_argument, "a decision needs a name"};
  {
    const std::lock_guard lock(s.mutex);
    const bool waits = s.proposal.state == ProposalState::proposed || can_be_overruled(s.proposal);
    if (!waits || s.proposal.number != proposal)
      return {Refusal::refused, fmt::format("proposal {} does not wait for a decision", proposal)};
    if (approved && s.proposal.state == ProposalState::refused && s.proposal.signed_by == who)
      return {Refusal::refused,
              "you have signed already: the gate is overruled by two different people"};
  }
  s.post(core::Decision{static_cast<std::uint16_t>(proposal),
                        approved ? core::Decision::Kind::approve : core::Decision::Kind::reject,
                        who});
  return {};
}

Answer Attachment::roll_back(const std::string& who) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (who.empty()) return {Refusal::invalid_argument, "a roll-back needs a name"};
  {
    const std::lock_guard lock(s.mutex);
    if (!s.kept.ledger.standing())
      return {Refusal::refused, "no deployed schedule stands to be taken back"};
  }
  s.post(RollBackWanted{who});
  return {};
}

line::Result<std::string> Attachment::staging(std::uint64_t proposal, bool back,
                                              std::chrono::milliseconds patience) {
  auto& s = *state_;
  if (!s.running || s.own_thread == std::this_thread::get_id())
    return Error("this instance is not running");
  auto answer = std::make_shared<std::promise<Result<std::string>>>();
  auto comes = answer->get_future();
  const auto until = Clock::now() + patience;
  s.post(StagingWanted{proposal, back, until, answer});
  if (comes.wait_until(until) != std::future_status::ready)
    return Error("the PLC was not read in time");
  try {
    return comes.get();
  } catch (const std::future_error&) {  // stopped meanwhile
    return Error("this instance is not running");
  }
}

Answer Attachment::clear_lock_out(const std::string& who) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (who.empty()) return {Refusal::invalid_argument, "clearing needs a name"};
  {
    const std::lock_guard lock(s.mutex);
    if (!s.kept.ledger.locked_out()) return {Refusal::refused, "there is nothing to clear"};
  }
  s.post(RollBackWanted{who, true});
  return {};
}

}  // namespace foreline::attachment
