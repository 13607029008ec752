// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <queue>
#include <set>
#include <sstream>
#include <stdexcept>
#include <tuple>
#include <unordered_map>

#include "inference/gpt2/characters.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/json_text.hpp"

namespace foreline::gpt2 {

using line::Diagnostic;
using line::Done;
using line::Error;
using line::Result;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view end_of_text = "<|endoftext|>";

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

struct Merge {
  std::uint32_t rank = 0;
  std::uint32_t result = 0;
};

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// Pairs of tokens to what they become: open addressing, at most half full.
class MergeTable {
 public:
  explicit MergeTable(std::size_t merges = 0) {
    std::size_t size = 16;
    while (size < 2 * merges) size *= 2;
    slots_.resize(size);
  }
  /// A later rank of the same pair replaces an earlier one.
  void set(std::uint32_t left, std::uint32_t right, Merge merge) {
    auto& slot = slots_[place(left, right)];
    slot = {left, right, merge};
  }
  /// rank none when the pair does not merge.
  [[nodiscard]] Merge find(std::uint32_t left, std::uint32_t right) const {
    return slots_[place(left, right)].merge;
  }

 private:
  struct Slot {
    std::uint32_t left = none;
    std::uint32_t right = none;
    Merge merge{none, none};
  };
  [[nodiscard]] std::size_t place(std::uint32_t left, std::uint32_t right) const {
    const std::uint64_t key = (static_cast<std::uint64_t>(left) << 32U) | right;
    std::size_t at = (key * 0x9E3779B97F4A7C15ULL >> 20U) & (slots_.size() - 1);
    while (slots_[at].left != none && (slots_[at].left != left || slots_[at].right != right))
      at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  std::vector<Slot> slots_;
};

/// A token that is found in the text before it is split.
struct Added {
  std::string content;
  std::uint32_t id = 0;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;
};

Error refuse(const fs::path& file, int row, std::string what, std::string hint = {}) {
  return Error(std::vector<Diagnostic>{{file.string(), row, 0, std::move(what), std::move(hint)}});
}

}  // namespace

struct Tokenizer::State {
  std::vector<std::string> tokens;  ///< By id, in byte letters; empty where there is no token.
  std::vector<std::string> bytes;   ///< By id.
  std::vector<std::pair<std::string, std::string>> merge_list;
  MergeTable merges;
  std::array<std::uint32_t, 256> byte_ids{};  ///< none when the vocabulary lacks the byte.
  std::vector<Added> added;                   ///< Longest first.
  std::array<bool, 256> added_begins{};
  std::vector<std::uint32_t> before, after;  ///< What the post-processor puts around a text.
  bool prefix_space = false;
  bool split = true;         ///< Into pieces; some tokenizer.json do without.
  bool whole_words = false;  ///< ignore_merges: a piece that is a token is not looked into.
  std::unordered_map<std::string, std::uint32_t> ids;  ///< By byte letters.

  /// Pieces that were met before: direct-mapped, each as long as fits.
  struct Known {
    std::array<char, 22> piece;
    std::uint8_t length = 0;
    std::uint8_t count = 0;
    std::array<std::uint32_t, 6> ids;
  };
  static constexpr std::size_t known_count = 8192;
  mutable std::mutex known_mutex;
  mutable std::vector<Known> known;

