// SPDX-License-Identifier: Apache-2.0
// foreline complete: how a text goes on.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "inference/gpt2/generation.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/language_model.hpp"

namespace foreline::host {

namespace {

struct Options {
  ModelChoice model;
  std::string prompt;
  std::size_t count = 40;
  gpt2::Sampling sampling;
  std::vector<std::string> stops;
  std::vector<std::string> choices;
  bool json = false;
};

/// Which of the given continuations fits best, and how well each does among them.
int choose(const Options& options, const gpt2::Model& model, const gpt2::Tokenizer& tokenizer,
           std::span<const std::uint32_t> prompt) {
  std::vector<std::vector<std::uint32_t>> continuations;
  for (const auto& choice : options.choices) continuations.push_back(tokenizer.encode(choice));
  const auto weights = gpt2::weigh(model, prompt, continuations);
  const std::vector<float> logits(weights.begin(), weights.end());
  const auto chosen = gpt2::draw(logits, options.sampling, 0);
  const double highest = *std::max_element(weights.begin(), weights.end());
  std::vector<double> shares;
  for (const double weight : weights) shares.push_back(std::exp(weight - highest));
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= total;
  if (options.json) {
    nlohmann::json list = nlohmann::json::array();
    for (std::size_t i = 0; i < weights.size(); ++i)
      list.push_back({{"choice", gpt2::repaired(options.choices[i])},
                      {"logprob", weights[i]},
                      {"share", shares[i]}});
    fmt::print("{}\n",
               nlohmann::json{{"text", gpt2::repaired(options.choices[chosen])}, {"choices", list}}
                   .dump());
    return pass;
  }
  fmt::print("{}\n", options.choices[chosen]);
  for (std::size_t i = 0; i < weights.size(); ++i)
    fmt::print("{:>8.3f} %{:>12.4f}  {}\n", 100 * shares[i], weights[i],
               json_literal(options.choices[i]));
  return pass;
}

int complete(const Options& options) {
  if (options.prompt.empty()) return fail(bad_input, "complete", "the prompt is empty");
  if (std::count(options.stops.begin(), options.stops.end(), std::string()) != 0)
    return fail(bad_input, "complete", "--stop is empty");
  auto model = open_model(options.model, gpt2::Head::wanted);
  if (!model) return fail(bad_input, "complete", model.error());
  auto tokenizer = gpt2::Tokenizer::load(shipped(options.model.folder));
  if (!tokenizer) return fail(bad_input, "complete", tokenizer.error());
  const auto prompt = tokenizer->encode(options.prompt);
  try {
    if (!options.choices.empty()) return choose(options, *model, *tokenizer, prompt);
    const auto first_stop = [&](const std::string& text) {
      auto first = std::string::npos;
      for (const auto& stop : options.stops) first = std::min(first, text.find(stop));
      return first;
    };
    const auto continued = gpt2::continue_text(
        *model, prompt, options.count, options.sampling, [&](std::span<const std::uint32_t> ids) {
          return !options.stops.empty() && first_stop(tokenizer->decode(ids)) != std::string::npos;
        });
    auto text = tokenizer->decode(continued.ids);
    if (continued.ended == gpt2::Ended::stop) text.resize(first_stop(text));
    if (!options.json) {
      fmt::print("{}\n", text);
      return pass;
    }
    fmt::print("{{\"prompt_ids\": [{}], \"ids\": [{}], \"text\": {}, \"ended\": \"{}\"}}\n",
               fmt::join(prompt, ", "), fmt::join(continued.ids, ", "),
               json_literal(gpt2::repaired(text)), gpt2::name_of(continued.ended));
    return pass;
  } catch (const std::invalid_argument& error) {
    return fail(bad_input, "complete", error.what());
  }
}

}  // namespace

void add_complete(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("complete", "Continue a text with a GPT-2, or choose how");
  command->add_option("prompt", options->prompt, "The text to continue")->required();
  add_model_options(*command, options->model);
  command->add_option("--tokens", options->count, "Tokens at most")->capture_default_str();
  command->add_option("--temperature", options->sampling.temperature, "0 takes the likeliest token")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_option("--top-k", options->sampling.top_k, "Draw from the k likeliest; 0: all")
      ->capture_default_str();
  command
      ->add_option("--top-p", options->sampling.top_p,
                   "Draw from the fewest tokens that have this share together")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", options->sampling.seed, "Seed of the draws")->capture_default_str();
  command->add_option("--stop", options->stops, "End before this text; may be given again")
      ->take_all()
      ->allow_extra_args(false);
  command
      ->add_option("--choice", options->choices,
                   "Answer with one of these continuations; may be given again")
      ->take_all()
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Example:\n"
      "  foreline complete \" vibration\" --tokens 8\n"
      "  foreline complete \" vibration\" --choice \" high\" --choice \" low\"");
  command->callback([options, &exit_code] { exit_code = complete(*options); });
}

}  // namespace foreline::host
