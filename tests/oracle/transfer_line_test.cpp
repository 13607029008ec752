// SPDX-License-Identifier: Apache-2.0
// Transfer lines that never lack work, against closed forms and the exact Markov chain. Sources:
// Buzacott 1967 (International Journal of Production Research 5:183), Hunt 1956 (Operations
// Research 4:674), Gershwin and Berman 1981 (AIIE Transactions 13), Buzacott and Shanthikumar 1993
// (Stochastic Models of Manufacturing Systems), Gershwin 1994 (Manufacturing Systems Engineering).
#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/oracle/markov_chain.hpp"
#include "tests/oracle/replications.hpp"

using namespace foreline;
using tests::check_agrees;
using tests::exponential;

namespace {

/// What is known of a replication's draws, against the expectations: cycles, lives and repairs.
std::vector<double> draws(const line::Trial& trial, double parts_per_s) {
  std::vector<double> known;
  for (std::uint32_t m = 0; m < trial.line->machines.size(); ++m) {
    const auto& machine = trial.line->machines[m];
    const auto mean = [&](line::Purpose purpose, const line::Distribution& of, double count) {
      if (of.kind == line::Distribution::Kind::deterministic) return;
      double sum = 0;
      for (std::uint64_t k = 0; k < static_cast<std::uint64_t>(count); ++k)
        sum += of.quantile(line::random_uniform(trial.seed, m, purpose, k));
      known.push_back(sum / std::floor(count) - of.expectation());
    };
    const double parts = parts_per_s * trial.horizon_s;
    mean(line::Purpose::cycle, machine.cycle, parts);
    if (machine.faults.empty()) continue;
    const auto& mode = machine.faults[0];
    const double failures = parts * machine.cycle.expectation() / mode.onset.expectation();
    mean(line::Purpose::onset, mode.onset, failures);
    mean(line::Purpose::repair, mode.repair, failures);
  }
  return known;
}

verdict::Interval throughput(const line::Line& line, double expected, double parts,
                             std::uint64_t count = 24) {
  const double horizon_s = parts / expected;
  const auto trial = tests::endless(line, horizon_s / 20, horizon_s);
  return tests::estimate(tests::replications(trial, count), tests::rate_after_warm_up,
                         [&](const line::Trial& t) { return draws(t, expected); });
}

line::Line as_line(const std::vector<tests::ExponentialMachine>& chain, unsigned crews) {
  std::vector<line::Machine> machines;
  for (const auto& machine : chain) {
    machines.push_back(tests::exponential_machine("m" + std::to_string(machines.size()),
                                                  1 / machine.rate, machine.places_after));
    if (machine.failure > 0)
      machines.back().faults = {
          tests::trips(exponential(1 / machine.failure), exponential(1 / machine.repair))};
  }
  return tests::line_of(std::move(machines), crews);
}

/// The continuous line of two machines of equal speed 1 with operation-dependent failures (rates p)
/// and repairs (rates r), and a store of `size` seconds of work; exponential times. Inside the
/// store the densities of (one up, other down) are equal at every level x and proportional to
/// exp(lambda x); balance at both walls gives the masses there (Gershwin and Schick 1980; Gershwin
/// 1994, chapter 3). The share of time in which the line delivers.
double continuous_line(double p1, double r1, double p2, double r2, double size) {
  const double p = p1 + p2;
  const double r = r1 + r2;
  const double lambda = r1 + p2 - p1 * r / p - r2 * p / r;
  const double full = std::exp(lambda * size);  // density at the upper wall, 1 at the lower
  const double inside = std::abs(lambda * size) < 1e-9 ? size : (full - 1) / lambda;
  const double both_up = r / p * inside;
  const double both_down = p / r * inside;
  const double empty_running = 1 / p2;
  const double empty_starved = p / (p2 * r1);
  const double full_running = full / p1;
  const double full_blocked = full * p / (p1 * r2);
  const double delivers = both_up + inside + empty_running + full_running;
  return delivers / (delivers + inside + both_down + empty_starved + full_blocked);
}

}  // namespace

