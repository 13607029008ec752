// SPDX-License-Identifier: Apache-2.0
#include "sim/select/race.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "tests/unit/select/draws.hpp"

using namespace foreline;

namespace {

select::Simulate world(std::uint64_t seed, const std::vector<double>& means, double common = 0.9) {
  return [seed, means, common](const std::vector<select::Cell>& cells) {
    std::vector<double> costs;
    for (const auto& cell : cells)
      costs.push_back(tests::cost(seed, static_cast<std::uint32_t>(cell.candidate), cell.future,
                                  means[cell.candidate], common));
    return line::Result<std::vector<double>>(costs);
  };
}

}  // namespace

TEST_CASE("Kim and Nelson's procedure chooses the best as often as it promises") {
  select::KnOptions options;
  options.indifference = 4;
  options.most = 2000;
  std::vector<double> means(10, 104.0);
  means[6] = 100;
  int right = 0;
  std::size_t spent = 0;
  for (std::uint64_t t = 0; t < 200; ++t) {
    const auto race = select::kn(means.size(), options, world(t, means));
    REQUIRE(race);
    CHECK(race->decided);
    right += race->best == 6 ? 1 : 0;
    spent += race->simulations;
  }
  INFO(right << " right of 200, " << spent / 200 << " simulations each");
  CHECK(right >= 180);  // 95 % promised; 10 below is more than three deviations
  // Without common futures the same promise costs several times as much.
  std::size_t independent = 0;
  for (std::uint64_t t = 0; t < 20; ++t)
    independent += select::kn(means.size(), options, world(t, means, 0))->simulations;
  CHECK(independent / 20 > 3 * spent / 200);
}

TEST_CASE("a race of equals ends, a race of one costs one, and the first of equals stays") {
  select::KnOptions options;
  options.most = 60;
  const auto equal = select::kn(3, options, [](const std::vector<select::Cell>& cells) {
    std::vector<double> costs;
    for (const auto& cell : cells) costs.push_back(static_cast<double>(cell.future));
    return line::Result<std::vector<double>>(costs);
  });
  REQUIRE(equal);
  CHECK(equal->decided);
  CHECK(equal->best == 0);
  const auto one = select::kn(1, options, world(1, {5}));
  REQUIRE(one);
  CHECK(one->simulations == 1);
  CHECK(select::kn(0, options, world(1, {}))->simulations == 0);
  options.indifference = 0.01;
  const auto hard = select::kn(2, options, world(1, {100, 100.1}));
  REQUIRE(hard);
  CHECK_FALSE(hard->decided);
  CHECK(hard->costs[0].size() == 60);
}

TEST_CASE("candidates that stand have met the same futures") {
  std::vector<double> means = {100, 101, 140, 160};
  select::KnOptions options;
  options.most = 100;
  std::size_t looks = 0;
  const auto race = select::kn(4, options, world(3, means), [&](const select::Race& now) {
    ++looks;
    for (std::size_t c = 0; c < 4; ++c)
      if (now.standing[c]) CHECK(now.costs[c].size() == now.costs[now.best].size());
  });
  REQUIRE(race);
  CHECK(looks > 1);
  CHECK_FALSE(race->standing[3]);
  CHECK(race->costs[3].size() < race->costs[0].size());
}

TEST_CASE("a budget is spent on candidates that are hard to tell from the best") {
  const std::vector<double> means = {10, 10.5, 20, 20, 30};
  const std::vector<double> deviations = {2, 2, 2, 2, 2};
  const auto shares = select::ocba_shares(means, deviations, 100'000);
  CHECK(shares[0] > shares[2]);
  CHECK(shares[1] > 10 * shares[2]);
  CHECK(shares[2] > shares[4]);
  CHECK(std::accumulate(shares.begin(), shares.end(), std::size_t{0}) <= 100'005);
  // Chen's ratio for two that are not best: (s_i / d_i)^2 / (s_j / d_j)^2.
  CHECK(static_cast<double>(shares[2]) / static_cast<double>(shares[4]) == Approx(4).epsilon(0.05));
}

TEST_CASE("sharing a budget well finds the best more often than sharing it evenly") {
  std::vector<double> means(40);
  for (std::size_t i = 0; i < means.size(); ++i) means[i] = 100 + 1.5 * static_cast<double>(i);
  int well = 0;
  int evenly = 0;
  for (std::uint64_t t = 0; t < 200; ++t) {
    select::OcbaOptions options;
    options.first = 5;
    options.budget = 800;
    const auto simulate = world(t, means, 0.5);
    const auto race = select::ocba(means.size(), options, simulate);
    REQUIRE(race);
    CHECK(race->simulations == 800);
    well += race->best == 0 ? 1 : 0;
    options.first = 20;
    evenly += select::ocba(means.size(), options, simulate)->best == 0 ? 1 : 0;
  }
  INFO(well << " against " << evenly << " of 200");
  CHECK(well > evenly);
}

TEST_CASE("screening many saves simulations and finds the best as often") {
  std::vector<double> means(40);
  for (std::size_t i = 0; i < means.size(); ++i) means[i] = 100 + 1.5 * static_cast<double>(i);
  std::swap(means[0], means[23]);
  select::ChooseOptions options;
  options.kn.first = 20;
  options.kn.most = 200;
  options.kn.indifference = 1.5;
  int screened = 0;
  int all = 0;
  std::size_t spent = 0;
  std::size_t spent_on_all = 0;
  for (std::uint64_t t = 0; t < 200; ++t) {
    const auto simulate = world(t, means);
    std::size_t asked = 0;
    const auto race =
        select::choose(means.size(), options, [&](const std::vector<select::Cell>& cells) {
          asked += cells.size();
          return simulate(cells);
        });
    REQUIRE(race);
    CHECK(race->simulations == asked);
    CHECK(race->standing[race->best]);
    CHECK(race->costs[0].size() >= options.kn.first);  // the incumbent is always in the final
    screened += race->best == 23 ? 1 : 0;
    spent += race->simulations;
    const auto plain = select::kn(means.size(), options.kn, simulate);
    all += plain->best == 23 ? 1 : 0;
    spent_on_all += plain->simulations;
  }
  WARN(screened << " right of 200 with " << spent / 200 << " simulations, " << all << " with "
                << spent_on_all / 200);
  CHECK(screened >= all - 4);
  CHECK(screened >= 190);
  CHECK(static_cast<double>(spent) < 0.8 * static_cast<double>(spent_on_all));
  // Few are not screened.
  const auto few = select::choose(10, options, world(1, means));
  CHECK(few->simulations == select::kn(10, options.kn, world(1, means))->simulations);
}

TEST_CASE("a simulation that fails ends the race with its error") {
  const auto broken = [](const std::vector<select::Cell>&) {
    return line::Result<std::vector<double>>(line::Error("the worker is lost"));
  };
  CHECK(select::kn(3, {}, broken).error().text() == "the worker is lost");
  CHECK(select::ocba(3, {}, broken).error().text() == "the worker is lost");
  CHECK(select::choose(30, {}, broken).error().text() == "the worker is lost");
}
