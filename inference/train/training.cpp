// SPDX-License-Identifier: Apache-2.0
#include "inference/train/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "inference/baselines/baselines.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/course.hpp"
#include "inference/gpt2/tokenizer.hpp"
#include "inference/gpt2/trainer.hpp"
#include "inference/language/answers.hpp"
#include "inference/language/language.hpp"
#include "inference/train/examples.hpp"
#include "sim/line/random.hpp"

namespace foreline::inference {

using namespace line;

namespace {

/// Share of sentences in which one signal is hidden, so that "not known" is an ordinary word.
constexpr double hidden_share = 0.15;
/// Windows before a fault, at least, for a temperature of a kind's own.
constexpr std::ptrdiff_t least_to_calibrate = 500;

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

/// An example as it is learned: token ids, and the answers.
struct Lesson {
  Sentence sentence;
  FaultKinds kinds;
  std::vector<TimeToFault> truth;  ///< One for each of `kinds`.
  float weight = 1;
};

/// Log-likelihood of a censored answer under `shares`, and how each share enters it: d/dshare of
/// the likelihood. A censored view that ends inside a bin counts that bin in proportion.
double likelihood(const TimeToFault& truth, const std::array<double, answer_count>& shares,
                  std::array<double, answer_count>& part) {
  part.fill(0);
  const auto bin = answer_of(static_cast<double>(truth.after_s));
  if (truth.happened) {
    part[bin] = 1;
  } else {
    for (std::size_t a = bin + 1; a < answer_count; ++a) part[a] = 1;
    const double low = bin == 0 ? 0 : forecast_horizons_s[bin - 1];
    const double high = bin < forecast_horizons_s.size() ? forecast_horizons_s[bin] : low;
    part[bin] = high > low ? 1 - (static_cast<double>(truth.after_s) - low) / (high - low) : 1;
  }
  double sum = 0;
  for (std::size_t a = 0; a < answer_count; ++a) sum += part[a] * shares[a];
  return std::max(sum, 1e-9);
}

class Lessons {
 public:
  Lessons(const Language& language, const gpt2::Tokenizer& tokenizer) : language_(&language) {
    for (const auto& word : language.words()) tokens_.push_back(tokenizer.encode(" " + word).at(0));
    for (std::size_t a = 0; a < answer_count; ++a) answers_[a] = tokens_[language.answer(a)];
  }

  [[nodiscard]] Lesson lesson_of(const Example& example) const {
    Lesson lesson{language_->say(example.window), example.window.kinds, {}, example.weight};
    for (std::size_t k = 0; k < fault_kind_count; ++k)
      if (lesson.kinds[k]) lesson.truth.push_back(example.truth[k]);
    return lesson;
  }

  /// `hide` >= 0: that signal is not known.
  [[nodiscard]] gpt2::Sequence sequence_of(const Lesson& lesson, int hide) const {
    return inference::sequence_of(
        hide < 0 ? lesson.sentence
                 : language_->hide(lesson.sentence, static_cast<std::size_t>(hide)),
        lesson.kinds, tokens_);
  }

  /// Mean weighted negative log-likelihood of the answers among all words of the vocabulary.
  double loss(const std::vector<const Lesson*>& batch, std::span<const float> logits,
              std::span<float> slope) const {
    std::vector<std::pair<const Lesson*, std::size_t>> asked;
    double total_weight = 0;
    for (const auto* lesson : batch) {
      total_weight += static_cast<double>(lesson->weight);
      for (std::size_t i = 0; i < lesson->truth.size(); ++i) asked.emplace_back(lesson, i);
    }
    const auto vocabulary = logits.size() / asked.size();
    double sum = 0;
    std::array<double, answer_count> part{};
    for (std::size_t row = 0; row < asked.size(); ++row) {
      const auto& lesson = *asked[row].first;
      const auto* x = logits.data() + row * vocabulary;
      auto* dx = slope.data() + row * vocabulary;
      const double weight = static_cast<double>(lesson.weight) / total_weight;
      const double highest = *std::max_element(x, x + vocabulary);
      double all = 0;
      for (std::size_t v = 0; v < vocabulary; ++v)
        all += std::exp(static_cast<double>(x[v]) - highest);
      std::array<double, answer_count> shares{};
      for (std::size_t a = 0; a < answer_count; ++a)
        shares[a] = std::exp(static_cast<double>(x[answers_[a]]) - highest) / all;
      const double p = likelihood(lesson.truth[asked[row].second], shares, part);
      sum -= weight * std::log(p);
      for (std::size_t v = 0; v < vocabulary; ++v)
        dx[v] = static_cast<float>(weight * std::exp(static_cast<double>(x[v]) - highest) / all);
      for (std::size_t a = 0; a < answer_count; ++a)
        dx[answers_[a]] -= static_cast<float>(weight * part[a] * shares[a] / p);
    }
    return sum;
  }

  [[nodiscard]] const std::vector<std::uint32_t>& tokens() const { return tokens_; }
  [[nodiscard]] const std::array<std::uint32_t, answer_count>& answers() const { return answers_; }

