// SPDX-License-Identifier: Apache-2.0
// One machine as one actor: turn to the next part, change over, be serviced, work, break down, be
// repaired, hand over. The line around it is reached through Floor.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "sim/factory/nap.hpp"
#include "sim/factory/signals.hpp"
#include "sim/factory/wear.hpp"
#include "sim/line/trial.hpp"

namespace foreline::factory {

class MachineActor;

/// Repair crews: a number of free ones and a queue of who waits.
class Crews {
 public:
  explicit Crews(std::uint32_t free) : free_(free) {}
  void acquire(Nap& nap) {
    if (free_ > 0 && queue_.empty()) {
      --free_;
      return;
    }
    queue_.push_back(&nap);
    nap.wait();
  }
  void release() {
    if (queue_.empty()) {
      ++free_;
      return;
    }
    auto* next = queue_.front();
    queue_.pop_front();
    next->wake();
  }
  /// A crew that was busy when the trial began.
  [[nodiscard]] bool take_one() {
    if (free_ == 0) return false;
    --free_;
    return true;
  }
  [[nodiscard]] std::uint32_t free() const { return free_; }

 private:
  std::uint32_t free_;
  std::deque<Nap*> queue_;
};

/// A service of the schedule and whether it has been carried out.
struct PlannedService {
  line::Service service;
  bool done = false;
};

/// What all machines share.
struct Floor {
  const line::Trial* trial = nullptr;
  line::Outcome* outcome = nullptr;
  double start_s = 0;  ///< Line time at which the engine's clock stood at 0.
  Crews crews{1};
  line::Schedule schedule;
  std::vector<PlannedService> services;
  std::vector<std::deque<line::OrderId>> buffers;  ///< Behind machine i; the last is unused.
  std::vector<MachineActor*> machines;
  std::vector<std::uint32_t> finished;  ///< Parts of an order that left or were scrapped.
  std::size_t orders_open = 0;
  bool done = false;
  bool runaway = false;
  std::optional<line::Outcome> final;  ///< As it was when the last part left.

  [[nodiscard]] double now() const { return start_s + simgrid::s4u::Engine::get_clock(); }
  /// Counts an event; true while the trial may go on.
  bool count_event() {
    if (++outcome->events > trial->event_limit) runaway = true;
    return !runaway;
  }
  /// Books everything that is under way up to now.
  void settle();
};

class MachineActor {
 public:
  MachineActor(Floor& floor, line::MachineId id);

  void operator()();  ///< The actor's life.

  /// Another machine has put a part into, or taken one from, a neighbouring buffer.
  void nudge();
  /// The schedule has changed.
  void reschedule();
  void begin(const line::ScriptedFault& fault);
  void forecast_fault(line::FaultKind kind);
  /// The trial's seed has changed from `old_seed`.
  void reseeded(std::uint64_t old_seed);

  [[nodiscard]] line::MachineNow now() const;
  [[nodiscard]] bool starved() const {
    return waiting_ == Waiting::part || (waiting_ == Waiting::release && !first());
  }
  [[nodiscard]] Condition condition();
  /// The state to show in a frame: a machine that worked in this sample period executes.
  [[nodiscard]] line::PackmlState shown_state(const Condition& condition) const;
  [[nodiscard]] double operating_since_renewal() const;
  [[nodiscard]] std::uint32_t renewals() const { return renewals_; }
  [[nodiscard]] double damage(line::FaultKind kind) const;
  /// Books the time of the present state, what is under way, and faults that have begun.
  void settle();
  void set_actor(simgrid::s4u::ActorPtr actor) { nap_.owner(std::move(actor)); }

 private:
  enum class Waiting { nothing, part, space, release };

  [[nodiscard]] const line::Machine& machine() const { return floor_->trial->line->at(id_); }
  [[nodiscard]] line::MachineOutcome& outcome() { return floor_->outcome->machines[id_.index]; }
  [[nodiscard]] bool first() const { return id_.index == 0; }
  [[nodiscard]] bool last() const { return id_.index + 1 == floor_->machines.size(); }

  void enter(line::PackmlState state);
  void book_time();
  void book_occupation();
  void note_onsets();
  /// Does `what` for `seconds`; nothing interrupts it.
  void rest(line::Occupation::What what, double seconds);
  std::optional<line::OrderId> next_order();
  line::OrderId await_part();
  void take_part();
  void do_services(std::optional<line::OrderId> before);
  void serve();
  void finish_open_stop();
  void wait_for_crew();
  void renew();
  void change_over(line::OrderId to);
  void work(double seconds);
  void break_down();
  void finish_part();
  void hand_over();
  void count_finished(line::OrderId order);
  [[nodiscard]] double operating() const;
  void resume_from(const line::MachineNow& now);

  Floor* floor_;
  line::MachineId id_;
  Nap nap_;
  WearSet wear_;
  line::PackmlState state_ = line::PackmlState::idle;
  double state_since_s_ = 0;
  double operating_s_ = 0;    ///< Booked operating time, own axis.
  double renewed_at_ = 0;     ///< On that axis.
  double work_since_s_ = -1;  ///< Line time at which the present stretch of work began; -1: none.
  double sampled_operating_ = 0;
  std::uint32_t renewals_ = 0;
  std::uint32_t parts_ = 0;
  bool holds_part_ = false;
  bool set_up_ = false;
  line::OrderId order_{};
  double remaining_s_ = 0;
  double cycle_s_ = 0;
  double busy_until_s_ = -1;  ///< Of a repair, service or changeover.
  bool crew_here_ = false;
  std::optional<line::Occupation::What> doing_;
  double doing_since_s_ = 0;
  Waiting waiting_ = Waiting::nothing;
  std::vector<line::Progress> progress_;
  std::size_t first_open_ = 0;  ///< Everything before it in the sequence is finished here.
};

}  // namespace foreline::factory
