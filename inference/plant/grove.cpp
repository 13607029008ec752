// SPDX-License-Identifier: Apache-2.0
// The trees beside the network: how they are grown, also of moments that were not seen to their
// end, what they answer, and which imagined items they tell it of.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "inference/plant/imagined.hpp"
#include "inference/plant/plant_model.hpp"
#include "sim/line/random.hpp"

namespace foreline::plant {

using line::Result;

namespace {

constexpr std::size_t tree_rows_max = 10'000;
constexpr std::size_t imagined_for_each_kept = 4;
constexpr std::size_t imagined_at_once = 8192;
constexpr float doubtful_from = 0.02F;  ///< P of failure of which up to half of the items told are.

}  // namespace

std::vector<float> PlantModel::expected_of_censored(const Samples& censored,
                                                    const Grove& grove) const {
  const auto any = from_trees(std::span(&grove, 1), censored).any;
  const auto n = horizons_.size();
  std::vector<float> expected;
  for (std::size_t i = 0; i < censored.size(); ++i) {
    // P(none by t) falls evenly between horizons, and behind the last at the rate until there.
    const auto seen = static_cast<double>(censored.any(i).after);
    double time = 0;
    double none = 1;
    std::optional<double> none_by_then;
    double more = 0;  // the integral of P(none) from then on
    for (std::size_t h = 0; h <= n; ++h) {
      const double until = h < n ? horizons_[h] : bins_.horizon;
      const double later = h < n ? std::min(none, 1 - static_cast<double>(any[i * n + h]))
                                 : std::pow(none, until / time);
      if (until > seen && until > time) {
        const double from = std::max(time, seen);
        const double at_from = none + (later - none) * (from - time) / (until - time);
        if (!none_by_then) none_by_then = at_from;
        more += 0.5 * (at_from + later) * (until - from);
      }
      time = until;
      none = later;
    }
    const double left = more / std::max(none_by_then.value_or(1), 1e-3);
    expected.push_back(static_cast<float>(std::min(seen + left, bins_.horizon)));
  }
  return expected;
}

Result<PlantModel::Grove> PlantModel::grow(const Samples& learned, const PlantRules& rules,
                                           std::uint64_t seed) const {
  Grove grove;
  auto tree_rules = schema_.items ? rules.of_items : rules.within;
  tree_rules.seed = seed;
  tree_rules.threads = rules.threads;
  const double stride =
      std::max(1.0, static_cast<double>(learned.size()) / static_cast<double>(tree_rows_max));
  // Some rows are told again with a signal missing, or trees would never have met one that is.
  std::vector<std::vector<std::size_t>> hideable;
  for (const auto& group : words_.groups())
    if (words_.features()[group.front()].group != "age") hideable.push_back(group);
  const auto add = [&](std::size_t i, float label, std::vector<float>& features,
                       std::vector<float>& labels) {
    const auto row = learned.status(i);
    features.insert(features.end(), row.begin(), row.end());
    labels.push_back(label);
    const auto word = line::random_word(seed, 12, line::Purpose::training, i);
    if (word % 5 != 0 || hideable.size() < 2) return;
    features.insert(features.end(), row.begin(), row.end());
    labels.push_back(label);
    float* again = &features[features.size() - row.size()];
    for (const auto f : hideable[(word >> 8U) % hideable.size()]) again[f] = unknown;
  };
  for (std::size_t k = 0; k < learned.kinds; ++k) {
    for (const double h : horizons_) {
      std::vector<float> features;
      std::vector<float> labels;
      for (double place = 0; place < static_cast<double>(learned.size()); place += stride) {
        const auto i = static_cast<std::size_t>(place);
        const auto result = outcome(learned.of(i, k), static_cast<double>(learned.view[i]), h);
        if (result) add(i, *result ? 1.0F : 0.0F, features, labels);
      }
      auto trees = Trees::fit(features, learned.width, labels, tree_rules);
      if (!trees) return trees.error();
      grove.within.push_back(std::move(*trees));
    }
  }
  if (schema_.items) return grove;
  std::vector<float> features;
  std::vector<float> labels;
  const auto horizon = static_cast<float>(bins_.horizon);
  std::vector<std::size_t> censored;
  for (double place = 0; place < static_cast<double>(learned.size()); place += stride) {
    const auto i = static_cast<std::size_t>(place);
    const auto truth = learned.any(i);
    if (truth.happened || truth.after >= horizon)
      add(i, std::min(truth.after, horizon), features, labels);
    else
      censored.push_back(i);
  }
  const auto lasts = expected_of_censored(learned.picked(censored), grove);
  for (std::size_t c = 0; c < censored.size(); ++c) add(censored[c], lasts[c], features, labels);
  auto time_rules = rules.time;
  time_rules.seed = seed;
  time_rules.threads = rules.threads;
  if (!labels.empty()) {
    auto trees = Trees::fit(features, learned.width, labels, time_rules);
    if (!trees) return trees.error();
    grove.time = std::move(*trees);
  }
  return grove;
}

Samples PlantModel::telling_items(const Records& records, const Samples& real, const Grove& grove,
                                  std::size_t count, std::uint64_t seed) const {
  const std::vector<std::size_t> items(real.machine.begin(), real.machine.end());
  ImaginedItems imagined(records, items, seed);
  Samples doubtful, others;
  Records pool = schema_;
  for (std::size_t made = 0; made < imagined_for_each_kept * count; made += imagined_at_once) {
    pool.machines =
        imagined.next(std::min(imagined_at_once, imagined_for_each_kept * count - made));
    Choice all;
    all.machines.resize(pool.machines.size());
    std::iota(all.machines.begin(), all.machines.end(), std::size_t{0});
    const auto some = take_samples(pool, *status_, all);
    const auto answers = from_trees(std::span(&grove, 1), some);
    std::vector<std::size_t> more_doubtful, more_others;
    for (std::size_t i = 0; i < some.size(); ++i)
      (answers.any[i] >= doubtful_from ? more_doubtful : more_others).push_back(i);
    more_doubtful.resize(std::min(more_doubtful.size(), count / 2 - doubtful.size()));
    more_others.resize(std::min(more_others.size(), count - others.size()));
    doubtful.append(some.picked(more_doubtful));
    others.append(some.picked(more_others));
    if (doubtful.size() == count / 2 && doubtful.size() + others.size() >= count) break;
  }
  std::vector<std::size_t> rest(std::min(others.size(), count - doubtful.size()));
  std::iota(rest.begin(), rest.end(), std::size_t{0});
  doubtful.append(others.picked(rest));
  return doubtful;
}

Answers PlantModel::from_trees(std::span<const Grove> groves, const Samples& samples) const {
  const auto kinds = schema_.kinds.size();
  const auto n = horizons_.size();
  Answers answers;
  answers.within.resize(samples.size() * kinds * n);
  answers.any.resize(samples.size() * n);
  const auto part = 1 / static_cast<float>(groves.size());
  for (const auto& grove : groves)
    for (std::size_t k = 0; k < kinds; ++k)
      for (std::size_t h = 0; h < n; ++h) {
        const auto p = grove.within[k * n + h].predict(samples.features, samples.width);
        for (std::size_t i = 0; i < samples.size(); ++i)
          answers.within[(i * kinds + k) * n + h] += part * p[i];
      }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (std::size_t k = 0; k < kinds; ++k)  // within a longer time is at least within a shorter
      for (std::size_t h = 1; h < n; ++h) {
        auto& p = answers.within[(i * kinds + k) * n + h];
        p = std::max(p, answers.within[(i * kinds + k) * n + h - 1]);
      }
    for (std::size_t h = 0; h < n; ++h) {
      double none = 1;
      for (std::size_t k = 0; k < kinds; ++k)
        none *= 1 - static_cast<double>(answers.within[(i * kinds + k) * n + h]);
      answers.any[i * n + h] =
          schema_.items ? answers.within[i * kinds * n + h] : static_cast<float>(1 - none);
    }
  }
  for (const auto& grove : groves) {
    if (!grove.time) continue;
    answers.expected.resize(samples.size());
    const auto times = grove.time->predict(samples.features, samples.width);
    for (std::size_t i = 0; i < times.size(); ++i)
      answers.expected[i] += part * std::clamp(times[i], 0.0F, static_cast<float>(bins_.horizon));
  }
  return answers;
}

}  // namespace foreline::plant
