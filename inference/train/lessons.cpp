// SPDX-License-Identifier: Apache-2.0
#include "inference/train/lessons.hpp"

#include <algorithm>
#include <cmath>

#include "inference/language/answers.hpp"

namespace foreline::inference {

using namespace line;

double likelihood(const TimeToFault& truth, const std::array<double, answer_count>& shares,
                  std::array<double, answer_count>& part) {
  part.fill(0);
  const auto bin = answer_of(static_cast<double>(truth.after_s));
  if (truth.happened) {
    part[bin] = 1;
  } else {
    for (std::size_t a = bin + 1; a < answer_count; ++a) part[a] = 1;
    const double low = bin == 0 ? 0 : forecast_horizons_s[bin - 1];
    const double high = bin < forecast_horizons_s.size() ? forecast_horizons_s[bin] : low;
    part[bin] = high > low ? 1 - (static_cast<double>(truth.after_s) - low) / (high - low) : 1;
  }
  double sum = 0;
  for (std::size_t a = 0; a < answer_count; ++a) sum += part[a] * shares[a];
  return std::max(sum, 1e-9);
}

Lessons::Lessons(const Language& language, const gpt2::Tokenizer& tokenizer)
    : language_(&language) {
  for (const auto& word : language.words()) tokens_.push_back(tokenizer.encode(" " + word).at(0));
  for (std::size_t a = 0; a < answer_count; ++a) answers_[a] = tokens_[language.answer(a)];
}

Lesson Lessons::lesson_of(const Example& example) const {
  Lesson lesson{language_->say(example.window), example.window.kinds, {}, example.weight};
  for (std::size_t k = 0; k < fault_kind_count; ++k)
    if (lesson.kinds[k]) lesson.truth.push_back(example.truth[k]);
  return lesson;
}

gpt2::Sequence Lessons::sequence_of(const Lesson& lesson, int hide) const {
  return inference::sequence_of(
      hide < 0 ? lesson.sentence : language_->hide(lesson.sentence, static_cast<std::size_t>(hide)),
      lesson.kinds, tokens_);
}

double Lessons::loss(const std::vector<const Lesson*>& batch, std::span<const float> logits,
                     std::span<float> slope) const {
  std::vector<std::pair<const Lesson*, std::size_t>> asked;
  double total_weight = 0;
  for (const auto* lesson : batch) {
    total_weight += static_cast<double>(lesson->weight);
    for (std::size_t i = 0; i < lesson->truth.size(); ++i) asked.emplace_back(lesson, i);
  }
  const auto vocabulary = logits.size() / asked.size();
  double sum = 0;
  std::array<double, answer_count> part{};
  for (std::size_t row = 0; row < asked.size(); ++row) {
    const auto& lesson = *asked[row].first;
    const auto* x = logits.data() + row * vocabulary;
    auto* dx = slope.data() + row * vocabulary;
    const double weight = static_cast<double>(lesson.weight) / total_weight;
    const double highest = *std::max_element(x, x + vocabulary);
    double all = 0;
    for (std::size_t v = 0; v < vocabulary; ++v)
      all += std::exp(static_cast<double>(x[v]) - highest);
    std::array<double, answer_count> shares{};
    for (std::size_t a = 0; a < answer_count; ++a)
      shares[a] = std::exp(static_cast<double>(x[answers_[a]]) - highest) / all;
    const double p = likelihood(lesson.truth[asked[row].second], shares, part);
    sum -= weight * std::log(p);
    for (std::size_t v = 0; v < vocabulary; ++v)
      dx[v] = static_cast<float>(weight * std::exp(static_cast<double>(x[v]) - highest) / all);
    for (std::size_t a = 0; a < answer_count; ++a)
      dx[answers_[a]] -= static_cast<float>(weight * part[a] * shares[a] / p);
  }
  return sum;
}

}  // namespace foreline::inference
