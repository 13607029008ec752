// SPDX-License-Identifier: Apache-2.0
// What the model reads and answers. A window becomes a sentence of words; each word is a statistic
// of a kind of signal with its level, for example "vibrationShortM". Levels are letters: A is the
// open lower end, X the open upper end (an outlier beyond it is still X), Z is "not known". Words
// are of letters only, so that GPT-2's own pre-tokeniser keeps each whole and the vocabulary makes
// it one token. The sentence speaks of kinds and of deviations in healthy units, never of names,
// ranges or positions, so one model serves machines it has not met. It ends with a question
// for each kind of fault; the answer to each is one of the time words, from the same forward pass.
// The words about the machine are read at one position, summed, and so are those about each signal.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inference/history.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/result.hpp"

namespace foreline::inference {

inline constexpr int language_version = 3;
inline constexpr std::size_t level_count = 24;
/// Signals that a sentence has room for; of more, those that deviate most are told.
inline constexpr std::size_t sentence_signals_max = 16;
inline constexpr std::size_t answer_count = line::forecast_horizons_s.size() + 1;

/// What a signal word tells, in the order of the sentence.
enum class Statistic : std::uint8_t {
  last,
  short_mean,
  long_mean,
  slope,
  trend,
  last_spread,
  short_spread,
  long_spread
};
inline constexpr std::size_t statistic_count = 8;

/// Lower edges of levels B, C, ...; a value below the first is A.
struct LevelEdges {
  std::array<float, level_count - 1> deviation;  ///< last, short, long, trend: healthy units.
  std::array<float, level_count - 1> slope;      ///< Healthy units per 30 min.
  std::array<float, level_count - 1> spread;     ///< log2 of a ratio.
  std::array<float, level_count - 1> age;        ///< Operating hours.
  std::array<float, 7> run;                      ///< Share of time in Execute.
  std::array<float, 5> missing;                  ///< Share of missing input.
};
[[nodiscard]] const LevelEdges& standard_edges();

/// Words as positions in Language::words(): the machine's condition, its signals, the questions.
struct Sentence {
  std::vector<std::uint16_t> words;
  /// Beside `words`: position in Window::signals that the word speaks of; -1 for the others.
  std::vector<std::int16_t> signal;
  friend bool operator==(const Sentence&, const Sentence&) = default;
};

class Language {
 public:
  explicit Language(const LevelEdges& edges = standard_edges());

  /// Every word, questions and answers included. Fixed for a language version.
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }
  [[nodiscard]] const LevelEdges& edges() const { return edges_; }

  /// The window in words, followed by the questions.
  [[nodiscard]] Sentence say(const Window& window) const;
  /// The same sentence when signal number `signal` of the window is not known.
  [[nodiscard]] Sentence hide(const Sentence& sentence, std::size_t signal) const;

  /// Words separated by blanks.
  [[nodiscard]] std::string text(const Sentence& sentence) const;
  /// The words of a text. An unknown word is an error that names it and a near one.
  [[nodiscard]] line::Result<std::vector<std::uint16_t>> read(std::string_view text) const;
  /// What a word means, for people: "vibration, 5 min: +3.5 to +4.6".
  [[nodiscard]] std::string meaning(std::uint16_t word) const;

  [[nodiscard]] std::uint16_t question(line::FaultKind kind) const;
  /// Answer `bin`: fault before forecast_horizons_s[bin]; the last means later than all.
  [[nodiscard]] std::uint16_t answer(std::size_t bin) const;
  /// Position of a statistic's level among the words; `level` == level_count is "not known".
  [[nodiscard]] std::uint16_t word(line::SignalKind kind, Statistic statistic,
                                   std::size_t level) const;
  /// Longest sentence, in words.
  [[nodiscard]] static constexpr std::size_t longest() {
    return 4 + sentence_signals_max * statistic_count + line::fault_kind_count;
  }
  /// Positions of the model that the longest sentence takes: the words about the machine share one,
  /// those about a signal another, and each question has its own.
  [[nodiscard]] static constexpr std::size_t most_positions() {
    return 1 + sentence_signals_max + line::fault_kind_count;
  }

 private:
  LevelEdges edges_;
  std::vector<std::string> words_;
};

/// The answer to "when?" for a fault `after_s` from now: its bin.
[[nodiscard]] std::size_t answer_of(double after_s);

}  // namespace foreline::inference
