// SPDX-License-Identifier: Apache-2.0
// Scenario files made up on a given line: at random, so that all pairs of circumstances meet, or
// the ones that cost the line most.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "inference/forecaster.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "inference/train/population.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/job.hpp"
#include "plugin/host/progress.hpp"
#include "plugin/rehearsal/rehearsal.hpp"
#include "sim/line/random.hpp"
#include "sim/swarm/pairwise.hpp"
#include "sim/text/document.hpp"
#include "sim/text/escape.hpp"
#include "sim/text/files.hpp"
#include "sim/trace/columns.hpp"
#include "sim/verdict/fooling.hpp"
#include "sim/worker/client.hpp"

namespace foreline::host {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string like = "scenarios/demo.toml";
  std::size_t count = 1;
  std::uint64_t seed = 1;
  std::string out = "generated";
  bool pairwise = false;
  std::size_t worst_of = 0;
  std::string cost = "tardiness";
  std::string fool;
  bool traces = false;
  bool json = false;
  worker::Options workers;
};

/// The scenario to start from, with a name and a seed of its own and nothing expected.
text::Scenario begun(const text::Scenario& like, const Options& options, const std::string& name,
                     std::uint64_t seed) {
  auto scenario = like;
  scenario.path = (fs::path(options.out) / (name + ".toml")).string();
  scenario.first_seed = seed;
  scenario.seed_count = 1;
  scenario.faults.clear();
  scenario.sensor_faults.clear();
  scenario.communication_losses.clear();
  scenario.expectations.clear();
  return scenario;
}

text::Scenario random_scenario(const text::Scenario& like, const Options& options,
                               std::uint64_t seed) {
  inference::DayRules rules;
  rules.horizon_s = like.horizon_s;
  const auto day = inference::random_day(like.line, seed, rules);
  auto scenario = begun(like, options, fmt::format("{}-{}", like.line->name, seed), seed);
  scenario.title = fmt::format("made up by seed {}", seed);
  scenario.random_faults = true;
  scenario.faults = day.faults;
  scenario.sensor_faults = day.sensor_faults;
  scenario.communication_losses = day.communication_losses;
  for (auto& fault : scenario.faults) fault.at_s = std::round(fault.at_s);
  return scenario;
}

/// A file that was made, and of what seed.
void tell_made(const Options& options, const char* what, const std::string& path,
               std::uint64_t seed) {
  if (options.json)
    print_json({{what, path}, {"seed", seed}});
  else
    fmt::print("{}\n", path);
}

int write(const text::Scenario& scenario, const Options& options) {
  if (auto written = gpt2::write_file(scenario.path, text::scenario_text(scenario)); !written)
    return fail(environment, "generate", written.error());
  tell_made(options, "scenario", scenario.path, scenario.first_seed);
  return pass;
}

/// One trial of each scenario's own seed, a few at a time; each outcome is handed over and let go.
line::Result<line::Done> simulate(
    const std::vector<text::Scenario>& scenarios, worker::Client& client, bool traces,
    const std::function<void(std::size_t, const line::Trial&, line::Outcome&&)>& take) {
  constexpr std::size_t at_once = 64;  // a trace is some megabytes
  Progress progress("days", scenarios.size());
  for (std::size_t from = 0; from < scenarios.size(); from += at_once) {
    std::vector<line::Trial> trials;
    for (std::size_t i = from; i < std::min(scenarios.size(), from + at_once); ++i) {
      trials.push_back(text::trial_of(scenarios[i], 0));
      trials.back().replication = true;
      trials.back().want_trace = traces;
    }
    auto outcomes = client.run(trials, [&](std::size_t, const line::Outcome&) { progress.step(); });
    if (!outcomes) return outcomes.error();
    for (std::size_t i = 0; i < trials.size(); ++i)
      take(from + i, trials[i], std::move((*outcomes)[i]));
  }
  return line::Done{};
}

