// SPDX-License-Identifier: Apache-2.0
#include "inference/language/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "inference/hazard_trees.hpp"

namespace foreline::inference {

using namespace line;

namespace {

constexpr double tiny = 1e-7;

double bounded(double probability) {
  return std::clamp(probability, tiny, 1 - tiny);
}

}  // namespace

std::array<double, answer_count> answer_shares(std::span<const float, answer_count> scores,
                                               double temperature) {
  std::array<double, answer_count> shares{};
  const double highest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (std::size_t a = 0; a < answer_count; ++a)
    sum += shares[a] = std::exp((static_cast<double>(scores[a]) - highest) / temperature);
  for (auto& share : shares) share /= sum;
  return shares;
}

HorizonProbabilities horizons_of(const std::array<double, answer_count>& shares) {
  HorizonProbabilities within{};
  double sum = 0;
  for (std::size_t h = 0; h < within.size(); ++h)
    within[h] = static_cast<float>(std::min(1.0, sum += shares[h]));
  return within;
}

double log_odds_of(double probability) {
  const double p = bounded(probability);
  return std::log(p / (1 - p));
}

HorizonProbabilities blended(const HorizonProbabilities& network, double tree_log_odds,
                             const Blend& blend) {
  constexpr auto at = static_cast<std::size_t>(
      std::find(forecast_horizons_s.begin(), forecast_horizons_s.end(), tree_horizon_s) -
      forecast_horizons_s.begin());
  const auto alone = static_cast<double>(network[at]);
  const double odds =
      blend.offset + blend.network * log_odds_of(alone) + blend.trees * tree_log_odds;
  const double together = bounded(1 / (1 + std::exp(-odds)));
  const double factor = std::log1p(-together) / std::log1p(-bounded(alone));
  HorizonProbabilities within{};
  for (std::size_t h = 0; h < within.size(); ++h)
    within[h] = static_cast<float>(
        -std::expm1(factor * std::log1p(-std::min(static_cast<double>(network[h]), 1 - tiny))));
  return within;
}

gpt2::Sequence sequence_of(const Sentence& sentence, const FaultKinds& kinds,
                           std::span<const std::uint32_t> tokens) {
  gpt2::Sequence sequence;
  const auto questions = sentence.words.size() - fault_kind_count;
  for (std::size_t i = 0; i < sentence.words.size(); ++i) {
    sequence.tokens.push_back(tokens[sentence.words[i]]);
    if (i > 0 && i < questions && sentence.signal[i] == sentence.signal[i - 1])
      ++sequence.summed.back();
    else
      sequence.summed.push_back(1);
    if (i >= questions && kinds[i - questions])
      sequence.asked.push_back(static_cast<std::uint32_t>(sequence.summed.size() - 1));
  }
  return sequence;
}

Result<ModelNotes> model_notes_from(const std::string& json, const std::string& file) {
  const auto wrong = [&](const std::string& what) {
    return Error({{file, 0, 0, what, "use a model that `foreline train` has written"}});
  };
  if (json.empty()) return wrong("the model speaks no telemetry language: \"foreline\" is missing");
  ModelNotes notes;
  try {
    const auto object = nlohmann::json::parse(json);
    notes.language = object.at("language").get<int>();
    if (notes.language != language_version) {
      return wrong(fmt::format("the model speaks language version {}, this build speaks {}",
                               notes.language, language_version));
    }
    notes.temperatures = object.at("temperatures").get<decltype(notes.temperatures)>();
    notes.age_shape = object.at("age_hazard").at("shape").get<double>();
    notes.age_scale_h = object.at("age_hazard").at("scale_h").get<double>();
    if (const auto trees = object.find("trees"); trees != object.end()) {
      auto& noted = notes.trees.emplace();
      noted.sum = trees->at("sum").get<std::uint64_t>();
      const auto& blend = trees->at("blend");
      noted.blend = {blend.at("offset").get<double>(), blend.at("network").get<double>(),
                     blend.at("trees").get<double>()};
    }
  } catch (const nlohmann::json::exception& error) {
    return wrong(fmt::format("\"foreline\": {}", error.what()));
  }
  if (notes.trees) {
    const auto& blend = notes.trees->blend;
    for (const double number : {blend.offset, blend.network, blend.trees})
      if (!(std::abs(number) < 100))
        return wrong("\"foreline\": the blend of GPT-2 and trees has numbers that cannot be");
  }
  for (const double temperature : notes.temperatures) {
    if (!(temperature > 0 && temperature < 100))
      return wrong(fmt::format("\"foreline\": the temperature {} is not above 0", temperature));
  }
  return notes;
}

std::string to_json(const ModelNotes& notes) {
  nlohmann::ordered_json json = {
      {"language", notes.language},
      {"temperatures", notes.temperatures},
      {"age_hazard", {{"shape", notes.age_shape}, {"scale_h", notes.age_scale_h}}}};
  if (notes.trees) {
    const auto& [offset, network, trees] = notes.trees->blend;
    json["trees"] = {{"file", tree_file},
                     {"sum", notes.trees->sum},
                     {"blend", {{"offset", offset}, {"network", network}, {"trees", trees}}}};
  }
  return json.dump();
}

}  // namespace foreline::inference
