// SPDX-License-Identifier: Apache-2.0
#include "inference/forecaster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/model.hpp"
#include "inference/gpt2/tokenizer.hpp"
#include "inference/gpt2/workers.hpp"
#include "inference/hazard_trees.hpp"
#include "inference/language/answers.hpp"
#include "inference/language/language.hpp"

namespace foreline::inference {

using namespace line;

namespace {

/// Sequences read in one pass; more add memory, not speed.
constexpr std::size_t batch_max = 32;
/// The horizon that the reasons are about: the alarm's.
constexpr double reason_horizon_s = 7200;

/// The trees beside a checkpoint; without any in its notes, none.
Result<std::optional<HazardTrees>> trees_beside(const std::filesystem::path& directory,
                                                const ModelNotes& notes) {
  if (!notes.trees) return std::optional<HazardTrees>();
  const auto file = directory / tree_file;
  const auto bytes = gpt2::read_file(file);
  if (!bytes) return bytes.error();
  if (gpt2::checksum(*bytes) != notes.trees->sum)
    return Error({{file.string(), 0, 0, "is not the file that was written with this model",
                   "copy the whole folder again, or train anew"}});
  auto trees = HazardTrees::read(*bytes, file.string());
  if (!trees) return trees.error();
  return std::optional(std::move(*trees));
}

constexpr Blend trees_alone{0, 0, 1};

}  // namespace

struct Forecaster::State {
  Language language;
  gpt2::Model model;
  ModelNotes notes;
  std::vector<std::uint32_t> token_of_word;
  std::array<std::uint32_t, answer_count> answers{};
  ForecasterOptions options;
  std::optional<HazardTrees> trees;

  /// A window as GPT-2 and trees read it, and the kinds of fault that they are asked about.
  struct Asked {
    Sentence sentence;
    TreeRow row;
    FaultKinds kinds;
  };

  [[nodiscard]] Asked asked_of(const Window& window) const {
    return {language.say(window), tree_row(window), window.kinds};
  }

  /// What the GPT-2 says.
  std::vector<std::vector<KindForecast>> answer(const std::vector<Asked>& asked) const {
    std::vector<std::vector<KindForecast>> answered;
    const auto vocabulary = model.config().vocab_size;
    for (std::size_t from = 0; from < asked.size(); from += batch_max) {
      const auto some = std::span(asked).subspan(from, std::min(batch_max, asked.size() - from));
      std::vector<gpt2::Sequence> sequences;
      for (const auto& one : some)
        sequences.push_back(sequence_of(one.sentence, one.kinds, token_of_word));
      const auto logits = model.logits(sequences);
      const auto* row = logits.data();
      for (const auto& one : some) {
        auto& kinds = answered.emplace_back();
        for (const auto kind : all_fault_kinds) {
          if (!one.kinds[static_cast<std::size_t>(kind)]) continue;
          std::array<float, answer_count> scores{};
          for (std::size_t a = 0; a < answer_count; ++a) scores[a] = row[answers[a]];
          const double temperature = notes.temperatures[static_cast<std::size_t>(kind)];
          kinds.push_back({kind, horizons_of(answer_shares(scores, temperature)), {}});
          row += vocabulary;
        }
      }
    }
    return answered;
  }

  /// What the GPT-2 and the trees say; with `voice` given, weighted so.
  void blend(const std::vector<Asked>& asked, std::vector<std::vector<KindForecast>>& answered,
             const std::optional<Blend>& voice = {}) const {
    if (!trees) return;
    for (std::size_t i = 0; i < asked.size(); ++i)
      for (auto& kind : answered[i])
        if (const auto odds = trees->log_odds(kind.kind, asked[i].row))
          kind.within = blended(kind.within, *odds, voice.value_or(notes.trees->blend));
  }

  void give_reasons(std::span<const Window> windows, const std::vector<Asked>& said,
                    const std::vector<std::size_t>& asked, std::vector<Forecast>& forecasts) const {
    struct Hidden {
      std::size_t forecast;
      std::size_t signal;
    };
    std::vector<Hidden> hidden;
    std::vector<Asked> unsaid;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      for (std::size_t s = 0; s < windows[asked[i]].signals.size(); ++s) {
        if (!windows[asked[i]].signals[s].known) continue;
        hidden.push_back({asked[i], s});
        unsaid.push_back({language.hide(said[i].sentence, s),
                          tree_row(windows[asked[i]], static_cast<std::ptrdiff_t>(s)),
                          said[i].kinds});
      }
    }
    auto answered = answer(unsaid);
    blend(unsaid, answered);
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      auto& forecast = forecasts[hidden[i].forecast];
      for (std::size_t k = 0; k < forecast.kinds.size(); ++k) {
        const double fall = forecast.kinds[k].probability_within(reason_horizon_s) -
                            answered[i][k].probability_within(reason_horizon_s);
        forecast.kinds[k].reasons.push_back(
            {static_cast<std::uint32_t>(hidden[i].signal), static_cast<float>(fall)});
      }
    }
    for (const auto position : asked) {
      for (auto& kind : forecasts[position].kinds) {
        std::stable_sort(kind.reasons.begin(), kind.reasons.end(),
                         [](const Reason& a, const Reason& b) {
                           return std::abs(a.contribution) > std::abs(b.contribution);
                         });
      }
    }
  }
};

