// SPDX-License-Identifier: Apache-2.0
#include "sim/search/problem.hpp"

#include <algorithm>
#include <limits>

namespace foreline::search {

JobShop job_shop_of(const HybridFlowShop& shop) {
  JobShop result;
  result.name = shop.name;
  const auto stages = shop.machines_a_stage.size();
  std::vector<std::int32_t> first(stages, 0);
  std::int32_t count = 0;
  for (std::size_t s = 0; s < stages; ++s) {
    first[s] = count;
    count += shop.machines_a_stage[s];
  }
  result.machines = static_cast<std::size_t>(count);
  result.jobs.resize(shop.jobs);
  for (std::size_t j = 0; j < shop.jobs; ++j) {
    result.jobs[j].resize(stages);
    for (std::size_t s = 0; s < stages; ++s)
      for (std::int32_t k = 0; k < shop.machines_a_stage[s]; ++k)
        result.jobs[j][s].push_back({first[s] + k, shop.time[j * stages + s]});
  }
  result.dates = shop.dates;
  result.objective = shop.objective;
  if (shop.setups.empty()) return result;
  result.setups.size = shop.setups.size;
  const auto cells = static_cast<std::ptrdiff_t>(shop.setups.size * shop.setups.size);
  for (std::size_t s = 0; s < stages; ++s) {
    const auto from = shop.setups.time.begin() + static_cast<std::ptrdiff_t>(s) * cells;
    for (std::int32_t k = 0; k < shop.machines_a_stage[s]; ++k)
      result.setups.time.insert(result.setups.time.end(), from, from + cells);
  }
  return result;
}

namespace {

/// Every job alone: it ends after `least` at the earliest.
Time bound_alone(const Dates& dates, Objective objective, std::size_t job, Time least) {
  const Time weight = dates.weight.empty() ? 1 : dates.weight[job];
  if (objective == Objective::flowtime) return weight * least;
  if (dates.due.empty()) return 0;
  return weight * std::max<Time>(0, dates.release_of(job) + least - dates.due[job]);
}

}  // namespace

Time lower_bound(const FlowShop& shop) {
  Time bound = 0;
  if (shop.objective != Objective::makespan) {
    for (std::size_t j = 0; j < shop.jobs; ++j) {
      Time least = 0;
      for (std::size_t k = 0; k < shop.machines; ++k) least += shop.at(j, k);
      bound += bound_alone(shop.dates, shop.objective, j, least);
    }
    return bound;
  }
  for (std::size_t k = 0; k < shop.machines; ++k) {
    Time load = 0;
    Time head = std::numeric_limits<Time>::max();
    Time tail = head;
    for (std::size_t j = 0; j < shop.jobs; ++j) {
      load += shop.at(j, k);
      Time before = 0;
      Time after = 0;
      for (std::size_t i = 0; i < k; ++i) before += shop.at(j, i);
      for (std::size_t i = k + 1; i < shop.machines; ++i) after += shop.at(j, i);
      head = std::min(head, before);
      tail = std::min(tail, after);
    }
    if (shop.jobs > 0) bound = std::max(bound, head + load + tail);
  }
  for (std::size_t j = 0; j < shop.jobs; ++j) {
    Time sum = 0;
    for (std::size_t k = 0; k < shop.machines; ++k) sum += shop.at(j, k);
    bound = std::max(bound, shop.dates.release_of(j) + sum);
  }
  return bound;
}

Time lower_bound(const JobShop& shop) {
  struct Need {
    Time head = 0;
    Time time = 0;
    Time tail = 0;
  };
  std::vector<std::vector<Need>> needs(shop.machines);
  Time bound = 0;
  Time bound_of_sum = 0;
  Time all = 0;
  for (std::size_t j = 0; j < shop.jobs.size(); ++j) {
    const auto& job = shop.jobs[j];
    Time length = 0;
    std::vector<Time> shortest;
    for (const auto& operation : job) {
      Time least = std::numeric_limits<Time>::max();
      for (const auto& choice : operation) least = std::min<Time>(least, choice.time);
      shortest.push_back(least);
      length += least;
    }
    const Time release = shop.dates.release_of(j);
    bound = std::max(bound, release + length);
    bound_of_sum += bound_alone(shop.dates, shop.objective, j, length);
    all += length;
    Time head = release;
    for (std::size_t o = 0; o < job.size(); ++o) {
      // Only an operation without a choice loads its machine for certain.
      if (job[o].size() == 1)
        needs[static_cast<std::size_t>(job[o][0].machine)].push_back(
            {head, shortest[o], release + length - head - shortest[o]});
      head += shortest[o];
    }
  }
  if (shop.objective != Objective::makespan) return bound_of_sum;
  for (auto& machine : needs) {
    if (machine.empty()) continue;
    // Jackson's preemptive one-machine bound is stronger; the sum with least head and tail, over
    // the sets of operations whose head is at least h, is enough to stop at an optimum.
    std::sort(machine.begin(), machine.end(),
              [](const Need& a, const Need& b) { return a.head > b.head; });
    Time load = 0;
    Time tail = std::numeric_limits<Time>::max();
    for (const auto& need : machine) {
      load += need.time;
      tail = std::min(tail, need.tail);
      bound = std::max(bound, need.head + load + tail);
    }
  }
  if (shop.machines > 0) {
    const auto machines = static_cast<Time>(shop.machines);
    bound = std::max(bound, (all + machines - 1) / machines);
  }
  return bound;
}

}  // namespace foreline::search
