// SPDX-License-Identifier: Apache-2.0
// From the model's scores of the answer words to probabilities, and what a checkpoint notes about
// itself under "foreline" in its config.json.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "inference/gpt2/model.hpp"
#include "inference/language/language.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/result.hpp"

namespace foreline::inference {

/// Shares of the answers (sum 1): softmax of scores / temperature.
[[nodiscard]] std::array<double, answer_count> answer_shares(
    std::span<const float, answer_count> scores, double temperature);
/// P(fault within each stated horizon): the running sum of the shares.
[[nodiscard]] line::HorizonProbabilities horizons_of(
    const std::array<double, answer_count>& shares);

/// log(p / (1 - p)), of nothing less than 1e-7 from 0 and 1.
[[nodiscard]] double log_odds_of(double probability);

/// How a GPT-2 and trees speak together of a fault within tree_horizon_s: the log odds are `offset`
/// and the weighted ones of both.
struct Blend {
  double offset = 0;
  double network = 0.5;
  double trees = 0.5;
};
/// What the GPT-2 says, its hazard multiplied by one factor at all horizons, such that it says
/// within tree_horizon_s what both say.
[[nodiscard]] line::HorizonProbabilities blended(const line::HorizonProbabilities& network,
                                                 double tree_log_odds, const Blend& blend);

/// The sentence as token ids, to be answered at the questions about `kinds`. What is said of one
/// subject (the machine, a signal) shares a position. `tokens`: one a word of the language.
[[nodiscard]] gpt2::Sequence sequence_of(const Sentence& sentence, const FaultKinds& kinds,
                                         std::span<const std::uint32_t> tokens);

/// What a trained model knows about its training.
struct ModelNotes {
  int language = language_version;
  /// Calibration, by kind.
  std::array<double, line::fault_kind_count> temperatures = [] {
    std::array<double, line::fault_kind_count> ones{};
    ones.fill(1);
    return ones;
  }();
  double age_shape = 1;      ///< Weibull age hazard of the same training days, the baseline ...
  double age_scale_h = 1e9;  ///< ... in operating hours.
  /// The trees beside the GPT-2, when there are any.
  struct Trees {
    std::uint64_t sum = 0;  ///< Of their file.
    Blend blend;
  };
  std::optional<Trees> trees;
};
[[nodiscard]] line::Result<ModelNotes> model_notes_from(const std::string& json,
                                                        const std::string& file);
[[nodiscard]] std::string to_json(const ModelNotes& notes);

}  // namespace foreline::inference
