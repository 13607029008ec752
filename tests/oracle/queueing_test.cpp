// SPDX-License-Identifier: Apache-2.0
// Open queues: parts arrive by the release times of an order book, one part an order. Sources:
// Gross and Harris, Fundamentals of Queueing Theory (M/M/1, M/G/1); Pollaczek 1930 and Khinchine
// 1932; Burke 1956 and Jackson 1957 (tandem); Little 1961.
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/oracle/markov_chain.hpp"
#include "tests/oracle/replications.hpp"

using namespace foreline;
using tests::check_agrees;
using tests::exponential;

namespace {

constexpr std::size_t skipped = 1000;  ///< Parts of the transient: the queue starts empty.

double arrival_gap(std::uint64_t seed, std::uint64_t part, double mean_s) {
  return exponential(mean_s).quantile(
      line::random_uniform(seed, 999, line::Purpose::scenario, part));
}

/// Poisson arrivals every `gap_s` at a line of `machines`.
std::vector<line::Trial> arrivals(const line::Line& line, double gap_s, std::size_t parts,
                                  std::uint64_t count) {
  auto trials = tests::replications(tests::trial_of(line, {}, 1e12), count);
  for (auto& trial : trials) {
    auto orders = std::make_shared<std::vector<line::Order>>(parts);
    double at_s = 0;
    for (std::uint32_t j = 0; j < parts; ++j) {
      at_s += arrival_gap(trial.seed, j, gap_s);
      (*orders)[j].quantity = 1;
      (*orders)[j].release_s = at_s;
      trial.schedule.sequence.push_back({j});
    }
    trial.orders = orders;
  }
  return trials;
}

/// The mean time from arrival to departure.
double sojourn(const line::Trial& trial, const line::Outcome& outcome) {
  double sum = 0;
  for (std::size_t j = skipped; j < outcome.orders.size(); ++j)
    sum += outcome.orders[j].finished_s - (*trial.orders)[j].release_s;
  return sum / static_cast<double>(outcome.orders.size() - skipped);
}

/// What is known of the draws of a replication: mean arrival gap, mean and mean square of each
/// machine's service, against their expectations.
std::vector<double> draws(const line::Trial& trial, double gap_s,
                          const std::vector<double>& squares) {
  const auto parts = trial.orders->size();
  const auto count = static_cast<double>(parts);
  std::vector<double> known(1);
  for (std::size_t j = 0; j < parts; ++j) known[0] += arrival_gap(trial.seed, j, gap_s) / count;
  known[0] -= gap_s;
  for (std::uint32_t m = 0; m < trial.line->machines.size(); ++m) {
    const auto& cycle = trial.line->machines[m].cycle;
    double first = 0;
    double second = 0;
    for (std::size_t j = 0; j < parts; ++j) {
      const double s = cycle.quantile(line::random_uniform(trial.seed, m, line::Purpose::cycle, j));
      first += s / count;
      second += s * s / count;
    }
    if (cycle.kind == line::Distribution::Kind::deterministic) continue;
    known.push_back(first - cycle.expectation());
    known.push_back(second - squares[m]);
  }
  return known;
}

/// A service of mean 6 s and its mean square.
struct Service {
  const char* name;
  line::Distribution distribution;
  double square;
};

}  // namespace

TEST_CASE("a single machine with Poisson arrivals waits as Pollaczek and Khinchine say") {
  // W = E[S] + lambda E[S^2] / (2 (1 - rho)). Exponential service is M/M/1: W = 1 / (mu - lambda).
  using Kind = line::Distribution::Kind;
  const std::vector<Service> services = {
      {"M/M/1", exponential(6), 2 * 36},
      {"M/D/1", line::Distribution::constant(6), 36},
      {"uniform", {Kind::uniform, 0, 0, 2, 10}, (10.0 * 10 * 10 - 2.0 * 2 * 2) / (3 * 8)},
      {"lognormal", {Kind::lognormal, 6, 3, 0, 0}, 36 + 9},
      {"Weibull", {Kind::weibull, 6, 2, 0, 0}, 36 * (4 / std::acos(-1.0))},
  };
  for (const auto& service : services) {
    INFO(service.name);
    const bool markov = service.distribution.kind == Kind::exponential;
    const double gap_s = 20;
    auto machine = tests::machine("server", 6, 0);
    machine.cycle = service.distribution;
    const double theory = 6 + service.square / gap_s / (2 * (1 - 6 / gap_s));
    if (markov) CHECK(theory == Approx(1 / (1 / 6.0 - 1 / gap_s)));
    const auto trials = arrivals(tests::line_of({machine}), gap_s, markov ? 80'000 : 48'000, 24);
    check_agrees(tests::estimate(trials, sojourn,
                                 [&](const line::Trial& trial) {
                                   return draws(trial, gap_s, {service.square});
                                 }),
                 theory);
  }
}

