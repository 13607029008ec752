// SPDX-License-Identifier: Apache-2.0
#include "sim/levers/study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "sim/select/scenario_set.hpp"
#include "sim/verdict/statistics.hpp"

namespace foreline::levers {

bool is_as_good(double gain, double best) {
  return gain >= 0.9 * best;
}

namespace {

constexpr double least_gain = 0.003;

/// The cycle lever with the largest value.
std::size_t top_cycle(std::span<const Lever> levers, std::span<const double> values) {
  std::size_t top = levers.size();
  for (std::size_t i = 0; i < levers.size(); ++i)
    if (levers[i].what == What::cycle && (top == levers.size() || values[i] > values[top])) top = i;
  return top;
}

bool surely(const LineStudy& study, std::size_t lever) {
  return study.gain[lever] > least_gain && study.gain[lever] > study.half[lever];
}

}  // namespace

std::size_t LineStudy::best() const {
  return static_cast<std::size_t>(std::max_element(gain.begin(), gain.end()) - gain.begin());
}

line::MachineId LineStudy::bottleneck() const {
  return levers[top_cycle(levers, gain)].machine;
}

bool LineStudy::tells() const {
  return !gain.empty() && surely(*this, best());
}

bool LineStudy::has_bottleneck() const {
  return !gain.empty() && surely(*this, top_cycle(levers, gain));
}

std::vector<line::Trial> LeverStudy::futures_of(const line::Trial& trial) const {
  std::vector<line::Trial> trials(futures_, trial);
  for (std::size_t i = 0; i < futures_; ++i)
    trials[i].seed = select::scenario_seed(seed_, select::ScenarioSet::report, i);
  return trials;
}

line::Result<LeverStudy> LeverStudy::begin(const line::Trial& trial, std::uint64_t seed,
                                           std::size_t futures, const RunTrials& run) {
  LeverStudy study;
  study.trial_ = trial;
  study.trial_.replication = true;
  study.trial_.want_trace = false;
  study.trial_.want_gantt = false;
  study.seed_ = seed;
  study.futures_ = futures;
  const auto trials = study.futures_of(study.trial_);
  auto outcomes = run(trials);
  if (!outcomes) return outcomes.error();
  for (std::size_t i = 0; i < futures; ++i) {
    const auto& outcome = (*outcomes)[i];
    if (!outcome.valid())
      return line::Error(fmt::format("a future did not end properly: {} {}",
                                     line::name_of(outcome.end), outcome.error));
    study.base_.push_back(line::measures_of(trials[i], outcome).throughput_parts_h);
  }
  auto& told = study.study_;
  told.name = trial.line->name;
  told.line = trial.line;
  told.use = use_of(trial, *outcomes);
  told.levers = levers_of(*trial.line);
  told.gain.assign(told.levers.size(), std::numeric_limits<double>::quiet_NaN());
  told.half = told.gain;
  return study;
}

line::Result<line::Done> LeverStudy::pull(std::span<const std::size_t> which,
                                          const RunTrials& run) {
  std::vector<line::Trial> trials;
  for (const auto i : which) {
    const auto more = futures_of(pulled(trial_, study_.levers[i]));
    trials.insert(trials.end(), more.begin(), more.end());
  }
  const auto outcomes = run(trials);
  if (!outcomes) return outcomes.error();
  double mean = 0;
  for (const auto parts : base_) mean += parts / static_cast<double>(futures_);
  for (std::size_t w = 0; w < which.size(); ++w) {
    std::vector<double> gains;
    for (std::size_t i = 0; i < futures_; ++i) {
      const auto at = w * futures_ + i;
      if (!(*outcomes)[at].valid())
        return line::Error(fmt::format("{}: a future did not end properly: {} {}",
                                       text_of(study_.levers[which[w]], *study_.line),
                                       line::name_of((*outcomes)[at].end), (*outcomes)[at].error));
      const auto parts = line::measures_of(trials[at], (*outcomes)[at]).throughput_parts_h;
      gains.push_back(mean > 0 ? (parts - base_[i]) / mean : 0);
    }
    const auto interval = verdict::interval_of(gains, 0.95);
    study_.gain[which[w]] = interval.mean;
    study_.half[which[w]] = interval.half_width;
  }
  return line::Done{};
}

LeverHits hits_of(std::span<const LineStudy> studies, std::span<const std::vector<double>> scores,
                  std::span<const std::vector<double>> pace) {
  LeverHits hits;
  for (std::size_t s = 0; s < studies.size(); ++s) {
    const auto& study = studies[s];
    if (!study.tells()) continue;
    ++hits.studies;
    std::vector<std::size_t> order(study.levers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return scores[s][a] > scores[s][b]; });
    const double most = study.gain[study.best()];
    const auto found = static_cast<std::size_t>(
        std::find_if(order.begin(), order.end(),
                     [&](auto i) { return is_as_good(study.gain[i], most); }) -
        order.begin());
    hits.best_first += found == 0 ? 1 : 0;
    hits.best_in_three += found < 3 ? 1 : 0;
    hits.simulated += static_cast<double>(found + 1) / static_cast<double>(order.size());
    if (!study.has_bottleneck()) continue;
    ++hits.bottlenecks;
    const double top = study.gain[top_cycle(study.levers, study.gain)];
    hits.bottleneck += is_as_good(study.gain[top_cycle(study.levers, pace[s])], top) ? 1 : 0;
  }
  if (hits.studies == 0) return hits;
  const auto n = static_cast<double>(hits.studies);
  hits.best_first /= n;
  hits.best_in_three /= n;
  if (hits.bottlenecks > 0) hits.bottleneck /= static_cast<double>(hits.bottlenecks);
  hits.simulated /= n;
  return hits;
}

}  // namespace foreline::levers
