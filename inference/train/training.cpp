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
#include "sim/line/random.hpp"

namespace foreline::inference {

using namespace line;

namespace {

constexpr std::size_t days_at_once = 16;
constexpr double alarm_horizon_s = 7200;
/// Share of sentences in which one signal is hidden, so that "not known" is an ordinary word.
constexpr double hidden_share = 0.15;

/// An example as it is learned: token ids, and the answers.
struct Lesson {
  std::vector<std::uint16_t> words;
  std::vector<std::int16_t> signal;
  std::array<TimeToFault, fault_kind_count> truth;
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
    auto sentence = language_->say(example.window);
    return {std::move(sentence.words), std::move(sentence.signal), example.truth, example.weight};
  }

  /// `hide` >= 0: that signal is not known.
  [[nodiscard]] gpt2::Sequence sequence_of(const Lesson& lesson, int hide) const {
    Sentence sentence{lesson.words, lesson.signal};
    if (hide >= 0) sentence = language_->hide(sentence, static_cast<std::size_t>(hide));
    gpt2::Sequence sequence;
    for (const auto word : sentence.words) sequence.tokens.push_back(tokens_[word]);
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
      sequence.asked.push_back(
          static_cast<std::uint32_t>(sentence.words.size() - fault_kind_count + k));
    }
    return sequence;
  }

  /// Mean weighted negative log-likelihood of the answers among all words of the vocabulary.
  double loss(const std::vector<const Lesson*>& batch, std::span<const float> logits,
              std::span<float> slope) const {
    const auto vocabulary = logits.size() / (batch.size() * fault_kind_count);
    double total_weight = 0;
    for (const auto* lesson : batch) total_weight += static_cast<double>(lesson->weight);
    double sum = 0;
    std::array<double, answer_count> part{};
    for (std::size_t row = 0; row < batch.size() * fault_kind_count; ++row) {
      const auto& lesson = *batch[row / fault_kind_count];
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
      const double p = likelihood(lesson.truth[row % fault_kind_count], shares, part);
      sum -= weight * std::log(p);
      for (std::size_t v = 0; v < vocabulary; ++v)
        dx[v] = static_cast<float>(weight * std::exp(static_cast<double>(x[v]) - highest) / all);
      for (std::size_t a = 0; a < answer_count; ++a)
        dx[answers_[a]] -= static_cast<float>(weight * part[a] * shares[a] / p);
    }
    return sum;
  }

  [[nodiscard]] const std::array<std::uint32_t, answer_count>& answers() const { return answers_; }

 private:
  const Language* language_;
  std::vector<std::uint32_t> tokens_;
  std::array<std::uint32_t, answer_count> answers_{};
};

using TakeDay = std::function<void(std::uint32_t day, const Trial&, const Outcome&)>;

Result<Done> for_each_day(const Population& population, std::uint64_t first_seed, std::size_t days,
                          const Simulate& simulate, const TakeDay& take,
                          const std::function<bool()>& stop = {}) {
  for (std::size_t from = 0; from < days; from += days_at_once) {
    if (stop && stop()) return Error("stopped while simulating days", "nothing was written");
    std::vector<Trial> trials;
    for (std::size_t d = from; d < std::min(days, from + days_at_once); ++d)
      trials.push_back(population.day(first_seed + d));
    auto outcomes = simulate(trials);
    if (!outcomes) return outcomes.error();
    for (std::size_t i = 0; i < trials.size(); ++i) {
      if ((*outcomes)[i].valid())
        take(static_cast<std::uint32_t>(from + i), trials[i], (*outcomes)[i]);
    }
  }
  return Done{};
}

/// The scores of the answers for one kind and lesson.
struct Answered {
  std::array<float, answer_count> scores{};
  const TimeToFault* truth = nullptr;
  double weight = 1;
};

