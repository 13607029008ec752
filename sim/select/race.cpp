// SPDX-License-Identifier: Apache-2.0
#include "sim/select/race.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace foreline::select {

namespace {

double mean_of(const std::vector<double>& values, std::size_t count) {
  return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count), 0.0) /
         static_cast<double>(std::max<std::size_t>(1, count));
}

double deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values, values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

void choose_best(Race& race) {
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < race.costs.size(); ++c) {
    if (!race.standing[c] || race.costs[c].empty()) continue;
    const double mean = mean_of(race.costs[c], race.costs[c].size());
    // The first stays in front of equals.
    if (mean < best) {
      best = mean;
      race.best = c;
    }
  }
}

line::Result<line::Done> extend(Race& race, const std::vector<Cell>& cells,
                                const Simulate& simulate) {
  if (cells.empty()) return line::Done{};
  auto costs = simulate(cells);
  if (!costs) return costs.error();
  for (std::size_t i = 0; i < cells.size(); ++i)
    race.costs[cells[i].candidate].push_back((*costs)[i]);
  race.simulations += cells.size();
  return line::Done{};
}

Race begin(std::size_t candidates) {
  Race race;
  race.costs.resize(candidates);
  race.standing.assign(candidates, true);
  return race;
}

}  // namespace

std::vector<std::size_t> ocba_shares(std::span<const double> means,
                                     std::span<const double> deviations, std::size_t total) {
  const std::size_t k = means.size();
  std::vector<std::size_t> shares(k);
  if (k == 0) return shares;
  if (k == 1) return {total};
  const auto best =
      static_cast<std::size_t>(std::min_element(means.begin(), means.end()) - means.begin());
  std::vector<double> weight(k);
  double of_best = 0;
  for (std::size_t i = 0; i < k; ++i) {
    if (i == best) continue;
    const double scale = std::max(1e-12, 1e-9 * std::abs(means[best]));
    const double distance = std::max(scale, means[i] - means[best]);
    const double noise = std::max(scale, deviations[i]);
    weight[i] = (noise / distance) * (noise / distance);
    of_best += weight[i] * weight[i] / (noise * noise);
  }
  weight[best] = std::max(1e-12, deviations[best]) * std::sqrt(of_best);
  const double sum = std::accumulate(weight.begin(), weight.end(), 0.0);
  for (std::size_t i = 0; i < k; ++i)
    shares[i] = static_cast<std::size_t>(
        std::ceil(static_cast<double>(total) * (sum > 0 ? weight[i] / sum : 1.0 / double(k))));
  return shares;
}

line::Result<Race> ocba(std::size_t candidates, const OcbaOptions& options,
                        const Simulate& simulate, const Watch& watch) {
  auto race = begin(candidates);
  const std::size_t step = options.step > 0 ? options.step : std::max<std::size_t>(1, candidates);
  std::vector<Cell> cells;
  for (std::size_t c = 0; c < candidates; ++c)
    for (std::size_t f = 0; f < options.first; ++f) cells.push_back({c, f});
  while (!cells.empty()) {
    if (auto done = extend(race, cells, simulate); !done) return done.error();
    choose_best(race);
    if (watch) watch(race);
    cells.clear();
    if (race.simulations >= options.budget) break;
    std::vector<double> means;
    std::vector<double> deviations;
    for (const auto& costs : race.costs) {
      means.push_back(mean_of(costs, costs.size()));
      deviations.push_back(deviation_of(costs));
    }
    const std::size_t now = std::min(step, options.budget - race.simulations);
    const auto shares = ocba_shares(means, deviations, race.simulations + now);
    // Whoever lacks most comes first.
    std::vector<std::size_t> given(candidates);
    for (std::size_t i = 0; i < now; ++i) {
      std::size_t neediest = 0;
      double most = -std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < candidates; ++c) {
        const double lack =
            static_cast<double>(shares[c]) - static_cast<double>(race.costs[c].size() + given[c]);
        if (lack <= most) continue;
        most = lack;
        neediest = c;
      }
      cells.push_back({neediest, race.costs[neediest].size() + given[neediest]++});
    }
  }
  race.decided = true;
  return race;
}

