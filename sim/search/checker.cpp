// SPDX-License-Identifier: Apache-2.0
#include "sim/search/checker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace foreline::search {

namespace {

constexpr std::size_t most_complaints = 20;
constexpr std::size_t most_at_once = 8;

/// The objective, from when each job ended.
template <class Shop>
Time value_of(const Shop& shop, const std::vector<Time>& ends) {
  Time largest = 0;
  Time late = 0;
  Time flow = 0;
  for (std::size_t j = 0; j < ends.size(); ++j) {
    const Time weight = shop.dates.weight.empty() ? 1 : shop.dates.weight.at(j);
    const Time release = shop.dates.release.empty() ? 0 : shop.dates.release.at(j);
    if (ends[j] == 0) continue;  // there was nothing to do
    largest = std::max(largest, ends[j]);
    flow += weight * (ends[j] - release);
    if (!shop.dates.due.empty() && ends[j] > shop.dates.due.at(j))
      late += weight * (ends[j] - shop.dates.due[j]);
  }
  switch (shop.objective) {
    case Objective::makespan:
      return largest;
    case Objective::tardiness:
      return late;
    case Objective::flowtime:
      return flow;
  }
  return largest;
}

template <class Shop, class Answer>
void complain_about_values(const Shop& shop, const Answer& answer, const std::vector<Time>& ends,
                           std::vector<std::string>& complaints) {
  Time makespan = 0;
  for (const auto end : ends) makespan = std::max(makespan, end);
  if (makespan != answer.makespan)
    complaints.push_back(
        fmt::format("the makespan is {}, the answer says {}", makespan, answer.makespan));
  const Time value = value_of(shop, ends);
  if (value != answer.value)
    complaints.push_back(
        fmt::format("the objective is {}, the answer says {}", value, answer.value));
}

}  // namespace

std::vector<std::vector<Placed>> times_of(const FlowShop& shop,
                                          const std::vector<std::int32_t>& permutation) {
  const auto m = shop.machines;
  std::vector<std::vector<Placed>> times(shop.jobs, std::vector<Placed>(m));
  // When each machine is rid of the job before, and ready for this one.
  std::vector<Time> rid(m, 0);
  std::vector<Time> free(m, 0);
  const std::int32_t* before = nullptr;
  for (const auto& number : permutation) {
    const auto job = static_cast<std::size_t>(number);
    auto& row = times[job];
    for (std::size_t k = 0; k < m; ++k)
      free[k] = rid[k] + (before == nullptr || shop.setups.empty()
                              ? 0
                              : shop.setups.at(k, static_cast<std::size_t>(*before), job));
    Time ready = shop.dates.release.empty() ? 0 : shop.dates.release[job];
    for (std::size_t k = 0; k < m; ++k) {
      row[k].machine = static_cast<std::int32_t>(k);
      row[k].start = std::max(ready, free[k]);
      row[k].end = row[k].start + shop.at(job, k);
      if (shop.blocking && k + 1 < m) row[k].end = std::max(row[k].end, free[k + 1]);
      ready = row[k].end;
    }
    for (std::size_t k = 0; k < m; ++k) rid[k] = row[k].end;
    before = &number;
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
  std::vector<Time> ends(shop.jobs, 0);
  const auto times = times_of(shop, answer.permutation);
  for (std::size_t j = 0; j < shop.jobs; ++j)
    for (const auto& placed : times[j]) ends[j] = std::max(ends[j], placed.end);
  complain_about_values(shop, answer, ends, complaints);
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
    std::size_t kind = 0;  ///< Row of the machine's set-ups.
  };
  std::map<std::int32_t, std::vector<Busy>> machines;
  std::vector<Time> ends(shop.jobs.size(), 0);
  std::size_t node = 0;
  for (std::size_t j = 0; j < shop.jobs.size(); ++j) {
    const std::size_t first = node;
    node += shop.jobs[j].size();
    if (answer.jobs[j].size() != shop.jobs[j].size()) {
      complaints.push_back(fmt::format("job {} has {} operations placed of {}", j,
                                       answer.jobs[j].size(), shop.jobs[j].size()));
      if (full()) return complaints;
      continue;
    }
    Time ready = shop.dates.release.empty() ? 0 : shop.dates.release[j];
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
      ends[j] = std::max(ends[j], placed.end);
      // Without set-ups work of no length is in nobody's way.
      if (placed.end > placed.start || !shop.setups.empty())
        machines[placed.machine].push_back(
            {placed.start, placed.end, j, o, shop.setups.of_operations ? first + o : j});
      if (full()) return complaints;
    }
  }
  for (auto& [number, busy] : machines) {
    const auto machine = number;
    std::sort(busy.begin(), busy.end(), [](const Busy& a, const Busy& b) {
      return std::tie(a.start, a.end, a.kind, a.operation) <
             std::tie(b.start, b.end, b.kind, b.operation);
    });
    const auto setup_of = [&](const Busy& before, const Busy& next) -> Time {
      return shop.setups.empty() || machine < 0 ||
                     static_cast<std::size_t>(machine) >= shop.machines
                 ? 0
                 : shop.setups.at(static_cast<std::size_t>(machine), before.kind, next.kind);
    };
    // Of work of no length at one moment nobody said which came first.
    const auto fits = [&](std::size_t from, std::size_t until) {
      for (auto i = std::max<std::size_t>(1, from); i < std::min(until + 1, busy.size()); ++i)
        if (busy[i].start < busy[i - 1].end + setup_of(busy[i - 1], busy[i])) return false;
      return true;
    };
    for (std::size_t from = 0, until = 0; !shop.setups.empty() && from < busy.size();
         from = until) {
      while (until < busy.size() && busy[until].start == busy[from].start &&
             busy[until].end == busy[from].start)
        ++until;
      until = std::max(until, from + 1);
      if (until - from < 2 || until - from > most_at_once) continue;
      const auto at = [&](std::size_t i) { return busy.begin() + static_cast<std::ptrdiff_t>(i); };
      const auto before = [](const Busy& a, const Busy& b) {
        return std::tie(a.kind, a.operation) < std::tie(b.kind, b.operation);
      };
      while (!fits(from, until) && std::next_permutation(at(from), at(until), before)) {
      }
    }
    for (std::size_t i = 1; i < busy.size(); ++i) {
      const Time setup = setup_of(busy[i - 1], busy[i]);
      if (busy[i].start >= busy[i - 1].end + setup) continue;
      if (busy[i].start >= busy[i - 1].end) {
        complaints.push_back(fmt::format(
            "machine {} starts operation {} of job {} at {}, its set-up is ready at {}", machine,
            busy[i].operation, busy[i].job, busy[i].start, busy[i - 1].end + setup));
        if (full()) return complaints;
        continue;
      }
      complaints.push_back(fmt::format(
          "machine {} does operation {} of job {} and operation {} of job {} at time {}", machine,
          busy[i - 1].operation, busy[i - 1].job, busy[i].operation, busy[i].job, busy[i].start));
      if (full()) return complaints;
    }
  }
  complain_about_values(shop, answer, ends, complaints);
  return complaints;
}

}  // namespace foreline::search
