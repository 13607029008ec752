// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/planner.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/line/random.hpp"

namespace foreline::plan {

using namespace line;

namespace {

constexpr std::uint32_t selection_set = 0;
constexpr std::uint32_t gate_set = 1;

/// Quantile of Student's t by the expansion of Abramowitz and Stegun, 26.7.5: within 0.5 % from 3
/// degrees of freedom on.
double student_t(double share, double freedom) {
  const double z = normal_quantile(share);
  const double z3 = z * z * z;
  const double z5 = z3 * z * z;
  const double z7 = z5 * z * z;
  return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * std::pow(freedom, 3));
}

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double standard_error(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(values.size());
  return std::sqrt(squares / (n - 1) / n);
}

/// Mean of the worst tenth.
double tail_of(std::vector<double> costs) {
  if (costs.empty()) return 0;
  std::sort(costs.begin(), costs.end(), std::greater<>());
  costs.resize(std::max<std::size_t>(1, costs.size() / 10));
  return mean_of(costs);
}

Trial future_of(const Request& request, const Schedule& schedule, std::uint64_t seed) {
  Trial trial;
  trial.line = request.line;
  trial.orders = request.orders;
  trial.schedule = schedule;
  trial.seed = seed;
  trial.horizon_s = request.now.at_s + request.horizon_s;
  trial.from = request.now;
  trial.hazards = request.hazards;
  return trial;
}

double cost_of(const Request& request, const Trial& trial, const Measures& measures,
               const Outcome& outcome) {
  double service_s = 0;
  for (const auto& machine : outcome.machines) service_s += machine.service_s;
  return request.cost_tardiness_s * measures.tardiness_s +
         request.cost_downtime_s * measures.downtime_s + request.cost_service_s * service_s +
         request.cost_makespan_s * (measures.makespan_s - trial.from->at_s);
}

}  // namespace

Estimate estimate_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  if (values.size() < 2) return {mean, mean, mean};
  const double half =
      student_t(0.975, static_cast<double>(values.size() - 1)) * standard_error(values);
  return {mean, mean - half, mean + half};
}

Result<Plan> make_plan(const Request& request, worker::Client& client, const Progress& progress) {
  auto all = candidates(request);
  const auto seed_of = [&](std::uint32_t set, std::size_t i) {
    return random_word(request.seed, set, Purpose::planning, i);
  };
  std::size_t done = 0;
  const std::size_t planned = all.size() * request.selection_seeds + 2 * request.gate_seeds;
  const auto arrived = [&](std::size_t, const Outcome&) {
    if (progress) progress(++done, planned);
  };

  std::vector<Trial> trials;
  for (const auto& candidate : all)
    for (std::size_t i = 0; i < request.selection_seeds; ++i)
      trials.push_back(future_of(request, candidate.schedule, seed_of(selection_set, i)));
  auto outcomes = client.run(trials, arrived);
  if (!outcomes) return outcomes.error();
  Plan plan;
  for (std::size_t c = 0; c < all.size(); ++c) {
    Evaluated evaluated;
    evaluated.candidate = std::move(all[c]);
    for (std::size_t i = 0; i < request.selection_seeds; ++i) {
      const auto at = c * request.selection_seeds + i;
      const auto& outcome = (*outcomes)[at];
      evaluated.selection.push_back(measures_of(trials[at], outcome));
      // A future that crashed says nothing for its schedule.
      evaluated.cost.push_back(
          outcome.valid() ? cost_of(request, trials[at], evaluated.selection.back(), outcome)
                          : 1e12);
    }
    evaluated.mean_cost = estimate_of(evaluated.cost);
    plan.evaluated.push_back(std::move(evaluated));
  }
  // The first was "keep": it stays in front of equals.
  std::stable_sort(
      plan.evaluated.begin(), plan.evaluated.end(),
      [](const Evaluated& a, const Evaluated& b) { return a.mean_cost.mean < b.mean_cost.mean; });
  plan.winner = 0;
  const auto keep_at =
      std::find_if(plan.evaluated.begin(), plan.evaluated.end(),
                   [&](const Evaluated& e) { return e.candidate.schedule == request.active; });
  const auto& winner = plan.evaluated.front().candidate.schedule;

  trials.clear();
  for (const auto* schedule : {&request.active, &winner}) {
    for (std::size_t i = 0; i < request.gate_seeds; ++i) {
      trials.push_back(future_of(request, *schedule, seed_of(gate_set, i)));
      trials.back().want_gantt = i == 0;
    }
  }
  outcomes = client.run(trials, arrived);
  if (!outcomes) return outcomes.error();
  auto& proof = plan.proof;
  std::vector<double> keep_costs;
  std::vector<double> winner_costs;
  for (std::size_t i = 0; i < request.gate_seeds; ++i) {
    const auto other = request.gate_seeds + i;
    const auto& kept = (*outcomes)[i];
    const auto& won = (*outcomes)[other];
    proof.seeds.push_back(trials[i].seed);
    proof.invalid_trials += (kept.valid() ? 0U : 1U) + (won.valid() ? 0U : 1U);
    if (!kept.valid() || !won.valid()) continue;
    proof.keep.push_back(measures_of(trials[i], kept));
    proof.winner.push_back(measures_of(trials[other], won));
    keep_costs.push_back(cost_of(request, trials[i], proof.keep.back(), kept));
    winner_costs.push_back(cost_of(request, trials[other], proof.winner.back(), won));
    if (keep_at->candidate.schedule == winner) continue;
    proof.gain.push_back(keep_costs.back() - winner_costs.back());
    proof.probability_better += proof.gain.back() > 0 ? 1 : proof.gain.back() == 0 ? 0.5 : 0;
  }
  proof.keep_cost = mean_of(keep_costs);
  if (!proof.gain.empty()) {
    proof.mean_gain = estimate_of(proof.gain);
    proof.gain_lower_95 =
        proof.mean_gain.mean -
        student_t(0.95, std::max<double>(1, static_cast<double>(proof.gain.size()) - 1)) *
            standard_error(proof.gain);
    proof.probability_better /= static_cast<double>(proof.gain.size());
    const double keep_tail = tail_of(keep_costs);
    proof.tail_change = keep_tail > 0 ? tail_of(winner_costs) / keep_tail - 1 : 0;
  }
  plan.keep_example = std::move((*outcomes)[0]);
  plan.winner_example = std::move((*outcomes)[request.gate_seeds]);
  return plan;
}

}  // namespace foreline::plan
