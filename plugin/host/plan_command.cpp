// SPDX-License-Identifier: Apache-2.0
// What-if from the desk: stop a scenario's day at a moment, forecast, and compare schedules from
// there on the same futures.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "inference/forecaster.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "plugin/attachment/details.hpp"
#include "plugin/core/gate.hpp"
#include "plugin/core/skill.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/line_time.hpp"
#include "plugin/report/plan_export.hpp"
#include "plugin/store/store.hpp"
#include "sim/plan/react.hpp"
#include "sim/text/document.hpp"
#include "sim/text/files.hpp"
#include "sim/text/state_file.hpp"

namespace foreline::host {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string model = "inference/models/small";
  std::string at = "1h30min";
  std::string from;
  std::string length = "8h";
  std::string policy = "full";
  std::string freeze = "0s";
  double largest_moved = 100;  ///< Percent.
  std::optional<std::uint64_t> seed;
  std::size_t futures = 20;
  bool no_llm = false;
  std::string out;
  std::string gantt;
  std::string csv;
  std::string xlsx;
  std::string ics;
  JsonTarget json;
  std::string zero = "2000-01-01T00:00";
  std::string again;
};

/// What a plan is a function of, besides the files that it names.
Json rerun_of(const Options& options) {
  return {{"scenario", options.scenario},
          {"at", options.at},
          {"from", options.from},
          {"for", options.length},
          {"seed", options.seed ? Json(*options.seed) : Json()},
          {"futures", options.futures},
          {"policy", options.policy},
          {"freeze", options.freeze},
          {"largest_moved", options.largest_moved},
          {"model", options.model},
          {"no_llm", options.no_llm}};
}

/// The options and the id of a plan that `--json` has written.
line::Result<std::string> read_again(Options& options) {
  auto text = text::read_text_file(options.again);
  if (!text) return text.error();
  try {
    const auto json = Json::parse(*text);
    const auto& rerun = json.at("rerun");
    rerun.at("scenario").get_to(options.scenario);
    rerun.at("at").get_to(options.at);
    rerun.at("from").get_to(options.from);
    rerun.at("for").get_to(options.length);
    if (rerun.at("seed").is_number()) options.seed = rerun.at("seed").get<std::uint64_t>();
    rerun.at("futures").get_to(options.futures);
    rerun.at("policy").get_to(options.policy);
    rerun.at("freeze").get_to(options.freeze);
    rerun.at("largest_moved").get_to(options.largest_moved);
    rerun.at("model").get_to(options.model);
    rerun.at("no_llm").get_to(options.no_llm);
    return json.at("id").get<std::string>();
  } catch (const Json::exception& error) {
    return line::Error(fmt::format("{} is no plan: {}", options.again, error.what()),
                       "give a file that foreline plan --json has written");
  }
}

line::Result<line::Done> write_files(const Options& options, const plan::Request& request,
                                     const plan::Plan& plan, const core::GateVerdict& verdict,
                                     const std::string& id, double freeze_s) {
  const auto write = [](const std::string& path, const auto& text) {
    return path.empty() ? line::Result<line::Done>(line::Done{}) : gpt2::write_file(path, text());
  };
  const auto tables = report::plan_tables(request, plan);
  if (auto done = write(options.gantt,
                        [&] {
                          return report::plan_gantt(request, plan,
                                                    freeze_s > 0
                                                        ? std::optional(request.now.at_s + freeze_s)
                                                        : std::nullopt);
                        });
      !done)
    return done;
  if (auto done = write(options.csv, [&] { return report::csv_of(tables.front()); }); !done)
    return done;
  if (auto done = write(options.ics,
                        [&] {
                          return report::calendar_of(plan.winner_example.gantt, *request.line,
                                                     "Planned: ", *report::moment_of(options.zero));
                        });
      !done)
    return done;
  if (options.json.wanted()) {
    Json json = {{"id", id}, {"rerun", rerun_of(options)}};
    json.update(attachment::to_json(plan, request, verdict));
    if (auto done = options.json.write(json.dump(2) + "\n"); !done) return done;
  }
  return options.xlsx.empty() ? line::Result<line::Done>(line::Done{})
                              : report::write_xlsx(options.xlsx, tables);
}

