// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/attachment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "plugin/attachment/details.hpp"
#include "plugin/attachment/keeping.hpp"
#include "plugin/attachment/northbound.hpp"
#include "plugin/attachment/twin_check.hpp"
#include "plugin/attachment/twin_files.hpp"
#include "plugin/core/drift.hpp"
#include "plugin/core/input_quality.hpp"
#include "plugin/core/ledger.hpp"
#include "plugin/core/maintenance_log.hpp"
#include "plugin/core/published.hpp"
#include "plugin/core/quality.hpp"
#include "plugin/core/skill.hpp"
#include "plugin/core/staging.hpp"
#include "plugin/core/telling.hpp"
#include "plugin/io/deployer.hpp"
#include "plugin/io/device.hpp"
#include "plugin/io/loop.hpp"
#include "plugin/io/metrics_server.hpp"
#include "plugin/io/modbus_client.hpp"
#include "plugin/io/poller.hpp"
#include "plugin/io/register_server.hpp"
#include "plugin/store/history.hpp"
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
/// Where the line stands is read so often, for pages or for nobody, and after so much line time.
constexpr double glance_for_pages_s = 1;
constexpr double glance_for_nobody_s = 10;
constexpr double glance_line_s = 60;
constexpr double glance_least_s = 0.1;
constexpr double forecasts_judged_a_horizon = 4;
constexpr double judged_every_s = 4 * 3600;  ///< Line time between audit lines about forecasts.
constexpr std::size_t least_forecasts = 100;
constexpr auto hours_kept_every = std::chrono::seconds(60);
constexpr auto history_again_after = std::chrono::seconds(5);
constexpr auto history_sure_after =
    2 * history_again_after;               ///< A full disk takes a little now and then.
constexpr std::size_t past_most = 20'000;  ///< Events of the historian that a start reads.
constexpr double sums_kept_every_s = 600;
constexpr double unwatched_most_s = 900;  ///< A restart; after longer, watching begins anew.
constexpr double shelve_least_s = 60;
constexpr double shelve_most_s = 24 * 3600;
constexpr std::ptrdiff_t asked_most = 64;  ///< What waits, besides polls, when clients are put off.
constexpr std::size_t name_most = 64;
constexpr std::size_t reason_most = 200;

/// Why an act in this name for this reason cannot go into the audit; empty when it can.
std::string complaint_about(const std::string& who, const std::string& reason = {}) {
  if (who.empty() || who.size() > name_most)
    return fmt::format("an act needs a name of at most {} bytes", name_most);
  if (reason.size() > reason_most) return fmt::format("a reason has at most {} bytes", reason_most);
  return {};
}
constexpr double new_run_s = 3600;  ///< A clock that falls back by more means another run.

/// Line time as people read it: "1:17:31".
std::string clock_text(double at_s) {
  const auto whole = static_cast<long>(std::max(0.0, at_s));
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

struct PlanWanted {
  std::string because;
};
struct Acknowledged {
  std::string subject;
  std::string who;
};
struct Shelved {
  std::string subject;
  double for_s = 0;  ///< 0: no longer.
  std::string who;
  std::string reason;
};
struct Serviced {
  std::string subject;
  bool in_service = false;
  std::string who;
  std::string reason;
};
struct WriteWanted {
  std::size_t tag = 0;
  double value = 0;
  std::string who;
};
struct Noted {
  std::string who;
  std::string what;
  std::string detail;
};
/// What another thread of ours has to say: the host is called from one.
struct Said {
  Level level = Level::info;
  std::string room;
  std::string text;
};
struct RollBackWanted {
  std::string who;
  bool clear = false;
};
/// Register by register what deciding on `proposal` would write; a roll-back's with `back`.
struct StagingWanted {
  std::uint64_t proposal = 0;
  bool back = false;
  Clock::time_point until{};  ///< So long somebody waits for it.
  std::shared_ptr<std::promise<Result<std::string>>> answer;
};
struct Compared {
  Result<core::Stretch> stretch;
};
struct Planned {
  std::string because;
  double polled_at_s = 0;  ///< Line time of the last poll before the state was read.
  plan::Request request;
  core::Booked booked;
  double forecast_at_s = 0;
  double missing_share = 0;
  Result<plan::Plan> plan;
};
struct PlanProgress {
  std::size_t done = 0;
  std::size_t all = 0;
};
using Message =
    std::variant<PlanWanted, Acknowledged, Shelved, Serviced, WriteWanted, Noted, core::Decision,
                 RollBackWanted, StagingWanted, Compared, Planned, PlanProgress, Said, io::Polled>;

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
  std::string identity;  ///< SHA-256 of what people are asked about.
  core::GateVerdict verdict;
  core::Promised promised;
  std::vector<plan::FinishBand> finishes;  ///< Of the schedule, if it is deployed.
  std::string signed_by;                   ///< The first of two who overrule the gate.
};

/// Whether two people may deploy what the gate has refused.
bool can_be_overruled(const Proposal& proposal) {
  return proposal.state == ProposalState::refused && proposal.verdict.can_be_overruled() &&
         !(proposal.schedule == proposal.request.active);
}

}  // namespace

struct Attachment::State {
  core::Configuration configuration;
  HostCalls host;

  // Owned by the attachment's thread.
  std::unique_ptr<io::Loop> loop;
  std::vector<std::shared_ptr<io::Device>> devices;
  std::unique_ptr<io::Poller> poller;
  std::unique_ptr<io::ModbusClient> plc;  ///< Device 0, to wait for.
  double pace = 1;                        ///< Line seconds per wall second.
  Clock::time_point clock_read{};
  Clock::time_point started{};
  std::int64_t grid = std::numeric_limits<std::int64_t>::min();
  Clock::time_point framed{};            ///< When the last frame was taken.
  std::optional<worker::Client> worker;  ///< Lent to the planning thread while it runs.
  std::thread planner;
  bool planning = false;
  double planned_at_s = -1;
  double deployed_at_s = -1;
  std::unique_ptr<store::StoreLock> store_lock;
  std::optional<store::Store> store;
  std::optional<store::History> history;
  std::unique_ptr<Northbound> north;
  Clock::time_point next_commit{};
  Clock::time_point next_history{};  ///< When one that failed is tried again.
  Clock::time_point history_failed{};
  bool history_fails = false;
  Clock::time_point next_drop{};
  Clock::time_point next_hours{};
  std::int64_t hours_kept = 0;  ///< Number of the last hour in the store.
  bool hours_fail = false;      ///< They could not be written the last time.
  std::string past = "null";    ///< Written by start() alone.
  std::int64_t told_ns = 0;     ///< Of the last event in the historian.
  double sums_kept_s = -1;      ///< Line time of the last in the historian.
  std::shared_ptr<const inference::Forecaster> forecaster;
  std::vector<Event> events;                 ///< To tell the host once no lock is held.
  mutable std::vector<Said> lines;           ///< Likewise.
  std::optional<core::Following> following;  ///< The deployed schedule, until it is judged.
  std::optional<TwinCheck> twin_check;
  double scored_at_s = -1;
  core::Telling<std::uint64_t> decided_in_vain;
  std::uint64_t vain_decisions = 0;

