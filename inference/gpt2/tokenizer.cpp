// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/tokenizer.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <unordered_map>

#include "inference/gpt2/checkpoint.hpp"

namespace foreline::gpt2 {

using line::Diagnostic;
using line::Done;
using line::Error;
using line::Result;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view end_of_text = "<|endoftext|>";
constexpr const char* pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    out += static_cast<char>(0xE0U | (code >> 12U));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

/// GPT-2's printable stand-ins for the 256 bytes.
const std::array<std::string, 256>& byte_letters() {
  static const auto letters = [] {
    std::array<std::string, 256> all;
    std::uint32_t next = 256;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
                             (byte >= 174 && byte <= 255);
      append_utf8(all[byte], printable ? byte : next++);
    }
    return all;
  }();
  return letters;
}

const std::unordered_map<std::string, std::uint8_t>& letter_bytes() {
  static const auto bytes = [] {
    std::unordered_map<std::string, std::uint8_t> all;
    for (std::size_t i = 0; i < 256; ++i) all[byte_letters()[i]] = static_cast<std::uint8_t>(i);
    return all;
  }();
  return bytes;
}

std::vector<std::string> letters_of(std::string_view text) {
  std::vector<std::string> letters;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    letters.emplace_back(text.substr(i, length));
    i += length;
  }
  return letters;
}

/// Valid UTF-8, with U+FFFD for each maximal ill-formed part.
std::string repaired(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t length = lead < 0x80                   ? 1
                         : lead >= 0xC2 && lead < 0xE0 ? 2
                         : lead >= 0xE0 && lead < 0xF0 ? 3
                         : lead >= 0xF0 && lead < 0xF5 ? 4
                                                       : 0;
    std::size_t good = length == 0 ? 0 : 1;
    for (; good > 0 && good < length && i + good < text.size(); ++good) {
      const auto byte = static_cast<unsigned char>(text[i + good]);
      unsigned low = 0x80;
      unsigned high = 0xBF;
      if (good == 1 && lead == 0xE0) low = 0xA0;
      if (good == 1 && lead == 0xED) high = 0x9F;
      if (good == 1 && lead == 0xF0) low = 0x90;
      if (good == 1 && lead == 0xF4) high = 0x8F;
      if (byte < low || byte > high) break;
    }
    if (length != 0 && good == length) {
      out.append(text.substr(i, length));
      i += length;
    } else {
      out += "\xEF\xBF\xBD";
      i += std::max<std::size_t>(good, 1);
    }
  }
  return out;
}

struct PairHash {
  std::size_t operator()(const std::pair<std::uint32_t, std::uint32_t>& pair) const {
    return std::hash<std::uint64_t>{}((static_cast<std::uint64_t>(pair.first) << 32U) |
                                      pair.second);
  }
};

struct Merge {
  std::uint32_t rank = 0;
  std::uint32_t result = 0;
};

Error refuse(const fs::path& file, int row, std::string what) {
  return Error(std::vector<Diagnostic>{{file.string(), row, 0, std::move(what), {}}});
}

}  // namespace

struct Tokenizer::State {
  std::vector<std::string> tokens;  ///< By id, in byte letters.
  std::unordered_map<std::string, std::uint32_t> ids;
  std::vector<std::pair<std::string, std::string>> merge_list;
  std::unordered_map<std::pair<std::uint32_t, std::uint32_t>, Merge, PairHash> merges;
  std::array<std::uint32_t, 256> byte_ids{};
  std::uint32_t end_id = std::numeric_limits<std::uint32_t>::max();
  pcre2_code* regex = nullptr;

  ~State() { pcre2_code_free(regex); }

