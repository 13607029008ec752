// SPDX-License-Identifier: Apache-2.0
// Futures that begin in the middle of a shift, and forecasts as hazards.
#include <catch2/catch.hpp>

#include "sim/line/random.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using namespace foreline::tests;

namespace {

Trial two_products() {
  auto a = machine("a", 4, 6, 2);
  auto b = machine("b", 5, 3, 2);
  auto c = machine("c", 3, 0, 2);
  for (auto* m : {&a, &b, &c}) {
    m->cycle = {Distribution::Kind::normal, m->cycle.mean, 0.3, 0, 0};
    m->changeover_s = {{0, 120}, {90, 0}};
    m->product_factor = {1, 1.2};
    m->scrap_share = 0.02;
  }
  auto line = line_of({a, b, c});
  line.products = {"x", "y"};
  auto trial = trial_of(line, {{"1", {0}, 60}, {"2", {1}, 50}, {"3", {0}, 70, 400}});
  trial.schedule.services = {{{1}, Service::When::before_order, 0, {1}},
                             {{0}, Service::When::at_time, 500, {}}};
  return trial;
}

}  // namespace

TEST_CASE("a future that starts from the line's state is the line's own future") {
  auto whole = two_products();
  std::vector<Trial> asked;
  for (double at_s = 7; at_s < 1000; at_s += 41) {
    asked.push_back(whole);
    asked.back().want_state_at_s = at_s;
  }
  const auto past = run(asked);
  std::vector<Trial> futures;
  for (const auto& outcome : past) {
    REQUIRE(outcome.state);
    futures.push_back(whole);
    futures.back().from = outcome.state;
  }
  const auto future = run(futures);
  for (std::size_t i = 0; i < future.size(); ++i) {
    INFO("from " << futures[i].from->at_s);
    CHECK(future[i].end == Outcome::End::done);
    CHECK(future[i].end_s == Approx(past[i].end_s).epsilon(1e-9));
    for (std::size_t o = 0; o < 3; ++o) {
      CHECK(future[i].orders[o].good == past[i].orders[o].good);
      CHECK(future[i].orders[o].scrap == past[i].orders[o].scrap);
      if (past[i].orders[o].finished_s > futures[i].from->at_s)
        CHECK(future[i].orders[o].finished_s == Approx(past[i].orders[o].finished_s));
    }
  }
}

TEST_CASE("every order ends that is begun in the middle of a split, of rework or of components") {
  const auto source = [](const char* name, double cycle_s, std::uint32_t places) {
    auto first = machine(name, cycle_s, places);
    first.after = std::vector<std::uint32_t>{};
    return first;
  };
  auto saw = machine("saw", 5, 12);
  saw.gives = 6;
  auto weld = machine("weld", 20, 20);
  weld.cycle = {Distribution::Kind::exponential, 20, 0, 0, 0};
  auto test = machine("test", 5, 0);
  test.inspection = {1, 0.5, 1, 2, 0U};
  auto body = source("body", 5, 4);
  auto wheel = source("wheel", 1, 4);
  body.scrap_share = wheel.scrap_share = 0.2;
  auto join = machine("join", 5, 10);
  join.after = std::vector<std::uint32_t>{0, 1};
  join.takes = {1, 4};
  auto look = machine("look", 4, 0);
  look.after = std::vector<std::uint32_t>{2};
  look.inspection = {1, 0.5, 1, 1, 2U};
  const std::vector<Line> lines = {line_of({saw, machine("deburr", 4, 0)}), line_of({weld, test}),
                                   line_of({body, wheel, join, look})};
  std::vector<Trial> asked;
  for (const auto& line : lines) {
    for (double at_s = 13; at_s < 700; at_s += 67) {
      asked.push_back(trial_of(line, {{"A", {0}, 20}, {"B", {0}, 30}, {"C", {0}, 10}}));
      asked.back().want_state_at_s = at_s;
    }
  }
  const auto past = run(asked);
  auto futures = asked;
  for (std::size_t i = 0; i < futures.size(); ++i) futures[i].from = past[i].state;
  const auto future = run(futures);
  std::size_t open = 0;
  for (std::size_t i = 0; i < future.size(); ++i) {
    if (!past[i].state) continue;
    ++open;
    const auto parts = i < asked.size() / 3 ? 6 : 1;
    INFO(asked[i].line->machines.front().name << " from " << futures[i].from->at_s);
    CHECK(future[i].end == Outcome::End::done);
    for (std::size_t o = 0; o < 3; ++o) {
      const auto& order = future[i].orders[o];
      // A component that is scrapped is made again.
      const auto counted = order.good + (asked[i].line->machines.size() == 2 ? order.scrap : 0);
      if (asked[i].line->machines.size() == 2)
        CHECK(counted == parts * (*asked[i].orders)[o].quantity);
      else
        CHECK(counted <= (*asked[i].orders)[o].quantity);
    }
  }
  CHECK(open > 20);
}

