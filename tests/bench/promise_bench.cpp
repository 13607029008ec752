// SPDX-License-Identifier: Apache-2.0
// How often a schedule is taken back by itself: on lines that are as they were simulated, where it
// should not be, and on lines on which something is wrong, where it should. Each deployment is at
// a moment of another week, in half of them while a machine wears; the futures of its band start
// from what a PLC tells and know the forecast, and the line lives on as it truly is.
//
//   bench_promise LINE MODEL DEPLOYMENTS FUTURES [FIRST_SEED]
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "inference/forecaster.hpp"
#include "plugin/core/gate.hpp"
#include "plugin/core/watch.hpp"
#include "sim/plan/planner.hpp"
#include "sim/select/comparison.hpp"
#include "sim/select/scenario_set.hpp"
#include "sim/worker/client.hpp"
#include "tests/bench/weeks.hpp"

using namespace foreline;
using namespace foreline::line;
using bench::run;

namespace {

constexpr double history_s = 3 * 3600.0;  ///< That a forecast looks back on.
constexpr double forecast_every_s = 300;
constexpr double worn_since_s = 3600;
constexpr double approved_after_s = 300;

/// The line that lives on after a deployment.
struct Truth {
  const char* name;
  double pace;  ///< Of the time that machines take.
};
constexpr std::array<Truth, 4> truths = {{{"as simulated", 1},
                                          {"all machines 5 % slower", 1.05},
                                          {"10 % slower", 1.1},
                                          {"20 % slower", 1.2}}};

std::shared_ptr<const Line> with_pace(Line line, double pace) {
  for (auto& machine : line.machines) {
    machine.cycle.mean *= pace;
    machine.cycle.spread *= pace;
  }
  return std::make_shared<const Line>(std::move(line));
}

struct Moment {
  plan::Request request;
  LineNow truly;
};

/// A moment of the week, as the plugin knows it and as it is.
Moment moment_of(worker::Client& client, Trial week,
                 const std::shared_ptr<const inference::Forecaster>& forecaster) {
  const auto draw = [&](std::uint64_t what) {
    return random_uniform(week.seed, 3000, Purpose::scenario, what);
  };
  const double at_s = 10 * std::round((history_s + draw(0) * 0.6 * bench::week_s) / 10);
  std::optional<MachineId> worn;
  if (draw(1) < 0.5) {
    worn = MachineId{
        static_cast<std::uint32_t>(draw(2) * static_cast<double>(week.line->machines.size()))};
    for (const auto& mode : week.line->machines[worn->index].faults)
      if (mode.onset.kind == Distribution::Kind::weibull)
        week.faults.push_back({"wear", *worn, mode.kind, at_s - worn_since_s,
                               mode.progress.expectation(), mode.repair.expectation()});
  }
  week.horizon_s = at_s;
  week.want_state_at_s = at_s;
  week.want_trace = true;
  const auto seen = run(client, week);
  week.want_trace = false;
  week.want_health = true;
  Moment moment;
  moment.truly = run(client, week).state.value();
  auto& request = moment.request;
  request.line = week.line;
  request.orders = week.orders;
  request.active = week.schedule;
  request.now = seen.state.value();
  request.seed = week.seed;
  core::WatchRules rules;
  rules.forecast_every_s = forecast_every_s;
  core::Watch watch(week.line, forecaster, rules);
  for (const auto& frame : seen.trace.frames)
    if (frame.at_s > at_s - history_s) (void)watch.step(frame);
  for (const auto& forecast : watch.latest())
    for (const auto& kind : forecast.kinds)
      if (forecast.available && gives_warning(kind.kind))
        request.hazards.push_back({forecast.machine, kind.kind, kind.within});
  return moment;
}

/// The schedule that is deployed: one that is worth trying, with a service if there is any.
plan::Candidate deployed(const plan::Request& request) {
  const auto all = plan::candidates(request);
  std::vector<plan::Candidate> others;
  for (const auto& one : all)
    if (!one.schedule.services.empty()) others.push_back(one);
  const auto& from = others.empty() ? all : others;
  return from[static_cast<std::size_t>(random_uniform(request.seed, 3001, Purpose::scenario, 0) *
                                       static_cast<double>(from.size()))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: bench_promise LINE MODEL DEPLOYMENTS FUTURES [FIRST_SEED]\n");
    return 2;
  }
  auto [line, forecaster, client] = bench::opened(argv[1], argv[2]);
  const auto count = std::strtoull(argv[3], nullptr, 10);
  const auto futures = std::strtoull(argv[4], nullptr, 10);
  const std::uint64_t first = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 1;

  std::array<std::size_t, truths.size()> back{};
  for (std::uint64_t d = 0; d < count; ++d) {
    const auto week = bench::week_of(line, first + d);
    const auto [request, truly] = moment_of(client, week, forecaster);
    const auto chosen = deployed(request);
    Trial future;
    future.line = request.line;
    future.orders = request.orders;
    future.schedule = chosen.schedule;
    future.horizon_s = request.now.at_s + request.horizon_s;
    future.from = request.now;
    future.hazards = request.hazards;
    future.replication = true;
    future.count_at_s = plan::window_ends(request);
    std::vector<Trial> trials(futures, future);
    for (std::size_t i = 0; i < trials.size(); ++i)
      trials[i].seed = select::scenario_seed(request.seed, select::ScenarioSet::gate, i);
    const auto outcomes = client.run(trials);
    if (!outcomes) {
      fmt::print(stderr, "{}\n", outcomes.error().text());
      return 3;
    }
    const auto band = plan::band_of(request, *outcomes);

    auto before = future;
    before.hazards.clear();
    before.from = truly;
    before.seed = week.seed;
    before.schedule = request.active;
    before.horizon_s = request.now.at_s + approved_after_s;
    before.want_state_at_s = before.horizon_s;
    before.want_health = true;
    const auto waited = run(client, before);
    fmt::print("{{\"week\":{},\"at_s\":{},\"schedule\":\"{}\",\"taken_back\":[", week.seed,
               request.now.at_s, chosen.name);
    for (std::size_t t = 0; t < truths.size(); ++t) {
      auto after = before;
      after.line = with_pace(*line, truths[t].pace);
      after.from = waited.state;
      after.schedule = chosen.schedule;
      after.horizon_s = future.horizon_s;
      after.want_state_at_s.reset();
      const auto came = run(client, after);
      core::BandWatch watch;
      bool is_back = false;
      for (std::size_t w = 0; w < band.low.size(); ++w) {
        if (came.end == Outcome::End::done && future.count_at_s[w] >= came.end_s) break;
        const auto parts = static_cast<double>(waited.left + came.left_by[w]);
        is_back = watch.step(parts, band.low[w], band.high[w]) || is_back;
      }
      back[t] += is_back ? 1 : 0;
      fmt::print("{}{}", t > 0 ? "," : "", is_back);
    }
    fmt::print("]}}\n");
    std::fflush(stdout);
  }
  for (std::size_t t = 0; t < truths.size(); ++t) {
    const auto chance = select::chance_of(back[t], count);
    fmt::print("| {} | {} of {} | {:.1f} to {:.1f} % |\n", truths[t].name, back[t], count,
               100 * chance.low, 100 * chance.high);
  }
  return 0;
}
