// SPDX-License-Identifier: Apache-2.0
// A sleep is a date in the agenda and a suspended actor, so that a breakdown can interrupt it;
// S4U's sleep_for cannot be interrupted. One kernel timer stands at the agenda's next date.
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>
#include <simgrid/simix.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "sim/factory/agenda.hpp"
#include "sim/factory/stage.hpp"

namespace foreline::factory {

namespace sg = simgrid::s4u;
using Timer = simgrid::kernel::timer::Timer;

namespace {

sg::Engine& start_engine() {
  static std::array<char*, 4> arguments = {
      const_cast<char*>("foreline-sim"), const_cast<char*>("--log=root.thres:critical"),
      const_cast<char*>("--cfg=contexts/stack-size:64"), nullptr};
  int count = 3;
  return *new sg::Engine(&count, arguments.data());
}

class SimGridStage : public Stage {
 public:
  SimGridStage() : engine_(&start_engine()) {
    auto* zone = sg::create_full_zone("line");
    hall_ = zone->create_host("hall", 1e9);
    zone->seal();
  }

  Actor& create(const std::string& name, std::uint64_t rank, std::function<void()> life) override {
    auto& actor = *actors_.emplace_back(std::make_unique<Player>());
    actor.rank = rank;
    const auto unused_bytes = unused_stack_bytes(actors_.size());
    actor.player = sg::Actor::create(name, hall_, [this, life = std::move(life), unused_bytes] {
      volatile auto* const unused = __builtin_alloca(unused_bytes);
      (void)unused;
      life();
      end();
    });
    ++acting_;
    return actor;
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
    arm(agenda_.ready().empty() ? agenda_.next_date() : now_);
    engine_->run_until(date);
    now_ = sg::Engine::get_clock();
  }

 private:
  struct Player : Actor {
    sg::ActorPtr player;
  };

  /// Pauses the actor. The last of a round first has the kernel let those act who were roused
  /// meanwhile: one call for all of them, and no step in SimGrid's time. Its own turn may be among
  /// theirs; who comes after it is then left to the next round.
  void leave(Player& self) {
    auto& ready = agenda_.ready();
    while (--acting_ == 0 && !ready.empty()) {
      const auto own = std::find(ready.begin(), ready.end(), &self);
      const bool acts = own != ready.end();
      begin_round(static_cast<std::size_t>(own - ready.begin()), 1);
      if (!acts) continue;
      ready.erase(ready.begin());
      return;
    }
    if (acting_ == 0) arm(agenda_.next_date());
    sg::this_actor::suspend();
  }
  /// The actor's life is over.
  void end() {
    if (--acting_ > 0) return;
    begin_round(agenda_.ready().size(), 0);
    if (acting_ == 0) arm(agenda_.next_date());
  }
  /// The first `count` of who has been roused act next, and after them `more` who are not paused.
  void begin_round(std::size_t count, std::size_t more) {
    acting_ = count + more;
    if (count == 0) return;
    simgrid::kernel::actor::simcall_answered([this, count] {
      auto& ready = agenda_.ready();
      const auto last = ready.begin() + static_cast<std::ptrdiff_t>(count);
      for (auto actor = ready.begin(); actor != last; ++actor)
        static_cast<Player*>(*actor)->player->resume();
      ready.erase(ready.begin(), last);
    });
  }
  void arm(double date) {
    if (armed_ <= date) return;
    if (timer_ != nullptr) timer_->remove();
    armed_ = date;
    timer_ = Timer::set(date, [this] { turn(); });
  }
  void turn() {
    timer_ = nullptr;
    armed_ = std::numeric_limits<double>::infinity();
    now_ = sg::Engine::get_clock();
    if (agenda_.ready().empty()) agenda_.take_due(now_);
    begin_round(agenda_.ready().size(), 0);
    if (acting_ == 0) arm(agenda_.next_date());
  }

  sg::Engine* engine_;
  sg::Host* hall_ = nullptr;
  std::vector<std::unique_ptr<Player>> actors_;
  Agenda agenda_;
  std::size_t acting_ = 0;  ///< Actors of this round that have not acted yet.
  Timer* timer_ = nullptr;
  double armed_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::unique_ptr<Stage> simgrid_stage() {
  return std::make_unique<SimGridStage>();
}

}  // namespace foreline::factory
