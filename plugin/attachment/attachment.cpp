// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/attachment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "plugin/attachment/details.hpp"
#include "plugin/core/published.hpp"
#include "plugin/io/deployer.hpp"
#include "plugin/io/modbus_client.hpp"
#include "plugin/io/register_server.hpp"
#include "plugin/store/store.hpp"
#include "sim/line/schedule_block.hpp"
#include "sim/plan/planner.hpp"
#include "sim/worker/client.hpp"

namespace foreline::attachment {

using namespace line;
using core::ProposalState;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto deploy_patience = std::chrono::seconds(5);
constexpr int snapshot_attempts = 20;
constexpr auto glance_every = std::chrono::seconds(1);
constexpr double new_run_s = 3600;  ///< A clock that falls back by more means another run.

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}
Clock::duration duration_of(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

struct PlanWanted {
  std::string because;
};
struct Acknowledged {
  std::string subject;
};
struct Shelved {
  std::string subject;
  double for_s = 0;
};
struct Noted {
  std::string who;
  std::string what;
  std::string detail;
};
struct Planned {
  plan::Request request;
  double forecast_at_s = 0;
  double missing_share = 0;
  Result<plan::Plan> plan;
};
struct PlanProgress {
  std::size_t done = 0;
  std::size_t all = 0;
};
using Message =
    std::variant<PlanWanted, Acknowledged, Shelved, Noted, core::Decision, Planned, PlanProgress>;

struct Cancelled {};

/// What a person is asked about.
struct Proposal {
  std::uint16_t number = 0;
  ProposalState state = ProposalState::none;
  plan::Request request;
  Schedule schedule;
  std::string name;
  double gain_lower_95 = 0;
  double made_at_s = 0;
};

}  // namespace

struct Attachment::State {
  core::Configuration configuration;
  HostCalls host;

  // Owned by the attachment's thread.
  std::unique_ptr<io::ModbusClient> plc;
  std::optional<io::Backoff> backoff;
  Clock::time_point next_attempt{};
  std::string last_trouble;
  std::optional<Clock::time_point> heartbeat_moved;
  double heartbeat = -1;
  double pace = 1;  ///< Line seconds per wall second.
  Clock::time_point clock_read{};
  Clock::time_point started{};
  std::int64_t grid = std::numeric_limits<std::int64_t>::min();
  std::optional<worker::Client> worker;  ///< Lent to the planning thread while it runs.
  std::thread planner;
  bool planning = false;
  double planned_at_s = -1;
  double deployed_at_s = -1;
  std::optional<store::Store> store;
  std::shared_ptr<const inference::Forecaster> forecaster;
  std::vector<Event> events;  ///< To tell the host once no lock is held.

  // Shared, under `mutex`.
  mutable std::mutex mutex;
  std::optional<core::Watch> watch;
  core::Image image;
  Frame frame;
  std::int64_t received_ns = 0;
  double line_s = 0;
  bool connected = false;
  std::uint16_t polls = 0;
  Proposal proposal;
  io::DeviceCounters counters;
  Clock::time_point next_glance{};
  std::optional<LineNow> glanced;  ///< Where the line stood, for people to look at.
  Schedule running_schedule;       ///< As the PLC held it at the last glance.
  PlanProgress progress;

  // Messages to the thread, under `inbox_mutex`.
  std::mutex inbox_mutex;
  std::condition_variable inbox_filled;
  std::deque<Message> inbox;
  std::atomic<bool> stopping = false;
  std::thread thread;
  std::unique_ptr<io::RegisterServer> server;
  std::atomic<bool> running = false;

  void log(Level level, std::string_view room, const std::string& text) const {
    if (host.log) host.log(level, room, text);
  }
  void tell(Event event) { events.push_back(std::move(event)); }
  void flush() {
    for (const auto& event : std::exchange(events, {}))
      if (host.event) host.event(event);
  }
  std::int64_t wall_ns() const {
    return host.now_ns ? host.now_ns()
                       : std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  }
  void post(Message message) {
    {
      const std::lock_guard lock(inbox_mutex);
      inbox.push_back(std::move(message));
    }
    inbox_filled.notify_one();
  }

