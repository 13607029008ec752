// SPDX-License-Identifier: Apache-2.0
// Fibers take turns in the order of the agenda.
#include <algorithm>
#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cmath>
#include <utility>
#include <vector>

#include "sim/factory/agenda.hpp"
#include "sim/factory/stage.hpp"

namespace foreline::factory {

namespace {

namespace ctx = boost::context;

/// SimGrid's run_until() takes a clock so close to the end for the end.
constexpr double close_s = 1e-5;
constexpr std::size_t stack_bytes = 64UL << 10U;

class FiberStage : public Stage {
 public:
  Actor& create(const std::string& name, std::function<void()> life) override {
    (void)name;
    auto& made = *players_.emplace_back(std::make_unique<Player>());
    const auto unused_bytes = unused_stack_bytes(players_.size());
    made.fiber = ctx::fiber(std::allocator_arg, ctx::protected_fixedsize_stack(stack_bytes),
                            [&made, life = std::move(life), unused_bytes](ctx::fiber&& stage) {
                              made.stage = std::move(stage);
                              volatile auto* const unused = __builtin_alloca(unused_bytes);
                              (void)unused;
                              life();
                              return std::move(made.stage);
                            });
    agenda_.rouse(made);
    return made;
  }
  void sleep_until(Actor& self, double date) override {
    agenda_.sleep(self, date);
    leave(static_cast<Player&>(self));
  }
  void interrupt(Actor& actor) override {
    if (actor.sleeping) agenda_.rouse(actor);
  }
  void wait(Actor& self) override {
    self.waiting = true;
    leave(static_cast<Player&>(self));
  }
  void wake(Actor& actor) override {
    if (actor.waiting) agenda_.rouse(actor);
  }
  Alarm* set(double date, std::function<void()> then) override {
    return agenda_.set(std::max(date, now_), std::move(then));
  }
  void cancel(Alarm* alarm) override { alarm->cancelled = true; }

  void run_until(double date) override {
    act();
    while (now_ < date) {
      // SimGrid adds the difference to its clock, which may round.
      now_ += std::min(date, agenda_.next_date()) - now_;
      agenda_.take_due(now_);
      act();
      if (std::abs(date - now_) < close_s && agenda_.next_date() > now_) break;
    }
  }

 private:
  struct Player : Actor {
    ctx::fiber fiber;
    ctx::fiber stage;
  };
  static void leave(Player& player) { player.stage = std::move(player.stage).resume(); }
  /// Lets everybody act who has been roused, and whom they rouse.
  void act() {
    auto& ready = agenda_.ready();
    for (std::size_t i = 0; i < ready.size(); ++i) {
      auto& player = static_cast<Player&>(*ready[i]);
      player.fiber = std::move(player.fiber).resume();
    }
    ready.clear();
  }

  std::vector<std::unique_ptr<Player>> players_;
  Agenda agenda_;
};

}  // namespace

std::unique_ptr<Stage> fiber_stage() {
  return std::make_unique<FiberStage>();
}

}  // namespace foreline::factory