Result<Forecaster> Forecaster::load(const std::filesystem::path& directory,
                                    const ForecasterOptions& options) {
  auto checkpoint = gpt2::load_checkpoint(directory);
  if (!checkpoint) return checkpoint.error();
  auto tokenizer = gpt2::Tokenizer::load(directory);
  if (!tokenizer) return tokenizer.error();
  const auto config_file = (directory / "config.json").string();
  auto notes = model_notes_from(checkpoint->config.foreline, config_file);
  if (!notes) return notes.error();
  Language language;
  std::vector<std::uint32_t> token_of_word;
  for (const auto& word : language.words()) {
    const auto ids = tokenizer->encode(" " + word);
    if (ids.size() != 1 || ids.front() >= checkpoint->config.vocab_size) {
      return Error({{(directory / "vocab.json").string(), 0, 0,
                     fmt::format("the word '{}' is not one token of this vocabulary", word),
                     "use a model that `foreline train` has written"}});
    }
    token_of_word.push_back(ids.front());
  }
  if (checkpoint->config.n_positions < Language::most_positions()) {
    return Error({{config_file, 0, 0,
                   fmt::format("the model has {} positions; sentences need {}",
                               checkpoint->config.n_positions, Language::most_positions()),
                   "use a model that `foreline train` has written"}});
  }
  auto trees = trees_beside(directory, *notes);
  if (!trees) return trees.error();
  auto model =
      gpt2::Model::create(checkpoint->config, checkpoint->weights, {.threads = options.threads});
  if (!model) return model.error();
  auto state = std::make_unique<State>(State{std::move(language),
                                             std::move(*model),
                                             *notes,
                                             std::move(token_of_word),
                                             {},
                                             options,
                                             std::move(*trees)});
  for (std::size_t a = 0; a < answer_count; ++a)
    state->answers[a] = state->token_of_word[state->language.answer(a)];
  return Forecaster(std::move(state));
}

Forecaster::Forecaster(std::unique_ptr<State> state) : state_(std::move(state)) {}
Forecaster::Forecaster(Forecaster&&) noexcept = default;
Forecaster& Forecaster::operator=(Forecaster&&) noexcept = default;
Forecaster::~Forecaster() = default;

std::vector<Forecast> Forecaster::forecast(std::span<const Window> windows) const {
  return voices(windows, false).model;
}

Forecaster::Voices Forecaster::voices(std::span<const Window> windows) const {
  return voices(windows, true);
}

Forecaster::Voices Forecaster::voices(std::span<const Window> windows, bool apart) const {
  const auto& s = *state_;
  Voices voices;
  auto& forecasts = voices.model;
  std::vector<std::size_t> asked;
  std::vector<State::Asked> said;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto& window = windows[i];
    auto& forecast = forecasts.emplace_back();
    forecast.machine = window.machine;
    forecast.at_s = window.at_s;
    forecast.missing_share = window.missing_share;
    if (!window.ready) {
      forecast.why_not = window.why_not;
    } else if (static_cast<double>(window.missing_share) > s.options.max_missing_share) {
      forecast.why_not = fmt::format("{:.0f} % of the last half hour's input is missing",
                                     100 * window.missing_share);
    } else if (window.kinds.none()) {
      forecast.why_not = "the line file names no fault of this machine";
    } else {
      forecast.available = true;
      asked.push_back(i);
      said.push_back(s.asked_of(window));
      forecast.sentence = s.language.text(said.back().sentence);
    }
  }
  auto answered = s.answer(said);
  const auto tell = [&](auto answers, std::vector<Forecast>& told) {
    for (std::size_t i = 0; i < asked.size(); ++i) told[asked[i]].kinds = std::move(answers[i]);
  };
  if (apart) {
    voices.network = forecasts;
    tell(answered, voices.network);
    if (s.trees) {
      auto by_trees = answered;
      s.blend(said, by_trees, trees_alone);
      voices.trees = forecasts;
      tell(std::move(by_trees), voices.trees);
    }
  }
  s.blend(said, answered);
  tell(std::move(answered), forecasts);
  if (s.options.reasons) s.give_reasons(windows, said, asked, forecasts);
  return voices;
}

void Forecaster::take_short_turns() {
  gpt2::take_short_turns();
}

std::string Forecaster::description() const {
  if (!state_->trees) return state_->model.description();
  return fmt::format("{}, with {} trees", state_->model.description(), state_->trees->trees());
}

}  // namespace foreline::inference
