// SPDX-License-Identifier: Apache-2.0
// Several servers and limited room: M/M/c/K by its birth-death chain (Gross and Harris,
// Fundamentals of Queueing Theory, section 2.5). A source that makes parts at rate lambda and keeps
// a finished one when there is no room is an arrival process that is off while the room is full:
// the part it keeps is the K-th, so K = servers + places + 1, and the share of time in which it is
// blocked is the share of arrivals that M/M/c/K turns away.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/oracle/replications.hpp"

using namespace foreline;
using tests::check_agrees;
using tests::exponential;

namespace {

struct System {
  double gap_s = 1;      ///< Mean time between arrivals.
  double service_s = 1;  ///< Of one server.
  std::uint32_t servers = 1;
  std::uint32_t places = 0;  ///< Between the source and the servers.
  [[nodiscard]] std::uint32_t room() const { return servers + places + 1; }
};

/// p_n = p_0 prod_{k<=n} lambda / (mu min(k, c)), n = 0 .. K.
std::vector<double> stationary(const System& system) {
  std::vector<double> p = {1};
  for (std::uint32_t n = 1; n <= system.room(); ++n)
    p.push_back(p.back() * system.service_s / system.gap_s / std::min(n, system.servers));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (auto& share : p) share /= sum;
  return p;
}

line::Trial trial_of(const System& system, double parts) {
  std::vector<line::Machine> machines = {
      tests::exponential_machine("source", system.gap_s, system.places)};
  for (std::uint32_t s = 0; s < system.servers; ++s) {
    machines.push_back(
        tests::exponential_machine("server-" + std::to_string(s + 1), system.service_s, 0));
    machines.back().after = {0};
    if (s > 0) machines.back().unit_of = 1;
  }
  const double rate = (1 - stationary(system).back()) / system.gap_s;
  auto trial = tests::endless(tests::line_of(std::move(machines)), 0, parts / rate);
  trial.random_faults = false;
  trial.want_state_at_s.reset();
  trial.replication = true;
  return trial;
}

/// What a machine's draws came to beyond their expectation, up to the part that it has not handed
/// over: a stopping time, so that the expectation is 0 (Wald).
double surplus(const line::Trial& trial, const line::Outcome& outcome, std::uint32_t machine) {
  const auto& cycle = trial.line->machines[machine].cycle;
  double sum = 0;
  for (std::uint64_t k = 0; k <= outcome.machines[machine].good; ++k)
    sum += cycle.quantile(line::random_uniform(trial.seed, machine, line::Purpose::cycle, k)) -
           cycle.expectation();
  return sum;
}

}  // namespace

TEST_CASE("several servers with limited room are M/M/c/K") {
  struct Case {
    System system;
    bool blocking;  ///< Blocked often enough for its share to be estimated to half a per cent.
  };
  for (const auto& [system, blocking] :
       {Case{{5, 12, 3, 2}, false}, Case{{6, 9, 2, 0}, false}, Case{{4, 14, 3, 4}, true},
        Case{{3, 11, 2, 3}, true}, Case{{2, 9, 5, 10}, false}}) {
    INFO("c = " << system.servers << ", K = " << system.room() << ", offered load "
                << system.service_s / system.gap_s);
    const auto p = stationary(system);
    const double rate = (1 - p.back()) / system.gap_s;
    double in_system = 0;
    for (std::size_t n = 0; n < p.size(); ++n) in_system += static_cast<double>(n) * p[n];
    const auto trials = tests::replications(trial_of(system, 200'000), 24);
    const auto outcomes = tests::run_patiently(trials);
    std::vector<double> made, level, turned_away;
    std::vector<std::vector<double>> known;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      REQUIRE(outcomes[i].end == line::Outcome::End::horizon);
      const double span_s = trials[i].horizon_s;
      const auto& source = outcomes[i].machines[0];
      made.push_back(static_cast<double>(outcomes[i].left) / span_s);
      turned_away.push_back(source.blocked_s / span_s);
      // What the source works on has not arrived yet.
      level.push_back((outcomes[i].work_in_process_s - (span_s - source.blocked_s)) / span_s);
      double service = 0;
      for (std::uint32_t s = 1; s <= system.servers; ++s)
        service += surplus(trials[i], outcomes[i], s);
      known.push_back({surplus(trials[i], outcomes[i], 0), service});
    }
    const auto estimated = [&](const std::vector<double>& values) {
      return verdict::controlled_interval(values, known, tests::confidence);
    };
    check_agrees(estimated(made), rate);
    check_agrees(estimated(level), in_system);
    if (blocking) check_agrees(estimated(turned_away), p.back());
  }
}
