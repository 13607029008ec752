// SPDX-License-Identifier: Apache-2.0
// From now on: many futures forked off one running day, as it is and with something changed.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/line_time.hpp"
#include "plugin/host/progress.hpp"
#include "sim/text/document.hpp"
#include "sim/text/files.hpp"
#include "sim/text/state_file.hpp"
#include "sim/verdict/statistics.hpp"
#include "sim/worker/fans.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string at = "1h30min";
  std::string from;
  std::string length = "2 h";
  std::size_t count = 50;
  std::optional<std::uint64_t> seed;
  std::string schedule;
  std::vector<std::string> changes;
  JsonTarget json;
};

/// One "machine.cycle=1.1" applied to the line; the complaint when it cannot be.
std::string change(line::Line& line, const std::string& text) {
  const auto dot = text.rfind('.', text.find('='));
  const auto equal = text.find('=');
  if (dot == std::string::npos || equal == std::string::npos)
    return fmt::format("--change \"{}\" is not of the form machine.cycle=1.1", text);
  const auto machine = text.substr(0, dot);
  const auto what = text.substr(dot + 1, equal - dot - 1);
  const auto factor = text::parse_quantity(text.substr(equal + 1));
  if (!factor || !factor->unit.empty() || !(factor->value > 0) || !std::isfinite(factor->value))
    return fmt::format("--change \"{}\": the factor must be a number above 0", text);
  std::vector<std::string> names;
  for (const auto& known : line.machines) names.push_back(known.name);
  const auto id = line.machine_named(machine);
  if (!id) {
    const auto meant = text::nearest(machine, names);
    return fmt::format("--change \"{}\": the line has no machine \"{}\"{}", text, machine,
                       meant ? fmt::format(" (did you mean \"{}\"?)", *meant) : "");
  }
  auto& changed = line.machines[id->index];
  const auto scale = [&](line::Distribution& distribution) {
    distribution.mean *= factor->value;
    distribution.low *= factor->value;
    distribution.high *= factor->value;
    for (auto& value : distribution.measured) value *= factor->value;
    // A Weibull's spread is its shape, which has no unit.
    if (distribution.kind != line::Distribution::Kind::weibull)
      distribution.spread *= factor->value;
  };
  if (what == "cycle") {
    scale(changed.cycle);
  } else if (what == "repair") {
    for (auto& mode : changed.faults) scale(mode.repair);
  } else if (what == "changeover") {
    for (auto& row : changed.changeover_s)
      for (auto& seconds : row) seconds *= factor->value;
  } else if (what == "scrap") {
    changed.scrap_share = std::min(1.0, changed.scrap_share * factor->value);
  } else {
    return fmt::format("--change \"{}\": wanted cycle, repair, changeover or scrap", text);
  }
  return "";
}

