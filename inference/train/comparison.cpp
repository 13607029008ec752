// SPDX-License-Identifier: Apache-2.0
#include "inference/train/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "inference/baselines/baselines.hpp"
#include "inference/forecaster.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "inference/hazard_trees.hpp"
#include "inference/language/answers.hpp"
#include "inference/train/growth.hpp"

namespace foreline::inference {

using namespace line;

namespace {

constexpr double horizon_s = 7200;
enum Method : std::size_t { model, network, trees, both, threshold, cusum, age, method_count };
constexpr std::array<const char*, method_count> method_names = {
    "GPT-2 and trees",  "GPT-2 alone", "boosted trees",  "mean of both",
    "signal threshold", "CUSUM",       "age-only hazard"};
constexpr std::array<bool, method_count> gives_probability = {true,  true,  true, true,
                                                              false, false, true};

using KindShares = std::array<float, fault_kind_count>;

KindShares shares_of(const Forecast& forecast) {
  KindShares shares{};
  for (const auto& kind : forecast.kinds)
    shares[static_cast<std::size_t>(kind.kind)] =
        static_cast<float>(kind.probability_within(horizon_s));
  return shares;
}

KindShares shares_of(const HazardTrees& grown, const Window& window) {
  KindShares shares{};
  const auto row = tree_row(window);
  for (const auto kind : all_fault_kinds) {
    const auto k = static_cast<std::size_t>(kind);
    if (!window.kinds[k]) continue;
    if (const auto odds = grown.log_odds(kind, row))
      shares[k] = static_cast<float>(1 / (1 + std::exp(-*odds)));
  }
  return shares;
}

/// P(any fault that gives warning).
float any_of(const KindShares& shares) {
  float none = 1;
  for (const auto kind : all_fault_kinds)
    if (gives_warning(kind)) none *= 1 - shares[static_cast<std::size_t>(kind)];
  return 1 - none;
}

/// Whether the fault comes within the horizon; nothing when the view ended before.
std::optional<bool> comes(const TimeToFault& truth) {
  if (static_cast<double>(truth.after_s) > horizon_s) return false;
  if (truth.happened) return true;
  return std::nullopt;
}

std::optional<bool> any_comes(const std::array<TimeToFault, fault_kind_count>& truth) {
  bool known = true;
  for (const auto kind : all_fault_kinds) {
    if (!gives_warning(kind)) continue;
    const auto one = comes(truth[static_cast<std::size_t>(kind)]);
    if (one && *one) return true;
    known = known && one;
  }
  return known ? std::optional(false) : std::nullopt;
}

double square(double x) {
  return x * x;
}

/// What is counted while the days go by.
struct Tally {
  std::vector<MachineDay> days;
  std::array<Scores, method_count> scores;
  std::array<double, method_count> any_squares{};
  double any_windows = 0;
  double squares = 0;
  double windows = 0;
  double failures = 0;
  std::array<std::array<double, 3>, 10> reliability{};

  void take_kinds(const Forecast& forecast, const MachineDay& day, std::size_t at) {
    for (const auto& kind : forecast.kinds) {
      const auto fails = comes(day.truth[at][static_cast<std::size_t>(kind.kind)]);
      if (!fails) continue;
      const double p = kind.probability_within(horizon_s);
      const double came = *fails ? 1 : 0;
      squares += square(p - came);
      windows += 1;
      failures += came;
      auto& cell = reliability[std::min<std::size_t>(9, static_cast<std::size_t>(p * 10))];
      cell[0] += p;
      cell[1] += came;
      cell[2] += 1;
    }
  }

