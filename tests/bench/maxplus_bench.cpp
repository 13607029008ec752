// SPDX-License-Identifier: Apache-2.0
// Futures a second of the recursion, beside the simulator on the same futures, and how well the one
// stands for the other: correlation of one schedule's makespan over futures, and of the gain of one
// schedule over another. One JSON object a line; CPU seconds of one core.
//
// For each scenario, the schedules that foreline plan tries 90 minutes into its day: how well the
// recursion's gain over keeping the schedule goes with the simulator's in 100 futures, and what is
// left of the bounds of 40 of them with the recursion's mean as control variate.
//
//   bench_maxplus [FUTURES [SCENARIO...]]
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "sim/line/random.hpp"
#include "sim/maxplus/evaluator.hpp"
#include "sim/plan/planner.hpp"
#include "sim/search/budget.hpp"
#include "sim/select/comparison.hpp"
#include "sim/select/scenario_set.hpp"
#include "sim/text/files.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using line::Distribution;

namespace {

/// Jobs of one part each, times 1 to 99; breakdowns Weibull 1.5 with a mean of 600 (one machine
/// 300), repairs of 60 on average: the lines of the published comparison of simheuristics.
line::Trial job_line(std::size_t jobs, std::size_t machines, std::uint32_t places,
                     std::uint32_t crews, bool drawn) {
  std::vector<line::Machine> all;
  for (std::size_t m = 0; m < machines; ++m) {
    auto machine = tests::machine("m" + std::to_string(m), 1, places, jobs);
    if (drawn) machine.cycle = {Distribution::Kind::lognormal, 1, 0.05, 0, 0};
    for (std::size_t j = 0; j < jobs; ++j)
      machine.product_factor[j] = 1 + 98 * line::random_uniform(7, static_cast<std::uint32_t>(m),
                                                                line::Purpose::scenario, j);
    line::FaultMode mode;
    mode.kind = line::FaultKind::motor_trip;
    mode.onset = {Distribution::Kind::weibull, m == machines / 2 ? 300.0 : 600.0, 1.5, 0, 0};
    mode.repair = {Distribution::Kind::exponential, 60, 0, 0, 0};
    machine.faults = {mode};
    all.push_back(std::move(machine));
  }
  auto line = tests::line_of(std::move(all), crews);
  line.products.clear();
  std::vector<line::Order> orders;
  for (std::uint32_t j = 0; j < jobs; ++j) {
    line.products.push_back("p" + std::to_string(j));
    orders.push_back({"J" + std::to_string(j), {j}, 1});
  }
  auto trial = tests::trial_of(std::move(line), std::move(orders), 1e6);
  trial.random_faults = true;
  return trial;
}

double children_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void measure(const char* name, const line::Trial& trial, std::size_t futures) {
  std::vector<std::uint64_t> seeds(futures);
  std::iota(seeds.begin(), seeds.end(), 1);
  double from_s = search::thread_cpu_s();
  maxplus::Evaluator evaluator(trial, seeds);
  const double prepared_s = search::thread_cpu_s() - from_s;
  auto other = trial.schedule;
  std::reverse(other.sequence.begin(), other.sequence.end());
  double best_s = 1e9;
  for (int turn = 0; turn < 7; ++turn) {
    from_s = search::thread_cpu_s();
    (void)evaluator.evaluate(turn % 2 == 0 ? trial.schedule : other);
    best_s = std::min(best_s, search::thread_cpu_s() - from_s);
  }
  std::vector<std::vector<double>> model(2);
  std::vector<std::vector<double>> twin(2);
  const std::size_t compared = std::min<std::size_t>(futures, 400);
  std::vector<line::Trial> trials;
  for (const line::Schedule* schedule :
       {&trial.schedule, static_cast<const line::Schedule*>(&other)}) {
    const auto& all = evaluator.evaluate(*schedule);
    auto& own = model[schedule == &other ? 1 : 0];
    for (std::size_t i = 0; i < compared; ++i) {
      own.push_back(all[i].measures.makespan_s);
      trials.push_back(trial);
      trials.back().seed = seeds[i];
      trials.back().schedule = *schedule;
    }
  }
  from_s = children_cpu_s();
  const auto outcomes = tests::run(trials, 1);
  const double twin_s = children_cpu_s() - from_s;
  for (std::size_t i = 0; i < trials.size(); ++i)
    twin[i / compared].push_back(line::measures_of(trials[i], outcomes[i]).makespan_s);
  std::vector<double> model_gain;
  std::vector<double> twin_gain;
  double largest = 0;
  for (std::size_t i = 0; i < compared; ++i) {
    model_gain.push_back(model[0][i] - model[1][i]);
    twin_gain.push_back(twin[0][i] - twin[1][i]);
    largest = std::max(largest, std::abs(model[0][i] - twin[0][i]));
  }
  const auto paired = select::compare(twin[0], twin[1]);
  fmt::print(
      "{{\"bench\":\"maxplus\",\"line\":\"{}\",\"futures\":{},\"us_a_future\":{:.3f},"
      "\"us_to_prepare_a_future\":{:.1f},\"simulator_us_a_future\":{:.0f},\"times_faster\":{:.0f},"
      "\"correlation_of_makespans\":{:.4f},\"correlation_of_gains\":{:.4f},"
      "\"largest_difference_s\":{:.3g},\"variance_ratio_of_common_futures\":{:.1f}}}\n",
      name, futures, 1e6 * best_s / static_cast<double>(futures),
      1e6 * prepared_s / static_cast<double>(futures),
      1e6 * twin_s / static_cast<double>(trials.size()),
      twin_s / static_cast<double>(trials.size()) / (best_s / static_cast<double>(futures)),
      select::correlation_of(model[0], twin[0]), select::correlation_of(model_gain, twin_gain),
      largest, paired.variance_ratio);
  std::fflush(stdout);
}

void measure_control(const char* path) {
  const auto scenario = text::read_scenario_file(path);
  if (!scenario || !maxplus::obstacles(*scenario->line).empty()) {
    fmt::print(stderr, "{}: {}\n", path,
               scenario ? "the recursion cannot do this line" : scenario.error().text());
    return;
  }
  auto day = text::trial_of(*scenario, 0);
  day.want_state_at_s = 5400;
  plan::Request request;
  request.line = day.line;
  request.orders = day.orders;
  request.active = day.schedule;
  request.now = tests::run(day).state.value();
  // Something is coming on the first machine that can give warning.
  for (std::uint32_t m = 0; m < day.line->machines.size() && request.hazards.empty(); ++m)
    for (const auto& mode : day.line->machines[m].faults) {
      if (!line::gives_warning(mode.kind) || !request.hazards.empty()) continue;
      line::Hazard hazard{{m}, mode.kind, {}};
      for (std::size_t i = 0; i < hazard.within.size(); ++i)
        hazard.within[i] =
            static_cast<float>(0.7 * std::min(1.0, line::forecast_horizons_s[i] / 7200.0));
      request.hazards.push_back(hazard);
    }
  auto all = plan::candidates(request);
  for (auto& found : plan::searched(request, all, 3)) all.push_back(std::move(found));
  constexpr std::size_t simulated = 100;
  constexpr std::size_t proved = 40;
  line::Trial base;
  base.line = request.line;
  base.orders = request.orders;
  base.from = request.now;
  base.hazards = request.hazards;
  base.horizon_s = request.now.at_s + request.horizon_s;
  const auto seeds = select::scenario_seeds(1, select::ScenarioSet::report, simulated + 1024);
  maxplus::Evaluator evaluator(base, seeds);
  std::vector<std::vector<double>> twin;
  std::vector<std::vector<double>> model;
  for (const auto& candidate : all) {
    std::vector<line::Trial> trials(simulated, base);
    for (std::size_t i = 0; i < simulated; ++i) {
      trials[i].schedule = candidate.schedule;
      trials[i].seed = seeds[i];
    }
    const auto outcomes = tests::run(trials, 2);
    twin.emplace_back();
    for (std::size_t i = 0; i < simulated; ++i)
      twin.back().push_back(plan::cost_of(request, line::measures_of(trials[i], outcomes[i]),
                                          plan::service_s_of(outcomes[i])));
    model.emplace_back();
    for (const auto& future : evaluator.evaluate(candidate.schedule))
      model.back().push_back(plan::cost_of(request, future.measures, future.service_s));
  }
  for (std::size_t c = 1; c < all.size(); ++c) {
    std::vector<double> gain;
    std::vector<double> of_model;
    for (std::size_t i = 0; i < simulated; ++i) gain.push_back(twin[0][i] - twin[c][i]);
    for (std::size_t i = 0; i < seeds.size(); ++i) of_model.push_back(model[0][i] - model[c][i]);
    const std::span<const double> known(of_model);
    const auto mean = verdict::interval_of(known.subspan(simulated), 0.6827);
    const auto plain =
        select::compare(std::span(twin[0]).first(proved), std::span(twin[c]).first(proved));
    auto sharp = plain;
    select::sharpen(
        sharp, std::span<const double>(gain).first(proved),
        {known.first(proved), mean.mean, mean.half_width, maxplus::exact_for(*request.line)});
    fmt::print(
        "{{\"bench\":\"control variate\",\"line\":\"{}\",\"schedule\":\"{}\","
        "\"correlation_of_gains\":{:.4f},\"half_width\":{:.1f},\"with_control\":{:.1f}}}\n",
        request.line->name, all[c].name, select::correlation_of(gain, known.first(simulated)),
        plain.gain.half_width, sharp.gain.half_width);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t futures = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1024;
  measure("100 jobs x 10 machines, 2 places", job_line(100, 10, 2, 10, false), futures);
  measure("100 jobs x 10 machines, 0 places", job_line(100, 10, 0, 10, false), futures);
  measure("100 jobs x 10 machines, 2 places, times drawn", job_line(100, 10, 2, 10, true), futures);
  measure("30 jobs x 8 machines, 2 places", job_line(30, 8, 2, 8, false), futures);
  measure("100 jobs x 10 machines, 2 places, one crew", job_line(100, 10, 2, 1, false), futures);
  measure("100 jobs x 10 machines, 2 places, three crews", job_line(100, 10, 2, 3, false), futures);
  for (int i = 2; i < argc; ++i) measure_control(argv[i]);
}
