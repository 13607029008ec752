// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "inference/forecaster.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/job.hpp"
#include "plugin/host/progress.hpp"
#include "plugin/rehearsal/rehearsal.hpp"
#include "sim/text/document.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::vector<std::string> scenarios;
  std::string model = "inference/models/small";
  std::string junit;
  JsonTarget json;
  std::string html;
  std::optional<std::uint64_t> seed;
  bool accept = false;
  bool alarms = false;
  unsigned jobs = 0;
  double trial_s = 60;
  std::uint64_t trial_events = 0;
  std::uint64_t trial_mb = worker::Options().memory_mb;
  std::string journal;
};

/// The command as far as it decides which trials are run.
std::string what(const Options& options) {
  std::error_code error;
  std::string out = "run " + std::filesystem::current_path(error).string();
  for (const auto& scenario : options.scenarios) out += '\n' + scenario;
  return out;
}

/// What a rerun of one seed needs so that it is the same trial.
std::string rerun_options(const Options& options) {
  std::string out;
  if (options.model != Options().model) out += fmt::format(" --model '{}'", options.model);
  if (options.trial_s != Options().trial_s)
    out += fmt::format(" --trial-seconds {}", options.trial_s);
  if (options.trial_mb != Options().trial_mb)
    out += fmt::format(" --trial-memory {}", options.trial_mb);
  if (options.trial_events > 0) out += fmt::format(" --trial-events {}", options.trial_events);
  return out;
}

/// Renews the measured block, or says where it no longer holds.
bool settle_measured_block(const verdict::Verdict& verdict, const Options& options) {
  const auto file = text::read_text_file(verdict.scenario);
  if (!file) return true;
  if (!options.accept) {
    if (options.seed) return true;
    for (const auto& difference : verdict::measured_differences(*file, verdict))
      options.json.tell("  measured block, {}\n", difference);
    return true;
  }
  const auto renewed = verdict::with_measured_block(*file, verdict);
  if (renewed == *file) return true;
  if (auto written = gpt2::write_file(verdict.scenario, renewed); !written) {
    fail(environment, "run", written.error());
    return false;
  }
  options.json.tell("  measured block written: {}\n", verdict.scenario);
  return true;
}

int run(const Options& options) {
  if (options.accept && options.seed)
    return fail(bad_input, "run", "--accept measures all seeds: leave out --seed");
  worker::Options workers;
  workers.children = options.jobs;
  workers.trial_limit = std::chrono::milliseconds(static_cast<long>(options.trial_s * 1000));
  workers.memory_mb = options.trial_mb;
  auto job = Job::join();
  if (!job) return fail(environment, "run", job.error());
  if (!job->leads()) return job->work("run", workers);
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
  if (options.alarms ||
      std::any_of(scenarios.begin(), scenarios.end(), rehearsal::expects_alarms)) {
    auto loaded = inference::Forecaster::load(shipped(options.model), {});
    if (!loaded) return fail(bad_input, "run", loaded.error());
    forecaster = std::make_shared<const inference::Forecaster>(std::move(*loaded));
  }
  if (auto shared = job->share(workers, options.journal, what(options)); !shared)
    return fail(environment, "run", shared.error());
  auto client = worker::Client::start(workers);
  if (!client) return fail(environment, "run", client.error());
  std::vector<verdict::Verdict> verdicts;
  std::vector<std::vector<verdict::SeedResult>> all;
  std::optional<Progress> shown;
  const rehearsal::Step step = [&](const std::string& what, std::size_t done, std::size_t total) {
    if (done == 1) shown.emplace(what, total);
    shown->step();
  };
  for (const auto& scenario : scenarios) {
    auto results = rehearsal::run_scenario(scenario, options.seed, *client, forecaster, {}, step,
                                           options.trial_events, options.alarms);
    if (!results) return fail(environment, "run", results.error());
    verdicts.push_back(verdict::judge(scenario, *results, rerun_options(options)));
    all.push_back(std::move(*results));
    options.json.tell("{}", verdict::as_text(verdicts.back()));
    if (!settle_measured_block(verdicts.back(), options)) return environment;
    std::fflush(options.json.people());
  }
  job->finish();
  for (const auto& [path, text] : {std::pair(options.junit, verdict::as_junit(verdicts)),
                                   std::pair(options.html, verdict::as_html(verdicts))}) {
    if (path.empty()) continue;
    if (auto written = gpt2::write_file(path, text); !written)
      return fail(environment, "run", written.error());
  }
  if (options.json.wanted())
    if (auto written = options.json.write(verdict::as_json(verdicts, all)); !written)
      return fail(environment, "run", written.error());
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
  command->add_option("--html", options->html, "Write a page to this file");
  options->json.add_to(*command, "Write every measure, its interval and every replication");
  command->add_flag("--accept", options->accept,
                    "Write what was measured into each file's [measured] comment block");
  command->add_flag("--alarms", options->alarms,
                    "Watch for alarms on every day, for --json, also where none is expected");
  command->add_option("--jobs", options->jobs, "Trials at once; 0: one a core. Changes no result")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--trial-seconds", options->trial_s, "End a trial that takes longer")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  command->add_option("--trial-events", options->trial_events,
                      "End a trial with more events; 0: 50 million");
  command
      ->add_option("--trial-memory", options->trial_mb,
                   "End a trial that needs more memory, in MB; 0: any")
      ->capture_default_str();
  command->add_option("--journal", options->journal,
                      "Keep finished trials in this file, and take from it what it holds");
  command->footer(
      "Example:\n  foreline run scenarios/regression/no-fault.toml --junit verdicts.xml --html "
      "verdicts.html");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace foreline::host