double cost_at(const std::vector<Answered>& answered, double temperature) {
  std::array<double, answer_count> part{};
  double sum = 0;
  for (const auto& a : answered)
    sum -= a.weight * std::log(likelihood(*a.truth, answer_shares(a.scores, temperature), part));
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
                       held_out.push_back(lessons.lesson_of(example));
                   });
  if (!simulated) return simulated.error();
  say(fmt::format("learning from {} examples, {} held out", learned.size(), held_out.size()));

  gpt2::Config config;
  config.vocab_size = tokenizer.size();
  config.n_positions = (Language::longest() + 7) / 8 * 8;
  config.n_embd = options.width;
  config.n_layer = options.layers;
  config.n_head = options.heads;
  config.n_inner = 4 * options.width;
  config.eos_token_id = tokenizer.size() - 1;
  gpt2::TrainRules rules;
  rules.threads = options.threads;
  gpt2::Trainer trainer(config, gpt2::initial_weights(config, options.seed), rules);
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
      const auto signals = *std::max_element(lesson.signal.begin(), lesson.signal.end()) + 1;
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
    for (std::size_t row = 0; row < sequences.size() * fault_kind_count; ++row) {
      const auto& lesson = held_out[from + row / fault_kind_count];
      const auto kind = row % fault_kind_count;
      auto& a = answered[kind].emplace_back();
      a.truth = &lesson.truth[kind];
      a.weight = static_cast<double>(lesson.weight);
      for (std::size_t i = 0; i < answer_count; ++i)
        a.scores[i] = logits[row * config.vocab_size + lessons.answers()[i]];
    }
  }
  for (std::size_t k = 0; k < fault_kind_count; ++k) {
    notes.temperatures[k] = best_temperature(answered[k]);
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

Result<Comparison> compare(const std::filesystem::path& directory, const Population& population,
                           std::uint64_t first_seed, std::size_t days, double false_alarms_a_day,
                           const Simulate& simulate) {
  auto forecaster = Forecaster::load(directory, {.threads = 2});
  if (!forecaster) return forecaster.error();
  auto checkpoint = gpt2::load_checkpoint(directory);
  if (!checkpoint) return checkpoint.error();
  auto notes = model_notes_from(checkpoint->config.foreline, (directory / "config.json").string());
  if (!notes) return notes.error();
  const AgeHazard age(notes->age_shape, notes->age_scale_h);

  Comparison comparison;
  comparison.days = days;
  comparison.false_alarms_a_day = false_alarms_a_day;
  std::vector<MachineDay> judged;
  Scores by_model;
  Scores by_vibration;
  Scores by_age;
  double squares = 0;
  double squares_of_share = 0;
  double windows = 0;
  double failures = 0;
  auto done = for_each_day(
      population, first_seed, days, simulate,
      [&](std::uint32_t day, const Trial& trial, const Outcome& outcome) {
        for (auto& machine : machine_days(trial, outcome, day)) {
          const auto forecasts = forecaster->forecast(machine.windows);
          auto& model_scores = by_model.emplace_back();
          auto& vibration_scores = by_vibration.emplace_back();
          auto& age_scores = by_age.emplace_back();
          for (std::size_t i = 0; i < forecasts.size(); ++i) {
            double none = 1;
            for (const auto& kind : forecasts[i].kinds) {
              const double p = kind.probability_within(alarm_horizon_s);
              if (gives_warning(kind.kind)) none *= 1 - p;
              const auto& truth = machine.truth[i][static_cast<std::size_t>(kind.kind)];
              const bool fails =
                  truth.happened && static_cast<double>(truth.after_s) <= alarm_horizon_s;
              if (!fails && !truth.happened && static_cast<double>(truth.after_s) < alarm_horizon_s)
                continue;  // not known how it would have ended
              squares += (p - (fails ? 1 : 0)) * (p - (fails ? 1 : 0));
              windows += 1;
              failures += fails ? 1 : 0;
              auto& cell =
                  comparison
                      .reliability[std::min<std::size_t>(9, static_cast<std::size_t>(p * 10))];
              cell[0] += p;
              cell[1] += fails ? 1 : 0;
              cell[2] += 1;
            }
            const auto& window = machine.windows[i];
            model_scores.push_back(forecasts[i].available ? static_cast<float>(1 - none) : 0);
            vibration_scores.push_back(window.ready ? vibration_score(window) : 0);
            age_scores.push_back(window.ready ? age.probability(window, alarm_horizon_s) : 0);
          }
          machine.windows.clear();
          machine.truth.clear();
          judged.push_back(std::move(machine));
        }
      });
  if (!done) return done.error();
  const double share = windows > 0 ? failures / windows : 0;
  squares_of_share = failures * (1 - share) * (1 - share) + (windows - failures) * share * share;
  comparison.brier = windows > 0 ? squares / windows : 0;
  comparison.brier_climatology = windows > 0 ? squares_of_share / windows : 0;
  for (auto& cell : comparison.reliability) {
    if (cell[2] == 0) continue;
    cell[0] /= cell[2];
    cell[1] /= cell[2];
  }
  comparison.model = detect_at_rate(judged, by_model, false_alarms_a_day);
  comparison.vibration = detect_at_rate(judged, by_vibration, false_alarms_a_day);
  comparison.age = detect_at_rate(judged, by_age, false_alarms_a_day);
  comparison.over_vibration = recall_difference(comparison.model, comparison.vibration);
  comparison.over_age = recall_difference(comparison.model, comparison.age);
  return comparison;
}

std::string as_markdown(const Comparison& comparison) {
  std::string text = fmt::format(
      "| {} days, at most {} false alarms a machine-day | bearing wear warned | tool wear warned | "
      "jams warned | false alarms a machine-day | median lead |\n|---|---|---|---|---|---|\n",
      comparison.days, comparison.false_alarms_a_day);
  const auto row = [&](std::string_view name, const Detection& detection) {
    auto leads = detection.leads_s;
    std::sort(leads.begin(), leads.end());
    text += fmt::format("| {} |", name);
    for (const std::size_t k : {0, 1, 2})
      text += fmt::format(" {} of {} |", detection.warned[k], detection.faults[k]);
    text += fmt::format(
        " {:.2f} | {} |\n", detection.false_alarms_a_day(),
        leads.empty() ? std::string("-") : fmt::format("{:.0f} min", leads[leads.size() / 2] / 60));
  };
  row("GPT-2", comparison.model);
  row("vibration threshold", comparison.vibration);
  row("age-only hazard", comparison.age);
  text += fmt::format(
      "\nShare of wear faults warned of in time: {:.3f}. More than the vibration threshold by "
      "{:.3f} "
      "(95 % interval {:.3f} to {:.3f}), than the age-only hazard by {:.3f} ({:.3f} to {:.3f}).\n",
      comparison.model.recall(), comparison.over_vibration.middle, comparison.over_vibration.low,
      comparison.over_vibration.high, comparison.over_age.middle, comparison.over_age.low,
      comparison.over_age.high);
  text += fmt::format(
      "Brier score of P(fault within 2 h), by kind and minute: {:.5f}; of the mean share: "
      "{:.5f}.\n\n"
      "| P(within 2 h) | windows | mean P | failed |\n|---|---|---|---|\n",
      comparison.brier, comparison.brier_climatology);
  for (std::size_t i = 0; i < comparison.reliability.size(); ++i) {
    const auto& cell = comparison.reliability[i];
    text += fmt::format("| {:.1f} to {:.1f} | {:.0f} | {:.3f} | {:.3f} |\n",
                        static_cast<double>(i) / 10, static_cast<double>(i + 1) / 10, cell[2],
                        cell[0], cell[1]);
  }
  return text +
         "\nA window whose day ends (or whose machine is serviced) within 2 h without a stop is "
         "left "
         "out of the Brier score and of this table, which makes the share that failed too high "
         "where P "
         "is low.\n";
}

}  // namespace foreline::inference