  /// Vocabulary first, then merges, then added tokens.
  Result<Done> finish(const fs::path& merges_file, int first_row) {
    for (std::uint32_t i = 0; i < tokens.size(); ++i) {
      if (!tokens[i].empty()) ids[tokens[i]] = i;
    }
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto found = ids.find(byte_letters()[byte]);
      byte_ids[byte] = found == ids.end() ? none : found->second;
    }
    std::vector<Diagnostic> diagnostics;
    merges = MergeTable(merge_list.size());
    for (std::uint32_t rank = 0; rank < merge_list.size(); ++rank) {
      const auto& [left, right] = merge_list[rank];
      const auto l = ids.find(left);
      const auto r = ids.find(right);
      const auto joined = ids.find(left + right);
      if (l != ids.end() && r != ids.end() && joined != ids.end()) {
        merges.set(l->second, r->second, {rank, joined->second});
      } else if (diagnostics.size() < 20) {
        diagnostics.push_back(
            {merges_file.string(), first_row == 0 ? 0 : static_cast<int>(rank) + first_row, 0,
             fmt::format("the merge \"{} {}\" is of tokens that the vocabulary lacks",
                         repaired(left), repaired(right)),
             "do vocabulary and merges belong together?"});
      }
    }
    if (!diagnostics.empty()) return Error(std::move(diagnostics));
    if (const auto end = ids.find(std::string(end_of_text)); end != ids.end()) {
      const bool given = std::any_of(added.begin(), added.end(),
                                     [&](const Added& a) { return a.id == end->second; });
      if (!given)
        added.push_back({std::string(end_of_text), end->second, false, false, false, false, true});
    }
    bytes.resize(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      for (const auto& letter : letters_of(tokens[i])) {
        const auto byte = letter_bytes().find(letter);
        // Letters that stand for no byte are an added token's own text.
        if (byte != letter_bytes().end())
          bytes[i] += static_cast<char>(byte->second);
        else
          bytes[i] += letter;
      }
    }
    for (const auto& token : added) {
      if (token.id < bytes.size()) bytes[token.id] = token.content;
    }
    std::stable_sort(added.begin(), added.end(), [](const Added& a, const Added& b) {
      return a.content.size() > b.content.size();
    });
    for (const auto& token : added)
      added_begins[static_cast<unsigned char>(token.content.front())] = true;
    return Done{};
  }

  /// Pairs of neighbours merged in order of rank, then of place.
  void merge_short(std::vector<std::uint32_t>& parts) const {
    std::array<Merge, short_max> pairs;
    std::size_t count = parts.size();
    for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = merges.find(parts[i], parts[i + 1]);
    while (count > 1) {
      std::size_t best = 0;
      for (std::size_t i = 1; i + 1 < count; ++i) {
        if (pairs[i].rank < pairs[best].rank) best = i;
      }
      if (pairs[best].rank == none) break;
      parts[best] = pairs[best].result;
      for (std::size_t i = best + 1; i + 1 < count; ++i) parts[i] = parts[i + 1];
      for (std::size_t i = best + 1; i + 2 < count; ++i) pairs[i] = pairs[i + 1];
      --count;
      if (best + 1 < count) pairs[best] = merges.find(parts[best], parts[best + 1]);
      if (best > 0) pairs[best - 1] = merges.find(parts[best - 1], parts[best]);
    }
    parts.resize(count);
  }

  /// The same by a heap, for pieces whose square would hurt.
  void merge_long(std::vector<std::uint32_t>& parts) const {
    struct Candidate {
      std::uint32_t rank, place, left, right;
      bool operator<(const Candidate& other) const {
        return std::tie(other.rank, other.place) < std::tie(rank, place);
      }
    };
    const auto size = static_cast<std::uint32_t>(parts.size());
    std::vector<std::uint32_t> next(size), previous(size);
    std::priority_queue<Candidate> queue;
    const auto consider = [&](std::uint32_t at) {
      if (next[at] >= size) return;
      const auto merge = merges.find(parts[at], parts[next[at]]);
      if (merge.rank != none) queue.push({merge.rank, at, parts[at], parts[next[at]]});
    };
    for (std::uint32_t i = 0; i < size; ++i) {
      next[i] = i + 1;
      previous[i] = i == 0 ? none : i - 1;
    }
    for (std::uint32_t i = 0; i < size; ++i) consider(i);
    while (!queue.empty()) {
      const auto top = queue.top();
      queue.pop();
      const auto at = top.place;
      if (parts[at] != top.left || next[at] >= size || parts[next[at]] != top.right) continue;
      const auto gone = next[at];
      parts[at] = merges.find(top.left, top.right).result;
      parts[gone] = none;
      next[at] = next[gone];
      if (next[at] < size) previous[next[at]] = at;
      consider(at);
      if (previous[at] != none) consider(previous[at]);
    }
    parts.erase(std::remove(parts.begin(), parts.end(), none), parts.end());
  }

  void encode_new(std::string_view piece, std::vector<std::uint32_t>& parts) const {
    parts.clear();
    if (whole_words) {
      std::string letters;
      for (const char c : piece) letters += byte_letters()[static_cast<unsigned char>(c)];
      if (const auto found = ids.find(letters); found != ids.end()) {
        parts.push_back(found->second);
        return;
      }
    }
    for (const char c : piece) {
      if (const auto id = byte_ids[static_cast<unsigned char>(c)]; id != none) parts.push_back(id);
    }
    if (parts.size() <= short_max)
      merge_short(parts);
    else
      merge_long(parts);
  }

