// SPDX-License-Identifier: Apache-2.0
// Random days on random lines with every invariant on; what fails becomes a scenario file.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/progress.hpp"
#include "sim/swarm/random_day.hpp"
#include "sim/swarm/shrink.hpp"
#include "sim/text/files.hpp"
#include "sim/verdict/verdict.hpp"
#include "sim/worker/client.hpp"
#include "sim/worker/wire.hpp"

namespace foreline::host {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::size_t count = 100;
  std::uint64_t seed = 1;
  std::string out = "swarm";
  std::size_t tries = 400;
  double trial_s = 60;
  bool json = false;
};

/// What is wrong with a day, on SimGrid and on the fast stage; empty when nothing is.
std::string complaint(const line::Trial& trial, const line::Outcome& on_simgrid,
                      const line::Outcome& on_fibers) {
  if (const auto broken = verdict::broken_invariants(trial, on_simgrid); !broken.empty())
    return broken.front();
  if (worker::to_bytes(on_simgrid) != worker::to_bytes(on_fibers))
    return fmt::format("SimGrid comes to {} events until {} s, the fast stage to {} until {} s",
                       on_simgrid.events, on_simgrid.end_s, on_fibers.events, on_fibers.end_s);
  return {};
}

line::Result<std::vector<std::string>> complaints(worker::Client& client,
                                                  const std::vector<line::Trial>& days,
                                                  const worker::Arrived& arrived = {}) {
  std::vector<line::Trial> trials;
  for (const auto& day : days) {
    trials.push_back(day);
    trials.push_back(day);
    trials.back().replication = true;
  }
  auto outcomes = client.run(trials, arrived);
  if (!outcomes) return outcomes.error();
  std::vector<std::string> all;
  for (std::size_t i = 0; i < days.size(); ++i)
    all.push_back(complaint(days[i], (*outcomes)[2 * i], (*outcomes)[2 * i + 1]));
  return all;
}

/// Line, orders and scenario files beside each other, ready to commit.
line::Result<std::string> write_case(const line::Trial& trial, const std::string& why,
                                     const std::string& folder) {
  const auto stem = fmt::format("swarm-{}", trial.seed);
  text::Scenario scenario;
  scenario.path = (fs::path(folder) / (stem + ".toml")).string();
  scenario.title = fmt::format("swarm, seed {}: {}", trial.seed, why);
  scenario.line_path = (fs::path(folder) / (stem + "-line.toml")).string();
  scenario.orders_path = (fs::path(folder) / (stem + "-orders.csv")).string();
  scenario.line = trial.line;
  scenario.orders = trial.orders;
  scenario.schedule = trial.schedule;
  scenario.first_seed = trial.seed;
  scenario.horizon_s = trial.horizon_s;
  scenario.random_faults = trial.random_faults;
  scenario.faults = trial.faults;
  scenario.sensor_faults = trial.sensor_faults;
  scenario.communication_losses = trial.communication_losses;
  for (const auto& [path, text] :
       {std::pair(scenario.line_path, text::line_text(*trial.line)),
        std::pair(scenario.orders_path, text::orders_text(*trial.orders, *trial.line)),
        std::pair(scenario.path, text::scenario_text(scenario))}) {
    if (auto written = gpt2::write_file(path, text); !written) return written.error();
  }
  return scenario.path;
}

int swarm(const Options& options) {
  worker::Options workers;
  workers.trial_limit = std::chrono::milliseconds(static_cast<long>(options.trial_s * 1000));
  auto client = worker::Client::start(workers);
  if (!client) return fail(environment, "swarm", client.error());
  if (!options.json) fmt::print("seeds {} to {}\n", options.seed, options.seed + options.count - 1);
  std::vector<line::Trial> days;
  for (std::size_t i = 0; i < options.count; ++i)
    days.push_back(swarm::random_day(options.seed + i));
  Progress progress("days", 2 * days.size());
  auto found =
      complaints(*client, days, [&](std::size_t, const line::Outcome&) { progress.step(); });
  if (!found) return fail(environment, "swarm", found.error());
  std::size_t failures = 0;
  auto broken = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < days.size(); ++i) {
    if ((*found)[i].empty()) continue;
    ++failures;
    if (!options.json) fmt::print("seed {}: {}\n", days[i].seed, (*found)[i]);
    auto why = (*found)[i];
    const auto small = swarm::shrunk(
        days[i],
        [&](const line::Trial& trial) {
          auto again = complaints(*client, {trial});
          if (!again || again->front().empty()) return false;
          why = again->front();
          return true;
        },
        options.tries);
    std::error_code error;
    fs::create_directories(options.out, error);
    auto path = write_case(small, why, options.out);
    if (!path) return fail(environment, "swarm", path.error());
    if (options.json)
      broken.push_back({{"seed", days[i].seed}, {"what", (*found)[i]}, {"smallest", *path}});
    else
      fmt::print("  smallest case: {}; foreline run {}\n", *path, *path);
  }
  if (options.json)
    print_json({{"first_seed", options.seed}, {"days", days.size()}, {"broken", broken}});
  else
    fmt::print("{} of {} days broke an invariant\n", failures, days.size());
  return failures == 0 ? pass : expectation_failed;
}

}  // namespace

void add_swarm(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "swarm", "Random days on random lines with every invariant on; shrink what fails");
  command->add_option("--count", options->count, "How many days")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of the first")->capture_default_str();
  command->add_option("--out", options->out, "Folder for the files of what fails")
      ->capture_default_str();
  command->add_option("--tries", options->tries, "How often to try a smaller case")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  command->add_option("--trial-seconds", options->trial_s, "A day that takes longer fails")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  add_json(*command, options->json, "Print one JSON object: the days that broke an invariant");
  command->footer("Example:\n  foreline swarm --count 20 --seed 1");
  command->callback([options, &exit_code] { exit_code = swarm(*options); });
}

}  // namespace foreline::host