  const Line& line() const { return *configuration.line; }

  // --- The poll -------------------------------------------------------------------------------

  void lose(const std::string& trouble) {
    plc->close();
    next_attempt = Clock::now() + backoff->next();
    heartbeat_moved.reset();
    const bool was = std::exchange(connected, false);
    if (!was && trouble == last_trouble) return;
    last_trouble = trouble;
    tell({EventKind::link, line_s, "plc", "lost", trouble, "{}"});
  }

  void find() {
    last_trouble.clear();
    backoff->reset();
    if (std::exchange(connected, true)) return;
    tell({EventKind::link, line_s, "plc", "connected",
          fmt::format("the PLC at {}:{} answers", configuration.plc.host, configuration.plc.port),
          "{}"});
  }

  Result<Done> read_into(core::Image& into, const std::vector<core::Range>& ranges) {
    for (const auto& range : ranges) {
      auto words = plc->read(range);
      if (!words) return words.error();
      into.put(range, *words);
    }
    return Done{};
  }

  void poll() {
    const auto& link = configuration.plc;
    const auto& map = configuration.map;
    if (!plc->connected()) {
      if (Clock::now() < next_attempt) return miss();
      if (auto done = plc->connect(); !done) {
        const std::lock_guard lock(mutex);
        lose(done.error().text());
        return miss_locked();
      }
    }
    core::Image fresh;
    auto read = read_into(fresh, core::polled(map, link.longest_read, link.gap));
    const std::lock_guard lock(mutex);
    counters = plc->counters();
    ++polls;
    if (!read) {
      lose(read.error().text());
      return miss_locked();
    }
    if (map.signature && fresh.number(*map.signature) != map.signature_value) {
      lose(fmt::format("register {} holds {}, wanted {}: another device, or another register map",
                       map.signature->address, fresh.number(*map.signature), map.signature_value));
      return miss_locked();
    }
    const auto now = Clock::now();
    if (map.heartbeat) {
      const double beat = fresh.number(*map.heartbeat);
      if (!heartbeat_moved || beat != heartbeat) {
        heartbeat = beat;
        heartbeat_moved = now;
      } else if (seconds(now - *heartbeat_moved) > link.heartbeat_stale_s) {
        lose("the PLC answers, but its heartbeat stands still");
        return miss_locked();
      }
    }
    const double clock_s = map.clock ? fresh.number(*map.clock) : seconds(now - started);
    if (!std::isfinite(clock_s)) {
      lose("the PLC's clock is no number");
      return miss_locked();
    }
    find();
    keep_pace(clock_s, now);
    image = std::move(fresh);
    received_ns = wall_ns();
    if (clock_s < frame.at_s - new_run_s) begin_run();
    line_s = clock_s;
    const auto cell =
        static_cast<std::int64_t>(std::floor(clock_s / line().sample_period_s + 1e-6));
    if (cell <= grid) return;
    grid = cell;
    frame = core::frame_of(map, line(), image, static_cast<double>(cell) * line().sample_period_s);
    take(watch->step(frame));
  }

  void keep_pace(double clock_s, Clock::time_point now) {
    if (clock_read != Clock::time_point{}) {
      const double wall_s = seconds(now - clock_read);
      if (clock_s > line_s && wall_s > 0)
        pace += 0.05 * (std::clamp((clock_s - line_s) / wall_s, 0.0, 1e5) - pace);
    }
    clock_read = now;
  }

  void begin_run() {
    watch.emplace(configuration.line, forecaster, configuration.watch);
    grid = std::numeric_limits<std::int64_t>::min();
    planned_at_s = -1;
    deployed_at_s = -1;
    log(Level::warning, "attachment", "the line's clock has fallen back: a new run begins");
  }

  void miss() {
    const std::lock_guard lock(mutex);
    miss_locked();
  }
  void miss_locked() {
    if (clock_read == Clock::time_point{}) {
      // Nothing has ever been read: line time has no origin yet, so seconds of waiting stand in.
      take(watch->lost(seconds(Clock::now() - started)));
      return;
    }
    take(watch->lost(line_s + pace * seconds(Clock::now() - clock_read)));
  }

