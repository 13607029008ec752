// SPDX-License-Identifier: Apache-2.0
// Forecasts for a scenario's day as the live plugin would have made them.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/forecaster.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/line_time.hpp"
#include "plugin/host/plant_command.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string model = "inference/models/small";
  std::string at = "1h30min";
  std::optional<std::uint64_t> seed;
  bool sentences = false;
  std::string data;
  bool json = false;
  bool csv = false;
  bool all_rows = false;
};

nlohmann::ordered_json as_json(const inference::Forecaster& forecaster,
                               const std::vector<inference::Window>& windows,
                               const line::Trial& trial, bool sentences) {
  nlohmann::ordered_json out = {{"line", trial.line->name},
                                {"at_s", windows.front().at_s},
                                {"seed", trial.seed},
                                {"model", forecaster.description()},
                                {"horizons_s", line::forecast_horizons_s}};
  auto& machines = out["machines"] = nlohmann::ordered_json::array();
  for (const auto& given : forecaster.forecast(windows)) {
    const auto& machine = trial.line->at(given.machine);
    nlohmann::ordered_json one = {{"machine", machine.name}, {"available", given.available}};
    if (!given.available) one["why_not"] = given.why_not;
    if (given.available) {
      for (const auto& kind : given.kinds) {
        auto reasons = nlohmann::ordered_json::array();
        for (const auto& reason : kind.reasons)
          reasons.push_back({{"signal", machine.signals[reason.signal].name},
                             {"contribution", reason.contribution}});
        one["kinds"].push_back(
            {{"kind", name_of(kind.kind)}, {"within", kind.within}, {"reasons", reasons}});
      }
      if (sentences) one["sentence"] = given.sentence;
    }
    machines.push_back(std::move(one));
  }
  return out;
}

int forecast(const Options& options) {
  auto scenario = text::read_scenario_file(shipped(options.scenario));
  if (!scenario) return fail(bad_input, "forecast", scenario.error());
  const auto at_s = line_time(options.at);
  if (!at_s)
    return fail(bad_input, "forecast", fmt::format("--at \"{}\" is no duration", options.at));
  inference::ForecasterOptions how;
  how.reasons = true;
  auto forecaster = inference::Forecaster::load(shipped(options.model), how);
  if (!forecaster) return fail(bad_input, "forecast", forecaster.error());
  auto client = start_worker();
  if (!client) return fail(environment, "forecast", client.error());
  auto trial = text::trial_of(*scenario, 0);
  if (options.seed) trial.seed = *options.seed;
  trial.want_trace = true;
  trial.horizon_s = std::min(trial.horizon_s, *at_s);
  auto outcomes = client->run(std::span(&trial, 1));
  if (!outcomes) return fail(environment, "forecast", outcomes.error());
  if (!outcomes->front().valid()) return fail(bug, "forecast", outcomes->front().error);
  inference::History history(trial.line);
  for (const auto& frame : outcomes->front().trace.frames) history.add(frame);
  std::vector<inference::Window> windows;
  for (std::uint32_t m = 0; m < trial.line->machines.size(); ++m)
    windows.push_back(history.window({m}));
  if (options.json) {
    print_json(as_json(*forecaster, windows, trial, options.sentences));
    return pass;
  }
  fmt::print("{} at {}, seed {}\n{}\n\n{:<12}{:<18}{:>8}{:>8}{:>8}{:>8}   {}\n",
             scenario->line->name, clock_text(windows.front().at_s), trial.seed,
             forecaster->description(), "machine", "fault", "30 min", "1 h", "2 h", "4 h",
             "speaks for it");
  for (const auto& given : forecaster->forecast(windows)) {
    const auto& machine = trial.line->at(given.machine);
    if (!given.available) {
      fmt::print("{:<12}no forecast: {}\n", machine.name, given.why_not);
      continue;
    }
    for (const auto& kind : given.kinds) {
      std::string because;
      for (const auto& reason : kind.reasons) {
        if (std::abs(reason.contribution) < 0.02F) continue;
        because += fmt::format("{}{} {:+.0f}", because.empty() ? "" : ", ",
                               machine.signals[reason.signal].name, 100 * reason.contribution);
      }
      const auto share = [&](double s) { return 100 * kind.probability_within(s); };
      fmt::print("{:<12}{:<18}{:>6.1f} %{:>6.1f} %{:>6.1f} %{:>6.1f} %   {}\n", machine.name,
                 name_of(kind.kind), share(1800), share(3600), share(7200), share(14400), because);
    }
    if (options.sentences) fmt::print("            reads: {}\n", given.sentence);
  }
  return pass;
}

}  // namespace

void add_forecast(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "forecast",
      "Forecast the faults of a simulated line at a moment of its day, or of plant data");
  command->add_option("scenario", options->scenario, "Scenario file")->capture_default_str();
  command->add_option("--at", options->at, "Line time of the forecast")->capture_default_str();
  command->add_option("--seed", options->seed, "Seed instead of the scenario's");
  command->add_option("--model", options->model, "Folder of the model")->capture_default_str();
  command->add_flag("--sentences", options->sentences, "Also print what the model reads");
  auto* data = command->add_option("--data", options->data,
                                   "Plant data (description or CSV) for a model of `train --data`");
  auto* json = command->add_flag("--json", options->json, "Print JSON");
  command->add_flag("--csv", options->csv, "CSV on standard output")->needs(data)->excludes(json);
  command
      ->add_flag("--every-row", options->all_rows, "A forecast for each row, not for the last ones")
      ->needs(data);
  command->footer(
      "Examples:\n  foreline forecast scenarios/demo.toml --at 1h30min --sentences\n"
      "  foreline train --data scenarios/plant/pumps.toml --gpt-steps 40 --members 1 --out "
      "pump-model\n"
      "  foreline forecast --model pump-model --data scenarios/plant/pumps.toml --json");
  command->callback([options, &exit_code] {
    exit_code = options->data.empty()
                    ? forecast(*options)
                    : forecast_plant_data(options->model, options->data, options->json,
                                          options->csv, options->all_rows, false);
  });
}

}  // namespace foreline::host