TEST_CASE("a machine that is down stays down for the rest of its repair") {
  auto trial = trial_of(line_of({machine("m", 10, 0)}), one_order(10));
  trial.faults = {{"f", {0}, FaultKind::bearing_wear, 20, 5, 300}};
  trial.want_state_at_s = 125;
  const auto past = run(trial);
  REQUIRE(past.state);
  CHECK(past.state->machines[0].state == PackmlState::held);
  CHECK(past.state->machines[0].down_remaining_s == Approx(200));
  CHECK(past.state->machines[0].remaining_s == Approx(5));
  trial.from = past.state;
  trial.want_state_at_s.reset();
  const auto future = run(trial);
  CHECK(future.end_s == Approx(past.end_s));
  CHECK(future.machines[0].down_s == Approx(200));
}

TEST_CASE("a machine that waits for a crew is not up by magic") {
  auto line = line_of({machine("a", 10, 50), machine("b", 10, 0)});
  line.machines[1].faults = {
      {FaultKind::motor_trip, Distribution::constant(1e9), {}, Distribution::constant(70)}};
  auto trial = trial_of(line, one_order(40));
  trial.faults = {{"f", {0}, FaultKind::motor_trip, 101, 0, 200},
                  {"g", {1}, FaultKind::motor_trip, 103, 0, 0}};
  trial.want_state_at_s = 150;
  const auto past = run(trial);
  REQUIRE(past.state);
  CHECK(past.state->machines[1].state == PackmlState::held);
  CHECK(past.state->machines[1].down_remaining_s == 0);
  trial.from = past.state;
  const auto future = run(trial);
  CHECK(future.machines[1].down_s == Approx(301 + 70 - 150));
}