  void take(const core::Changes& changes) {
    for (const auto& forecast : changes.forecasts) {
      const auto& machine = line().at(forecast.machine);
      const auto detail = to_json(forecast, line()).dump();
      if (!forecast.available) {
        tell({EventKind::forecast, forecast.at_s, machine.name, "unavailable", forecast.why_not,
              detail});
        continue;
      }
      for (const auto& kind : forecast.kinds) {
        const bool possible =
            std::any_of(machine.faults.begin(), machine.faults.end(),
                        [&](const FaultMode& mode) { return mode.kind == kind.kind; });
        if (!possible || !gives_warning(kind.kind)) continue;
        const double p = kind.probability_within(configuration.watch.alarms.horizon_s);
        tell({EventKind::forecast, forecast.at_s,
              fmt::format("{}/{}", machine.name, name_of(kind.kind)), "forecast",
              fmt::format("{} of {}: {:.0f} % within {:.0f} min", name_of(kind.kind), machine.name,
                          100 * p, configuration.watch.alarms.horizon_s / 60),
              detail, p, kind.quantile_s(0.5)});
      }
    }
    for (const auto& alarm : changes.alarms) {
      tell({EventKind::alarm, alarm.at_s, alarm.id, std::string(name_of(alarm.what)),
            fmt::format("{} {}: {}", alarm.id, name_of(alarm.what), alarm.why),
            to_json(watch->alarms().record(alarm.id)).dump(),
            static_cast<double>(alarm.probability), alarm.expected_in_s});
      const bool forecast_raised =
          alarm.alarm_class == AlarmClass::forecast && alarm.what == AlarmEvent::What::raised;
      if (forecast_raised && configuration.planning.on_alarm) post(PlanWanted{alarm.id});
    }
  }

  // --- Planning -------------------------------------------------------------------------------

  void tell_plan(const std::string& what, const std::string& text,
                 const std::string& detail = "{}") {
    tell({EventKind::plan, line_s,
          proposal.number == 0 ? std::string("planning")
                               : fmt::format("proposal {}", proposal.number),
          what, text, detail});
  }

  /// The line's state, read until two heartbeats around it agree, so that no scan lies within.
  Result<LineNow> read_state(Schedule& active, int attempts = snapshot_attempts) {
    const auto& map = configuration.map;
    const auto& link = configuration.plc;
    if (configuration.orders->empty())
      return Error("planning needs the order book: add orders = \"...\" to the configuration");
    if (!map.schedule)
      return Error("planning needs the running schedule: add [schedule] to the configuration");
    std::optional<Error> trouble;
    for (int attempt = 0; attempt < attempts; ++attempt) {
      core::Image fresh;
      const auto first = core::polled(map, link.longest_read, link.gap);
      if (auto read = read_into(fresh, first); !read) return read.error();
      const double before = map.heartbeat ? fresh.number(*map.heartbeat) : 0;
      auto rest = core::planned(map, configuration.orders->size(), link.longest_read, link.gap);
      if (auto read = read_into(fresh, rest); !read) return read.error();
      core::Image block;
      const core::Range range{core::RegisterTable::holding, map.schedule->active,
                              static_cast<std::uint16_t>(block_size)};
      auto words = plc->read(range);
      if (!words) return words.error();
      if (map.heartbeat) {
        core::Image after;
        auto read = read_into(
            after, {{map.heartbeat->table, map.heartbeat->address, map.heartbeat->words()}});
        if (!read) return read.error();
        if (after.number(*map.heartbeat) != before) {
          trouble = Error("the PLC scans faster than its state can be read");
          continue;
        }
      }
      if (from_block(*words, active) != BlockFault::none)
        return Error("the active schedule block of the PLC is not valid",
                     "check [schedule] active in the configuration");
      auto now = core::line_now_of(map, line(), *configuration.orders, fresh,
                                   map.clock ? fresh.number(*map.clock) : line_s);
      if (now) return now;
      trouble = now.error();
    }
    return *trouble;
  }