  void encode_piece(std::string_view piece, bool remember, std::vector<std::uint32_t>& parts,
                    std::vector<std::uint32_t>& out) const {
    Known* place = nullptr;
    if (remember && piece.size() <= sizeof(Known::piece)) {
      place = &known[std::hash<std::string_view>{}(piece) % known_count];
      if (place->length == piece.size() &&
          std::memcmp(place->piece.data(), piece.data(), piece.size()) == 0) {
        out.insert(out.end(), place->ids.begin(), place->ids.begin() + place->count);
        return;
      }
    }
    encode_new(piece, parts);
    out.insert(out.end(), parts.begin(), parts.end());
    if (place != nullptr && parts.size() <= place->ids.size()) {
      std::copy(piece.begin(), piece.end(), place->piece.begin());
      std::copy(parts.begin(), parts.end(), place->ids.begin());
      place->length = static_cast<std::uint8_t>(piece.size());
      place->count = static_cast<std::uint8_t>(parts.size());
    }
  }

  void encode_plain(std::string_view text, bool remember, std::vector<std::uint32_t>& out) const {
    std::vector<std::uint32_t> parts;
    std::string with_space;
    if (prefix_space && !text.empty() && text.front() != ' ') {
      with_space = " ";
      with_space += text;
      text = with_space;
    }
    for (std::size_t at = 0; at < text.size();) {
      const auto end = split ? piece_end(text, at) : text.size();
      encode_piece(text.substr(at, end - at), remember, parts, out);
      at = end;
    }
  }

  /// Splits at added tokens: first at those that come before normalisation, then, between them,
  /// at the others.
  void encode_split(std::string_view text, bool normalized, EndOfText end, bool remember,
                    std::vector<std::uint32_t>& out) const {
    const auto rest = [&](std::string_view part) {
      if (part.empty()) return;
      if (normalized)
        encode_plain(part, remember, out);
      else
        encode_split(part, true, end, remember, out);
    };
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Added* found = nullptr;
      if (added_begins[static_cast<unsigned char>(text[at])]) {
        for (const auto& token : added) {
          if (token.normalized == normalized && !(token.special && end == EndOfText::text) &&
              text.compare(at, token.content.size(), token.content) == 0) {
            found = &token;
            break;
          }
        }
      }
      if (found == nullptr) {
        ++at;
        continue;
      }
      std::size_t start = at;
      std::size_t stop = at + found->content.size();
      if (found->single_word) {
        std::size_t before_at = start;
        while (before_at > 0 && before_at == start) {
          --before_at;
          while (before_at > 0 && (static_cast<unsigned char>(text[before_at]) & 0xC0U) == 0x80U)
            --before_at;
        }
        if ((start > 0 && in_word(text, before_at)) ||
            (stop < text.size() && in_word(text, stop))) {
          at = stop;
          continue;
        }
      }
      if (found->lstrip) {
        while (start > done) {
          std::size_t before_at = start - 1;
          while (before_at > done && (static_cast<unsigned char>(text[before_at]) & 0xC0U) == 0x80U)
            --before_at;
          const auto previous = character(text, before_at);
          if (previous.kind != Kind::space || before_at + previous.length != start) break;
          start = before_at;
        }
      }
      if (found->rstrip) stop = run(text, stop, Kind::space);
      rest(text.substr(done, start - done));
      out.push_back(found->id);
      done = stop;
      at = stop;
    }
    rest(text.substr(done));
  }

  static constexpr std::size_t short_max = 48;
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::size_t Tokenizer::size() const {
  return state_->tokens.size();
}

