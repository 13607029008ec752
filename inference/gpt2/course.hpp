// SPDX-License-Identifier: Apache-2.0
// A course of training from the first step to the last: schedule, progress, checkpoints, resuming,
// early stopping, and an orderly end when something goes wrong.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "inference/gpt2/trainer.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// A batch and what to learn from it.
struct Lesson {
  std::vector<Sequence> batch;
  std::variant<Loss, RowLoss> loss;
};

struct Course {
  std::uint64_t steps = 1000;
  std::uint64_t warmup = 0;  ///< Steps of the linear rise; see learning_rate().
  float peak_rate = 1e-3F;
  std::size_t parts = 1;  ///< Batches a step; their gradients are averaged.

  /// Steps between validations, and how many may pass in a row without a better loss before the
  /// course ends early. 0: no validation; patience 0: never early.
  std::uint64_t validate_every = 0;
  std::size_t patience = 0;

  /// Where the state of the run is kept, and steps between writing it; empty or 0: nowhere.
  std::filesystem::path state;
  std::uint64_t save_every = 0;
  /// Continue from that file if it is there. Without it a file that is there is an error.
  bool resume = false;
  /// What the run depends on beside the shape and the course: options by name. A run resumes only
  /// with the same.
  std::map<std::string, std::string> identity;
};

/// The lesson of a step's part: a pure function of both, or a resumed run is another run.
using Teach = std::function<Lesson(std::uint64_t step, std::size_t part)>;
/// The loss of weights (averaged ones, when the trainer keeps them) on what is not learned from.
using Validate = std::function<double(const Weights&)>;

/// What surrounds a course; each may be empty.
struct Surroundings {
  Validate validate;
  std::function<void(const std::string& line)> say;
  std::function<bool()> stop;  ///< Whether someone asked to stop; asked after each step.
};

struct Taught {
  Weights weights;  ///< The best by validation, else the averaged ones, else the last.
  std::uint64_t steps = 0;
  double loss = 0;  ///< Running mean of the training loss at the end.
  double best_loss = 0;
  std::uint64_t best_step = 0;  ///< 0 without validation.
};

/// Runs the course. Ends with an error that says what is where when the loss is not finite, the
/// state cannot be written or someone asked to stop (the state is then written first).
[[nodiscard]] line::Result<Taught> teach(Trainer& trainer, const Course& course,
                                         const Teach& lesson,
                                         const Surroundings& surroundings = {});

}  // namespace foreline::gpt2
