// SPDX-License-Identifier: Apache-2.0
// Accuracy of forecasts on the public data sets, one JSON line a run: see
// docs/decisions/0011-forecasting-protocol.md for what is learned from and what is judged. Data lie
// beside the checkout (../shared/data); a set that is not there is skipped.
//   bench_forecast set=fd001 part=validation|test seeds=5 [steps=, width=, members=, ...]
// damage=s4,s11 judges the same model once more for each way in which one of these sensors lies.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>

#include "inference/plant/alarm_model.hpp"
#include "inference/plant/plant_model.hpp"
#include "sim/line/random.hpp"

using namespace foreline;
using namespace foreline::plant;

namespace {

constexpr std::uint64_t selection_seed = 77;  // of every split for choosing; never of a result

using Options = std::map<std::string, std::string>;

double number(const Options& options, const std::string& name, double fallback) {
  const auto found = options.find(name);
  return found == options.end() ? fallback : std::atof(found->second.c_str());
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

double peak_megabytes() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_maxrss) / 1024;
}

struct Data {
  Description description;
  Records records;
};

Data read(const std::string& name) {
  const auto file = std::filesystem::path(FORELINE_SOURCE_DIR) / "tests/bench/forecast" / name;
  auto description = read_description(file);
  if (!description) {
    fmt::print(stderr, "{}\n", description.error().text());
    std::exit(2);
  }
  if (!std::filesystem::exists(description->beside(description->file))) {
    fmt::print("{{\"skipped\": \"{}: the data are not beside the checkout\"}}\n", name);
    std::exit(0);
  }
  auto records = read_records(*description);
  if (!records) {
    fmt::print(stderr, "{}\n", records.error().text());
    std::exit(2);
  }
  return {std::move(*description), std::move(*records)};
}

/// The same histories as machines would tell them that change between `count` settings from row to
/// row, each with an offset and a gain of its own in every signal.
Records in_regimes(Records records, std::size_t count) {
  using line::Purpose;
  if (count < 2) return records;
  const auto width = records.channels.size();
  const auto draw = [](std::size_t what, std::size_t i) {
    return line::random_uniform(selection_seed, static_cast<std::uint32_t>(what), Purpose::training,
                                i);
  };
  Channel setting;
  setting.name = "setting";
  records.channels.push_back(setting);
  std::vector<double> spread(width);
  for (std::size_t c = 0; c < width; ++c) {
    const auto values = [&](std::size_t r) {
      return static_cast<double>(records.machines[0].values[r * width + c]);
    };
    for (std::size_t r = 0; r < records.machines[0].time.size(); ++r)
      spread[c] = std::max(spread[c], std::abs(values(r) - values(0)));
  }
  std::size_t row = 0;
  for (auto& machine : records.machines) {
    std::vector<float> values;
    for (std::size_t i = 0; i < machine.time.size(); ++i, ++row) {
      const auto regime = static_cast<std::size_t>(draw(1, row) * static_cast<double>(count));
      for (std::size_t c = 0; c < width; ++c) {
        const double offset = 40 * (draw(2, regime * width + c) - 0.5) * spread[c];
        const double gain = 0.5 + draw(3, regime * width + c);
        values.push_back(
            static_cast<float>(offset + gain * static_cast<double>(machine.values[i * width + c])));
      }
      values.push_back(static_cast<float>(10 * static_cast<double>(regime) + 0.01 * draw(4, row)));
    }
    machine.values = std::move(values);
  }
  return records;
}

/// Items or machines of random numbers with many columns, for the memory that training takes. The
/// first two columns together decide what fails.
Data made_up_wide(std::size_t columns, std::size_t machines, std::size_t rows) {
  Data data;
  auto& records = data.records;
  records.name = "wide";
  records.time_unit = "h";
  records.items = rows == 1;
  records.kinds = {"failure"};
  records.channels.resize(columns);
  for (std::size_t c = 0; c < columns; ++c) records.channels[c].name = fmt::format("c{}", c);
  for (std::uint32_t m = 0; m < machines; ++m) {
    Machine machine;
    machine.id = fmt::format("{}", m);
    for (std::size_t i = 0; i < rows * columns; ++i)
      machine.values.push_back(
          static_cast<float>(line::random_uniform(selection_seed, m, line::Purpose::training, i)));
    for (std::size_t t = 0; t < rows; ++t) machine.time.push_back(static_cast<double>(t));
    machine.until = machine.time.back();
    if (rows > 1 || machine.values[0] + machine.values[1] > 1.7F)
      machine.failures = {{machine.until, 0}};
    records.machines.push_back(std::move(machine));
  }
  data.description.horizon = rows == 1 ? 0 : static_cast<double>(rows) / 2;
  return data;
}

