// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/tokenizer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "tests/unit/gpt2/small_model.hpp"

using namespace foreline::gpt2;

namespace {

std::filesystem::path data_folder() {
  if (const char* given = std::getenv("FORELINE_DATA")) return given;
  return std::filesystem::path(FORELINE_SOURCE_DIR) / ".." / "shared" / "data";
}

}  // namespace

TEST_CASE("texts encode as GPT-2's own tokenizer encodes them") {
  const auto folder = data_folder() / "gpt2-tokenizer";
  if (!std::filesystem::exists(folder)) {
    WARN("no GPT-2 vocabulary at " << folder << "; set FORELINE_DATA to check against it");
    return;
  }
  auto tokenizer = Tokenizer::load(folder);
  REQUIRE(tokenizer);
  CHECK(tokenizer->size() == 50257);
  std::ifstream golden(folder / "golden.jsonl");
  std::size_t checked = 0;
  for (std::string row; std::getline(golden, row); ++checked) {
    const auto entry = nlohmann::json::parse(row);
    const auto text = entry["text"].get<std::string>();
    INFO(row);
    CHECK(tokenizer->encode(text, EndOfText::text) ==
          entry["ids"].get<std::vector<std::uint32_t>>());
    CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
  }
  CHECK(checked > 10);
}

TEST_CASE("a vocabulary of words keeps every word one token, also after saving and loading") {
  const std::vector<std::string> words = {"vibrationA", "vibrationB", "vib", "tool", "a"};
  const auto made = Tokenizer::of_words(words);
  const auto folder = test::fresh_folder("words");
  REQUIRE(made.save(folder));
  auto loaded = Tokenizer::load(folder);
  REQUIRE(loaded);
  for (const Tokenizer* tokenizer : std::initializer_list<const Tokenizer*>{&made, &*loaded}) {
    for (const auto& word : words) CHECK(tokenizer->encode(" " + word).size() == 1);
    const std::string text = " vibrationB tool vibrationA a vib";
    CHECK(tokenizer->encode(text).size() == 5);
    CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
    CHECK(tokenizer->encode("<|endoftext|>").size() == 1);
  }
}

TEST_CASE("every byte string survives, ill-formed UTF-8 too") {
  const auto tokenizer = Tokenizer::of_words(std::vector<std::string>{"x"});
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  std::string noise;
  for (std::size_t i = 0; i < 20'000; ++i)
    noise += static_cast<char>(
        foreline::line::random_word(7, 0, foreline::line::Purpose::training, i) & 0xFFU);
  for (const std::string& text :
       {std::string("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \n\t"), std::string("a\xFF b"),
        std::string("\xE2\x82"), std::string(" \xED\xA0\x80\xC0\x80 "), all, noise}) {
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
  bool changed = false;
  CHECK(repaired("a\xE2\x82z\xFF", &changed) == "a\xEF\xBF\xBDz\xEF\xBF\xBD");
  CHECK(changed);
  CHECK(repaired("caf\xC3\xA9", &changed) == "caf\xC3\xA9");
  CHECK_FALSE(changed);
}

TEST_CASE("a word of a million letters is as good as a short one") {
  const auto tokenizer = Tokenizer::of_words(std::vector<std::string>{"aaaa"});
  // Without its blank no merge applies; with it the first four letters are one token.
  const std::string text = " " + std::string(1'000'000, 'a');
  const auto ids = tokenizer.encode(text);
  CHECK(ids.size() == 1 + 1'000'000 - 4);
  CHECK(tokenizer.decode(ids) == text);
}

TEST_CASE("short and long words merge by the same rule") {
  // Merges over a and b only; each text is encoded inside a word and as one long word.
  const auto folder = test::fresh_folder("merge-rule");
  auto tokens = nlohmann::json::object();
  REQUIRE(Tokenizer::of_words({}).save(folder));
  tokens = nlohmann::json::parse(*read_file(folder / "vocab.json"));
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{
           {"a", "b"}, {"ab", "a"}, {"b", "b"}, {"ab", "ab"}, {"aba", "bb"}, {"abab", "aba"}}) {
    merges += left + " " + right + "\n";
    tokens[left + right] = tokens.size();
  }
  REQUIRE(write_file(folder / "vocab.json", tokens.dump()));
  REQUIRE(write_file(folder / "merges.txt", merges));
  const auto tokenizer = Tokenizer::load(folder);
  REQUIRE(tokenizer);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::string word;
    for (std::size_t i = 0; i < 24 + seed; ++i)
      word += foreline::line::random_word(seed, 0, foreline::line::Purpose::training, i) % 2 == 0
                  ? 'a'
                  : 'b';
    // Merge by hand: the lowest rank, leftmost first.
    std::vector<std::string> parts;
    for (const char c : word) parts.emplace_back(1, c);
    const std::vector<std::string> results = {"ab", "aba", "bb", "abab", "ababb", "abababa"};
    const std::vector<std::string> lefts = {"a", "ab", "b", "ab", "aba", "abab"};
    for (bool merged = true; merged;) {
      merged = false;
      for (std::size_t rank = 0; rank < results.size() && !merged; ++rank) {
        for (std::size_t i = 0; i + 1 < parts.size() && !merged; ++i) {
          if (parts[i] != lefts[rank] || parts[i] + parts[i + 1] != results[rank]) continue;
          parts[i] = results[rank];
          parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
          merged = true;
        }
      }
    }
    std::vector<std::uint32_t> wanted;
    for (const auto& part : parts) wanted.push_back(tokens[part].get<std::uint32_t>());
    CHECK(tokenizer->encode(word) == wanted);
  }
}

