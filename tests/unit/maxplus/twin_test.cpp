// SPDX-License-Identifier: Apache-2.0
// The recursion and the simulator share no code but the draws; on lines that both can express they
// must tell the same story to a billionth of a second.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "sim/line/random.hpp"
#include "sim/maxplus/evaluator.hpp"
#include "sim/select/comparison.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using line::Distribution;
using line::FaultKind;

namespace {

constexpr double tolerance_s = 1e-9;

double draw(std::uint64_t seed, std::uint64_t index, double low, double high) {
  return low + (high - low) * line::random_uniform(seed, 1, line::Purpose::scenario, index);
}

/// A random serial line with everything that the recursion knows, and enough crews.
line::Trial random_trial(std::uint64_t seed, bool scrap, std::uint32_t quantity) {
  const auto at = [&](std::uint64_t index, double low, double high) {
    return draw(seed, index, low, high);
  };
  std::vector<line::Machine> machines;
  const auto count = static_cast<std::size_t>(at(0, 1, 6.99));
  for (std::size_t m = 0; m < count; ++m) {
    const auto base = 100 * (m + 1);
    auto machine = tests::machine("m" + std::to_string(m), at(base, 2, 9),
                                  static_cast<std::uint32_t>(at(base + 1, 0, 4)), 3);
    if (m % 2 == 0) machine.cycle = {Distribution::Kind::lognormal, machine.cycle.mean, 1.5, 0, 0};
    for (auto& factor : machine.product_factor) factor = at(base + 2, 0.5, 2);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j)
        machine.changeover_s[i][j] = i == j ? 0 : at(base + 3 + 3 * i + j, 0, 60);
    if (scrap) machine.scrap_share = 0.05;
    machine.service = {Distribution::Kind::uniform, 0, 0, 50, 200};
    line::FaultMode wear;
    wear.kind = m % 3 == 1 && !scrap ? FaultKind::bearing_wear : FaultKind::tool_wear;
    if (!scrap) wear.kind = FaultKind::bearing_wear;
    wear.onset = {Distribution::Kind::weibull, 300, 2, 0, 0};
    wear.progress = {Distribution::Kind::lognormal, 200, 50, 0, 0};
    wear.repair = {Distribution::Kind::lognormal, 120, 30, 0, 0};
    line::FaultMode trip;
    trip.kind = FaultKind::motor_trip;
    trip.onset = {Distribution::Kind::exponential, 400, 0, 0, 0};
    trip.repair = {Distribution::Kind::exponential, 60, 0, 0, 0};
    machine.faults = {wear, trip};
    machines.push_back(std::move(machine));
  }
  auto line = tests::line_of(std::move(machines), 10);
  line.products = {"a", "b", "c"};
  std::vector<line::Order> orders;
  const std::uint32_t many = quantity == 1 ? 24 : 5;
  for (std::uint32_t o = 0; o < many; ++o)
    orders.push_back({"O" + std::to_string(o),
                      {o % 3},
                      quantity,
                      o == 2 ? at(7, 0, 400) : 0.0,
                      at(20 + o, 200, 2000),
                      static_cast<double>(1 + o % 2)});
  // Half of the days have an order that waits for the one before it, and one for two others.
  if (seed % 2 == 0) {
    orders[1].after = {{0}};
    orders[4].after = {{3}, {1}};
  }
  auto trial = tests::trial_of(std::move(line), std::move(orders), 50'000);
  trial.seed = seed;
  trial.random_faults = true;
  for (std::uint32_t m = 0; m < count; ++m) {
    trial.schedule.services.push_back({{m}, line::Service::When::at_time, at(50 + m, 0, 900), {}});
    trial.schedule.services.push_back({{m}, line::Service::When::before_order, 0, {3}});
  }
  line::ScriptedFault fault;
  fault.id = "f";
  fault.machine = {static_cast<std::uint32_t>(count - 1)};
  fault.kind = FaultKind::bearing_wear;
  fault.at_s = at(60, 0, 500);
  fault.fails_after_s = at(61, 0, 100);
  fault.repair_s = 77;
  trial.faults = {fault};
  return trial;
}

/// Gives the line, or single machines, working times of all kinds; also none that is open at first.
line::Trial with_shifts(line::Trial trial) {
  const auto at = [&](std::uint64_t index, double low, double high) {
    return draw(trial.seed, 5000 + index, low, high);
  };
  auto line = *trial.line;
  for (std::uint32_t c = 0; c < 3; ++c) {
    line::Calendar calendar;
    calendar.name = "c" + std::to_string(c);
    calendar.period_s = at(10 * c, 100, 400);
    calendar.start_s = at(10 * c + 1, 0, 400);
    double from_s = 0;
    for (std::uint32_t span = 0; span < 2; ++span) {
      from_s += at(10 * c + 2 + 2 * span, 0, 0.25) * calendar.period_s;
      const double until_s = from_s + at(10 * c + 3 + 2 * span, 0.05, 0.24) * calendar.period_s;
      calendar.open.push_back({from_s, until_s});
      from_s = until_s;
    }
    if (c == 1) calendar.closed.push_back({at(8, 0, 500), at(9, 500, 900)});
    line.calendars.push_back(calendar);
  }
  if (trial.seed % 3 != 0) line.calendar = 0;
  for (std::size_t m = 0; m < line.machines.size(); ++m)
    if (at(100 + m, 0, 1) < 0.4)
      line.machines[m].calendar = static_cast<std::uint32_t>(at(200 + m, 0, 2.99));
  trial.line = std::make_shared<const line::Line>(std::move(line));
  return trial;
}

void check_equal(const line::Trial& trial, const line::Outcome& outcome) {
  maxplus::Evaluator evaluator(trial, std::vector<std::uint64_t>{trial.seed});
  const auto future = evaluator.evaluate(trial.schedule)[0];
  const auto twin = line::measures_of(trial, outcome);
  const auto finished_s = evaluator.finished_s(trial.schedule, 0);
  REQUIRE(outcome.valid());
  CHECK(future.done == (outcome.end == line::Outcome::End::done));
  for (std::size_t o = 0; o < trial.orders->size(); ++o) {
    INFO("order " << o);
    CHECK(std::abs(finished_s[o] - outcome.orders[o].finished_s) < tolerance_s);
  }
  CHECK(future.measures.breakdowns == twin.breakdowns);
  CHECK(future.measures.services == twin.services);
  CHECK(future.measures.good_parts == twin.good_parts);
  CHECK(future.measures.scrap_parts == twin.scrap_parts);
  CHECK(std::abs(future.measures.downtime_s - twin.downtime_s) < 1e-7);
  CHECK(std::abs(future.measures.changeover_s - twin.changeover_s) < 1e-7);
  double service_s = 0;
  for (const auto& machine : outcome.machines) service_s += machine.service_s;
  CHECK(std::abs(future.service_s - service_s) < 1e-7);
  CHECK(std::abs(future.measures.tardiness_s - twin.tardiness_s) < 1e-7);
  CHECK(std::abs(future.measures.makespan_s - twin.makespan_s) < tolerance_s);
  CHECK(future.measures.ahead_late == twin.ahead_late);
  CHECK(std::abs(future.measures.ahead_tardiness_s - twin.ahead_tardiness_s) < 1e-7);
  CHECK(std::abs(future.measures.ahead_makespan_s - twin.ahead_makespan_s) < tolerance_s);
  CHECK(std::abs(future.measures.ahead_flow_s - twin.ahead_flow_s) < 1e-7);
  CHECK(future.measures.ahead_parts == twin.ahead_parts);
}

}  // namespace