  // Shared, under `mutex`.
  mutable std::mutex mutex;
  std::optional<core::Watch> watch;
  core::Image image;  ///< Of the devices that answer.
  /// What is known of a device besides its values.
  struct Known {
    Quality link = Quality::bad_not_connected;  ///< Good while it answers, as itself, and lives.
    std::string trouble;
    Clock::time_point heard{};
    std::optional<Clock::time_point> moved;  ///< The heartbeat.
    double beat = -1;
    bool watched = false;  ///< Polled for the line, or for a heartbeat or signature.
    core::Telling<Quality> telling;
    std::int64_t since_ns = 0;      ///< Since when it is as it is.
    std::set<std::size_t> groups;   ///< Of its tags ...
    std::set<std::size_t> refused;  ///< ... and those answered by exceptions alone.
    std::string refusal;            ///< One of these.
    core::Telling<bool> refusals;
    [[nodiscard]] bool refuses() const { return !refused.empty() && refused == groups; }
  };
  std::vector<Known> known;
  std::optional<core::TagTable> tags;
  core::WriteRules writes;
  std::uint32_t layout = 0;
  bool leftovers = false;  ///< A deployment was begun once whose end nobody has seen.
  std::array<std::uint64_t, 3> write_ends{};  ///< Done, refused, failed.
  std::uint64_t gate_refusals = 0;
  std::uint64_t dropped = 0;  ///< Historians given up.
  double forecast_took_s = 0;
  core::Booked booked;
  core::StopLog stops{0};
  plan::Reacting reacting;  ///< To breakdowns, and to orders that leave their band.
  std::string reason_kept;  ///< For a plan, given while one was being made.
  std::optional<core::Drift> drift;
  std::optional<core::MaintenanceLog> maintenance;
  double watched_from_s = -1;  ///< Line time; by this process or those before, without a long gap.
  std::optional<std::pair<double, double>> former_watch;  ///< From and until when, line time.
  std::optional<core::InputQuality> input_quality;
  std::optional<core::ForecastWatch> judged;       ///< Forecasts whose time has not come, and sums.
  std::optional<core::ForecastRecord> evaluation;  ///< Of the model, where it was made.
  Kept kept;
  core::RollBack roll_back_state = core::RollBack::none;
  std::string followed;  ///< What the last window of the deployed schedule found.
  Frame frame;
  std::int64_t received_ns = 0;
  double line_s = 0;
  bool clock_unread = true;
  bool connected = false;
  std::uint64_t polls = 0;
  Proposal proposal;
  io::DeviceCounters counters;
  Clock::time_point glanced_at{};
  double glanced_line_s = 0;
  std::string twin_trouble;            ///< Why the plant's now is not kept; empty: it is.
  std::optional<core::Glance> looked;  ///< Where the line stood, for people to look at.
  std::optional<LineNow> glanced;      ///< Likewise, as planning needs it.
  Schedule running_schedule;           ///< As the PLC held it at the last glance.
  PlanProgress progress;
  std::uint64_t overruns = 0;

  // Messages to the thread, under `inbox_mutex`.
  std::mutex inbox_mutex;
  std::condition_variable inbox_filled;
  std::deque<Message> inbox;
  std::atomic<bool> stopping = false;
  std::thread thread;
  /// Set by itself: it may call back before `thread` knows of it.
  std::atomic<std::thread::id> own_thread;
  // Pages and metrics are asked for while an instance starts and stops: what they see of these
  // changes under `mutex`.
  std::unique_ptr<io::RegisterServer> server;
  std::unique_ptr<io::MetricsServer> metrics_server;
  std::atomic<std::uint16_t> server_port = 0;
  std::atomic<bool> running = false;

  void say(Level level, std::string_view room, const std::string& text) const {
    if (host.log) host.log(level, room, text);
  }
  /// Like events, said once no lock is held: whoever hears it may ask for values.
  void log(Level level, std::string_view room, const std::string& text) const {
    lines.push_back({level, std::string(room), text});
  }
  void tell(Event event) {
    remember(event);
    if (north && event.kind == EventKind::alarm)
      north->alarm(event.subject, watch->alarms().record(event.subject).state);
    events.push_back(std::move(event));
  }

  // --- The historian --------------------------------------------------------------------------