  /// Buffers, orders and the running schedule for the HMI. A torn read leaves the former ones.
  void glance() {
    if (!configuration.hmi.on || !connected || Clock::now() < next_glance) return;
    if (configuration.orders->empty() || !configuration.map.schedule) return;
    next_glance = Clock::now() + glance_every;
    Schedule active;
    auto now = read_state(active, 3);
    if (!now) return;
    const std::lock_guard lock(mutex);
    glanced = std::move(*now);
    running_schedule = std::move(active);
  }

  /// The question that planning answers, from this state. Under `mutex`.
  plan::Request request_from(LineNow now, Schedule active, double& forecast_at_s,
                             double& missing_share) const {
    const auto& rules = configuration.planning;
    plan::Request request;
    request.line = configuration.line;
    request.orders = configuration.orders;
    request.active = std::move(active);
    request.now = std::move(now);
    request.horizon_s = rules.horizon_s;
    request.seed = rules.seed + proposal.number;
    request.selection_seeds = rules.selection_seeds;
    request.gate_seeds = rules.gate_seeds;
    request.cost_tardiness_s = rules.cost_tardiness_s;
    request.cost_downtime_s = rules.cost_downtime_s;
    request.cost_service_s = rules.cost_service_s;
    request.cost_makespan_s = rules.cost_makespan_s;
    forecast_at_s = 0;
    missing_share = 0;
    double highest = -1;
    for (const auto& forecast : watch->latest()) {
      if (!forecast.available) continue;
      forecast_at_s = std::max(forecast_at_s, forecast.at_s);
      for (const auto& kind : forecast.kinds) {
        const auto& modes = line().at(forecast.machine).faults;
        const bool possible = std::any_of(modes.begin(), modes.end(), [&](const FaultMode& mode) {
          return mode.kind == kind.kind;
        });
        if (!possible || !gives_warning(kind.kind)) continue;
        request.hazards.push_back({forecast.machine, kind.kind, kind.within});
        const double p = kind.probability_within(configuration.watch.alarms.horizon_s);
        if (p <= highest) continue;
        highest = p;
        missing_share = static_cast<double>(forecast.missing_share);
      }
    }
    return request;
  }

  void want_plan(const std::string& because) {
    if (planning || proposal.state == ProposalState::proposed ||
        proposal.state == ProposalState::deploying)
      return;
    planned_at_s = line_s;
    Schedule active;
    auto now = connected ? read_state(active) : Result<LineNow>(Error("the PLC does not answer"));
    if (!now) {
      tell_plan("failed", fmt::format("no plan for {}: {}", because, now.error().text()));
      return;
    }
    if (!worker) {
      auto started_worker = worker::Client::start({});
      if (!started_worker) {
        tell_plan("failed",
                  fmt::format("no plan for {}: {}", because, started_worker.error().text()));
        return;
      }
      worker.emplace(std::move(*started_worker));
    }
    plan::Request request;
    double forecast_at_s = 0;
    double missing_share = 0;
    {
      const std::lock_guard lock(mutex);
      request = request_from(std::move(*now), std::move(active), forecast_at_s, missing_share);
      progress = {};
      proposal.state = ProposalState::planning;
    }
    planning = true;
    tell_plan("started", fmt::format("planning because of {}, from the line's state at {:.0f} s",
                                     because, request.now.at_s));
    if (planner.joinable()) planner.join();
    planner = std::thread([this, asked = std::move(request), forecast_at_s, missing_share] {
      std::optional<Result<plan::Plan>> planned;
      std::size_t told = 0;
      try {
        planned = plan::make_plan(asked, *worker, [&](std::size_t done, std::size_t all) {
          if (stopping) throw Cancelled{};
          if (10 * done / all == told) return;
          told = 10 * done / all;
          post(PlanProgress{done, all});
        });
      } catch (const Cancelled&) {
        worker.reset();
        return;
      } catch (const std::exception& error) {
        planned = Error(fmt::format("planning failed: {}", error.what()));
      }
      post(Planned{asked, forecast_at_s, missing_share, std::move(*planned)});
    });
  }

