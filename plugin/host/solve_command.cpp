// SPDX-License-Identifier: Apache-2.0
// The search alone, on public instances: anyone can grade what it prints.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "plugin/host/console.hpp"
#include "plugin/host/interruption.hpp"
#include "sim/search/checker.hpp"
#include "sim/search/flow_shop.hpp"
#include "sim/search/instance_file.hpp"
#include "sim/search/job_shop.hpp"
#include "sim/text/document.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string file;
  std::string problem = "flowshop";
  std::string objective = "makespan";
  std::string instance;
  std::string rows = "auto";
  std::string method = "search";
  double seconds = 5;
  std::uint64_t evaluations = 0;
  unsigned threads = 1;
  std::uint64_t seed = 1;
  bool json = false;
};

std::atomic<bool> interrupted{false};

/// One answer of either form, as the threads return it.
struct Found {
  search::FlowShopAnswer sequence;
  search::JobShopAnswer shop;
  search::Statistics statistics;
  search::Time value = 0;  ///< Of the objective.
};

/// Progress of a long search on a terminal: the best so far, and how much time is left.
class Ticker {
 public:
  Ticker(std::string name, double seconds) : name_(std::move(name)), seconds_(seconds) {}
  void improved(search::Time makespan, double cpu_s) {
    const std::lock_guard lock(mutex_);
    if (best_ >= 0 && makespan >= best_) return;
    best_ = makespan;
    if (seconds_ <= 2 || cpu_s < next_s_) return;
    next_s_ = cpu_s + 1;
    progress(fmt::format("{}: {} after {:.1f} s, {:.0f} s left", name_, makespan, cpu_s,
                         std::max(0.0, seconds_ - cpu_s)));
  }

 private:
  std::mutex mutex_;
  std::string name_;
  double seconds_ = 0;
  search::Time best_ = -1;
  double next_s_ = 1;
};

template <class Solve>
Found race(const Options& options, const std::string& name, const Solve& solve) {
  Ticker ticker(name, options.seconds);
  std::vector<Found> found(options.threads);
  const auto run = [&](unsigned i) {
    search::Budget budget;
    budget.cpu_seconds = options.seconds;
    if (options.evaluations > 0) {
      budget.evaluations = options.evaluations;
      budget.cpu_seconds = 1e18;
    }
    budget.stop = &interrupted;
    budget.improved = [&](search::Time makespan, double cpu_s) {
      ticker.improved(makespan, cpu_s);
    };
    // Islands differ by their seeds alone, so one thread of two finds what it finds alone.
    found[i] = solve(budget, options.seed + 1'000'003ULL * i);
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < options.threads; ++i) others.emplace_back(run, i);
  run(0);
  for (auto& thread : others) thread.join();
  auto best = std::min_element(found.begin(), found.end(),
                               [](const Found& a, const Found& b) { return a.value < b.value; });
  Found result = *best;
  result.statistics = {};
  for (const auto& one : found) {
    result.statistics.evaluations += one.statistics.evaluations;
    result.statistics.iterations += one.statistics.iterations;
    result.statistics.cpu_s += one.statistics.cpu_s;
    result.statistics.proved = result.statistics.proved || one.statistics.proved;
  }
  return result;
}

nlohmann::ordered_json placed_json(const std::vector<std::vector<search::Placed>>& jobs) {
  auto list = nlohmann::ordered_json::array();
  for (std::size_t j = 0; j < jobs.size(); ++j)
    for (std::size_t o = 0; o < jobs[j].size(); ++o)
      list.push_back({{"job", j},
                      {"operation", o},
                      {"machine", jobs[j][o].machine},
                      {"start", jobs[j][o].start},
                      {"end", jobs[j][o].end}});
  return list;
}

void report_value(const Options& options, search::Time value, search::Time makespan,
                  search::Time bound, nlohmann::ordered_json& out) {
  out["objective"] = options.objective;
  out["value"] = value;
  out["makespan"] = makespan;
  out["lower_bound"] = bound;
}

