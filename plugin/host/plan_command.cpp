// SPDX-License-Identifier: Apache-2.0
// What-if from the desk: stop a scenario's day at a moment, forecast, and compare schedules from
// there on the same futures.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <optional>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/history.hpp"
#include "plugin/core/gate.hpp"
#include "plugin/core/skill.hpp"
#include "plugin/host/console.hpp"
#include "sim/plan/planner.hpp"
#include "sim/text/document.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string model = "inference/models/small";
  std::string at = "1h30min";
  std::optional<std::uint64_t> seed;
  std::size_t futures = 20;
  bool no_llm = false;
  std::string out;
};

int make(const Options& options) {
  auto scenario = text::read_scenario_file(shipped(options.scenario));
  if (!scenario) return fail(bad_input, "plan", scenario.error());
  const auto at_s = text::parse_duration(options.at);
  if (!at_s) return fail(bad_input, "plan", fmt::format("--at \"{}\" is no duration", options.at));
  std::optional<line::Result<inference::Forecaster>> forecaster;
  if (!options.no_llm) {
    forecaster = inference::Forecaster::load(shipped(options.model), {});
    if (!*forecaster) return fail(bad_input, "plan", forecaster->error());
  }
  auto client = start_worker();
  if (!client) return fail(environment, "plan", client.error());
  auto trial = text::trial_of(*scenario, 0);
  if (options.seed) trial.seed = *options.seed;
  trial.want_trace = true;
  trial.want_state_at_s = *at_s;
  auto outcomes = client->run(std::span(&trial, 1));
  if (!outcomes) return fail(environment, "plan", outcomes.error());
  const auto& day = outcomes->front();
  if (!day.valid()) return fail(bug, "plan", day.error);
  if (!day.state || (day.end == line::Outcome::End::done && day.end_s <= *at_s))
    return fail(
        bad_input, "plan",
        fmt::format("the work is over at {}, before --at {}", clock_text(day.end_s), options.at));
  inference::History history(trial.line);
  for (const auto& frame : day.trace.frames)
    if (frame.at_s <= *at_s) history.add(frame);
  std::vector<inference::Window> windows;
  for (std::uint32_t m = 0; m < trial.line->machines.size(); ++m)
    windows.push_back(history.window({m}));
  plan::Request request;
  request.line = trial.line;
  request.orders = trial.orders;
  request.active = trial.schedule;
  request.now = *day.state;
  request.seed = trial.seed;
  request.selection_seeds = options.futures;
  request.gate_seeds = 2 * options.futures;
  double missing_share = 0;
  std::vector<line::Forecast> forecasts;
  auto evaluation = options.no_llm ? line::Result(std::optional<core::ForecastRecord>())
                                   : core::evaluation_of(shipped(options.model));
  if (!evaluation) return fail(bad_input, "plan", evaluation.error());
  if (forecaster) forecasts = (*forecaster)->forecast(windows);
  for (const auto& given : forecasts) {
    if (!given.available) continue;
    for (const auto& kind : given.kinds) {
      const auto& modes = trial.line->at(given.machine).faults;
      const bool possible = std::any_of(modes.begin(), modes.end(),
                                        [&](const auto& mode) { return mode.kind == kind.kind; });
      if (!possible || !gives_warning(kind.kind)) continue;
      request.hazards.push_back({given.machine, kind.kind, kind.within});
      if (kind.probability_within(7200) > 0.2)
        fmt::print("{} of {}: {:.0f} % within 2 h\n", name_of(kind.kind),
                   trial.line->at(given.machine).name, 100 * kind.probability_within(7200));
      missing_share = std::max(missing_share, static_cast<double>(given.missing_share));
    }
  }
  std::string shown;
  const auto planned_so_far = [&](const plan::Candidate& best, const plan::Estimate& gain) {
    if (best.name == shown) return;
    shown = best.name;
    progress(fmt::format("best so far: {}, gain {:.0f} [{:.0f}, {:.0f}]", best.name, gain.mean,
                         gain.low, gain.high));
  };
  auto planned = plan::make_plan(request, *client, {}, planned_so_far);
  if (!planned) return fail(environment, "plan", planned.error());
  fmt::print("{} at {}, seed {}: {} schedules on the same {} futures\n\n{:<44}{:>26}{:>8}{:>12}\n",
             scenario->line->name, clock_text(*at_s), trial.seed, planned->evaluated.size(),
             options.futures, "schedule", "cost, mean [95 %]", "late", "downtime");
  for (const auto& evaluated : planned->evaluated) {
    double late = 0;
    double down_s = 0;
    for (const auto& measures : evaluated.selection) {
      late += measures.orders_late;
      down_s += measures.downtime_s;
    }
    const auto n = static_cast<double>(evaluated.selection.size());
    const auto& cost = evaluated.mean_cost;
    fmt::print("{:<44}{:>26}{:>8.2f}{:>12}\n", evaluated.candidate.name,
               fmt::format("{:.0f} [{:.0f}, {:.0f}]", cost.mean, cost.low, cost.high), late / n,
               clock_text(down_s / n));
  }
  core::GateInput input;
  input.request = &request;
  input.plan = &*planned;
  input.connected = true;
  input.now_s = *at_s;
  input.forecast_at_s = windows.front().at_s;
  input.missing_share = missing_share;
  input.forecast = *evaluation;
  input.may_write = true;
  input.audit_works = true;
  core::GateRules rules;
  // At a desk fewer futures may do; the number is printed with the gain. The line is the
  // simulation.
  rules.least_stretches = 0;
  rules.least_futures = std::min(rules.least_futures, request.gate_seeds);
  const auto verdict = core::judge(input, rules);
  fmt::print("\nThe gate {}: {}\n", verdict.passed ? "would propose" : "refuses", verdict.reason);
  for (const auto& check : verdict.checks)
    if (!check.passed) fmt::print("  {:<4}{:<12}{}\n", check.rule, check.name, check.text);
  if (!options.out.empty()) {
    const auto& winner = planned->evaluated[planned->winner].candidate.schedule;
    auto written =
        gpt2::write_file(options.out, text::schedule_text(winner, *trial.line, *trial.orders));
    if (!written) return fail(environment, "plan", written.error());
    fmt::print("The best schedule: {}\n", options.out);
  }
  return pass;
}

}  // namespace

void add_plan(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "plan", "Compare schedules from a moment of a scenario's day, on the same futures");
  command->add_option("scenario", options->scenario, "Scenario file")->capture_default_str();
  command->add_option("--at", options->at, "Line time to plan at")->capture_default_str();
  command->add_option("--seed", options->seed, "Seed instead of the scenario's");
  command->add_option("--futures", options->futures, "Simulated futures a schedule")
      ->check(CLI::Range(5, 10'000))
      ->capture_default_str();
  command->add_option("--model", options->model, "Folder of the model")->capture_default_str();
  command->add_flag("--no-llm", options->no_llm, "Plan by base rates alone, without the model");
  command->add_option("--out", options->out, "Write the best schedule to this file");
  command->footer("Example:\n  foreline plan scenarios/demo.toml --at 1h30min --out better.toml");
  command->callback([options, &exit_code] { exit_code = make(*options); });
}

}  // namespace foreline::host
