// SPDX-License-Identifier: Apache-2.0
#include "inference/train/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace foreline::inference {

using namespace line;

namespace {

/// Windows before a fault, at least, for a temperature of a kind's own.
constexpr std::ptrdiff_t least_to_calibrate = 500;
/// Trees must make the held-out answers likelier by this share of their cost, or are left out.
constexpr double least_gain = 0.005;

/// The scores of the answers for one kind and lesson.
struct Answered {
  std::array<float, answer_count> scores{};
  TimeToFault truth;
  std::uint32_t day = 0;
  double view_s = 0;
  std::optional<double> tree_log_odds;
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

/// What both say of one question whose answer is known.
struct Said {
  std::array<double, 3> told{};  ///< 1, the log odds of the GPT-2, those of the trees.
  double failed = 0;
  double weight = 1;
  std::uint32_t day = 0;

  [[nodiscard]] double probability(const std::array<double, 3>& blend) const {
    return 1 / (1 + std::exp(-(blend[0] + blend[1] * told[1] + blend[2] * told[2])));
  }
};

std::vector<Said> said_of(const std::vector<Answered>& answered, double temperature) {
  constexpr auto at = static_cast<std::size_t>(
      std::find(forecast_horizons_s.begin(), forecast_horizons_s.end(), tree_horizon_s) -
      forecast_horizons_s.begin());
  std::vector<Said> said;
  for (const auto& a : answered) {
    if (!a.tree_log_odds || a.view_s < tree_horizon_s) continue;
    const auto network = horizons_of(answer_shares(a.scores, temperature))[at];
    const bool failed = a.truth.happened && static_cast<double>(a.truth.after_s) <= tree_horizon_s;
    said.push_back({{1, log_odds_of(static_cast<double>(network)), *a.tree_log_odds},
                    failed ? 1.0 : 0.0,
                    a.weight,
                    a.day});
  }
  return said;
}

/// The likeliest blend of the days that `take` says, by Newton's method.
Blend best_blend(const std::vector<Said>& said, const std::function<bool(std::uint32_t)>& take) {
  constexpr std::array<double, 3> prior = {0, 0.5, 0.5};
  constexpr double faith = 1;  // so little that it counts only where next to nothing was seen
  auto blend = prior;
  for (int step = 0; step < 25; ++step) {
    std::array<std::array<double, 4>, 3> equations{};
    for (const auto& one : said) {
      if (!take(one.day)) continue;
      const double p = one.probability(blend);
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j)
          equations[i][j] += one.weight * p * (1 - p) * one.told[i] * one.told[j];
        equations[i][3] += one.weight * (p - one.failed) * one.told[i];
      }
    }
    for (std::size_t i = 0; i < 3; ++i) {
      equations[i][i] += faith;
      equations[i][3] += faith * (blend[i] - prior[i]);
    }
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) {
        if (i == j) continue;
        const double share = equations[j][i] / equations[i][i];
        for (std::size_t c = i; c < 4; ++c) equations[j][c] -= share * equations[i][c];
      }
    for (std::size_t i = 0; i < 3; ++i) blend[i] -= equations[i][3] / equations[i][i];
  }
  return {blend[0], std::max(0.0, blend[1]), std::max(0.0, blend[2])};
}

/// Negative log-likelihood of the days that `take` says.
double cost_of(const std::vector<Said>& said, const Blend& blend,
               const std::function<bool(std::uint32_t)>& take) {
  double sum = 0;
  for (const auto& one : said) {
    if (!take(one.day)) continue;
    const double p = one.probability({blend.offset, blend.network, blend.trees});
    sum -= one.weight * std::log(std::max(1e-12, one.failed > 0 ? p : 1 - p));
  }
  return sum;
}

}  // namespace

void HeldOut::add(const Example& example, const Lessons& lessons) {
  lessons_.push_back(lessons.lesson_of(example));
  reads_.push_back({example.day, tree_row(example.window), example.view_s});
}

void HeldOut::calibrate(ModelNotes& notes, const gpt2::Model& model, const Lessons& lessons,
                        const HazardTrees& trees,
                        const std::function<void(const std::string& line)>& say) const {
  std::array<std::vector<Answered>, fault_kind_count> answered;
  constexpr std::size_t chunk = 32;
  for (std::size_t from = 0; from < size(); from += chunk) {
    std::vector<gpt2::Sequence> sequences;
    for (std::size_t i = from; i < std::min(size(), from + chunk); ++i)
      sequences.push_back(lessons.sequence_of(lessons_[i], -1));
    const auto logits = model.logits(sequences);
    const auto* row = logits.data();
    for (std::size_t i = from; i < from + sequences.size(); ++i) {
      auto truth = lessons_[i].truth.begin();
      for (std::size_t k = 0; k < fault_kind_count; ++k) {
        if (!lessons_[i].kinds[k]) continue;
        auto& a = answered[k].emplace_back();
        a.truth = *truth++;
        a.day = reads_[i].day;
        a.view_s = static_cast<double>(reads_[i].view_s[k]);
        a.tree_log_odds = trees.log_odds(all_fault_kinds[k], reads_[i].row);
        a.weight = static_cast<double>(lessons_[i].weight);
        for (std::size_t w = 0; w < answer_count; ++w) a.scores[w] = row[lessons.answers()[w]];
        row += model.config().vocab_size;
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
  notes.trees.reset();
  if (trees.trees() == 0) return;
  std::vector<Said> said;
  for (std::size_t k = 0; k < fault_kind_count; ++k)
    for (const auto& one : said_of(answered[k], notes.temperatures[k])) said.push_back(one);
  double alone = 0;
  double both = 0;
  for (const std::uint32_t half : {0U, 1U}) {
    const auto held = [half](std::uint32_t day) { return day % 2 == half; };
    alone += cost_of(said, {0, 1, 0}, held);
    both += cost_of(said, best_blend(said, std::not_fn(held)), held);
  }
  const double gain = alone > 0 ? 1 - both / alone : 0;
  const auto blend = best_blend(said, [](std::uint32_t) { return true; });
  const bool helps = gain >= least_gain && blend.trees > 0;
  if (helps)
    say(
        fmt::format("trees kept: with them days held out cost {:.2f} % less; log odds are {:.3f} + "
                    "{:.3f} of the GPT-2 + {:.3f} of the trees",
                    100 * gain, blend.offset, blend.network, blend.trees));
  else
    say("trees left out: they say nothing of days held out that the GPT-2 does not");
  if (helps) notes.trees = {0, blend};
}

}  // namespace foreline::inference