/// A share of the machines is still running at a random moment after their first 30 rows, where
/// their records end.
Records still_running(Records records, const std::vector<std::size_t>& machines, double share) {
  const auto draw = [&](std::size_t m, std::size_t what) {
    return line::random_uniform(selection_seed, static_cast<std::uint32_t>(m),
                                line::Purpose::training, what);
  };
  for (const auto m : machines) {
    auto& machine = records.machines[m];
    const auto rows = machine.time.size();
    if (draw(m, 100) >= share || rows <= 30) continue;
    const auto keep = 30 + static_cast<std::size_t>(draw(m, 101) * static_cast<double>(rows - 30));
    machine.time.resize(keep);
    machine.values.resize(keep * records.channels.size());
    machine.failures.clear();
    machine.until = machine.time.back();
  }
  return records;
}

constexpr const char* damages[] = {"missing", "stuck", "drift", "unit", "unit later"};

/// One sensor of all machines: without values; stuck from half of the record on; drifting evenly by
/// six of its standard deviations; in another unit (1.8 x + 32) from the beginning, or from 60 % of
/// the record on.
Records damaged(Records records, std::size_t channel, std::string_view how) {
  const auto width = records.channels.size();
  double n = 0, sum = 0, squares = 0;
  for (const auto& machine : records.machines)
    for (std::size_t i = channel; i < machine.values.size(); i += width)
      if (const auto x = static_cast<double>(machine.values[i]); !std::isnan(x))
        n += 1, sum += x, squares += x * x;
  const double deviation = std::sqrt(std::max(0.0, squares / n - sum * sum / n / n));
  for (auto& machine : records.machines) {
    const auto rows = machine.time.size();
    const auto value = [&](std::size_t i) -> float& { return machine.values[i * width + channel]; };
    for (std::size_t i = 0; i < rows; ++i) {
      if (how == "missing") value(i) = unknown;
      if (how == "stuck" && 2 * i > rows) value(i) = value(i - 1);
      if (how == "drift")
        value(i) +=
            static_cast<float>(6 * deviation * static_cast<double>(i) / static_cast<double>(rows));
      if (how == "unit" || (how == "unit later" && 5 * i >= 3 * rows))
        value(i) = 1.8F * value(i) + 32;
    }
  }
  return records;
}

PlantRules rules_of(const Options& options, const Description& description, std::uint64_t seed) {
  PlantRules rules;
  auto& n = rules.network;
  n.steps = static_cast<std::size_t>(number(options, "steps", static_cast<double>(n.steps)));
  n.batch = static_cast<std::size_t>(number(options, "batch", static_cast<double>(n.batch)));
  n.layers = static_cast<std::size_t>(number(options, "layers", static_cast<double>(n.layers)));
  n.heads = static_cast<std::size_t>(number(options, "heads", static_cast<double>(n.heads)));
  n.width = static_cast<std::size_t>(number(options, "width", static_cast<double>(n.width)));
  n.peak_rate = static_cast<float>(number(options, "rate", static_cast<double>(n.peak_rate)));
  n.weight_decay =
      static_cast<float>(number(options, "decay", static_cast<double>(n.weight_decay)));
  n.dropout = static_cast<float>(number(options, "dropout", static_cast<double>(n.dropout)));
  n.jitter = number(options, "jitter", n.jitter);
  n.age_jitter = number(options, "age_jitter", n.age_jitter);
  n.word_drop = number(options, "word_drop", n.word_drop);
  n.group_drop = number(options, "group_drop", n.group_drop);
  n.soft = number(options, "soft", n.soft);
  n.point_weight = number(options, "point", n.point_weight);
  n.average = number(options, "average", n.average);
  n.bf16 = number(options, "bf16", n.bf16 ? 1 : 0) > 0;
  rules.members =
      static_cast<std::size_t>(number(options, "members", static_cast<double>(rules.members)));
  rules.levels =
      static_cast<std::size_t>(number(options, "levels", static_cast<double>(rules.levels)));
  if (options.count("imagined") != 0) rules.imagined = number(options, "imagined", 0);
  rules.packing = number(options, "words", 0) > 0 ? Packing::word : Packing::group;
  rules.trees = number(options, "trees", 1) > 0;
  for (auto* t : {&rules.within, &rules.of_items, &rules.time}) {
    const std::string of = t == &rules.time ? "time_" : "tree_";
    t->rounds =
        static_cast<std::size_t>(number(options, of + "rounds", static_cast<double>(t->rounds)));
    t->rate = number(options, of + "rate", t->rate);
    t->depth = static_cast<int>(number(options, of + "depth", t->depth));
    t->column_share = number(options, of + "columns", t->column_share);
    t->child_weight = number(options, of + "child", t->child_weight);
    t->row_share = number(options, of + "rows", t->row_share);
    t->exact = number(options, of + "exact", t->exact ? 1 : 0) > 0;
  }
  rules.threads = static_cast<int>(number(options, "threads", 1));
  rules.seed = seed;
  rules.horizon = description.horizon;
  rules.horizons = description.horizons;
  rules.split = description.split;
  return rules;
}

