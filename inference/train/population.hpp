// SPDX-License-Identifier: Apache-2.0
// The population of production days that a model is trained and judged on: lines of files, lines
// made up at random, machines of every age, random and scripted faults, lying sensors, lost
// connections. A day is a pure function of its seed; who simulates it is not known here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/trial.hpp"

namespace foreline::inference {

/// A line of 2 to 7 machines with signals, ranges, noise and fault modes of its own.
[[nodiscard]] line::Line random_line(std::uint64_t seed);

struct DayRules {
  double horizon_s = 10 * 3600;
  double scripted_share = 0.7;    ///< Days with one to four scripted faults more.
  double disturbed_share = 0.35;  ///< Days with sensor faults or lost connections.
};

/// A day of work on `line`, with a trace.
[[nodiscard]] line::Trial random_day(std::shared_ptr<const line::Line> line, std::uint64_t seed,
                                     const DayRules& rules = {});

/// Which lines the days are of: each of `lines` in turn with the same share, and a random line in
/// `random_share` of all days.
struct Population {
  std::vector<std::shared_ptr<const line::Line>> lines;
  double random_share = 0.5;
  DayRules rules = {};
  /// Whether sensors of random lines show faults more or less than the fault models say.
  bool varied_response = true;
  [[nodiscard]] line::Trial day(std::uint64_t seed) const;
};

/// Runs trials somewhere; outcomes in their order. The caller brings the simulator.
using Simulate =
    std::function<line::Result<std::vector<line::Outcome>>(std::span<const line::Trial>)>;
using TakeDay =
    std::function<void(std::uint32_t day, const line::Trial& trial, const line::Outcome& outcome)>;

/// Simulates the days of seeds `first_seed`, `first_seed` + 1, ... and hands each that ran to its
/// end over, numbered from 0. `stop` ends it with an error.
[[nodiscard]] line::Result<line::Done> for_each_day(const Population& population,
                                                    std::uint64_t first_seed, std::size_t days,
                                                    const Simulate& simulate, const TakeDay& take,
                                                    const std::function<bool()>& stop = {});

}  // namespace foreline::inference
