// SPDX-License-Identifier: Apache-2.0
// What users do with a plant's own data: look at its quality, train on it, judge, forecast,
// explain.
#include "plugin/host/plant_command.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/plant/alarm_model.hpp"
#include "inference/plant/plant_model.hpp"
#include "plugin/host/commands.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/progress.hpp"
#include "sim/line/random.hpp"

namespace foreline::host {

using line::Error;
using line::Result;

namespace {

/// Alarm logs teach one network, from more windows than others have moments.
constexpr double alarm_steps_share = 0.75;

/// A description and what it describes.
struct Read {
  plant::Description description;
  plant::Records records;
};

Result<Read> read_data(const std::string& path) {
  auto description = plant::describe(shipped(path));
  if (!description) return description.error();
  auto records = plant::read_records(*description);
  if (!records) return records.error();
  return Read{std::move(*description), std::move(*records)};
}

plant::PlantRules rules_of(const PlantOptions& options, const plant::Description& description) {
  auto rules = options.rules;
  rules.trees = !options.no_trees;
  rules.packing = options.words ? plant::Packing::word : plant::Packing::group;
  rules.horizon = description.horizon;
  rules.horizons = description.horizons;
  rules.split = description.split;
  return rules;
}

std::vector<std::size_t> all_machines(const plant::Records& records) {
  std::vector<std::size_t> all(records.machines.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

/// The moments that a description's forecasts are judged at.
plant::Choice judged(const plant::Records& records, std::vector<std::size_t> machines, bool last) {
  plant::Choice choice{std::move(machines)};
  choice.last_only = last && !records.items;
  return choice;
}

/// Machines or items dealt into parts, failures evenly.
std::vector<std::vector<std::size_t>> parts_of(const plant::Records& records, std::size_t parts,
                                               std::uint64_t seed) {
  auto order = all_machines(records);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[line::random_word(seed, 4, line::Purpose::training, i) % i]);
  std::stable_partition(order.begin(), order.end(), [&](auto m) {
    return !records.machines[m].failures.empty() && records.machines[m].failures.front().code == 0;
  });
  std::vector<std::vector<std::size_t>> dealt(parts);
  for (std::size_t i = 0; i < order.size(); ++i) dealt[i % parts].push_back(order[i]);
  return dealt;
}

int print_or_write(std::string_view command, const std::string& out, const std::string& text,
                   bool json = false) {
  if (out.empty()) {
    fmt::print("{}", text);
    return pass;
  }
  auto written = gpt2::write_file(out, text);
  if (!written) return fail(environment, command, written.error());
  if (json)
    print_json({{"file", out}});
  else
    progress("wrote " + out);
  return pass;
}

int show_quality(const std::string& path, const std::string& format, const std::string& out,
                 bool json) {
  auto data = read_data(path);
  if (!data) return fail(bad_input, "data", data.error());
  const auto references = plant::learn_references(data->records, all_machines(data->records),
                                                  std::numeric_limits<double>::infinity());
  plant::QualityReport report;
  (void)plant::clean(std::move(data->records), references, report);
  return print_or_write("data", out,
                        format == "json"   ? plant::as_json(report)
                        : format == "html" ? plant::as_html(report)
                                           : plant::as_text(report),
                        json);
}

int guess(const std::vector<std::string>& files, const std::string& out, bool json) {
  const std::filesystem::path first = shipped(files.front());
  std::vector<std::filesystem::path> others;
  for (std::size_t i = 1; i < files.size(); ++i) others.push_back(shipped(files[i]));
  auto description = plant::guess_description(first, others);
  if (!description) return fail(bad_input, "data guess", description.error());
  if (!out.empty()) {
    // Paths in a description are relative to it.
    const auto folder = std::filesystem::absolute(std::filesystem::path(out)).parent_path();
    const auto seen_from = [&](const std::filesystem::path& file) {
      return std::filesystem::proximate(std::filesystem::absolute(file), folder).generic_string();
    };
    description->file = seen_from(first);
    for (auto& events : description->events)
      events.file = seen_from(first.parent_path() / events.file);
    if (description->attributes)
      description->attributes->file =
          seen_from(first.parent_path() / description->attributes->file);
  }
  const auto text = plant::as_toml(*description);
  if (json && out.empty()) {
    print_json({{"description", text}});
    return pass;
  }
  return print_or_write("data guess", out, text, json);
}

/// Mean and spread over seeds of one measure.
std::string over(const std::vector<double>& values) {
  double mean = 0;
  for (const auto v : values) mean += v / static_cast<double>(values.size());
  double square = 0;
  for (const auto v : values) square += (v - mean) * (v - mean);
  return values.size() < 2
             ? fmt::format("{:.4f}", mean)
             : fmt::format("{:.4f} +- {:.4f}", mean,
                           std::sqrt(square / static_cast<double>(values.size() - 1)));
}

std::string summary(const std::vector<plant::Judgement>& all, const std::string& unit) {
  std::string out = fmt::format("\nMean over {} runs, +- standard deviation\n", all.size());
  for (std::size_t m = 0; m < plant::method_count; ++m) {
    const auto of = [&](auto measure) {
      std::vector<double> values;
      for (const auto& judgement : all) values.push_back(measure(judgement.methods[m]));
      return over(values);
    };
    out += fmt::format("{}\n", plant::name_of(static_cast<plant::Method>(m)));
    for (std::size_t h = 0; h < all.front().methods[m].horizons.size(); ++h)
      out += fmt::format("  within {:g} {}: AUPRC {}, Brier {}, skill {}, ECE {}, F1 {}\n",
                         all.front().methods[m].horizons[h].horizon, unit,
                         of([&](const auto& s) { return s.horizons[h].auprc; }),
                         of([&](const auto& s) { return s.horizons[h].brier; }),
                         of([&](const auto& s) { return s.horizons[h].skill; }),
                         of([&](const auto& s) { return s.horizons[h].ece; }),
                         of([&](const auto& s) { return s.horizons[h].f1; }));
    if (all.front().methods[m].rmse)
      out += fmt::format("  time to failure: RMSE {}\n", of([](const auto& s) { return *s.rmse; }));
    if (all.front().methods[m].coverage)
      out += fmt::format("  90 % interval: covers {}, width {}\n",
                         of([](const auto& s) { return *s.coverage; }),
                         of([](const auto& s) { return *s.width; }));
  }
  return out;
}

Result<plant::Judgement> judge_on(const plant::PlantModel& model, const plant::Records& raw,
                                  const plant::Choice& choice) {
  plant::QualityReport report;
  auto prepared = model.prepare(raw, report);
  if (!prepared) return prepared.error();
  const auto samples = model.samples(*prepared, choice);
  if (samples.size() == 0)
    return Error("there is no moment to judge", "check the split and the times");
  return plant::judge(model, *prepared, samples);
}

}  // namespace

PlantOptions::PlantOptions() {
  rules.threads = static_cast<int>(
      std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, rules.members));
}

void add_plant_options(CLI::App& command, PlantOptions& options) {
  command
      .add_option("--gpt-steps", options.rules.network.steps,
                  "Steps on plant data; 0: as the kind of data needs")
      ->check(CLI::Range(0, 100'000'000))
      ->capture_default_str();
  command
      .add_option("--levels", options.rules.levels,
                  "Levels of a word; 0: as the kind of data needs")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command.add_flag("--one-word-a-position", options.words,
                   "Language of one word a position instead of one signal");
  command
      .add_option("--jitter", options.rules.network.jitter,
                  "Levels by which words are moved in training")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command
      .add_option("--group-drop", options.rules.network.group_drop,
                  "Share of signals hidden in training")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  command.add_option("--members", options.rules.members, "Networks whose answers are averaged")
      ->check(CLI::Range(1, 20))
      ->capture_default_str();
  command.add_option("--recalibrate", options.recalibrate,
                     "Keep this model's networks; calibrate them, grow trees");
  command.add_flag("--no-trees", options.no_trees, "The GPT-2 alone, without trees and blend");
  command.add_option("--soft", options.rules.network.soft, "Softness of time answers in bins")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
}

namespace {

plant::AlarmRules alarm_rules_of(const PlantOptions& options) {
  plant::AlarmRules rules;
  if (const auto steps = options.rules.network.steps; steps > 0)
    rules.steps = std::max<std::size_t>(
        1, static_cast<std::size_t>(alarm_steps_share * static_cast<double>(steps)));
  rules.threads = options.rules.threads;
  rules.seed = options.rules.seed;
  rules.trees = !options.no_trees;
  return rules;
}

int train_on_alarms(const PlantOptions& options, const plant::Description& description) {
  auto log = plant::read_alarm_log(description);
  if (!log) return fail(bad_input, "train", log.error());
  Told told;
  auto model = plant::AlarmModel::train(*log, plant::windows_between(*log, 0, 1),
                                        alarm_rules_of(options), told.function());
  if (!model) return fail(bad_input, "train", model.error());
  if (auto saved = model->save(options.out); !saved)
    return fail(environment, "train", saved.error());
  if (options.json) {
    print_json({{"model", options.out}, {"description", model->description()}});
    return pass;
  }
  fmt::print("{}\nThe model is in {}. Ask it: foreline forecast --model {} --data LATER\n",
             model->description(), options.out, options.out);
  return pass;
}

/// What comes after the last window of every machine, or after every window.
int forecast_alarms(const std::string& model_folder, const std::string& data_path, bool json,
                    bool csv, bool all_rows) {
  auto model = plant::AlarmModel::load(shipped(model_folder));
  if (!model) return fail(bad_input, "forecast", model.error());
  auto description = plant::describe(shipped(data_path));
  if (!description) return fail(bad_input, "forecast", description.error());
  if (!description->windows)
    return fail(bad_input, "forecast",
                "the model reads windows of an alarm log, this description has no [windows]");
  auto log = plant::read_alarm_log(*description);
  if (!log) return fail(bad_input, "forecast", log.error());
  auto prepared = model->prepare(*log);
  if (!prepared) return fail(bad_input, "forecast", prepared.error());
  std::map<std::uint32_t, std::size_t> last;
  for (std::size_t w = 0; w < prepared->windows.size(); ++w) last[prepared->windows[w].machine] = w;
  std::vector<std::size_t> windows;
  for (std::size_t w = 0; w < prepared->windows.size(); ++w)
    if (all_rows || last[prepared->windows[w].machine] == w) windows.push_back(w);
  const auto p = model->coming(plant::AlarmMethod::blend, *prepared, windows);
  const auto next = model->next(*prepared, windows);
  const auto rates = model->words().rates(*prepared);
  const auto& asked = model->words().asked();
  const auto n = asked.size();
  auto all = nlohmann::ordered_json::array();
  std::string text = "machine,window,code,probability\n";
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto& window = prepared->windows[windows[i]];
    const auto& machine = prepared->machines[window.machine];
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return p[i * n + a] > p[i * n + b]; });
    if (json) {
      nlohmann::ordered_json j{{"machine", machine}, {"window", windows[i] + 1}};
      for (const auto a : order) j["coming"][model->names().codes[asked[a]]] = p[i * n + a];
      j["next"] = model->names().codes[next[i]];
      j["words"] =
          model->words().text(*prepared, window, std::span(rates).subspan(windows[i] * n, n));
      all.push_back(std::move(j));
    } else if (csv) {
      for (std::size_t a = 0; a < n; ++a)
        text += fmt::format("{},{},{},{:.6f}\n", machine, windows[i] + 1,
                            model->names().codes[asked[a]], p[i * n + a]);
    } else {
      std::string likely;
      for (std::size_t a = 0; a < std::min<std::size_t>(5, n); ++a)
        likely += fmt::format("{}{} {:.0f} %", a > 0 ? ", " : "",
                              model->names().codes[asked[order[a]]], 100 * p[i * n + order[a]]);
      fmt::print("machine {}: {}; next {}\n", machine, likely, model->names().codes[next[i]]);
    }
  }
  if (json) fmt::print("{}\n", all.dump(2));
  if (csv) fmt::print("{}", text);
  return pass;
}

}  // namespace