namespace {

constexpr const char* byte_level_hint = "GPT-2 has byte-level BPE; save its tokenizer as it is";

/// What a tokenizer.json holds besides vocabulary and merges.
struct Extras {
  bool prefix_space = false;
  bool split = true;
  std::vector<std::uint32_t> before, after;
};

std::string type_of(const json& part) {
  return part.is_object() && part.contains("type") && part["type"].is_string()
             ? part["type"].get<std::string>()
             : "of unknown type";
}

/// All parts of a section that may be null, one part or a Sequence of parts.
std::vector<json> parts_of(const json& root, const char* section, const char* list) {
  if (!root.contains(section) || root[section].is_null()) return {};
  const auto& part = root[section];
  if (type_of(part) == "Sequence" && part.contains(list) && part[list].is_array())
    return {part[list].begin(), part[list].end()};
  return {part};
}

bool flag_of(const json& part, const char* key, bool otherwise) {
  return part.contains(key) && part[key].is_boolean() ? part[key].get<bool>() : otherwise;
}

void read_template(const json& part, Extras& extras, std::vector<std::string>& complaints) {
  bool seen = false;
  const json items = part.value("single", json::array());
  const json specials = part.value("special_tokens", json::object());
  for (const auto& item : items) {
    if (item.is_object() && item.contains("Sequence")) {
      seen = true;
    } else if (item.is_object() && item.contains("SpecialToken") &&
               item["SpecialToken"].is_object()) {
      const json name = item["SpecialToken"].value("id", json());
      const json entry = name.is_string() && specials.is_object()
                             ? specials.value(name.get<std::string>(), json())
                             : json();
      const json list = entry.is_object() ? entry.value("ids", json()) : json();
      bool good = list.is_array();
      for (const auto& id : list) {
        good = good && id.is_number_unsigned() && id.get<std::uint64_t>() < none;
        if (good) (seen ? extras.after : extras.before).push_back(id.get<std::uint32_t>());
      }
      if (!good) complaints.emplace_back("its post_processor names a special token without ids");
    }
  }
}

Extras extras_of(const json& root, std::vector<std::string>& complaints) {
  Extras extras;
  for (const auto& part : parts_of(root, "normalizer", "normalizers"))
    complaints.push_back(fmt::format("has the normalizer {}, wanted none", type_of(part)));
  const auto splitters = parts_of(root, "pre_tokenizer", "pretokenizers");
  if (splitters.size() != 1 || type_of(splitters[0]) != "ByteLevel") {
    complaints.push_back(fmt::format(
        "has the pre_tokenizer {}, wanted ByteLevel alone",
        splitters.empty() ? "null"
                          : type_of(splitters.size() == 1 ? splitters[0] : root["pre_tokenizer"])));
  } else {
    extras.prefix_space = flag_of(splitters[0], "add_prefix_space", true);
    extras.split = flag_of(splitters[0], "use_regex", true);
  }
  for (const auto& part : parts_of(root, "post_processor", "processors")) {
    if (type_of(part) == "TemplateProcessing")
      read_template(part, extras, complaints);
    else if (type_of(part) != "ByteLevel")
      complaints.push_back(fmt::format(
          "has the post_processor {}, wanted ByteLevel or TemplateProcessing", type_of(part)));
  }
  return extras;
}

std::optional<Added> added_from(const json& entry, const json& id) {
  if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string() ||
      entry["content"].get_ref<const std::string&>().empty() || !id.is_number_unsigned() ||
      id.get<std::uint64_t>() >= none)
    return std::nullopt;
  return Added{entry["content"].get<std::string>(),  id.get<std::uint32_t>(),
               flag_of(entry, "single_word", false), flag_of(entry, "lstrip", false),
               flag_of(entry, "rstrip", false),      flag_of(entry, "normalized", false),
               flag_of(entry, "special", false)};
}

/// The JSON of a file; null when the file is not there.
Result<json> optional_json(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return json();
  const auto text = read_file(file);
  if (!text) return text.error();
  return json_from(*text, file.string());
}

}  // namespace