/// The days' traces beside their scenario files, when they are asked for.
int write_traces(const std::vector<text::Scenario>& scenarios, const Options& options) {
  if (!options.traces) return pass;
  auto client = worker::Client::start(options.workers);
  if (!client) return fail(environment, "generate", client.error());
  int status = pass;
  const auto done = simulate(
      scenarios, *client, true,
      [&](std::size_t i, const line::Trial& trial, line::Outcome&& outcome) {
        const auto path = fs::path(scenarios[i].path).replace_extension(".npz").string();
        if (!outcome.valid()) {
          status = fail(environment, "generate", fmt::format("{}: {}", path, outcome.error));
        } else if (auto written =
                       gpt2::write_file(path, trace::archive_of(*trial.line, outcome.trace));
                   !written) {
          status = fail(environment, "generate", written.error());
        } else {
          tell_made(options, "trace", path, trial.seed);
        }
      });
  if (!done) return fail(environment, "generate", done.error());
  return status;
}

/// Circumstances of a fault; every two levels of every two of them are to meet.
struct Circumstances {
  const text::Scenario* like;
  std::vector<line::FaultKind> kinds;
  std::vector<std::string> severities = {"fast", "usual", "slow"};
  std::vector<std::string> loads = {"light", "usual", "heavy"};

  explicit Circumstances(const text::Scenario& scenario)
      : like(&scenario), kinds(line::all_fault_kinds.begin(), line::all_fault_kinds.end()) {}

  [[nodiscard]] std::vector<std::size_t> levels() const {
    // The mix of products: as in the book, or one of them in the majority.
    return {kinds.size(), like->line->machines.size(), severities.size(), loads.size(),
            1 + like->line->products.size()};
  }
  /// A fault without warning has no pace: it is always "usual".
  [[nodiscard]] bool possible(std::size_t a, std::size_t i, std::size_t b, std::size_t j) const {
    return !(a == 0 && b == 2 && !line::gives_warning(kinds[i]) && j != 1);
  }
  [[nodiscard]] std::string name_of(std::size_t factor, std::size_t level) const {
    switch (factor) {
      case 0:
        return std::string(line::name_of(kinds[level]));
      case 1:
        return like->line->machines[level].name;
      case 2:
        return severities[level];
      case 3:
        return loads[level];
      default:
        return level == 0 ? "mixed" : like->line->products[level - 1];
    }
  }
};

