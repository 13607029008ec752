// SPDX-License-Identifier: Apache-2.0
// One machine as one actor: turn to the next part, change over, be serviced, work, break down, be
// repaired, hand over. The line around it is reached through Floor.
#pragma once

#include <deque>
#include <list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/factory/buffer.hpp"
#include "sim/factory/crews.hpp"
#include "sim/factory/signals.hpp"
#include "sim/factory/stage.hpp"
#include "sim/factory/wear.hpp"
#include "sim/line/random.hpp"
#include "sim/line/trial.hpp"

namespace foreline::factory {

/// A service of the schedule and whether it has been carried out.
struct PlannedService {
  line::Service service;
  bool done = false;
};

/// Sources and machines between which parts are not assembled: they share the releases of an order.
struct Feed {
  /// Of a feed whose parts go into assemblies: which feeds these begin, and how many parts each of
  /// their sets takes. What is scrapped of such parts is made again.
  std::vector<std::pair<std::size_t, std::uint64_t>> sets;
  std::vector<std::uint64_t> wanted;    ///< Parts to release, by order.
  std::vector<std::uint64_t> released;  ///< By order.
  [[nodiscard]] bool component() const { return !sets.empty(); }
  /// Where components may overtake one another or are made again, those of the next order would
  /// fill the places that a set still needs: they come when all of the order before have arrived.
  bool in_turn = false;
  std::vector<std::uint64_t> arrived;  ///< Before the assembly, by order.
  std::size_t turn = 0;                ///< In the sequence the first of which some are missing.
};

/// Moments so close are one.
constexpr double due_s = 1e-9;

/// What all machines share.
struct Floor {
  const line::Trial* trial = nullptr;
  line::Outcome* outcome = nullptr;
  Stage* stage = nullptr;
  double start_s = 0;  ///< Line time at which the stage's clock stood at 0.
  Crews crews;
  std::vector<Stock> transporters;
  std::vector<Stock> spares;
  line::Schedule schedule;
  std::vector<PlannedService> services;
  std::vector<Buffer> buffers;  ///< Behind machine i; unused behind a sink.
  std::vector<Buffer> reworks;  ///< Parts that go back to machine i.
  std::vector<Feed> feeds;
  std::vector<std::size_t> feed_of;  ///< By machine.
  std::vector<MachineActor*> machines;
  std::vector<std::int64_t> outstanding;  ///< Parts of an order that have not left, by order.
  std::size_t orders_open = 0;
  std::uint64_t parts_in_line = 0;
  double parts_since_s = 0;
  bool done = false;
  bool runaway = false;
  bool precedence = false;             ///< Some order comes after another.
  std::optional<line::Outcome> final;  ///< As it was when the last part left.

  [[nodiscard]] double now() const { return start_s + stage->now(); }
  /// The stage's date of a line time. Who waits for a moment sleeps until its date, so that all who
  /// wait for the same one wake on the same.
  [[nodiscard]] double date_of(double at_s) const { return at_s - start_s; }
  /// Whether a moment that is slept for is there. Line time, rounded again, may stay a hair short.
  [[nodiscard]] bool has_come(double at_s) const { return stage->now() >= date_of(at_s) - due_s; }
  /// Counts an event; true while the trial may go on.
  bool count_event() {
    if (++outcome->events > trial->event_limit) runaway = true;
    return !runaway;
  }
  /// Keeps the parts that have left for every count that was wanted before `until_s`.
  void count_left(double until_s);
  /// Parts come into the line or leave it.
  void change_parts(std::int64_t by);
  /// Whether the order's first part may enter the line.
  [[nodiscard]] bool may_enter(line::OrderId order) const;
  /// Whether all parts that the order needs of a feed, and what they go into, have arrived.
  [[nodiscard]] bool complete(const Feed& feed, line::OrderId order) const;
  /// What was lost is released once more; of a whole that was, all that it was made of.
  void make_again(std::size_t feed, line::OrderId order, std::uint64_t parts);
  /// Whether the feed's parts of all orders before this one have arrived, as far as that counts.
  [[nodiscard]] bool has_turn(Feed& feed, line::OrderId order) const;
  /// A part of the order has left the line or was scrapped in it.
  void finish(line::OrderId order);
  /// Books everything that is under way up to now.
  void settle();
  /// Orders until what is there or on its way, less what is waited for, is above `reorder_at`.
  void reorder(std::uint32_t spare);
  /// Waits for a piece and takes it; others are ordered as soon as it is wanted.
  void take_spare(std::uint32_t spare, Nap& nap);
  /// An order of the spare part's size comes in `lead_s`.
  void expect_delivery(std::uint32_t spare, double lead_s);
};

class MachineActor {
 public:
  MachineActor(Floor& floor, line::MachineId id);