TEST_CASE("machines in tandem with room between them are queues of their own") {
  // Burke: the departures of M/M/1 are Poisson again; Jackson: W = sum of 1 / (mu_i - lambda).
  const double gap_s = 20;
  const auto line = tests::line_of({tests::exponential_machine("a", 6, 1'000'000),
                                    tests::exponential_machine("b", 4, 1'000'000),
                                    tests::exponential_machine("c", 5, 0)});
  const double theory =
      1 / (1 / 6.0 - 1 / gap_s) + 1 / (1 / 4.0 - 1 / gap_s) + 1 / (1 / 5.0 - 1 / gap_s);
  check_agrees(tests::estimate(arrivals(line, gap_s, 40'000, 48), sojourn,
                               [&](const line::Trial& trial) {
                                 return draws(trial, gap_s, {72, 32, 50});
                               }),
               theory);
}

TEST_CASE("parts on the line are their rate times the time they spend there") {
  // Little: L = lambda W. L is that of the exact chain: buffer levels, and machines that hold a
  // part; lambda and W are the simulation's.
  const std::vector<tests::ExponentialMachine> chain = {
      {1 / 5.0, 0, 1, 3}, {1 / 6.0, 0, 1, 2}, {1 / 5.5, 0, 1, 0}};
  const auto exact = tests::solve_line(chain, 1);
  double on_line = 0;
  for (std::size_t m = 0; m < 3; ++m)
    on_line += exact.utilised[m] + exact.blocked[m] + exact.mean_level[m];
  const auto line =
      tests::line_of({tests::exponential_machine("a", 5, 3), tests::exponential_machine("b", 6, 2),
                      tests::exponential_machine("c", 5.5, 0)});
  auto trial = tests::trial_of(line, {}, 1e12);
  std::vector<line::Order> orders(28'000);
  for (std::uint32_t j = 0; j < orders.size(); ++j) {
    orders[j].quantity = 1;
    trial.schedule.sequence.push_back({j});
  }
  trial.orders = std::make_shared<std::vector<line::Order>>(std::move(orders));
  const auto little = tests::estimate(
      tests::replications(trial, 24), [](const line::Trial&, const line::Outcome& outcome) {
        const auto& parts = outcome.orders;
        double spent_s = 0;
        for (std::size_t j = skipped; j < parts.size(); ++j)
          spent_s += parts[j].finished_s - parts[j].started_s;
        const auto counted = static_cast<double>(parts.size() - skipped);
        const double rate = counted / (parts.back().finished_s - parts[skipped - 1].finished_s);
        return rate * spent_s / counted;
      });
  check_agrees(little, on_line);
}

TEST_CASE("machines that share repair crews are the machine-repairman model") {
  // M/M/c//N: p_n = p_0 prod_{k<=n} (N-k+1) (MTTR/MTTF) / min(k, c); availability = 1 - E[n]/N
  // (Gross and Harris, finite-source queues). Stock between the machines keeps them independent.
  const double up_s = 4000;
  const double down_s = 1000;
  for (const auto& [count, crews] : {std::pair(6U, 2U), std::pair(10U, 2U), std::pair(3U, 3U)}) {
    INFO(count << " machines, " << crews << " crews");
    std::vector<line::Machine> machines;
    for (unsigned m = 0; m < count; ++m) {
      machines.push_back(tests::machine("m" + std::to_string(m), 5000, 4000));
      machines.back().faults = {tests::trips(exponential(up_s), exponential(down_s))};
    }
    auto trial = tests::trial_of(tests::line_of(std::move(machines), crews),
                                 tests::one_order(1'000'000), 5e6);
    trial.random_faults = true;
    line::LineNow now;
    for (unsigned m = 0; m < count; ++m) {
      line::MachineNow machine;
      machine.set_up = true;
      machine.progress = {{(count - m) * 1500, 0}};
      machine.parts = machine.progress[0].good;
      now.machines.push_back(machine);
    }
    trial.from = now;
    std::vector<double> p = {1};
    for (unsigned n = 1; n <= count; ++n)
      p.push_back(p.back() * (count - n + 1) * (down_s / up_s) / std::min(n, crews));
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    double down = 0;
    for (unsigned n = 1; n <= count; ++n) down += n * p[n] / sum;
    const auto known = [&](const line::Trial& t) {
      std::vector<double> means(2);
      for (std::uint32_t m = 0; m < count; ++m) {
        for (std::uint64_t k = 0; k < 900; ++k) {
          means[0] +=
              exponential(up_s).quantile(line::random_uniform(t.seed, m, line::Purpose::onset, k)) -
              up_s;
          means[1] += exponential(down_s).quantile(
                          line::random_uniform(t.seed, m, line::Purpose::repair, k)) -
                      down_s;
        }
      }
      return means;
    };
    check_agrees(tests::estimate(
                     tests::replications(trial, 24),
                     [&](const line::Trial& t, const line::Outcome& outcome) {
                       double worked_s = 0;
                       for (const auto& machine : outcome.machines)
                         worked_s +=
                             machine.state_s[static_cast<std::size_t>(line::PackmlState::execute)];
                       return worked_s / count / t.horizon_s;
                     },
                     known),
                 1 - down / count);
  }
}
