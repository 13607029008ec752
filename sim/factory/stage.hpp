// SPDX-License-Identifier: Apache-2.0
// Where actors act: one clock, actors that sleep until a date or wait until woken, alarms that call
// a function at a date. Everything runs in one thread; waking is a plain call. There are two: on
// SimGrid, the engine of record, which can be forked, paced and looked into; and on bare fibers,
// for replications that nobody looks into, several times as fast. The line's logic is the same code
// on both and must come to the same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace foreline::factory {

class Stage {
 public:
  struct Actor {
    bool sleeping = false;
    bool waiting = false;
    std::uint64_t rank = 0;   ///< Of who wakes on one date the lowest acts first.
    std::uint64_t sleep = 0;  ///< Number of its last sleep; earlier ones are over.
  };
  struct Alarm;

  Stage() = default;
  virtual ~Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Seconds since the stage was made.
  [[nodiscard]] double now() const { return now_; }
  /// An actor whose life begins when the stage next runs.
  virtual Actor& create(const std::string& name, std::uint64_t rank,
                        std::function<void()> life) = 0;
  /// The actor itself, running, sleeps until `date` or until interrupted.
  virtual void sleep_until(Actor& self, double date) = 0;
  /// Ends its sleep early. Nothing happens when it does not sleep.
  virtual void interrupt(Actor& actor) = 0;
  /// The actor itself, running, waits until woken.
  virtual void wait(Actor& self) = 0;
  /// Nothing happens when it does not wait.
  virtual void wake(Actor& actor) = 0;
  /// Calls `then` at `date`, not before now. It must not sleep or wait.
  virtual Alarm* set(double date, std::function<void()> then) = 0;
  /// Only while it has not rung.
  virtual void cancel(Alarm* alarm) = 0;
  /// Everything up to `date`, which is not before now.
  virtual void run_until(double date) = 0;

 protected:
  double now_ = 0;
};

/// SimGrid's engine. Once a process, which must leave with _exit().
[[nodiscard]] std::unique_ptr<Stage> simgrid_stage();
/// Fibers and a heap of dates; as many as wanted. Its clock adds what SimGrid's adds.
[[nodiscard]] std::unique_ptr<Stage> fiber_stage();

/// The waiting place of one actor.
class Nap {
 public:
  void owner(Stage& stage, Stage::Actor& actor) {
    stage_ = &stage;
    actor_ = &actor;
  }
  /// Sleeps `seconds`; returns the seconds that really passed.
  double sleep(double seconds) {
    if (seconds <= 0) return 0;
    const double from = stage_->now();
    stage_->sleep_until(*actor_, from + seconds);
    return stage_->now() - from;
  }
  /// Sleeps until the stage's clock shows `date`, or until interrupted; not at all when it does.
  void sleep_until(double date) {
    if (date > stage_->now()) stage_->sleep_until(*actor_, date);
  }
  /// Ends a sleep early. Nothing happens when the actor does not sleep.
  void interrupt() {
    if (actor_ != nullptr && actor_->sleeping) stage_->interrupt(*actor_);
  }
  /// Waits until wake().
  void wait() { stage_->wait(*actor_); }
  /// Ends a wait(). Nothing happens when the actor does not wait.
  void wake() {
    if (actor_ != nullptr && actor_->waiting) stage_->wake(*actor_);
  }

 private:
  Stage* stage_ = nullptr;
  Stage::Actor* actor_ = nullptr;
};

}  // namespace foreline::factory