TEST_CASE("on the same streams the recursion ends orders when the simulator does") {
  for (const bool scrap : {false, true}) {
    std::vector<line::Trial> trials;
    for (std::uint64_t seed = 1; seed <= 60; ++seed)
      trials.push_back(random_trial(seed, scrap, 25));
    const auto outcomes = tests::run(trials);
    for (std::size_t i = 0; i < trials.size(); ++i) {
      INFO("seed " << trials[i].seed << (scrap ? ", scrap" : ""));
      check_equal(trials[i], outcomes[i]);
    }
  }
}

TEST_CASE("every part is taken and finished when the simulator takes and finishes it") {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    trials.push_back(random_trial(seed, seed % 2 == 0, 1));
    trials.back().want_gantt = true;
  }
  const auto outcomes = tests::run(trials);
  std::size_t compared = 0;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::pair<double, double>> worked;
    for (const auto& bar : outcomes[i].gantt) {
      if (bar.what != line::Occupation::What::work) continue;
      const auto key = std::pair(bar.machine.index, bar.order.index);
      worked.emplace(key, std::pair(bar.from_s, bar.until_s));
      worked[key].second = bar.until_s;
    }
    maxplus::Evaluator evaluator(trials[i], std::vector<std::uint64_t>{trials[i].seed});
    for (const auto& visit : evaluator.visits(trials[i].schedule, 0)) {
      const auto found = worked.find({visit.machine, visit.order});
      INFO("seed " << trials[i].seed << ", machine " << visit.machine << ", order " << visit.order);
      REQUIRE(found != worked.end());
      CHECK(visit.taken_s <= found->second.first + tolerance_s);
      CHECK(std::abs(visit.done_s - found->second.second) < tolerance_s);
      CHECK(visit.left_s >= visit.done_s);
      ++compared;
    }
  }
  CHECK(compared > 1500);
}