  void take(Planned& planned) {
    planner.join();
    planning = false;
    if (!planned.plan) {
      worker.reset();
      const std::lock_guard lock(mutex);
      proposal.state = ProposalState::failed;
      tell_plan("failed", planned.plan.error().text());
      return;
    }
    const auto& winner = planned.plan->evaluated.at(planned.plan->winner).candidate;
    {
      const std::lock_guard lock(mutex);
      proposal.number = static_cast<std::uint16_t>(proposal.number + 1U);
      proposal.request = planned.request;
      proposal.schedule = winner.schedule;
      proposal.name = winner.name;
      proposal.gain_lower_95 = planned.plan->proof.gain_lower_95;
      proposal.made_at_s = line_s;
    }
    core::GateInput input;
    input.request = &planned.request;
    input.plan = &*planned.plan;
    input.connected = connected;
    input.now_s = line_s;
    input.forecast_at_s = planned.forecast_at_s;
    input.missing_share = planned.missing_share;
    input.deployed_at_s = deployed_at_s;
    input.may_write = configuration.may_write;
    input.audit_works = store.has_value();
    auto verdict = core::judge(input, configuration.gate);
    auto detail = to_json(*planned.plan, planned.request, verdict);
    detail["proposal"] = proposal.number;
    if (verdict.passed &&
        !audit("foreline", "proposed", detail["after"].dump() + " because " + verdict.reason)) {
      verdict.passed = false;
      verdict.reason = "the audit cannot be written";
    }
    {
      const std::lock_guard lock(mutex);
      proposal.state = verdict.passed ? ProposalState::proposed : ProposalState::refused;
    }
    tell_plan(verdict.passed ? "proposed" : "refused",
              fmt::format("proposal {}: {}", proposal.number, verdict.reason), detail.dump());
  }

  bool audit(const std::string& who, const std::string& what, const std::string& detail) {
    if (!store) return false;
    auto written = store->append(wall_ns(), line_s, who, what,
                                 fmt::format("proposal {}: {}", proposal.number, detail));
    if (!written) log(Level::error, "store", written.error().text());
    return written.has_value();
  }

  // --- Deployment -----------------------------------------------------------------------------

