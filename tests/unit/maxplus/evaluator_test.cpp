// SPDX-License-Identifier: Apache-2.0
#include "sim/maxplus/evaluator.hpp"

#include <catch2/catch.hpp>
#include <numeric>

#include "sim/line/random.hpp"
#include "sim/search/checker.hpp"
#include "sim/search/flow_shop.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

double draw(std::uint64_t seed, std::uint64_t index, double low, double high) {
  return low + (high - low) * line::random_uniform(seed, 0, line::Purpose::scenario, index);
}

search::FlowShop shop_of(std::uint64_t seed, bool blocking) {
  search::FlowShop shop;
  shop.jobs = static_cast<std::size_t>(draw(seed, 1, 2, 12));
  shop.machines = static_cast<std::size_t>(draw(seed, 2, 1, 7));
  shop.blocking = blocking;
  for (std::size_t i = 0; i < shop.jobs * shop.machines; ++i)
    shop.time.push_back(static_cast<std::int32_t>(draw(seed, 10 + i, 1, 100)));
  return shop;
}

/// The shop as a line: every job an order of one part of a product of its own.
line::Trial line_of(const search::FlowShop& shop, std::uint32_t places) {
  std::vector<line::Machine> machines;
  for (std::size_t m = 0; m < shop.machines; ++m) {
    machines.push_back(tests::machine("m" + std::to_string(m), 1, places, shop.jobs));
    for (std::size_t j = 0; j < shop.jobs; ++j) machines.back().product_factor[j] = shop.at(j, m);
  }
  auto line = tests::line_of(std::move(machines), 100);
  line.products.clear();
  std::vector<line::Order> orders;
  for (std::uint32_t j = 0; j < shop.jobs; ++j) {
    line.products.push_back("p" + std::to_string(j));
    orders.push_back({"J" + std::to_string(j), {j}, 1});
  }
  return tests::trial_of(std::move(line), std::move(orders));
}

line::Schedule schedule_of(const std::vector<std::int32_t>& permutation) {
  line::Schedule schedule;
  for (const auto job : permutation) schedule.sequence.push_back({static_cast<std::uint32_t>(job)});
  return schedule;
}

}  // namespace

TEST_CASE(
    "without places behind machines it is the blocking flow shop, with room the classic one") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    for (const bool blocking : {true, false}) {
      const auto shop = shop_of(seed, blocking);
      const auto places = blocking ? 0U : static_cast<std::uint32_t>(shop.jobs);
      maxplus::Evaluator evaluator(line_of(shop, places), std::vector<std::uint64_t>{seed});
      auto permutation = search::neh(shop).permutation;
      for (int turn = 0; turn < 3; ++turn) {
        std::rotate(permutation.begin(), permutation.begin() + 1, permutation.end());
        const auto times = search::times_of(shop, permutation);
        search::Time makespan = 0;
        for (const auto& job : times) makespan = std::max(makespan, job.back().end);
        INFO("seed " << seed << (blocking ? ", blocking" : ", classic"));
        const auto schedule = schedule_of(permutation);
        CHECK(evaluator.evaluate(schedule)[0].measures.makespan_s == double(makespan));
        for (const auto& visit : evaluator.visits(schedule, 0)) {
          CHECK(visit.taken_s == double(times[visit.order][visit.machine].start));
          if (blocking) CHECK(visit.left_s == double(times[visit.order][visit.machine].end));
        }
      }
    }
  }
}

TEST_CASE("without faults and with constant times all futures are one") {
  auto trial = line_of(shop_of(3, false), 2);
  trial.random_faults = true;  // of which the machines have none
  const std::vector<std::uint64_t> seeds = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  maxplus::Evaluator evaluator(trial, seeds);
  const auto futures = evaluator.evaluate(trial.schedule);
  REQUIRE(futures.size() == seeds.size());
  for (const auto& future : futures) {
    CHECK(future.measures.makespan_s == futures[0].measures.makespan_s);
    CHECK(future.done);
    CHECK(future.measures.breakdowns == 0);
    CHECK(future.measures.downtime_s == 0);
  }
}

