// SPDX-License-Identifier: Apache-2.0
// Who wins: a model beside its GPT-2 alone, trees, the mean of both, a signal threshold, a CUSUM
// chart and an age-only hazard, on the same simulated days at equal false alarms.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "inference/train/evaluation.hpp"
#include "inference/train/population.hpp"
#include "sim/line/result.hpp"

namespace foreline::inference {

struct JudgeOptions {
  std::uint64_t first_seed = 0;  ///< Of the days to judge on.
  std::size_t days = 100;
  /// Days of the same population that the trees to compare with learn from; 0: the model's own.
  std::size_t tree_days = 300;
  std::uint64_t tree_seed = 1;  ///< Of the first of them.
  /// Allowed to every method, per machine-day: one in ten machine-weeks.
  double false_alarms_a_day = 0.0143;
  int threads = 1;
};

/// What one method achieved.
struct Rival {
  std::string name;
  Detection detection;
  double brier = -1;         ///< Of P(any fault that gives warning within 2 h); -1: no probability.
  Interval model_is_better;  ///< Recall of the model minus that of this method.
};

struct Comparison {
  JudgeOptions options;
  std::vector<Rival> rivals;     ///< The model first.
  double brier = 0;              ///< Of the model's P(fault within 2 h), by kind and minute.
  double brier_climatology = 0;  ///< Of always saying the mean share.
  /// Of the model's P(within 2 h) in [i/10, (i+1)/10), by kind and minute: mean P, share that
  /// failed, count.
  std::array<std::array<double, 3>, 10> reliability{};

  /// Mean distance of P from the share that failed, over the bins of `reliability`.
  [[nodiscard]] double calibration_error() const;
};

/// Judges a model directory.
[[nodiscard]] line::Result<Comparison> compare(const std::filesystem::path& model,
                                               const Population& population,
                                               const JudgeOptions& options,
                                               const Simulate& simulate);

/// The comparison as tables of a model card (Markdown).
[[nodiscard]] std::string as_markdown(const Comparison& comparison);

}  // namespace foreline::inference
