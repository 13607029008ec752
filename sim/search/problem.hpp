// SPDX-License-Identifier: Apache-2.0
// Deterministic shop problems and their answers, values only. Times are whole units of the
// instance's own clock; jobs, machines and operations count from 0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace foreline::search {

using Time = std::int64_t;

/// What is to be small. Of job j with release r, due date d, weight w and end C: the largest C; the
/// sum of w * max(0, C - d); the sum of w * (C - r).
enum class Objective : std::uint8_t { makespan, tardiness, flowtime };

/// A job without a due date is never late.
inline constexpr Time no_due = Time{1} << 60;

/// Dates and weights, one a job; an empty list: 0, no_due and 1.
struct Dates {
  std::vector<Time> release;  ///< Its first operation does not start before.
  std::vector<Time> due;
  std::vector<Time> weight;  ///< 0 at least.

  [[nodiscard]] Time release_of(std::size_t job) const {
    return release.empty() ? 0 : release[job];
  }
};

/// Times between two operations on a machine, by what was done before and what comes; none before
/// the first. A machine is set up while the next job is still on its way.
struct Setups {
  std::size_t size = 0;        ///< Of a machine's square matrix: jobs or operations; 0: no set-ups.
  bool of_operations = false;  ///< Rows are operations, counted job after job.
  std::vector<std::int32_t> time;  ///< (machines x size x size).

  [[nodiscard]] bool empty() const { return size == 0; }
  [[nodiscard]] std::int32_t at(std::size_t machine, std::size_t before, std::size_t next) const {
    return size == 0 ? 0 : time[(machine * size + before) * size + next];
  }
};

/// A permutation flow shop: every job visits machines 0, 1, ... in this order and all machines see
/// the jobs in one sequence. With `blocking` there is no room between machines: a finished job
/// stays on its machine until the next one is free.
struct FlowShop {
  std::string name;
  std::size_t jobs = 0;
  std::size_t machines = 0;
  std::vector<std::int32_t> time;  ///< (jobs x machines), row = job.
  bool blocking = false;
  Setups setups = {};  ///< Of jobs.
  Dates dates = {};
  Objective objective = Objective::makespan;

  [[nodiscard]] std::int32_t at(std::size_t job, std::size_t machine) const {
    return time[job * machines + machine];
  }
};

struct FlowShopAnswer {
  std::vector<std::int32_t> permutation;
  Time makespan = 0;
  Time value = 0;  ///< Of the objective.
};

/// A machine on which an operation may run, and how long it takes there.
struct Choice {
  std::int32_t machine = 0;
  std::int32_t time = 0;
  friend bool operator==(const Choice&, const Choice&) = default;
};

/// An operation: at least one choice, each machine at most once.
using Operation = std::vector<Choice>;

/// A job shop: the operations of a job run in their order, a machine does one at a time and never
/// interrupts it. Plain job shop: one choice an operation. Flexible: several. Hybrid flow shop: the
/// choices are the parallel machines of the stage.
struct JobShop {
  std::string name;
  std::size_t machines = 0;
  std::vector<std::vector<Operation>> jobs;
  Setups setups = {};
  Dates dates = {};
  Objective objective = Objective::makespan;

  [[nodiscard]] std::size_t operations() const {
    std::size_t n = 0;
    for (const auto& job : jobs) n += job.size();
    return n;
  }
};

struct Placed {
  std::int32_t machine = 0;
  Time start = 0;
  Time end = 0;
  friend bool operator==(const Placed&, const Placed&) = default;
};

struct JobShopAnswer {
  std::vector<std::vector<Placed>> jobs;  ///< One a job and operation.
  Time makespan = 0;
  Time value = 0;  ///< Of the objective.
};

/// The hybrid flow shop with `machines_a_stage` identical parallel machines, as a job shop whose
/// machines are numbered stage by stage.
struct HybridFlowShop {
  std::string name;
  std::vector<std::int32_t> machines_a_stage;
  std::size_t jobs = 0;
  std::vector<std::int32_t> time;  ///< (jobs x stages), row = job.
  Setups setups = {};              ///< Of jobs; by stage instead of by machine.
  Dates dates = {};
  Objective objective = Objective::makespan;
};
[[nodiscard]] JobShop job_shop_of(const HybridFlowShop& shop);

/// Whether it is the classic problem: the makespan, no set-ups and no releases.
template <class Shop>
[[nodiscard]] bool is_classic(const Shop& shop) {
  return shop.objective == Objective::makespan && shop.setups.empty() && shop.dates.release.empty();
}

/// Largest makespan that the search can hold; readers refuse instances that may pass it.
inline constexpr Time largest_makespan = Time{1} << 30;

/// Bounds of the objective that no schedule can beat: machine loads with heads and tails, longest
/// job; of sums over the jobs, each job alone.
[[nodiscard]] Time lower_bound(const FlowShop& shop);
[[nodiscard]] Time lower_bound(const JobShop& shop);

}  // namespace foreline::search
