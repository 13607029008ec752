// SPDX-License-Identifier: Apache-2.0
// The characters of a text as GPT-2's tokenizer tells them apart. Bytes that are no UTF-8 count as
// characters of no kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foreline::gpt2 {

enum class Kind : std::uint8_t { other, letter, number, space };

struct Character {
  std::size_t length;
  Kind kind;
};

void append_utf8(std::string& out, std::uint32_t code);

/// The character at `at`, which is within the text.
[[nodiscard]] Character character(std::string_view text, std::size_t at);
/// Where the characters of one kind that begin at `at` end.
[[nodiscard]] std::size_t run(std::string_view text, std::size_t at, Kind kind);
/// Whether the character at `at` is one of a word: Unicode's \w.
[[nodiscard]] bool in_word(std::string_view text, std::size_t at);
/// The end of the piece that begins at `at`, as GPT-2's pattern has it:
/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
[[nodiscard]] std::size_t piece_end(std::string_view text, std::size_t at);

}  // namespace foreline::gpt2