TEST_CASE("from the middle of a day, with a forecast, both go on alike") {
  for (const bool scrap : {false, true}) {
    std::vector<line::Trial> starts;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      starts.push_back(random_trial(seed, scrap, 25));
      starts.back().faults.clear();
      starts.back().want_state_at_s = draw(seed, 77, 50, 700);
    }
    const auto days = tests::run(starts);
    std::vector<line::Trial> trials;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (!days[i].state) continue;
      auto trial = random_trial(starts[i].seed, scrap, 25);
      trial.from = days[i].state;
      for (auto& fault : trial.faults) fault.at_s += trial.from->at_s;
      line::Hazard hazard{{0}, trial.line->machines[0].faults[0].kind, {}};
      for (std::size_t h = 0; h < hazard.within.size(); ++h)
        hazard.within[h] = static_cast<float>(0.09 * static_cast<double>(h + 1));
      trial.hazards = {hazard};
      trial.seed = 1000 + starts[i].seed;
      trials.push_back(std::move(trial));
    }
    REQUIRE(trials.size() > 40);
    const auto outcomes = tests::run(trials);
    for (std::size_t i = 0; i < trials.size(); ++i) {
      INFO("seed " << trials[i].seed << (scrap ? ", scrap" : ""));
      check_equal(trials[i], outcomes[i]);
    }
  }
}

TEST_CASE("both meet alike the faults that a forecast has not seen") {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto trial = random_trial(seed, seed % 2 == 0, 25);
    auto line = *trial.line;
    for (auto& machine : line.machines) {
      machine.cycle.mean *= 60;
      machine.cycle.spread *= 60;
      for (auto& mode : machine.faults) mode.onset.mean *= 40;
    }
    trial.line = std::make_shared<const line::Line>(std::move(line));
    trial.from = line::LineNow{};
    for (std::size_t m = 0; m < trial.line->machines.size(); ++m) {
      auto& now = trial.from->machines.emplace_back();
      now.operating_s = draw(seed, 900 + m, 0, 9000);
      now.progress.resize(trial.orders->size());
      trial.hazards.push_back(
          {{static_cast<std::uint32_t>(m)}, trial.line->machines[m].faults[0].kind, {}});
      trial.hazards.back().within.fill(0.1F);
    }
    trial.schedule.services.clear();
    trial.faults.clear();
    trials.push_back(std::move(trial));
  }
  const auto outcomes = tests::run(trials);
  std::size_t behind = 0;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    INFO("seed " << trials[i].seed);
    check_equal(trials[i], outcomes[i]);
    for (const auto& fault : outcomes[i].faults)
      if (line::gives_warning(fault.kind) && fault.failed_s > line::forecast_horizons_s.back())
        ++behind;
  }
  CHECK(behind > 30);
}

TEST_CASE("both rest outside shifts, hand over in them, and end orders at the same times") {
  for (const std::uint32_t quantity : {1U, 25U})
    for (const bool scrap : {false, true}) {
      std::vector<line::Trial> starts;
      for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        starts.push_back(with_shifts(random_trial(seed, scrap, quantity)));
        starts.back().want_state_at_s = draw(seed, 78, 50, 2000);
      }
      const auto days = tests::run(starts);
      std::vector<line::Trial> trials;
      for (std::size_t i = 0; i < starts.size(); ++i) {
        INFO("seed " << starts[i].seed << (scrap ? ", scrap" : ""));
        REQUIRE(maxplus::obstacles(*starts[i].line).empty());
        check_equal(starts[i], days[i]);
        if (!days[i].state) continue;
        trials.push_back(starts[i]);
        trials.back().faults.clear();
        trials.back().from = days[i].state;
        trials.back().seed += 1000;
      }
      // From the middle of it, on or off shift.
      const auto outcomes = tests::run(trials);
      for (std::size_t i = 0; i < trials.size(); ++i) {
        INFO("from the middle, seed " << trials[i].seed << (scrap ? ", scrap" : ""));
        check_equal(trials[i], outcomes[i]);
      }
    }
}

