// SPDX-License-Identifier: Apache-2.0
// Examples as the GPT-2 learns from them: token ids, and the answers with their likelihood.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "inference/gpt2/model.hpp"
#include "inference/gpt2/tokenizer.hpp"
#include "inference/language/language.hpp"
#include "inference/train/examples.hpp"

namespace foreline::inference {

struct Lesson {
  Sentence sentence;
  FaultKinds kinds;
  std::vector<TimeToFault> truth;  ///< One for each of `kinds`.
  float weight = 1;
};

/// Likelihood of a censored answer under `shares`, and how each share enters it: d/dshare of the
/// likelihood. A censored view that ends inside a bin counts that bin in proportion.
double likelihood(const TimeToFault& truth, const std::array<double, answer_count>& shares,
                  std::array<double, answer_count>& part);

class Lessons {
 public:
  Lessons(const Language& language, const gpt2::Tokenizer& tokenizer);

  [[nodiscard]] Lesson lesson_of(const Example& example) const;
  /// `hide` >= 0: that signal is not known.
  [[nodiscard]] gpt2::Sequence sequence_of(const Lesson& lesson, int hide) const;
  /// Mean weighted negative log-likelihood of the answers among all words of the vocabulary.
  double loss(const std::vector<const Lesson*>& batch, std::span<const float> logits,
              std::span<float> slope) const;

  [[nodiscard]] const std::vector<std::uint32_t>& tokens() const { return tokens_; }
  [[nodiscard]] const std::array<std::uint32_t, answer_count>& answers() const { return answers_; }

 private:
  const Language* language_;
  std::vector<std::uint32_t> tokens_;
  std::array<std::uint32_t, answer_count> answers_{};
};

}  // namespace foreline::inference
