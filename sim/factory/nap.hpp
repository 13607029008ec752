// SPDX-License-Identifier: Apache-2.0
// How an actor waits. A nap is a kernel timer and a suspended actor, so that a breakdown can
// interrupt it and learn how much of it was slept; S4U's sleep_for can do neither. Everything runs
// in one thread: waking is a plain call.
#pragma once

#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

namespace foreline::factory {

/// The waiting place of one actor.
class Nap {
 public:
  void owner(simgrid::s4u::ActorPtr actor) { actor_ = std::move(actor); }

  /// Sleeps `seconds`; returns the seconds that really passed.
  double sleep(double seconds) {
    if (seconds <= 0) return 0;
    const double from = simgrid::s4u::Engine::get_clock();
    sleep_until(from + seconds);
    return simgrid::s4u::Engine::get_clock() - from;
  }
  /// Sleeps until the engine's clock shows `date`, or until interrupted.
  void sleep_until(double date) {
    timer_ = simgrid::kernel::timer::Timer::set(date, [this] {
      timer_ = nullptr;
      actor_->resume();
    });
    simgrid::s4u::this_actor::suspend();
  }
  /// Ends a sleep early. Nothing happens when the actor does not sleep.
  void interrupt() {
    if (timer_ == nullptr) return;
    timer_->remove();
    timer_ = nullptr;
    actor_->resume();
  }
  /// Waits until wake().
  void wait() {
    waiting_ = true;
    simgrid::s4u::this_actor::suspend();
  }
  /// Ends a wait(). Nothing happens when the actor does not wait.
  void wake() {
    if (!waiting_) return;
    waiting_ = false;
    actor_->resume();
  }
  [[nodiscard]] bool waiting() const { return waiting_; }

 private:
  simgrid::s4u::ActorPtr actor_;
  simgrid::kernel::timer::Timer* timer_ = nullptr;
  bool waiting_ = false;
};

}  // namespace foreline::factory