TEST_CASE("two exponential machines make what the truncated geometric distribution says") {
  // A birth-death chain on 0 .. B+2 (M/M/1/K with K = B+2): TH = mu2 (1 - p_0); equal rates:
  // mu (B+2)/(B+3) (Buzacott and Shanthikumar 1993).
  for (const auto& [mean_a, mean_b, places] :
       {std::tuple(6.0, 6.0, 0U), std::tuple(6.0, 6.0, 5U), std::tuple(5.0, 7.0, 4U)}) {
    const double rho = mean_b / mean_a;
    double sum = 0;
    for (unsigned n = 0; n < places + 3; ++n) sum += std::pow(rho, n);
    const double theory = (1 - 1 / sum) / mean_b;
    CHECK(tests::solve_line({{1 / mean_a, 0, 1, places}, {1 / mean_b, 0, 1, 0}}, 1).throughput ==
          Approx(theory).epsilon(1e-12));
    check_agrees(
        throughput(as_line({{1 / mean_a, 0, 1, places}, {1 / mean_b, 0, 1, 0}}, 1), theory, 14'000),
        theory);
  }
}

TEST_CASE("three exponential machines without buffers make 22/39 of one") {
  // Hunt 1956.
  const std::vector<tests::ExponentialMachine> chain(3, {1 / 6.0, 0, 1, 0});
  const double theory = 22.0 / 39 / 6;
  CHECK(tests::solve_line(chain, 1).throughput == Approx(theory).epsilon(1e-12));
  check_agrees(throughput(as_line(chain, 1), theory, 10'000), theory);
}

TEST_CASE("small exponential lines agree with their exact Markov chain") {
  // The first two are two-machine lines with exponential service, failure and repair (Gershwin and
  // Berman 1981); crews are shared and failures wait in order.
  struct Case {
    std::vector<tests::ExponentialMachine> chain;
    unsigned crews;
    double known;  ///< By an independent program (sparse solver); 0: none.
  };
  const std::vector<Case> cases = {
      {{{1, .01, .1, 3}, {1, .01, .1, 0}}, 1, .721196},
      {{{1, .01, .1, 4}, {1.2, .02, .1, 0}}, 2, 0},
      {{{1, .01, .1, 2}, {1, .01, .1, 2}, {1, .01, .1, 0}}, 1, .612634},
      {{{1, .01, .1, 2}, {1, .01, .1, 2}, {1, .01, .1, 0}}, 3, .614296},
      {{{1, .02, .2, 1}, {.9, .01, .1, 3}, {1.3, .03, .15, 0}}, 1, 0},
      {{{1, .01, .1, 1}, {1, .01, .1, 1}, {1, .01, .1, 1}, {1, .01, .1, 0}}, 1, 0},
  };
  for (const auto& [chain, crews, known] : cases) {
    const auto exact = tests::solve_line(chain, crews);
    INFO(chain.size() << " machines, " << crews << " crews, " << exact.states << " states");
    if (known > 0) CHECK(exact.throughput == Approx(known).epsilon(1e-5));
    check_agrees(throughput(as_line(chain, crews), exact.throughput,
                            exact.states > 1000 ? 16'000 : 24'000, 32),
                 exact.throughput);
  }
}

TEST_CASE("two steady machines and a buffer make what the continuous line makes") {
  // Deterministic cycles, exponential failures and repairs. Parts are small against the buffer; the
  // parts on the two machines count as store or not, so the store is B to B+2 parts of work.
  const double cycle_s = 5;
  for (const auto& [up_a, down_a, up_b, down_b, places] :
       {std::tuple(1000.0, 50.0, 1000.0, 50.0, 10U), std::tuple(800.0, 40.0, 1500.0, 70.0, 15U),
        std::tuple(1000.0, 50.0, 1000.0, 50.0, 50U)}) {
    const double low =
        continuous_line(1 / up_a, 1 / down_a, 1 / up_b, 1 / down_b, places * cycle_s);
    const double high =
        continuous_line(1 / up_a, 1 / down_a, 1 / up_b, 1 / down_b, (places + 2) * cycle_s);
    REQUIRE(high > low);
    REQUIRE(high < low * 1.012);
    auto a = tests::machine("a", cycle_s, places);
    a.faults = {tests::trips(exponential(up_a), exponential(down_a))};
    auto b = tests::machine("b", cycle_s, 0);
    b.faults = {tests::trips(exponential(up_b), exponential(down_b))};
    const auto made = throughput(tests::line_of({a, b}, 2), low / cycle_s, 20'000, 32);
    INFO("simulated " << made.mean * cycle_s << " +- " << made.half_width * cycle_s
                      << ", theory between " << low << " and " << high);
    CHECK(2 * made.half_width < tests::widest * made.mean);
    CHECK(made.high() * cycle_s >= low);
    CHECK(made.low() * cycle_s <= high);
  }
}

TEST_CASE("the continuous line has its known ends") {
  // No store: operation-dependent failures stop both, 1 / (1 + sum p/r). Much store: the weaker.
  CHECK(continuous_line(.001, .01, .002, .02, 0) == Approx(1 / (1 + .1 + .1)).epsilon(1e-9));
  CHECK(continuous_line(.001, .01, .0015, .01, 1e5) == Approx(1 / 1.15).epsilon(1e-3));
  CHECK(continuous_line(.001, .01, .001, .01, 100) ==
        Approx(continuous_line(.001, .01, .001 + 1e-12, .01, 100)).epsilon(1e-6));
}

TEST_CASE("a lone machine makes its efficiency over its cycle, whatever the distributions") {
  // Renewal reward: availability = E[up] / (E[up] + E[down]), TH = availability / E[cycle].
  using Kind = line::Distribution::Kind;
  line::FaultMode wear;
  wear.kind = line::FaultKind::bearing_wear;
  wear.onset = {Kind::weibull, 3000, 2, 0, 0};
  wear.progress = {Kind::uniform, 0, 0, 200, 1000};
  wear.repair = {Kind::lognormal, 400, 200, 0, 0};
  for (const bool wears : {true, false}) {
    auto machine = tests::machine("a", 100, 0);
    machine.cycle = {Kind::triangular, 90, 0, 50, 160};
    machine.faults = {wears ? wear : tests::trips(exponential(1800), exponential(300))};
    const double availability = wears ? 3600.0 / 4000 : 1800.0 / 2100;
    const auto trials = tests::replications(tests::endless(tests::line_of({machine}), 1, 1e6), 32);
    const auto known = [&](const line::Trial& trial) { return draws(trial, availability / 100); };
    std::vector<double> rates;
    check_agrees(tests::estimate(
                     trials,
                     [&](const line::Trial& trial, const line::Outcome& outcome) {
                       rates.push_back(tests::rate_after_warm_up(trial, outcome));
                       return 1 - outcome.machines[0].down_s / trial.horizon_s;
                     },
                     known),
                 availability);
    std::vector<std::vector<double>> controls;
    for (const auto& trial : trials) controls.push_back(known(trial));
    check_agrees(verdict::controlled_interval(rates, controls, tests::confidence),
                 availability / 100);
  }
}

TEST_CASE("a line without buffers makes at least what a line that stops as one makes") {
  // Buzacott 1967: 1 / (1 + sum MTTR/MTTF) holds for lines that stop together. Machines here go on
  // until they starve or block, and two can be down at once, so it is a lower bound; the weakest
  // machine alone is the upper one, and room between machines moves the line from one to the other.
  double before = 0;
  for (const unsigned places : {0U, 2U, 10U, 50U}) {
    std::vector<line::Machine> machines;
    for (int m = 0; m < 5; ++m) {
      machines.push_back(tests::machine("m" + std::to_string(m), 5, places));
      machines.back().faults = {tests::trips(exponential(1000), exponential(100))};
    }
    const double bound = 1 / (1 + 5 * 100.0 / 1000) / 5;
    const double weakest = 1 / (1 + 100.0 / 1000) / 5;
    const auto made = throughput(tests::line_of(std::move(machines), 5), bound, 6000, 32);
    INFO(places << " places: " << made.mean << " +- " << made.half_width << ", bounds " << bound
                << " and " << weakest);
    CHECK(made.high() >= bound);
    CHECK(made.low() <= weakest);
    if (places == 0) CHECK(made.mean < 1.03 * bound);
    CHECK(made.mean > before);
    before = made.mean;
  }
}
