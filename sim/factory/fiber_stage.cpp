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

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace foreline::factory {

namespace {

namespace ctx = boost::context;

/// AddressSanitizer must know on which stack the program goes on; in other builds this is nothing.
#if defined(__SANITIZE_ADDRESS__)
class StackSwitch {
 public:
  void leave_for(const void* bottom, std::size_t bytes) {
    __sanitizer_start_switch_fiber(&kept_, bottom, bytes);
  }
  /// The stack is not come back to.
  static void leave_for_good(const void* bottom, std::size_t bytes) {
    __sanitizer_start_switch_fiber(nullptr, bottom, bytes);
  }
  void arrived() { __sanitizer_finish_switch_fiber(kept_, nullptr, nullptr); }
  static void arrived_first(const void*& from, std::size_t& bytes) {
    __sanitizer_finish_switch_fiber(nullptr, &from, &bytes);
  }

 private:
  void* kept_ = nullptr;
};
#else
class StackSwitch {
 public:
  void leave_for(const void* /*bottom*/, std::size_t /*bytes*/) {}
  static void leave_for_good(const void* /*bottom*/, std::size_t /*bytes*/) {}
  void arrived() {}
  static void arrived_first(const void*& /*from*/, std::size_t& /*bytes*/) {}
};
#endif

/// SimGrid's run_until() takes a clock so close to the end for the end.
constexpr double close_s = 1e-5;
constexpr std::size_t stack_bytes = 64UL << 10U;

struct Arrival {
  StackSwitch* at;
  explicit Arrival(StackSwitch* where) : at(where) {}
  ~Arrival() { at->arrived(); }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;
};

class FiberStage : public Stage {
 public:
  FiberStage() = default;
  FiberStage(const FiberStage&) = delete;
  FiberStage& operator=(const FiberStage&) = delete;
  ~FiberStage() override {
    for (auto& player : players_) {
      if (!player->begun || !player->fiber) continue;
      switching_.leave_for(player->stack, player->stack_bytes);
      player->fiber = {};
      switching_.arrived();
    }
  }
  Actor& create(const std::string& name, std::function<void()> life) override {
    (void)name;
    auto& made = *players_.emplace_back(std::make_unique<Player>());
    const auto unused_bytes = unused_stack_bytes(players_.size());
    ctx::protected_fixedsize_stack stacks(stack_bytes);
    const auto stack = stacks.allocate();
    made.stack_bytes = stack.size;
    made.stack = static_cast<const char*>(stack.sp) - stack.size;
    made.fiber =
        ctx::fiber(std::allocator_arg, ctx::preallocated(stack.sp, stack.size, stack), stacks,
                   [this, &made, life = std::move(life), unused_bytes](ctx::fiber&& stage) {
                     StackSwitch::arrived_first(stage_stack_, stage_stack_bytes_);
                     made.begun = true;
                     made.stage = std::move(stage);
                     volatile auto* const unused = __builtin_alloca(unused_bytes);
                     (void)unused;
                     try {
                       life();
                     } catch (...) {  // a fiber that is not played to its end is unwound
                       StackSwitch::leave_for_good(stage_stack_, stage_stack_bytes_);
                       throw;
                     }
                     StackSwitch::leave_for_good(stage_stack_, stage_stack_bytes_);
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
    const void* stack = nullptr;
    std::size_t stack_bytes = 0;
    StackSwitch switching;
    bool begun = false;
  };
  void leave(Player& player) {
    player.switching.leave_for(stage_stack_, stage_stack_bytes_);
    const Arrival arrival(&player.switching);  // also when it is unwound from here
    player.stage = std::move(player.stage).resume();
  }
  /// Lets everybody act who has been roused, and whom they rouse.
  void act() {
    auto& ready = agenda_.ready();
    for (std::size_t i = 0; i < ready.size(); ++i) {
      auto& player = static_cast<Player&>(*ready[i]);
      switching_.leave_for(player.stack, player.stack_bytes);
      player.fiber = std::move(player.fiber).resume();
      switching_.arrived();
    }
    ready.clear();
  }

  std::vector<std::unique_ptr<Player>> players_;
  Agenda agenda_;
  StackSwitch switching_;
  const void* stage_stack_ = nullptr;  ///< Known, to the sanitizer, once a fiber has begun.
  std::size_t stage_stack_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Stage> fiber_stage() {
  return std::make_unique<FiberStage>();
}

}  // namespace foreline::factory
