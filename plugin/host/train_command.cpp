// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cmath>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/hazard_trees.hpp"
#include "inference/train/comparison.hpp"
#include "inference/train/training.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/interruption.hpp"
#include "plugin/host/plant_command.hpp"
#include "plugin/host/progress.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::vector<std::string> lines;
  double random_share = 0.5;
  bool plain_response = false;
  inference::TrainOptions train;
  std::size_t test_days = 200;
  double false_alarms = inference::JudgeOptions().false_alarms_a_day;
  std::string out;
  std::string judge;
  bool json = false;
  PlantOptions plant;
};

volatile std::sig_atomic_t asked_to_stop = 0;

void remember_to_stop(int) {
  asked_to_stop = 1;
}

/// The command that repeats this training.
std::string command_of(const Options& options) {
  std::string command = "foreline train";
  for (const auto& line : options.lines) command += " --line " + line;
  const auto& train = options.train;
  if (options.plain_response) command += " --plain-response";
  if (options.plant.recalibrate.empty())
    command += fmt::format(" --steps {} --batch {} --layers {} --heads {} --width {} --rate {}",
                           train.steps, train.batch, train.layers, train.heads, train.width,
                           train.peak_rate);
  else
    command += " --recalibrate " + options.plant.recalibrate;
  return command + fmt::format(
                       " --random-share {} --days {} --tree-days {} --validation-days {} "
                       "--threads {} --seed {} --test-days {} --false-alarms {} --out {}",
                       options.random_share, train.days, train.tree_days, train.validation_days,
                       train.threads, train.seed, options.test_days, options.false_alarms,
                       options.out);
}

std::string card_of(const Options& options, const gpt2::Config& config,
                    const inference::Comparison& comparison) {
  const auto& train = options.train;
  const auto& kept = options.plant.recalibrate;
  const bool has_trees = comparison.rivals.size() > 1 && comparison.rivals[1].name == "GPT-2 alone";
  const auto about_trees =
      train.tree_days == 0
          ? std::string()
          : fmt::format(
                "- **Trees:** grown by XGBoost, a model a kind, from the same statistics of days "
                "{} "
                "to {}; they say how likely the fault is within 2 h. {}\n",
                train.seed + inference::training_seeds,
                train.seed + inference::training_seeds + std::min(train.tree_days, train.days) - 1,
                has_trees
                    ? "With what the GPT-2 says of that they make one log odds, weighted as fits "
                      "the "
                      "days to calibrate best, and the GPT-2's hazard is multiplied by what it "
                      "takes "
                      "to say so."
                    : "On the days to calibrate they had nothing to say beside the GPT-2, so they "
                      "were left out.");
  std::string lines;
  for (const auto& line : options.lines) lines += " `" + line + "`,";
  return fmt::format(
      "# A GPT-2 that forecasts faults\n\n"
      "An ordinary GPT-2 ({} layers, {} heads, width {}) in Hugging Face layout{}. It reads one "
      "sentence about one machine, in words of statistics, and answers for each kind of fault when "
      "it will stop the machine: one of eleven time words.\n\n"
      "## How it was made\n\n```sh\n{}\n```\n\n"
      "- **Data:** simulated days only;{} and random lines in a share of {} of all days. No "
      "plant's "
      "data.\n"
      "- **Seeds:** weights and order of examples {}; days {} to {} to learn{}, {} to {} to "
      "calibrate, "
      "{} to {} to judge. A day, its line (if random) and its faults are functions of its seed, so "
      "no "
      "machine or day is in two of them.\n"
      "- **Learned:** the likelihood of the time to the next fault in eleven bins, with censoring; "
      "one "
      "temperature a fault kind fitted on the calibration days.\n{}\n"
      "## How well it does\n\n"
      "On the days to judge, every method at the threshold with the most warnings that keeps the "
      "allowed false alarms ({} a machine-day) on those same days. In time means 30 min before the "
      "stop (where it shows for less than an hour: half of that), no earlier than 4 h or than the "
      "fault has begun, if that is longer; an alarm is false when no fault has begun that is not "
      "repaired yet and none stops the machine within 4 h. In brackets how many faults there "
      "were.\n\n{}\n"
      "## Reading it elsewhere\n\n"
      "`foreline forecast --sentences` prints the sentence. The words about the machine stand at "
      "one "
      "position, those about each signal (from its `...Last` on) at another, and each question "
      "(`ask...`) at its own; the embeddings of the words at one position are summed:\n\n"
      "```python\n"
      "rows = [[vocabulary[\"\\u0120\" + word] for word in group] for group in groups]\n"
      "embeds = torch.stack([model.transformer.wte.weight[row].sum(0) for row in rows])\n"
      "logits = model(inputs_embeds=embeds[None]).logits[0]\n"
      "```\n\n"
      "At a question, softmax over the words `withinA` to `later`, after division by the kind's "
      "temperature (`foreline` in config.json), gives the shares of the answers.{}\n\n"
      "## What it is not for\n\n"
      "It has met simulated machines only. Watch it beside your alarms before you let it plan, and "
      "train it on your own line file: `foreline train --line my-line.toml --out my-model`.\n",
      config.n_layer, config.n_head, config.n_embd,
      has_trees ? ", and boosted trees beside it" : "", command_of(options), lines,
      options.random_share, train.seed, train.seed + inference::training_seeds,
      train.seed + inference::training_seeds + train.days - 1,
      kept.empty() ? "" : fmt::format(" (the GPT-2 is that of {})", kept),
      train.seed + inference::validation_seeds,
      train.seed + inference::validation_seeds + train.validation_days - 1,
      inference::test_seeds + 1, inference::test_seeds + options.test_days, about_trees,
      options.false_alarms, inference::as_markdown(comparison),
      !has_trees
          ? ""
          : " That is the GPT-2 alone. `trees.bin` begins with a line of JSON: the columns that "
            "the "
            "trees ask, and how many nodes each kind has; then for each kind the nodes' columns as "
            "16-bit integers (0xffff: a leaf; 0x8000 added: what is not known goes below) and "
            "their "
            "values as 32-bit floats. A node comes before those below it, its lower branch next to "
            "it.");
}