int train_on_plant_data(const PlantOptions& options) {
  Told told;
  if (auto description = plant::describe(shipped(options.data));
      description && description->windows)
    return train_on_alarms(options, *description);
  auto data = read_data(options.data);
  if (!data) return fail(bad_input, "train", data.error());
  if (!options.recalibrate.empty()) {
    auto model = plant::PlantModel::load(shipped(options.recalibrate), options.rules.threads);
    if (!model) return fail(bad_input, "train", model.error());
    if (const double overlap = model->overlap(data->records); overlap > 0.01)
      return fail(bad_input, "train",
                  fmt::format("{:.0f} % of the rows are rows that the model was trained on: it is "
                              "too sure of them; give other machines or a later time",
                              100 * overlap));
    plant::QualityReport report;
    auto prepared = model->prepare(std::move(data->records), report);
    if (!prepared) return fail(bad_input, "train", prepared.error());
    const auto samples = model->samples(*prepared, plant::Choice{all_machines(*prepared)});
    if (auto done = model->recalibrate(*prepared, samples, told.function()); !done)
      return fail(bad_input, "train", done.error());
    if (auto saved = model->save(options.out); !saved)
      return fail(environment, "train", saved.error());
    if (options.json)
      print_json({{"model", options.out}, {"description", model->description()}});
    else
      fmt::print("The model with its new calibration is in {}.\n", options.out);
    return pass;
  }
  auto model = plant::PlantModel::train(data->records, all_machines(data->records),
                                        std::numeric_limits<double>::infinity(),
                                        rules_of(options, data->description), told.function());
  if (!model) return fail(bad_input, "train", model.error());
  auto saved = model->save(options.out);
  if (!saved) return fail(environment, "train", saved.error());
  if (options.json) {
    print_json({{"model", options.out}, {"description", model->description()}});
    return pass;
  }
  fmt::print(
      "{}\nThe model is in {}. Judge it on other data: foreline evaluate --model {} --data OTHER\n",
      model->description(), options.out, options.out);
  return pass;
}