line::Result<Race> kn(std::size_t candidates, const KnOptions& options, const Simulate& simulate,
                      const Watch& watch) {
  auto race = begin(candidates);
  if (candidates == 0) return race;
  const std::size_t first = std::max<std::size_t>(2, options.first);
  const auto k = static_cast<double>(candidates);
  const auto freedom = static_cast<double>(first - 1);
  const double error = 1 - options.confidence;
  const double eta = candidates < 2 ? 0 : 0.5 * (std::pow(2 * error / (k - 1), -2 / freedom) - 1);
  const double h2 = 2 * eta * freedom;
  std::vector<std::vector<double>> variance(candidates, std::vector<double>(candidates));
  std::size_t futures = 0;
  std::size_t wanted = candidates < 2 ? 1 : first;
  while (futures < wanted) {
    std::vector<Cell> cells;
    for (std::size_t c = 0; c < candidates; ++c)
      if (race.standing[c])
        for (std::size_t f = futures; f < wanted; ++f) cells.push_back({c, f});
    if (auto done = extend(race, cells, simulate); !done) return done.error();
    if (futures == 0) {
      std::vector<double> difference(wanted);
      for (std::size_t i = 0; i < candidates; ++i)
        for (std::size_t l = 0; l < candidates; ++l) {
          for (std::size_t f = 0; f < wanted; ++f)
            difference[f] = race.costs[i][f] - race.costs[l][f];
          const double deviation = deviation_of(difference);
          variance[i][l] = deviation * deviation;
        }
    }
    futures = wanted;
    const auto r = static_cast<double>(futures);
    const auto before = race.standing;
    for (std::size_t i = 0; i < candidates; ++i) {
      for (std::size_t l = 0; l < candidates && race.standing[i]; ++l) {
        if (l == i || !before[l]) continue;
        const double width = std::max(
            0.0, options.indifference / (2 * r) *
                     (h2 * variance[i][l] / (options.indifference * options.indifference) - r));
        const double behind = mean_of(race.costs[i], futures) - mean_of(race.costs[l], futures);
        // Equal means, both without width: the earlier one stays.
        if (behind > width || (behind == width && width == 0 && l < i)) race.standing[i] = false;
      }
    }
    choose_best(race);
    if (watch) watch(race);
    const auto left = std::count(race.standing.begin(), race.standing.end(), true);
    race.decided = left <= 1;
    if (race.decided || futures >= options.most) break;
    wanted = std::min(options.most, futures + std::max<std::size_t>(1, options.step));
  }
  return race;
}

line::Result<Race> choose(std::size_t candidates, const ChooseOptions& options,
                          const Simulate& simulate, const Watch& watch) {
  if (candidates <= options.finalists) return kn(candidates, options.kn, simulate, watch);
  OcbaOptions screening;
  screening.first = options.screen;
  screening.budget = candidates * options.screen * 3 / 2;
  auto all = ocba(candidates, screening, simulate, watch);
  if (!all) return all;
  std::vector<std::size_t> order(candidates);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto mean = [&](std::size_t c) { return mean_of(all->costs[c], all->costs[c].size()); };
  std::stable_sort(order.begin() + 1, order.end(),
                   [&](std::size_t a, std::size_t b) { return mean(a) < mean(b); });
  order.resize(std::max<std::size_t>(1, options.finalists));
  std::sort(order.begin(), order.end());
  // The final asks by its own numbers, and only for what the screening has not simulated.
  const Simulate rest = [&](const std::vector<Cell>& cells) -> line::Result<std::vector<double>> {
    std::vector<Cell> unknown;
    for (const auto& cell : cells)
      if (const auto c = order[cell.candidate]; cell.future >= all->costs[c].size())
        unknown.push_back({c, cell.future});
    auto costs = unknown.empty() ? line::Result<std::vector<double>>(std::vector<double>())
                                 : simulate(unknown);
    if (!costs) return costs;
    for (std::size_t i = 0; i < unknown.size(); ++i)
      all->costs[unknown[i].candidate].push_back((*costs)[i]);
    all->simulations += unknown.size();
    std::vector<double> joined;
    for (const auto& cell : cells) joined.push_back(all->costs[order[cell.candidate]][cell.future]);
    return joined;
  };
  const auto by_all = [&](const Race& final_race) {
    all->best = order[final_race.best];
    all->decided = final_race.decided;
    all->standing.assign(candidates, false);
    for (std::size_t i = 0; i < order.size(); ++i) all->standing[order[i]] = final_race.standing[i];
  };
  auto final_race = kn(order.size(), options.kn, rest, [&](const Race& now) {
    by_all(now);
    if (watch) watch(*all);
  });
  if (!final_race) return final_race;
  by_all(*final_race);
  return all;
}

}  // namespace foreline::select
