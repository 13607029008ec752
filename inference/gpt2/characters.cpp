// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/characters.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <span>
#include <vector>

#include "inference/gpt2/tokenizer.hpp"

namespace foreline::gpt2 {

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    if (code < 0x10000) {
      out += static_cast<char>(0xE0U | (code >> 12U));
    } else {
      out += static_cast<char>(0xF0U | (code >> 18U));
      out += static_cast<char>(0x80U | ((code >> 12U) & 0x3FU));
    }
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

namespace {

constexpr std::uint32_t wide_end = 0x40000;  // no letters or numbers are assigned beyond

struct Range {
  std::uint32_t first, last;
};
// Since Unicode 14, up to Unicode 16: a text's ids must not depend on how old PCRE2's tables are.
constexpr Range later_letters[] = {
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
    {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x1123F, 0x11240},
    {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5},
    {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0},
    {0x11F02, 0x11F02}, {0x11F04, 0x11F10}, {0x11F12, 0x11F33}, {0x1342F, 0x1342F},
    {0x13441, 0x13446}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C},
    {0x18CFF, 0x18CFF}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1DF25, 0x1DF2A},
    {0x1E030, 0x1E06D}, {0x1E4D0, 0x1E4EB}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0},
    {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF}};
constexpr Range later_digits[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9},
                                  {0x11F50, 0x11F59}, {0x16130, 0x16139}, {0x16D70, 0x16D79},
                                  {0x1CCF0, 0x1CCF9}, {0x1E4F0, 0x1E4F9}, {0x1E5F1, 0x1E5FA}};

constexpr Range later_marks[] = {
    {0x897, 0x897},     {0xCF3, 0xCF3},     {0xECE, 0xECE},     {0x10D69, 0x10D6D},
    {0x10EFC, 0x10EFF}, {0x11241, 0x11241}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2},
    {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0}, {0x113D2, 0x113D2},
    {0x113E1, 0x113E2}, {0x11F00, 0x11F01}, {0x11F03, 0x11F03}, {0x11F34, 0x11F3A},
    {0x11F3E, 0x11F42}, {0x11F5A, 0x11F5A}, {0x13440, 0x13440}, {0x13447, 0x13455},
    {0x1611E, 0x1612F}, {0x1E08F, 0x1E08F}, {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF}};
constexpr Range later_numerals[] = {{0x1D2C0, 0x1D2D3}};

/// By code point, asked of PCRE2 once: a text of all code points, and where it matches in that.
struct Matches {
  Matches() {
    for (std::uint32_t code = 0x80; code < wide_end; ++code) {
      if (code >= 0xD800 && code < 0xE000) continue;
      append_utf8(text, code);
      code_at.resize(text.size(), code);
    }
  }
  /// found(code) for each that the pattern, one or more of a class, matches.
  template <class Found>
  void operator()(const char* pattern, Found found) const {
    int error = 0;
    PCRE2_SIZE at = 0;
    auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                               PCRE2_UTF, &error, &at, nullptr);
    auto* match = pcre2_match_data_create_from_pattern(code, nullptr);
    at = 0;
    while (at < text.size() &&
           pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                       PCRE2_NO_UTF_CHECK, match, nullptr) > 0) {
      const auto* span = pcre2_get_ovector_pointer(match);
      for (auto i = span[0]; i < span[1]; ++i) found(code_at[i]);
      at = span[1];
    }
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
  std::string text;
  std::vector<std::uint32_t> code_at;
};

template <class Value>
void set(std::vector<Value>& all, std::span<const Range> ranges, Value value) {
  for (const auto& [first, last] : ranges)
    std::fill(all.begin() + first, all.begin() + last + 1, value);
}

/// White space is Unicode's property of that name.
const std::vector<Kind>& wide_kinds() {
  static const auto kinds = [] {
    std::vector<Kind> all(wide_end, Kind::other);
    const Matches matches;
    matches("\\p{L}+", [&](std::uint32_t code) { all[code] = Kind::letter; });
    matches("\\p{N}+", [&](std::uint32_t code) { all[code] = Kind::number; });
    set(all, later_letters, Kind::letter);
    set(all, later_digits, Kind::number);
    set(all, later_numerals, Kind::number);
    for (const std::uint32_t code :
         {0x85U, 0xA0U, 0x1680U, 0x2028U, 0x2029U, 0x202FU, 0x205FU, 0x3000U})
      all[code] = Kind::space;
    for (std::uint32_t code = 0x2000; code <= 0x200A; ++code) all[code] = Kind::space;
    return all;
  }();
  return kinds;
}

