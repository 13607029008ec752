// SPDX-License-Identifier: Apache-2.0
// GPT-2's byte-level byte-pair encoding (Radford et al. 2019), as transformers' GPT2Tokenizer has
// it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// What the text "<|endoftext|>" stands for: the special token, as in transformers, or its letters,
/// as in a text that may not speak to the model.
enum class EndOfText { token, text };

class Tokenizer {
 public:
  /// Reads vocab.json and merges.txt, or tokenizer.json when they are absent. Errors name file and
  /// place.
  [[nodiscard]] static line::Result<Tokenizer> load(const std::filesystem::path& directory);
  /// A tokenizer in which each word (letters a-z, A-Z only, with a blank in front) is one token.
  /// Ids: 0..255 the bytes, then parts of words, "<|endoftext|>" last. The merges form a trie from
  /// the left.
  [[nodiscard]] static Tokenizer of_words(std::span<const std::string> words);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of a UTF-8 text; bytes that are no UTF-8 are replaced by U+FFFD first, as Python does.
  [[nodiscard]] std::vector<std::uint32_t> encode(std::string_view text,
                                                  EndOfText end = EndOfText::token) const;
  /// The bytes of the ids; ids beyond the vocabulary are skipped.
  [[nodiscard]] std::string decode(std::span<const std::uint32_t> ids) const;
  [[nodiscard]] std::size_t size() const;
  /// Writes vocab.json and merges.txt.
  [[nodiscard]] line::Result<line::Done> save(const std::filesystem::path& directory) const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::gpt2