  void finish(ProposalState state, const std::string& what, const std::string& text) {
    {
      const std::lock_guard lock(mutex);
      proposal.state = state;
    }
    tell(
        {EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), what, text, "{}"});
  }

  void decide(const core::Decision& decision) {
    if (decision.proposal != proposal.number || proposal.state != ProposalState::proposed) {
      log(Level::warning, "attachment",
          fmt::format("{} decided on proposal {}, which is not waiting for a decision",
                      decision.who, decision.proposal));
      return;
    }
    if (!decision.approved) {
      (void)audit(decision.who, "rejected", proposal.name);
      finish(ProposalState::rejected, "rejected",
             fmt::format("proposal {} was rejected by {}", proposal.number, decision.who));
      return;
    }
    if (!audit(decision.who, "approved", proposal.name)) {
      finish(ProposalState::failed, "failed", "the audit cannot be written, so nothing is");
      return;
    }
    {
      const std::lock_guard lock(mutex);
      proposal.state = ProposalState::deploying;
    }
    tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), "approved",
          fmt::format("proposal {} ({}) was approved by {}", proposal.number, proposal.name,
                      decision.who),
          "{}"});
    Schedule active;
    auto now = read_state(active);
    if (!now) {
      (void)audit("foreline", "failed", now.error().text());
      return finish(ProposalState::failed, "failed", now.error().text());
    }
    const auto complaints = core::complaints_now(proposal.schedule, proposal.request, *now, active);
    if (!complaints.empty()) {
      (void)audit("foreline", "refused", complaints.front());
      return finish(ProposalState::lapsed, "refused",
                    fmt::format("the line has moved on: {}", complaints.front()));
    }
    if (!audit("foreline", "writing", "staging block, then commit")) {
      return finish(ProposalState::failed, "failed", "the audit cannot be written, so nothing is");
    }
    const auto done =
        io::deploy(*plc, *configuration.map.schedule, to_block(proposal.schedule),
                   std::chrono::duration_cast<std::chrono::milliseconds>(deploy_patience),
                   [&](const std::string& what, const std::string& text) {
                     (void)audit("foreline", what, text);
                     if (what == "confirmed") return;
                     tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number),
                           what, text, "{}"});
                     flush();
                   });
    if (!done) {
      (void)audit("foreline", "failed", done.error().text());
      return finish(ProposalState::failed, "failed", done.error().text());
    }
    deployed_at_s = line_s;
    finish(ProposalState::confirmed, "confirmed",
           fmt::format("{} is active: the PLC's block, read back, equals the approved schedule",
                       proposal.name));
  }

  /// Proposals that nobody decides on, and alarms that still stand without a proposal.
  void look_after_proposal() {
    const auto& rules = configuration.planning;
    if (proposal.state == ProposalState::proposed &&
        line_s - proposal.made_at_s > rules.expires_s) {
      (void)audit("foreline", "lapsed", proposal.name);
      {
        const std::lock_guard lock(mutex);
        proposal.state = ProposalState::lapsed;
      }
      tell_plan("lapsed", fmt::format("proposal {} has lapsed: nobody decided within {:.0f} min",
                                      proposal.number, rules.expires_s / 60));
    }
    const bool idle =
        proposal.state == ProposalState::refused || proposal.state == ProposalState::lapsed ||
        proposal.state == ProposalState::failed || proposal.state == ProposalState::none;
    if (!rules.on_alarm || !idle || planning || !connected || planned_at_s < 0 ||
        line_s - planned_at_s < rules.again_after_s)
      return;
    std::string standing;
    {
      const std::lock_guard lock(mutex);
      for (const auto& record : watch->alarms().standing())
        if (record.active && record.event.alarm_class == AlarmClass::forecast)
          standing = record.event.id;
    }
    if (!standing.empty()) want_plan(standing + " (again)");
  }

  // --- The thread -----------------------------------------------------------------------------

  void handle(Message& message) {
    if (auto* wanted = std::get_if<PlanWanted>(&message)) {
      want_plan(wanted->because);
    } else if (auto* acknowledged = std::get_if<Acknowledged>(&message)) {
      bool done = false;
      AlarmEvent event;
      {
        const std::lock_guard lock(mutex);
        done = watch->alarms().acknowledge(acknowledged->subject, line_s);
        event = watch->alarms().record(acknowledged->subject).event;
      }
      if (done)
        tell({EventKind::alarm, line_s, acknowledged->subject, "acknowledged",
              acknowledged->subject + " acknowledged", "{}", static_cast<double>(event.probability),
              event.expected_in_s});
    } else if (auto* shelved = std::get_if<Shelved>(&message)) {
      bool done = false;
      {
        const std::lock_guard lock(mutex);
        done = watch->alarms().shelve(shelved->subject, line_s, shelved->for_s);
      }
      if (done)
        tell({EventKind::alarm, line_s, shelved->subject, "shelved",
              fmt::format("{} shelved for {:.0f} min", shelved->subject, shelved->for_s / 60),
              "{}"});
    } else if (auto* noted = std::get_if<Noted>(&message)) {
      if (!store) return;
      auto written = store->append(wall_ns(), line_s, noted->who, noted->what, noted->detail);
      if (!written) log(Level::error, "store", written.error().text());
    } else if (auto* decision = std::get_if<core::Decision>(&message)) {
      decide(*decision);
    } else if (auto* planned = std::get_if<Planned>(&message)) {
      take(*planned);
    } else if (auto* simulated = std::get_if<PlanProgress>(&message)) {
      {
        const std::lock_guard lock(mutex);
        progress = *simulated;
      }
      tell_plan("progress",
                fmt::format("{} of {} futures simulated", simulated->done, simulated->all));
    }
  }

  void publish() {
    if (!server) return;
    const std::lock_guard lock(mutex);
    core::Published values;
    values.heartbeat = polls;
    values.connected = connected;
    values.clock_s = line_s;
    values.model_loaded = forecaster != nullptr;
    values.proposal = proposal.number;
    values.proposal_state = proposal.state;
    values.proposal_gain = proposal.gain_lower_95;
    server->publish(core::registers_of(values, line(), watch->alarms(), watch->latest()),
                    core::inputs_of(line(), watch->alarms()));
  }

  void work() {
    auto next_poll = Clock::now();
    while (!stopping) {
      if (Clock::now() >= next_poll) {
        poll();
        // Beats are kept; those that a slow peer made us miss are not made up for.
        const auto period = duration_of(configuration.plc.poll_s);
        next_poll = std::max(next_poll + period, Clock::now());
        glance();
        look_after_proposal();
        publish();
        flush();
      }
      std::unique_lock lock(inbox_mutex);
      inbox_filled.wait_until(lock, next_poll, [&] { return stopping || !inbox.empty(); });
      while (!inbox.empty() && !stopping) {
        auto message = std::move(inbox.front());
        inbox.pop_front();
        lock.unlock();
        handle(message);
        publish();
        flush();
        lock.lock();
      }
    }
  }

  void live() {
    try {
      work();
    } catch (const std::exception& error) {
      log(Level::error, "attachment", fmt::format("internal error, stopped: {}", error.what()));
    }
    if (planner.joinable()) planner.join();
    plc->close();
  }
};