/// Unicode's \w: what is alphabetic, marks, digits and what connects.
const std::vector<bool>& wide_word_characters() {
  static const auto characters = [] {
    std::vector<bool> all(wide_end, false);
    // Circled and squared letters are symbols, but Unicode has them alphabetic.
    Matches()(
        "[\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200C}\\x{200D}\\x{24B6}-\\x{24E9}"
        "\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}]+",
        [&](std::uint32_t code) { all[code] = true; });
    set(all, later_letters, true);
    set(all, later_marks, true);
    set(all, later_digits, true);
    return all;
  }();
  return characters;
}

Kind narrow_kind(unsigned char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Kind::letter;
  if (c >= '0' && c <= '9') return Kind::number;
  if (c == ' ' || (c >= 9 && c <= 13)) return Kind::space;
  return Kind::other;
}

/// The length of the well-formed character at `at`; 0 when there is none.
std::size_t well_formed(std::string_view text, std::size_t at, std::size_t* good) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  std::size_t n = length == 0 ? 0 : 1;
  for (; n > 0 && n < length && at + n < text.size(); ++n) {
    const auto byte = static_cast<unsigned char>(text[at + n]);
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (n == 1 && lead == 0xE0) low = 0xA0;
    if (n == 1 && lead == 0xED) high = 0x9F;
    if (n == 1 && lead == 0xF0) low = 0x90;
    if (n == 1 && lead == 0xF4) high = 0x8F;
    if (byte < low || byte > high) break;
  }
  if (good != nullptr) *good = n;
  return length != 0 && n == length ? length : 0;
}

/// The code point of a well-formed character of more than one byte.
std::uint32_t code_of(std::string_view text, std::size_t at, std::size_t length) {
  std::uint32_t code = static_cast<unsigned char>(text[at]) & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    code = (code << 6U) | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  return code;
}

}  // namespace

Character character(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {1, narrow_kind(lead)};
  const auto length = well_formed(text, at, nullptr);
  if (length == 0) return {1, Kind::other};
  const auto code = code_of(text, at, length);
  return {length, code < wide_end ? wide_kinds()[code] : Kind::other};
}

std::size_t run(std::string_view text, std::size_t at, Kind kind) {
  while (at < text.size()) {
    const auto next = character(text, at);
    if (next.kind != kind) break;
    at += next.length;
  }
  return at;
}

bool in_word(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) {
    const auto kind = narrow_kind(lead);
    return kind == Kind::letter || kind == Kind::number || lead == '_';
  }
  const auto length = well_formed(text, at, nullptr);
  if (length == 0) return false;
  const auto code = code_of(text, at, length);
  return code < wide_end ? wide_word_characters()[code] : code >= 0xE0100 && code <= 0xE01EF;
}

std::size_t piece_end(std::string_view text, std::size_t at) {
  if (text[at] == '\'') {
    const auto rest = text.substr(at + 1, 2);
    if (!rest.empty() && std::string_view("stmd").find(rest[0]) != std::string_view::npos)
      return at + 2;
    if (rest == "re" || rest == "ve" || rest == "ll") return at + 3;
  }
  const auto first = character(text, at);
  if (first.kind != Kind::space) return run(text, at + first.length, first.kind);
  if (text[at] == ' ' && at + 1 < text.size()) {
    const auto second = character(text, at + 1);
    if (second.kind != Kind::space) return run(text, at + 1 + second.length, second.kind);
  }
  // White space: all of it at the end of the text, all but its last character before a word.
  std::size_t last = at;
  std::size_t end = at;
  while (end < text.size()) {
    const auto next = character(text, end);
    if (next.kind != Kind::space) break;
    last = end;
    end += next.length;
  }
  return end == text.size() || last == at ? end : last;
}

std::string repaired(std::string_view bytes, bool* changed) {
  std::string out;
  if (changed != nullptr) *changed = false;
  for (std::size_t i = 0; i < bytes.size();) {
    std::size_t good = 0;
    if (const auto length = well_formed(bytes, i, &good); length != 0) {
      out.append(bytes.substr(i, length));
      i += length;
    } else {
      out += "\xEF\xBF\xBD";
      i += std::max<std::size_t>(good, 1);
      if (changed != nullptr) *changed = true;
    }
  }
  return out;
}

}  // namespace foreline::gpt2
