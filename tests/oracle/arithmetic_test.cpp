// SPDX-License-Identifier: Apache-2.0
// Days that can be worked out with pencil and paper: every time must come out to the second, and
// every part must be somewhere.
#include <algorithm>
#include <cmath>
#include <utility>
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

std::uint64_t pick(std::uint64_t seed, std::uint64_t index, std::uint64_t low, std::uint64_t high) {
  return low + line::random_word(seed, 7, line::Purpose::scenario, index) % (high - low + 1);
}

/// A machine with working times, changeovers, services and releases, all in whole seconds.
line::Trial shift_day(std::uint64_t seed) {
  auto press = tests::machine("press", static_cast<double>(pick(seed, 0, 3, 40)), 0, 3);
  press.product_factor = {1, 2, 3};
  press.service = line::Distribution::constant(static_cast<double>(pick(seed, 1, 60, 3000)));
  for (std::uint64_t from = 0; from < 3; ++from)
    for (std::uint64_t to = 0; to < 3; ++to)
      press.changeover_s[from][to] =
          from == to ? 0 : static_cast<double>(pick(seed, 10 + 3 * from + to, 0, 2000));
  auto line = tests::line_of({press});
  line.products = {"a", "b", "c"};
  line::Calendar calendar;
  calendar.name = "shifts";
  double edge = 0;
  for (std::uint64_t span = 0; span < pick(seed, 30, 1, 4); ++span) {
    const double from = edge + static_cast<double>(pick(seed, 31 + span, 0, 5000));
    edge = from + static_cast<double>(pick(seed, 41 + span, 1, 9000));
    calendar.open.push_back({from, edge});
  }
  calendar.period_s = edge + static_cast<double>(pick(seed, 51, 0, 8000));
  calendar.start_s = static_cast<double>(pick(seed, 52, 0, 20'000) %
                                         static_cast<std::uint64_t>(calendar.period_s));
  for (std::uint64_t holiday = 0; holiday < pick(seed, 53, 0, 3); ++holiday) {
    const auto from = static_cast<double>(pick(seed, 54 + holiday, 0, 60'000));
    calendar.closed.push_back(
        {from, from + static_cast<double>(pick(seed, 58 + holiday, 1, 9000))});
  }
  line.calendars = {calendar};
  line.calendar = 0;
  std::vector<line::Order> orders;
  for (std::uint32_t o = 0; o < 6; ++o) {
    const auto release = pick(seed, 70 + o, 0, 3) == 0 ? pick(seed, 80 + o, 0, 40'000) : 0;
    orders.push_back({"o" + std::to_string(o),
                      {static_cast<std::uint32_t>(pick(seed, 60 + o, 0, 2))},
                      static_cast<std::uint32_t>(pick(seed, 90 + o, 1, 120)),
                      static_cast<double>(release)});
  }
  auto trial = tests::trial_of(std::move(line), std::move(orders), 4e6);
  for (std::uint64_t s = 0; s < pick(seed, 100, 0, 2); ++s)
    trial.schedule.services.push_back({{0},
                                       line::Service::When::at_time,
                                       static_cast<double>(pick(seed, 101 + s, 0, 50'000)),
                                       {}});
  trial.schedule.services.push_back({{0},
                                     line::Service::When::before_order,
                                     0,
                                     {static_cast<std::uint32_t>(pick(seed, 110, 0, 5))}});
  return trial;
}

/// The same day by somebody who looks at the clock every second: started and finished, by order.
std::vector<std::pair<double, double>> by_the_second(const line::Trial& trial) {
  const auto& machine = trial.line->machines[0];
  const auto& calendar = trial.line->calendars[0];
  const auto open = [&](std::size_t second) {
    const auto at = static_cast<double>(second);
    const double phase = std::fmod(at + calendar.start_s, calendar.period_s);
    const auto holds = [](double time) {
      return [time](const auto& span) { return time >= span.from_s && time < span.until_s; };
    };
    return std::any_of(calendar.open.begin(), calendar.open.end(), holds(phase)) &&
           std::none_of(calendar.closed.begin(), calendar.closed.end(), holds(at));
  };
  auto services = trial.schedule.services;
  std::size_t t = 0;
  const auto serve = [&](const auto& due) {
    const auto found = std::find_if(services.begin(), services.end(), due);
    if (found == services.end()) return false;
    services.erase(found);
    t += static_cast<std::size_t>(machine.service.mean);
    return true;
  };
  const auto until_ready = [&](const line::Order& order) {
    for (;; ++t) {
      const auto due = [&](const line::Service& service) {
        return service.when == line::Service::When::at_time &&
               service.at_s <= static_cast<double>(t);
      };
      do {
        while (!open(t)) ++t;
      } while (serve(due));
      if (static_cast<double>(t) >= order.release_s) return;
    }
  };
  std::vector<std::pair<double, double>> seen;
  const line::Order* before = nullptr;
  for (const auto& order : *trial.orders) {
    until_ready(order);
    const auto here = static_cast<std::uint32_t>(seen.size());
    while (serve([&](const line::Service& service) {
      return service.when == line::Service::When::before_order && service.order.index == here;
    })) {
    }
    if (before != nullptr)
      t += static_cast<std::size_t>(
          machine.changeover_s[before->product.index][order.product.index]);
    before = &order;
    for (std::uint32_t part = 0; part < order.quantity; ++part) {
      until_ready(order);
      if (part == 0) seen.emplace_back(t, 0);
      auto left = static_cast<std::uint64_t>(machine.cycle.mean *
                                             machine.product_factor[order.product.index]);
      for (; left > 0; ++t) left -= open(t) ? 1 : 0;
    }
    seen.back().second = static_cast<double>(t);
  }
  return seen;
}

}  // namespace

TEST_CASE("shifts, holidays, changeovers, services and releases come out to the second") {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) trials.push_back(shift_day(seed));
  const auto outcomes = tests::run(trials);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    INFO("seed " << i + 1);
    REQUIRE(outcomes[i].end == line::Outcome::End::done);
    const auto seen = by_the_second(trials[i]);
    for (std::size_t o = 0; o < seen.size(); ++o) {
      INFO("order " << o);
      CHECK(outcomes[i].orders[o].started_s == Approx(seen[o].first).margin(1e-6));
      CHECK(outcomes[i].orders[o].finished_s == Approx(seen[o].second).margin(1e-6));
    }
  }
}

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
