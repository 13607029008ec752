// SPDX-License-Identifier: Apache-2.0
// A sleep is a date in the agenda and a suspended actor, so that a breakdown can interrupt it;
// S4U's sleep_for cannot be interrupted. One kernel timer stands at the agenda's next date.
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

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

  Actor& create(const std::string& name, std::function<void()> life) override {
    auto& actor = *actors_.emplace_back(std::make_unique<Player>());
    actor.player = sg::Actor::create(name, hall_, std::move(life));
    return actor;
  }
  void sleep_until(Actor& self, double date) override {
    agenda_.sleep(self, date);
    arm(date);
    sg::this_actor::suspend();
  }
  void interrupt(Actor& actor) override {
    if (actor.sleeping) rouse(actor);
  }
  void wait(Actor& self) override {
    self.waiting = true;
    sg::this_actor::suspend();
  }
  void wake(Actor& actor) override {
    if (actor.waiting) rouse(actor);
  }
  Alarm* set(double date, std::function<void()> then) override {
    date = std::max(date, now_);
    arm(date);
    return agenda_.set(date, std::move(then));
  }
  void cancel(Alarm* alarm) override { alarm->cancelled = true; }
  void run_until(double date) override {
    engine_->run_until(date);
    now_ = sg::Engine::get_clock();
  }

 private:
  struct Player : Actor {
    sg::ActorPtr player;
  };

  /// An actor that resumed another at once would be put aside itself, and one that is resumed in
  /// the round in which it suspended itself comes twice: so it is left to the next turn.
  void rouse(Actor& actor) {
    agenda_.rouse(actor);
    arm(now_);
  }
  /// Sees to it that turn() comes at `date`.
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
    acting_.swap(agenda_.ready());
    for (auto* actor : acting_) static_cast<Player*>(actor)->player->resume();
    acting_.clear();
    if (const double next = agenda_.ready().empty() ? agenda_.next_date() : now_;
        next < std::numeric_limits<double>::infinity())
      arm(next);
  }

  sg::Engine* engine_;
  sg::Host* hall_ = nullptr;
  std::vector<std::unique_ptr<Player>> actors_;
  Agenda agenda_;
  std::vector<Actor*> acting_;
  Timer* timer_ = nullptr;
  double armed_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::unique_ptr<Stage> simgrid_stage() {
  return std::make_unique<SimGridStage>();
}

}  // namespace foreline::factory
