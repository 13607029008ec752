// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "sim/line/outlook.hpp"
#include "sim/maxplus/evaluator.hpp"
#include "sim/select/race.hpp"
#include "sim/select/scenario_set.hpp"
#include "sim/verdict/statistics.hpp"
#include "sim/verdict/verdict.hpp"

namespace foreline::plan {

using namespace line;

namespace {

constexpr std::size_t searched_most = 6;
/// Candidates that are simulated; where there are more, the recursion leaves the others out.
constexpr std::size_t finalists_most = 8;
constexpr std::size_t screening_futures = 256;
constexpr double surely = 0.998;  ///< Of both sides, so that 999 of 1000 are not above.
/// The recursion is trusted where it leaves nothing out, or tells at least so many futures of
/// keeping apart as the simulator does.
constexpr double trusted_correlation = 0.98;
constexpr std::size_t trusted_from = 8;
constexpr double control_visits_most = 3e8;
constexpr double invalid_cost = 1e12;  ///< A future that crashed says nothing for its schedule.
/// Costs that differ by less than this share are all one to everybody.
constexpr double indifference_share = 0.005;

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double share_gained(double kept, double changed) {
  return kept > 0 ? (kept - changed) / kept : 0.0;
}

/// What a schedule comes to, one entry a future.
struct Told {
  std::vector<Measures> measures;
  std::vector<double> costs;
};

Trial future_of(const Request& request, const Schedule& schedule, std::uint64_t seed) {
  Trial trial;
  trial.line = request.line;
  trial.orders = request.orders;
  trial.schedule = schedule;
  trial.seed = seed;
  trial.horizon_s = request.now.at_s + request.horizon_s;
  trial.from = request.now;
  trial.hazards = request.hazards;
  trial.replication = true;
  return trial;
}

Distribution scaled(Distribution d, double factor) {
  d.mean *= factor;
  if (d.kind != Distribution::Kind::weibull) d.spread *= factor;
  d.low *= factor;
  d.high *= factor;
  for (auto& value : d.measured) value *= factor;
  return d;
}

template <class Change>
Trial with_line(Trial trial, const Change& change) {
  auto line = *trial.line;
  for (auto& machine : line.machines) change(machine);
  trial.line = std::make_shared<const Line>(std::move(line));
  return trial;
}

}  // namespace

std::vector<std::pair<std::string, Trial>> corners_of(const Trial& trial) {
  std::vector<std::pair<std::string, Trial>> corners;
  for (const double factor : {0.7, 1.3}) {
    auto other = with_line(trial, [&](Machine& machine) {
      for (auto& mode : machine.faults) mode.onset = scaled(mode.onset, factor);
    });
    for (auto& hazard : other.hazards)
      for (auto& share : hazard.within)
        share = static_cast<float>(1 - std::pow(1 - std::min(0.999, double{share}), 1 / factor));
    corners.emplace_back(fmt::format("faults come after {} of the time", factor), std::move(other));
  }
  for (const double factor : {0.7, 1.5})
    corners.emplace_back(fmt::format("repairs take {} of the time", factor),
                         with_line(trial, [&](Machine& machine) {
                           for (auto& mode : machine.faults)
                             mode.repair = scaled(mode.repair, factor);
                         }));
  for (const double factor : {0.95, 1.05})
    corners.emplace_back(
        fmt::format("machines take {} of the time", factor),
        with_line(trial, [&](Machine& machine) { machine.cycle = scaled(machine.cycle, factor); }));
  if (!trial.hazards.empty()) {
    auto other = trial;
    other.hazards.clear();
    corners.emplace_back("the forecast says nothing: base rates", other);
    other = trial;
    // Half of what was forecast does not come.
    for (auto& hazard : other.hazards)
      for (auto& share : hazard.within) share *= 0.5F;
    corners.emplace_back("every second alarm is false", std::move(other));
  }
  return corners;
}

const Corner* worst_of(const std::vector<Corner>& corners) {
  const auto worst = std::min_element(
      corners.begin(), corners.end(),
      [](const Corner& a, const Corner& b) { return a.gain_share < b.gain_share; });
  return worst == corners.end() ? nullptr : &*worst;
}

std::size_t good_of(const std::vector<Corner>& corners) {
  return static_cast<std::size_t>(std::count_if(
      corners.begin(), corners.end(), [](const Corner& one) { return one.gain_share >= 0; }));
}

bool holds(const std::vector<Corner>& corners, const Bar& bar) {
  const auto* worst = worst_of(corners);
  return worst == nullptr || (static_cast<double>(good_of(corners)) >=
                                  bar.least_good_corners * static_cast<double>(corners.size()) &&
                              worst->gain_share >= bar.worst_corner);
}

double service_s_of(const Outcome& outcome) {
  double service_s = 0;
  for (const auto& machine : outcome.machines) service_s += machine.service_s;
  return service_s;
}

double cost_of(const Request& request, const Measures& measures, double service_s) {
  return line::cost_of(request.objective, measures, service_s,
                       std::max(request.now.at_s, request.makespan_from_s));
}

double cost_of_change(const Request& request, const Schedule& schedule) {
  if (request.objective.moved_order <= 0) return 0;
  const auto frozen = frozen_of(request);
  const auto open = static_cast<double>(request.active.sequence.size() - frozen);
  return request.objective.moved_order * open * moved_share(request.active, schedule, frozen);
}

bool recursion_tells(const Request& request) {
  return maxplus::obstacles(*request.line).empty() && request.objective.energy_kwh <= 0;
}

const std::vector<std::string>& policy_names() {
  static const std::vector<std::string> names = {"right-shift", "affected", "full"};
  return names;
}

Estimate estimate_of(const std::vector<double>& values) {
  const auto interval = verdict::interval_of(values, 0.95);
  if (values.size() < 2) return {interval.mean, interval.mean, interval.mean};
  return {interval.mean, interval.low(), interval.high()};
}

namespace {

/// One plan in the making.
class Planning {
 public:
  Planning(const Request& request, worker::Client& client, const Progress& progress,
           const BestSoFar& best_so_far)
      : request_(request), client_(client), progress_(progress), best_so_far_(best_so_far) {}