Result<Tokenizer> Tokenizer::load(const fs::path& directory) {
  auto state = std::make_unique<State>();
  fs::path file = directory / "tokenizer.json";
  fs::path merges_file = file;
  int first_row = 0;
  json vocabulary;
  std::vector<Added> added;
  std::error_code error;
  const bool whole = fs::exists(file, error);  // what it does not say is not done
  if (whole) {
    const auto root = optional_json(file);
    if (!root) return root.error();
    const json model = root->is_object() ? root->value("model", json()) : json();
    if (!model.is_object() || !model.contains("vocab") || !model.contains("merges") ||
        !model["merges"].is_array() || (model.contains("type") && model["type"] != "BPE"))
      return refuse(file, 0, "has no BPE model with vocab and merges", byte_level_hint);
    vocabulary = model["vocab"];
    std::vector<std::string> complaints;
    for (const char* key :
         {"unk_token", "continuing_subword_prefix", "end_of_word_suffix", "dropout"}) {
      if (model.contains(key) && !model[key].is_null() && model[key] != json("") &&
          model[key] != 0.0 &&
          !(std::string_view(key) == "unk_token" && model[key] == std::string(end_of_text)))
        complaints.push_back(fmt::format("model.{} is {}, wanted null", key, model[key].dump()));
    }
    if (flag_of(model, "byte_fallback", false))
      complaints.emplace_back("model.byte_fallback is true");
    state->whole_words = flag_of(model, "ignore_merges", false);
    auto extras = extras_of(*root, complaints);
    if (!complaints.empty()) {
      std::vector<Diagnostic> diagnostics;
      for (auto& what : complaints)
        diagnostics.push_back({file.string(), 0, 0, std::move(what), byte_level_hint});
      return Error(std::move(diagnostics));
    }
    state->prefix_space = extras.prefix_space;
    state->split = extras.split;
    state->before = std::move(extras.before);
    state->after = std::move(extras.after);
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
    const json list = root->value("added_tokens", json::array());
    for (const auto& entry : list) {
      auto token = added_from(entry, entry.is_object() ? entry.value("id", json()) : json());
      if (!token) return refuse(file, 0, "has an added token without content and id");
      added.push_back(std::move(*token));
    }
  } else {
    file = directory / "vocab.json";
    merges_file = directory / "merges.txt";
    if (!fs::exists(file, error))
      return refuse(file, 0, "is not there, and neither is tokenizer.json",
                    "a tokenizer is vocab.json and merges.txt, or tokenizer.json");
    auto parsed = optional_json(file);
    if (!parsed) return parsed.error();
    vocabulary = std::move(*parsed);
    const auto merges = read_file(merges_file);
    if (!merges) return merges.error();
    std::istringstream in(*merges);
    int row = 0;
    for (std::string merge; std::getline(in, merge);) {
      ++row;
      if (!merge.empty() && merge.back() == '\r') merge.pop_back();
      if (merge.empty() || merge.rfind("#version", 0) == 0) continue;
      const auto blank = merge.find(' ');
      if (blank == std::string::npos || merge.find(' ', blank + 1) != std::string::npos) {
        return refuse(merges_file, row,
                      fmt::format("\"{}\" is not two tokens with a blank between",
                                  repaired(merge.substr(0, 60))));
      }
      if (state->merge_list.empty()) first_row = row;
      state->merge_list.emplace_back(merge.substr(0, blank), merge.substr(blank + 1));
    }
    const auto own = optional_json(directory / "added_tokens.json");
    if (!own) return own.error();
    if (own->is_object()) {
      for (const auto& [content, id] : own->items()) {
        auto token = added_from(json{{"content", content}}, id);
        if (!token)
          return refuse(directory / "added_tokens.json", 0,
                        fmt::format("the token \"{}\" has no id", content));
        added.push_back(std::move(*token));
      }
    }
  }
  const auto settings = optional_json(directory / "tokenizer_config.json");
  if (!settings) return settings.error();
  if (settings->is_object()) {
    state->prefix_space = flag_of(*settings, "add_prefix_space", state->prefix_space);
    const json list = settings->value("added_tokens_decoder", json::object());
    if (list.is_object()) {
      for (const auto& [key, entry] : list.items()) {
        std::uint32_t id = 0;
        const auto [end, bad] = std::from_chars(key.data(), key.data() + key.size(), id);
        auto token = bad == std::errc() && end == key.data() + key.size() ? added_from(entry, id)
                                                                          : std::nullopt;
        if (!token)
          return refuse(directory / "tokenizer_config.json", 0,
                        fmt::format("the added token {} has no id and content", key.substr(0, 60)));
        // The later file knows how the token is to be found in a text.
        std::erase_if(added, [&](const Added& a) { return a.content == token->content; });
        added.push_back(std::move(*token));
      }
    }
  }
  if (!vocabulary.is_object() || vocabulary.empty())
    return refuse(file, 0, "is no JSON object of tokens and ids");
  // Ids may have holes, but no number in a file makes this allocate more than the file is long.
  const std::size_t id_end = vocabulary.size() + added.size() + 65'536;
  std::size_t size = 0;
  const auto place = [&](const std::string& token, std::uint64_t id) -> std::string {
    if (id >= id_end)
      return fmt::format("token \"{}\" has the id {}, wanted less than {}", token, id, id_end);
    if (size <= id) size = id + 1;
    state->tokens.resize(std::max(state->tokens.size(), size));
    auto& there = state->tokens[id];
    if (!there.empty() && there != token)
      return fmt::format("tokens \"{}\" and \"{}\" have the same id {}", there, token, id);
    there = token;
    return {};
  };
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_unsigned() || token.empty())
      return refuse(
          file, 0,
          fmt::format("token \"{}\" has the id {}, wanted a whole number", token, id.dump()));
    if (const auto wrong = place(token, id.get<std::uint64_t>()); !wrong.empty())
      return refuse(file, 0, wrong);
  }
  for (auto& token : added) {
    // What is in the vocabulary keeps its id there.
    if (const auto known = vocabulary.find(token.content); known != vocabulary.end()) {
      token.id = known->get<std::uint32_t>();
    } else if (const auto wrong = place(token.content, token.id); !wrong.empty()) {
      return refuse(file, 0, wrong);
    }
  }
  if (settings->is_object() && !whole && flag_of(*settings, "add_bos_token", false)) {
    const json token = settings->value("bos_token", json());
    const json content = token.is_object() ? token.value("content", json()) : token;
    const auto bos = content.is_string() ? content.get<std::string>() : std::string(end_of_text);
    const auto found = std::find(state->tokens.begin(), state->tokens.end(), bos);
    if (found == state->tokens.end())
      return refuse(
          directory / "tokenizer_config.json", 0,
          fmt::format("add_bos_token wants the token \"{}\", which has no id", repaired(bos)));
    state->before.push_back(static_cast<std::uint32_t>(found - state->tokens.begin()));
  }
  state->added = std::move(added);
  if (auto done = state->finish(merges_file, first_row); !done) return done.error();
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
  (void)state->finish({}, 0);
  return Tokenizer(std::move(state));
}

