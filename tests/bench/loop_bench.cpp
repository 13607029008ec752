// SPDX-License-Identifier: Apache-2.0
// The loop against its rivals over weeks of a line with faults, each week under all four:
//
// - run to failure: orders as they are due, nothing is serviced;
// - age replacement: each machine is serviced at an age, the best of eight on forty other weeks;
// - without forecast: planned by base rates every eight hours, through the gate;
// - closed loop: the same, and whenever a forecast alarm is raised, with the forecast.
//
// The forecaster sees the line's frames as the plugin does, and plans start from what a PLC tells.
// A week is simulated again from its beginning with the schedule that was decided: draws are by
// number, so what had happened happens again. One JSON object a week, then the paired differences.
//
// DUE says how tight due dates are (weeks.hpp): such that one order in seven is late in the
// training weeks, run to failure. That is 1.09 for the bottling line and 1.18 for the stamping
// line.
//
//   bench_loop LINE MODEL WEEKS DUE [FIRST_SEED]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "inference/forecaster.hpp"
#include "plugin/core/gate.hpp"
#include "plugin/core/watch.hpp"
#include "sim/plan/planner.hpp"
#include "sim/plan/react.hpp"
#include "sim/worker/client.hpp"
#include "tests/bench/weeks.hpp"

using namespace foreline;
using namespace foreline::line;
using bench::life_of;
using bench::run;
using bench::week_of;

namespace {

constexpr double horizon_s = 8 * 3600.0;
constexpr double plan_every_s = 8 * 3600.0;
constexpr double again_after_s = 900;
constexpr double forecast_every_s = 300;
constexpr std::uint64_t training_seed = 900'000;
constexpr std::size_t training_weeks = 40;

/// The prices of the sample configuration.
plan::Request prices() {
  return {};
}

struct Week {
  double cost = 0;
  double late = 0;
  double downtime_h = 0;
  double throughput = 0;
  double services = 0;
  double deployed = 0;
  double refused = 0;
};

Week measured(const Trial& trial, const Outcome& outcome) {
  const auto measures = measures_of(trial, outcome);
  double service_s = 0;
  for (const auto& machine : outcome.machines) service_s += machine.service_s;
  Week week;
  week.cost = plan::cost_of(prices(), measures, service_s) / 3600;
  week.late = measures.orders_late;
  week.downtime_h = measures.downtime_s / 3600;
  week.throughput = measures.good_parts / (outcome.end_s / 3600);
  week.services = measures.services;
  return week;
}

Trial with_ages(Trial trial, double share) {
  auto line = *trial.line;
  for (auto& machine : line.machines) {
    const double life_s = life_of(machine);
    if (life_s <= 0) continue;
    Maintenance rule;
    rule.rule = Maintenance::Rule::age;
    rule.every_s = share * life_s;
    machine.maintenance = {rule};
  }
  trial.line = std::make_shared<const Line>(std::move(line));
  return trial;
}

/// Plans through the week; without a forecaster by base rates.
Week loop(worker::Client& client, Trial trial,
          std::shared_ptr<const inference::Forecaster> forecaster) {
  Week counted;
  const core::GateRules rules = [] {
    core::GateRules gate;
    gate.least_futures = 100;
    gate.least_stretches = 0;  // the line is the simulation
    return gate;
  }();
  core::WatchRules watching;
  watching.forecast_every_s = forecast_every_s;
  core::Watch watch(trial.line, forecaster, watching);
  trial.want_trace = true;
  auto outcome = run(client, trial);
  std::size_t next_frame = 0;
  double planned_s = 0;
  double deployed_s = -1;
  std::uint64_t plans = 0;
  while (next_frame < outcome.trace.frames.size()) {
    const auto& frame = outcome.trace.frames[next_frame++];
    bool wanted = frame.at_s - planned_s >= plan_every_s;
    if (forecaster) {
      (void)watch.step(frame);
      const auto standing = watch.alarms().standing();
      const bool alarm = std::any_of(standing.begin(), standing.end(), [](const auto& record) {
        return record.active && record.event.alarm_class == AlarmClass::forecast;
      });
      wanted = wanted || (alarm && frame.at_s - planned_s >= again_after_s);
    }
    if (!wanted) continue;
    planned_s = frame.at_s;
    auto stopped = trial;
    stopped.want_trace = false;
    stopped.want_state_at_s = stopped.horizon_s = frame.at_s;
    const auto now = run(client, stopped).state;
    if (!now) break;
    auto request = prices();
    request.line = trial.line;
    request.orders = trial.orders;
    request.active = trial.schedule;
    request.now = *now;
    request.horizon_s = horizon_s;
    request.seed = trial.seed * 1000 + ++plans;
    request.selection_seeds = 12;
    request.gate_seeds = rules.least_futures;
    request.search_futures = 2000;
    request.least_gain_share = rules.least_gain_share;
    request.bar = rules;
    request.keep_futures = 1;
    request.largest_moved_share = rules.largest_moved_share;
    request.makespan_from_s = plan::makespan_from(request);
    double missing = 0;
    if (forecaster)
      for (const auto& forecast : watch.latest()) {
        if (!forecast.available) continue;
        missing = std::max(missing, static_cast<double>(forecast.missing_share));
        for (const auto& kind : forecast.kinds) {
          if (gives_warning(kind.kind))
            request.hazards.push_back({forecast.machine, kind.kind, kind.within});
        }
      }
    auto planned = plan::make_plan(request, client);
    if (!planned) {
      fmt::print(stderr, "{}\n", planned.error().text());
      std::exit(3);
    }
    core::GateInput input;
    input.request = &request;
    input.plan = &*planned;
    input.connected = input.may_write = input.audit_works = true;
    input.now_s = input.forecast_at_s = frame.at_s;
    input.missing_share = missing;
    input.forecast = core::ForecastRecord{0.34, 0.004, "the model's card"};
    input.deployed_at_s = deployed_s;
    const auto verdict = core::judge(input, rules);
    const auto& winner = planned->evaluated[planned->winner].candidate.schedule;
    if (winner == trial.schedule) continue;
    if (!verdict.passed) {
      ++counted.refused;
      continue;
    }
    ++counted.deployed;
    deployed_s = frame.at_s;
    trial.schedule = winner;
    outcome = run(client, trial);
  }
  auto week = measured(trial, outcome);
  week.deployed = counted.deployed;
  week.refused = counted.refused;
  return week;
}

void print(std::uint64_t seed, const char* policy, const Week& week) {
  fmt::print(
      "{{\"week\":{},\"policy\":\"{}\",\"cost_h\":{:.3f},\"orders_late\":{},\"downtime_h\":{:.3f},"
      "\"parts_an_hour\":{:.2f},\"services\":{},\"deployed\":{},\"refused\":{}}}\n",
      seed, policy, week.cost, week.late, week.downtime_h, week.throughput, week.services,
      week.deployed, week.refused);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: bench_loop LINE MODEL WEEKS DUE [FIRST_SEED]\n");
    return 2;
  }
  auto [line, forecaster, client] = bench::opened(argv[1], argv[2]);
  const double due = std::strtod(argv[4], nullptr);
  const std::uint64_t first = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 1;