  Result<Done> finish(const fs::path& file) {
    for (std::uint32_t i = 0; i < tokens.size(); ++i) ids[tokens[i]] = i;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto found = ids.find(byte_letters()[byte]);
      if (found == ids.end())
        return refuse(file, 0, fmt::format("the vocabulary lacks byte {}", byte));
      byte_ids[byte] = found->second;
    }
    if (const auto found = ids.find(std::string(end_of_text)); found != ids.end())
      end_id = found->second;
    for (std::uint32_t rank = 0; rank < merge_list.size(); ++rank) {
      const auto& [left, right] = merge_list[rank];
      const auto l = ids.find(left);
      const auto r = ids.find(right);
      const auto joined = ids.find(left + right);
      if (l == ids.end() || r == ids.end() || joined == ids.end()) {
        return refuse(
            file, static_cast<int>(rank) + 2,
            fmt::format("the merge \"{} {}\" is of tokens that the vocabulary lacks", left, right));
      }
      merges.try_emplace({l->second, r->second}, Merge{rank, joined->second});
    }
    int code = 0;
    PCRE2_SIZE at = 0;
    regex = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP, &code, &at, nullptr);
    return Done{};
  }

  void encode_piece(std::string_view piece, std::vector<std::uint32_t>& out) const {
    std::vector<std::uint32_t> parts;
    for (const char c : piece) parts.push_back(byte_ids[static_cast<unsigned char>(c)]);
    while (parts.size() > 1) {
      auto best = std::numeric_limits<std::uint32_t>::max();
      std::pair<std::uint32_t, std::uint32_t> pair;
      std::uint32_t joined = 0;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = merges.find({parts[i], parts[i + 1]});
        if (found != merges.end() && found->second.rank < best) {
          best = found->second.rank;
          pair = found->first;
          joined = found->second.result;
        }
      }
      if (best == std::numeric_limits<std::uint32_t>::max()) break;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < parts.size(); ++kept) {
        if (i + 1 < parts.size() && parts[i] == pair.first && parts[i + 1] == pair.second) {
          parts[kept] = joined;
          i += 2;
        } else {
          parts[kept] = parts[i++];
        }
      }
      parts.resize(kept);
    }
    out.insert(out.end(), parts.begin(), parts.end());
  }

  void encode_plain(std::string_view text, std::vector<std::uint32_t>& out) const {
    auto* match = pcre2_match_data_create_from_pattern(regex, nullptr);
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    PCRE2_SIZE at = 0;
    while (at < text.size() &&
           pcre2_match(regex, subject, text.size(), at, PCRE2_NO_UTF_CHECK, match, nullptr) > 0) {
      const auto* span = pcre2_get_ovector_pointer(match);
      encode_piece(text.substr(span[0], span[1] - span[0]), out);
      at = span[1];
    }
    pcre2_match_data_free(match);
  }
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::size_t Tokenizer::size() const {
  return state_->tokens.size();
}

Result<Tokenizer> Tokenizer::load(const fs::path& directory) {
  auto state = std::make_unique<State>();
  fs::path file = directory / "vocab.json";
  json vocabulary;
  if (fs::exists(file)) {
    const auto text = read_file(file);
    if (!text) return text.error();
    vocabulary = json::parse(*text, nullptr, false);
    const auto merges = read_file(directory / "merges.txt");
    if (!merges) return merges.error();
    std::istringstream in(*merges);
    int row = 0;
    for (std::string merge; std::getline(in, merge);) {
      ++row;
      if (!merge.empty() && merge.back() == '\r') merge.pop_back();
      if (merge.empty() || (row == 1 && merge.rfind("#version", 0) == 0)) continue;
      const auto blank = merge.find(' ');
      if (blank == std::string::npos || merge.find(' ', blank + 1) != std::string::npos) {
        return refuse(directory / "merges.txt", row,
                      fmt::format("\"{}\" is not two tokens with a blank between", merge));
      }
      state->merge_list.emplace_back(merge.substr(0, blank), merge.substr(blank + 1));
    }
  } else {
    file = directory / "tokenizer.json";
    const auto text = read_file(file);
    if (!text)
      return refuse(directory, 0, "holds neither vocab.json and merges.txt nor tokenizer.json");
    const json root = json::parse(*text, nullptr, false);
    const json model = root.is_object() ? root.value("model", json()) : json();
    if (!model.is_object() || !model.contains("vocab") || !model.contains("merges"))
      return refuse(file, 0, "has no model.vocab and model.merges");
    vocabulary = model["vocab"];
    for (const auto& merge : model["merges"]) {
      if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        state->merge_list.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else if (merge.is_string() && merge.get<std::string>().find(' ') != std::string::npos) {
        const auto joined = merge.get<std::string>();
        const auto blank = joined.find(' ');
        state->merge_list.emplace_back(joined.substr(0, blank), joined.substr(blank + 1));
      } else {
        return refuse(file, 0, "has a merge that is no pair");
      }
    }
    for (const auto& added : root.value("added_tokens", json::array())) {
      if (added.is_object() && added.contains("content") && added.contains("id"))
        vocabulary[added["content"].get<std::string>()] = added["id"];
    }
  }
  if (!vocabulary.is_object() || vocabulary.empty())
    return refuse(file, 0, "is no JSON object of tokens and ids");
  state->tokens.resize(vocabulary.size());
  std::vector<bool> seen(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_unsigned() || id.get<std::size_t>() >= vocabulary.size() ||
        seen[id.get<std::size_t>()]) {
      return refuse(file, 0,
                    fmt::format("token \"{}\" has the id {}, wanted each id from 0 to {} once",
                                token, id.dump(), vocabulary.size() - 1));
    }
    seen[id.get<std::size_t>()] = true;
    state->tokens[id.get<std::size_t>()] = token;
  }
  if (auto done = state->finish(file); !done) return done.error();
  return Tokenizer(std::move(state));
}