Tokenizer Tokenizer::learn(std::string_view text, std::size_t size) {
  if (size < 257) throw std::invalid_argument("a vocabulary holds 256 bytes and the end of text");
  auto state = std::make_unique<State>();
  for (const auto& letter : byte_letters()) state->tokens.push_back(letter);
  std::unordered_map<std::string, std::uint32_t> known;
  for (std::uint32_t i = 0; i < 256; ++i) known[state->tokens[i]] = i;
  // Where a token stands among equals.
  std::vector<std::uint32_t> order(256);
  {
    std::vector<std::uint32_t> sorted(256);
    std::iota(sorted.begin(), sorted.end(), 0U);
    std::sort(sorted.begin(), sorted.end(), [](std::uint32_t a, std::uint32_t b) {
      return byte_letters()[a] < byte_letters()[b];
    });
    for (std::uint32_t i = 0; i < 256; ++i) order[sorted[i]] = i;
  }

  struct Piece {
    std::vector<std::uint32_t> parts;
    std::int64_t count = 0;
  };
  std::vector<Piece> pieces;
  {
    std::unordered_map<std::string_view, std::size_t> met;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = piece_end(text, at);
      const auto piece = text.substr(at, end - at);
      const auto [found, fresh] = met.try_emplace(piece, pieces.size());
      if (fresh) {
        pieces.emplace_back();
        for (const char c : piece) pieces.back().parts.push_back(static_cast<unsigned char>(c));
      }
      ++pieces[found->second].count;
      at = end;
    }
  }

  struct Pair {
    std::int64_t count = 0;
    std::vector<std::uint32_t> where;  ///< Pieces that have, or had, it.
  };
  const auto key = [](std::uint32_t left, std::uint32_t right) {
    return std::uint64_t{left} << 32U | right;
  };
  std::unordered_map<std::uint64_t, Pair> pairs;
  for (std::uint32_t i = 0; i < pieces.size(); ++i) {
    const auto& parts = pieces[i].parts;
    for (std::size_t p = 1; p < parts.size(); ++p) {
      auto& pair = pairs[key(parts[p - 1], parts[p])];
      pair.count += pieces[i].count;
      if (pair.where.empty() || pair.where.back() != i) pair.where.push_back(i);
    }
  }
  struct Candidate {
    std::int64_t count;
    std::uint64_t order;
    std::uint64_t key;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : order > other.order;
    }
  };
  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::uint64_t pair, std::int64_t count) {
    queue.push({count, key(order[pair >> 32U], order[static_cast<std::uint32_t>(pair)]), pair});
  };
  for (const auto& [pair, found] : pairs) offer(pair, found.count);

  while (state->tokens.size() + 1 < size && !queue.empty()) {
    const auto top = queue.top();
    queue.pop();
    const auto found = pairs.find(top.key);
    if (found == pairs.end()) continue;
    if (found->second.count != top.count) {
      if (found->second.count > 1) offer(top.key, found->second.count);
      continue;
    }
    if (top.count < 2) break;
    const auto left = static_cast<std::uint32_t>(top.key >> 32U);
    const auto right = static_cast<std::uint32_t>(top.key);
    const auto where = std::move(found->second.where);
    pairs.erase(found);
    // Two ways to the same letters are one token.
    const auto [token, fresh] = known.try_emplace(state->tokens[left] + state->tokens[right],
                                                  static_cast<std::uint32_t>(state->tokens.size()));
    state->merge_list.emplace_back(state->tokens[left], state->tokens[right]);
    const auto joined = token->second;
    if (fresh) {
      state->tokens.push_back(token->first);
      order.push_back(joined);
    }
    std::set<std::uint64_t> grown;
    std::uint32_t last = none;
    for (const auto i : where) {
      if (i == last) continue;
      last = i;
      auto& parts = pieces[i].parts;
      const auto count = pieces[i].count;
      const auto change = [&](std::uint32_t a, std::uint32_t b, std::int64_t by) {
        if (by < 0) {
          const auto old = pairs.find(key(a, b));
          if (old != pairs.end()) old->second.count += by;
          return;
        }
        auto& pair = pairs[key(a, b)];
        pair.count += by;
        if (pair.where.empty() || pair.where.back() != i) pair.where.push_back(i);
        grown.insert(key(a, b));
      };
      std::size_t to = 0;
      for (std::size_t p = 0; p < parts.size(); ++to) {
        if (p + 1 == parts.size() || parts[p] != left || parts[p + 1] != right) {
          parts[to] = parts[p++];
          continue;
        }
        // What stands before is as it is after this pass, what stands behind as it was.
        if (to > 0) change(parts[to - 1], left, -count), change(parts[to - 1], joined, count);
        if (p + 2 < parts.size())
          change(right, parts[p + 2], -count), change(joined, parts[p + 2], count);
        parts[to] = joined;
        p += 2;
      }
      parts.resize(to);
    }
    for (const auto pair : grown) {
      const auto now = pairs.find(pair);
      if (now != pairs.end() && now->second.count > 1) offer(pair, now->second.count);
    }
  }
  state->tokens.emplace_back(end_of_text);
  (void)state->finish({}, 0);
  return Tokenizer(std::move(state));
}

