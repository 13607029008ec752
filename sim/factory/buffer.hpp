// SPDX-License-Identifier: Apache-2.0
// Parts between machines: a rack, or a belt on which they travel. Pure: time is passed in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "sim/line/schedule.hpp"

namespace foreline::factory {

class MachineActor;

/// One part; several that were assembled are one.
struct Part {
  line::OrderId order;
  bool defective = false;
  std::uint32_t reworks = 0;
  double entered_s = 0;
};

/// Of a part that nobody saw come in, it is `now`.
[[nodiscard]] inline Part part_of(const line::PartNow& part, double now) {
  return {part.order, part.defective, part.reworks, part.entered_s.value_or(now)};
}
[[nodiscard]] inline line::PartNow now_of(const Part& part, double reach_s = 0) {
  return {part.order, part.reworks, part.defective, part.entered_s, reach_s};
}

/// A queue in a ring, from which also the middle can be taken.
template <class T>
class Ring {
 public:
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] T& operator[](std::size_t i) { return slots_[(first_ + i) & (slots_.size() - 1)]; }
  [[nodiscard]] const T& operator[](std::size_t i) const {
    return slots_[(first_ + i) & (slots_.size() - 1)];
  }
  [[nodiscard]] const T& front() const { return (*this)[0]; }
  void push_back(const T& value) {
    if (count_ == slots_.size()) grow();
    (*this)[count_++] = value;
  }
  void erase(std::size_t i) {
    for (; i > 0; --i) (*this)[i] = (*this)[i - 1];
    first_ = (first_ + 1) & (slots_.size() - 1);
    --count_;
  }

 private:
  void grow() {
    std::vector<T> wider(std::max<std::size_t>(8, 2 * slots_.size()));
    for (std::size_t i = 0; i < count_; ++i) wider[i] = (*this)[i];
    slots_ = std::move(wider);
    first_ = 0;
  }
  std::vector<T> slots_;  ///< A power of two, or none.
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

class Buffer {
 public:
  Buffer() = default;
  Buffer(std::uint32_t places, const line::Conveyor& belt) : places_(places), belt_(belt) {}

  /// Another number of places, another belt; what is in it stays.
  void refit(std::uint32_t places, const line::Conveyor& belt) {
    places_ = places;
    belt_ = belt;
  }

  std::vector<MachineActor*> feeders;
  std::vector<MachineActor*> takers;
  std::size_t carried = 0;  ///< Parts on their way by transporter; they have a place already.

  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] bool is_rack() const { return !(belt_.travel_s > 0); }
  [[nodiscard]] bool without_places() const { return places_ == 0; }
  [[nodiscard]] const Part& operator[](std::size_t i) const { return slots_[i].part; }
  /// Whether a part could be put in, places and spacing considered.
  [[nodiscard]] bool has_room(double now) const {
    return slots_.size() + carried < places_ && now >= spaced_at_s_ - tolerance_s;
  }
  /// When the spacing on the belt allows the next part; only the places may then be missing.
  [[nodiscard]] double spaced_at() const { return spaced_at_s_; }

  void put(const Part& part, double now) {
    advance(now);
    slots_.push_back({part, is_rack() ? now : moved_s_ + belt_.travel_s});
    if (belt_.travel_s > 0) spaced_at_s_ = now + belt_.spacing_s;
  }
  /// As put() long ago: until the part is in reach, or, below 0, since when it has been.
  void restore(const Part& part, double reach_s, double now) {
    advance(now);
    slots_.push_back({part, (is_rack() ? now : moved_s_) + reach_s});
  }
  void restore_spacing(double busy_s, double now) {
    if (busy_s > 0) spaced_at_s_ = now + busy_s;
  }
  /// What restore() wants of part i.
  [[nodiscard]] double reach_s(std::size_t i, double now) const {
    return slots_[i].ready_s - (is_rack() ? now : moved_s_ + moves(now));
  }
  /// How many of the parts at the front can be taken out now, in any order; on a belt at most one.
  [[nodiscard]] std::size_t in_reach(double now) {
    if (!(belt_.travel_s > 0)) return slots_.size();
    if (slots_.empty()) return 0;
    advance(now);
    if (!belt_.accumulating) return slots_.front().ready_s <= moved_s_ + tolerance_s ? 1 : 0;
    // Behind the stopped first part the others close up and can be picked as they arrive.
    std::size_t count = 0;
    while (count < slots_.size() && slots_[count].ready_s <= moved_s_ + tolerance_s) ++count;
    return count;
  }
  /// When the next part comes into reach if nothing is put in or taken; infinity for a rack.
  [[nodiscard]] double next_in_reach(double now) {
    const auto ready = in_reach(now);
    if (!(belt_.travel_s > 0) || ready >= slots_.size() || (!belt_.accumulating && ready > 0))
      return std::numeric_limits<double>::infinity();
    return now + std::max(0.0, slots_[ready].ready_s - moved_s_);
  }
  /// Since when part i, in reach now, has been so; of a belt that accumulates, or a rack.
  [[nodiscard]] double in_reach_since(std::size_t i) const {
    return is_rack() ? slots_[i].ready_s : moved_at_s_ - (moved_s_ - slots_[i].ready_s);
  }
  Part take(std::size_t i, double now) {
    advance(now);
    const Part part = slots_[i].part;
    slots_.erase(i);
    return part;
  }

 private:
  static constexpr double tolerance_s = 1e-9;
  struct Slot {
    Part part;
    double ready_s = 0;  ///< On the belt's own clock, which stands when the belt stands; on a rack
                         ///< in line time.
  };
  /// How far the belt goes from its last look until `now`.
  [[nodiscard]] double moves(double now) const {
    const double passed = now - moved_at_s_;
    return belt_.accumulating || slots_.empty()
               ? passed
               : std::min(passed, std::max(0.0, slots_.front().ready_s - moved_s_));
  }
  void advance(double now) {
    moved_s_ += moves(now);
    moved_at_s_ = now;
  }

  std::uint32_t places_ = 0;
  line::Conveyor belt_;
  Ring<Slot> slots_;
  double moved_s_ = 0;
  double moved_at_s_ = 0;
  double spaced_at_s_ = -std::numeric_limits<double>::infinity();
};

}  // namespace foreline::factory
