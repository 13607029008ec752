// SPDX-License-Identifier: Apache-2.0
// Where a simulated line stands at a moment, as a file from which futures, what-ifs and scenarios
// can begin.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/line_time.hpp"
#include "sim/text/files.hpp"
#include "sim/text/state_file.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string at = "1h30min";
  std::optional<std::uint64_t> seed;
  std::string out;
  bool json = false;
};

int state(const Options& options) {
  auto scenario = text::read_scenario_file(shipped(options.scenario));
  if (!scenario) return fail(bad_input, "state", scenario.error());
  const auto at_s = line_time(options.at);
  if (!at_s)
    return fail(bad_input, "state",
                fmt::format("--at \"{}\" is no duration such as 1h30min", options.at));
  auto trial = text::trial_of(*scenario, 0);
  if (options.seed) trial.seed = *options.seed;
  trial.horizon_s = *at_s;
  trial.stop_when_done = false;
  trial.want_state_at_s = *at_s;
  trial.want_health = true;
  if (trial.from && trial.from->at_s > *at_s)
    return fail(bad_input, "state",
                fmt::format("--at {} is before the state that {} begins with", options.at,
                            options.scenario));
  auto client = start_worker();
  if (!client) return fail(environment, "state", client.error());
  auto outcomes = client->run(std::span(&trial, 1));
  if (!outcomes) return fail(environment, "state", outcomes.error());
  if (!outcomes->front().state) return fail(environment, "state", outcomes->front().error);
  const auto text = text::state_text(*outcomes->front().state, *trial.line, *trial.orders);
  const auto summary = [&](const char* key, const std::string& value) {
    const auto& now = *outcomes->front().state;
    print_json(
        {{"line", trial.line->name}, {"seed", trial.seed}, {"at_s", now.at_s}, {key, value}});
  };
  if (options.out.empty()) {
    if (options.json) {
      summary("state", text);
      return pass;
    }
    fmt::print("{}", text);
    return pass;
  }
  if (auto written = gpt2::write_file(options.out, text); !written)
    return fail(environment, "state", written.error());
  if (options.json)
    summary("file", options.out);
  else
    fmt::print("{}\n", options.out);
  return pass;
}

}  // namespace

void add_state(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("state", "Write where a simulated line stands at a moment");
  command->add_option("scenario", options->scenario, "Scenario file")->capture_default_str();
  command->add_option("--at", options->at, "Line time")->capture_default_str();
  command->add_option("--seed", options->seed, "Seed instead of the scenario's");
  command->add_option("--out", options->out, "File; else standard output");
  add_json(*command, options->json, "Print one JSON object: the file, or the state itself");
  command->footer("Example:\n  foreline state scenarios/demo.toml --at 40min");
  command->callback([options, &exit_code] { exit_code = state(*options); });
}

}  // namespace foreline::host
