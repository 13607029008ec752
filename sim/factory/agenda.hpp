// SPDX-License-Identifier: Apache-2.0
// What comes when: sleepers, alarms, and who was woken and has not acted yet. Both stages keep one,
// so that everything that falls on one date comes in the same order on both: first who was woken,
// in the order of waking, then what is due, in the order in which it was noted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "sim/factory/stage.hpp"

namespace foreline::factory {

struct Stage::Alarm {
  std::function<void()> then;
  bool cancelled = false;
};

/// Stacks begin at the same place of their pages, and so their hot ends would share cache lines:
/// each actor leaves so many bytes of its stack unused.
constexpr std::size_t unused_stack_bytes(std::size_t actor) {
  return actor * 448 % 4096;
}

class Agenda {
 public:
  /// The actor sleeps until `date`.
  void sleep(Stage::Actor& actor, double date) {
    actor.sleeping = true;
    actor.sleep = ++entries_;
    push({date, actor.sleep, &actor, nullptr});
  }
  /// The actor sleeps and waits no more, and acts next.
  void rouse(Stage::Actor& actor) {
    actor.sleeping = false;
    actor.waiting = false;
    ready_.push_back(&actor);
  }
  Stage::Alarm* set(double date, std::function<void()> then) {
    auto* alarm = alarms_.emplace_back(std::make_unique<Stage::Alarm>()).get();
    alarm->then = std::move(then);
    push({date, ++entries_, nullptr, alarm});
    return alarm;
  }

  /// Who acts next; more may be added while they act.
  std::vector<Stage::Actor*>& ready() { return ready_; }
  /// The next date on which something is due; infinity when nothing is.
  [[nodiscard]] double next_date() {
    while (!heap_.empty() && stale(heap_.front())) pop();
    return heap_.empty() ? std::numeric_limits<double>::infinity() : heap_.front().date;
  }
  /// Rouses and rings what is due at `now`.
  void take_due(double now) {
    while (!heap_.empty() && heap_.front().date <= now) {
      const auto due = heap_.front();
      const bool over = stale(due);
      pop();
      if (over) continue;
      if (due.actor != nullptr) {
        rouse(*due.actor);
      } else {
        const auto then = std::move(due.alarm->then);
        forget(due.alarm);
        then();
      }
    }
  }

 private:
  struct Entry {
    double date;
    std::uint64_t number;
    Stage::Actor* actor;
    Stage::Alarm* alarm;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.date != b.date ? a.date > b.date : a.number > b.number;
    }
  };
  static bool stale(const Entry& entry) {
    return entry.actor != nullptr ? !entry.actor->sleeping || entry.actor->sleep != entry.number
                                  : entry.alarm->cancelled;
  }
  void push(const Entry& entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }
  void pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    auto* alarm = heap_.back().alarm;
    heap_.pop_back();
    if (alarm != nullptr && alarm->cancelled) forget(alarm);
  }
  void forget(Stage::Alarm* alarm) {
    alarms_.erase(std::find_if(alarms_.begin(), alarms_.end(),
                               [&](const auto& known) { return known.get() == alarm; }));
  }

  std::vector<std::unique_ptr<Stage::Alarm>> alarms_;
  std::vector<Entry> heap_;
  std::vector<Stage::Actor*> ready_;
  std::uint64_t entries_ = 0;
};

}  // namespace foreline::factory
