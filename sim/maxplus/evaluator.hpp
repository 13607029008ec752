// SPDX-License-Identifier: Apache-2.0
// What a schedule costs, thousands of times faster than the simulator tells it: a max-plus
// recursion over parts and machines of a serial line. For part j on machine i,
//
//   taken(i, j) = max(arrived(i, j), left(i, j-1)) + changeover,
//   done(i, j)  = taken(i, j) + work, stretched by breakdowns and repairs,
//   left(i, j)  = max(done(i, j), taken(i+1, j - places behind i)),
//
// with no places behind i: left(i, j) = max(done(i, j), left(i+1, j-1)). Work rests outside the
// machine's shifts, in which alone parts are taken and, once they have waited for room, put down.
// Services come as the schedule and the machines' own rules ask, between two parts.
// Eight futures go side by side; only those to which something happens (an onset, a failure, a
// service) leave the lockstep for that part. Draws are those of the simulator, by (future, machine,
// purpose, number), so on lines that the recursion can express both meet the same events at the
// same times.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/line/trial.hpp"

namespace foreline::maxplus {

/// What of a line the recursion cannot express; empty when it can evaluate it.
[[nodiscard]] std::vector<std::string> obstacles(const line::Line& line);
/// Whether it leaves something out: with fewer crews than machines it lets every repair begin at
/// once. Otherwise its answers are the simulator's.
[[nodiscard]] bool exact_for(const line::Line& line);
/// About how many times a part comes to a machine within the horizon: what a future costs.
[[nodiscard]] double visits_within(const line::Trial& trial);

/// One future of a schedule.
struct Future {
  line::Measures measures;  ///< As the simulator measures them, without what it has no part in.
  double service_s = 0;     ///< Sum over the machines.
  double end_s = 0;
  bool done = false;  ///< All orders left the line before the horizon.
};

/// A part on a machine.
struct Visit {
  std::uint32_t machine = 0;
  std::uint32_t order = 0;
  std::uint32_t part = 0;  ///< Number of the draw on this machine.
  double taken_s = 0;
  double done_s = 0;
  double left_s = 0;
};

class Evaluator {
 public:
  /// Line, orders, start, hazards, scripted faults and horizon of `trial`; its own seed and
  /// schedule are not used. Throws std::invalid_argument when obstacles() has something to say.
  Evaluator(line::Trial trial, std::span<const std::uint64_t> seeds);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  [[nodiscard]] std::size_t futures() const;
  /// Entry i is the future of seeds[i]; `first` and `count` choose some of them. The schedule must
  /// be one that line::complaints_about() has nothing against. Valid until the next call.
  const std::vector<Future>& evaluate(const line::Schedule& schedule);
  const std::vector<Future>& evaluate(const line::Schedule& schedule, std::size_t first,
                                      std::size_t count);
  /// Entry [s][i] is the future of seeds[i] under schedules[s]. A few futures at a time meet all
  /// schedules, so that what is drawn for them stays near the processor.
  [[nodiscard]] std::vector<std::vector<Future>> evaluate_all(
      std::span<const line::Schedule> schedules);
  /// When each order left the line in one future; -1: not in time.
  [[nodiscard]] std::vector<double> finished_s(const line::Schedule& schedule, std::size_t future);
  /// Every visit of one future, in the order in which parts left each machine.
  [[nodiscard]] std::vector<Visit> visits(const line::Schedule& schedule, std::size_t future);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::maxplus