Attachment::Attachment(core::Configuration configuration, HostCalls host)
    : state_(std::make_unique<State>()) {
  state_->configuration = std::move(configuration);
  state_->host = std::move(host);
}

Attachment::~Attachment() {
  (void)stop(std::chrono::seconds(5));
}

Answer Attachment::start() {
  auto& s = *state_;
  if (s.running || s.thread.joinable())
    return {Refusal::wrong_state, "this instance has been started already"};
  const auto& configuration = s.configuration;
  if (!configuration.model.empty()) {
    inference::ForecasterOptions options;
    options.reasons = configuration.reasons;
    auto forecaster = inference::Forecaster::load(configuration.model, options);
    if (!forecaster) return {Refusal::io, forecaster.error().text()};
    s.forecaster = std::make_shared<const inference::Forecaster>(std::move(*forecaster));
    s.log(Level::info, "inference", s.forecaster->description());
  }
  if (!configuration.store.empty()) {
    auto store = store::Store::open(configuration.store);
    if (!store) return {Refusal::io, store.error().text()};
    s.store.emplace(std::move(*store));
  }
  s.watch.emplace(configuration.line, s.forecaster, configuration.watch);
  if (configuration.server.on) {
    auto server = io::RegisterServer::start(
        configuration.server.host, configuration.server.port,
        [&s](std::uint16_t address, std::span<const std::uint16_t> words) {
          if (!s.configuration.server.approvals) return false;
          if (address == core::published::acknowledge && words.size() == 1) {
            const auto subject = core::acknowledged_by(words[0], s.line());
            if (subject.empty()) return false;
            s.post(Acknowledged{subject});
            return true;
          }
          if (address != core::published::decision) return false;
          const auto decision = core::decision_from(words);
          if (!decision) return false;
          s.post(*decision);
          return true;
        });
    if (!server) return {Refusal::io, server.error().text()};
    s.server = std::move(*server);
  }
  const auto& link = configuration.plc;
  s.plc = std::make_unique<io::ModbusClient>(
      link.host, link.port, link.unit,
      std::chrono::milliseconds(static_cast<std::int64_t>(link.timeout_s * 1000)));
  s.backoff.emplace(
      std::chrono::milliseconds(static_cast<std::int64_t>(link.reconnect_max_s * 1000)),
      static_cast<std::uint64_t>(s.wall_ns()));
  s.started = Clock::now();
  s.stopping = false;
  s.publish();
  s.running = true;
  s.thread = std::thread([&s] {
    s.live();
    s.running = false;
  });
  return {};
}

