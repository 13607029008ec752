// SPDX-License-Identifier: Apache-2.0
// A line in one event heap: machines in series, finite buffers, blocking after service, trips by
// operating time, a FIFO queue for the crews, work without end. It draws what the simulator draws
// and shares nothing else with it: no actors, no engine, no clock of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "sim/line/random.hpp"
#include "sim/line/trial.hpp"

namespace foreline::tests {

struct HeapCounts {
  std::uint64_t events = 0;  ///< Stretches of work, trips and repairs begun.
  std::vector<std::uint64_t> good, trips;
};

inline HeapCounts run_heap(const line::Trial& trial) {
  using line::Purpose;
  enum class Is { starved, working, down, blocked };
  struct Machine {
    Is is = Is::starved;
    double left_s = 0, operated_s = 0, segment_s = 0, trips_at_s = 0;
    std::uint64_t part = 0, trip = 0;
    std::size_t level = 0;  // of the buffer behind
  };
  const auto& line = *trial.line;
  const std::size_t n = line.machines.size();
  std::vector<Machine> machines(n);
  HeapCounts counts{0, std::vector<std::uint64_t>(n), std::vector<std::uint64_t>(n)};
  std::priority_queue<std::pair<double, std::size_t>, std::vector<std::pair<double, std::size_t>>,
                      std::greater<>>
      heap;
  std::deque<std::size_t> waiting;
  std::uint32_t crews = line.crews;
  double now = 0;
  auto draw = [&](std::size_t m, Purpose purpose, std::uint64_t index) {
    return line::random_uniform(trial.seed, static_cast<std::uint32_t>(m), purpose, index);
  };
  auto next_trip = [&](std::size_t m) {
    const auto& modes = line.machines[m].faults;
    return modes.empty() ? std::numeric_limits<double>::infinity()
                         : machines[m].operated_s +
                               modes[0].onset.quantile(
                                   draw(m, Purpose::onset, line::fault_index(0, machines[m].trip)));
  };
  auto repair = [&](std::size_t m) {
    ++counts.events;
    heap.emplace(now + line.machines[m].faults[0].repair.quantile(
                           draw(m, Purpose::repair, line::fault_index(0, machines[m].trip))),
                 m);
  };
  auto work_on = [&](std::size_t m) {
    auto& machine = machines[m];
    ++counts.events;
    if (machine.trips_at_s > machine.operated_s + 1e-6) {
      machine.is = Is::working;
      machine.segment_s = std::min(machine.left_s, machine.trips_at_s - machine.operated_s);
      heap.emplace(now + machine.segment_s, m);
      return;
    }
    machine.is = Is::down;
    ++counts.trips[m];
    if (crews == 0) return waiting.push_back(m);
    --crews;
    repair(m);
  };
  auto finish = [&](std::size_t m) {
    machines[m].is = m + 1 < n ? Is::blocked : Is::starved;
    if (m + 1 == n) ++counts.good[m];
  };
  // Moves parts along until nothing more can move, from the end of the line backwards.
  auto settle = [&] {
    for (std::size_t m = n; m-- > 0;) {
      const bool blocked = machines[m].is == Is::blocked;
      if (blocked && machines[m].level < line.machines[m].buffer_after) {
        ++machines[m].level;
        ++counts.good[m];
        machines[m].is = Is::starved;
      } else if (machines[m].is == Is::starved && (m == 0 || machines[m - 1].level > 0)) {
        if (m > 0) --machines[m - 1].level;
        machines[m].left_s =
            line.machines[m].cycle.quantile(draw(m, Purpose::cycle, machines[m].part++));
        if (machines[m].left_s > 1e-6)
          work_on(m);
        else
          finish(m);  // less than a microsecond is no work
      } else {
        continue;
      }
      m = std::min(n, m + 2);  // something moved: the machine behind may move too
    }
  };
  for (std::size_t m = 0; m < n; ++m) machines[m].trips_at_s = next_trip(m);
  settle();
  while (!heap.empty() && heap.top().first <= trial.horizon_s) {
    const auto [at_s, m] = heap.top();
    heap.pop();
    now = at_s;
    auto& machine = machines[m];
    if (machine.is == Is::down) {
      ++machine.trip;
      machine.trips_at_s = next_trip(m);
      ++crews;
      if (!waiting.empty()) {
        --crews;
        repair(waiting.front());
        waiting.pop_front();
      }
      work_on(m);
      continue;
    }
    machine.operated_s += machine.segment_s;
    machine.left_s -= machine.segment_s;
    if (machine.left_s > 1e-6) {
      work_on(m);
      continue;
    }
    finish(m);
    settle();
  }
  return counts;
}

}  // namespace foreline::tests