std::vector<std::size_t> all_of(const Records& records) {
  std::vector<std::size_t> all(records.machines.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

/// Machines dealt into parts, failures evenly; deterministic by seed.
std::vector<std::vector<std::size_t>> dealt(const Records& records,
                                            std::vector<std::size_t> machines, std::size_t parts,
                                            std::uint64_t seed) {
  for (std::size_t i = machines.size(); i > 1; --i)
    std::swap(machines[i - 1],
              machines[line::random_word(seed, 4, line::Purpose::training, i) % i]);
  if (records.items)
    std::stable_partition(machines.begin(), machines.end(), [&](auto m) {
      return !records.machines[m].failures.empty() &&
             records.machines[m].failures.front().code == 0;
    });
  std::vector<std::vector<std::size_t>> out(parts);
  for (std::size_t i = 0; i < machines.size(); ++i) out[i % parts].push_back(machines[i]);
  return out;
}

struct Run {
  std::vector<std::size_t> learn;
  double until = std::numeric_limits<double>::infinity();
  Choice judged;
  std::size_t cuts = 0;  ///< Of each judged machine, moments drawn at random; 0: all chosen ones.
};

void judge_model(const std::string& set, const std::string& part, const PlantModel& model,
                 const Records& judged_on, const Run& run, const PlantRules& rules,
                 std::size_t index, double spent, const std::string& damage) {
  QualityReport report;
  auto prepared = model.prepare(judged_on, report);
  if (!prepared) {
    fmt::print(stderr, "{}\n", prepared.error().text());
    std::exit(1);
  }
  double good = 1;  // of the worst signal that changes
  for (const auto& signal : report.signals)
    if (!signal.constant) good = std::min(good, signal.good_share());
  auto samples = model.samples(*prepared, run.judged);
  if (run.cuts > 0) {
    std::map<std::uint32_t, std::vector<std::size_t>> rows;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples.row[i] >= 30) rows[samples.machine[i]].push_back(i);
    std::vector<std::size_t> which;
    for (const auto& [machine, mine] : rows)
      for (std::size_t c = 0; c < run.cuts; ++c)
        which.push_back(
            mine[line::random_word(selection_seed, machine, line::Purpose::training, c) %
                 mine.size()]);
    samples = samples.picked(which);
  }
  const auto judgement = judge(model, *prepared, samples);
  std::string line = fmt::format(
      R"({{"set": "{}", "part": "{}", "seed": {}, "run": {}, "damage": "{}", "good": {:.3f}, "cpu_s": {:.1f}, "peak_mb": {:.0f}, "samples": {}, "blend": {:.2f})",
      set, part, rules.seed, index, damage, good, spent, peak_megabytes(), judgement.samples,
      model.blend_share());
  for (const auto method : {Method::gpt, Method::trees, Method::blend}) {
    const auto& score = judgement.methods[static_cast<std::size_t>(method)];
    const auto name = method == Method::gpt ? "gpt" : method == Method::trees ? "trees" : "blend";
    line += fmt::format(R"(, "{}": {{)", name);
    std::string inside;
    const auto put = [&](const std::string& key, double value) {
      inside += fmt::format(R"({}"{}": {:.5f})", inside.empty() ? "" : ", ", key, value);
    };
    if (score.rmse) put("rmse", *score.rmse), put("score", *score.nasa);
    if (score.coverage) put("coverage", *score.coverage), put("width", *score.width);
    for (const auto& at : score.horizons) {
      const auto h = fmt::format("@{:g}", at.horizon);
      put("auprc" + h, at.auprc);
      put("brier" + h, at.brier);
      put("skill" + h, at.skill);
      put("ece" + h, at.ece);
      put("f1" + h, at.f1);
      if (samples.kinds > 1) put("macro_auprc" + h, at.macro_auprc);
    }
    line += inside + "}";
  }
  fmt::print("{}}}\n", line);
  std::fflush(stdout);
}

void judge_run(const std::string& set, const std::string& part, const Data& data,
               const Records& judged_on, const Run& run, const PlantRules& rules, std::size_t index,
               bool verbose, const std::string& damage = {}) {
  const double before = cpu_seconds();
  auto model =
      PlantModel::train(data.records, run.learn, run.until, rules, [&](const std::string& text) {
        if (verbose) fmt::print(stderr, "  {}\n", text);
      });
  if (!model) {
    fmt::print(stderr, "{}\n", model.error().text());
    std::exit(1);
  }
  const double spent = cpu_seconds() - before;
  judge_model(set, part, *model, judged_on, run, rules, index, spent, "none");
  for (std::size_t c = 0; c < judged_on.channels.size(); ++c) {
    const auto& name = judged_on.channels[c].name;
    if (("," + damage + ",").find("," + name + ",") == std::string::npos) continue;
    for (const auto* how : damages)
      judge_model(set, part, *model, damaged(judged_on, c, how), run, rules, index, spent,
                  fmt::format("{} {}", name, how));
  }
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto equals = argument.find('=');
    if (equals == std::string::npos) {
      fmt::print(stderr, "wanted name=value, got \"{}\"\n", argument);
      return 2;
    }
    options[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  const auto set = options.count("set") != 0 ? options["set"] : std::string("fd001");
  const bool test = options["part"] == "test";
  const auto part = test ? "test" : "validation";
  const auto seeds = static_cast<std::uint64_t>(number(options, "seeds", 1));
  const auto first = static_cast<std::uint64_t>(number(options, "first", 1));
  const bool verbose = number(options, "verbose", 0) > 0;
  if (set == "fd001" || set == "fd003") {
    auto data = read(set + "_train.toml");
    const auto regimes = static_cast<std::size_t>(number(options, "regimes", 1));
    data.records = in_regimes(std::move(data.records), regimes);
    for (auto seed = first; seed < first + seeds; ++seed) {
      const auto rules = rules_of(options, data.description, seed);
      if (test) {
        auto judged = read(set + "_test.toml");
        judged.records = in_regimes(std::move(judged.records), regimes);
        Run run;
        run.learn = all_of(data.records);
        run.judged.machines = all_of(judged.records);
        run.judged.last_only = true;
        judge_run(set, part, data, judged.records, run, rules, 0, verbose, options["damage"]);
      } else {
        const auto parts = dealt(data.records, all_of(data.records), 5, selection_seed);
        Run run;
        for (std::size_t p = 1; p < 5; ++p)
          run.learn.insert(run.learn.end(), parts[p].begin(), parts[p].end());
        run.judged.machines = parts[0];
        run.cuts = 20;
        const auto whole = data.records;
        data.records =
            still_running(std::move(data.records), run.learn, number(options, "censored", 0));
        judge_run(set, part, data, whole, run, rules, 0, verbose, options["damage"]);
        data.records = whole;
      }
    }
  } else if (set == "ai4i") {
    const auto data = read("ai4i.toml");
    for (auto seed = first; seed < first + seeds; ++seed) {
      const auto rules = rules_of(options, data.description, seed);
      auto folds = dealt(data.records, all_of(data.records), 5, 1);
      if (!test) {  // inside the first fold's learning part
        std::vector<std::size_t> inner;
        for (std::size_t p = 1; p < 5; ++p)
          inner.insert(inner.end(), folds[p].begin(), folds[p].end());
        folds = dealt(data.records, inner, 4, selection_seed);
      }
      for (std::size_t fold = 0; fold < (test ? folds.size() : 1); ++fold) {
        Run run;
        for (std::size_t p = 0; p < folds.size(); ++p)
          if (p != fold) run.learn.insert(run.learn.end(), folds[p].begin(), folds[p].end());
        run.judged.machines = folds[fold];
        judge_run(set, part, data, data.records, run, rules, fold, verbose);
      }
    }
  } else if (set == "wide") {
    const auto data = made_up_wide(static_cast<std::size_t>(number(options, "columns", 300)),
                                   static_cast<std::size_t>(number(options, "machines", 7000)),
                                   static_cast<std::size_t>(number(options, "rows", 1)));
    Run run;
    run.learn = all_of(data.records);
    run.judged.machines = {0};
    judge_run(set, part, data, data.records, run, rules_of(options, data.description, first), 0,
              verbose);
  } else if (set == "azure") {
    const auto data = read("azure.toml");
    double begin = std::numeric_limits<double>::infinity();
    double end = -begin;
    for (const auto& machine : data.records.machines) {
      begin = std::min(begin, machine.time.front());
      end = std::max(end, machine.time.back());
    }
    const double cut = begin + 0.75 * (end - begin);
    for (auto seed = first; seed < first + seeds; ++seed) {
      const auto rules = rules_of(options, data.description, seed);
      Run run;
      run.learn = all_of(data.records);
      run.judged.machines = run.learn;
      run.until = test ? cut : begin + 0.55 * (end - begin);
      run.judged.from = run.until;
      if (!test) run.judged.until = cut;
      judge_run(set, part, data, data.records, run, rules, 0, verbose);
    }
  } else if (set == "alarms") {
    const auto file =
        std::filesystem::path(FORELINE_SOURCE_DIR) / "tests/bench/forecast/alarms.toml";
    auto description = read_description(file);
    if (!description || !std::filesystem::exists(description->beside(description->file))) {
      fmt::print("{{\"skipped\": \"alarms: the data are not beside the checkout\"}}\n");
      return 0;
    }
    auto log = read_alarm_log(*description);
    if (!log) {
      fmt::print(stderr, "{}\n", log.error().text());
      return 2;
    }
    const auto learn = windows_between(*log, 0, 0.6);
    const auto judged =
        test ? windows_between(*log, 0.75, 1, 20) : windows_between(*log, 0.6, 0.75, 20);
    for (auto seed = first; seed < first + seeds; ++seed) {
      AlarmRules rules;
      rules.seed = seed;
      rules.steps =
          static_cast<std::size_t>(number(options, "steps", static_cast<double>(rules.steps)));
      rules.batch =
          static_cast<std::size_t>(number(options, "batch", static_cast<double>(rules.batch)));
      rules.width =
          static_cast<std::size_t>(number(options, "width", static_cast<double>(rules.width)));
      rules.layers =
          static_cast<std::size_t>(number(options, "layers", static_cast<double>(rules.layers)));
      rules.peak_rate =
          static_cast<float>(number(options, "rate", static_cast<double>(rules.peak_rate)));
      rules.dropout =
          static_cast<float>(number(options, "dropout", static_cast<double>(rules.dropout)));
      rules.weight_decay =
          static_cast<float>(number(options, "decay", static_cast<double>(rules.weight_decay)));
      rules.word_drop = number(options, "word_drop", rules.word_drop);
      rules.next_weight = number(options, "next", rules.next_weight);
      rules.trees = number(options, "trees", 1) > 0;
      rules.within.rounds = static_cast<std::size_t>(
          number(options, "tree_rounds", static_cast<double>(rules.within.rounds)));
      rules.within.rate = number(options, "tree_rate", rules.within.rate);
      const double before = cpu_seconds();
      auto model = AlarmModel::train(*log, learn, rules, [&](const std::string& text) {
        if (verbose) fmt::print(stderr, "  {:6.1f} {}\n", cpu_seconds() - before, text);
      });
      if (!model) {
        fmt::print(stderr, "{}\n", model.error().text());
        return 1;
      }
      const double spent = cpu_seconds() - before;
      const auto judgement = judge(*model, *log, judged);
      std::string line = fmt::format(
          R"({{"set": "alarms", "part": "{}", "seed": {}, "cpu_s": {:.1f}, "windows": {}, "codes": {}, "next_gpt": {:.4f}, "next_trigram": {:.4f})",
          part, seed, spent, judgement.windows, judgement.codes, judgement.next_gpt,
          judgement.next_trigram);
      for (const auto& m : judgement.methods)
        line +=
            fmt::format(R"(, "{}": {{"macro_ap": {:.5f}, "micro_ap": {:.5f}, "brier": {:.6f}}})",
                        name_of(m.method), m.macro_ap, m.micro_ap, m.brier);
      fmt::print("{}}}\n", line);
      std::fflush(stdout);
    }
  } else {
    fmt::print(stderr, "set is fd001, fd003, ai4i, azure, alarms or wide\n");
    return 2;
  }
  return 0;
}