  double best_share = 0;
  double best_cost = 1e300;
  for (const double share : {0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.4}) {
    double cost = 0;
    for (std::uint64_t w = 0; w < training_weeks; ++w) {
      const auto trial = with_ages(week_of(line, training_seed + w, due), share);
      cost += measured(trial, run(client, trial)).cost / training_weeks;
    }
    fmt::print("{{\"age_share\":{},\"training_cost_h\":{:.3f}}}\n", share, cost);
    if (cost < best_cost) {
      best_cost = cost;
      best_share = share;
    }
  }
  const std::vector<const char*> policies = {"run to failure", "age replacement",
                                             "without forecast", "closed loop"};
  std::vector<std::vector<Week>> weeks(policies.size());
  const auto count = std::strtoull(argv[3], nullptr, 10);
  for (std::uint64_t w = 0; w < count; ++w) {
    const auto trial = week_of(line, first + w, due);
    const auto aged = with_ages(trial, best_share);
    weeks[0].push_back(measured(trial, run(client, trial)));
    weeks[1].push_back(measured(aged, run(client, aged)));
    weeks[2].push_back(loop(client, trial, nullptr));
    weeks[3].push_back(loop(client, trial, forecaster));
    for (std::size_t p = 0; p < policies.size(); ++p)
      print(trial.seed, policies[p], weeks[p].back());
  }
  const std::vector<std::pair<const char*, double Week::*>> fields = {
      {"cost, h", &Week::cost},
      {"orders late", &Week::late},
      {"downtime, h", &Week::downtime_h},
      {"parts an hour", &Week::throughput},
      {"services", &Week::services}};
  const auto column = [&](std::size_t policy, double Week::*field) {
    std::vector<double> values;
    for (const auto& week : weeks[policy]) values.push_back(week.*field);
    return values;
  };
  for (const auto& [name, field] : fields) {
    fmt::print("| {} ", name);
    const auto own = column(3, field);
    for (std::size_t p = 0; p < policies.size(); ++p)
      fmt::print("| {:.2f} ", plan::estimate_of(column(p, field)).mean);
    for (std::size_t p = 0; p < 3; ++p) {
      auto difference = column(p, field);
      for (std::size_t i = 0; i < difference.size(); ++i) difference[i] = own[i] - difference[i];
      const auto estimate = plan::estimate_of(difference);
      fmt::print("| {:+.2f} [{:+.2f}, {:+.2f}] ", estimate.mean, estimate.low, estimate.high);
    }
    fmt::print("|\n");
  }
  return 0;
}
