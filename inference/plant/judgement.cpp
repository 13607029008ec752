// SPDX-License-Identifier: Apache-2.0
// The report "who wins on your data": all methods on the same moments.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "inference/plant/plant_model.hpp"

namespace foreline::plant {

Judgement judge(const PlantModel& model, const Records& prepared, const Samples& samples) {
  Judgement judgement;
  judgement.samples = samples.size();
  judgement.machines =
      std::set<std::uint32_t>(samples.machine.begin(), samples.machine.end()).size();
  const auto n = model.horizons().size();
  const auto kinds = samples.kinds;
  std::vector<double> tree_losses;
  std::vector<Answers> all;
  for (std::size_t m = 0; m < method_count; ++m)
    all.push_back(model.answers(static_cast<Method>(m), prepared, samples));
  const auto losses_of = [&](const Answers& answers, std::vector<std::uint32_t>& group) {
    std::vector<double> losses;
    group.clear();
    for (std::size_t h = 0; h < n; ++h) {
      const auto known = known_at(samples, model.items() ? 0 : kinds, model.horizons()[h]);
      for (std::size_t i = 0; i < known.samples.size(); ++i) {
        const double d =
            static_cast<double>(answers.any[known.samples[i] * n + h]) - known.truth[i];
        losses.push_back(d * d);
        group.push_back(samples.machine[known.samples[i]]);
      }
    }
    return losses;
  };
  std::vector<std::uint32_t> group;
  tree_losses = losses_of(all[static_cast<std::size_t>(Method::trees)], group);
  for (std::size_t m = 0; m < method_count; ++m) {
    const auto& answers = all[m];
    auto& score = judgement.methods.emplace_back();
    score.method = static_cast<Method>(m);
    for (std::size_t h = 0; h < n; ++h) {
      auto& at = score.horizons.emplace_back();
      at.horizon = model.horizons()[h];
      const auto known = known_at(samples, model.items() ? 0 : kinds, at.horizon);
      std::vector<float> p;
      for (const auto i : known.samples) p.push_back(answers.any[i * n + h]);
      at.known = p.size();
      at.base_rate = p.empty() ? 0
                               : std::accumulate(known.truth.begin(), known.truth.end(), 0.0) /
                                     static_cast<double>(p.size());
      at.auprc = average_precision(p, known.truth);
      at.auroc = auroc(p, known.truth);
      at.brier = brier(p, known.truth);
      // Against the share of the judged part itself, the hardest constant to beat.
      const double base = at.base_rate * (1 - at.base_rate);
      at.skill = base > 0 ? 1 - at.brier / base : 0;
      at.ece = calibration_error(p, known.truth);
      at.f1 = f1(p, known.truth, model.threshold(score.method, h));
      double sum = 0;
      std::size_t counted = 0;
      for (std::size_t k = 0; k < kinds; ++k) {
        const auto one = known_at(samples, k, at.horizon);
        std::vector<float> q;
        for (const auto i : one.samples) q.push_back(answers.within[(i * kinds + k) * n + h]);
        if (std::accumulate(one.truth.begin(), one.truth.end(), 0U) == 0) continue;
        sum += average_precision(q, one.truth);
        ++counted;
      }
      at.macro_auprc = counted == 0 ? 0 : sum / static_cast<double>(counted);
    }
    if (!answers.expected.empty()) {
      std::vector<float> forecast;
      std::vector<float> truth;
      double covered = 0;
      double width = 0;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto t = samples.any(i);
        if (!t.happened && static_cast<double>(t.after) < model.bins().horizon) continue;
        forecast.push_back(answers.expected[i]);
        truth.push_back(std::min(t.after, static_cast<float>(model.bins().horizon)));
        if (!answers.q05.empty()) {
          covered += truth.back() >= answers.q05[i] && truth.back() <= answers.q95[i] ? 1 : 0;
          width += static_cast<double>(answers.q95[i]) - static_cast<double>(answers.q05[i]);
        }
      }
      if (!truth.empty()) {
        score.rmse = rmse(forecast, truth);
        score.nasa = nasa_score(forecast, truth);
        if (!answers.q05.empty()) {
          score.coverage = covered / static_cast<double>(truth.size());
          score.width = width / static_cast<double>(truth.size());
        }
      }
    }
    auto losses = losses_of(answers, group);
    for (std::size_t i = 0; i < losses.size(); ++i) losses[i] -= tree_losses[i];
    score.brier_against_trees = mean_by_group(losses, group);
  }
  return judgement;
}