 private:
  const Language* language_;
  std::vector<std::uint32_t> tokens_;
  std::array<std::uint32_t, answer_count> answers_{};
};

/// The scores of the answers for one kind and lesson.
struct Answered {
  std::array<float, answer_count> scores{};
  TimeToFault truth;
  double weight = 1;
};

/// How many of the faults come before the last horizon.
std::ptrdiff_t came(const std::vector<Answered>& answered) {
  return std::count_if(answered.begin(), answered.end(), [](const Answered& a) {
    return a.truth.happened && answer_of(static_cast<double>(a.truth.after_s)) + 1 < answer_count;
  });
}

double cost_at(const std::vector<Answered>& answered, double temperature) {
  std::array<double, answer_count> part{};
  double sum = 0;
  for (const auto& a : answered)
    sum -= a.weight * std::log(likelihood(a.truth, answer_shares(a.scores, temperature), part));
  return sum;
}

/// The temperature at which the answers are likeliest, by golden section on its logarithm.
double best_temperature(const std::vector<Answered>& answered) {
  constexpr double golden = 0.6180339887498949;
  double low = std::log(0.4);
  double high = std::log(3.0);
  for (int i = 0; i < 24; ++i) {
    const double a = high - golden * (high - low);
    const double b = low + golden * (high - low);
    if (cost_at(answered, std::exp(a)) < cost_at(answered, std::exp(b)))
      high = b;
    else
      low = a;
  }
  return std::exp((low + high) / 2);
}

}  // namespace

Result<Done> train(const Population& population, const TrainOptions& options,
                   const Simulate& simulate, const Say& say, const std::filesystem::path& out) {
  const Language language;
  const auto tokenizer = gpt2::Tokenizer::of_words(language.words());
  const Lessons lessons(language, tokenizer);

  std::vector<Lesson> learned;
  std::vector<Example> ages;
  auto simulated = for_each_day(
      population, options.seed + training_seeds, options.days, simulate,
      [&](std::uint32_t day, const Trial& trial, const Outcome& outcome) {
        for (auto& example : examples_of(trial, outcome, day)) {
          if (example.window.kinds.none()) continue;
          learned.push_back(lessons.lesson_of(example));
          if (learned.size() % 7 == 0) ages.push_back(std::move(example));
        }
        if ((day + 1) % 100 == 0)
          say(fmt::format("simulated {} of {} days, {} examples", day + 1, options.days,
                          learned.size()));
      },
      options.stop);
  if (!simulated) return simulated.error();
  if (learned.size() < options.batch)
    return Error("too few examples to learn from", "simulate more days");
  ModelNotes notes;
  const auto age = AgeHazard::fit(ages);
  notes.age_shape = age.shape();
  notes.age_scale_h = age.scale_h();

  std::vector<Lesson> held_out;
  simulated =
      for_each_day(population, options.seed + validation_seeds, options.validation_days, simulate,
                   [&](std::uint32_t day, const Trial& trial, const Outcome& outcome) {
                     for (const auto& example : examples_of(trial, outcome, day))
                       if (example.window.kinds.any())
                         held_out.push_back(lessons.lesson_of(example));
                   });
  if (!simulated) return simulated.error();
  say(fmt::format("learning from {} examples, {} held out", learned.size(), held_out.size()));

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

  auto model = gpt2::Model::create(config, taught->weights, {.threads = options.threads});
  if (!model) return model.error();
  std::array<std::vector<Answered>, fault_kind_count> answered;
  constexpr std::size_t chunk = 32;
  for (std::size_t from = 0; from < held_out.size(); from += chunk) {
    std::vector<gpt2::Sequence> sequences;
    for (std::size_t i = from; i < std::min(held_out.size(), from + chunk); ++i)
      sequences.push_back(lessons.sequence_of(held_out[i], -1));
    const auto logits = model->logits(sequences);
    const auto* row = logits.data();
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const auto& lesson = held_out[from + s];
      auto truth = lesson.truth.begin();
      for (std::size_t k = 0; k < fault_kind_count; ++k) {
        if (!lesson.kinds[k]) continue;
        auto& a = answered[k].emplace_back();
        a.truth = *truth++;
        a.weight = static_cast<double>(lesson.weight);
        for (std::size_t i = 0; i < answer_count; ++i) a.scores[i] = row[lessons.answers()[i]];
        row += config.vocab_size;
      }
    }
  }
  std::vector<Answered> all;
  for (const auto& of_kind : answered) all.insert(all.end(), of_kind.begin(), of_kind.end());
  const double usual = best_temperature(all);
  for (std::size_t k = 0; k < fault_kind_count; ++k) {
    if (answered[k].empty()) continue;
    notes.temperatures[k] =
        came(answered[k]) >= least_to_calibrate ? best_temperature(answered[k]) : usual;
    double weight = 0;
    for (const auto& a : answered[k]) weight += a.weight;
    say(fmt::format("{}: validation loss {:.5f}, temperature {:.3f}", name_of(all_fault_kinds[k]),
                    cost_at(answered[k], notes.temperatures[k]) / weight, notes.temperatures[k]));
  }
  config.foreline = to_json(notes);
  if (auto saved = tokenizer.save(out); !saved) return saved.error();
  auto saved = gpt2::save_checkpoint(out, config, taught->weights);
  std::error_code ignored;
  if (saved) std::filesystem::remove(course.state, ignored);
  return saved;
}

}  // namespace foreline::inference
