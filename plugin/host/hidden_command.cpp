// SPDX-License-Identifier: Apache-2.0
// foreline hidden: what a GPT-2 makes of a text, as transformers' GPT2Model returns it.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "plugin/host/console.hpp"
#include "plugin/host/language_model.hpp"

namespace foreline::host {

namespace {

struct Options {
  ModelChoice model;
  std::string text;
  std::vector<std::uint32_t> ids;
  std::string npy;
  bool json = false;
};

/// The first and the last three of `count` things, or all when they are few.
std::vector<std::size_t> shown(std::size_t count) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i) {
    if (count <= 6 || i < 3 || i + 3 >= count) places.push_back(i);
  }
  return places;
}

int hidden(const Options& options) {
  auto model = open_model(options.model, gpt2::Head::unwanted);
  if (!model) return fail(bad_input, "hidden", model.error());
  gpt2::Sequence sequence{options.ids, {}};
  if (sequence.tokens.empty()) {
    auto tokenizer = gpt2::Tokenizer::load(shipped(options.model.folder));
    if (!tokenizer) return fail(bad_input, "hidden", tokenizer.error());
    sequence.tokens = tokenizer->encode(options.text);
  }
  if (sequence.tokens.empty())
    return fail(bad_input, "hidden", "wants a text that is not empty, or --ids");
  std::vector<float> states;
  try {
    states = model->hidden(std::span(&sequence, 1));
  } catch (const std::invalid_argument& error) {
    return fail(bad_input, "hidden", error.what());
  }
  const auto e = model->config().n_embd;
  const auto rows = sequence.tokens.size();
  if (!options.npy.empty()) {
    NpyFile file(options.npy, e, true);
    file.add(states);
    if (!file.close())
      return fail(environment, "hidden", fmt::format("{} cannot be written", options.npy));
  }
  if (options.json) {
    nlohmann::json table = nlohmann::json::array();
    for (std::size_t r = 0; r < rows; ++r)
      table.push_back(
          std::vector<float>(states.begin() + static_cast<std::ptrdiff_t>(r * e),
                             states.begin() + static_cast<std::ptrdiff_t>((r + 1) * e)));
    fmt::print("{}\n",
               nlohmann::json{{"ids", sequence.tokens}, {"last_hidden_state", table}}.dump());
    return pass;
  }
  fmt::print("ids [{}]\nlast_hidden_state 1 x {} x {}\n", fmt::join(sequence.tokens, ", "), rows,
             e);
  std::size_t before = 0;
  for (const auto r : shown(rows)) {
    if (r > before + 1) fmt::print("  ...\n");
    before = r;
    fmt::print("  [");
    std::size_t last = 0;
    for (const auto i : shown(e)) {
      fmt::print("{}{}{:.4f}", i == 0 ? "" : ", ", i > last + 1 ? "..., " : "",
                 static_cast<double>(states[r * e + i]));
      last = i;
    }
    fmt::print("]\n");
  }
  return pass;
}

}  // namespace

void add_hidden(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "hidden", "Print a text's ids and last hidden state, as transformers' GPT2Model gives them");
  command->add_option("text", options->text, "The text");
  add_model_options(*command, options->model);
  command->add_option("--ids", options->ids, "Token ids instead of a text: 464,2068,7586")
      ->delimiter(',')
      ->check([](const std::string& id) {
        return id.empty() ? std::string("an id is missing, wanted ids like 464,2068") : "";
      });
  command->add_option("--npy", options->npy,
                      "Also write the whole tensor (1 x tokens x n_embd), f32");
  command->add_flag("--json", options->json, "Print the whole tensor as JSON");
  command->footer("Example:\n  foreline hidden \"The quick brown fox jumps over the lazy dog\"");
  command->callback([options, &exit_code] { exit_code = hidden(*options); });
}

}  // namespace foreline::host
