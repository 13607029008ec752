// SPDX-License-Identifier: Apache-2.0
#include "inference/train/training.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "inference/baselines/baselines.hpp"
#include "inference/forecaster.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/course.hpp"
#include "inference/gpt2/tokenizer.hpp"
#include "inference/gpt2/trainer.hpp"
#include "inference/hazard_trees.hpp"
#include "inference/language/answers.hpp"
#include "inference/language/language.hpp"
#include "inference/train/calibration.hpp"
#include "inference/train/examples.hpp"
#include "inference/train/growth.hpp"
#include "inference/train/lessons.hpp"
#include "sim/line/random.hpp"

namespace foreline::inference {

using namespace line;

namespace {

/// Share of sentences in which one signal is hidden, so that "not known" is an ordinary word.
constexpr double hidden_share = 0.15;

/// Levels are ordered: the embeddings of a statistic's words start along one random direction, so
/// that a word seen rarely leans on its neighbours from the first step.
void put_in_order(gpt2::Weights& weights, std::size_t width, std::uint64_t seed,
                  const Language& language, std::span<const std::uint32_t> tokens) {
  constexpr double reach = 0.06;
  for (std::size_t kind = 0; kind < signal_kind_count; ++kind) {
    for (std::size_t s = 0; s < statistic_count; ++s) {
      for (std::size_t level = 0; level < level_count; ++level) {
        const double at = 2 * (static_cast<double>(level) + 0.5) / level_count - 1;
        const auto word =
            language.word(static_cast<SignalKind>(kind), static_cast<Statistic>(s), level);
        float* row = &weights.wte[tokens[word] * width];
        for (std::size_t i = 0; i < width; ++i) {
          const double direction =
              2 * random_uniform(seed, static_cast<std::uint32_t>(kind * statistic_count + s),
                                 Purpose::training, 1'000'000 + i) -
              1;
          row[i] = 0.25F * row[i] + static_cast<float>(reach * at * direction);
        }
      }
    }
  }
}

/// What simulated days leave behind for those who learn.
struct Days {
  std::vector<Lesson> lessons;  ///< For the GPT-2.
  TreeLessons tree_lessons;
  std::vector<Example> ages;
  HeldOut held_out;
};

/// Without `teach` there are no lessons for a GPT-2, and only the days that trees learn from.
Result<Days> simulated_days(const Population& population, const TrainOptions& options,
                            const Lessons& lessons, bool teach, const Simulate& simulate,
                            const Say& say) {
  Days days;
  const auto count = teach ? options.days : std::min(options.days, options.tree_days);
  std::size_t examples = 0;
  auto simulated = for_each_day(
      population, options.seed + training_seeds, count, simulate,
      [&](std::uint32_t day, const Trial& trial, const Outcome& outcome) {
        for (auto& example : examples_of(trial, outcome, day)) {
          if (example.window.kinds.none()) continue;
          if (teach) days.lessons.push_back(lessons.lesson_of(example));
          if (day < options.tree_days) days.tree_lessons.add(example);
          if (++examples % 7 == 0) days.ages.push_back(std::move(example));
        }
        if ((day + 1) % 100 == 0)
          say(fmt::format("simulated {} of {} days, {} examples", day + 1, count, examples));
      },
      options.stop);
  if (!simulated) return simulated.error();
  simulated =
      for_each_day(population, options.seed + validation_seeds, options.validation_days, simulate,
                   [&](std::uint32_t day, const Trial& trial, const Outcome& outcome) {
                     for (const auto& example : examples_of(trial, outcome, day))
                       if (example.window.kinds.any()) days.held_out.add(example, lessons);
                   });
  if (!simulated) return simulated.error();
  say(fmt::format("learning from {} examples, {} held out", examples, days.held_out.size()));
  return days;
}

/// Grows trees beside a GPT-2, calibrates both, and writes the folder. `notes` are those of before.
Result<Done> finish(const Days& days, const TrainOptions& options, ModelNotes notes,
                    gpt2::Config config, const gpt2::Weights& weights,
                    const gpt2::Tokenizer& tokenizer, const Lessons& lessons, const Say& say,
                    const std::filesystem::path& out) {
  if (!days.ages.empty()) {
    const auto age = AgeHazard::fit(days.ages);
    notes.age_shape = age.shape();
    notes.age_scale_h = age.scale_h();
  }
  auto model = gpt2::Model::create(config, weights, {.threads = options.threads});
  if (!model) return model.error();
  HazardTrees trees;
  if (options.tree_days > 0) {
    say(fmt::format("growing trees from {} examples", days.tree_lessons.size()));
    auto grown = days.tree_lessons.grow(options.seed, options.threads, options.stop);
    if (!grown) return grown.error();
    trees = std::move(*grown);
  }
  days.held_out.calibrate(notes, *model, lessons, trees, say);
  if (auto saved = tokenizer.save(out); !saved) return saved.error();
  if (notes.trees) {
    const auto bytes = trees.bytes();
    notes.trees->sum = gpt2::checksum(bytes);
    if (auto saved = gpt2::write_file(out / tree_file, bytes); !saved) return saved.error();
  }
  config.foreline = to_json(notes);
  auto saved = gpt2::save_checkpoint(out, config, weights);
  std::error_code ignored;
  if (saved && !notes.trees) std::filesystem::remove(out / tree_file, ignored);
  return saved;
}

}  // namespace

Result<Done> train(const Population& population, const TrainOptions& options,
                   const Simulate& simulate, const Say& say, const std::filesystem::path& out) {
  const Language language;
  const auto tokenizer = gpt2::Tokenizer::of_words(language.words());
  const Lessons lessons(language, tokenizer);

  const auto days = simulated_days(population, options, lessons, true, simulate, say);
  if (!days) return days.error();
  const auto& learned = days->lessons;
  if (learned.size() < options.batch)
    return Error("too few examples to learn from", "simulate more days");

  gpt2::Config config;
  config.vocab_size = tokenizer.size();
  config.n_positions = (Language::most_positions() + 7) / 8 * 8;
  config.n_embd = options.width;
  config.n_layer = options.layers;
  config.n_head = options.heads;
  config.n_inner = 4 * options.width;
  config.eos_token_id = tokenizer.size() - 1;
  gpt2::TrainRules rules;
  rules.threads = options.threads;
  auto weights = gpt2::initial_weights(config, options.seed);
  put_in_order(weights, config.n_embd, options.seed, language, lessons.tokens());
  gpt2::Trainer trainer(config, std::move(weights), rules);
  // A step's draws are numbered by the step, so that a resumed run draws what an unbroken one does.
  const auto draws_a_step = 3 * std::uint64_t{options.batch};
  const auto teach = [&](std::uint64_t step, std::size_t) {
    std::vector<const Lesson*> batch;
    gpt2::Lesson taught;
    for (std::size_t i = 0; i < options.batch; ++i) {
      const auto uniform = [&](std::uint64_t number) {
        return random_uniform(options.seed, 7, Purpose::training,
                              step * draws_a_step + 3 * i + number);
      };
      const auto position =
          static_cast<std::size_t>(uniform(0) * static_cast<double>(learned.size()));
      const auto& lesson = learned[std::min(position, learned.size() - 1)];
      const auto& told = lesson.sentence.signal;
      const auto signals = *std::max_element(told.begin(), told.end()) + 1;
      const bool hide = uniform(1) < hidden_share && signals > 0;
      batch.push_back(&lesson);
      taught.batch.push_back(
          lessons.sequence_of(lesson, hide ? static_cast<int>(uniform(2) * signals) : -1));
    }
    taught.loss =
        gpt2::Loss([&lessons, batch](std::span<const float> logits, std::span<float> slope) {
          return lessons.loss(batch, logits, slope);
        });
    return taught;
  };
  gpt2::Course course;
  course.steps = options.steps;
  course.warmup = options.steps / 40 + 1;
  course.peak_rate = options.peak_rate;
  course.state = out / "training.state";
  course.save_every = options.checkpoint_every;
  course.resume = options.resume;
  course.identity = {
      {"seed", std::to_string(options.seed)},   {"days", std::to_string(options.days)},
      {"batch", std::to_string(options.batch)}, {"threads", std::to_string(options.threads)},
      {"population", options.population},       {"examples", std::to_string(learned.size())}};
  auto taught = gpt2::teach(trainer, course, teach, {{}, say, options.stop});
  if (!taught) return taught.error();

  auto written = finish(*days, options, {}, config, taught->weights, tokenizer, lessons, say, out);
  std::error_code ignored;
  if (written) std::filesystem::remove(course.state, ignored);
  return written;
}

Result<Done> recalibrate(const std::filesystem::path& model, const Population& population,
                         const TrainOptions& options, const Simulate& simulate, const Say& say,
                         const std::filesystem::path& out) {
  // Whatever is wrong with the folder is said in its words.
  if (auto usable = Forecaster::load(model, {}); !usable) return usable.error();
  const Language language;
  auto tokenizer = gpt2::Tokenizer::load(model);
  if (!tokenizer) return tokenizer.error();
  auto checkpoint = gpt2::load_checkpoint(model);
  if (!checkpoint) return checkpoint.error();
  const auto notes =
      model_notes_from(checkpoint->config.foreline, (model / "config.json").string());
  if (!notes) return notes.error();
  const Lessons lessons(language, *tokenizer);
  const auto days = simulated_days(population, options, lessons, false, simulate, say);
  if (!days) return days.error();
  return finish(*days, options, *notes, checkpoint->config, checkpoint->weights, *tokenizer,
                lessons, say, out);
}

}  // namespace foreline::inference
