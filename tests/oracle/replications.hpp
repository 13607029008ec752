// SPDX-License-Identifier: Apache-2.0
// How an oracle test compares: independent replications, a 99 % Student interval that must hold the
// theory, and that must be narrow enough to tell.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/line/random.hpp"
#include "sim/verdict/statistics.hpp"
#include "tests/support/lines.hpp"

namespace foreline::tests {

inline constexpr double confidence = 0.99;
inline constexpr double widest = 0.005;  ///< Of the whole interval, relative to the theory.

/// `bias`: what the formula leaves out, relative; stated with its reason where it is not 0.
inline void check_agrees(const verdict::Interval& interval, double theory, double bias = 0) {
  INFO("simulated " << interval.mean << " +- " << interval.half_width << " of " << interval.count
                    << " replications, theory " << theory);
  CHECK(2 * interval.half_width < widest * theory);
  CHECK(interval.low() <= theory * (1 + bias));
  CHECK(interval.high() >= theory * (1 - bias));
}

/// Replications 1 .. count of a trial.
inline std::vector<line::Trial> replications(const line::Trial& trial, std::uint64_t count) {
  std::vector<line::Trial> trials(count, trial);
  for (std::uint64_t i = 0; i < count; ++i) {
    trials[i].seed = i + 1;
    trials[i].event_limit = 2'000'000'000;
  }
  return trials;
}

/// Runs trials that may take minutes on a busy machine.
inline std::vector<line::Outcome> run_patiently(const std::vector<line::Trial>& trials) {
  worker::Options options;
  options.executable = simulator();
  options.children = 2;
  options.trial_limit = std::chrono::minutes(10);
  auto client = worker::Client::start(options);
  if (!client) throw std::runtime_error(client.error().text());
  auto outcomes = client->run(trials);
  if (!outcomes) throw std::runtime_error(outcomes.error().text());
  return std::move(*outcomes);
}

/// A value of each replication, with its interval; `controls` have a known mean of 0.
inline verdict::Interval estimate(
    const std::vector<line::Trial>& trials,
    const std::function<double(const line::Trial&, const line::Outcome&)>& value,
    const std::function<std::vector<double>(const line::Trial&)>& controls = {}) {
  const auto outcomes = run_patiently(trials);
  std::vector<double> values;
  std::vector<std::vector<double>> control;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    INFO("seed " << trials[i].seed << ": " << outcomes[i].error);
    REQUIRE(outcomes[i].valid());
    values.push_back(value(trials[i], outcomes[i]));
    if (controls) control.push_back(controls(trials[i]));
  }
  return verdict::controlled_interval(values, control, confidence);
}

inline line::Distribution exponential(double mean) {
  return {line::Distribution::Kind::exponential, mean, 0, 0, 0};
}

inline line::Machine exponential_machine(const std::string& name, double mean_s,
                                         std::uint32_t buffer) {
  auto made = machine(name, mean_s, buffer);
  made.cycle = exponential(mean_s);
  return made;
}

/// A trip: comes by operating time, without warning.
inline line::FaultMode trips(line::Distribution between, line::Distribution repair) {
  line::FaultMode mode;
  mode.kind = line::FaultKind::motor_trip;
  mode.onset = between;
  mode.repair = repair;
  return mode;
}

/// Good parts per second after `trial.want_state_at_s`.
inline double rate_after_warm_up(const line::Trial& trial, const line::Outcome& outcome) {
  const auto& before = outcome.state.value().machines.back().progress.at(0);
  return (static_cast<double>(outcome.machines.back().good) - before.good) /
         (trial.horizon_s - *trial.want_state_at_s);
}

/// An endless order on `line`, watched from `warm_up_s` until `horizon_s`.
inline line::Trial endless(line::Line line, double warm_up_s, double horizon_s) {
  auto trial = trial_of(std::move(line), one_order(4'000'000'000U), horizon_s);
  trial.want_state_at_s = warm_up_s;
  trial.random_faults = true;
  return trial;
}

}  // namespace foreline::tests
