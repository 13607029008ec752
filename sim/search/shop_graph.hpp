// SPDX-License-Identifier: Apache-2.0
// A job shop schedule as a graph: for every operation its machine, its neighbours there, and the
// longest paths before and behind it. Moving an operation keeps a topological order up to date, so
// that only a part of the paths is computed again, and a move that would close a cycle is refused.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/search/problem.hpp"

namespace foreline::search {

class ShopGraph {
 public:
  using Node = std::int32_t;
  using Length = std::int32_t;

  /// A schedule to come back to.
  struct Saved {
    std::vector<Node> order;            ///< Topological.
    std::vector<std::int32_t> machine;  ///< One a node.
    Length makespan = 0;
    friend bool operator==(const Saved& a, const Saved& b) {
      return a.order == b.order && a.machine == b.machine;
    }
  };

  explicit ShopGraph(const JobShop& shop) {
    std::size_t count = shop.operations();
    nobody_ = static_cast<Node>(count);
    for (std::size_t j = 0; j < shop.jobs.size(); ++j)
      for (std::size_t o = 0; o < shop.jobs[j].size(); ++o) {
        const auto node = static_cast<Node>(job_before.size());
        job_before.push_back(o == 0 ? nobody_ : node - 1);
        job_after.push_back(o + 1 == shop.jobs[j].size() ? nobody_ : node + 1);
        job_of.push_back(static_cast<std::int32_t>(j));
        choices.push_back(&shop.jobs[j][o]);
      }
    job_before.push_back(nobody_);
    job_after.push_back(nobody_);
    for (auto* list : {&machine_before, &machine_after}) list->assign(count + 1, nobody_);
    time.assign(count + 1, 0);
    head.assign(count + 1, 0);
    tail.assign(count + 1, 0);
    machine.assign(count + 1, -1);
    place_.assign(count + 1, -1);
    order_.resize(count);
    mark_.assign(count + 1, 0);
    first.assign(shop.machines, nobody_);
  }

  [[nodiscard]] Node nobody() const { return nobody_; }
  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] Length makespan() const { return makespan_; }
  [[nodiscard]] const std::vector<Node>& order() const { return order_; }
  [[nodiscard]] std::int32_t place(Node node) const { return place_[at(node)]; }

  // One entry a node; the last is nobody, with all lengths 0.
  std::vector<Node> job_before;
  std::vector<Node> job_after;
  std::vector<Node> machine_before;
  std::vector<Node> machine_after;
  std::vector<Length> time;  ///< On the machine it is on.
  std::vector<Length> head;  ///< Longest path before the node: its earliest start.
  std::vector<Length> tail;  ///< Longest path behind the node, without its own time.
  std::vector<std::int32_t> machine;
  std::vector<std::int32_t> job_of;
  std::vector<const Operation*> choices;
  std::vector<Node> first;  ///< One a machine.

  static std::size_t at(Node node) { return static_cast<std::size_t>(node); }

  [[nodiscard]] Length job_head(Node v) const {
    const auto b = at(job_before[at(v)]);
    return head[b] + time[b];
  }
  [[nodiscard]] Length job_tail(Node v) const {
    const auto a = at(job_after[at(v)]);
    return tail[a] + time[a];
  }