Answer Attachment::stop(std::chrono::milliseconds /*limit*/) {
  auto& s = *state_;
  s.stopping = true;
  s.inbox_filled.notify_one();
  if (s.thread.joinable()) s.thread.join();
  s.server.reset();
  return {};
}

Answer Attachment::read(const std::string& tag, Value& out) const {
  const auto& s = *state_;
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
  const std::lock_guard lock(s.mutex);
  out = {};
  if (signal != signals.end()) out.unit = signal->unit;
  if (machine->index >= s.frame.machines.size()) return {};
  const auto& seen = s.frame.machines[machine->index];
  out.at_s = s.frame.at_s;
  out.received_ns = s.received_ns;
  if (name == "state") {
    out.value = static_cast<double>(seen.state);
    out.quality = Quality::good;
  } else {
    const auto& sample = seen.signals.at(static_cast<std::size_t>(signal - signals.begin()));
    out.value = static_cast<double>(sample.value);
    out.quality = sample.quality;
  }
  if (!s.connected)
    out.quality = out.quality == Quality::good ? Quality::uncertain_last_known : out.quality;
  return {};
}

std::uint16_t Attachment::server_port() const {
  return state_->server ? state_->server->port() : std::uint16_t{0};
}

Answer Attachment::acknowledge(const std::string& subject) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  {
    const std::lock_guard lock(s.mutex);
    const auto record = s.watch->alarms().record(subject);
    if (record.state != AlarmState::unacknowledged &&
        record.state != AlarmState::returned_unacknowledged)
      return {Refusal::refused, fmt::format("no alarm \"{}\" waits for acknowledgement", subject)};
  }
  s.post(Acknowledged{subject});
  return {};
}

Answer Attachment::shelve(const std::string& subject, double for_s) {
  auto& s = *state_;
  if (!s.running) return {Refusal::wrong_state, "this instance is not running"};
  if (!(for_s > 0)) return {Refusal::invalid_argument, "an alarm is shelved for some time"};
  {
    const std::lock_guard lock(s.mutex);
    if (s.watch->alarms().record(subject).state == AlarmState::normal)
      return {Refusal::refused, fmt::format("no alarm \"{}\" stands", subject)};
  }
  s.post(Shelved{subject, for_s});
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
    if (s.proposal.state != ProposalState::proposed || s.proposal.number != proposal)
      return {Refusal::refused, fmt::format("proposal {} does not wait for a decision", proposal)};
  }
  s.post(core::Decision{static_cast<std::uint16_t>(proposal), approved, who});
  return {};
}

std::string Attachment::snapshot() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  Json json = {{"line", s.line().name},        {"running", s.running.load()},
               {"connected", s.connected},     {"line_time_s", s.line_s},
               {"server_port", server_port()}, {"values", to_json(s.frame, s.line())}};
  Json forecasts = Json::array();
  Json alarms = Json::array();
  if (s.watch) {
    for (const auto& forecast : s.watch->latest()) forecasts.push_back(to_json(forecast, s.line()));
    for (const auto& record : s.watch->alarms().standing()) alarms.push_back(to_json(record));
  }
  json["forecasts"] = std::move(forecasts);
  json["alarms"] = std::move(alarms);
  json["proposal"] = {{"number", s.proposal.number},
                      {"state", core::name_of(s.proposal.state)},
                      {"name", s.proposal.name},
                      {"gain_lower_95", s.proposal.gain_lower_95}};
  json["received_ns"] = s.received_ns;
  json["pace"] = s.pace;
  json["model"] = s.forecaster ? s.forecaster->description() : std::string();
  json["planning"] = {{"done", s.progress.done}, {"all", s.progress.all}};
  if (s.glanced) {
    json["stands"] = to_json(*s.glanced, s.line());
    json["schedule"] = to_json(s.running_schedule, s.line(), *s.configuration.orders);
  }
  json["counters"] = {{"polls", s.polls},
                      {"requests", s.counters.requests},
                      {"timeouts", s.counters.timeouts},
                      {"exceptions", s.counters.exceptions},
                      {"malformed", s.counters.malformed},
                      {"late", s.counters.late}};
  return json.dump();
}

}  // namespace foreline::attachment