TEST_CASE("more places never delay, and one place less than the parts is as good as any number") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto shop = shop_of(seed, false);
    double before = 1e18;
    for (std::uint32_t places = 0; places <= shop.jobs + 2; ++places) {
      auto trial = line_of(shop, places);
      maxplus::Evaluator evaluator(trial, std::vector<std::uint64_t>{1});
      const double makespan = evaluator.evaluate(trial.schedule)[0].measures.makespan_s;
      INFO("seed " << seed << ", " << places << " places");
      CHECK(makespan <= before);
      before = makespan;
    }
  }
}

/// Times are drawn, machines break down, and a tenth of all parts is scrapped.
line::Trial faulty_shop() {
  auto trial = line_of(shop_of(5, false), 1);
  auto line = *trial.line;
  for (auto& machine : line.machines) {
    machine.cycle = {line::Distribution::Kind::lognormal, 1, 0.3, 0, 0};
    machine.scrap_share = 0.1;
    line::FaultMode mode;
    mode.kind = line::FaultKind::motor_trip;
    mode.onset = {line::Distribution::Kind::exponential, 100, 0, 0, 0};
    mode.repair = {line::Distribution::Kind::exponential, 40, 0, 0, 0};
    machine.faults = {mode};
  }
  trial.line = std::make_shared<line::Line>(line);
  trial.random_faults = true;
  return trial;
}

TEST_CASE("a future does not depend on which others are evaluated beside it") {
  const auto trial = faulty_shop();
  std::vector<std::uint64_t> seeds(21);
  std::iota(seeds.begin(), seeds.end(), 100);
  maxplus::Evaluator all(trial, seeds);
  const auto together = all.evaluate(trial.schedule);
  double sum = 0;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    maxplus::Evaluator one(trial, std::vector<std::uint64_t>{seeds[i]});
    const auto alone = one.evaluate(trial.schedule)[0].measures;
    CHECK(alone.makespan_s == together[i].measures.makespan_s);
    CHECK(alone.downtime_s == together[i].measures.downtime_s);
    CHECK(alone.scrap_parts == together[i].measures.scrap_parts);
    sum += alone.breakdowns;
  }
  CHECK(sum > 10);
  const auto& part = all.evaluate(trial.schedule, 8, 8);
  for (std::size_t i = 8; i < 16; ++i)
    CHECK(part[i].measures.makespan_s == together[i].measures.makespan_s);
}

TEST_CASE("a schedule comes to the same beside others as alone") {
  const auto trial = faulty_shop();
  std::vector<std::uint64_t> seeds(19);
  std::iota(seeds.begin(), seeds.end(), 7);
  std::vector<line::Schedule> schedules(3, trial.schedule);
  std::reverse(schedules[1].sequence.begin(), schedules[1].sequence.end());
  line::Service service;
  service.when = line::Service::When::at_time;
  service.at_s = 30;
  schedules[2].services.push_back(service);
  const auto together = maxplus::Evaluator(trial, seeds).evaluate_all(schedules);
  REQUIRE(together.size() == schedules.size());
  for (std::size_t s = 0; s < schedules.size(); ++s) {
    maxplus::Evaluator evaluator(trial, seeds);
    const auto& alone = evaluator.evaluate(schedules[s]);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      CHECK(together[s][i].measures.makespan_s == alone[i].measures.makespan_s);
      CHECK(together[s][i].measures.downtime_s == alone[i].measures.downtime_s);
      CHECK(together[s][i].measures.services == alone[i].measures.services);
      CHECK(together[s][i].service_s == alone[i].service_s);
    }
  }
  CHECK(together[2][0].measures.services == 1);
}

TEST_CASE("what the recursion cannot express is said") {
  auto trial = line_of(shop_of(2, false), 1);
  CHECK(maxplus::obstacles(*trial.line).empty());
  CHECK(maxplus::exact_for(*trial.line));
  auto line = *trial.line;
  line.machines[0].conveyor.travel_s = 10;
  line.machines[0].makes = {1};
  line.crews = 0;
  CHECK(maxplus::obstacles(line).size() == 2);
  CHECK_FALSE(maxplus::exact_for(line));
  trial.line = std::make_shared<line::Line>(line);
  CHECK_THROWS_AS(maxplus::Evaluator(trial, std::vector<std::uint64_t>{1}), std::invalid_argument);
  CHECK_THROWS_AS(maxplus::Evaluator(line_of(shop_of(2, false), 1), std::vector<std::uint64_t>{}),
                  std::invalid_argument);
}