  /// Machines and their sequences from an order in which every job's operations are in turn.
  void assign(const std::vector<Node>& order, const std::vector<std::int32_t>& machines) {
    order_ = order;
    machine = machines;
    machine.resize(size() + 1, -1);
    std::fill(first.begin(), first.end(), nobody_);
    last_.assign(first.size(), nobody_);
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const auto v = order_[i];
      place_[at(v)] = static_cast<std::int32_t>(i);
      const auto m = at(machine[at(v)]);
      time[at(v)] = time_on(v, machine[at(v)]);
      machine_before[at(v)] = last_[m];
      machine_after[at(v)] = nobody_;
      if (last_[m] == nobody_)
        first[m] = v;
      else
        machine_after[at(last_[m])] = v;
      last_[m] = v;
    }
    refresh_from_ = 0;
    refresh_until_ = static_cast<std::int32_t>(size()) - 1;
    refresh();
  }
  [[nodiscard]] Saved saved() const {
    Saved result{order_, machine, makespan_};
    result.machine.pop_back();
    return result;
  }
  void restore(const Saved& saved) { assign(saved.order, saved.machine); }

  [[nodiscard]] Length time_on(Node v, std::int32_t m) const {
    for (const auto& choice : *choices[at(v)])
      if (choice.machine == m) return choice.time;
    return 0;
  }

  /// Takes v to machine m, right behind `behind` there (nobody: to the front). False, and nothing
  /// has changed, when that closes a cycle. Lengths are stale until refresh().
  bool move(Node v, std::int32_t m, Node behind) {
    const auto old_machine = machine[at(v)];
    const auto old_behind = machine_before[at(v)];
    auto low = place_[at(v)];
    auto high = low;
    const auto old_after = machine_after[at(v)];
    if (old_after != nobody_) low = std::min(low, place_[at(old_after)]);
    if (old_behind != nobody_) high = std::max(high, place_[at(old_behind)]);
    unlink(v);
    link(v, m, behind);
    if (!reorder(v)) {
      unlink(v);
      link(v, old_machine, old_behind);
      return false;
    }
    const auto after = machine_after[at(v)];
    // The reordered stretch lies between the old and the new place of v.
    low = std::min({low, stretch_from_, place_[at(v)]});
    high = std::max({high, stretch_until_, place_[at(v)]});
    if (old_after != nobody_) low = std::min(low, place_[at(old_after)]);
    if (after != nobody_) low = std::min(low, place_[at(after)]);
    if (old_behind != nobody_) high = std::max(high, place_[at(old_behind)]);
    if (behind != nobody_) high = std::max(high, place_[at(behind)]);
    refresh_from_ = std::min(refresh_from_, low);
    refresh_until_ = std::max(refresh_until_, high);
    return true;
  }

  /// Brings lengths up to date.
  void refresh() {
    const auto count = static_cast<std::int32_t>(size());
    for (auto i = refresh_from_; i < count; ++i) {
      const auto v = at(order_[at(i)]);
      const auto b = at(job_before[v]);
      const auto a = at(machine_before[v]);
      head[v] = std::max(head[b] + time[b], head[a] + time[a]);
    }
    for (auto i = refresh_until_; i >= 0; --i) {
      const auto v = at(order_[at(i)]);
      const auto b = at(job_after[v]);
      const auto a = at(machine_after[v]);
      tail[v] = std::max(tail[b] + time[b], tail[a] + time[a]);
    }
    makespan_ = 0;
    for (const auto v : firsts_of_jobs())
      makespan_ = std::max(makespan_, tail[at(v)] + time[at(v)] + head[at(v)]);
    refresh_from_ = count;
    refresh_until_ = -1;
  }

 private:
  const std::vector<Node>& firsts_of_jobs() {
    if (job_firsts_.empty())
      for (std::size_t v = 0; v < size(); ++v)
        if (job_before[v] == nobody_) job_firsts_.push_back(static_cast<Node>(v));
    return job_firsts_;
  }
  void unlink(Node v) {
    const auto b = machine_before[at(v)];
    const auto a = machine_after[at(v)];
    if (b == nobody_)
      first[at(machine[at(v)])] = a;
    else
      machine_after[at(b)] = a;
    if (a != nobody_) machine_before[at(a)] = b;
  }
  void link(Node v, std::int32_t m, Node behind) {
    const auto a = behind == nobody_ ? first[at(m)] : machine_after[at(behind)];
    if (machine[at(v)] != m) {
      machine[at(v)] = m;
      time[at(v)] = time_on(v, m);
    }
    machine_before[at(v)] = behind;
    machine_after[at(v)] = a;
    if (behind == nobody_)
      first[at(m)] = v;
    else
      machine_after[at(behind)] = v;
    if (a != nobody_) machine_before[at(a)] = v;
  }
  bool reorder(Node v) {
    const auto from = place_[at(v)];
    stretch_from_ = stretch_until_ = from;
    const auto b = machine_before[at(v)];
    const auto a = machine_after[at(v)];
    if (b != nobody_ && place_[at(b)] > from) return reorder_forward(v, from, place_[at(b)]);
    if (a != nobody_ && place_[at(a)] < from) return reorder_backward(v, place_[at(a)], from);
    return true;
  }
  /// All that v reaches between its place and that of its new predecessor goes behind the latter.
  bool reorder_forward(Node v, std::int32_t from, std::int32_t until) {
    aside_.clear();
    aside_.push_back(v);
    mark_[at(v)] = 1;
    kept_.clear();
    for (auto i = from + 1; i <= until; ++i) {
      const auto x = order_[at(i)];
      if (mark_[at(job_before[at(x)])] != 0 || mark_[at(machine_before[at(x)])] != 0) {
        mark_[at(x)] = 1;
        aside_.push_back(x);
      } else {
        kept_.push_back(x);
      }
    }
    const bool cycle = mark_[at(order_[at(until)])] != 0;
    for (const auto x : aside_) mark_[at(x)] = 0;
    if (cycle) return false;
    auto i = from;
    for (const auto x : kept_) put(x, i++);
    for (const auto x : aside_) put(x, i++);
    stretch_from_ = from;
    stretch_until_ = until;
    return true;
  }
  bool reorder_backward(Node v, std::int32_t from, std::int32_t until) {
    aside_.clear();
    aside_.push_back(v);
    mark_[at(v)] = 1;
    kept_.clear();
    for (auto i = until - 1; i >= from; --i) {
      const auto x = order_[at(i)];
      if (mark_[at(job_after[at(x)])] != 0 || mark_[at(machine_after[at(x)])] != 0) {
        mark_[at(x)] = 1;
        aside_.push_back(x);
      } else {
        kept_.push_back(x);
      }
    }
    const bool cycle = mark_[at(order_[at(from)])] != 0;
    for (const auto x : aside_) mark_[at(x)] = 0;
    if (cycle) return false;
    auto i = until;
    for (const auto x : kept_) put(x, i--);
    for (const auto x : aside_) put(x, i--);
    stretch_from_ = from;
    stretch_until_ = until;
    return true;
  }
  void put(Node x, std::int32_t i) {
    order_[at(i)] = x;
    place_[at(x)] = i;
  }

  Node nobody_ = 0;
  Length makespan_ = 0;
  std::vector<Node> order_;
  std::vector<std::int32_t> place_;
  std::vector<Node> last_;
  std::vector<Node> job_firsts_;
  std::vector<std::uint8_t> mark_;
  std::vector<Node> aside_;
  std::vector<Node> kept_;
  std::int32_t stretch_from_ = 0;
  std::int32_t stretch_until_ = 0;
  std::int32_t refresh_from_ = 0;
  std::int32_t refresh_until_ = -1;
};

}  // namespace foreline::search
