// SPDX-License-Identifier: Apache-2.0
// How long a search may go on, and the random numbers it uses. A search that is stopped at a number
// of evaluations is a pure function of the problem and the seed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>

#include "sim/search/problem.hpp"

namespace foreline::search {

struct Budget {
  double cpu_seconds = 1;  ///< Of the thread that searches.
  std::uint64_t evaluations = std::numeric_limits<std::uint64_t>::max();
  const std::atomic<bool>* stop = nullptr;  ///< Set by others to stop early; the best is kept.
  /// Called on the searching thread with each new best makespan and the CPU seconds it took.
  std::function<void(Time makespan, double cpu_s)> improved;
};

struct Statistics {
  std::uint64_t evaluations = 0;  ///< Schedules whose makespan was computed or estimated.
  std::uint64_t iterations = 0;
  double cpu_s = 0;
  bool proved = false;  ///< The makespan equals a lower bound.
};

/// CPU seconds of the calling thread.
[[nodiscard]] double thread_cpu_s();

/// Counts evaluations and says when the budget is spent.
class Meter {
 public:
  explicit Meter(const Budget& budget) : budget_(budget), from_s_(thread_cpu_s()) {}

  void count(std::uint64_t evaluations) { evaluations_ += evaluations; }
  [[nodiscard]] std::uint64_t evaluations() const { return evaluations_; }
  [[nodiscard]] double cpu_s() const { return thread_cpu_s() - from_s_; }
  /// Reads the clock once in a while only; once true, always true.
  [[nodiscard]] bool spent() {
    if (spent_) return true;
    if (evaluations_ >= budget_.evaluations) return spent_ = true;
    if (budget_.stop != nullptr && budget_.stop->load(std::memory_order_relaxed))
      return spent_ = true;
    if (evaluations_ < next_look_) return false;
    next_look_ = evaluations_ + look_every_;
    return spent_ = cpu_s() >= budget_.cpu_seconds;
  }
  /// Whether the clock or somebody says so, whatever the evaluations; looks each time. The first
  /// tenth of a second is everybody's, for a construction.
  [[nodiscard]] bool late() const {
    const double s = cpu_s();
    return s >= 0.1 && (s >= budget_.cpu_seconds ||
                        (budget_.stop != nullptr && budget_.stop->load(std::memory_order_relaxed)));
  }
  /// Evaluations between two looks at the clock.
  void look_every(std::uint64_t evaluations) { look_every_ = evaluations; }
  [[nodiscard]] double share_spent() const {
    if (budget_.evaluations != std::numeric_limits<std::uint64_t>::max())
      return static_cast<double>(evaluations_) / static_cast<double>(budget_.evaluations);
    return budget_.cpu_seconds > 0 ? cpu_s() / budget_.cpu_seconds : 1;
  }
  void improved(Time makespan) const {
    if (budget_.improved) budget_.improved(makespan, cpu_s());
  }

 private:
  const Budget& budget_;
  double from_s_ = 0;
  std::uint64_t evaluations_ = 0;
  std::uint64_t next_look_ = 0;
  std::uint64_t look_every_ = 2000;
  bool spent_ = false;
};

/// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 0x1234567) {}
  std::uint64_t word() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// 0 .. n-1; n > 0.
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>(((word() >> 32) * static_cast<std::uint64_t>(n)) >> 32);
  }
  double uniform() { return static_cast<double>(word() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace foreline::search