  /// A historian that cannot be written costs the past, never the present: said once.
  void check(const Result<Done>& done) {
    if (done) return;
    if (!std::exchange(history_fails, true))
      log(Level::error, "store",
          done.error().text() + "; the past is not kept until it can be written again");
    history.reset();
    history_failed = Clock::now();
    next_history = history_failed + history_again_after;
    ++dropped;
  }
  Result<Done> open_history() {
    std::vector<std::string> channels;
    for (const auto& machine : line().machines) {
      channels.push_back(machine.name + "/state");
      for (const auto& signal : machine.signals)
        channels.push_back(machine.name + "/" + signal.name);
    }
    auto opened = store::History::open(configuration.store, channels);
    if (!opened) return opened.error();
    history.emplace(std::move(*opened));
    return Done{};
  }
  void remember(const Event& event) {
    if (!history) return;
    constexpr std::array<const char*, 6> kinds = {"link", "forecast", "alarm",
                                                  "plan", "deploy",   "write"};
    told_ns = std::max(wall_ns(), told_ns);
    check(history->add_event({told_ns, event.at_s, kinds.at(static_cast<std::size_t>(event.kind)),
                              event.subject, event.what, event.text, event.detail_json}));
  }
  void remember(const Frame& seen) {
    if (!history) return;
    std::vector<Sample> samples;
    for (const auto& machine : seen.machines) {
      samples.push_back({static_cast<float>(machine.state), Quality::good});
      samples.insert(samples.end(), machine.signals.begin(), machine.signals.end());
    }
    check(history->add_frame(wall_ns(), samples));
  }
  /// Breakdowns, services and repairs are no events of the plugin, but belong to the past of a
  /// machine.
  void remember_maintenance(const Frame& seen) {
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
      check(history->add_event({told_ns, entry.until_s, "machine", line().machines[machine].name,
                                std::string(core::name_of(entry.what)), "",
                                text_of(to_json(entry))}));
    }
    if (!ended.empty() || seen.at_s < sums_kept_s || seen.at_s > sums_kept_s + sums_kept_every_s)
      keep_sums();
  }
  void keep_history() {
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
  /// Alarms of former runs of the plugin, as far as the historian keeps them; what was done to
  /// machines goes to where it goes on.
  [[nodiscard]] std::string former_history() {
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

  /// What goes on after a restart; a kill costs some minutes of it.
  void keep_sums() {
    if (!history || watched_from_s < 0) return;
    sums_kept_s = frame.at_s;
    told_ns = std::max(wall_ns(), told_ns);
    check(history->add_event(
        {told_ns, frame.at_s, "sums", "line", "kept", "",
         text_of({{"from_s", watched_from_s}, {"machines", sums_of(*maintenance, line())}})}));
  }

  /// The hours that have changed since they were written; a kill costs one minute at most.
  void keep_hours() {
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
  void keep_hours_in_time() {
    const auto now = Clock::now();
    if (now < next_hours) return;
    next_hours = now + hours_kept_every;
    keep_hours();
  }
  void flush() {
    for (const auto& said : std::exchange(lines, {})) say(said.level, said.room, said.text);
    for (const auto& event : std::exchange(events, {}))
      if (host.event) host.event(event);
  }
  std::int64_t wall_ns() const {
    return host.now_ns ? host.now_ns()
                       : std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  }
  /// Wall clock of its last answer, however long it waited to be heard.
  std::int64_t arrived_ns(const io::Polled& polled) const {
    return wall_ns() - std::chrono::nanoseconds(Clock::now() - polled.received).count();
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

  void lose(const std::string& trouble, Quality quality) {
    known[0].moved.reset();
    connected = false;
    set_link(0, quality, trouble);
  }

  void find() {
    connected = true;
    set_link(0, Quality::good, {});
  }

  Result<Done> read_into(core::Image& into, const std::vector<core::Range>& ranges) {
    for (const auto& range : ranges) {
      std::optional<io::ModbusClient> other;
      if (range.device != 0) other.emplace(devices[range.device]);
      auto words = (other ? *other : *plc).read(range);
      if (!words) return words.error();
      into.put(range, *words);
    }
    return Done{};
  }

  /// A beat of one poll. The first plan is that of the line's own device.
  void take(io::Polled& polled) {
    const std::lock_guard lock(mutex);
    if (polled.group > 0)
      take_tags(polled);
    else if (polled.device == 0)
      take_line(polled);
    else
      take_device(polled);
    if (north) north->link(polled.device, known[polled.device].link == Quality::good);
  }

  void take_device(io::Polled& polled) {
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

  void set_link(std::size_t index, Quality found, const std::string& text) {
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

  /// Why what a device answers is not to be believed: another device, another register map, or one
  /// whose program stands still. Empty when there is no reason.
  std::string suspicion(const io::Polled& polled, Quality& quality) {
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

  /// A device that answers, and refuses whatever it is asked, is told of once: it is no link that
  /// is lost.
  void take_refusals(const io::Polled& polled, bool mute) {
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

  void take_tags(const io::Polled& polled) {
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
    const auto changed =
        tags->update(polled.device, polled.group - 1, polled.image, polled.troubles,
                     arrived_ns(polled), seconds(polled.received - started));
    for (const auto i : changed) {
      const auto& shown = tags->value(i);
      if (history)
        check(history->add_point(tags->tags()[i].name,
                                 {shown.received_ns, shown.value, shown.quality}));
      if (north) north->tag(i, shown);
    }
  }

  void take_line(io::Polled& polled) {
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
    const auto cell =
        static_cast<std::int64_t>(std::floor(clock_s / line().sample_period_s + 1e-6));
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

  /// Without line time nothing is sampled, so what was seen last must not pass for what is. Tags
  /// need no line time.
  std::string clock_trouble(double clock_s, Clock::time_point now) const {
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

  void keep_pace(double clock_s, Clock::time_point now) {
    if (clock_read != Clock::time_point{}) {
      const double wall_s = seconds(now - clock_read);
      if (clock_s > line_s && wall_s > 0)
        pace += 0.05 * (std::clamp((clock_s - line_s) / wall_s, 0.0, 1e5) - pace);
    }
    clock_read = now;
  }

  /// What people have put aside stays so, as far as this line has it. Under `mutex` once it runs.
  void put_aside() {
    auto& alarms = watch->alarms();
    for (const auto& [id, aside] : kept.out_of_service) alarms.take_out_of_service(id, line_s);
    for (const auto& [id, aside] : kept.shelved) alarms.keep_shelved(id, line_s, aside.until_s);
  }

  /// A line whose clock began anew while nobody looked must not hide an alarm for longer than a
  /// person has said.
  void bound_shelving() {
    for (auto& [id, aside] : kept.shelved) {
      if (aside.until_s <= line_s + aside.for_s) continue;
      aside.until_s = line_s + aside.for_s;
      watch->alarms().keep_shelved(id, line_s, aside.until_s);
    }
  }

  void begin_run(double clock_s) {
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

  /// `quality` of what the last frame holds of a register, unless its device is lost by now. Under
  /// `mutex`.
  Quality quality_of_link(const core::Register& at, Quality quality) const {
    for (const std::size_t d : {std::size_t{0}, std::size_t{at.device}})
      if (d >= known.size() || known[d].link != Quality::good)
        return d < known.size() ? known[d].link : Quality::bad_not_connected;
    return quality;
  }

  /// The quality of a tag at this moment. Under `mutex`.
  Quality quality_now(std::size_t index) const {
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
        tell_plan(
            "not-wanted",
            fmt::format("{}: a service costs more than it prevents below {:.0f} %, so nothing "
                        "is planned",
                        alarm.id, 100 * threshold));
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

  /// Reads these, and the active schedule into `block` unless it is null, between two looks at the
  /// heartbeat; false when a scan of the PLC lay within.
  Result<bool> read_whole(core::Image& fresh, const std::vector<core::Range>& wanted,
                          std::vector<std::uint16_t>* block) {
    const auto& map = configuration.map;
    std::array<core::Image, 2> beats;
    const auto look = [&](core::Image& into) -> Result<Done> {
      if (!map.heartbeat) return Done{};
      const auto& at = *map.heartbeat;
      return read_into(into, {{at.table, at.address, at.words()}});
    };
    if (auto read = look(beats[0]); !read) return read.error();
    if (auto read = read_into(fresh, core::requests(configuration, wanted)); !read)
      return read.error();
    if (block != nullptr) {
      auto words = plc->read({core::RegisterTable::holding, map.schedule->active,
                              static_cast<std::uint16_t>(block_size)});
      if (!words) return words.error();
      *block = std::move(*words);
    }
    if (auto read = look(beats[1]); !read) return read.error();
    return !map.heartbeat || beats[0].number(*map.heartbeat) == beats[1].number(*map.heartbeat);
  }

  /// Every register that says where the line stands.
  std::vector<core::Range> standing_fields() const {
    const auto& map = configuration.map;
    auto wanted = core::fields(map);
    for (const auto& field : core::planning_fields(map, configuration.orders->size()))
      wanted.push_back(field);
    return wanted;
  }

  double clock_of(const core::Image& fresh) const {
    return configuration.map.clock ? fresh.number(*configuration.map.clock) : line_s;
  }

  /// The line's state. `seen` is what was read last, also when the state cannot be told from it.
  Result<LineNow> read_state(Schedule& active, int attempts = snapshot_attempts,
                             core::Image* seen = nullptr) {
    const auto& map = configuration.map;
    if (configuration.orders->empty())
      return Error("planning needs the order book: add orders = \"...\" to the configuration");
    if (!map.schedule)
      return Error("planning needs the running schedule: add [schedule] to the configuration");
    const auto wanted = standing_fields();
    std::optional<Error> trouble;
    for (int attempt = 0; attempt < attempts; ++attempt) {
      core::Image fresh;
      std::vector<std::uint16_t> block;
      auto whole = read_whole(fresh, wanted, &block);
      if (!whole) return whole.error();
      if (!*whole) {
        trouble = Error("the PLC scans faster than its state can be read");
        continue;
      }
      if (seen != nullptr) *seen = fresh;
      if (from_block(block, active) != BlockFault::none)
        return Error("the active schedule block of the PLC is not valid",
                     "check [schedule] active in the configuration");
      auto now = core::line_now_of(map, line(), *configuration.orders, fresh, clock_of(fresh),
                                   active.sequence);
      if (now) return now;
      trouble = now.error();
    }
    return *trouble;
  }

  /// Buffers, orders and the running schedule: for the pages, to follow the deployed schedule, and
  /// to compare the simulation with the line. A torn read leaves the former ones.
  void glance() {
    if (!connected) return;
    const double wall_s = seconds(Clock::now() - glanced_at);
    const double longest_s = configuration.hmi.on ? glance_for_pages_s : glance_for_nobody_s;
    if (wall_s < glance_least_s ||
        (wall_s < longest_s && std::abs(line_s - glanced_line_s) < glance_line_s))
      return;
    glanced_at = Clock::now();
    glanced_line_s = line_s;
    Schedule active;
    core::Image seen;
    const bool plans = !configuration.orders->empty() && configuration.map.schedule.has_value();
    auto now = plans ? read_state(active, 3, &seen) : Result<LineNow>(Error("nothing is planned"));
    if (!plans && core::planning_fields(configuration.map, configuration.orders->size()).empty())
      return;  // nothing is described that people could look at
    if (!plans && configuration.hmi.on) {
      auto whole = read_whole(seen, standing_fields(), nullptr);
      if (!whole || !*whole) return;
    }
    plan::Request asked;
    {
      const std::lock_guard lock(mutex);
      if (!seen.empty()) {
        looked =
            core::glance_of(configuration.map, line(), *configuration.orders, seen, clock_of(seen));
        if (plans) running_schedule = active;
      }
      if (!now) return;
      double at_s = 0;
      double share = 0;
      asked = request_from(*now, active, at_s, share);
      glanced = std::move(*now);
    }
    if (twin_check) twin_check->look(asked, booked, stops);
    keep_twin(asked.now, asked.active);
    follow(asked.now);
    react(asked.now);
    judge_forecasts();
  }

  /// The plant's now for the desk, when the configuration wants it.
  void keep_twin(const LineNow& now, const Schedule& active) {
    const auto& folder = configuration.planning.twin;
    if (folder.empty()) return;
    const auto written = write_twin_files(folder, configuration, now, active);
    const std::string trouble = written ? std::string() : written.error().text();
    if (trouble.empty() == twin_trouble.empty()) return;
    twin_trouble = trouble;
    log(trouble.empty() ? Level::info : Level::warning, "attachment",
        trouble.empty() ? "the plant's now is kept again in " + folder.string()
                        : "the plant's now is not kept: " + trouble);
  }

  // --- What becomes of a deployed schedule ------------------------------------------------------

  void tell_deployment(const std::string& what, const std::string& text,
                       const std::string& detail = "{}") {
    tell({EventKind::deploy, line_s, "deployment", what, text, detail});
  }

  /// A breakdown, or an order that leaves its band, asks for a plan; not more often than a standing
  /// alarm does.
  void react(const LineNow& now) {
    for (const auto& reason : reacting.step(line(), *configuration.orders, now, stops.open())) {
      tell_plan("reason", reason);
      reason_kept = reason;
    }
  }

  void follow(const LineNow& now) {
    if (!following) return;
    const auto news = following->step(line(), *configuration.orders, now, booked);
    if (!news.window.empty()) {
      const std::lock_guard lock(mutex);
      followed = news.window;
    }
    if (news.back_due) return roll_back("foreline", news.text);
    if (news.over) settle(news.realised, news.text);
  }

  /// The promise of the deployed schedule is judged; it can still be taken back.
  void settle(std::optional<double> realised, const std::string& text) {
    following.reset();
    const Json detail = {{"proposal", kept.ledger.standing()->proposal},
                         {"realised", realised ? Json(*realised) : Json()},
                         {"text", text}};
    (void)note("foreline", kept::settled, text_of(detail));
    {
      const std::lock_guard lock(mutex);
      kept.ledger.settled(realised);
      followed.clear();
    }
    tell_deployment("settled", text, text_of(detail));
  }

  /// What came of forecasts goes into the audit every few hours, so that a restart knows it.
  void judge_forecasts() {
    if (!judged || line_s - scored_at_s < judged_every_s) return;
    const bool first = scored_at_s < 0;
    scored_at_s = line_s;
    if (first || judged->scores().forecasts() == 0) return;
    const std::lock_guard lock(mutex);
    if (!note("foreline", kept::scores, text_of(to_json(judged->scores())))) return;
    kept.add(Period{wall_ns(), line_s, judged->scores()});
    judged->clear();
  }

  /// How far forecasts can be believed: as measured here, else as the model was evaluated.
  std::optional<core::ForecastRecord> forecast_record() const {
    auto here = kept.scores;
    if (judged) here.add(judged->scores());
    const auto record = here.record(least_forecasts, configuration.gate.least_failures);
    return record ? record : evaluation;
  }

  void take(Compared& compared) {
    if (!compared.stretch)
      return log(Level::warning, "attachment",
                 "a stretch of time was not compared with the simulation: " +
                     compared.stretch.error().text());
    const auto& stretch = *compared.stretch;
    (void)note("foreline", kept::stretch, text_of(to_json(stretch)));
    const std::lock_guard lock(mutex);
    kept.add(stretch);
    log(Level::info, "attachment",
        fmt::format("{:.0f} parts left the line in {:.0f} min; simulated with the stops as they "
                    "were {:.1f}, without knowing them {:.0f} to {:.0f}",
                    stretch.came, (stretch.until_s - stretch.from_s) / 60, stretch.replayed,
                    stretch.low, stretch.high));
  }

  /// The way back in one step: what has started stays, the rest as it was (G11).
  void roll_back(const std::string& who, const std::string& because) {
    const auto end = [&](core::RollBack state, const std::string& what, const std::string& text) {
      {
        const std::lock_guard lock(mutex);
        roll_back_state = state;
      }
      if (state != core::RollBack::done) (void)note(who, "roll-back " + what, text);
      tell_deployment(what, text);
    };
    const auto standing = kept.ledger.standing();
    if (!standing)
      return end(core::RollBack::refused, "refused",
                 "no deployed schedule stands to be taken back");
    if (proposal.state == ProposalState::deploying || leftovers)
      return end(core::RollBack::refused, "refused", "an earlier deployment is not settled yet");
    if (!configuration.may_write)
      return end(core::RollBack::refused, "refused", "writing schedules is switched off");
    Schedule active;
    auto now = connected ? read_state(active) : Result<LineNow>(Error("the PLC does not answer"));
    if (!now) return end(core::RollBack::failed, "failed", now.error().text());
    if (to_block(active) != to_block(standing->after))
      return end(core::RollBack::refused, "refused",
                 "the PLC runs another schedule than the one that was deployed");
    auto frozen = now->frozen_prefix(active);
    const auto back = core::way_back(standing->before, active, frozen);
    const auto complaints =
        line::complaints_about(back, line(), *configuration.orders, active, frozen);
    if (!complaints.empty()) return end(core::RollBack::refused, "refused", complaints.front());
    const Json detail = {{"proposal", standing->proposal}, {"because", because}};
    Json meaning = {{"back", detail}};
    meaning["back"]["who"] = who;
    if (!note(who, "rolling back", text_of(detail)))
      return end(core::RollBack::failed, "failed", "the audit cannot be written, so nothing is");
    {
      const std::lock_guard lock(mutex);
      roll_back_state = core::RollBack::under_way;
    }
    bool changes = !(back == active);
    auto written = changes ? write_schedule(back, meaning) : Written{};
    // An order that starts meanwhile makes the PLC refuse the way back; from there is another one.
    for (int again = 0; again < 3 && !written.why_not.empty(); ++again) {
      settle_leftovers();
      if (!kept.ledger.standing()) return;  // it is in force after all, and that is told
      now = leftovers ? Result<LineNow>(Error(written.why_not)) : read_state(active);
      if (!now || to_block(active) != to_block(standing->after) ||
          now->frozen_prefix(active) <= frozen)
        break;
      frozen = now->frozen_prefix(active);
      const auto other = core::way_back(standing->before, active, frozen);
      if (!line::complaints_about(other, line(), *configuration.orders, active, frozen).empty())
        break;
      changes = !(other == active);
      written = changes ? write_schedule(other, meaning) : Written{};
    }
    if (!written.why_not.empty()) return end(core::RollBack::failed, "failed", written.why_not);
    rolled_back(who, because, changes, std::move(written.registers));
    if (written.entry != 0) (void)store->end(written.entry);
  }

  /// The PLC runs what it ran before the deployment that stands.
  /// `registers`: as registers_json(), read back; null when that is not known.
  void rolled_back(const std::string& who, const std::string& because, bool changes,
                   Json registers = {}) {
    const auto standing = kept.ledger.standing();
    (void)note(who, kept::rolled_back,
               text_of({{"proposal", standing->proposal}, {"because", because}}));
    following.reset();
    reacting.expect({});
    if (twin_check) twin_check->forget();
    {
      const std::lock_guard lock(mutex);
      kept.ledger.rolled_back();
      roll_back_state = core::RollBack::done;
      followed.clear();
      if (proposal.state == ProposalState::proposed) proposal.state = ProposalState::lapsed;
    }
    const auto text = fmt::format(
        "{} rolled \"{}\" back: {}; {}. Nothing is deployed before a person clears this", who,
        standing->name, because,
        changes ? "the former schedule is active again, read back"
                : "all that it changed has happened already, so nothing was written");
    alarm_deployment(true, text);
    Json detail = {{"proposal", standing->proposal}};
    if (registers.is_array()) detail["registers"] = std::move(registers);
    tell_deployment("rolled-back", text, text_of(detail));
  }

  void clear_lock_out(const std::string& who) {
    if (!kept.ledger.locked_out() || !note(who, kept::cleared, "{}")) return;
    {
      const std::lock_guard lock(mutex);
      kept.ledger.cleared();
    }
    alarm_deployment(false, fmt::format("{} has cleared the roll-back", who));
    tell_deployment("cleared",
                    fmt::format("{} has cleared the roll-back: schedules may be deployed "
                                "again",
                                who));
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
    request.objective = rules.objective;
    request.least_gain_share = configuration.gate.least_gain_share;
    request.bar = configuration.gate;
    request.largest_moved_share = configuration.gate.largest_moved_share;
    request.largest_shift = configuration.gate.largest_shift;
    request.policy = rules.policy;
    request.fence = plan::fence_of(request, rules.freeze_s);
    request.makespan_from_s = plan::makespan_from(request);
    forecast_at_s = 0;
    missing_share = 0;
    double highest = -1;
    const bool believed = core::can_be_believed(forecast_record(), configuration.gate);
    for (const auto& forecast : watch->latest()) {
      if (!forecast.available) continue;
      forecast_at_s = std::max(forecast_at_s, forecast.at_s);
      for (const auto& kind : forecast.kinds) {
        if (!gives_warning(kind.kind)) continue;
        if (believed) request.hazards.push_back({forecast.machine, kind.kind, kind.within});
        const double p = kind.probability_within(configuration.watch.alarms.horizon_s);
        if (p <= highest) continue;
        highest = p;
        missing_share = static_cast<double>(forecast.missing_share);
      }
    }
    return request;
  }

  /// One person has overruled the gate, and there is time for another.
  bool waits_for_second() const {
    return proposal.state == ProposalState::refused && !proposal.signed_by.empty() &&
           line_s - proposal.made_at_s <= configuration.gate.approval_expires_s;
  }

  /// No other plan is made meanwhile.
  bool occupied() const {
    return planning || proposal.state == ProposalState::proposed ||
           proposal.state == ProposalState::deploying || waits_for_second();
  }

  void want_plan(const std::string& because) {
    if (occupied()) return;
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
    const auto booked_then = booked;
    {
      const std::lock_guard lock(mutex);
      request = request_from(std::move(*now), std::move(active), forecast_at_s, missing_share);
      progress = {};
      proposal.state = ProposalState::planning;
    }
    planning = true;
    tell_plan("started", fmt::format("planning because of {}, from the line's state at {}", because,
                                     clock_text(request.now.at_s)));
    if (planner.joinable()) planner.join();
    planner = std::thread([this, because, polled_at_s = line_s, asked = std::move(request),
                           forecast_at_s, missing_share, booked_then] {
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
      post(Planned{because, polled_at_s, asked, booked_then, forecast_at_s, missing_share,
                   std::move(*planned)});
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
    reacting.expect(planned.plan->proof.keep_finishes);
    {
      const std::lock_guard lock(mutex);
      proposal.number = static_cast<std::uint16_t>(proposal.number + 1U);
      proposal.request = planned.request;
      proposal.schedule = winner.schedule;
      proposal.name = winner.name;
      proposal.gain_lower_95 = planned.plan->proof.gain_lower_95;
      proposal.made_at_s = line_s;
      proposal.finishes = planned.plan->proof.winner_finishes;
      proposal.promised =
          core::promise_of(planned.request, *planned.plan, proposal.number, planned.booked);
      proposal.signed_by.clear();
    }
    core::GateInput input;
    input.request = &planned.request;
    input.plan = &*planned.plan;
    input.connected = connected;
    // The state was read behind a poll. Before the next one it is the latest that is known; a clock
    // that goes back since then shows as a negative age.
    input.now_s =
        line_s == planned.polled_at_s ? std::max(line_s, planned.request.now.at_s) : line_s;
    input.forecast_at_s = planned.forecast_at_s;
    input.missing_share = planned.missing_share;
    input.deployed_at_s = deployed_at_s;
    input.may_write = configuration.may_write;
    input.audit_works = store.has_value();
    input.forecast = forecast_record();
    input.twin = core::twin_record_of(kept.stretches, configuration.gate.least_stretches,
                                      planned.request.horizon_s);
    input.locked_out = kept.ledger.locked_out();
    input.ledger = kept.ledger.promises();
    input.identity = input.identity_now =
        store::digest_of(core::identity_text(planned.request, winner.schedule, configuration.gate));
    auto verdict = core::judge(input, configuration.gate);
    auto detail = to_json(*planned.plan, planned.request, verdict);
    detail["proposal"] = proposal.number;
    detail["because"] = planned.because;
    detail["identity"] = input.identity;
    detail["can_be_overruled"] = !verdict.passed && verdict.can_be_overruled() &&
                                 !(winner.schedule == planned.request.active);
    if (verdict.passed &&
        !audit("foreline", "proposed", text_of(detail["after"]) + " because " + verdict.reason)) {
      verdict.passed = false;
      verdict.check = "audit";
      verdict.found = {"the audit cannot be written", {}};
      verdict.reason = verdict.found.text();
      detail["passed"] = false;
      detail["reason"] = verdict.reason;
      detail["said"] = said(verdict);
    }
    {
      const std::lock_guard lock(mutex);
      proposal.state = verdict.passed ? ProposalState::proposed : ProposalState::refused;
      proposal.identity = input.identity;
      proposal.verdict = verdict;
      if (!verdict.passed) ++gate_refusals;
    }
    tell_plan(verdict.passed ? "proposed" : "refused",
              fmt::format("proposal {}: {}", proposal.number, verdict.reason), text_of(detail));
  }

  bool audit(const std::string& who, const std::string& what, const std::string& detail) {
    if (!store) return false;
    auto written = store->append(wall_ns(), line_s, who, what,
                                 fmt::format("proposal {}: {}", proposal.number, detail));
    if (!written) log(Level::error, "store", written.error().text());
    return written.has_value();
  }

  // --- What clients of our registers write ------------------------------------------------------

  /// On the register server's thread.
  core::Taken take_from_client(std::uint16_t address, std::span<const std::uint16_t> words,
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
      if (address == core::published::shelve)
        return ask(Shelved{subject, 60.0 * words[1], who, {}});
      if (words[1] > 1) return core::Taken::no;
      return ask(Serviced{subject, words[1] == 1, who, {}});
    }
    if (address != core::published::decision) return core::Taken::no;
    const auto decision = core::decision_from(words);
    return decision ? ask(*decision) : core::Taken::no;
  }

  /// A client that writes faster than it is heard must not keep the polls waiting.
  core::Taken ask(Message message) {
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

  // --- Deployment -----------------------------------------------------------------------------

  void finish(ProposalState state, const std::string& what, const std::string& text,
              const std::string& detail = "{}") {
    {
      const std::lock_guard lock(mutex);
      proposal.state = state;
    }
    tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), what, text,
          detail});
  }

  void decide(const core::Decision& decision) {
    using Kind = core::Decision::Kind;
    if (decision.kind == Kind::clear) return clear_lock_out(decision.who);
    if (decision.kind == Kind::roll_back) {
      const auto& standing = kept.ledger.standing();
      if (standing && standing->proposal == decision.proposal)
        return roll_back(decision.who, "on request");
      const std::lock_guard lock(mutex);
      roll_back_state = core::RollBack::refused;
      return;
    }
    const bool overrules = can_be_overruled(proposal);
    if (decision.proposal != proposal.number ||
        (proposal.state != ProposalState::proposed && !overrules)) {
      // A SCADA that writes its decision again and again must not fill the log.
      if (const auto times = decided_in_vain.due(++vain_decisions, seconds(Clock::now() - started)))
        log(Level::warning, "attachment",
            fmt::format("{} decided on proposal {}, which is not waiting for a decision{}",
                        decision.who, decision.proposal,
                        *times > 1 ? fmt::format(" ({} such before were not told)", *times - 1)
                                   : std::string()));
      return;
    }
    if (decision.kind == Kind::reject) {
      (void)audit(decision.who, "rejected", proposal.name);
      finish(ProposalState::rejected, "rejected",
             fmt::format("proposal {} was rejected by {}", proposal.number, decision.who));
      return;
    }
    core::Approval approval{decision.who, "", proposal.identity, proposal.made_at_s, line_s};
    if (overrules && proposal.signed_by.empty()) {
      if (!audit(decision.who, "signed",
                 "first of two, against the gate: " + proposal.verdict.reason))
        return;
      {
        const std::lock_guard lock(mutex);
        proposal.signed_by = decision.who;
      }
      tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), "signed",
            fmt::format("{} wants proposal {} against the gate; a second person must agree",
                        decision.who, proposal.number),
            "{}"});
      return;
    }
    if (overrules)
      approval = {proposal.signed_by, decision.who, proposal.identity, proposal.made_at_s, line_s};
    const auto doubts =
        core::complaints_about(approval, proposal.verdict,
                               store::digest_of(core::identity_text(
                                   proposal.request, proposal.schedule, configuration.gate)),
                               configuration.gate);
    if (!doubts.empty()) {
      (void)audit(decision.who, "refused", doubts.front());
      // One name twice is no second person; another may still come.
      if (overrules && approval.second == approval.who && doubts.size() == 1)
        return tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number),
                     "signed", doubts.front(), "{}"});
      finish(ProposalState::lapsed, "refused", doubts.front());
      return;
    }
    if (!audit(decision.who, "approved", proposal.name + ", " + proposal.identity)) {
      finish(ProposalState::failed, "failed", "the audit cannot be written, so nothing is");
      return;
    }
    {
      const std::lock_guard lock(mutex);
      proposal.state = ProposalState::deploying;
    }
    tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), "approved",
          fmt::format("proposal {} ({}) was approved by {}{}", proposal.number, proposal.name,
                      decision.who,
                      overrules ? " and " + proposal.signed_by + ", against the gate" : ""),
          "{}"});
    flush();  // heard before anything is written, whatever becomes of us then
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
    if (leftovers) {
      (void)audit("foreline", "refused", "an earlier deployment is not settled");
      return finish(ProposalState::failed, "refused", "an earlier deployment is not settled yet");
    }
    const auto written =
        write_schedule(proposal.schedule, {{"promise", to_json(proposal.promised)}});
    if (!written.why_not.empty()) {
      alarm_deployment(true, written.why_not);
      return finish(ProposalState::failed, "failed", written.why_not);
    }
    in_force(proposal.promised, true);
    (void)store->end(written.entry);
    reacting.expect(proposal.finishes);
    finish(ProposalState::confirmed, "confirmed",
           fmt::format("{} is active: the PLC's block, read back, equals the approved schedule",
                       proposal.name),
           text_of({{"registers", written.registers}}));
  }

  /// The PLC runs a schedule with this promise from now on. `seen`: this process has deployed it.
  void in_force(const core::Promised& promised, bool seen) {
    alarm_deployment(false, "the last deployment has ended well");
    deployed_at_s = line_s;
    if (following) settle(std::nullopt, "another schedule followed before its time was over");
    (void)note("foreline", kept::promised, text_of(to_json(promised)));
    {
      const std::lock_guard lock(mutex);
      kept.ledger.promised(promised);
    }
    following.emplace(promised, configuration.gate, seen);
    glanced_at = {};
    if (twin_check) twin_check->forget();
  }

  /// Each register that a deployment writes: what it is to hold, what limits it, and what it and
  /// its fellow of the active block hold by `now`.
  Json registers_json(const std::vector<core::StagedRegister>& staged, const io::ScheduleNow& now) {
    const auto& map = *configuration.map.schedule;
    Json out = Json::array();
    for (const auto& one : staged) {
      const bool commit = one.what == core::StagedRegister::What::commit;
      const auto place = static_cast<std::size_t>(one.address - map.staging);
      out.push_back({{"address", one.address},
                     {"what", core::name_of(one.what)},
                     {"number", one.number},
                     {"word", one.word},
                     {"low", one.low},
                     {"high", one.high},
                     {"by", core::name_of(one.by)},
                     {"held", commit ? now.committed : now.staging.at(place)},
                     {"active_address", commit ? map.active_sequence : map.active + place},
                     {"active", commit ? now.active_sequence : now.active.at(place)}});
    }
    return out;
  }

  /// As registers_json(), read now; and what is read back afterwards: address, words, what they
  /// must be. Errors: nothing waits or stands under that number; the PLC.
  Result<std::string> staging_of(const StagingWanted& wanted) {
    const Error late("the PLC was not read in time");
    if (Clock::now() >= wanted.until) return late;
    const auto& standing = kept.ledger.standing();
    if (wanted.back && (!standing || standing->proposal != wanted.proposal))
      return Error("no deployed schedule stands to be taken back");
    if (!wanted.back && (proposal.number == 0 || wanted.proposal != proposal.number))
      return Error(fmt::format("proposal {} does not wait for a decision", wanted.proposal));
    Schedule active;
    const auto now =
        connected ? read_state(active) : Result<LineNow>(Error("the PLC does not answer"));
    if (!now) return now.error();
    auto frozen = now->frozen_prefix(active);
    const auto schedule =
        wanted.back ? core::way_back(standing->before, active, frozen) : proposal.schedule;
    if (!wanted.back) frozen = std::max(frozen, plan::frozen_of(proposal.request));
    if (Clock::now() >= wanted.until) return late;
    const auto& map = *configuration.map.schedule;
    const auto held = io::read_schedule(*plc, map);
    if (!held) return held.error();
    const auto number = io::number_after(held->committed);
    const auto staged = core::staged_registers(map, schedule, line(), *configuration.orders, active,
                                               frozen, number);
    const Json back = {
        {{"address", map.staging}, {"words", block_size}, {"what", "what was staged"}},
        {{"address", map.echo}, {"words", 1}, {"what", "the commit number"}},
        {{"address", map.reject}, {"words", 1}, {"what", "0, for accepted"}},
        {{"address", map.active_sequence}, {"words", 1}, {"what", "the commit number"}},
        {{"address", map.active}, {"words", block_size}, {"what", "what was staged"}}};
    return text_of(
        {{"at_s", line_s}, {"registers", registers_json(staged, *held)}, {"back", back}});
  }

  struct Written {
    std::string why_not;     ///< Empty: the PLC runs the schedule.
    std::int64_t entry = 0;  ///< In the journal; ended when all that follows from it is noted.
    Json registers = {};     ///< As registers_json(), read back.
  };

  /// Stages, commits and reads back. `meaning` is what must be noted once the PLC runs it: a kill
  /// before that leaves it in the journal.
  Written write_schedule(const Schedule& schedule, Json meaning) {
    std::int64_t entry = 0;
    const auto block = to_block(schedule);
    const auto done = io::deploy(
        *plc, *configuration.map.schedule, block,
        std::chrono::duration_cast<std::chrono::milliseconds>(deploy_patience),
        [&](const std::string& what, const std::string& text) {
          (void)audit("foreline", what, text);
          if (what == "confirmed") return;
          tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), what, text,
                "{}"});
          flush();
        },
        [&](std::uint16_t sequence) {
          meaning["sequence"] = sequence;
          meaning["block"] = block;
          auto begun = store->begin("deployment", text_of(meaning));
          if (!begun) {
            log(Level::error, "store", begun.error().text());
            return false;
          }
          entry = *begun;
          return true;
        });
    if (!done) {
      leftovers = entry != 0;  // looked into at the next poll
      (void)audit("foreline", "failed", done.error().text());
      return {done.error().text(), entry};
    }
    Schedule active;
    (void)from_block(done->active, active);
    const auto staged = core::staged_registers(*configuration.map.schedule, schedule, line(),
                                               *configuration.orders, active, 0, done->committed);
    return {{}, entry, registers_json(staged, *done)};
  }

  // --- Writing tags ---------------------------------------------------------------------------

  /// Judges, writes, reads back. Nothing is sent before the audit has a line about it.
  void write_tag(const WriteWanted& wanted) {
    const auto& tag = configuration.tags[wanted.tag];
    const auto end = [&](std::size_t which, const std::string& what, const std::string& text) {
      const bool noted = note(wanted.who, "write " + what, tag.name + ": " + text);
      {
        const std::lock_guard lock(mutex);
        ++write_ends[which];
      }
      tell({EventKind::write, line_s, tag.name, what,
            noted ? text : text + " (and the audit could not be written)", "{}"});
    };
    io::ModbusClient device(devices[tag.at.device]);
    const auto range = core::range_of(tag.at);
    const auto reason = [&]() -> std::string {
      const std::lock_guard lock(mutex);
      const auto link = known[tag.at.device].link;
      return link == Quality::bad_config || link == Quality::bad_stale
                 ? fmt::format("{} is {}: {}", core::device_at(configuration, tag.at.device).name,
                               name_of(link), known[tag.at.device].trouble)
                 : std::string();
    }();
    if (!reason.empty()) return end(1, "refused", reason);
    core::TagValue current;
    if (auto words = device.read(range)) {
      core::Image fresh;
      fresh.put(range, *words);
      current = core::value_of(tag, fresh);
    }
    const double now_s = seconds(Clock::now() - started);
    auto words = writes.judge(wanted.tag, tag, wanted.value, current, now_s);
    if (!words) return end(1, "refused", words.error().text());
    if (!note(wanted.who, "write begun",
              fmt::format("{}: {} to {}", tag.name, current.value, wanted.value)))
      return end(1, "refused", "the audit cannot be written, so nothing is");
    writes.begun(wanted.tag, now_s);
    const auto sent = core::is_bits(range.table)
                          ? device.write_bit(range.address, words->at(0) != 0)
                          : device.write(range.address, *words);
    // After a lost answer only the device knows: what it holds decides.
    const auto back = device.read(range);
    if (!back)
      return end(2, "failed", fmt::format("written, and not read back: {}", back.error().text()));
    if (*back == *words) {
      const double held = core::number_of(tag.at, *words);
      return end(0, "written",
                 fmt::format("{} {} is in the device, read back{}", held, tag.unit,
                             held == wanted.value ? std::string()
                                                  : fmt::format(" ({} was wanted)", wanted.value)));
    }
    if (!sent) return end(2, "failed", sent.error().text());
    const double held = core::number_of(tag.at, *back);
    const auto found =
        fmt::format("the device holds {}{}{}: {}", held, tag.unit.empty() ? "" : " ", tag.unit,
                    held == current.value ? "it does not take what is written"
                                          : "it limits what is written, or another master writes");
    end(2, "conflict", found);
    alarm_deployment(true, fmt::format("{}: {}", tag.name, found));
  }

  bool note(const std::string& who, const std::string& what, const std::string& detail) {
    return store && logged(store->append(wall_ns(), line_s, who, what, detail));
  }

  bool logged(const Result<Done>& done) const {
    if (!done) log(Level::error, "store", done.error().text());
    return done.has_value();
  }

  void alarm_deployment(bool failed, const std::string& why) {
    const std::lock_guard lock(mutex);
    for (const auto& alarm : watch->alarms().update_deployment(line_s, failed, why))
      tell({EventKind::alarm, alarm.at_s, alarm.id, std::string(name_of(alarm.what)),
            fmt::format("{} {}: {}", alarm.id, name_of(alarm.what), alarm.why),
            text_of(to_json(watch->alarms().record(alarm.id)))});
  }

  /// Deployments that were begun and whose end nobody has seen, as after a kill. What the PLC holds
  /// decides; a schedule that was staged and not committed is taken away again.
  void settle_leftovers() {
    if (!leftovers || !connected || !configuration.map.schedule) return;
    auto entries = store->unfinished();
    if (!entries) return;
    leftovers = false;
    for (const auto& entry : *entries) {
      const auto detail = Json::parse(entry.detail, nullptr, false);
      Block block{};
      if (entry.what != "deployment" || !detail.is_object() || !detail.contains("block")) continue;
      const auto words = detail["block"].get<std::vector<std::uint16_t>>();
      if (words.size() != block.size()) continue;
      std::copy(words.begin(), words.end(), block.begin());
      const auto& registers = *configuration.map.schedule;
      const auto number = detail.value("sequence", std::uint16_t{0});
      auto found = io::leftover(*plc, registers, block, number);
      if (!found || *found == io::Leftover::waiting) {
        leftovers = true;  // asked again at the next poll
        continue;
      }
      std::string text = "it is neither staged nor in force";
      if (*found == io::Leftover::active) {
        text = "it is in force: the active block equals it";
        catch_up(detail);
      } else if (*found == io::Leftover::refused) {
        text =
            fmt::format("the PLC refused its number {}; the running schedule is unchanged", number);
      } else if (*found == io::Leftover::replaced) {
        text =
            fmt::format("the PLC accepted its number {}, and runs another schedule since", number);
      } else if (*found == io::Leftover::staged && !configuration.may_write) {
        text = "it lies in the staging block, and writing is off: clear it by hand";
      } else if (*found == io::Leftover::staged) {
        if (!note("foreline", "clearing", "a schedule that was staged and never committed")) {
          leftovers = true;
          continue;
        }
        const auto cleared = io::clear_staging(*plc, registers);
        if (!cleared) {
          leftovers = true;
          continue;
        }
        text = "it was staged and never committed; the staging block has been cleared";
      }
      (void)note("foreline", "recovered", "an unfinished deployment: " + text);
      (void)store->end(entry.number);
      tell({EventKind::deploy, line_s, "an earlier deployment", "recovered",
            "an unfinished deployment was found: " + text, "{}"});
    }
  }

  /// Notes what follows from a schedule that is in force, for a journal entry that a kill or a lost
  /// wire has left open.
  void catch_up(const Json& detail) {
    try {
      if (const auto back = detail.find("back"); back != detail.end()) {
        if (kept.ledger.standing())
          rolled_back(back->at("who").get<std::string>(), back->at("because").get<std::string>(),
                      true);
        return;
      }
      const auto promise = detail.find("promise");
      if (promise == detail.end()) return;  // of an older release
      const auto promised = promised_from(*promise);
      if (!fits(promised, configuration.orders->size(), line().machines.size())) return;
      const auto& standing = kept.ledger.standing();
      if (standing && standing->proposal == promised.proposal &&
          standing->from_s == promised.from_s)
        return;  // killed behind the note
      in_force(promised, false);
      if (proposal.number == promised.proposal && proposal.state == ProposalState::failed) {
        const std::lock_guard lock(mutex);
        proposal.state = ProposalState::confirmed;
      }
    } catch (const Json::exception& error) {
      log(Level::error, "store",
          fmt::format("a journal entry is not understood: {}", error.what()));
    }
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
    const bool rested = planned_at_s < 0 || line_s - planned_at_s >= rules.again_after_s;
    if (!reason_kept.empty() && rested && connected && !occupied())
      want_plan(std::exchange(reason_kept, {}));
    const bool idle =
        proposal.state == ProposalState::refused || proposal.state == ProposalState::lapsed ||
        proposal.state == ProposalState::failed || proposal.state == ProposalState::none;
    if (!rules.on_alarm || !idle || planning || waits_for_second() || !connected ||
        planned_at_s < 0 || line_s - planned_at_s < rules.again_after_s)
      return;
    std::string standing;
    {
      const std::lock_guard lock(mutex);
      for (const auto& record : watch->alarms().standing())
        if (record.active && record.event.alarm_class == AlarmClass::forecast &&
            record.state != AlarmState::out_of_service && record.state != AlarmState::shelved)
          standing = record.event.id;
    }
    if (!standing.empty()) want_plan(standing + " (again)");
  }

  // --- Alarms that people put aside -----------------------------------------------------------

  void note_alarm(const std::string& who, const char* what, const Json& detail) {
    (void)note(who, what, text_of(detail));
  }

  /// The same under `mutex`, so that it is on disk before anybody can see it; logged() comes later.
  Result<Done> note_unseen(const std::string& who, const char* what, const Json& detail) {
    if (!store) return Done{};
    return store->append(wall_ns(), line_s, who, what, text_of(detail));
  }

  void shelve(Shelved wanted) {
    wanted.for_s = std::min(wanted.for_s, shelve_most_s);
    const bool hide = wanted.for_s > 0;
    const double wall_s = wanted.for_s / std::max(pace, 1e-3);
    const Aside aside{wanted.who,
                      wanted.reason,
                      wall_ns(),
                      line_s + wanted.for_s,
                      wall_ns() + static_cast<std::int64_t>(1e9 * wall_s),
                      wanted.for_s};
    Json detail = {{"alarm", wanted.subject}};
    if (hide) {
      detail["for_s"] = aside.for_s;
      detail["until_s"] = aside.until_s;
      detail["until_ms"] = aside.until_ns / 1'000'000;
      detail["reason"] = wanted.reason;
    }
    Result<Done> noted = Done{};
    {
      const std::lock_guard lock(mutex);
      auto& alarms = watch->alarms();
      if (!(hide ? alarms.shelve(wanted.subject, line_s, wanted.for_s)
                 : alarms.unshelve(wanted.subject, line_s)))
        return;
      kept.shelved.erase(wanted.subject);
      if (hide) kept.shelved.emplace(wanted.subject, aside);
      noted = note_unseen(wanted.who, hide ? kept::shelved : kept::unshelved, detail);
    }
    (void)logged(noted);
    tell({EventKind::alarm, line_s, wanted.subject, hide ? "shelved" : "unshelved",
          hide ? fmt::format("{} shelved for {:.0f} min by {}", wanted.subject, wanted.for_s / 60,
                             wanted.who)
               : fmt::format("{} is no longer shelved", wanted.subject),
          "{}"});
  }

  void service(const Serviced& wanted) {
    Result<Done> noted = Done{};
    {
      const std::lock_guard lock(mutex);
      auto& alarms = watch->alarms();
      if (!(wanted.in_service ? alarms.return_to_service(wanted.subject, line_s)
                              : alarms.take_out_of_service(wanted.subject, line_s)))
        return;
      kept.shelved.erase(wanted.subject);
      kept.out_of_service.erase(wanted.subject);
      if (!wanted.in_service)
        kept.out_of_service.emplace(wanted.subject, Aside{wanted.who, wanted.reason, wall_ns()});
      noted = note_unseen(wanted.who, wanted.in_service ? kept::in_service : kept::out_of_service,
                          {{"alarm", wanted.subject}, {"reason", wanted.reason}});
    }
    (void)logged(noted);
    tell({EventKind::alarm, line_s, wanted.subject,
          wanted.in_service ? "in-service" : "out-of-service",
          fmt::format("{} {} by {}", wanted.subject,
                      wanted.in_service ? "returned to service" : "taken out of service",
                      wanted.who),
          "{}"});
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
      if (!done) return;
      note_alarm(acknowledged->who, "acknowledged", {{"alarm", acknowledged->subject}});
      tell({EventKind::alarm, line_s, acknowledged->subject, "acknowledged",
            acknowledged->subject + " acknowledged", "{}", static_cast<double>(event.probability),
            event.expected_in_s});
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

  /// The deployed schedule, what was promised of it, and the record of such promises.
  Json deployment_json() const {
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

  void publish() {
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

  void work() {
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

  /// While the thread waits for a deployment, beats would pile up; the newest says it all.
  void post_poll(io::Polled polled) {
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

  void begin_polling() {
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
        auto& tagged = plan(g + 1, group.period_s,
                            group.phase_s >= 0 ? group.phase_s : spread * group.period_s);
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

  void end_polling() {
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

  /// What stands already, and is therefore no change.
  void show_north() {
    if (!north) return;
    for (const auto& record : watch->alarms().standing())
      north->alarm(record.event.id, record.state);
    for (std::size_t i = 0; i < tags->tags().size(); ++i)
      if (tags->value(i).received_ns != 0) north->tag(i, tags->value(i));
  }

  /// Goes on where another instance, which has stopped, was.
  void take_over(State& former) {
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
    tell_plan("lapsed", fmt::format("proposal {} has lapsed: the configuration was replaced",
                                    proposal.number));
  }

  void live() {
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
};

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