nlohmann::ordered_json to_json(const inference::Rival& rival) {
  const auto& detection = rival.detection;
  nlohmann::ordered_json json = {{"method", rival.name},
                                 {"warned", nlohmann::ordered_json::object()}};
  for (const auto kind : line::all_fault_kinds) {
    const auto k = static_cast<std::size_t>(kind);
    if (detection.faults[k] > 0)
      json["warned"][std::string(line::name_of(kind))] = {detection.warned[k], detection.faults[k]};
  }
  json["shown_for_an_hour"] = {detection.slow_warned, detection.slow_faults};
  json["recall"] = detection.recall();
  json["false_alarms_a_machine_day"] = detection.false_alarms_a_day();
  auto leads_s = detection.leads_s;
  const auto middle = leads_s.begin() + static_cast<std::ptrdiff_t>(leads_s.size() / 2);
  if (!leads_s.empty()) {
    std::nth_element(leads_s.begin(), middle, leads_s.end());
    json["median_lead_s"] = *middle;
  }
  if (rival.brier >= 0) json["brier_of_any"] = rival.brier;
  return json;
}

/// The numbers by which the gate (G5) judges forecasts before there is a record of the plant's own,
/// and who wins, as the card says it.
nlohmann::ordered_json evaluation_of(const inference::Comparison& comparison) {
  double windows = 0;
  for (const auto& cell : comparison.reliability) windows += cell[2];
  nlohmann::ordered_json json = {{"days", comparison.options.days},
                                 {"windows", static_cast<std::uint64_t>(windows)},
                                 {"brier", comparison.brier},
                                 {"brier_of_base_rates", comparison.brier_climatology},
                                 {"calibration_error", comparison.calibration_error()},
                                 {"horizon_s", 7200},
                                 {"reliability", comparison.reliability},
                                 {"methods", nlohmann::ordered_json::array()},
                                 {"recall_more_than", nlohmann::ordered_json::object()}};
  for (const auto& rival : comparison.rivals) {
    json["methods"].push_back(to_json(rival));
    const auto& more = rival.model_is_better;
    if (&rival != &comparison.rivals.front())
      json["recall_more_than"][rival.name] = {more.low, more.middle, more.high};
  }
  return json;
}

