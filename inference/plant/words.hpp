// SPDX-License-Identifier: Apache-2.0
// The language of plant data. A word is a feature with its level: "s11.m5=27", or "s11.m5=?" when
// it is not known. A sentence groups the words: one position of the GPT-2 for each group (their
// embeddings summed), or one for each word; then one question for each kind of failure, whose
// answer is a time word. The text form holds exactly the same words and reads back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/gpt2/model.hpp"
#include "inference/plant/status.hpp"
#include "sim/line/result.hpp"

namespace foreline::plant {

enum class Packing { group, word };

class Words {
 public:
  Words() = default;
  /// Levels are quantiles of the training rows (rows x features), closer together in both tails.
  /// Features that never change there get no words.
  Words(std::vector<Feature> features, std::span<const float> rows, std::size_t levels,
        std::vector<std::string> kinds, std::size_t answers, Packing packing);

  /// Level of each feature; missing_level when unknown; silent features keep 0.
  [[nodiscard]] std::vector<std::uint16_t> levels(std::span<const float> row) const;
  /// Tokens of the levels, by group or by word, and the questions asked.
  [[nodiscard]] gpt2::Sequence sequence(std::span<const std::uint16_t> levels) const;
  /// "age: now=12 | s11: last=27 m5=26 dev=? | ? failure", and back. Errors name the column.
  [[nodiscard]] std::string text(std::span<const std::uint16_t> levels) const;
  [[nodiscard]] line::Result<std::vector<std::uint16_t>> parse(std::string_view text) const;

  [[nodiscard]] std::size_t vocabulary() const { return vocabulary_; }
  [[nodiscard]] std::size_t positions() const;
  [[nodiscard]] std::uint32_t answer(std::size_t bin) const {
    return static_cast<std::uint32_t>(answer_from_ + bin);
  }
  [[nodiscard]] std::size_t answers() const { return answers_; }
  /// Distinct levels of a feature (0: silent); level 0 is the lowest, level_count(f) is "unknown".
  [[nodiscard]] std::size_t level_count(std::size_t feature) const {
    return edges_[feature].empty() ? 0 : edges_[feature].size() + 1;
  }
  /// Whether the levels cut a continuum, so that a neighbour means nearly the same; otherwise each
  /// is a value of its own. Known while training only.
  [[nodiscard]] bool continuous(std::size_t feature) const {
    return feature < continuous_.size() && continuous_[feature];
  }
  [[nodiscard]] std::uint32_t first_token(std::size_t feature) const { return first_[feature]; }
  /// A level's word is two tokens in one position: the level itself, and the band of levels that it
  /// is in, so that levels seen rarely lean on their neighbours. No band for few levels.
  static constexpr std::size_t band = 6;  ///< Levels.
  [[nodiscard]] std::size_t band_count(std::size_t feature) const;
  [[nodiscard]] std::uint32_t first_band(std::size_t feature) const { return bands_[feature]; }
  [[nodiscard]] const std::vector<Feature>& features() const { return features_; }
  [[nodiscard]] const std::vector<std::string>& kinds() const { return kinds_; }
  /// Positions in features() by group, in the order of the sentence.
  [[nodiscard]] const std::vector<std::vector<std::size_t>>& groups() const { return groups_; }
  /// Every word by its token, for vocab.json.
  [[nodiscard]] std::vector<std::string> vocabulary_words() const;
  [[nodiscard]] Packing packing() const { return packing_; }
  [[nodiscard]] const std::vector<std::vector<float>>& edges() const { return edges_; }
  /// From what a model file notes.
  [[nodiscard]] static Words restored(std::vector<Feature> features,
                                      std::vector<std::vector<float>> edges,
                                      std::vector<std::string> kinds, std::size_t answers,
                                      Packing packing);

 private:
  void arrange();
  void put(gpt2::Sequence& sequence, std::size_t feature, std::uint16_t level) const;
  std::vector<Feature> features_;
  std::vector<std::vector<float>> edges_;  // by feature: lower edges of levels 1, 2, ...
  std::vector<bool> continuous_;
  std::vector<std::uint32_t> first_, bands_;
  std::vector<std::vector<std::size_t>> groups_;
  std::vector<std::string> kinds_;
  std::size_t answers_ = 0;
  std::size_t question_from_ = 0;
  std::size_t answer_from_ = 0;
  std::size_t vocabulary_ = 0;
  Packing packing_ = Packing::group;
};

}  // namespace foreline::plant