  void operator()();  ///< The actor's life.

  /// Another machine has put a part into, or taken one from, a neighbouring buffer.
  void nudge();
  /// An order has ended: a source may wait for that.
  void nudge_source();
  /// The schedule has changed.
  void reschedule();
  void begin(const line::ScriptedFault& fault);
  void forecast_fault(line::FaultKind kind);
  /// The trial's seed has changed.
  void reseeded();
  /// So many pieces of the part that it holds have been handed over before the trial began.
  void has_given(std::uint32_t pieces) { given_ = pieces; }
  /// After connect(): transporters that it had sent out when the trial began.
  void resume_carrying();
  /// The trial's line has changed its values.
  void edited();

  /// `health`: fault modes and repairs too.
  [[nodiscard]] line::MachineNow now(bool health) const;
  /// Whether it stands empty and could work a part of this order at once.
  [[nodiscard]] bool starved_for(line::OrderId order) const {
    return waiting_ == Waiting::part && can_make(order);
  }
  /// Parts from this buffer that it takes at once.
  [[nodiscard]] std::size_t wanted_from(const Buffer& buffer) const;
  /// What transporters carry for it to the buffer behind.
  void add_carried(std::vector<line::PartNow>& parts) const;
  /// Since when it has waited for room or a transporter; else infinity.
  [[nodiscard]] double waiting_since_s() const { return blocked_since_s_; }
  /// The spare part that it has in hand while it waits for a crew.
  [[nodiscard]] const std::optional<std::uint32_t>& spare_in_hand() const { return spare_; }
  [[nodiscard]] Condition condition();
  /// The state to show in a frame: a machine that worked in this sample period executes.
  [[nodiscard]] line::PackmlState shown_state(const Condition& condition) const;
  [[nodiscard]] double operating_since_renewal() const;
  [[nodiscard]] std::uint32_t renewals() const { return renewals_; }
  [[nodiscard]] double damage(line::FaultKind kind) const;
  [[nodiscard]] double hazard(std::size_t mode) const { return wear_.hazard(mode, axes()); }
  [[nodiscard]] const std::vector<Part>& parts() const { return held_; }
  [[nodiscard]] bool works_in_batches() const { return machine().batch > 1; }
  /// After all machines stand on the floor: who is before and behind. `takers`: Line::takers().
  void connect(const std::vector<std::uint32_t>& takers);
  /// Books the time of the present state, what is under way, and faults that have begun.
  void settle();
  void set_actor(Stage::Actor& actor) { nap_.owner(*floor_->stage, actor); }

 private:
  enum class Waiting { nothing, part, space, release };
  struct Input {
    Buffer* buffer = nullptr;
    std::uint32_t count = 1;
  };
  /// A service rule and when it next asks.
  struct Rule {
    line::Maintenance maintenance;
    double next_s = 0;
    /// It has asked at `now` and asks again at the next of its times.
    void asked(double now);
  };
  struct Carried {
    Part part;
    double until_s = never;  ///< Infinity: it still waits for its transporter.
  };

  [[nodiscard]] const line::Machine& machine() const { return *machine_; }
  [[nodiscard]] line::MachineOutcome& outcome() { return floor_->outcome->machines[id_.index]; }
  [[nodiscard]] bool source() const { return inputs_.empty(); }
  [[nodiscard]] bool sink() const { return output_ == nullptr; }
  [[nodiscard]] bool assembles() const { return !machine().takes.empty(); }
  [[nodiscard]] line::ProductId product_of(line::OrderId order) const {
    return (*floor_->trial->orders)[order.index].product;
  }
  [[nodiscard]] bool can_make(line::OrderId order) const {
    const auto& makes = machine().makes;
    return makes.empty() || makes[product_of(order).index] != 0;
  }
  void seed();
  [[nodiscard]] Axes axes() const { return {operating(), floor_->now()}; }