TEST_CASE("a hazard that is certain by the first horizon stops the machine by then") {
  auto line = line_of({machine("m", 5, 0)});
  line.machines[0].faults = {{FaultKind::bearing_wear, Distribution::constant(1e9),
                              Distribution::constant(100), Distribution::constant(60)}};
  auto trial = trial_of(line, one_order(4000), 20'000);
  trial.random_faults = true;
  trial.want_state_at_s = 1000;
  trial.from = run(trial).state;
  Hazard hazard;
  hazard.within.fill(1.0F);
  trial.hazards = {hazard};
  std::vector<Trial> trials(64, trial);
  for (std::size_t i = 0; i < trials.size(); ++i) trials[i].seed = i;
  for (const auto& outcome : run(trials)) {
    REQUIRE(outcome.machines[0].breakdowns == 1);
    CHECK(outcome.faults[0].failed_s >= 1000);
    CHECK(outcome.faults[0].failed_s <= 1300.001);
  }
}

TEST_CASE("faults of a hazard are as frequent as the forecast says, at the times it says") {
  auto line = line_of({machine("m", 50, 0)});
  line.machines[0].faults = {{FaultKind::tool_wear, Distribution::constant(1e9),
                              Distribution::constant(100), Distribution::constant(60)}};
  auto trial = trial_of(line, one_order(4000), 20'000);
  trial.random_faults = true;
  trial.from = LineNow{0, {MachineNow{}}};
  trial.from->machines[0].progress.resize(1);
  Hazard hazard{{0}, FaultKind::tool_wear, {}};
  for (std::size_t i = 0; i < hazard.within.size(); ++i)
    hazard.within[i] = 0.06F * static_cast<float>(i + 1);
  trial.hazards = {hazard};
  std::vector<Trial> trials(400, trial);
  for (std::size_t i = 0; i < trials.size(); ++i) trials[i].seed = 1000 + i;
  const auto outcomes = run(trials);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const double u = random_uniform(trials[i].seed, 0, Purpose::forecast,
                                    static_cast<std::uint64_t>(FaultKind::tool_wear));
    CHECK((outcomes[i].machines[0].breakdowns == 1) == (u <= 0.6));
    for (std::size_t h = 0; h < hazard.within.size(); ++h) {
      const bool by = outcomes[i].machines[0].breakdowns == 1 &&
                      outcomes[i].faults[0].failed_s <= forecast_horizons_s[h] + 1e-3;
      if (std::abs(u - hazard.within[h]) > 1e-6) CHECK(by == (u <= hazard.within[h]));
    }
  }
}

TEST_CASE("a fault that the forecast does not see comes later, as often as the mode says") {
  auto line = line_of({machine("m", 50, 0)});
  line.machines[0].faults = {{FaultKind::tool_wear,
                              {Distribution::Kind::exponential, 20'000, 0, 0, 0},
                              Distribution::constant(1000),
                              Distribution::constant(60)}};
  auto trial = trial_of(line, one_order(4000), 28'800);
  trial.random_faults = true;
  trial.from = LineNow{0, {MachineNow{}}};
  trial.from->machines[0].progress.resize(1);
  trial.hazards = {{{0}, FaultKind::tool_wear, {}}};
  std::vector<Trial> trials(400, trial);
  for (std::size_t i = 0; i < trials.size(); ++i) trials[i].seed = 1000 + i;
  std::size_t failed = 0;
  for (const auto& outcome : run(trials)) {
    if (outcome.machines[0].breakdowns == 0) continue;
    ++failed;
    CHECK(outcome.faults[0].failed_s >= forecast_clear_s - 1e-6);
  }
  // 1 - exp(-(28,800 - 7200) / 20,000), and three standard errors.
  CHECK(static_cast<double>(failed) / 400 == Approx(0.660).margin(0.071));
}

TEST_CASE("a service cancels the forecast fault, the repair of another kind does not") {
  auto line = line_of({machine("m", 5, 0)});
  line.machines[0].faults = {{FaultKind::bearing_wear, Distribution::constant(1e9),
                              Distribution::constant(100), Distribution::constant(60)},
                             {FaultKind::jam, Distribution::constant(1e9),
                              Distribution::constant(100), Distribution::constant(60)}};
  auto trial = trial_of(line, one_order(2000), 20'000);
  trial.from = LineNow{0, {MachineNow{}}};
  trial.from->machines[0].progress.resize(1);
  Hazard hazard;
  hazard.within.fill(0);
  for (std::size_t i = 3; i < hazard.within.size(); ++i) hazard.within[i] = 1;  // 1200-1800 s
  trial.hazards = {hazard};
  trial.faults = {{"j", {0}, FaultKind::jam, 300, 100, 60}};
  auto outcome = run(trial);
  CHECK(outcome.machines[0].breakdowns == 2);
  trial.schedule.services = {{{0}, Service::When::at_time, 600, {}}};
  outcome = run(trial);
  CHECK(outcome.machines[0].breakdowns == 1);
  CHECK(outcome.machines[0].services == 1);
}

TEST_CASE("a future from an odd time ends at its horizon, whatever the sum of both rounds to") {
  auto whole = two_products();
  whole.horizon_s = 600;
  std::vector<Trial> asked;
  for (double at_s = 7; at_s < 500; at_s += 3.7 / 3) {
    asked.push_back(whole);
    asked.back().want_state_at_s = at_s;
  }
  std::vector<Trial> futures;
  for (const auto& outcome : run(asked)) {
    REQUIRE(outcome.state);
    futures.push_back(whole);
    futures.back().from = outcome.state;
  }
  for (const auto& outcome : run(futures)) {
    CHECK(outcome.end == Outcome::End::horizon);
    CHECK(outcome.end_s == Approx(600));
  }
}