int make(Options options) {
  std::string wanted_id;
  if (!options.again.empty()) {
    auto read = read_again(options);
    if (!read) return fail(bad_input, "plan", read.error());
    wanted_id = std::move(*read);
  }
  auto scenario = text::read_scenario_file(shipped(options.scenario));
  if (!scenario) return fail(bad_input, "plan", scenario.error());
  line::Error wrong;
  const auto duration = [&](const char* name, const std::string& text) {
    const auto seconds = line_time(text);
    if (!seconds)
      wrong.diagnostics.push_back(
          {"", 0, 0, fmt::format("{} \"{}\" is no duration such as 1h30min", name, text), ""});
    return seconds;
  };
  const auto at_s = duration("--at", options.at);
  const auto length_s = duration("--for", options.length);
  const auto freeze_s = duration("--freeze", options.freeze);
  if (length_s && *length_s <= 0)
    wrong.diagnostics.push_back({"", 0, 0, "--for must be longer than nothing", ""});
  if (!report::moment_of(options.zero))
    wrong.diagnostics.push_back(
        {"", 0, 0, fmt::format("--zero \"{}\" is no moment such as 2026-11-30T06:00", options.zero),
         ""});
  const auto policy =
      std::find(plan::policy_names().begin(), plan::policy_names().end(), options.policy);
  if (policy == plan::policy_names().end())
    wrong.diagnostics.push_back(
        {"", 0, 0, fmt::format("there is no policy \"{}\"", options.policy), ""});
  if (!wrong.diagnostics.empty()) return fail(bad_input, "plan", wrong);
  std::optional<line::Result<inference::Forecaster>> forecaster;
  // A state says where the line stands, not what its signals were: nothing to forecast from.
  if (!options.no_llm && options.from.empty()) {
    forecaster = inference::Forecaster::load(shipped(options.model), {});
    if (!*forecaster) return fail(bad_input, "plan", forecaster->error());
  }
  auto client = start_worker();
  if (!client) return fail(environment, "plan", client.error());
  auto trial = text::trial_of(*scenario, 0);
  if (options.seed) trial.seed = *options.seed;
  inference::History history(trial.line);
  std::optional<line::LineNow> now;
  if (options.from.empty()) {
    trial.want_trace = true;
    trial.want_state_at_s = *at_s;
    auto outcomes = client->run(std::span(&trial, 1));
    if (!outcomes) return fail(environment, "plan", outcomes.error());
    auto& day = outcomes->front();
    if (!day.valid()) return fail(bug, "plan", day.error);
    if (!day.state || (day.end == line::Outcome::End::done && day.end_s <= *at_s))
      return fail(
          bad_input, "plan",
          fmt::format("the work is over at {}, before --at {}", clock_text(day.end_s), options.at));
    for (const auto& frame : day.trace.frames)
      if (frame.at_s <= *at_s) history.add(frame);
    now = std::move(day.state);
  } else {
    auto from = text::read_state_file(options.from, *trial.line, *trial.orders);
    if (!from) return fail(bad_input, "plan", from.error());
    now = std::move(*from);
  }
  std::vector<inference::Window> windows;
  if (forecaster)
    for (std::uint32_t m = 0; m < trial.line->machines.size(); ++m)
      windows.push_back(history.window({m}));
  plan::Request request;
  request.line = trial.line;
  request.orders = trial.orders;
  request.active = trial.schedule;
  request.now = std::move(*now);
  if (request.line->objective) request.objective = *request.line->objective;
  request.seed = trial.seed;
  request.horizon_s = *length_s;
  request.selection_seeds = options.futures;
  request.gate_seeds = 2 * options.futures;
  request.policy = static_cast<plan::Policy>(policy - plan::policy_names().begin());
  request.fence = plan::fence_of(request, *freeze_s);
  request.makespan_from_s = plan::makespan_from(request);
  request.least_gain_share = core::GateRules().least_gain_share;
  request.bar = core::GateRules();
  request.largest_moved_share = options.largest_moved / 100;
  double missing_share = 0;
  std::vector<line::Forecast> forecasts;
  auto evaluation = !forecaster ? line::Result(std::optional<core::ForecastRecord>())
                                : core::evaluation_of(shipped(options.model));
  if (!evaluation) return fail(bad_input, "plan", evaluation.error());
  if (forecaster) forecasts = (*forecaster)->forecast(windows);
  for (const auto& given : forecasts) {
    if (!given.available) continue;
    for (const auto& kind : given.kinds) {
      if (!gives_warning(kind.kind)) continue;
      request.hazards.push_back({given.machine, kind.kind, kind.within});
      if (kind.probability_within(7200) > 0.2)
        options.json.tell("{} of {}: {:.0f} % within 2 h\n", name_of(kind.kind),
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
  const auto begun = std::chrono::steady_clock::now();
  auto said = begun;
  const auto simulated = [&](std::size_t done, std::size_t all) {
    const auto moment = std::chrono::steady_clock::now();
    if (moment - said < std::chrono::seconds(2)) return;
    said = moment;
    const double left_s = std::chrono::duration<double>(moment - begun).count() *
                          static_cast<double>(all - std::min(done, all)) /
                          static_cast<double>(std::max<std::size_t>(1, done));
    progress(fmt::format("{} of at most {} futures simulated, at most {:.0f} s to go{}", done, all,
                         std::ceil(left_s), shown.empty() ? "" : "; best so far: " + shown));
  };
  auto planned = plan::make_plan(request, *client, simulated, planned_so_far);
  if (!planned) return fail(environment, "plan", planned.error());
  const auto& currency = request.objective.currency;
  if (request.line->objective)
    options.json.tell("What counts: {}\n", line::text_of(request.objective));
  options.json.tell(
      "{} at {}, seed {}: {} schedules on the same {} futures\n\n{:<44}{:>26}{:>8}{:>12}\n",
      scenario->line->name, clock_text(request.now.at_s), trial.seed,
      std::count_if(planned->evaluated.begin(), planned->evaluated.end(),
                    [](const auto& one) { return one.simulated; }),
      options.futures, "schedule",
      currency.empty() ? std::string("cost, mean [95 %]") : currency + ", mean [95 %]", "late",
      "downtime");
  bool simulated_so_far = true;
  for (const auto& evaluated : planned->evaluated) {
    if (simulated_so_far && !evaluated.simulated)
      options.json.tell("By the recursion only, on other futures:\n");
    simulated_so_far = evaluated.simulated;
    double late = 0;
    double down_s = 0;
    for (const auto& measures : evaluated.selection) {
      late += measures.orders_late;
      down_s += measures.downtime_s;
    }
    const auto n = static_cast<double>(evaluated.selection.size());
    const auto& cost = evaluated.mean_cost;
    options.json.tell("{:<44}{:>26}{:>8.2f}{:>12}{}\n", evaluated.candidate.name,
                      fmt::format("{:.0f} [{:.0f}, {:.0f}]", cost.mean, cost.low, cost.high),
                      late / n, clock_text(down_s / n),
                      evaluated.short_of.empty() ? "" : "  not chosen: " + evaluated.short_of);
  }
  const auto& best = planned->evaluated[planned->winner].candidate.schedule;
  const auto fence = plan::frozen_of(request);
  const auto unrest = plan::nervousness_of(request.active, best, fence);
  options.json.tell(
      "\nThe first {} of {} orders stay; {:.0f} % of the others move, by {:.0f} % of what they "
      "could, and start {:.0f} min earlier or later on average\n",
      fence, best.sequence.size(), 100 * unrest.moved_share, 100 * unrest.weighted_shift,
      planned->proof.start_deviation_s / 60);
  core::GateInput input;
  input.request = &request;
  input.plan = &*planned;
  input.connected = true;
  input.now_s = request.now.at_s;
  input.forecast_at_s = windows.empty() ? 0 : windows.front().at_s;
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
  options.json.tell("\nThe gate {}: {}\n", verdict.passed ? "would propose" : "refuses",
                    verdict.reason);
  for (const auto& check : verdict.checks)
    if (!check.passed) options.json.tell("  {:<4}{:<12}{}\n", check.rule, check.name, check.text);
  const auto id = store::digest_of(core::identity_text(request, best, rules));
  options.json.tell("\nThis plan: {}\n", id);
  if (auto written = write_files(options, request, *planned, verdict, id, *freeze_s); !written)
    return fail(environment, "plan", written.error());
  if (!wanted_id.empty() && wanted_id != id)
    return fail(expectation_failed, "plan",
                fmt::format("{} holds another plan, {}: a file that it names, the model or the "
                            "program has changed since",
                            options.again, wanted_id));
  if (!options.out.empty()) {
    auto written =
        gpt2::write_file(options.out, text::schedule_text(best, *trial.line, *trial.orders));
    if (!written) return fail(environment, "plan", written.error());
    options.json.tell("The best schedule: {}\n", options.out);
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
  command->add_option(
      "--from", options->from,
      "State file to plan from, instead of --at; by base rates, as it has no signals");
  command->add_option("--for", options->length, "Length of the futures")->capture_default_str();
  command
      ->add_option("--policy", options->policy,
                   "What may move: no order, orders that will be late, all")
      ->check(CLI::IsMember(plan::policy_names()))
      ->capture_default_str();
  command->add_option("--freeze", options->freeze, "Orders that start within this stay")
      ->capture_default_str();
  command
      ->add_option("--largest-moved", options->largest_moved,
                   "Percent of the open orders that may move")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed instead of the scenario's");
  command->add_option("--futures", options->futures, "Simulated futures a schedule")
      ->check(CLI::Range(5, 10'000))
      ->capture_default_str();
  command->add_option("--model", options->model, "Folder of the model")->capture_default_str();
  command->add_flag("--no-llm", options->no_llm, "Plan by base rates alone, without the model");
  command->add_option("--out", options->out, "Write the best schedule to this file");
  command->add_option("--gantt", options->gantt, "Draw the plan to this SVG file");
  command->add_option("--csv", options->csv, "Write the orders with their times to this file");
  command->add_option("--xlsx", options->xlsx, "Write orders, work and services to this workbook");
  command->add_option("--ics", options->ics, "Write the services as a calendar to this file");
  command->add_option("--zero", options->zero, "Local time of line time 0, for --ics")
      ->capture_default_str();
  options->json.add_to(*command, "Write all of the plan");
  command->add_option("--again", options->again,
                      "Make the plan of a --json file again, and fail if it is another");
  command->footer("Example:\n  foreline plan scenarios/demo.toml --at 1h30min --out better.toml");
  command->callback([options, &exit_code] { exit_code = make(*options); });
}

}  // namespace foreline::host