std::string as_text(const Judgement& judgement, const std::string& unit) {
  std::string out = fmt::format("Who wins on this data: {} moments of {} machines\n\n",
                                judgement.samples, judgement.machines);
  for (std::size_t h = 0; h < judgement.methods.front().horizons.size(); ++h) {
    const auto& first = judgement.methods.front().horizons[h];
    out += fmt::format(
        "failure within {:g} {} ({} known, {:.1f} % "
        "fail)\n{:<18}{:>8}{:>8}{:>10}{:>8}{:>8}{:>8}{:>10}\n",
        first.horizon, unit, first.known, 100 * first.base_rate, "", "AUPRC", "AUROC", "Brier",
        "skill", "ECE", "F1", "by kind");
    for (const auto& method : judgement.methods) {
      const auto& at = method.horizons[h];
      out += fmt::format("{:<18}{:>8.3f}{:>8.3f}{:>10.4f}{:>8.3f}{:>8.3f}{:>8.3f}{:>10.3f}\n",
                         name_of(method.method), at.auprc, at.auroc, at.brier, at.skill, at.ece,
                         at.f1, at.macro_auprc);
    }
    out += "\n";
  }
  for (const auto& method : judgement.methods)
    if (method.rmse)
      out += fmt::format("{:<18} time to failure: RMSE {:.2f}, score {:.0f}{}\n",
                         name_of(method.method), *method.rmse, *method.nasa,
                         method.coverage
                             ? fmt::format(", 90 % interval covers {:.1f} %, mean width {:.1f}",
                                           100 * *method.coverage, *method.width)
                             : "");
  out += "\nBrier score less the trees', mean over horizons, 95 % interval by machine:\n";
  for (const auto& method : judgement.methods)
    out += fmt::format("{:<18}{:+.5f} [{:+.5f}, {:+.5f}]\n", name_of(method.method),
                       method.brier_against_trees.mean, method.brier_against_trees.low,
                       method.brier_against_trees.high);
  return out;
}

std::string as_json(const std::vector<Judgement>& judgements) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& judgement : judgements) {
    nlohmann::ordered_json j{{"samples", judgement.samples}, {"machines", judgement.machines}};
    for (const auto& method : judgement.methods) {
      nlohmann::ordered_json m{{"method", name_of(method.method)}};
      for (const auto& at : method.horizons)
        m["horizons"].push_back({{"horizon", at.horizon},
                                 {"known", at.known},
                                 {"base_rate", at.base_rate},
                                 {"auprc", at.auprc},
                                 {"auroc", at.auroc},
                                 {"brier", at.brier},
                                 {"skill", at.skill},
                                 {"ece", at.ece},
                                 {"f1", at.f1},
                                 {"macro_auprc", at.macro_auprc}});
      if (method.rmse) m["rmse"] = *method.rmse, m["score"] = *method.nasa;
      if (method.coverage) m["coverage"] = *method.coverage, m["width"] = *method.width;
      m["brier_less_trees"] = {method.brier_against_trees.mean, method.brier_against_trees.low,
                               method.brier_against_trees.high};
      j["methods"].push_back(std::move(m));
    }
    all.push_back(std::move(j));
  }
  return all.dump(2) + "\n";
}

}  // namespace foreline::plant
