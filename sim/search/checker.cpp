// SPDX-License-Identifier: Apache-2.0
#include "sim/search/checker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace foreline::search {

namespace {

constexpr std::size_t most_complaints = 20;

}  // namespace

std::vector<std::vector<Placed>> times_of(const FlowShop& shop,
                                          const std::vector<std::int32_t>& permutation) {
  const auto m = shop.machines;
  std::vector<std::vector<Placed>> times(shop.jobs, std::vector<Placed>(m));
  // When each machine is rid of the job before.
  std::vector<Time> free(m, 0);
  for (const auto job : permutation) {
    auto& row = times[static_cast<std::size_t>(job)];
    Time ready = 0;
    for (std::size_t k = 0; k < m; ++k) {
      row[k].machine = static_cast<std::int32_t>(k);
      row[k].start = std::max(ready, free[k]);
      row[k].end = row[k].start + shop.at(static_cast<std::size_t>(job), k);
      if (shop.blocking && k + 1 < m) row[k].end = std::max(row[k].end, free[k + 1]);
      ready = row[k].end;
    }
    for (std::size_t k = 0; k < m; ++k) free[k] = row[k].end;
  }
  return times;
}

std::vector<std::string> complaints_about(const FlowShop& shop, const FlowShopAnswer& answer) {
  std::vector<std::string> complaints;
  std::vector<int> seen(shop.jobs, 0);
  for (std::size_t i = 0; i < answer.permutation.size(); ++i) {
    const auto job = answer.permutation[i];
    if (job < 0 || static_cast<std::size_t>(job) >= shop.jobs)
      complaints.push_back(fmt::format("place {} holds job {}, there are jobs 0 to {}", i, job,
                                       static_cast<std::int64_t>(shop.jobs) - 1));
    else if (++seen[static_cast<std::size_t>(job)] == 2)
      complaints.push_back(fmt::format("job {} is in the sequence twice", job));
    if (complaints.size() >= most_complaints) return complaints;
  }
  for (std::size_t job = 0; job < shop.jobs; ++job) {
    if (seen[job] == 0) complaints.push_back(fmt::format("job {} is missing", job));
    if (complaints.size() >= most_complaints) return complaints;
  }
  if (!complaints.empty()) return complaints;
  Time makespan = 0;
  for (const auto& row : times_of(shop, answer.permutation))
    for (const auto& placed : row) makespan = std::max(makespan, placed.end);
  if (makespan != answer.makespan)
    complaints.push_back(
        fmt::format("the makespan is {}, the answer says {}", makespan, answer.makespan));
  return complaints;
}

std::vector<std::string> complaints_about(const JobShop& shop, const JobShopAnswer& answer) {
  std::vector<std::string> complaints;
  const auto full = [&] { return complaints.size() >= most_complaints; };
  if (answer.jobs.size() != shop.jobs.size())
    return {fmt::format("{} jobs are placed, there are {}", answer.jobs.size(), shop.jobs.size())};
  struct Busy {
    Time start = 0;
    Time end = 0;
    std::size_t job = 0;
    std::size_t operation = 0;
  };
  std::map<std::int32_t, std::vector<Busy>> machines;
  Time makespan = 0;
  for (std::size_t j = 0; j < shop.jobs.size(); ++j) {
    if (answer.jobs[j].size() != shop.jobs[j].size()) {
      complaints.push_back(fmt::format("job {} has {} operations placed of {}", j,
                                       answer.jobs[j].size(), shop.jobs[j].size()));
      if (full()) return complaints;
      continue;
    }
    Time ready = 0;
    for (std::size_t o = 0; o < shop.jobs[j].size(); ++o) {
      const auto& placed = answer.jobs[j][o];
      const auto& choices = shop.jobs[j][o];
      const auto choice = std::find_if(choices.begin(), choices.end(), [&](const Choice& c) {
        return c.machine == placed.machine;
      });
      if (choice == choices.end())
        complaints.push_back(fmt::format(
            "operation {} of job {} is on machine {}, which cannot do it", o, j, placed.machine));
      else if (placed.end - placed.start != choice->time)
        complaints.push_back(
            fmt::format("operation {} of job {} takes {} on machine {}, it needs {}", o, j,
                        placed.end - placed.start, placed.machine, choice->time));
      if (placed.start < ready)
        complaints.push_back(
            fmt::format("operation {} of job {} starts at {}, before {} when it may", o, j,
                        placed.start, ready));
      ready = placed.end;
      makespan = std::max(makespan, placed.end);
      if (placed.end > placed.start)
        machines[placed.machine].push_back({placed.start, placed.end, j, o});
      if (full()) return complaints;
    }
  }
  for (auto& [machine, busy] : machines) {
    std::sort(busy.begin(), busy.end(),
              [](const Busy& a, const Busy& b) { return a.start < b.start; });
    for (std::size_t i = 1; i < busy.size(); ++i) {
      if (busy[i].start >= busy[i - 1].end) continue;
      complaints.push_back(fmt::format(
          "machine {} does operation {} of job {} and operation {} of job {} at time {}", machine,
          busy[i - 1].operation, busy[i - 1].job, busy[i].operation, busy[i].job, busy[i].start));
      if (full()) return complaints;
    }
  }
  if (makespan != answer.makespan)
    complaints.push_back(
        fmt::format("the makespan is {}, the answer says {}", makespan, answer.makespan));
  return complaints;
}

}  // namespace foreline::search