int solve_one(const Options& options, const search::Instance& instance, bool many) {
  const auto& name = search::name_of(instance);
  nlohmann::ordered_json out;
  out["problem"] = options.problem;
  out["file"] = options.file;
  out["instance"] = name;
  Found found;
  std::vector<std::string> complaints;
  search::Time bound = 0;
  std::string plain;
  if (const auto* flow = std::get_if<search::FlowShop>(&instance)) {
    found = race(options, name, [&](const search::Budget& budget, std::uint64_t seed) {
      Found one;
      one.sequence = options.method == "neh" ? search::neh(*flow, &one.statistics)
                                             : search::solve(*flow, budget, seed, &one.statistics);
      one.value = one.sequence.value;
      return one;
    });
    complaints = search::complaints_about(*flow, found.sequence);
    bound = search::lower_bound(*flow);
    out["jobs"] = flow->jobs;
    out["machines"] = flow->machines;
    report_value(options, found.value, found.sequence.makespan, bound, out);
    out["permutation"] = found.sequence.permutation;
    if (complaints.empty())
      out["schedule"] = placed_json(search::times_of(*flow, found.sequence.permutation));
    plain = fmt::format("sequence: {}\n", fmt::join(found.sequence.permutation, " "));
  } else {
    const auto* hybrid = std::get_if<search::HybridFlowShop>(&instance);
    const auto shop =
        hybrid != nullptr ? search::job_shop_of(*hybrid) : std::get<search::JobShop>(instance);
    found = race(options, name, [&](const search::Budget& budget, std::uint64_t seed) {
      Found one;
      one.shop = hybrid != nullptr ? search::solve(*hybrid, budget, seed, &one.statistics)
                                   : search::solve(shop, budget, seed, &one.statistics);
      one.value = one.shop.value;
      return one;
    });
    complaints = search::complaints_about(shop, found.shop);
    bound = search::lower_bound(shop);
    out["jobs"] = shop.jobs.size();
    out["machines"] = shop.machines;
    report_value(options, found.value, found.shop.makespan, bound, out);
    out["schedule"] = placed_json(found.shop.jobs);
    plain = "job operation machine start end\n";
    for (std::size_t j = 0; j < found.shop.jobs.size(); ++j)
      for (std::size_t o = 0; o < found.shop.jobs[j].size(); ++o) {
        const auto& placed = found.shop.jobs[j][o];
        plain += fmt::format("{} {} {} {} {}\n", j, o, placed.machine, placed.start, placed.end);
      }
  }
  if (!complaints.empty()) {
    for (const auto& complaint : complaints)
      (void)fail(bug, "solve", fmt::format("{}: the answer is wrong: {}", name, complaint));
    return bug;
  }
  const auto& statistics = found.statistics;
  out["optimal"] = found.value <= bound;
  out["checked"] = true;
  out["seed"] = options.seed;
  out["threads"] = options.threads;
  out["cpu_seconds"] = statistics.cpu_s;
  out["evaluations"] = statistics.evaluations;
  out["iterations"] = statistics.iterations;
  out["interrupted"] = interrupted.load();
  if (options.json) {
    fmt::print("{}\n", many ? out.dump() : out.dump(1));
  } else {
    fmt::print("{}: {} {}{}, {} evaluations in {:.2f} CPU seconds; checked\n{}", name,
               options.objective, found.value,
               found.value <= bound ? " (optimal)" : fmt::format(" (at least {})", bound),
               statistics.evaluations, statistics.cpu_s, plain);
  }
  std::fflush(stdout);
  return pass;
}