TEST_CASE(
    "tokenizer.json is read with its added tokens, and refused by name for what it does more") {
  const auto folder = test::fresh_folder("tokenizer-json");
  REQUIRE(Tokenizer::of_words(std::vector<std::string>{"ab"}).save(folder));
  const auto vocabulary = nlohmann::json::parse(*read_file(folder / "vocab.json"));
  std::filesystem::remove(folder / "vocab.json");
  std::filesystem::remove(folder / "merges.txt");
  nlohmann::json root = {
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"vocab", vocabulary},
        {"merges", {"\u0120 a", nlohmann::json{"\u0120a", "b"}}}}},
      {"added_tokens",
       {{{"id", 500}, {"content", "<mask>"}, {"lstrip", true}, {"special", true}},
        {{"id", 501}, {"content", "<m>"}, {"single_word", true}}}}};
  REQUIRE(write_file(folder / "tokenizer.json", root.dump()));
  const auto tokenizer = Tokenizer::load(folder);
  REQUIRE(tokenizer);
  CHECK(tokenizer->size() == 502);
  const auto ab = vocabulary["\u0120ab"].get<std::uint32_t>();
  CHECK(tokenizer->encode(" ab  <mask> ab") == std::vector<std::uint32_t>{ab, 500, ab});
  CHECK(tokenizer->encode(" ab<m>").back() != 501);
  CHECK(tokenizer->encode(".<m>.")[1] == 501);
  CHECK(tokenizer->decode(std::vector<std::uint32_t>{500, 501}) == "<mask><m>");
  const auto refused = [&](const std::string& key, const nlohmann::json& value) {
    auto changed = root;
    changed[key] = value;
    REQUIRE(write_file(folder / "tokenizer.json", changed.dump()));
    const auto loaded = Tokenizer::load(folder);
    REQUIRE_FALSE(loaded);
    return loaded.error().text();
  };
  CHECK(refused("normalizer", {{"type", "NFKC"}}).find("NFKC") != std::string::npos);
  CHECK(refused("pre_tokenizer", {{"type", "Whitespace"}}).find("Whitespace") != std::string::npos);
  CHECK(refused("added_tokens",
                nlohmann::json::array({{{"id", 4'000'000'000U}, {"content", "<far>"}}}))
            .find("4000000000") != std::string::npos);
  CHECK(refused("model", {{"type", "WordPiece"}}).find("tokenizer.json") != std::string::npos);
}

TEST_CASE("a token that is a word of its own is told from its neighbours as Unicode has words") {
  const auto folder = test::fresh_folder("words");
  REQUIRE(Tokenizer::of_words(std::vector<std::string>{"ab"}).save(folder));
  REQUIRE(
      write_file(folder / "tokenizer_config.json",
                 R"({"added_tokens_decoder": {"300": {"content": "<m>", "single_word": true}}})"));
  const auto tokenizer = Tokenizer::load(folder);
  REQUIRE(tokenizer);
  const auto found = [&](const std::string& text) {
    const auto ids = tokenizer->encode(text);
    return std::find(ids.begin(), ids.end(), 300U) != ids.end();
  };
  // A mark, a connector, a joiner, a digit, a circled letter and a letter of Unicode 16 are of
  // words.
  for (const char* c :
       {"\u0301", "\U00013455", "\u203F", "\u200D", "\u0663", "\u24B6", "\U000105C0", "_", "7"}) {
    INFO(c);
    CHECK_FALSE(found(std::string(c) + "<m>"));
    CHECK_FALSE(found("<m>" + std::string(c)));
  }
  // Fractions, superscripts, symbols and bytes that are no characters are not.
  for (const char* c : {"\u00BD", "\u00B2", "\u20AC", "'", "\xFF", "\U0001D2C0"}) {
    INFO(c);
    CHECK(found(std::string(c) + "<m>"));
    CHECK(found("<m>" + std::string(c)));
  }
}

TEST_CASE("letters and numbers do not depend on how old the system's tables are") {
  // What stands before 're decides whether that is a piece of its own.
  std::string text;
  for (int i = 0; i < 9; ++i) text += "x're ";
  const auto tokenizer = Tokenizer::learn(text, 259);
  const auto pieces = [&](const std::string& before) {
    return tokenizer.encode(before + "'re").size() - before.size();
  };
  CHECK(pieces("x") == 1);
  CHECK(pieces("-") == 3);
  // Of Unicode 15, 15.1 and 16: letters and digits.
  for (const char* c : {"\U00011F04", "\U0002EBF0", "\U000105C0", "\U00011BF0", "\U0001D2C0"}) {
    INFO(c);
    CHECK(pieces(c) == 1);
  }
}

TEST_CASE("a token at the beginning of every text is put there when the settings say so") {
  const auto folder = test::fresh_folder("begins");
  REQUIRE(Tokenizer::of_words(std::vector<std::string>{"ab"}).save(folder));
  const auto plain = Tokenizer::load(folder)->encode(" ab");
  std::filesystem::remove(folder / "tokenizer.json");
  REQUIRE(write_file(folder / "tokenizer_config.json", R"({"add_bos_token": true})"));
  const auto tokenizer = Tokenizer::load(folder);
  REQUIRE(tokenizer);
  const auto ids = tokenizer->encode(" ab");
  REQUIRE(ids.size() == plain.size() + 1);
  CHECK(ids.front() == tokenizer->encode("<|endoftext|>").back());
  REQUIRE(write_file(folder / "tokenizer_config.json",
                     R"({"add_bos_token": true, "bos_token": {"content": "<s>"}})"));
  CHECK(Tokenizer::load(folder).error().text().find("\"<s>\"") != std::string::npos);
}

TEST_CASE("damaged vocabularies are refused with the file's name") {
  const auto folder = test::fresh_folder("damaged-vocabulary");
  CHECK(Tokenizer::load(folder).error().text().find("vocab.json") != std::string::npos);
  REQUIRE(Tokenizer::of_words(std::vector<std::string>{"ab"}).save(folder));
  std::ofstream(folder / "merges.txt", std::ios::app) << "no such\n";
  CHECK(Tokenizer::load(folder).error().text().find("\"no such\"") != std::string::npos);
  std::ofstream(folder / "vocab.json") << "[1, 2";
  CHECK_FALSE(Tokenizer::load(folder));
}

TEST_CASE("a tokenizer is learned from a text, the commonest pairs first") {
  // "ab" four times, then "abc" three times; "d e" is two pieces, so no token spans them.
  const auto tokenizer = Tokenizer::learn("abc abc abc ab d e", 300);
  // 256 bytes, "ab" (4), " ab" (3, as "abc", but the blank is the earlier token), " abc" (2), the
  // end: nothing else is met twice.
  REQUIRE(tokenizer.size() == 260);
  const auto text_of = [&](std::uint32_t id) { return tokenizer.decode(std::span(&id, 1)); };
  CHECK(text_of(256) == "ab");
  CHECK(text_of(257) == " ab");
  CHECK(text_of(258) == " abc");
  CHECK(tokenizer.encode("abc abc ab").size() == 4);
  CHECK(Tokenizer::learn("abc abc abc ab d e", 258).size() == 258);
  CHECK_THROWS_AS(Tokenizer::learn("abc", 256), std::invalid_argument);

  // Overlapping pairs, bytes that are no UTF-8, and what was never seen.
  const auto odd =
      Tokenizer::learn(std::string("aaaaaaa aaaa \xff\xff\xff\xff 1212 1212") + '\0', 400);
  for (const std::string text : {"aaaaa aaa", "\xff\xff\xff 12", "never seen \xe2\x82\xac"})
    CHECK(odd.decode(odd.encode(text)) == text);

  const auto folder = test::fresh_folder("learned");
  REQUIRE(odd.save(folder));
  const auto read = Tokenizer::load(folder);
  REQUIRE(read);
  CHECK(read->encode("aaaaa aaa 1212") == odd.encode("aaaaa aaa 1212"));
}
