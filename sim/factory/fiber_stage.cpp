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
      outside_.switching.leave_for(player->stack, player->stack_bytes);
      player->fiber = {};
      outside_.switching.arrived();
    }
  }
  Actor& create(const std::string& name, std::uint64_t rank, std::function<void()> life) override {
    (void)name;
    auto& made = *players_.emplace_back(std::make_unique<Player>());
    made.rank = rank;
    const auto unused_bytes = unused_stack_bytes(players_.size());
    ctx::protected_fixedsize_stack stacks(stack_bytes);
    const auto stack = stacks.allocate();
    made.stack_bytes = stack.size;
    made.stack = static_cast<const char*>(stack.sp) - stack.size;
    made.fiber =
        ctx::fiber(std::allocator_arg, ctx::preallocated(stack.sp, stack.size, stack), stacks,
                   [this, &made, life = std::move(life), unused_bytes](ctx::fiber&& left) {
                     StackSwitch::arrived_first(left_->stack, left_->stack_bytes);
                     made.begun = true;
                     left_->fiber = std::move(left);
                     volatile auto* const unused = __builtin_alloca(unused_bytes);
                     (void)unused;
                     try {
                       life();
                     } catch (...) {  // a fiber that is not played to its end is unwound
                       StackSwitch::leave_for_good(outside_.stack, outside_.stack_bytes);
                       throw;
                     }
                     auto& next = next_player();
                     left_ = &made;
                     StackSwitch::leave_for_good(next.stack, next.stack_bytes);
                     return std::move(next.fiber);
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
    until_ = date;
    advanced_ = false;
    leave(outside_);
  }

 private:
  struct Player : Actor {
    ctx::fiber fiber;  ///< Where it left, while it is away.
    const void* stack = nullptr;
    std::size_t stack_bytes = 0;
    StackSwitch switching;
    bool begun = false;
  };
  /// Goes on with whose turn it is, without a stop at the program outside.
  void leave(Player& player) {
    auto& next = next_player();
    if (&next == &player) return;
    left_ = &player;
    player.switching.leave_for(next.stack, next.stack_bytes);
    const Arrival arrival(&player.switching);  // also when it is unwound from here
    auto came = std::move(next.fiber).resume();
    left_->fiber = std::move(came);
  }
  /// Whose turn it is: those who were roused and whom they rouse, then who is due on the next date,
  /// and in the end the program that called run_until().
  Player& next_player() {
    auto& ready = agenda_.ready();
    while (acted_ == ready.size()) {
      ready.clear();
      acted_ = 0;
      if (!(now_ < until_)) return outside_;
      const double next = agenda_.next_date();
      if (advanced_ && std::abs(until_ - now_) < close_s && next > now_) return outside_;
      // SimGrid adds the difference to its clock, which may round.
      now_ += std::min(until_, next) - now_;
      advanced_ = true;
      agenda_.take_due(now_);
    }
    return static_cast<Player&>(*ready[acted_++]);
  }

  std::vector<std::unique_ptr<Player>> players_;
  Agenda agenda_;
  Player outside_;            ///< Its stack is known, to the sanitizer, once a fiber has begun.
  Player* left_ = &outside_;  ///< Who played before whoever plays now.
  double until_ = 0;
  bool advanced_ = false;  ///< Since run_until() was called.
  std::size_t acted_ = 0;  ///< Of the agenda's ready ones.
};

}  // namespace

std::unique_ptr<Stage> fiber_stage() {
  return std::make_unique<FiberStage>();
}

}  // namespace foreline::factory
