// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/scenario_run.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::vector<std::string> scenarios;
  std::string model = "inference/models/small";
  std::string junit;
  std::string json;
  std::optional<std::uint64_t> seed;
};

int run(const Options& options) {
  auto files = scenario_files(options.scenarios);
  if (!files) return fail(bad_input, "run", files.error());
  std::vector<text::Scenario> scenarios;
  line::Error wrong;
  for (const auto& file : *files) {
    auto scenario = text::read_scenario_file(file);
    if (scenario) {
      scenarios.push_back(std::move(*scenario));
    } else {
      const auto& more = scenario.error().diagnostics;
      wrong.diagnostics.insert(wrong.diagnostics.end(), more.begin(), more.end());
    }
  }
  if (!wrong.diagnostics.empty()) return fail(bad_input, "run", wrong);
  std::shared_ptr<const inference::Forecaster> forecaster;
  if (std::any_of(scenarios.begin(), scenarios.end(), expects_alarms)) {
    auto loaded = inference::Forecaster::load(shipped(options.model), {});
    if (!loaded) return fail(bad_input, "run", loaded.error());
    forecaster = std::make_shared<const inference::Forecaster>(std::move(*loaded));
  }
  auto client = start_worker();
  if (!client) return fail(environment, "run", client.error());
  std::vector<verdict::Verdict> verdicts;
  std::vector<std::vector<verdict::SeedResult>> all;
  for (const auto& scenario : scenarios) {
    auto results = run_scenario(scenario, options.seed, *client, forecaster, {});
    if (!results) return fail(environment, "run", results.error());
    verdicts.push_back(verdict::judge(scenario, *results));
    all.push_back(std::move(*results));
    fmt::print("{}", verdict::as_text(verdicts.back()));
    std::fflush(stdout);
  }
  for (const auto& [path, text] :
       {std::pair(options.junit, verdict::as_junit(verdicts)),
        std::pair(options.json, options.json.empty() ? "" : verdict::as_json(verdicts, all))}) {
    if (path.empty()) continue;
    if (auto written = gpt2::write_file(path, text); !written)
      return fail(environment, "run", written.error());
  }
  const bool passed = std::all_of(verdicts.begin(), verdicts.end(),
                                  [](const verdict::Verdict& v) { return v.passed; });
  return passed ? pass : expectation_failed;
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("run", "Run scenario files and judge their expectations");
  command->add_option("scenarios", options->scenarios, "Scenario files, or folders of them")
      ->required();
  command->add_option("--seed", options->seed, "Only this seed");
  command->add_option("--model", options->model, "Folder of the forecasting model")
      ->capture_default_str();
  command->add_option("--junit", options->junit, "Write JUnit XML to this file");
  command->add_option("--json", options->json, "Write every replication to this file");
  command->footer(
      "Example:\n  foreline run scenarios/regression/no-fault.toml --junit verdicts.xml");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace foreline::host