  void take(MachineDay day, const Forecaster& forecaster, const HazardTrees& grown,
            const AgeHazard& age_hazard) {
    const auto voices = forecaster.voices(day.windows);
    const auto& forecasts = voices.model;
    for (auto& series : scores) series.emplace_back();
    Cusum chart;
    for (std::size_t i = 0; i < forecasts.size(); ++i) {
      std::array<float, method_count> said{};
      if (forecasts[i].available) {
        const auto& window = day.windows[i];
        const auto alone = shares_of(voices.network[i]);
        const auto by_trees = grown.trees() > 0      ? shares_of(grown, window)
                              : voices.trees.empty() ? KindShares{}
                                                     : shares_of(voices.trees[i]);
        KindShares mean{};
        for (std::size_t k = 0; k < mean.size(); ++k) mean[k] = (alone[k] + by_trees[k]) / 2;
        said = {any_of(shares_of(forecasts[i])),
                any_of(alone),
                any_of(by_trees),
                any_of(mean),
                deviation_score(window),
                chart.add(window),
                age_hazard.probability(window, horizon_s)};
        take_kinds(forecasts[i], day, i);
        if (const auto fails = any_comes(day.truth[i])) {
          any_windows += 1;
          for (std::size_t m = 0; m < method_count; ++m)
            any_squares[m] += square(static_cast<double>(said[m]) - (*fails ? 1 : 0));
        }
      }
      for (std::size_t m = 0; m < method_count; ++m) scores[m].back().push_back(said[m]);
    }
    day.windows.clear();
    day.truth.clear();
    days.push_back(std::move(day));
  }
};

Result<HazardTrees> trees_of(const Population& population, const JudgeOptions& options,
                             const Simulate& simulate) {
  TreeLessons lessons;
  auto done = for_each_day(population, options.tree_seed, options.tree_days, simulate,
                           [&](std::uint32_t day, const Trial& trial, const Outcome& outcome) {
                             for (const auto& example : examples_of(trial, outcome, day))
                               lessons.add(example);
                           });
  if (!done) return done.error();
  return lessons.grow(options.tree_seed, options.threads);
}

}  // namespace

double Comparison::calibration_error() const {
  double windows = 0;
  double error = 0;
  for (const auto& [probability, failed, count] : reliability) {
    windows += count;
    error += count * std::abs(probability - failed);
  }
  return windows > 0 ? error / windows : 0;
}

Result<Comparison> compare(const std::filesystem::path& directory, const Population& population,
                           const JudgeOptions& options, const Simulate& simulate) {
  auto forecaster = Forecaster::load(directory, {.threads = options.threads});
  if (!forecaster) return forecaster.error();
  auto checkpoint = gpt2::load_checkpoint(directory);
  if (!checkpoint) return checkpoint.error();
  auto notes = model_notes_from(checkpoint->config.foreline, (directory / "config.json").string());
  if (!notes) return notes.error();
  const AgeHazard age_hazard(notes->age_shape, notes->age_scale_h);
  auto grown = trees_of(population, options, simulate);
  if (!grown) return grown.error();

  Tally tally;
  auto done = for_each_day(population, options.first_seed, options.days, simulate,
                           [&](std::uint32_t day, const Trial& trial, const Outcome& outcome) {
                             for (auto& machine : machine_days(trial, outcome, day))
                               tally.take(std::move(machine), *forecaster, *grown, age_hazard);
                           });
  if (!done) return done.error();

  Comparison comparison;
  comparison.options = options;
  for (std::size_t m = 0; m < method_count; ++m) {
    if (m == network && !notes->trees) continue;
    if ((m == trees || m == both) && options.tree_days == 0 && !notes->trees) continue;
    Rival rival;
    rival.name = m == model && !notes->trees ? "GPT-2" : method_names[m];
    rival.detection = detect_at_rate(tally.days, tally.scores[m], options.false_alarms_a_day);
    if (gives_probability[m] && tally.any_windows > 0)
      rival.brier = tally.any_squares[m] / tally.any_windows;
    comparison.rivals.push_back(std::move(rival));
  }
  for (auto& rival : comparison.rivals)
    rival.model_is_better = recall_difference(comparison.rivals.front().detection, rival.detection);
  if (tally.windows > 0) {
    const double share = tally.failures / tally.windows;
    comparison.brier = tally.squares / tally.windows;
    comparison.brier_climatology = share * (1 - share);
  }
  comparison.reliability = tally.reliability;
  for (auto& cell : comparison.reliability) {
    if (cell[2] == 0) continue;
    cell[0] /= cell[2];
    cell[1] /= cell[2];
  }
  return comparison;
}

std::string as_markdown(const Comparison& comparison) {
  const auto& rivals = comparison.rivals;
  std::string text = "| warned in time |";
  std::string rule = "|---|";
  for (const auto& rival : rivals) {
    text += fmt::format(" {} |", rival.name);
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  const auto row = [&](const std::string& name, const auto& cell) {
    text += fmt::format("| {} |", name);
    for (const auto& rival : rivals) text += fmt::format(" {} |", cell(rival));
    text += "\n";
  };
  for (const auto kind : all_fault_kinds) {
    const auto k = static_cast<std::size_t>(kind);
    const auto faults = rivals.front().detection.faults[k];
    if (faults == 0) continue;
    row(fmt::format("{} ({})", name_of(kind), faults),
        [&](const Rival& rival) { return fmt::format("{}", rival.detection.warned[k]); });
  }
  row(fmt::format("that show for an hour or more ({})", rivals.front().detection.slow_faults),
      [](const Rival& rival) { return fmt::format("{}", rival.detection.slow_warned); });
  row("all", [](const Rival& r) { return fmt::format("{:.1f} %", 100 * r.detection.recall()); });
  row("the model warns of more (95 %)", [&](const Rival& rival) {
    const auto& more = rival.model_is_better;
    return &rival == &rivals.front() ? std::string("-")
                                     : fmt::format("{:+.1f} ({:.1f} to {:.1f})", 100 * more.middle,
                                                   100 * more.low, 100 * more.high);
  });
  row("false alarms a machine-week", [](const Rival& rival) {
    return fmt::format("{:.2f}", 7 * rival.detection.false_alarms_a_day());
  });
  row("median lead", [](const Rival& rival) {
    auto leads = rival.detection.leads_s;
    std::sort(leads.begin(), leads.end());
    return leads.empty() ? std::string("-")
                         : fmt::format("{:.0f} min", leads[leads.size() / 2] / 60);
  });
  row("Brier score of P(any within 2 h)", [](const Rival& rival) {
    return rival.brier < 0 ? std::string("-") : fmt::format("{:.4f}", rival.brier);
  });
  text += fmt::format(
      "\nBrier score of the model's P(fault within 2 h), by kind and minute: {:.5f}; of the mean "
      "share: {:.5f}. Calibration error: {:.4f}.\n\n"
      "| P(within 2 h) | windows | mean P | failed |\n|---|---|---|---|\n",
      comparison.brier, comparison.brier_climatology, comparison.calibration_error());
  for (std::size_t i = 0; i < comparison.reliability.size(); ++i) {
    const auto& cell = comparison.reliability[i];
    text += fmt::format("| {:.1f} to {:.1f} | {:.0f} | {:.3f} | {:.3f} |\n",
                        static_cast<double>(i) / 10, static_cast<double>(i + 1) / 10, cell[2],
                        cell[0], cell[1]);
  }
  return text +
         "\nA window whose day ends (or whose machine is serviced) within 2 h without a stop is "
         "left out of the scores and of this table, which makes the share that failed too high "
         "where P is low.\n";
}

}  // namespace foreline::inference