int futures(const Options& options) {
  auto scenario = text::read_scenario_file(shipped(options.scenario));
  if (!scenario) return fail(bad_input, "futures", scenario.error());
  auto at_s = line_time(options.at);
  const auto length_s = line_time(options.length);
  line::Error wrong;
  if (!at_s)
    wrong.diagnostics.push_back(
        {"", 0, 0, fmt::format("--at \"{}\" is no duration", options.at), ""});
  if (!length_s || *length_s <= 0)
    wrong.diagnostics.push_back(
        {"", 0, 0, fmt::format("--for \"{}\" is no duration", options.length), ""});
  if (!options.from.empty()) {
    auto from = text::read_state_file(options.from, *scenario->line, *scenario->orders);
    if (!from) return fail(bad_input, "futures", from.error());
    at_s = from->at_s;
    scenario->from = std::move(*from);
    scenario->faults.clear();  // what was scripted belongs to the past
  }
  if (at_s && scenario->from && *at_s < scenario->from->at_s)
    wrong.diagnostics.push_back(
        {"", 0, 0, fmt::format("--at {} is before the state that the day begins with", options.at),
         ""});
  auto line = *scenario->line;
  for (const auto& text : options.changes)
    if (auto complaint = change(line, text); !complaint.empty())
      wrong.diagnostics.push_back({"", 0, 0, complaint, ""});
  std::optional<line::Schedule> schedule;
  if (!options.schedule.empty()) {
    auto read = text::read_schedule_file(options.schedule, *scenario->line, *scenario->orders);
    if (read)
      schedule = std::move(*read);
    else
      wrong.diagnostics.insert(wrong.diagnostics.end(), read.error().diagnostics.begin(),
                               read.error().diagnostics.end());
  }
  if (!wrong.diagnostics.empty()) return fail(bad_input, "futures", wrong);
  const bool edited = schedule || !options.changes.empty();
  line::Fan fan;
  fan.trial = text::trial_of(*scenario, 0);
  if (options.seed) fan.trial.seed = *options.seed;
  fan.at_s = *at_s;
  fan.trial.horizon_s = *at_s + *length_s;
  for (std::size_t i = 0; i < options.count; ++i) {
    line::Branch branch;
    branch.seed = fan.trial.seed + 1'000'000 + i;
    fan.branches.push_back(branch);
    if (!edited) continue;
    branch.schedule = schedule;
    if (!options.changes.empty()) branch.line = std::make_shared<line::Line>(line);
    fan.branches.push_back(branch);
  }
  const auto begun = std::chrono::steady_clock::now();
  // A part after the other: each begins with the same day, and it can be said how far they are.
  line::FanOutcome all;
  constexpr std::size_t part = 200;
  Progress progress("futures", fan.branches.size());
  for (std::size_t from = 0; from < fan.branches.size(); from += part) {
    line::Fan some = fan;
    const auto until = std::min(fan.branches.size(), from + part);
    some.branches.assign(fan.branches.begin() + static_cast<std::ptrdiff_t>(from),
                         fan.branches.begin() + static_cast<std::ptrdiff_t>(until));
    auto ran = worker::run_fans(std::span(&some, 1), {});
    if (!ran) return fail(environment, "futures", ran.error());
    for (auto& branch : ran->front().branches) all.branches.push_back(std::move(branch));
    for (std::size_t i = from; i < until; ++i) progress.step();
  }
  const double spent_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::size_t lost = 0;
  for (const auto& branch : all.branches) lost += branch.valid() ? 0 : 1;
  if (lost > 0)
    options.json.tell(
        "{} of {} futures did not end properly: {}\n", lost, all.branches.size(),
        std::find_if(all.branches.begin(), all.branches.end(), [](const auto& branch) {
          return !branch.valid();
        })->error);
  options.json.tell("{}: {} futures of {} from {} on, seed {}, forked in {:.2f} s\n",
                    scenario->line->name, all.branches.size(), options.length, clock_text(*at_s),
                    fan.trial.seed, spent_s);
  options.json.tell("{:<14} {:>21} {:>21} {:>23}\n", "", "as it is [95 %]",
                    edited ? "changed [95 %]" : "", edited ? "difference [95 %]" : "");
  nlohmann::ordered_json json = {{"at_s", *at_s}, {"futures", options.count}};
  const std::size_t step = edited ? 2 : 1;
  for (const auto& field : line::measure_fields()) {
    std::vector<std::vector<double>> values(3);
    for (std::size_t i = 0; i + step <= all.branches.size(); i += step) {
      if (!all.branches[i].valid() || !all.branches[i + step - 1].valid()) continue;
      values[0].push_back(line::measures_of(fan.trial, all.branches[i]).*field.field);
      values[1].push_back(line::measures_of(fan.trial, all.branches[i + step - 1]).*field.field);
      values[2].push_back(values[1].back() - values[0].back());
    }
    std::string row = fmt::format("{:<14}", field.name);
    for (std::size_t v = 0; v < (edited ? 3U : 1U); ++v) {
      const auto interval = verdict::interval_of(values[v], 0.95);
      row += fmt::format(" {:>21}", fmt::format("{:.4g} [{:.4g}, {:.4g}]", interval.mean,
                                                interval.low(), interval.high()));
      constexpr std::array<const char*, 3> names = {"as_it_is", "changed", "difference"};
      json["measures"][std::string(field.name)][names[v]] = values[v];
    }
    options.json.tell("{} {}\n", row, field.unit);
  }
  if (auto written = options.json.write(json.dump(2) + "\n"); !written)
    return fail(environment, "futures", written.error());
  return lost == 0 ? pass : expectation_failed;
}

}  // namespace

void add_futures(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "futures", "Fork futures off a running day, as it is and with something changed");
  command->add_option("scenario", options->scenario, "Scenario file")->capture_default_str();
  command->add_option("--at", options->at, "Line time to fork at")->capture_default_str();
  command->add_option("--from", options->from, "State file to begin with, instead of --at");
  command->add_option("--for", options->length, "Length of the futures")->capture_default_str();
  command->add_option("--count", options->count, "How many; each is simulated as it is and changed")
      ->check(CLI::Range(2, 10'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed instead of the scenario's");
  command->add_option("--schedule", options->schedule, "What if: this schedule from there on");
  command->add_option("--change", options->changes,
                      "What if: machine.cycle=1.1 (also repair, changeover, scrap), a factor");
  options->json.add_to(*command, "Write every future's measures");
  command->footer(
      "Example:\n  foreline futures scenarios/demo.toml --at 1h30min --count 10 --change "
      "filler.cycle=0.95");
  command->callback([options, &exit_code] { exit_code = futures(*options); });
}

}  // namespace foreline::host