int forecast_plant_data(const std::string& model_folder, const std::string& data_path, bool json,
                        bool csv, bool all_rows, bool only_explain) {
  if (std::filesystem::exists(std::filesystem::path(shipped(model_folder)) / "alarms.json"))
    return forecast_alarms(model_folder, data_path, json, csv, all_rows);
  auto model = plant::PlantModel::load(shipped(model_folder));
  if (!model) return fail(bad_input, "forecast", model.error());
  auto data = read_data(data_path);
  if (!data) return fail(bad_input, "forecast", data.error());
  plant::QualityReport report;
  auto prepared = model->prepare(std::move(data->records), report);
  if (!prepared) return fail(bad_input, "forecast", prepared.error());
  for (const auto& warning : report.warnings)
    if (warning.find("failure") == std::string::npos) progress("warning: " + warning);
  for (const auto& drift :
       model->drift(model->samples(*prepared, plant::Choice{all_machines(*prepared)})))
    progress(
        fmt::format("warning: {} is spread otherwise than in training (stability index {:.2f}, "
                    "limit 0.25)",
                    drift.signal, drift.index));
  const auto forecasts = model->forecast(*prepared, all_rows, !csv);
  if (json) {
    auto all = nlohmann::ordered_json::array();
    for (const auto& f : forecasts) {
      nlohmann::ordered_json j{{"machine", f.machine},
                               {"at", f.at},
                               {"available", f.available},
                               {"missing_share", f.missing_share}};
      if (!f.available) {
        j["why_not"] = f.why_not;
      } else {
        j["horizons"] = model->horizons();
        j["within"] = f.any;
        for (std::size_t k = 0; k < f.within.size(); ++k)
          j["kinds"][model->kinds()[k]] = f.within[k];
        if (!model->items())
          j["time"] = {{"expected", f.expected},
                       {"q05", f.q05},
                       {"q50", f.q50},
                       {"q95", f.q95},
                       {"unit", model->unit()}};
        for (const auto& reason : f.reasons)
          j["reasons"].push_back({{"signal", reason.signal}, {"change", reason.change}});
        j["words"] = f.words;
      }
      j["sentence"] = f.sentence;
      all.push_back(std::move(j));
    }
    fmt::print("{}\n", all.dump(2));
    return pass;
  }
  if (csv) {
    std::string text = "machine,at,available,missing_share";
    for (const double h : model->horizons()) text += fmt::format(",within_{:g}", h);
    text += ",expected,q05,q50,q95\n";
    for (const auto& f : forecasts) {
      text += fmt::format("{},{},{},{:.4f}", f.machine, f.at, f.available ? 1 : 0, f.missing_share);
      for (std::size_t h = 0; h < model->horizons().size(); ++h)
        text += f.available ? fmt::format(",{:.6f}", f.any[h]) : std::string(",");
      text += f.available && !model->items()
                  ? fmt::format(",{:.3f},{:.3f},{:.3f},{:.3f}\n", f.expected, f.q05, f.q50, f.q95)
                  : std::string(",,,,\n");
    }
    fmt::print("{}", text);
    return pass;
  }
  for (const auto& f : forecasts) {
    fmt::print("{}\n", f.sentence);
    if (!only_explain || !f.available) continue;
    fmt::print("  reads: {}\n", f.words);
    for (const auto& reason : f.reasons)
      fmt::print("  {:<32}{:>+8.2f} %\n", reason.signal, 100 * reason.change);
  }
  return pass;
}

