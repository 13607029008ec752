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

/// What "<|endoftext|>" and other special tokens stand for in a text: the token, as in
/// transformers, or their letters, as in a text that may not speak to the model.
enum class EndOfText { token, text };

class Tokenizer {
 public:
  /// Reads tokenizer.json, or vocab.json and merges.txt when it is absent; added tokens also from
  /// added_tokens.json and tokenizer_config.json. Refuses, by name, what is no byte-level BPE
  /// (normalizers, other pre-tokenizers). Errors name file and place.
  [[nodiscard]] static line::Result<Tokenizer> load(const std::filesystem::path& directory);
  /// A tokenizer in which each word (letters a-z, A-Z only, with a blank in front) is one token.
  /// Ids: 0..255 the bytes, then parts of words, "<|endoftext|>" last. The merges form a trie from
  /// the left.
  [[nodiscard]] static Tokenizer of_words(std::span<const std::string> words);

  /// Learns a vocabulary of at most `size` tokens from a text, as GPT-2's was learned (Sennrich et
  /// al. 2016, over bytes): the commonest pair of neighbours within a piece becomes a token, until
  /// the vocabulary is full or no pair is met twice. Of equally common pairs the one of earlier
  /// tokens comes first, single bytes in the order of their letters, as the Rust package has it.
  /// Ids: 0..255 the bytes, then as learned, "<|endoftext|>" last. std::invalid_argument for a
  /// size below 257. Time is about linear in the number of different pieces.
  [[nodiscard]] static Tokenizer learn(std::string_view text, std::size_t size);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of any bytes. UTF-8 is split as GPT-2 splits it; a byte that is part of no UTF-8 counts as
  /// a character that is neither letter, number nor space, and is kept: decode() gives it back.
  /// Time is linear in the text, n log n in its longest word.
  [[nodiscard]] std::vector<std::uint32_t> encode(std::string_view text,
                                                  EndOfText end = EndOfText::token) const;
  /// The bytes of the ids; ids beyond the vocabulary are skipped. May be ill-formed UTF-8 when the
  /// ids end in the middle of a character.
  [[nodiscard]] std::string decode(std::span<const std::uint32_t> ids) const;
  /// One more than the largest id.
  [[nodiscard]] std::size_t size() const;
  /// Writes vocab.json and merges.txt.
  [[nodiscard]] line::Result<line::Done> save(const std::filesystem::path& directory) const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Valid UTF-8: each maximal ill-formed part of `bytes` becomes U+FFFD, as Python's and Rust's
/// lossy decoders do. `changed` (may be null) tells whether there was one.
[[nodiscard]] std::string repaired(std::string_view bytes, bool* changed = nullptr);

}  // namespace foreline::gpt2