Tokenizer Tokenizer::of_words(std::span<const std::string> words) {
  auto state = std::make_unique<State>();
  for (const auto& letter : byte_letters()) state->tokens.push_back(letter);
  std::set<std::string> known(state->tokens.begin(), state->tokens.end());
  const std::string blank = byte_letters()[' '];
  // Short beginnings first: encoding then grows each word from its left end, letter by letter.
  std::size_t longest = 0;
  for (const auto& word : words) longest = std::max(longest, word.size());
  for (std::size_t length = 1; length <= longest; ++length) {
    for (const auto& word : words) {
      if (word.size() < length) continue;
      const std::string left = blank + word.substr(0, length - 1);
      const std::string right = word.substr(length - 1, 1);
      if (!known.insert(left + right).second) continue;
      state->tokens.push_back(left + right);
      state->merge_list.emplace_back(left, right);
    }
  }
  state->tokens.emplace_back(end_of_text);
  (void)state->finish({});
  return Tokenizer(std::move(state));
}

std::vector<std::uint32_t> Tokenizer::encode(std::string_view text, EndOfText end) const {
  const std::string clean = repaired(text);
  std::vector<std::uint32_t> ids;
  std::string_view rest = clean;
  while (!rest.empty()) {
    const bool known = state_->end_id != std::numeric_limits<std::uint32_t>::max();
    const auto special =
        known && end == EndOfText::token ? rest.find(end_of_text) : std::string_view::npos;
    state_->encode_plain(rest.substr(0, special), ids);
    if (special == std::string_view::npos) break;
    ids.push_back(state_->end_id);
    rest.remove_prefix(special + end_of_text.size());
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const std::uint32_t> ids) const {
  std::string out;
  for (const auto id : ids) {
    if (id >= state_->tokens.size()) continue;
    if (id == state_->end_id) {
      out += end_of_text;
      continue;
    }
    for (const auto& letter : letters_of(state_->tokens[id])) {
      const auto byte = letter_bytes().find(letter);
      if (byte != letter_bytes().end()) out += static_cast<char>(byte->second);
    }
  }
  return out;
}

Result<Done> Tokenizer::save(const fs::path& directory) const {
  std::error_code error;
  fs::create_directories(directory, error);
  json vocabulary = json::object();
  for (std::size_t i = 0; i < state_->tokens.size(); ++i) vocabulary[state_->tokens[i]] = i;
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : state_->merge_list) merges += left + " " + right + "\n";
  if (auto done = write_file(directory / "merges.txt", merges); !done) return done;
  return write_file(directory / "vocab.json", vocabulary.dump());
}

}  // namespace foreline::gpt2