namespace {

struct Evaluation {
  PlantOptions plant;
  std::string model;
  std::size_t folds = 0;
  std::size_t seeds = 1;
  double test_share = 0.2;
  std::string test;
  bool every_moment = false;
  bool json = false;
};

int evaluate_alarms(const Evaluation& options, const plant::Description& description) {
  Told told;
  auto log = plant::read_alarm_log(description);
  if (!log) return fail(bad_input, "evaluate", log.error());
  std::vector<plant::AlarmJudgement> all;
  if (!options.model.empty()) {
    auto model = plant::AlarmModel::load(shipped(options.model), options.plant.rules.threads);
    if (!model) return fail(bad_input, "evaluate", model.error());
    auto prepared = model->prepare(*log);
    if (!prepared) return fail(bad_input, "evaluate", prepared.error());
    all.push_back(plant::judge(*model, *prepared, plant::windows_between(*prepared, 0, 1)));
  } else {
    const auto learn = plant::windows_between(*log, 0, 1 - options.test_share);
    const auto judged = plant::windows_between(*log, 1 - options.test_share, 1, log->lag);
    if (judged.empty())
      return fail(bad_input, "evaluate",
                  "there is no window to judge: windows overlap, so those next to the learned ones "
                  "are left out (lag); give a longer log or a larger --test-share");
    for (std::size_t seed = 0; seed < options.seeds; ++seed) {
      auto rules = alarm_rules_of(options.plant);
      rules.seed += seed;
      auto model = plant::AlarmModel::train(*log, learn, rules, told.function());
      if (!model) return fail(bad_input, "evaluate", model.error());
      all.push_back(plant::judge(*model, *log, judged));
    }
  }
  if (!options.json) {
    for (const auto& judgement : all) fmt::print("{}", plant::as_text(judgement));
    return pass;
  }
  auto j = nlohmann::ordered_json::array();
  for (const auto& judgement : all) {
    nlohmann::ordered_json one{
        {"windows", judgement.windows},
        {"codes", judgement.codes},
        {"next", {{"gpt", judgement.next_gpt}, {"trigram", judgement.next_trigram}}}};
    for (const auto& m : judgement.methods)
      one["methods"].push_back({{"method", plant::name_of(m.method)},
                                {"macro_ap", m.macro_ap},
                                {"micro_ap", m.micro_ap},
                                {"brier", m.brier}});
    j.push_back(std::move(one));
  }
  fmt::print("{}\n", j.dump(2));
  return pass;
}

int evaluate(Evaluation& options) {
  Told told;
  if (auto description = plant::describe(shipped(options.plant.data));
      description && description->windows)
    return evaluate_alarms(options, *description);
  auto data = read_data(options.plant.data);
  if (!data) return fail(bad_input, "evaluate", data.error());
  const bool has_life = !data->description.remaining.empty();
  std::vector<plant::Judgement> all;
  std::string unit = data->records.time_unit;
  if (!options.model.empty()) {
    auto model = plant::PlantModel::load(shipped(options.model), options.plant.rules.threads);
    if (!model) return fail(bad_input, "evaluate", model.error());
    const double overlap = model->overlap(data->records);
    if (overlap > 0.01)
      return fail(bad_input, "evaluate",
                  fmt::format("{:.0f} % of the rows are rows that the model was trained on: this "
                              "would judge its memory; give other machines or a later time",
                              100 * overlap));
    auto judged_all = judge_on(
        *model, data->records,
        judged(data->records, all_machines(data->records), has_life && !options.every_moment));
    if (!judged_all) return fail(bad_input, "evaluate", judged_all.error());
    all.push_back(std::move(*judged_all));
  } else {
    std::optional<Read> test;
    if (!options.test.empty()) {
      auto read = read_data(options.test);
      if (!read) return fail(bad_input, "evaluate", read.error());
      test = std::move(*read);
    }
    const bool by_time =
        !test && options.folds == 0 && !data->records.items &&
        data->description.split.value_or(data->records.repairable
                                             ? plant::Split::time
                                             : plant::Split::machine) == plant::Split::time;
    for (std::size_t seed = 0; seed < options.seeds; ++seed) {
      auto rules = rules_of(options.plant, data->description);
      rules.seed = options.plant.rules.seed + seed;
      const std::size_t parts =
          options.folds > 0
              ? options.folds
              : static_cast<std::size_t>(std::max(2.0, std::round(1 / options.test_share)));
      const auto dealt = test || by_time ? std::vector<std::vector<std::size_t>>{}
                                         : parts_of(data->records, parts, rules.seed);
      const std::size_t runs = options.folds > 0 ? options.folds : 1;
      for (std::size_t run = 0; run < runs; ++run) {
        progress(fmt::format("seed {}{}", rules.seed,
                             runs > 1 ? fmt::format(", part {} of {}", run + 1, runs) : ""));
        auto machines = all_machines(data->records);
        double until = std::numeric_limits<double>::infinity();
        plant::Choice choice;
        if (test) {
          choice = judged(test->records, all_machines(test->records),
                          !test->description.remaining.empty() && !options.every_moment);
        } else if (by_time) {
          double first = std::numeric_limits<double>::infinity();
          double last = -first;
          for (const auto& machine : data->records.machines) {
            first = std::min(first, machine.time.front());
            last = std::max(last, machine.time.back());
          }
          until = last - options.test_share * (last - first);
          choice = plant::Choice{machines};
          choice.from = until;
        } else {
          machines.clear();
          for (std::size_t p = 0; p < parts; ++p)
            if (p != run) machines.insert(machines.end(), dealt[p].begin(), dealt[p].end());
          std::sort(machines.begin(), machines.end());
          choice = plant::Choice{dealt[run]};
        }
        auto model =
            plant::PlantModel::train(data->records, machines, until, rules, told.function());
        if (!model) return fail(bad_input, "evaluate", model.error());
        if (test && model->overlap(test->records) > 0.01)
          return fail(bad_input, "evaluate",
                      "rows of the test data are in the training data: this would judge memory");
        auto judged_one = judge_on(*model, test ? test->records : data->records, choice);
        if (!judged_one) return fail(bad_input, "evaluate", judged_one.error());
        all.push_back(std::move(*judged_one));
      }
    }
  }
  if (options.json) {
    fmt::print("{}", plant::as_json(all));
  } else {
    fmt::print("{}", plant::as_text(all.front(), unit));
    if (all.size() > 1) fmt::print("{}", summary(all, unit));
  }
  return pass;
}

}  // namespace