  Result<Plan> make() {
    all_ = candidates(request_);
    if (request_.search_futures > 0) {
      auto found = searched(request_, all_, searched_most);
      plan_.searched = found.size();
      for (auto& candidate : found) all_.push_back(std::move(candidate));
    }
    if (auto done = keep(); !done) return done.error();
    screen();
    if (auto done = race(); !done) return done.error();
    if (auto done = prove(); !done) return done.error();
    if (auto done = corners(); !done) return done.error();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] const Schedule& winner() const {
    return plan_.evaluated[plan_.winner].candidate.schedule;
  }

  Result<std::vector<Outcome>> run(const std::vector<Trial>& trials) {
    planned_ = std::max(planned_, done_ + trials.size());
    return client_.run(trials, [&](std::size_t, const Outcome&) {
      if (progress_) progress_(++done_, planned_);
    });
  }

  [[nodiscard]] std::uint64_t selection_seed(std::uint64_t number) const {
    return select::scenario_seed(request_.seed, select::ScenarioSet::selection, number);
  }

  Result<std::vector<double>> simulate(const std::vector<select::Cell>& cells) {
    std::vector<Trial> trials;
    trials.reserve(cells.size());
    for (const auto& cell : cells)
      trials.push_back(
          future_of(request_, all_[cell.candidate].schedule, selection_seed(cell.future)));
    auto outcomes = run(trials);
    if (!outcomes) return outcomes.error();
    std::vector<double> costs;
    std::vector<double> changes;
    for (const auto& candidate : all_)
      changes.push_back(cost_of_change(request_, candidate.schedule));
    measures_.resize(all_.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto& outcome = (*outcomes)[i];
      auto& measures = measures_[cells[i].candidate];
      measures.push_back(measures_of(trials[i], outcome));
      costs.push_back(outcome.valid()
                          ? changes[cells[i].candidate] +
                                cost_of(request_, measures.back(), service_s_of(outcome))
                          : invalid_cost);
    }
    return costs;
  }

