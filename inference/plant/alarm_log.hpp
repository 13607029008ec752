// SPDX-License-Identifier: Apache-2.0
// Alarm logs cut into windows: the codes that came, in order, and those that came after. And the
// words that a window is told in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "inference/gpt2/model.hpp"
#include "inference/plant/description.hpp"

namespace foreline::plant {

struct AlarmWindow {
  std::uint32_t machine = 0;          ///< In AlarmLog::machines.
  std::vector<std::uint32_t> before;  ///< In AlarmLog::codes, oldest first.
  std::vector<std::uint32_t> after;   ///< Unknown outcomes are empty too: see `known`.
  bool known = true;
};

/// Windows of a machine follow each other in time and may overlap.
struct AlarmLog {
  std::string name;
  std::vector<std::string> machines;
  std::vector<std::string> codes;
  std::vector<AlarmWindow> windows;
  /// By so many windows of a machine later, the outcome of one is known.
  std::size_t lag = 20;
};

/// Reads the file of a description with [windows]; all mistakes with their places.
[[nodiscard]] line::Result<AlarmLog> read_alarm_log(const Description& description);

/// What is known when a window ends: its codes, and how often each code came after the machine's
/// earlier windows whose outcome is known by then (half of the weight in the last 60 of them).
class AlarmWords {
 public:
  AlarmWords() = default;
  /// `asked`: the codes that answers are given for.
  AlarmWords(std::size_t machines, std::size_t codes, std::vector<std::uint32_t> asked);

  /// Rates (windows x asked) of a log, -1 where no outcome is known yet. Nothing later is looked
  /// at.
  [[nodiscard]] std::vector<float> rates(const AlarmLog& log) const;
  /// One position of machine, counts and rates, their embeddings summed; the last codes; "next?".
  [[nodiscard]] gpt2::Sequence sequence(const AlarmWindow& window,
                                        std::span<const float> rates) const;
  /// Numbers for trees: counts and recencies of the asked codes, rates, total, the machine.
  [[nodiscard]] std::vector<float> numbers(const AlarmWindow& window,
                                           std::span<const float> rates) const;
  /// "machine 3 | 97 x6 139 x10 | 97 55% 139 93% | 97 139 11 97 | next?" with the codes' own names.
  [[nodiscard]] std::string text(const AlarmLog& log, const AlarmWindow& window,
                                 std::span<const float> rates) const;

  [[nodiscard]] std::size_t vocabulary() const;
  [[nodiscard]] std::size_t positions() const { return 2 + recent; }
  [[nodiscard]] const std::vector<std::uint32_t>& asked() const { return asked_; }
  [[nodiscard]] std::size_t codes() const { return codes_; }
  [[nodiscard]] std::size_t machines() const { return machines_; }
  [[nodiscard]] std::uint32_t code_word(std::uint32_t code) const { return code; }
  [[nodiscard]] std::uint32_t answer_word(std::size_t asked) const;
  [[nodiscard]] std::uint32_t stranger() const;  ///< A machine that is not known.
  [[nodiscard]] std::uint32_t machine_word(std::uint32_t machine) const;
  [[nodiscard]] std::vector<std::string> vocabulary_words(const AlarmLog& names) const;
  static constexpr std::size_t recent = 16;
  static constexpr std::size_t count_bands = 6;  ///< 1, 2, 3, 4 to 5, 6 to 9, 10 and more.
  static constexpr std::size_t rate_bands = 12;

 private:
  std::size_t machines_ = 0;
  std::size_t codes_ = 0;
  std::vector<std::uint32_t> asked_;
  std::vector<std::size_t> place_;  ///< By code: in asked, or asked.size().
};

}  // namespace foreline::plant
