// SPDX-License-Identifier: Apache-2.0
#include "plugin/rehearsal/rehearsal.hpp"

#include <algorithm>

#include "sim/worker/fans.hpp"

namespace foreline::rehearsal {

bool expects_alarms(const text::Scenario& scenario) {
  return std::any_of(scenario.expectations.begin(), scenario.expectations.end(),
                     [](const text::Expectation& expectation) {
                       return std::holds_alternative<text::Expectation::Alarm>(expectation.what) ||
                              std::holds_alternative<text::Expectation::NoAlarm>(expectation.what);
                     });
}

std::vector<line::AlarmEvent> alarms_of(
    const line::Trial& trial, const line::Outcome& outcome,
    const std::shared_ptr<const inference::Forecaster>& forecaster, const core::WatchRules& rules) {
  std::vector<line::AlarmEvent> alarms;
  core::Watch watch(trial.line, forecaster, rules);
  for (const auto& frame : outcome.trace.frames) {
    auto changes = watch.step(frame);
    alarms.insert(alarms.end(), changes.alarms.begin(), changes.alarms.end());
  }
  return alarms;
}

line::Result<std::vector<verdict::SeedResult>> run_scenario(
    const text::Scenario& scenario, std::optional<std::uint64_t> only_seed, worker::Client& client,
    const std::shared_ptr<const inference::Forecaster>& forecaster, const core::WatchRules& rules,
    const Step& step, std::uint64_t event_limit, bool watch) {
  const bool traces = watch || expects_alarms(scenario);
  std::vector<const text::Expectation::Compare*> comparisons;
  for (const auto& expectation : scenario.expectations)
    if (const auto* compare = std::get_if<text::Expectation::Compare>(&expectation.what))
      comparisons.push_back(compare);
  std::vector<verdict::SeedResult> results;
  std::vector<line::Trial> trials;
  for (std::size_t i = 0; i < (only_seed ? 1 : scenario.seed_count); ++i) {
    auto trial = text::trial_of(scenario, i);
    if (only_seed) trial.seed = *only_seed;
    trial.want_trace = traces;
    if (event_limit > 0) trial.event_limit = event_limit;
    auto& result = results.emplace_back();
    result.seed = trial.seed;
    result.trial = trial;
    trials.push_back(trial);
    trial.want_trace = false;
    for (const auto* compare : comparisons) {
      trial.schedule = compare->schedule;
      trials.push_back(trial);
    }
  }
  std::size_t simulated = 0;
  auto outcomes = client.run(trials, [&](std::size_t, const line::Outcome&) {
    step(scenario.title, ++simulated, trials.size());
  });
  if (!outcomes) return outcomes.error();
  std::vector<verdict::Series> series(trials.size());
  if (const double step_s = verdict::series_step_s(scenario); step_s > 0) {
    std::vector<line::Fan> fans;
    for (const auto& trial : trials) {
      fans.push_back({trial, 0, {}, step_s});
      fans.back().trial.want_trace = false;
    }
    auto ran = worker::run_fans(fans, {});
    if (!ran) return ran.error();
    for (std::size_t i = 0; i < series.size(); ++i)
      series[i] = {step_s, std::move((*ran)[i].series)};
  }
  std::size_t next = 0;
  std::size_t watched = 0;
  for (auto& result : results) {
    result.series = std::move(series[next]);
    result.outcome = std::move((*outcomes)[next++]);
    for (std::size_t c = 0; c < comparisons.size(); ++c) {
      result.compared_series.push_back(std::move(series[next]));
      result.compared.push_back(std::move((*outcomes)[next++]));
    }
    result.watched = traces;
    if (traces) result.alarms = alarms_of(result.trial, result.outcome, forecaster, rules);
    result.outcome.trace = {};
    step(scenario.title + ": alarms", ++watched, results.size());
  }
  return results;
}

}  // namespace foreline::rehearsal