  /// What keeping costs sets what difference is worth a decision.
  Result<Done> keep() {
    planned_ =
        std::min(all_.size(), finalists_most) * request_.selection_seeds + 2 * request_.gate_seeds;
    std::vector<select::Cell> cells;
    for (std::size_t f = 0; f < request_.selection_seeds; ++f) cells.push_back({0, f});
    auto kept = simulate(cells);
    if (!kept) return kept.error();
    kept_ = std::move(*kept);
    return Done{};
  }

  /// What schedules come to in futures of the recursion.
  [[nodiscard]] std::vector<Told> by_model(const Trial& question,
                                           std::span<const std::uint64_t> seeds,
                                           const std::vector<Schedule>& schedules) const {
    std::vector<Told> all;
    const auto futures = maxplus::Evaluator(question, seeds).evaluate_all(schedules);
    for (std::size_t s = 0; s < schedules.size(); ++s) {
      auto& told = all.emplace_back();
      const double change = cost_of_change(request_, schedules[s]);
      for (const auto& future : futures[s]) {
        told.measures.push_back(future.measures);
        told.costs.push_back(change + cost_of(request_, future.measures, future.service_s));
      }
    }
    return all;
  }
  [[nodiscard]] std::vector<Schedule> schedules() const {
    std::vector<Schedule> all;
    all.reserve(all_.size());
    for (const auto& one : all_) all.push_back(one.schedule);
    return all;
  }
  /// What is left of the gains over the first schedule where the model is wrong.
  [[nodiscard]] std::vector<std::vector<Corner>> corners_by_model(
      const Trial& question, std::span<const std::uint64_t> seeds,
      const std::vector<Schedule>& schedules) const {
    std::vector<std::vector<Corner>> corners(schedules.size());
    for (const auto& [name, trial] : corners_of(question)) {
      const auto told = by_model(trial, seeds, schedules);
      const double kept = mean_of(told.front().costs);
      for (std::size_t s = 0; s < schedules.size(); ++s)
        corners[s].push_back({name, share_gained(kept, mean_of(told[s].costs))});
    }
    return corners;
  }

  /// Whether the recursion tells of keeping what the simulator tells.
  [[nodiscard]] bool is_trusted() const {
    if (maxplus::exact_for(*request_.line)) return true;
    std::vector<std::uint64_t> seeds;
    for (std::size_t f = 0; f < kept_.size(); ++f) seeds.push_back(selection_seed(f));
    if (seeds.size() < trusted_from) return false;
    const auto told =
        by_model(future_of(request_, request_.active, 0), seeds, {request_.active}).front();
    return select::correlation_of(told.costs, kept_) >= trusted_correlation;
  }

