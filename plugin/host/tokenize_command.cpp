// SPDX-License-Identifier: Apache-2.0
// foreline tokenize: text to ids and back.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/language_model.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string model = "inference/models/small";
  std::optional<std::string> text;
  bool lines = false;
  bool decode = false;
  bool plain = false;
  bool json = false;
  std::vector<std::string> learn;
  std::size_t vocabulary = 8192;
  std::string out;
};

/// Learns a tokenizer from files and writes it.
int learn(const Options& options) {
  if (options.out.empty()) return fail(bad_input, "tokenize", "--train needs --out FOLDER");
  if (options.vocabulary < 257)
    return fail(
        bad_input, "tokenize",
        fmt::format("--vocab {}: the 256 bytes and the end of text need 257", options.vocabulary));
  std::string all;
  for (const auto& file : options.learn) {
    auto text = gpt2::read_file(shipped(file));
    if (!text) return fail(bad_input, "tokenize", text.error());
    if (!all.empty()) all += '\n';
    all += *text;
  }
  const auto tokenizer = gpt2::Tokenizer::learn(all, options.vocabulary);
  if (auto saved = tokenizer.save(options.out); !saved)
    return fail(environment, "tokenize", saved.error());
  const auto used = tokenizer.encode(all, gpt2::EndOfText::text).size();
  if (options.json) {
    print_json({{"tokenizer", options.out},
                {"tokens", tokenizer.size()},
                {"bytes_read", all.size()},
                {"tokens_of_them", used}});
    return pass;
  }
  fmt::print(
      "{} tokens from {} bytes, which they make {} of; vocab.json and merges.txt are in {}\n",
      tokenizer.size(), all.size(), used, options.out);
  return pass;
}

int tokenize(const Options& options) {
  if (!options.learn.empty()) return learn(options);
  auto tokenizer = gpt2::Tokenizer::load(shipped(options.model));
  if (!tokenizer) return fail(bad_input, "tokenize", tokenizer.error());
  const auto end = options.plain ? gpt2::EndOfText::text : gpt2::EndOfText::token;
  if (!options.lines) {
    if (!options.text || options.decode)
      return fail(bad_input, "tokenize", "wants a text, or --jsonl and lines on standard input");
    if (options.json) {
      auto tokens = nlohmann::ordered_json::array();
      const auto ids = tokenizer->encode(*options.text, end);
      for (const auto id : ids)
        tokens.push_back(gpt2::repaired(tokenizer->decode(std::span(&id, 1))));
      print_json({{"ids", ids}, {"tokens", tokens}});
      return pass;
    }
    for (const auto id : tokenizer->encode(*options.text, end))
      fmt::print("{:>6}  {}\n", id, json_literal(tokenizer->decode(std::span(&id, 1))));
    return pass;
  }
  if (options.text)
    return fail(bad_input, "tokenize", "--jsonl reads its texts from standard input");
  return for_each_batch(1024, [&](std::span<const std::string> lines, int number) -> int {
    for (const auto& line : lines) {
      const auto record = json_of_line(line, number);
      if (!record) return fail(bad_input, "tokenize", record.error());
      if (options.decode) {
        const auto ids = ids_of(*record, "ids", tokenizer->size(), number);
        if (!ids) return fail(bad_input, "tokenize", ids.error());
        const auto bytes = tokenizer->decode(*ids);
        bool changed = false;
        const auto text = gpt2::repaired(bytes, &changed);
        // Text as transformers decodes it; the exact bytes beside it when they are no UTF-8.
        fmt::print("{{\"text\": {}", json_literal(text));
        if (changed) fmt::print(", \"bytes\": {}", json_literal(bytes));
        fmt::print("}}\n");
      } else {
        const auto text = record->find("text");
        if (text == record->end() || !text->is_string())
          return fail(bad_input, "tokenize",
                      line::Error({{"standard input", number, 0, "has no string \"text\"",
                                    "wanted {\"text\": \"…\"}"}}));
        fmt::print("{{\"ids\": [{}]}}\n",
                   fmt::join(tokenizer->encode(text_of(text->get<std::string>()), end), ", "));
      }
      ++number;
    }
    return pass;
  });
}

}  // namespace

void add_tokenize(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("tokenize", "Turn text into a GPT-2's token ids, or back");
  command->add_option("text", options->text, "The text; with --jsonl, lines of standard input");
  command->add_option("--model", options->model, "Folder with the tokenizer's files")
      ->capture_default_str();
  command->add_flag("--jsonl", options->lines,
                    "Read {\"text\": …} a line, write {\"ids\": […]} a line");
  command->add_flag("--decode", options->decode,
                    "With --jsonl: read {\"ids\": […]}, write {\"text\": …}");
  command->add_flag("--plain", options->plain,
                    "Special tokens in a text are letters, as in a text from a stranger");
  command->add_option("--train", options->learn,
                      "Learn a tokenizer from this text file (repeat for more) instead");
  command->add_option("--vocab", options->vocabulary, "With --train: tokens at most")
      ->capture_default_str();
  command->add_option("--out", options->out, "With --train: folder for vocab.json and merges.txt");
  add_json(*command, options->json, "Print one JSON object; with --jsonl there is one a line");
  command->footer(
      "A text may hold any bytes. In JSON, bytes that are no UTF-8 are taken as they are or as\n"
      "\\udc80 .. \\udcff (Python's surrogateescape). --decode writes U+FFFD for them, as\n"
      "transformers does, and then also \"bytes\", the exact text in that escape.\n"
      "Examples:\n  foreline tokenize \" vibration high\"\n"
      "  foreline tokenize --train scenarios/plant/pumps.csv --vocab 400 --out my-tokenizer");
  command->callback([options, &exit_code] { exit_code = tokenize(*options); });
}

}  // namespace foreline::host
