// SPDX-License-Identifier: Apache-2.0
// What an attachment is made of, and which source does what: they all work on one State, on its
// own thread, since what one of them learns decides what the next may do.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <variant>
#include <vector>

#include "plugin/attachment/attachment.hpp"
#include "plugin/attachment/details.hpp"
#include "plugin/attachment/keeping.hpp"
#include "plugin/attachment/northbound.hpp"
#include "plugin/attachment/twin_check.hpp"
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
#include "sim/plan/planner.hpp"
#include "sim/worker/client.hpp"

namespace foreline::attachment {

using namespace line;
using core::ProposalState;
using Clock = std::chrono::steady_clock;

constexpr auto deploy_patience = std::chrono::seconds(5);
constexpr int snapshot_attempts = 20;
constexpr double forecasts_judged_a_horizon = 4;
constexpr double shelve_most_s = 24 * 3600;

[[nodiscard]] inline double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// What the thread is told.

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
[[nodiscard]] inline bool can_be_overruled(const Proposal& proposal) {
  return proposal.state == ProposalState::refused && proposal.verdict.can_be_overruled() &&
         !(proposal.schedule == proposal.request.active);
}

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
  std::optional<pid_t> process;  ///< That has started it; a fork keeps no thread.
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
  std::int64_t wall_ns() const {
    return host.now_ns ? host.now_ns()
                       : std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  }
  const Line& line() const { return *configuration.line; }

  // The thread: thread.cpp

  void tell(Event event);
  void flush();
  void post(Message message);
  bool audit(const std::string& who, const std::string& what, const std::string& detail);
  /// On the register server's thread.
  core::Taken take_from_client(std::uint16_t address, std::span<const std::uint16_t> words,
                               const std::string& role);
  /// A client that writes faster than it is heard must not keep the polls waiting.
  core::Taken ask(Message message);
  bool note(const std::string& who, const std::string& what, const std::string& detail);
  bool logged(const Result<Done>& done) const;
  void handle(Message& message);
  void publish();
  void work();
  /// What stands already, and is therefore no change.
  void show_north();
  /// Goes on where another instance, which has stopped, was.
  void take_over(State& former);
  void live();

  // What the poll brings: polling.cpp

  /// Wall clock of its last answer, however long it waited to be heard.
  std::int64_t arrived_ns(const io::Polled& polled) const;
  void lose(const std::string& trouble, Quality quality);
  void find();
  /// A beat of one poll. The first plan is that of the line's own device.
  void take(io::Polled& polled);
  void take_device(io::Polled& polled);
  void set_link(std::size_t index, Quality found, const std::string& text);
  /// Why what a device answers is not to be believed: another device, another register map, or one
  /// whose program stands still. Empty when there is no reason.
  std::string suspicion(const io::Polled& polled, Quality& quality);
  /// A device that answers, and refuses whatever it is asked, is told of once: it is no link that
  /// is lost.
  void take_refusals(const io::Polled& polled, bool mute);
  void take_tags(const io::Polled& polled);
  void take_line(io::Polled& polled);
  /// Without line time nothing is sampled, so what was seen last must not pass for what is. Tags
  /// need no line time.
  std::string clock_trouble(double clock_s, Clock::time_point now) const;
  void keep_pace(double clock_s, Clock::time_point now);
  void begin_run(double clock_s);
  /// `quality` of what the last frame holds of a register, unless its device is lost by now. Under
  /// `mutex`.
  Quality quality_of_link(const core::Register& at, Quality quality) const;
  /// The quality of a tag at this moment. Under `mutex`.
  Quality quality_now(std::size_t index) const;
  void miss_locked();
  void take(const core::Changes& changes);
  /// While the thread waits for a deployment, beats would pile up; the newest says it all.
  void post_poll(io::Polled polled);
  void begin_polling();
  void end_polling();

  // Where the line stands: standing.cpp

  Result<Done> read_into(core::Image& into, const std::vector<core::Range>& ranges);
  /// Reads these, and the active schedule into `block` unless it is null, between two looks at the
  /// heartbeat; false when a scan of the PLC lay within.
  Result<bool> read_whole(core::Image& fresh, const std::vector<core::Range>& wanted,
                          std::vector<std::uint16_t>* block);
  /// Every register that says where the line stands.
  std::vector<core::Range> standing_fields() const;
  double clock_of(const core::Image& fresh) const;
  /// The line's state. `seen` is what was read last, also when the state cannot be told from it.
  Result<LineNow> read_state(Schedule& active, int attempts = snapshot_attempts,
                             core::Image* seen = nullptr);
  /// Buffers, orders and the running schedule: for the pages, to follow the deployed schedule, and
  /// to compare the simulation with the line. A torn read leaves the former ones.
  void glance();
  /// The plant's now for the desk, when the configuration wants it.
  void keep_twin(const LineNow& now, const Schedule& active);
  /// The question that planning answers, from this state. Under `mutex`.
  plan::Request request_from(LineNow now, Schedule active, double& forecast_at_s,
                             double& missing_share) const;

  // What is remembered: historian.cpp

