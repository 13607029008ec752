// SPDX-License-Identifier: Apache-2.0
// What machines share and queue for: crews with skills and working times, transporters, spare
// parts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "sim/factory/stage.hpp"
#include "sim/line/line.hpp"

namespace foreline::factory {

/// Repair crews. Who waits is served by priority, then in the order of asking, by the first crew
/// that has the skill and is at work. A crew finishes what it has begun after its working time.
class Crews {
 public:
  Crews() = default;
  explicit Crews(const line::Line& line) { refit(line); }

  /// Other people; who is busy finishes first.
  void refit(const line::Line& line) {
    line_ = &line;
    auto groups = line.crew_groups;
    if (groups.empty()) groups.push_back({"crew", line.crews, {}, {}});
    // Somebody of a group that is gone may still be at work.
    while (groups.size() < groups_.size()) groups.push_back({"", 0, {}, {}});
    free_.resize(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i)
      free_[i] += std::int64_t{groups[i].count} - (i < groups_.size() ? groups_[i].count : 0);
    groups_ = std::move(groups);
  }

  /// Waits for a crew; returns its group, which release() wants back.
  std::size_t acquire(Nap& nap, std::string_view skill, std::int32_t priority, double now) {
    if (queue_.empty()) {
      if (const auto group = take(skill, now); group < groups_.size()) return group;
    }
    Request request{&nap, skill, priority, groups_.size()};
    const auto behind = std::find_if(queue_.begin(), queue_.end(), [&](const Request* other) {
      return other->priority < priority;
    });
    queue_.insert(behind, &request);
    dispatch(now);
    while (request.group >= groups_.size()) nap.wait();
    return request.group;
  }
  void release(std::size_t group, double now) {
    ++free_[group];
    dispatch(now);
  }
  /// Serves whoever waits and can be served now.
  void dispatch(double now) {
    for (auto at = queue_.begin(); at != queue_.end();) {
      auto* request = *at;
      const auto group = take(request->skill, now);
      if (group >= groups_.size()) {
        ++at;
        continue;
      }
      at = queue_.erase(at);
      request->group = group;
      request->nap->wake();
    }
  }
  /// A free crew with the skill, now busy; groups() when there is none.
  std::size_t take(std::string_view skill, double now) {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      const auto& group = groups_[i];
      if (free_[i] <= 0 || !group.can(skill)) continue;
      if (group.calendar && !line_->calendars[*group.calendar].is_open(now)) continue;
      --free_[i];
      return i;
    }
    return groups_.size();
  }
  /// One of the group is busy, at its working time or not.
  void occupy(std::size_t group) { --free_[group]; }
  /// The group whose crew is most likely here: one that take() would find, else one that has stayed
  /// on after its working time; groups() when none has the skill.
  std::size_t find(std::string_view skill, double now) {
    if (const auto group = take(skill, now); group < groups_.size()) return group;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (free_[i] <= 0 || !groups_[i].can(skill)) continue;
      occupy(i);
      return i;
    }
    return groups_.size();
  }
  [[nodiscard]] std::size_t groups() const { return groups_.size(); }
  [[nodiscard]] std::uint32_t free() const {
    std::int64_t sum = 0;
    for (const auto count : free_) sum += std::max<std::int64_t>(0, count);
    return static_cast<std::uint32_t>(sum);
  }

 private:
  struct Request {
    Nap* nap = nullptr;
    std::string_view skill;
    std::int32_t priority = 0;
    std::size_t group = 0;
  };
  const line::Line* line_ = nullptr;
  std::vector<line::Crew> groups_;
  std::vector<std::int64_t> free_;  ///< Below 0: who is busy leaves when done.
  std::deque<Request*> queue_;      ///< On the stacks of the actors that wait.
};

/// A number of equal things: transporters of one pool, pieces of one spare part.
class Stock {
 public:
  explicit Stock(std::uint32_t pieces) : pieces_(pieces) {}
  void acquire(Nap& nap) {
    acquire(nap, [] {});
  }
  /// `asked` is called when the piece is taken, or before it is waited for.
  template <class Asked>
  void acquire(Nap& nap, const Asked& asked) {
    bool granted = pieces_ > 0 && queue_.empty();
    if (granted)
      --pieces_;
    else
      queue_.push_back({&nap, &granted});
    asked();
    while (!granted) nap.wait();
  }
  void add(std::int64_t pieces) {
    pieces_ += pieces;
    while (pieces_ > 0 && !queue_.empty()) {
      const auto next = queue_.front();
      queue_.pop_front();
      --pieces_;
      *next.granted = true;
      next.nap->wake();
    }
  }
  [[nodiscard]] std::int64_t pieces() const { return pieces_; }
  [[nodiscard]] std::int64_t wanted() const { return static_cast<std::int64_t>(queue_.size()); }
  std::uint32_t ordered = 0;      ///< Spare parts on their way.
  std::deque<double> deliveries;  ///< When each order of them comes.
  std::uint64_t orders = 0;       ///< Orders so far: the index of the lead time's draw.

 private:
  struct Waiting {
    Nap* nap = nullptr;
    bool* granted = nullptr;
  };
  std::int64_t pieces_;  ///< Below 0: so many more are to go than are here.
  std::deque<Waiting> queue_;
};

}  // namespace foreline::factory