int solve_all(const Options& options) {
  const auto kind = search::kind_named(options.problem);
  if (!kind)
    return fail(bad_input, "solve", fmt::format("there is no problem \"{}\"", options.problem));
  const auto path = shipped(options.file);
  auto text = text::read_text_file(path);
  if (!text) return fail(bad_input, "solve", text.error());
  const auto rows = options.rows == "machines" ? search::Rows::machines
                    : options.rows == "jobs"   ? search::Rows::jobs
                                               : search::Rows::automatic;
  auto instances = search::read_instances(*text, options.file, *kind, rows);
  if (!instances) return fail(bad_input, "solve", instances.error());
  const auto objective = search::objective_named(options.objective);
  line::Error undated;
  for (auto& instance : *instances)
    std::visit(
        [&](auto& shop) {
          shop.objective = objective.value_or(search::Objective::makespan);
          if (shop.objective == search::Objective::tardiness && shop.dates.due.empty())
            undated.diagnostics.push_back(
                {options.file, 0, 0,
                 fmt::format("instance {} has no due dates, so no job can be late", shop.name),
                 "--objective tardiness needs due dates, and not -1, in a section \"Reldue\" "
                 "behind the times"});
        },
        instance);
  if (!undated.diagnostics.empty()) return fail(bad_input, "solve", undated);
  std::vector<const search::Instance*> chosen;
  std::vector<std::string> names;
  for (const auto& instance : *instances) {
    names.push_back(search::name_of(instance));
    if (options.instance.empty() || options.instance == names.back() ||
        options.instance == std::to_string(names.size()))
      chosen.push_back(&instance);
  }
  if (chosen.empty()) {
    const auto meant = text::nearest(options.instance, names);
    return fail(bad_input, "solve",
                fmt::format("{} holds no instance \"{}\"; {}", options.file, options.instance,
                            meant ? fmt::format("did you mean \"{}\"?", *meant)
                                  : fmt::format("it holds 1 to {}: {}", names.size(),
                                                fmt::join(names, ", "))));
  }
  interrupted = false;
  for (const int number : {SIGINT, SIGTERM}) on_own_stack(number, [](int) { interrupted = true; });
  int status = pass;
  for (const auto* instance : chosen) {
    status = std::max(status, solve_one(options, *instance, chosen.size() > 1));
    if (interrupted) break;
  }
  return status;
}

}  // namespace

void add_solve(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("solve", "Search a schedule for a public flow shop or job shop instance");
  command->add_option("file", options->file, "Instance file")->required();
  command
      ->add_option("--problem", options->problem, "flowshop, blocking, hybrid, jobshop or flexible")
      ->check(CLI::IsMember({"flowshop", "blocking", "hybrid", "jobshop", "flexible"}))
      ->capture_default_str();
  command
      ->add_option("--objective", options->objective,
                   "makespan, tardiness or flowtime, both weighted where the file has weights")
      ->check(CLI::IsMember({"makespan", "tardiness", "flowtime"}))
      ->capture_default_str();
  command->add_option("--instance", options->instance,
                      "Name or number (from 1) of one instance of the file; else all of them");
  command->add_option("--seconds", options->seconds, "CPU seconds for each thread and instance")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command->add_option(
      "--evaluations", options->evaluations,
      "Stop after so many evaluations a thread instead: the same answer every time");
  command
      ->add_option("--threads", options->threads, "Searches side by side, each with its own seed")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of the search")->capture_default_str();
  command
      ->add_option("--rows", options->rows,
                   "What a row of a square matrix of times is: machines (as Taillard's) or jobs")
      ->check(CLI::IsMember({"auto", "machines", "jobs"}))
      ->capture_default_str();
  command
      ->add_option("--method", options->method, "search, or neh for the start alone (flow shops)")
      ->check(CLI::IsMember({"search", "neh"}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON object an instance");
  command->footer(
      "Ctrl-C ends the search early and prints the best so far.\n"
      "Example:\n  foreline solve scenarios/instances/flowshop-12x5.txt --seconds 1 --seed 1 "
      "--json");
  command->callback([options, &exit_code] { exit_code = solve_all(*options); });
}

}  // namespace foreline::host
