// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/markov_chain.hpp"

#include <map>
#include <stdexcept>
#include <utility>

namespace foreline::tests {

namespace {

enum Is : std::uint8_t { starved, working, blocked, down };

struct State {
  std::vector<std::uint8_t> machine, level, queue;  // queue: who is down, oldest failure first
  auto operator<=>(const State&) const = default;
};

/// Lets parts move until none can.
void settle(State& s, const std::vector<ExponentialMachine>& line) {
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t m = line.size(); m-- > 0;) {
      if (s.machine[m] == blocked) {
        const bool direct = line[m].places_after == 0 && s.machine[m + 1] == starved;
        if (direct) s.machine[m + 1] = working;
        if (!direct && s.level[m] < line[m].places_after)
          ++s.level[m];
        else if (!direct)
          continue;
        s.machine[m] = starved;
        moved = true;
      }
      if (s.machine[m] == starved && (m == 0 || s.level[m - 1] > 0)) {
        if (m > 0) --s.level[m - 1];
        s.machine[m] = working;
        moved = true;
      }
    }
  }
}

}  // namespace

Solution solve_line(const std::vector<ExponentialMachine>& line, unsigned crews) {
  const std::size_t count = line.size();
  State first{std::vector<std::uint8_t>(count, starved), std::vector<std::uint8_t>(count), {}};
  settle(first, line);
  std::map<State, std::size_t> number{{first, 0}};
  std::vector<State> states{first};
  std::vector<std::vector<std::pair<std::size_t, double>>> out;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (states.size() > 1500) throw std::runtime_error("the chain is too large to eliminate");
    out.emplace_back();
    auto go = [&](State next, double rate) {
      if (rate <= 0) return;
      settle(next, line);
      const auto [place, fresh] = number.emplace(next, states.size());
      if (fresh) states.push_back(std::move(next));
      out[i].emplace_back(place->second, rate);
    };
    const State here = states[i];
    for (std::size_t m = 0; m < count; ++m) {
      if (here.machine[m] != working) continue;
      State done = here;
      done.machine[m] = m + 1 < count ? blocked : starved;
      go(std::move(done), line[m].rate);
      State failed = here;
      failed.machine[m] = down;
      failed.queue.push_back(static_cast<std::uint8_t>(m));
      go(std::move(failed), line[m].failure);
    }
    for (std::size_t q = 0; q < here.queue.size() && q < crews; ++q) {
      State repaired = here;
      repaired.machine[here.queue[q]] = working;
      repaired.queue.erase(repaired.queue.begin() + static_cast<std::ptrdiff_t>(q));
      go(std::move(repaired), line[here.queue[q]].repair);
    }
  }
  const std::size_t n = states.size();
  std::vector<std::vector<double>> rate(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i)
    for (const auto& [to, r] : out[i])
      if (to != i) rate[i][to] += r;
  std::vector<double> leaving(n);
  for (std::size_t k = n; k-- > 1;) {
    for (std::size_t j = 0; j < k; ++j) leaving[k] += rate[k][j];
    for (std::size_t i = 0; i < k; ++i) {
      if (rate[i][k] == 0) continue;
      const double share = rate[i][k] / leaving[k];
      for (std::size_t j = 0; j < k; ++j)
        if (j != i) rate[i][j] += share * rate[k][j];
    }
  }
  std::vector<double> p(n);
  p[0] = 1;
  double sum = 1;
  for (std::size_t k = 1; k < n; ++k) {
    for (std::size_t i = 0; i < k; ++i) p[k] += p[i] * rate[i][k] / leaving[k];
    sum += p[k];
  }
  Solution solution;
  solution.states = n;
  solution.utilised.resize(count);
  solution.blocked.resize(count);
  solution.mean_level.resize(count);
  for (std::size_t i = 0; i < n; ++i) {
    const double share = p[i] / sum;
    for (std::size_t m = 0; m < count; ++m) {
      if (states[i].machine[m] == working) solution.utilised[m] += share;
      if (states[i].machine[m] == blocked) solution.blocked[m] += share;
      solution.mean_level[m] += share * states[i].level[m];
    }
  }
  solution.throughput = line.back().rate * solution.utilised.back();
  return solution;
}

}  // namespace foreline::tests