/// The order book with more or fewer parts, and one product in the majority.
std::vector<line::Order> book(const text::Scenario& like, std::size_t load, std::size_t mix) {
  constexpr std::array<double, 3> loads = {0.6, 1.0, 1.4};
  auto orders = *like.orders;
  for (auto& order : orders) {
    double share = loads[load];
    if (mix > 0) share *= order.product.index == mix - 1 ? 1.6 : 0.6;
    order.quantity =
        static_cast<std::uint32_t>(std::clamp(std::round(order.quantity * share), 1.0, 65'535.0));
  }
  return orders;
}

int generate_pairwise(const text::Scenario& like, const Options& options) {
  const Circumstances circumstances(like);
  const auto levels = circumstances.levels();
  const auto possible = [&](std::size_t a, std::size_t i, std::size_t b, std::size_t j) {
    return circumstances.possible(a, i, b, j);
  };
  const auto cases = swarm::pairwise(levels, possible);
  std::vector<text::Scenario> made;
  std::string report = "case,kind,machine,severity,load,products\n";
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const auto& chosen = cases[c];
    const auto seed = options.seed + c;
    const auto name = fmt::format("{}-pair-{:04}", like.line->name, c + 1);
    auto scenario = begun(like, options, name, seed);
    scenario.random_faults = false;
    scenario.title =
        fmt::format("{} of {}, {}, {} load, {} products", circumstances.name_of(0, chosen[0]),
                    circumstances.name_of(1, chosen[1]), circumstances.name_of(2, chosen[2]),
                    circumstances.name_of(3, chosen[3]), circumstances.name_of(4, chosen[4]));
    scenario.orders =
        std::make_shared<const std::vector<line::Order>>(book(like, chosen[3], chosen[4]));
    auto mix = circumstances.name_of(4, chosen[4]);
    if (mix.find('/') != std::string::npos) {  // no name of a file
      std::replace(mix.begin(), mix.end(), '/', '-');
      mix += fmt::format("-{}", chosen[4]);
    }
    scenario.orders_path =
        (fs::path(options.out) /
         fmt::format("orders-{}-{}.csv", circumstances.name_of(3, chosen[3]), mix))
            .string();
    if (auto written =
            gpt2::write_file(scenario.orders_path, text::orders_text(*scenario.orders, *like.line));
        !written)
      return fail(environment, "generate", written.error());
    line::ScriptedFault fault;
    fault.id = "fault";
    fault.machine = {static_cast<std::uint32_t>(chosen[1])};
    fault.kind = circumstances.kinds[chosen[0]];
    const double draw = line::random_uniform(seed, 0, line::Purpose::scenario, 0);
    fault.at_s = std::round((0.1 + 0.5 * draw) * like.horizon_s);
    // The machine's own mode knows its usual pace; else an eighth of the day.
    double usual_s = like.horizon_s / 8;
    for (const auto& mode : like.line->at(fault.machine).faults)
      if (mode.kind == fault.kind) usual_s = mode.progress.expectation();
    constexpr std::array<double, 3> paces = {0.4, 1.0, 2.5};
    if (line::gives_warning(fault.kind))
      fault.fails_after_s = std::round(usual_s * paces[chosen[2]]);
    fault.repair_s = 1800;
    scenario.faults.push_back(fault);
    if (const int status = write(scenario, options); status != pass) return status;
    made.push_back(scenario);
    report += text::csv_field(name);
    for (std::size_t factor = 0; factor < levels.size(); ++factor)
      report += "," + text::csv_field(circumstances.name_of(factor, chosen[factor]));
    report += '\n';
  }
  const auto coverage = swarm::coverage_of(cases, levels, possible);
  const auto path = (fs::path(options.out) / "coverage.csv").string();
  if (auto written = gpt2::write_file(path, report); !written)
    return fail(environment, "generate", written.error());
  std::size_t all = 1;
  for (const auto count : levels) all *= count;
  if (options.json)
    print_json({{"coverage", path},
                {"pairs_covered", coverage.covered},
                {"pairs", coverage.pairs},
                {"scenarios", cases.size()},
                {"combinations", all}});
  else
    fmt::print("{} of {} pairs in {} scenarios, where all combinations are {}; {}\n",
               coverage.covered, coverage.pairs, cases.size(), all, path);
  return write_traces(made, options);
}

/// What a search wants much of, and how it is said.
struct Badness {
  std::function<line::Result<std::vector<double>>(const std::vector<text::Scenario>&)> of;
  std::function<std::string(double)> text;
};

/// By a measure of the day.
Badness costly(const line::MeasureField& measure, worker::Client& client) {
  const double sign = measure.more_is_better ? -1 : 1;
  return {[&measure, &client, sign](const std::vector<text::Scenario>& scenarios) {
            std::vector<double> all(scenarios.size(), -std::numeric_limits<double>::infinity());
            const auto done =
                simulate(scenarios, client, false,
                         [&](std::size_t i, const line::Trial& trial, line::Outcome&& outcome) {
                           if (outcome.valid())
                             all[i] = sign * (line::measures_of(trial, outcome).*measure.field);
                         });
            return done ? line::Result<std::vector<double>>(std::move(all)) : done.error();
          },
          [&measure, sign](double value) {
            return fmt::format("{} of {:.6g} {}", measure.name, sign * value, measure.unit);
          }};
}

/// By what a model's forecasts get wrong.
Badness fooling(std::shared_ptr<const inference::Forecaster> forecaster, worker::Client& client,
                double horizon_s) {
  // An alarm that comes later leaves nobody the time to act.
  constexpr double least_shown_s = 900;
  return {[forecaster, &client, horizon_s](const std::vector<text::Scenario>& scenarios) {
            std::vector<double> all(scenarios.size(), -std::numeric_limits<double>::infinity());
            const auto done = simulate(
                scenarios, client, true,
                [&](std::size_t i, const line::Trial& trial, line::Outcome&& outcome) {
                  if (!outcome.valid()) return;
                  const auto alarms = rehearsal::alarms_of(trial, outcome, forecaster, {});
                  all[i] = verdict::fooling_of(outcome, alarms, least_shown_s).score(horizon_s);
                });
            return done ? line::Result<std::vector<double>>(std::move(all)) : done.error();
          },
          [](double value) {
            return fmt::format("fools the forecaster {:.0f} times (score {:.3f})",
                               std::floor(value), value);
          }};
}

/// The same faults earlier, later, faster or slower.
text::Scenario changed(text::Scenario scenario, std::uint64_t round) {
  for (std::size_t f = 0; f < scenario.faults.size(); ++f) {
    auto& fault = scenario.faults[f];
    const auto draw = [&](std::uint64_t what) {
      return line::random_uniform(scenario.first_seed, static_cast<std::uint32_t>(f),
                                  line::Purpose::scenario, 10 * round + what);
    };
    fault.at_s = std::round(std::clamp(fault.at_s + (draw(1) - 0.5) * 0.3 * scenario.horizon_s, 0.0,
                                       0.95 * scenario.horizon_s));
    if (fault.fails_after_s > 0)
      fault.fails_after_s =
          std::max(1.0, std::round(fault.fails_after_s * std::exp2(draw(2) * 2 - 1)));
  }
  return scenario;
}

/// Random days, then small changes of the worst ones, as long as they get worse.
int search_worst(const text::Scenario& like, const Options& options, const Badness& badness) {
  std::vector<text::Scenario> scenarios;
  for (std::size_t i = 0; i < options.worst_of; ++i)
    scenarios.push_back(random_scenario(like, options, options.seed + i));
  const auto first = badness.of(scenarios);
  if (!first) return fail(environment, "generate", first.error());
  std::vector<std::pair<double, text::Scenario>> worst;
  for (std::size_t i = 0; i < scenarios.size(); ++i)
    worst.emplace_back((*first)[i], std::move(scenarios[i]));
  const auto by_badness = [](const auto& a, const auto& b) { return a.first > b.first; };
  std::stable_sort(worst.begin(), worst.end(), by_badness);
  worst.resize(std::min(worst.size(), options.count));
  const double at_first = worst.front().first;
  for (std::uint64_t round = 0; round < 8; ++round) {
    std::vector<text::Scenario> others;
    for (const auto& [value, scenario] : worst) others.push_back(changed(scenario, round));
    const auto again = badness.of(others);
    if (!again) return fail(environment, "generate", again.error());
    for (std::size_t i = 0; i < others.size(); ++i)
      if ((*again)[i] > worst[i].first) worst[i] = {(*again)[i], std::move(others[i])};
  }
  std::stable_sort(worst.begin(), worst.end(), by_badness);
  std::vector<text::Scenario> found;
  for (auto& [value, scenario] : worst) {
    scenario.title =
        fmt::format("{}, searched from seed {}", badness.text(value), scenario.first_seed);
    if (const int status = write(scenario, options); status != pass) return status;
    found.push_back(scenario);
  }
  if (options.json)
    print_json({{"worst", badness.text(worst.front().first)},
                {"random_days", options.worst_of},
                {"worst_of_random", badness.text(at_first)}});
  else
    fmt::print("worst: {} (of {} random days: {})\n", badness.text(worst.front().first),
               options.worst_of, badness.text(at_first));
  return write_traces(found, options);
}

int generate_worst(const text::Scenario& like, const Options& options) {
  std::shared_ptr<const inference::Forecaster> forecaster;
  if (!options.fool.empty()) {
    auto loaded = inference::Forecaster::load(shipped(options.fool), {});
    if (!loaded) return fail(bad_input, "generate", loaded.error());
    forecaster = std::make_shared<const inference::Forecaster>(std::move(*loaded));
  }
  std::vector<std::string> names;
  for (const auto& field : line::measure_fields()) names.emplace_back(field.name);
  const auto named = std::find(names.begin(), names.end(), options.cost);
  if (named == names.end()) {
    const auto meant = text::nearest(options.cost, names);
    return fail(bad_input, "generate",
                fmt::format("--cost {}: no measure has this name{}", options.cost,
                            meant ? fmt::format(" (did you mean {}?)", *meant) : ""));
  }
  auto client = worker::Client::start(options.workers);
  if (!client) return fail(environment, "generate", client.error());
  return search_worst(
      like, options,
      forecaster ? fooling(forecaster, *client, like.horizon_s)
                 : costly(line::measure_fields()[static_cast<std::size_t>(named - names.begin())],
                          *client));
}

int generate_here(const Options& options) {
  auto like = text::read_scenario_file(shipped(options.like));
  if (!like) return fail(bad_input, "generate", like.error());
  std::error_code error;
  fs::create_directories(options.out, error);
  if (error)
    return fail(environment, "generate",
                fmt::format("cannot make {}: {}", options.out, error.message()));
  if (options.pairwise && options.worst_of > 0)
    return fail(bad_input, "generate", "--pairwise and --worst-of are two ways: leave one out");
  if (!options.fool.empty() && options.worst_of == 0)
    return fail(bad_input, "generate",
                "--fool is a search: say with --worst-of among how many days");
  if (options.pairwise) return generate_pairwise(*like, options);
  if (options.worst_of > 0) return generate_worst(*like, options);
  std::vector<text::Scenario> scenarios;
  for (std::size_t i = 0; i < options.count; ++i) {
    scenarios.push_back(random_scenario(*like, options, options.seed + i));
    if (const int status = write(scenarios.back(), options); status != pass) return status;
  }
  return write_traces(scenarios, options);
}

int generate(Options options) {
  auto job = Job::join();
  if (!job) return fail(environment, "generate", job.error());
  if (!job->leads()) return job->work("generate", options.workers);
  const auto what = fmt::format("generate {} {} {} {}", options.like, options.out, options.seed,
                                options.worst_of);
  if (auto shared = job->share(options.workers, "", what); !shared)
    return fail(environment, "generate", shared.error());
  const int status = generate_here(options);
  if (status == pass) job->finish();
  return status;
}

}  // namespace

void add_generate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "generate", "Write scenario files with faults: at random, all pairs, or the costliest");
  command->add_option("--like", options->like, "Scenario whose line, orders and horizon to take")
      ->capture_default_str();
  command->add_option("--count", options->count, "How many")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of the first")->capture_default_str();
  command->add_option("--out", options->out, "Folder")->capture_default_str();
  command->add_flag("--pairwise", options->pairwise,
                    "So many that every two of kind, machine, severity, load and products meet");
  command
      ->add_option("--worst-of", options->worst_of,
                   "Simulate so many random days; write the costliest, made worse still")
      ->check(CLI::Range(0, 1'000'000));
  command->add_option("--cost", options->cost, "Measure that the costliest are sought by")
      ->capture_default_str();
  command->add_option("--fool", options->fool,
                      "Model folder: the costliest are those on which it forecasts worst");
  command->add_flag("--traces", options->traces,
                    "Also simulate each day and write what its sensors showed, with the truth");
  add_json(*command, options->json, "One JSON object a line: each file that was written");
  command->footer(
      "Example:\n  foreline generate --like scenarios/demo.toml --count 3 --out generated");
  command->callback([options, &exit_code] { exit_code = generate(*options); });
}

}  // namespace foreline::host
