// SPDX-License-Identifier: Apache-2.0
// foreline score: how likely texts are to a GPT-2.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "inference/gpt2/generation.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/language_model.hpp"

namespace foreline::host {

namespace {

/// Tokens in one pass; more add memory, not speed.
constexpr std::size_t batch_tokens = 2048;

struct Options {
  ModelChoice model;
  std::optional<std::string> text;
  bool lines = false;
  bool logits = false;
  std::string npy;
  bool json = false;
};

class Scorer {
 public:
  Scorer(const Options& options, const gpt2::Model& model) : options_(options), model_(model) {
    if (!options.npy.empty()) npy_.emplace(options.npy, model.config().vocab_size, false);
  }

  /// Scores in passes of batch_tokens; as many results as sequences.
  std::vector<std::vector<float>> score(std::span<const gpt2::Sequence> all) {
    std::vector<std::vector<float>> scores;
    for (std::size_t from = 0; from < all.size();) {
      std::size_t count = 0;
      std::size_t tokens = 0;
      while (from + count < all.size() &&
             (count == 0 || tokens + all[from + count].tokens.size() <= batch_tokens))
        tokens += all[from + count++].tokens.size();
      const auto part = all.subspan(from, count);
      if (npy_ && options_.logits) {
        const auto hidden = model_.hidden(part);
        const auto step = 64 * model_.config().n_embd;
        for (std::size_t at = 0; at < hidden.size(); at += step)
          npy_->add(
              model_.project(std::span(hidden).subspan(at, std::min(step, hidden.size() - at))));
      }
      std::function<void(std::span<const float>)> rows;
      if (npy_ && !options_.logits) rows = [&](std::span<const float> some) { npy_->add(some); };
      for (auto& own : gpt2::score(model_, part, rows)) scores.push_back(std::move(own));
      from += count;
    }
    return scores;
  }

  int close() {
    if (npy_ && !npy_->close())
      return fail(environment, "score", fmt::format("{} cannot be written", options_.npy));
    return pass;
  }

 private:
  const Options& options_;
  const gpt2::Model& model_;
  std::optional<NpyFile> npy_;
};

int score_lines(const Options& options, const gpt2::Model& model, Scorer& scorer) {
  std::optional<gpt2::Tokenizer> tokenizer;
  const int status = for_each_batch(64, [&](std::span<const std::string> lines, int first) -> int {
    std::vector<gpt2::Sequence> sequences;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const int number = first + static_cast<int>(i);
      const auto wrong = [&](const std::string& what) {
        return fail(bad_input, "score", line::Error({{"standard input", number, 0, what, {}}}));
      };
      const auto record = json_of_line(lines[i], number);
      if (!record) return fail(bad_input, "score", record.error());
      gpt2::Sequence sequence;
      if (const auto text = record->find("text");
          text != record->end() && text->is_string() && !record->contains("ids")) {
        if (!tokenizer) {
          auto loaded = gpt2::Tokenizer::load(shipped(options.model.folder));
          if (!loaded) return fail(bad_input, "score", loaded.error());
          tokenizer.emplace(std::move(*loaded));
        }
        sequence.tokens = tokenizer->encode(text_of(text->get<std::string>()));
      } else {
        auto ids = ids_of(*record, "ids", model.config().vocab_size, number);
        if (!ids) return fail(bad_input, "score", ids.error());
        sequence.tokens = std::move(*ids);
      }
      if (sequence.tokens.empty()) return wrong("has no tokens, wanted at least one");
      if (sequence.tokens.size() > model.config().n_positions)
        return wrong(fmt::format("has {} tokens, the model has {} positions",
                                 sequence.tokens.size(), model.config().n_positions));
      sequences.push_back(std::move(sequence));
    }
    for (const auto& own : scorer.score(sequences))
      fmt::print("{{\"logprobs\": [{}]}}\n", fmt::join(own, ", "));
    return pass;
  });
  const int closed = scorer.close();
  return status != pass ? status : closed;
}

int score(const Options& options) {
  if (options.lines == options.text.has_value())
    return fail(bad_input, "score", "wants a text, or --jsonl and lines on standard input");
  auto model = open_model(options.model, gpt2::Head::wanted);
  if (!model) return fail(bad_input, "score", model.error());
  Scorer scorer(options, *model);
  if (options.lines) return score_lines(options, *model, scorer);
  auto tokenizer = gpt2::Tokenizer::load(shipped(options.model.folder));
  if (!tokenizer) return fail(bad_input, "score", tokenizer.error());
  const gpt2::Sequence sequence{tokenizer->encode(*options.text), {}};
  std::vector<float> own;
  try {
    own = scorer.score(std::span(&sequence, 1)).front();
  } catch (const std::invalid_argument& error) {
    return fail(bad_input, "score", error.what());
  }
  double sum = 0;
  if (options.json) {
    auto tokens = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < own.size(); ++i) {
      tokens.push_back(gpt2::repaired(tokenizer->decode(std::span(&sequence.tokens[i + 1], 1))));
      sum += static_cast<double>(own[i]);
    }
    print_json({{"ids", sequence.tokens},
                {"tokens", tokens},
                {"logprobs", own},
                {"sum", sum},
                {"perplexity", own.empty() ? nlohmann::ordered_json()
                                           : nlohmann::ordered_json(std::exp(
                                                 -sum / static_cast<double>(own.size())))}});
    return scorer.close();
  }
  for (std::size_t i = 0; i < own.size(); ++i) {
    fmt::print("{:>10.4f}  {}\n", own[i],
               json_literal(tokenizer->decode(std::span(&sequence.tokens[i + 1], 1))));
    sum += static_cast<double>(own[i]);
  }
  fmt::print("{:>10.4f}  sum of {} log-probabilities", sum, own.size());
  if (!own.empty())
    fmt::print(", perplexity {:.2f}", std::exp(-sum / static_cast<double>(own.size())));
  fmt::print("\n");
  return scorer.close();
}

}  // namespace

void add_score(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("score", "Tell how likely a text is to a GPT-2, token by token");
  command->add_option("text", options->text, "The text; with --jsonl, lines of standard input");
  add_model_options(*command, options->model);
  command->add_flag(
      "--jsonl", options->lines,
      "Read {\"ids\": […]} or {\"text\": …} a line, write {\"logprobs\": […]} a line: "
      "of every token but the first, given those before it");
  command->add_option(
      "--npy", options->npy,
      "Also write log-probabilities over the whole vocabulary (tokens of all lines, "
      "in order, x vocab_size), f32");
  command->add_flag("--logits", options->logits, "Logits in the file of --npy instead");
  add_json(*command, options->json, "Print one JSON object; with --jsonl there is one a line");
  command->footer("Example:\n  foreline score \" vibration high temperature high\"");
  command->callback([options, &exit_code] { exit_code = score(*options); });
}

}  // namespace foreline::host