TEST_CASE("both service machines by the calendar, by age and by condition at the same times") {
  std::size_t served = 0;
  for (const bool middle : {false, true})
    for (const bool scrap : {false, true}) {
      std::vector<line::Trial> trials;
      for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        auto trial = random_trial(seed, scrap, 25);
        if (seed % 3 == 0) trial = with_shifts(std::move(trial));
        auto line = *trial.line;
        for (std::size_t m = 0; m < line.machines.size(); ++m) {
          const auto at = [&](std::uint64_t index, double low, double high) {
            return draw(seed, 7000 + 10 * m + index, low, high);
          };
          auto& machine = line.machines[m];
          machine.service_quality = at(0, 0, 1) < 0.5 ? 1 : 0.6;
          line::Maintenance rule;
          if (at(1, 0, 1) < 0.4) {
            rule.rule = line::Maintenance::Rule::age;
            rule.every_s = at(2, 60, 400);
            machine.maintenance.push_back(rule);
          }
          if (at(3, 0, 1) < 0.4) {
            rule.rule = line::Maintenance::Rule::calendar;
            rule.every_s = at(4, 150, 900);
            machine.maintenance.push_back(rule);
          }
          if (at(5, 0, 1) < 0.4) {
            rule.rule = line::Maintenance::Rule::condition;
            rule.every_s = at(6, 20, 100);
            rule.kind = machine.faults[0].kind;
            rule.at_damage = at(7, 0.1, 0.9);
            machine.maintenance.push_back(rule);
          }
        }
        trial.line = std::make_shared<const line::Line>(std::move(line));
        REQUIRE(maxplus::obstacles(*trial.line).empty());
        if (seed % 4 == 0) trial.horizon_s = draw(seed, 7900, 300, 1500);
        if (middle) trial.want_state_at_s = draw(seed, 7901, 50, 700);
        trials.push_back(std::move(trial));
      }
      auto outcomes = tests::run(trials);
      if (middle) {
        std::vector<line::Trial> later;
        for (std::size_t i = 0; i < trials.size(); ++i) {
          if (!outcomes[i].state) continue;
          later.push_back(trials[i]);
          later.back().faults.clear();
          later.back().from = outcomes[i].state;
          later.back().seed += 1000;
        }
        trials = std::move(later);
        outcomes = tests::run(trials);
      }
      for (std::size_t i = 0; i < trials.size(); ++i) {
        INFO("seed " << trials[i].seed << (scrap ? ", scrap" : "") << (middle ? ", middle" : ""));
        check_equal(trials[i], outcomes[i]);
        for (const auto& machine : outcomes[i].machines) served += machine.services;
      }
    }
  CHECK(served > 1000);
}

TEST_CASE("a horizon cuts both at the same place") {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    auto trial = random_trial(seed, true, 25);
    if (seed % 2 == 0) trial = with_shifts(std::move(trial));
    trial.horizon_s = draw(seed, 99, 200, 900);
    trial.want_state_at_s = draw(seed, 98, 50, 200);
    trials.push_back(std::move(trial));
  }
  std::size_t open = 0;
  for (const bool middle : {false, true}) {
    const auto outcomes = tests::run(trials);
    for (std::size_t i = 0; i < trials.size(); ++i) {
      INFO("seed " << trials[i].seed << (middle ? ", from the middle" : ""));
      check_equal(trials[i], outcomes[i]);
      open += outcomes[i].end == line::Outcome::End::horizon ? 1 : 0;
      if (!outcomes[i].state) continue;
      trials[i].faults.clear();
      trials[i].from = outcomes[i].state;
      trials[i].want_state_at_s.reset();
      trials[i].seed += 1000;
    }
  }
  CHECK(open > 40);
}

TEST_CASE("with one crew for all the recursion is still a good control for the simulator") {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    auto trial = random_trial(4, true, 25);
    auto line = *trial.line;
    line.crews = 1;
    trial.line = std::make_shared<line::Line>(line);
    trial.seed = seed;
    trials.push_back(trial);
  }
  const auto outcomes = tests::run(trials);
  std::vector<std::uint64_t> seeds;
  std::vector<double> twin;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    seeds.push_back(trials[i].seed);
    twin.push_back(line::measures_of(trials[i], outcomes[i]).makespan_s);
  }
  maxplus::Evaluator evaluator(trials[0], seeds);
  std::vector<double> model;
  for (const auto& future : evaluator.evaluate(trials[0].schedule))
    model.push_back(future.measures.makespan_s);
  const double correlation = select::correlation_of(twin, model);
  INFO("correlation " << correlation);
  CHECK(correlation > 0.75);
  CHECK(correlation < 1);
}