  /// Leaves to the simulator what the recursion holds for best, on futures that it has not searched
  /// on; the running schedule and the best without chance are among them. Nothing is left to it
  /// where a recursion that can be trusted finds no gain that is worth a proof.
  void screen() {
    if (all_.size() < 2 || !recursion_tells(request_)) return;
    std::vector<std::uint64_t> seeds;
    for (std::size_t i = 0; i < screening_futures; ++i)
      seeds.push_back(selection_seed(100'000 + i));
    const auto question = future_of(request_, request_.active, 0);
    const auto always = [](const Candidate& one) { return one.name == calm_champion; };
    const auto few = std::span(seeds).first(screening_futures / 4);
    if (all_.size() > finalists_most) {
      auto told = by_model(question, few, schedules());
      const auto falls_short = shortfalls(question, few.first(few.size() / 2), told);
      std::vector<std::pair<std::tuple<bool, bool, double>, std::size_t>> order;
      for (std::size_t c = 1; c < all_.size(); ++c) {
        const bool sound = falls_short[c].empty() && gains_enough(told, c);
        order.emplace_back(std::tuple(!always(all_[c]), !sound, mean_of(told[c].costs)), c);
      }
      std::stable_sort(order.begin(), order.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
      for (std::size_t i = finalists_most - 1; i < order.size(); ++i)
        leave_out(order[i].second, std::move(told[order[i].second]));
      forget_left_out();
    }
    if (request_.least_gain_share <= 0 || !is_trusted()) return;
    auto told = by_model(question, seeds, schedules());
    const auto& kept = told.front().costs;
    const double least = least_gain(told);
    std::vector<bool> behind(all_.size());
    bool contested = false;
    for (std::size_t c = 1; c < all_.size(); ++c) {
      auto gain = told[c].costs;
      for (std::size_t i = 0; i < gain.size(); ++i) gain[i] = kept[i] - gain[i];
      const auto interval = verdict::interval_of(gain, surely);
      contested = contested || interval.high() > least;
      behind[c] = interval.high() < 0 && !always(all_[c]);
    }
    const auto falls_short = shortfalls(question, few, told);
    const auto is_sound = [&](std::size_t c) {
      return falls_short[c].empty() && gains_enough(told, c);
    };
    bool sound = false;
    for (std::size_t c = 1; c < all_.size(); ++c) sound = sound || is_sound(c);
    for (std::size_t c = 1; c < all_.size() && sound; ++c)
      if (!falls_short[c].empty()) short_of_.emplace(all_[c].name, falls_short[c]);
    for (std::size_t c = 1; c < all_.size(); ++c)
      if (!contested || behind[c] || (!short_of(all_[c]).empty() && !always(all_[c])))
        leave_out(c, std::move(told[c]));
    forget_left_out();
  }

  /// Over keeping, which comes first: what is worth a decision.
  [[nodiscard]] double least_gain(const std::vector<Told>& told) const {
    return request_.least_gain_share * std::abs(mean_of(told.front().costs));
  }
  [[nodiscard]] bool gains_enough(const std::vector<Told>& told, std::size_t c) const {
    return mean_of(told.front().costs) - mean_of(told[c].costs) > least_gain(told);
  }
  /// What of the bar the recursion does not see in each candidate; `seeds` for the corners.
  [[nodiscard]] std::vector<std::string> shortfalls(const Trial& question,
                                                    std::span<const std::uint64_t> seeds,
                                                    const std::vector<Told>& told) const {
    std::vector<std::string> reasons(all_.size());
    if (!request_.bar) return reasons;
    const auto corners = corners_by_model(question, seeds, schedules());
    for (std::size_t c = 1; c < all_.size(); ++c) {
      select::ComparisonOptions options;
      options.seed = request_.seed;
      const auto compared = select::compare(told.front().costs, told[c].costs, options);
      if (compared.probability_better < request_.bar->least_probability_better)
        reasons[c] = "better in too few futures";
      else if (compared.tail_change_upper > request_.bar->largest_tail_growth)
        reasons[c] = "the worst futures become worse";
      else if (!holds(corners[c], *request_.bar))
        reasons[c] = fmt::format("gains too little where {}", worst_of(corners[c])->name);
    }
    return reasons;
  }
  [[nodiscard]] std::string short_of(const Candidate& candidate) const {
    const auto found = short_of_.find(candidate.name);
    return found == short_of_.end() ? std::string() : found->second;
  }

  void leave_out(std::size_t c, Told told) {
    auto& one = left_out_.emplace_back();
    one.selection = std::move(told.measures);
    one.cost = std::move(told.costs);
    one.mean_cost = estimate_of(one.cost);
    one.candidate = std::move(all_[c]);
    one.simulated = false;
    one.short_of = short_of(one.candidate);
    all_[c].name.clear();
  }
  void forget_left_out() {
    all_.erase(std::remove_if(all_.begin(), all_.end(),
                              [](const Candidate& one) { return one.name.empty(); }),
               all_.end());
  }

  Result<Done> race() {
    planned_ = std::max(done_, all_.size() * request_.selection_seeds) + 2 * request_.gate_seeds;
    const select::Watch watch = [&](const select::Race& now) {
      if (!best_so_far_ || now.best >= all_.size()) return;
      std::vector<double> gain;
      for (std::size_t f = 0; f < std::min(now.costs[0].size(), now.costs[now.best].size()); ++f)
        gain.push_back(now.costs[0][f] - now.costs[now.best][f]);
      best_so_far_(all_[now.best], estimate_of(gain));
    };
    const double indifference = std::max(1.0, indifference_share * std::abs(mean_of(kept_)));
    const select::Simulate rest =
        [&](const std::vector<select::Cell>& cells) -> Result<std::vector<double>> {
      std::vector<select::Cell> unknown;
      for (const auto& cell : cells)
        if (cell.candidate != 0 || cell.future >= kept_.size()) unknown.push_back(cell);
      auto costs = simulate(unknown);
      if (!costs) return costs;
      std::vector<double> joined;
      joined.reserve(cells.size());
      std::size_t next = 0;
      for (const auto& cell : cells)
        joined.push_back(cell.candidate == 0 && cell.future < kept_.size() ? kept_[cell.future]
                                                                           : (*costs)[next++]);
      return joined;
    };
    select::ChooseOptions options;
    options.kn.first = request_.selection_seeds;
    options.kn.most = 2 * request_.selection_seeds;
    options.kn.indifference = indifference;
    options.kn.step = std::max<std::size_t>(2, request_.selection_seeds / 4);
    options.screen = std::min<std::size_t>(options.screen, request_.selection_seeds);
    auto raced = select::choose(all_.size(), options, rest, watch);
    if (!raced) return raced.error();
    plan_.decided = raced->decided;
    std::vector<std::size_t> order(all_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // The first is "keep": it stays in front of equals.
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return mean_of(raced->costs[a]) < mean_of(raced->costs[b]);
    });
    // Keeping falls short of nothing.
    const auto stands = [&](std::size_t c) { return short_of(all_[c]).empty(); };
    const auto best =
        stands(raced->best) ? raced->best : *std::find_if(order.begin(), order.end(), stands);
    for (const auto c : order) {
      Evaluated evaluated;
      evaluated.short_of = short_of(all_[c]);
      evaluated.candidate = std::move(all_[c]);
      evaluated.selection = std::move(measures_[c]);
      evaluated.cost = std::move(raced->costs[c]);
      evaluated.mean_cost = estimate_of(evaluated.cost);
      if (c == best) plan_.winner = plan_.evaluated.size();
      plan_.evaluated.push_back(std::move(evaluated));
    }
    std::stable_sort(left_out_.begin(), left_out_.end(), [](const auto& a, const auto& b) {
      return a.mean_cost.mean < b.mean_cost.mean;
    });
    plan_.evaluated.insert(plan_.evaluated.end(), std::make_move_iterator(left_out_.begin()),
                           std::make_move_iterator(left_out_.end()));
    return Done{};
  }

  Result<Done> prove() {
    std::vector<Trial> trials;
    // Where keeping is best, its futures are those of the winner as well.
    const bool changes = !(winner() == request_.active);
    const double change = cost_of_change(request_, winner());
    std::vector<const Schedule*> schedules = {&winner()};
    if (changes) schedules.insert(schedules.begin(), &request_.active);
    const auto futures =
        changes ? request_.gate_seeds : std::min(request_.gate_seeds, request_.keep_futures);
    for (const Schedule* schedule : schedules) {
      for (std::size_t i = 0; i < futures; ++i) {
        trials.push_back(
            future_of(request_, *schedule,
                      select::scenario_seed(request_.seed, select::ScenarioSet::gate, i)));
        trials.back().want_gantt = true;
        trials.back().count_at_s = window_ends(request_);
      }
    }
    planned_ = done_ + trials.size();
    auto outcomes = run(trials);
    if (!outcomes) return outcomes.error();
    auto& proof = plan_.proof;
    std::vector<double> keep_costs;
    std::vector<double> winner_costs;
    std::vector<std::pair<std::size_t, std::size_t>> on_time(request_.orders->size());
    double deviation_s = 0;
    std::size_t deviations = 0;
    for (std::size_t i = 0; i < futures; ++i) {
      const auto other = changes ? futures + i : i;
      const auto& kept = (*outcomes)[i];
      const auto& won = (*outcomes)[other];
      proof.seeds.push_back(trials[i].seed);
      proof.invalid_trials += (kept.valid() ? 0U : 1U) + (won.valid() ? 0U : 1U);
      if (!kept.valid() || !won.valid()) continue;
      proved_.push_back(trials[i].seed);
      for (auto& broken : verdict::broken_invariants(trials[other], won))
        proof.broken.push_back(fmt::format("future {}: {}", i, broken));
      proof.keep.push_back(measures_of(trials[i], kept));
      proof.winner.push_back(measures_of(trials[other], won));
      keep_costs.push_back(cost_of(request_, proof.keep.back(), service_s_of(kept)));
      winner_costs.push_back(change + cost_of(request_, proof.winner.back(), service_s_of(won)));
      const auto kept_s = finishes_of(trials[i], kept);
      const auto won_s = finishes_of(trials[other], won);
      for (std::size_t o = 0; o < on_time.size(); ++o) {
        on_time[o].first += kept_s[o] <= (*request_.orders)[o].due_s ? 1 : 0;
        on_time[o].second += won_s[o] <= (*request_.orders)[o].due_s ? 1 : 0;
        const double before_s = kept.orders[o].started_s;
        const double after_s = won.orders[o].started_s;
        if (before_s <= request_.now.at_s || after_s <= request_.now.at_s) continue;
        deviation_s += std::abs(after_s - before_s);
        ++deviations;
      }
    }
    proof.start_deviation_s = deviations > 0 ? deviation_s / static_cast<double>(deviations) : 0;
    proof.keep_cost = mean_of(keep_costs);
    for (std::uint32_t o = 0; o < on_time.size(); ++o) {
      const bool open = std::any_of(outcomes->begin(), outcomes->end(), [&](const Outcome& one) {
        return one.valid() &&
               !(one.orders[o].finished_s >= 0 && one.orders[o].finished_s <= request_.now.at_s);
      });
      if (!open || !std::isfinite((*request_.orders)[o].due_s)) continue;
      proof.on_time.push_back({{o},
                               select::chance_of(on_time[o].first, keep_costs.size()),
                               select::chance_of(on_time[o].second, keep_costs.size())});
    }
    select::ComparisonOptions options;
    options.seed = request_.seed;
    proof.compared = select::compare(keep_costs, winner_costs, options);
    if (changes) {
      for (std::size_t i = 0; i < keep_costs.size(); ++i)
        proof.gain.push_back(keep_costs[i] - winner_costs[i]);
      sharpen(proof, options);
      const auto& interval = proof.compared.gain;
      proof.mean_gain = {interval.mean, interval.low(), interval.high()};
      proof.gain_lower_95 = proof.compared.gain_lower;
      proof.probability_better = proof.compared.probability_better;
      proof.tail_change = proof.compared.tail_change;
    }
    proof.winner_cost = std::move(winner_costs);
    const std::span<const Outcome> all(*outcomes);
    const auto kept = all.first(futures);
    const auto won = all.last(futures);
    proof.band = band_of(request_, won);
    proof.keep_spans = work_spans(kept);
    proof.winner_spans = work_spans(won);
    proof.winner_finishes = finish_bands(request_, won);
    proof.keep_finishes = finish_bands(request_, kept);
    plan_.keep_example = kept.front();
    plan_.winner_example = won.front();
    return Done{};
  }

  /// The recursion in the futures of the proof, and in many more for its mean.
  void sharpen(Proof& proof, const select::ComparisonOptions& options) {
    const auto question = future_of(request_, request_.active, 0);
    if (request_.control_futures < 2 || !recursion_tells(request_)) return;
    auto seeds = proved_;
    // As many as a book of any size lets pass in a few seconds.
    const auto more = std::min<std::size_t>(
        request_.control_futures,
        static_cast<std::size_t>(control_visits_most /
                                 std::max(1.0, maxplus::visits_within(question))));
    if (more < 2 * proved_.size()) return;
    for (std::size_t i = 0; i < more; ++i)
      seeds.push_back(select::scenario_seed(request_.seed, select::ScenarioSet::gate, 200'000 + i));
    const auto told = by_model(question, seeds, {request_.active, winner()});
    std::vector<double> gain(seeds.size());
    for (std::size_t i = 0; i < seeds.size(); ++i) gain[i] = told[0].costs[i] - told[1].costs[i];
    const std::span<const double> all(gain);
    const auto others = all.subspan(proved_.size());
    const auto mean = verdict::interval_of(others, 0.6827);  // one standard error
    select::sharpen(
        proof.compared, proof.gain,
        {all.first(proved_.size()), mean.mean, mean.half_width, maxplus::exact_for(*request_.line)},
        options);
  }

  /// The gain again where the model is wrong in some way, on the recursion if it can.
  Result<Done> corners() {
    if (winner() == request_.active || request_.model_futures == 0) return Done{};
    const auto base = future_of(request_, request_.active, 0);
    const bool recursion = recursion_tells(request_);
    const std::size_t count =
        recursion ? request_.model_futures : std::min<std::size_t>(8, request_.model_futures);
    std::vector<std::uint64_t> seeds;
    for (std::size_t i = 0; i < count; ++i)
      seeds.push_back(select::scenario_seed(request_.seed, select::ScenarioSet::gate, 100'000 + i));
    if (recursion) {
      plan_.proof.corners = corners_by_model(base, seeds, {request_.active, winner()}).back();
      return Done{};
    }
    for (auto& [name, trial] : corners_of(base)) {
      std::vector<std::vector<double>> costs(2);
      std::vector<Trial> trials;
      for (const Schedule* schedule : {&request_.active, &winner()})
        for (const auto seed : seeds) {
          trials.push_back(trial);
          trials.back().schedule = *schedule;
          trials.back().seed = seed;
        }
      auto outcomes = run(trials);
      if (!outcomes) return outcomes.error();
      for (std::size_t i = 0; i < trials.size(); ++i)
        costs[i / count].push_back(cost_of_change(request_, trials[i].schedule) +
                                   cost_of(request_, measures_of(trials[i], (*outcomes)[i]),
                                           service_s_of((*outcomes)[i])));
      plan_.proof.corners.push_back({name, share_gained(mean_of(costs[0]), mean_of(costs[1]))});
    }
    return Done{};
  }

  const Request& request_;
  worker::Client& client_;
  const Progress& progress_;
  const BestSoFar& best_so_far_;
  std::vector<Candidate> all_;
  std::vector<Evaluated> left_out_;              ///< Best first.
  std::map<std::string, std::string> short_of_;  ///< By candidate; see Evaluated::short_of.
  std::vector<std::vector<Measures>> measures_;
  std::vector<double> kept_;           ///< Costs of keeping in the first futures of the race.
  std::vector<std::uint64_t> proved_;  ///< Seeds of the futures of the proof that are valid.
  Plan plan_;
  std::size_t done_ = 0;
  std::size_t planned_ = 0;
};

}  // namespace

Result<Plan> make_plan(const Request& request, worker::Client& client, const Progress& progress,
                       const BestSoFar& best_so_far) {
  return Planning(request, client, progress, best_so_far).make();
}

}  // namespace foreline::plan
