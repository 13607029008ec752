// SPDX-License-Identifier: Apache-2.0
// Training of the forecaster from simulated days alone: simulate, say each window in words, learn
// when the next fault comes, grow trees, calibrate on other days, and judge on days of a third
// kind. Days are numbered by seeds; the three ranges never meet.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "inference/train/population.hpp"
#include "sim/line/result.hpp"

namespace foreline::inference {

using Say = std::function<void(const std::string& line)>;

inline constexpr std::uint64_t training_seeds = 0;            ///< seed + 1, 2, ...
inline constexpr std::uint64_t validation_seeds = 1'000'000;  ///< seed + 1'000'001, ...
inline constexpr std::uint64_t test_seeds = 2'000'000;        ///< 2'000'001, ...: for every model
                                                              ///< the same days.

struct TrainOptions {
  std::uint64_t seed = 1;  ///< Of the days, the first weights and the order of the examples.
  std::size_t days = 1200;
  std::size_t tree_days = 1200;  ///< Of these, the first, that trees learn from too; 0: no trees.
  std::size_t validation_days = 150;
  std::size_t steps = 14'000;
  std::size_t batch = 32;
  std::size_t layers = 3;
  std::size_t heads = 4;
  std::size_t width = 96;
  float peak_rate = 1.5e-3F;
  int threads = 2;
  /// Steps between writing the state of the run to training.state in the model's folder, from which
  /// `resume` continues it, bit for bit; 0: never. The file goes when the model is there.
  std::uint64_t checkpoint_every = 1000;
  bool resume = false;
  /// What the population is, for a run to resume only with the same.
  std::string population;
  std::function<bool()> stop;  ///< Whether someone asked to stop; may be empty.
};

/// Trains and writes a model directory. Nothing is written unless all went well.
[[nodiscard]] line::Result<line::Done> train(const Population& population,
                                             const TrainOptions& options, const Simulate& simulate,
                                             const Say& say, const std::filesystem::path& out);

/// Keeps the GPT-2 of a model, grows trees beside it from simulated days, and calibrates both. What
/// `train` would have written with these options, had it arrived at that GPT-2.
[[nodiscard]] line::Result<line::Done> recalibrate(const std::filesystem::path& model,
                                                   const Population& population,
                                                   const TrainOptions& options,
                                                   const Simulate& simulate, const Say& say,
                                                   const std::filesystem::path& out);

}  // namespace foreline::inference
