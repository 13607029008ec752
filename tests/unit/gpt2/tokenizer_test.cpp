// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/tokenizer.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

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

TEST_CASE("every byte string survives, ill-formed UTF-8 as replacement characters") {
  const auto tokenizer = Tokenizer::of_words(std::vector<std::string>{"x"});
  const std::string text = "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \n\t";
  CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  CHECK(tokenizer.decode(tokenizer.encode("a\xFF"
                                          "b")) ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(tokenizer.decode(tokenizer.encode("\xE2\x82")) == "\xEF\xBF\xBD");
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
