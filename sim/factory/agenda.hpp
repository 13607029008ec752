// SPDX-License-Identifier: Apache-2.0
// What comes when: sleepers, alarms, and who was woken and has not acted yet. Both stages keep one,
// so that everything that falls on one date comes in the same order on both: first who was woken,
// in the order of waking, then what is due, in the order in which it was noted.
#pragma once

#include <algorithm>
#include <bit>
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
    actor.sleep = (actor.rank + 1) << 44U | ++entries_;
    push(entry_of(date, actor.sleep, &actor, nullptr));
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
    push(entry_of(date, ++entries_, nullptr, alarm));
    return alarm;
  }

  /// Who acts next; more may be added while they act.
  std::vector<Stage::Actor*>& ready() { return ready_; }
  /// The next date on which something is due; infinity when nothing is.
  [[nodiscard]] double next_date() {
    while (!none() && stale(heap_.front())) pop();
    return heap_.empty() ? std::numeric_limits<double>::infinity() : heap_.front().date();
  }
  /// Rouses and rings what is due at `now`.
  void take_due(double now) {
    while (some_due(now)) {
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
  /// Dates are not below 0, where bits and doubles have one order; behind the date stands the
  /// number, so that one comparison without a branch tells who is later.
  __extension__ using Key = unsigned __int128;
  struct Entry {
    Key key;
    Stage::Actor* actor;
    Stage::Alarm* alarm;
    [[nodiscard]] double date() const {
      return std::bit_cast<double>(static_cast<std::uint64_t>(key >> 64U));
    }
    [[nodiscard]] std::uint64_t number() const { return static_cast<std::uint64_t>(key); }
  };
  static Entry entry_of(double date, std::uint64_t number, Stage::Actor* actor,
                        Stage::Alarm* alarm) {
    return {Key{std::bit_cast<std::uint64_t>(date)} << 64U | number, actor, alarm};
  }
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const { return a.key > b.key; }
  };
  static bool stale(const Entry& entry) {
    return entry.actor != nullptr ? !entry.actor->sleeping || entry.actor->sleep != entry.number()
                                  : entry.alarm->cancelled;
  }
  // What is popped leaves a hole at the top, since who has just been roused mostly sleeps again:
  // then the new entry sinks from there, and nothing rises.
  void push(const Entry& entry) {
    if (hole_) {
      hole_ = false;
      sink(entry);
      return;
    }
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }
  [[nodiscard]] bool none() {
    if (hole_) {
      hole_ = false;
      const auto last = heap_.back();
      heap_.pop_back();
      if (!heap_.empty()) sink(last);
    }
    return heap_.empty();
  }
  /// Whether the first entry is due at `now`; a hole is only filled when it is.
  [[nodiscard]] bool some_due(double now) {
    const auto due = [&](std::size_t i) { return i < heap_.size() && heap_[i].date() <= now; };
    return hole_ ? (due(1) || due(2)) && !none() : due(0);
  }
  void pop() {
    auto* alarm = heap_.front().alarm;
    hole_ = true;
    if (alarm != nullptr && alarm->cancelled) forget(alarm);
  }
  /// Puts the entry in the place of the first and lets it sink to its own.
  void sink(const Entry& entry) {
    const auto count = heap_.size();
    std::size_t at = 0;
    for (std::size_t child = 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count) child += Later{}(heap_[child], heap_[child + 1]) ? 1 : 0;
      if (!Later{}(entry, heap_[child])) break;
      heap_[at] = heap_[child];
      at = child;
    }
    heap_[at] = entry;
  }
  void forget(Stage::Alarm* alarm) {
    alarms_.erase(std::find_if(alarms_.begin(), alarms_.end(),
                               [&](const auto& known) { return known.get() == alarm; }));
  }

  std::vector<std::unique_ptr<Stage::Alarm>> alarms_;
  std::vector<Entry> heap_;
  bool hole_ = false;  ///< The first entry is over.
  std::vector<Stage::Actor*> ready_;
  std::uint64_t entries_ = 0;
};

}  // namespace foreline::factory