  void read_line();
  void enter(line::PackmlState state);
  void book_time();
  void book_occupation();
  void note_onsets() {
    if (const auto here = axes(); wear_.unrecorded(here)) record_onsets(here);
  }
  void record_onsets(const Axes& here);
  void see_inputs();
  /// Does `what` for `seconds`; nothing interrupts it.
  void rest(line::Occupation::What what, double seconds);
  /// Waits for a nudge, at most until `until_s` or the machine's next appointment.
  void stand(Waiting what, double until_s);
  [[nodiscard]] double next_appointment(Waiting what) const;
  [[nodiscard]] bool at_work() const;
  void off_shift();
  std::optional<line::OrderId> next_order();
  /// The order of the parts that it could take now.
  std::optional<line::OrderId> in_reach();
  std::optional<std::size_t> find(Buffer& buffer, std::optional<line::OrderId> order) const;
  [[nodiscard]] std::size_t count_in_reach(Buffer& buffer, line::OrderId order) const;
  line::OrderId await_part();
  bool take_parts();
  void take_from(Buffer& buffer, std::size_t count);
  void nudge_feeders(const Buffer& buffer);
  void do_services(std::optional<line::OrderId> before);
  [[nodiscard]] bool rule_asks(Rule& rule);
  void serve();
  void finish_open_stop();
  [[nodiscard]] std::string_view skill_of_open_stop() const;
  [[nodiscard]] line::FaultRecord& record_of(std::size_t wear);
  std::size_t wait_for_crew(std::string_view skill);
  void dismiss_crew();
  /// Of a breakdown of this mode, where it needs one.
  void take_spare(const line::FaultMode* mode);
  void renew();
  void change_over(line::OrderId to);
  void work(double seconds);
  void break_down();
  void finish_parts();
  [[nodiscard]] bool passes(const Part& part, std::uint64_t number) const;
  [[nodiscard]] bool goes_back(const Part& part, std::uint64_t number) const;
  void send_back(Part part);
  void scrap(const Part& part);
  void hand_over_all();
  void hand_over(const Part& part);
  void leave_line(const Part& part);
  void carry(const Part& part);
  void deliver(std::list<Carried>::iterator carried);
  /// A transporter brings `carried` in `left_s` and is back in `back_s`.
  void send(std::list<Carried>::iterator carried, double left_s, double back_s);
  void await_return(double back_s);
  [[nodiscard]] bool room_for(const Part& part) const;
  void put(const Part& part);
  [[nodiscard]] double operating() const;
  [[nodiscard]] double service_time() const;
  void resume_from(const line::MachineNow& now);

  Floor* floor_;
  const line::Machine* machine_;
  line::MachineId id_;
  std::vector<Input> inputs_;
  Buffer* output_ = nullptr;  ///< Behind a sink: none.
  Buffer* rework_ = nullptr;  ///< Of this machine, if parts can come back to it.
  bool shared_input_ = false;
  /// Whatever comes first from its one rack it takes, alone: the case of most machines.
  bool takes_first_ = false;
  bool counts_arrivals_ = false;  ///< What it hands over goes into an assembly, order by order.
  const line::Calendar* calendar_ = nullptr;
  std::vector<Rule> rules_;
  line::RandomStream cycles_;
  line::RandomStream scraps_;
  line::RandomStream services_;
  Nap nap_;
  WearSet wear_;
  line::PackmlState state_ = line::PackmlState::idle;
  double state_since_s_ = 0;
  double blocked_since_s_ = never;
  double down_since_s_ = never;         ///< Waiting for a spare part, or a crew.
  std::optional<std::uint32_t> spare_;  ///< In hand while waiting for a crew.
  double looked_s_ = 0;                 ///< When it last asked its rules of service.
  std::list<Carried> carried_;
  std::deque<double> returning_;  ///< When transporters are back that have delivered.
  double operating_s_ = 0;        ///< Booked operating time, own axis.
  double renewed_at_ = 0;         ///< On that axis.
  double work_since_s_ = -1;  ///< Line time at which the present stretch of work began; -1: none.
  double sampled_operating_ = 0;
  std::uint32_t renewals_ = 0;
  std::uint32_t parts_ = 0;
  std::vector<Part> held_;         ///< In work, or waiting for room.
  bool placed_ = false;            ///< The next to be handed over has its place behind.
  std::uint32_t given_ = 0;        ///< Pieces of the first of them that have been handed over.
  double batch_starts_s_ = never;  ///< When the incomplete batch in reach is begun as it is.
  bool off_shift_ = false;
  bool set_up_ = false;
  line::OrderId order_{};
  double remaining_s_ = 0;
  double cycle_s_ = 0;
  double busy_until_s_ = -1;         ///< Of a repair, service or changeover.
  std::optional<std::size_t> crew_;  ///< Group of the crew that is here.
  std::int32_t repairing_ = -1;  ///< Mode that a breakdown is about; -1: none, or not of the line.
  std::optional<line::Occupation::What> doing_;
  double doing_since_s_ = 0;
  std::size_t last_bar_ = static_cast<std::size_t>(-1);  ///< In the Gantt chart.
  Waiting waiting_ = Waiting::nothing;
  bool waited_ = false;  ///< Since its last activity.
  std::vector<line::Progress> progress_;
  std::size_t first_open_ = 0;  ///< Everything before it in the sequence is finished here.
};

}  // namespace foreline::factory
