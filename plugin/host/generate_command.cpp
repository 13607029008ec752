// SPDX-License-Identifier: Apache-2.0
// Scenario files made up at random on a given line, for swarms and as a start for one's own.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/train/population.hpp"
#include "plugin/host/console.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string like = "scenarios/demo.toml";
  std::size_t count = 1;
  std::uint64_t seed = 1;
  std::string out = "generated";
};

int generate(const Options& options) {
  auto like = text::read_scenario_file(shipped(options.like));
  if (!like) return fail(bad_input, "generate", like.error());
  std::error_code error;
  fs::create_directories(options.out, error);
  if (error)
    return fail(environment, "generate",
                fmt::format("cannot make {}: {}", options.out, error.message()));
  inference::DayRules rules;
  rules.horizon_s = like->horizon_s;
  for (std::size_t i = 0; i < options.count; ++i) {
    const auto seed = options.seed + i;
    const auto day = inference::random_day(like->line, seed, rules);
    auto scenario = *like;
    scenario.title = fmt::format("made up by seed {}", seed);
    scenario.first_seed = seed;
    scenario.seed_count = 1;
    scenario.random_faults = true;
    scenario.faults = day.faults;
    scenario.sensor_faults = day.sensor_faults;
    scenario.communication_losses = day.communication_losses;
    scenario.expectations.clear();
    for (auto& fault : scenario.faults) fault.at_s = std::round(fault.at_s);
    const auto path = fs::path(options.out) / fmt::format("{}-{}.toml", like->line->name, seed);
    scenario.path = path.string();
    if (auto written = gpt2::write_file(path, text::scenario_text(scenario)); !written)
      return fail(environment, "generate", written.error());
    fmt::print("{}\n", path.string());
  }
  return pass;
}

}  // namespace

void add_generate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("generate", "Write scenario files with faults made up at random");
  command->add_option("--like", options->like, "Scenario whose line, orders and horizon to take")
      ->capture_default_str();
  command->add_option("--count", options->count, "How many")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of the first")->capture_default_str();
  command->add_option("--out", options->out, "Folder")->capture_default_str();
  command->footer(
      "Example:\n  foreline generate --like scenarios/demo.toml --count 3 --out generated");
  command->callback([options, &exit_code] { exit_code = generate(*options); });
}

}  // namespace foreline::host
