// SPDX-License-Identifier: Apache-2.0
// Days that can be worked out with pencil and paper: every time must come out to the second, and
// every part must be somewhere.
#include <cmath>
#include <vector>

#include "tests/oracle/replications.hpp"

using namespace foreline;

namespace {

/// Two products; a: 5 s, b: 8 s a part on the first machine.
line::Line two_products() {
  auto press = tests::machine("press", 5, 0, 2);
  press.product_factor = {1, 1.6};
  press.changeover_s = {{0, 300}, {420, 0}};
  auto line = tests::line_of({press});
  line.products = {"a", "b"};
  return line;
}

}  // namespace

TEST_CASE("changeovers cost what the matrix says, to the second") {
  // a 100 parts, b 50, b 25, a 10: 500 | +300 | 400 | 200 | +420 | 50.
  const auto outcome = tests::run(tests::trial_of(
      two_products(), {{"A", {0}, 100}, {"B", {1}, 50}, {"C", {1}, 25}, {"D", {0}, 10}}));
  CHECK(outcome.end_s == Approx(500 + 300 + 400 + 200 + 420 + 50).margin(1e-6));
  CHECK(outcome.machines[0].changeover_s == Approx(720).margin(1e-6));
  CHECK(outcome.orders[0].finished_s == Approx(500).margin(1e-6));
  CHECK(outcome.orders[1].started_s == Approx(800).margin(1e-6));
  CHECK(outcome.orders[1].finished_s == Approx(1200).margin(1e-6));
  CHECK(outcome.orders[2].finished_s == Approx(1400).margin(1e-6));
  CHECK(outcome.orders[3].started_s == Approx(1820).margin(1e-6));
  CHECK(outcome.orders[3].finished_s == Approx(1870).margin(1e-6));
  // The other way round: b first costs one changeover less of 420 and one more of 300.
  auto turned = tests::trial_of(two_products(),
                                {{"A", {0}, 100}, {"B", {1}, 50}, {"C", {1}, 25}, {"D", {0}, 10}});
  turned.schedule.sequence = {{1}, {2}, {0}, {3}};
  CHECK(tests::run(turned).end_s == Approx(400 + 200 + 420 + 500 + 50).margin(1e-6));
}

TEST_CASE("a release, a changeover and a service each begin and end to the second") {
  auto trial = tests::trial_of(two_products(), {{"A", {0}, 10}, {"B", {1}, 10, 1000}});
  trial.schedule.services = {{{0}, line::Service::When::before_order, 0, {1}}};
  const auto outcome = tests::run(trial);
  // a: 0..50; b is released at 1000: service 300, changeover 300, 80 of work.
  CHECK(outcome.orders[0].finished_s == Approx(50).margin(1e-6));
  CHECK(outcome.orders[1].started_s == Approx(1600).margin(1e-6));
  CHECK(outcome.end_s == Approx(1680).margin(1e-6));
  CHECK(outcome.machines[0].service_s == Approx(300).margin(1e-6));
}

TEST_CASE("tardiness is weight times lateness, to the second") {
  auto trial =
      tests::trial_of(two_products(), {{"A", {0}, 100, 0, 450, 2}, {"B", {1}, 50, 0, 1250, 5}});
  const auto measures = line::measures_of(trial, tests::run(trial));
  CHECK(measures.tardiness_s == Approx(2 * (500 - 450)).margin(1e-6));
  CHECK(measures.orders_late == 1);
  CHECK(measures.makespan_s == Approx(1200).margin(1e-6));
}

TEST_CASE("every part that entered has left, was scrapped, or is on the line") {
  std::vector<line::Machine> machines;
  for (int m = 0; m < 5; ++m) {
    machines.push_back(tests::exponential_machine("m" + std::to_string(m), 5, m % 3 * 2));
    machines.back().scrap_share = 0.03;
    machines.back().faults = {tests::trips(tests::exponential(600), tests::exponential(90))};
  }
  auto trial = tests::endless(tests::line_of(std::move(machines), 2), 0, 20'000);
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    trial.seed = seed;
    trial.want_state_at_s = 1000 + 450.0 * static_cast<double>(seed);
    trial.horizon_s = *trial.want_state_at_s;
    trials.push_back(trial);
  }
  const auto outcomes = tests::run(trials);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    INFO("seed " << trials[i].seed);
    const auto& now = outcomes[i].state.value();
    std::int64_t entered = now.machines[0].parts;
    std::int64_t found = outcomes[i].machines.back().good;
    for (std::size_t m = 0; m < now.machines.size(); ++m) {
      found += outcomes[i].machines[m].scrap + (now.machines[m].holds_part ? 1 : 0);
      if (m + 1 < now.machines.size()) found += now.buffer_level(m);
    }
    CHECK(found == entered);
  }
}
