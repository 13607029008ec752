// SPDX-License-Identifier: Apache-2.0
// Random shops and answers by enumeration.
#pragma once

#include <algorithm>
#include <limits>
#include <numeric>

#include "sim/search/budget.hpp"
#include "sim/search/checker.hpp"
#include "sim/search/problem.hpp"

namespace foreline::tests {

inline search::FlowShop random_flow_shop(std::size_t jobs, std::size_t machines, bool blocking,
                                         std::uint64_t seed, std::int32_t longest = 99) {
  search::Random random(seed);
  search::FlowShop shop;
  shop.jobs = jobs;
  shop.machines = machines;
  shop.blocking = blocking;
  for (std::size_t i = 0; i < jobs * machines; ++i)
    shop.time.push_back(
        static_cast<std::int32_t>(random.below(static_cast<std::size_t>(longest) + 1)));
  return shop;
}

inline search::Time makespan_of(const search::FlowShop& shop,
                                const std::vector<std::int32_t>& sequence) {
  search::Time makespan = 0;
  for (const auto& row : search::times_of(shop, sequence))
    for (const auto& placed : row) makespan = std::max(makespan, placed.end);
  return makespan;
}

inline search::Time best_by_enumeration(const search::FlowShop& shop) {
  std::vector<std::int32_t> sequence(shop.jobs);
  std::iota(sequence.begin(), sequence.end(), 0);
  auto best = std::numeric_limits<search::Time>::max();
  do best = std::min(best, makespan_of(shop, sequence));
  while (std::next_permutation(sequence.begin(), sequence.end()));
  return best;
}

/// `choices` machines an operation at most.
inline search::JobShop random_job_shop(std::size_t jobs, std::size_t machines,
                                       std::size_t operations, std::size_t choices,
                                       std::uint64_t seed) {
  search::Random random(seed);
  search::JobShop shop;
  shop.machines = machines;
  for (std::size_t j = 0; j < jobs; ++j) {
    auto& job = shop.jobs.emplace_back();
    for (std::size_t o = 0; o < operations; ++o) {
      auto& operation = job.emplace_back();
      std::vector<std::int32_t> order(machines);
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = machines; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
      const auto count = 1 + random.below(choices);
      for (std::size_t c = 0; c < std::min(count, machines); ++c)
        operation.push_back({order[c], static_cast<std::int32_t>(random.below(20))});
    }
  }
  return shop;
}

/// The objective from when the jobs ended.
template <class Shop>
search::Time value_of(const Shop& shop, const std::vector<search::Time>& ends) {
  search::Time value = 0;
  for (std::size_t j = 0; j < ends.size(); ++j) {
    const auto weight = shop.dates.weight.empty() ? 1 : shop.dates.weight[j];
    const auto due = shop.dates.due.empty() ? search::no_due : shop.dates.due[j];
    if (shop.objective == search::Objective::makespan) value = std::max(value, ends[j]);
    if (shop.objective == search::Objective::tardiness)
      value += weight * std::max<search::Time>(0, ends[j] - due);
    if (shop.objective == search::Objective::flowtime)
      value += weight * (ends[j] - shop.dates.release_of(j));
  }
  return value;
}
inline search::Time value_of(const search::FlowShop& shop,
                             const std::vector<std::int32_t>& sequence) {
  std::vector<search::Time> ends;
  for (const auto& row : search::times_of(shop, sequence)) ends.push_back(row.back().end);
  return value_of(shop, ends);
}
inline search::Time best_value_by_enumeration(const search::FlowShop& shop) {
  std::vector<std::int32_t> sequence(shop.jobs);
  std::iota(sequence.begin(), sequence.end(), 0);
  auto best = std::numeric_limits<search::Time>::max();
  do best = std::min(best, value_of(shop, sequence));
  while (std::next_permutation(sequence.begin(), sequence.end()));
  return best;
}

/// Dates that some jobs can keep and others cannot, and set-ups between any two jobs.
template <class Shop>
void add_extras(Shop& shop, std::size_t jobs, std::size_t machines, std::uint64_t seed) {
  search::Random random(seed * 77 + 5);
  const auto below = [&](std::size_t n) { return static_cast<search::Time>(random.below(n)); };
  if (seed % 3 != 0) {
    for (std::size_t j = 0; j < jobs; ++j) {
      shop.dates.release.push_back(below(60));
      shop.dates.due.push_back(shop.dates.release.back() + below(120));
      shop.dates.weight.push_back(1 + below(5));
    }
  } else {
    for (std::size_t j = 0; j < jobs; ++j) shop.dates.due.push_back(below(200));
  }
  if (seed % 4 == 0) return;
  shop.setups.size = jobs;
  for (std::size_t i = 0; i < machines * jobs * jobs; ++i)
    shop.setups.time.push_back(static_cast<std::int32_t>(random.below(25)));
}

/// Every order of operations on every assignment: an optimal schedule is among them.
class Enumeration {
 public:
  explicit Enumeration(const search::JobShop& shop)
      : shop_(shop),
        next_(shop.jobs.size(), 0),
        ready_(shop.jobs.size(), 0),
        last_(shop.machines, {0, none}) {
    for (std::size_t j = 0; j < shop.jobs.size(); ++j) ready_[j] = shop.dates.release_of(j);
  }
  search::Time best() {
    go(0);
    return best_;
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  void go(search::Time end) {
    if (shop_.objective == search::Objective::makespan && end >= best_) return;
    bool done = true;
    for (std::size_t j = 0; j < shop_.jobs.size(); ++j) {
      if (next_[j] == shop_.jobs[j].size()) continue;
      done = false;
      for (const auto& choice : shop_.jobs[j][next_[j]]) {
        const auto machine = static_cast<std::size_t>(choice.machine);
        const auto old_last = last_[machine];
        const auto old_ready = ready_[j];
        const auto setup =
            old_last.second == none ? 0 : shop_.setups.at(machine, old_last.second, j);
        ready_[j] = std::max(old_last.first + setup, ready_[j]) + choice.time;
        last_[machine] = {ready_[j], j};
        ++next_[j];
        go(std::max(end, ready_[j]));
        --next_[j];
        last_[machine] = old_last;
        ready_[j] = old_ready;
      }
    }
    if (done) best_ = std::min(best_, value_of(shop_, ready_));
  }
  const search::JobShop& shop_;
  std::vector<std::size_t> next_;
  std::vector<search::Time> ready_;
  std::vector<std::pair<search::Time, std::size_t>> last_;  ///< Its end and job.
  search::Time best_ = std::numeric_limits<search::Time>::max();
};

inline search::Budget evaluations(std::uint64_t count) {
  search::Budget budget;
  budget.cpu_seconds = 1e9;
  budget.evaluations = count;
  return budget;
}

}  // namespace foreline::tests