void add_data(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("data", "Show the quality of a plant's data, or guess its description");
  struct Options {
    std::string path, format = "text", out;
    std::vector<std::string> files;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  command->add_option("file", options->path,
                      "Description (.toml), or a CSV file whose description is guessed");
  command->add_option("--format", options->format, "text, json or html")
      ->check(CLI::IsMember({"text", "json", "html"}))
      ->capture_default_str();
  command->add_option("--out", options->out, "File for the report; standard output when absent");
  add_json(*command, options->json, "Print JSON: the report, or the name of the file of --out");
  auto* guessing = command->add_subcommand(
      "guess", "Write a description of a CSV file, to be checked by a person");
  guessing
      ->add_option("file", options->files,
                   "The rows, then files of events, failures, maintenance, attributes")
      ->required();
  guessing->add_option("--out", options->out, "Description to write; standard output when absent");
  add_json(*guessing, options->json, "Print one JSON object: the file, or its text");
  guessing->footer("Example:\n  foreline data guess scenarios/plant/pumps.csv");
  command->footer(
      "Examples:\n  foreline data scenarios/plant/pumps.toml\n  foreline data guess "
      "scenarios/plant/pumps.csv");
  command->callback([command, guessing, options, &exit_code] {
    if (guessing->parsed())
      exit_code = guess(options->files, options->out, options->json);
    else if (options->path.empty())
      exit_code = fail(bad_input, "data", "give a description or a CSV file");
    else
      exit_code = show_quality(options->path,
                               options->json && options->out.empty() ? "json" : options->format,
                               options->out, options->json);
  });
}

void add_evaluate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Evaluation>();
  auto* command = app.add_subcommand(
      "evaluate", "Who wins on your data: GPT-2, trees, their blend, and simple methods");
  command->add_option("--data", options->plant.data, "Description (.toml) or CSV file")->required();
  command->add_option(
      "--model", options->model,
      "Judge this model; without, models are trained on a part and judged on the rest");
  command->add_option("--test", options->test,
                      "Description of the data to judge on, instead of a part of --data");
  command->add_option("--folds", options->folds, "Judge every part of so many once")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command->add_option("--seeds", options->seeds, "Repeat with so many seeds")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command
      ->add_option("--test-share", options->test_share,
                   "Share of machines, or of time, to judge on")
      ->check(CLI::Range(0.05, 0.5))
      ->capture_default_str();
  command->add_flag(
      "--every-moment", options->every_moment,
      "Judge all rows, not only the last one of each machine with a known remaining life");
  command->add_flag("--json", options->json, "JSON on standard output");
  command->add_option("--seed", options->plant.rules.seed)->capture_default_str();
  command->add_option("--threads", options->plant.rules.threads)
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  add_plant_options(*command, options->plant);
  command->footer(
      "Example:\n  foreline evaluate --data scenarios/plant/pumps.toml --gpt-steps 60 --members 1");
  command->callback([options, &exit_code] { exit_code = evaluate(*options); });
}

void add_explain(CLI::App& app, int& exit_code) {
  struct Options {
    std::string model, data;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "explain", "Show what a plant model reads of each machine, and what each signal contributes");
  command->add_option("--model", options->model, "Folder that `foreline train --data` has written")
      ->required();
  command->add_option("--data", options->data, "Description (.toml) or CSV file")->required();
  add_json(*command, options->json, "Print one JSON array, an object a machine");
  command->footer(
      "Examples:\n  foreline train --data scenarios/plant/pumps.toml --gpt-steps 40 --members 1 "
      "--out "
      "pump-model\n  foreline explain --model pump-model --data scenarios/plant/pumps.toml");
  command->callback([options, &exit_code] {
    exit_code =
        forecast_plant_data(options->model, options->data, options->json, false, false, true);
  });
}

}  // namespace foreline::host