std::vector<std::uint32_t> Tokenizer::encode(std::string_view text, EndOfText end) const {
  std::vector<std::uint32_t> ids;
  if (end == EndOfText::token) ids = state_->before;
  // Whoever comes while another thread uses the table of known pieces does without.
  const std::unique_lock lock(state_->known_mutex, std::try_to_lock);
  if (lock.owns_lock() && state_->known.empty()) state_->known.resize(State::known_count);
  state_->encode_split(text, false, end, lock.owns_lock(), ids);
  if (end == EndOfText::token) ids.insert(ids.end(), state_->after.begin(), state_->after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const std::uint32_t> ids) const {
  std::string out;
  for (const auto id : ids) {
    if (id < state_->bytes.size()) out += state_->bytes[id];
  }
  return out;
}

Result<Done> Tokenizer::save(const fs::path& directory) const {
  std::error_code error;
  fs::create_directories(directory, error);
  json vocabulary = json::object();
  for (std::size_t i = 0; i < state_->tokens.size(); ++i) {
    if (!state_->tokens[i].empty()) vocabulary[state_->tokens[i]] = i;
  }
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : state_->merge_list)
    merges += fmt::format("{} {}\n", left, right);
  if (auto done = write_file(directory / "merges.txt", merges); !done) return done;
  return write_file(directory / "vocab.json", vocabulary.dump());
}

}  // namespace foreline::gpt2
