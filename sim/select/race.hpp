// SPDX-License-Identifier: Apache-2.0
// Finding the best of several schedules with as few simulations as the question needs. All
// candidates meet the same futures. Costs: less is better.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::select {

/// One simulation: this candidate in this future.
struct Cell {
  std::size_t candidate = 0;
  std::size_t future = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};
/// Costs of many simulations, in their order. The same cell always has the same cost.
using Simulate = std::function<line::Result<std::vector<double>>(const std::vector<Cell>&)>;

struct Race {
  std::size_t best = 0;
  std::vector<std::vector<double>> costs;  ///< By candidate, futures from 0.
  std::vector<bool> standing;              ///< Not eliminated.
  std::size_t simulations = 0;
  bool decided = false;  ///< KN: one is left, or all left are within the indifference zone.
};
/// Called now and then with the race so far.
using Watch = std::function<void(const Race&)>;

/// How a budget of `total` simulations should be shared (Chen, Lin, Yuecesan, Chick 2000): more to
/// candidates that are hard to tell from the best. Sums to `total` or a little more.
[[nodiscard]] std::vector<std::size_t> ocba_shares(std::span<const double> means,
                                                   std::span<const double> deviations,
                                                   std::size_t total);

struct OcbaOptions {
  std::size_t first = 8;      ///< Futures that every candidate meets.
  std::size_t budget = 1000;  ///< Simulations altogether.
  std::size_t step = 0;  ///< Simulations between two looks; 0: as many as there are candidates.
};
/// For many candidates.
[[nodiscard]] line::Result<Race> ocba(std::size_t candidates, const OcbaOptions& options,
                                      const Simulate& simulate, const Watch& watch = {});

struct KnOptions {
  std::size_t first = 16;    ///< Futures before the first elimination; at least 2.
  std::size_t most = 500;    ///< Futures at which the race ends undecided.
  double indifference = 1;   ///< Cost difference that nobody minds; > 0.
  double confidence = 0.95;  ///< Of having chosen the best, if it is better by that much.
  std::size_t step = 4;      ///< Futures between two eliminations.
};
/// The procedure of Kim and Nelson (2001) for at most some twenty finalists: fully sequential, made
/// for common random numbers. Every candidate that stands has met the same futures.
[[nodiscard]] line::Result<Race> kn(std::size_t candidates, const KnOptions& options,
                                    const Simulate& simulate, const Watch& watch = {});

struct ChooseOptions {
  KnOptions kn;
  std::size_t finalists = 20;  ///< More than these are screened first.
  std::size_t screen = 5;      ///< Futures that every candidate meets in the screening.
};
/// The best of any number: many are screened with a budget shared by ocba(), half as much again as
/// their first futures; the best of them, and always the first, which is the incumbent, go on to
/// kn() with what they have met already. Who is screened out does not stand. Up to `finalists`
/// candidates it is kn().
[[nodiscard]] line::Result<Race> choose(std::size_t candidates, const ChooseOptions& options,
                                        const Simulate& simulate, const Watch& watch = {});

}  // namespace foreline::select