int train(const Options& options) {
  inference::Population population;
  population.random_share = options.random_share;
  population.varied_response = !options.plain_response;
  for (const auto& path : options.lines) {
    auto line = text::read_line_file(shipped(path));
    if (!line) return fail(bad_input, "train", line.error());
    population.lines.push_back(std::make_shared<const line::Line>(std::move(*line)));
  }
  if (options.train.width % options.train.heads != 0)
    return fail(bad_input, "train",
                fmt::format("--width {} is no multiple of --heads {}", options.train.width,
                            options.train.heads));
  auto client = start_worker();
  if (!client) return fail(environment, "train", client.error());
  const auto simulate = simulate_on(*client);
  std::filesystem::path model = options.judge;
  if (options.judge.empty()) {
    model = options.out;
    std::error_code error;
    std::filesystem::create_directories(model, error);
    if (error)
      return fail(environment, "train",
                  fmt::format("cannot make {}: {}", options.out, error.message()));
    auto rules = options.train;
    rules.population = fmt::format("{} random {}{}", fmt::join(options.lines, " "),
                                   options.random_share, options.plain_response ? " plain" : "");
    rules.stop = [] { return asked_to_stop != 0; };
    on_own_stack(SIGINT, remember_to_stop);
    on_own_stack(SIGTERM, remember_to_stop);
    Told told;
    const auto& kept = options.plant.recalibrate;
    auto trained = kept.empty()
                       ? inference::train(population, rules, simulate, told.function(), model)
                       : inference::recalibrate(shipped(kept), population, rules, simulate,
                                                told.function(), model);
    end_when_interrupted("train");
    if (!trained) return fail(environment, "train", trained.error());
  }
  if (options.test_days == 0) {
    if (options.json) print_json({{"model", model.string()}});
    return pass;
  }
  progress(fmt::format("judging on {} other days", options.test_days));
  inference::JudgeOptions rules;
  rules.first_seed = inference::test_seeds + 1;
  rules.days = options.test_days;
  rules.tree_seed = options.train.seed + inference::training_seeds;
  // A model that has just been made may have the trees of these days.
  const bool has_trees =
      options.judge.empty() && std::filesystem::exists(model / inference::tree_file);
  rules.tree_days = has_trees ? 0 : std::min(options.train.tree_days, options.train.days);
  rules.false_alarms_a_day = options.false_alarms;
  rules.threads = options.train.threads;
  auto comparison = inference::compare(model, population, rules, simulate);
  if (!comparison) return fail(bad_input, "train", comparison.error());
  if (!options.json) fmt::print("{}", inference::as_markdown(*comparison));
  if (options.judge.empty()) {
    const auto config = gpt2::open_checkpoint(model);
    if (!config) return fail(environment, "train", config.error());
    auto written =
        gpt2::write_file(model / "README.md", card_of(options, config->config, *comparison));
    if (!written) return fail(environment, "train", written.error());
    written =
        gpt2::write_file(model / "evaluation.json", evaluation_of(*comparison).dump(1) + "\n");
    if (!written) return fail(environment, "train", written.error());
    if (!options.json) fmt::print("\nThe model and its card are in {}\n", options.out);
  }
  if (options.json)
    print_json({{"model", model.string()}, {"evaluation", evaluation_of(*comparison)}});
  return pass;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "train", "Train a forecasting model on simulated days, or on a plant's own data");
  command->add_option("--line", options->lines,
                      "Line file to learn on, repeatable; random lines besides");
  command
      ->add_option("--random-share", options->random_share,
                   "Share of days on random lines; all without --line")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_flag("--plain-response", options->plain_response,
                    "Faults show on random lines just as the fault models say");
  command->add_option("--days", options->train.days, "Simulated days to learn from")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--validation-days", options->train.validation_days, "Days to calibrate on")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--test-days", options->test_days, "Days to judge on; 0: none")
      ->capture_default_str();
  command
      ->add_option("--tree-days", options->train.tree_days,
                   "Of these, days to grow trees on, kept if they help")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--false-alarms", options->false_alarms,
                   "False alarms a machine-day at which methods are compared")
      ->capture_default_str();
  command->add_option("--steps", options->train.steps, "Steps of descent")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  command->add_option("--batch", options->train.batch, "Examples a step")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--layers", options->train.layers)
      ->check(CLI::Range(1, 48))
      ->capture_default_str();
  command->add_option("--heads", options->train.heads)
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--width", options->train.width)
      ->check(CLI::Range(8, 4096))
      ->capture_default_str();
  command->add_option("--rate", options->train.peak_rate, "Highest learning rate")
      ->capture_default_str();
  command->add_option("--threads", options->train.threads)
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--seed", options->train.seed)->capture_default_str();
  command
      ->add_option("--checkpoint-every", options->train.checkpoint_every,
                   "Steps between states kept in the folder; 0: never")
      ->capture_default_str();
  command->add_flag("--resume", options->train.resume,
                    "Go on from the state in the folder, bit for bit");
  command->add_option("--data", options->plant.data,
                      "Learn from plant data (TOML or CSV), not simulated days");
  add_plant_options(*command, options->plant);
  auto* out = command->add_option("--out", options->out, "Folder for the model and its card");
  auto* judge = command->add_option("--judge", options->judge,
                                    "Train nothing; judge the model in this folder");
  out->excludes(judge);
  judge->excludes(command->get_option("--recalibrate"));
  add_json(*command, options->json, "One JSON object: the model's folder, and how good it is");
  command->footer(
      "Examples:\n  foreline train --line scenarios/lines/stamping.toml --days 6 --validation-days "
      "2 "
      "--test-days 2 --steps 40 --out my-model\n"
      "  foreline train --data scenarios/plant/pumps.toml --gpt-steps 40 --members 1 --out "
      "pump-model\n"
      "  foreline train --recalibrate my-model --line scenarios/lines/coating.toml --random-share "
      "0 "
      "--days 4 --tree-days 4 --validation-days 2 --test-days 2 --out coating-model");
  command->callback([command, options, &exit_code] {
    if (options->out.empty() && options->judge.empty()) {
      exit_code = fail(bad_input, "train", "give --out FOLDER for the model, or --judge FOLDER");
      return;
    }
    if (!options->plant.data.empty()) {
      options->plant.out = options->out;
      options->plant.json = options->json;
      auto& rules = options->plant.rules;
      rules.seed = options->train.seed;
      // Plant data have a shape of their own unless one is asked for.
      const auto given = [&](const char* name) { return command->count(name) > 0; };
      if (given("--threads")) rules.threads = options->train.threads;
      if (given("--layers")) rules.network.layers = options->train.layers;
      if (given("--heads")) rules.network.heads = options->train.heads;
      if (given("--width")) rules.network.width = options->train.width;
      if (given("--rate")) rules.network.peak_rate = options->train.peak_rate;
      if (given("--batch")) rules.network.batch = options->train.batch;
      exit_code = options->out.empty() ? fail(bad_input, "train", "give --out FOLDER for the model")
                                       : train_on_plant_data(options->plant);
      return;
    }
    if (options->plant.no_trees) options->train.tree_days = 0;
    exit_code = train(*options);
  });
}

}  // namespace foreline::host