  /// A historian that cannot be written costs the past, never the present: said once.
  void check(const Result<Done>& done);
  Result<Done> open_history();
  void remember(const Event& event);
  void remember(const Frame& seen);
  /// Breakdowns, services and repairs are no events of the plugin, but belong to the past of a
  /// machine.
  void remember_maintenance(const Frame& seen);
  void keep_history();
  /// Alarms of former runs of the plugin, as far as the historian keeps them; what was done to
  /// machines goes to where it goes on.
  [[nodiscard]] std::string former_history();
  /// What goes on after a restart; a kill costs some minutes of it.
  void keep_sums();
  /// The hours that have changed since they were written; a kill costs one minute at most.
  void keep_hours();
  void keep_hours_in_time();

  // Planning: planning.cpp

  void tell_plan(const std::string& what, const std::string& text,
                 const std::string& detail = "{}");
  /// One person has overruled the gate, and there is time for another.
  bool waits_for_second() const;
  /// No other plan is made meanwhile.
  bool occupied() const;
  void want_plan(const std::string& because);
  void take(Planned& planned);
  /// Proposals that nobody decides on, and alarms that still stand without a proposal.
  void look_after_proposal();

  // Deployment: deployment.cpp

  void finish(ProposalState state, const std::string& what, const std::string& text,
              const std::string& detail = "{}");
  void decide(const core::Decision& decision);
  /// The first of two who overrule the gate.
  void sign(const std::string& who);
  void approve(const std::string& who, bool overrules);
  /// What has been approved, if the line still stands as it was asked about.
  void deploy();
  /// Each register that a deployment writes: what it is to hold, what limits it, and what it and
  /// its fellow of the active block hold by `now`.
  Json registers_json(const std::vector<core::StagedRegister>& staged, const io::ScheduleNow& now);
  /// As registers_json(), read now; and what is read back afterwards: address, words, what they
  /// must be. Errors: nothing waits or stands under that number; the PLC.
  Result<std::string> staging_of(const StagingWanted& wanted);
  struct Written {
    std::string why_not;     ///< Empty: the PLC runs the schedule.
    std::int64_t entry = 0;  ///< In the journal; ended when all that follows from it is noted.
    Json registers = {};     ///< As registers_json(), read back.
  };
  /// Stages, commits and reads back. `meaning` is what must be noted once the PLC runs it: a kill
  /// before that leaves it in the journal.
  Written write_schedule(const Schedule& schedule, Json meaning);
  void alarm_deployment(bool failed, const std::string& why);
  /// Deployments that were begun and whose end nobody has seen, as after a kill. What the PLC holds
  /// decides; a schedule that was staged and not committed is taken away again.
  void settle_leftovers();
  /// Notes what follows from a schedule that is in force, for a journal entry that a kill or a lost
  /// wire has left open.
  void catch_up(const Json& detail);

  // What becomes of a deployed schedule: following.cpp

  void tell_deployment(const std::string& what, const std::string& text,
                       const std::string& detail = "{}");
  /// A breakdown, or an order that leaves its band, asks for a plan; not more often than a standing
  /// alarm does.
  void react(const LineNow& now);
  void follow(const LineNow& now);
  /// The promise of the deployed schedule is judged; it can still be taken back.
  void settle(std::optional<double> realised, const std::string& text);
  /// What came of forecasts goes into the audit every few hours, so that a restart knows it.
  void judge_forecasts();
  /// How far forecasts can be believed: as measured here, else as the model was evaluated.
  std::optional<core::ForecastRecord> forecast_record() const;
  void take(Compared& compared);
  /// The way back in one step: what has started stays, the rest as it was (G11).
  void roll_back(const std::string& who, const std::string& because);
  /// The PLC runs what it ran before the deployment that stands.
  /// `registers`: as registers_json(), read back; null when that is not known.
  void rolled_back(const std::string& who, const std::string& because, bool changes,
                   Json registers = {});
  void clear_lock_out(const std::string& who);
  /// The PLC runs a schedule with this promise from now on. `seen`: this process has deployed it.
  void in_force(const core::Promised& promised, bool seen);

  // Writing tags: writing.cpp

  /// Judges, writes, reads back. Nothing is sent before the audit has a line about it.
  void write_tag(const WriteWanted& wanted);

  // Alarms that people acknowledge or put aside: put_aside.cpp

  /// What people have put aside stays so, as far as this line has it. Under `mutex` once it runs.
  void put_aside();
  /// A line whose clock began anew while nobody looked must not hide an alarm for longer than a
  /// person has said.
  void bound_shelving();
  void note_alarm(const std::string& who, const char* what, const Json& detail);
  /// The same under `mutex`, so that it is on disk before anybody can see it; logged() comes later.
  Result<Done> note_unseen(const std::string& who, const char* what, const Json& detail);
  void acknowledge(const Acknowledged& wanted);
  void shelve(Shelved wanted);
  void service(const Serviced& wanted);

  // What is told: told.cpp

  /// The deployed schedule, what was promised of it, and the record of such promises.
  Json deployment_json() const;
};

}  // namespace foreline::attachment
