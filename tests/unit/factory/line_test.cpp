// SPDX-License-Identifier: Apache-2.0
// Parts, orders, buffers and changeovers of simulated lines.
#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using namespace foreline::tests;

TEST_CASE("one machine works its parts one after the other") {
  const auto outcome = run(trial_of(line_of({machine("m", 4, 0)}), one_order(10)));
  CHECK(outcome.end == Outcome::End::done);
  CHECK(outcome.end_s == Approx(40));
  CHECK(outcome.orders[0].started_s == 0);
  CHECK(outcome.orders[0].finished_s == Approx(40));
  CHECK(outcome.machines[0].good == 10);
  CHECK(outcome.machines[0].state_s[static_cast<std::size_t>(PackmlState::execute)] == Approx(40));
}

TEST_CASE("a fast machine is blocked by a full buffer and a slow one starves") {
  const auto outcome =
      run(trial_of(line_of({machine("fast", 1, 2), machine("slow", 3, 0)}), one_order(20)));
  // The slow machine gets its first part at 1 and then never waits.
  CHECK(outcome.end_s == Approx(1 + 20 * 3));
  CHECK(outcome.machines[0].blocked_s > 0);
  const auto reverse =
      run(trial_of(line_of({machine("slow", 3, 2), machine("fast", 1, 0)}), one_order(20)));
  CHECK(reverse.end_s == Approx(20 * 3 + 1));
  CHECK(reverse.machines[1].starved_s == Approx(19 * 2));
  CHECK(reverse.machines[0].blocked_s == 0);
}

TEST_CASE("without a buffer a finished part stays on its machine until the next one is free") {
  const auto outcome =
      run(trial_of(line_of({machine("a", 1, 0), machine("b", 5, 0)}), one_order(3)));
  // b: 1-6, 6-11, 11-16. a finishes its 2nd at 2, hands over at 6; its 3rd at 7, hands over at 11.
  CHECK(outcome.end_s == Approx(16));
  CHECK(outcome.machines[0].blocked_s == Approx(8));
}

TEST_CASE("orders wait for their release and follow the sequence") {
  auto trial =
      trial_of(line_of({machine("m", 2, 0)}), {{"late", {0}, 5, 100.0}, {"early", {0}, 5, 0.0}});
  auto outcome = run(trial);
  CHECK(outcome.orders[0].started_s == Approx(100));
  CHECK(outcome.orders[1].started_s == Approx(110));
  trial.schedule.sequence = {{1}, {0}};
  outcome = run(trial);
  CHECK(outcome.orders[1].finished_s == Approx(10));
  CHECK(outcome.orders[0].started_s == Approx(100));
  CHECK(outcome.machines[0].state_s[static_cast<std::size_t>(PackmlState::idle)] == Approx(90));
}

TEST_CASE("a changeover takes the time of its row and column, and products have their speed") {
  auto m = machine("m", 2, 0, 3);
  m.changeover_s = {{0, 10, 20}, {30, 0, 40}, {50, 60, 0}};
  m.product_factor = {1, 2, 3};
  auto line = line_of({m});
  line.products = {"a", "b", "c"};
  const auto outcome =
      run(trial_of(line, {{"1", {1}, 3}, {"2", {0}, 3}, {"3", {2}, 3}, {"4", {2}, 1}}));
  CHECK(outcome.machines[0].changeover_s == Approx(30 + 20));
  CHECK(outcome.end_s == Approx(3 * 4 + 30 + 3 * 2 + 20 + 4 * 6));
}

TEST_CASE("scrapped parts count for their order and nothing is lost") {
  auto first = machine("a", 1, 5);
  first.scrap_share = 0.2;
  auto second = machine("b", 1, 0);
  second.scrap_share = 0.1;
  const auto outcome = run(trial_of(line_of({first, second}), one_order(2000)));
  CHECK(outcome.end == Outcome::End::done);
  const auto& a = outcome.machines[0];
  const auto& b = outcome.machines[1];
  CHECK(a.good + a.scrap == 2000);
  CHECK(b.good + b.scrap == a.good);
  CHECK(a.scrap == Approx(400).margin(60));
  CHECK(outcome.orders[0].good == b.good);
  CHECK(outcome.orders[0].scrap == a.scrap + b.scrap);
}

TEST_CASE("a trial ends at its horizon with work open, and its states fill the time") {
  auto trial = trial_of(line_of({machine("a", 3, 1), machine("b", 4, 0)}), one_order(1000), 601.5);
  trial.want_gantt = true;
  const auto outcome = run(trial);
  CHECK(outcome.end == Outcome::End::horizon);
  CHECK(outcome.end_s == 601.5);
  CHECK(outcome.orders[0].finished_s == -1);
  for (const auto& one : outcome.machines) {
    double sum = 0;
    for (const double s : one.state_s) sum += s;
    CHECK(sum == Approx(601.5));
  }
  double worked = 0;
  for (const auto& bar : outcome.gantt)
    if (bar.machine.index == 1) worked = std::max(worked, bar.until_s);
  CHECK(worked == Approx(601.5));
}

TEST_CASE("a trial that passes its event limit ends as runaway") {
  auto trial = trial_of(line_of({machine("m", 1, 0)}), one_order(100'000));
  trial.event_limit = 1000;
  const auto outcome = run(trial);
  CHECK(outcome.end == Outcome::End::runaway);
  CHECK_FALSE(outcome.valid());
  CHECK_FALSE(outcome.error.empty());
}

TEST_CASE("an order of no parts is finished at once") {
  const auto outcome =
      run(trial_of(line_of({machine("m", 1, 0)}), {{"none", {0}, 0}, {"some", {0}, 3}}));
  CHECK(outcome.end == Outcome::End::done);
  CHECK(outcome.end_s == Approx(3));
}
