// SPDX-License-Identifier: Apache-2.0
// Set-ups, releases, due dates and weights: small shops against enumeration.
#include <catch2/catch.hpp>

#include "sim/search/flow_shop.hpp"
#include "sim/search/job_shop.hpp"
#include "tests/unit/search/shops.hpp"

using namespace foreline;
using namespace foreline::search;

namespace {

constexpr Objective objectives[] = {Objective::makespan, Objective::tardiness, Objective::flowtime};

}  // namespace

TEST_CASE("small flow shops with set-ups and dates are solved to the optimum") {
  const bool blocking = GENERATE(false, true);
  for (const auto objective : objectives)
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      const std::size_t jobs = 2 + seed % 6;
      const std::size_t machines = 1 + seed % 4;
      auto shop = tests::random_flow_shop(jobs, machines, blocking, seed);
      tests::add_extras(shop, jobs, machines, seed);
      shop.objective = objective;
      const auto answer = solve(shop, tests::evaluations(30'000), seed);
      const auto complaints = complaints_about(shop, answer);
      INFO(seed << " " << (complaints.empty() ? "" : complaints.front()));
      CHECK(complaints.empty());
      const auto best = tests::best_value_by_enumeration(shop);
      CHECK(answer.value == best);
      CHECK(lower_bound(shop) <= best);
      CHECK(complaints_about(shop, neh(shop)).empty());
    }
}

TEST_CASE("small job shops with set-ups and dates are solved to the optimum") {
  const std::size_t choices = GENERATE(1U, 2U);
  for (const auto objective : objectives)
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      auto shop = tests::random_job_shop(3, 3, choices == 1 ? 3 : 2, choices, seed);
      tests::add_extras(shop, 3, 3, seed);
      shop.objective = objective;
      const auto answer = solve(shop, tests::evaluations(40'000), seed);
      const auto complaints = complaints_about(shop, answer);
      INFO(seed << " " << (complaints.empty() ? "" : complaints.front()));
      CHECK(complaints.empty());
      const auto best = tests::Enumeration(shop).best();
      CHECK(answer.value == best);
      CHECK(lower_bound(shop) <= best);
    }
}

TEST_CASE("small hybrid flow shops with set-ups and dates are solved to the optimum") {
  for (const auto objective : objectives)
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      Random random(seed);
      HybridFlowShop shop;
      shop.jobs = 3;
      shop.machines_a_stage = {2, 1 + static_cast<std::int32_t>(seed % 2)};
      for (int i = 0; i < 6; ++i) shop.time.push_back(static_cast<std::int32_t>(random.below(30)));
      tests::add_extras(shop, 3, 2, seed);
      shop.objective = objective;
      const auto answer = solve(shop, tests::evaluations(40'000), seed);
      const auto as_job_shop = job_shop_of(shop);
      CHECK(complaints_about(as_job_shop, answer).empty());
      CHECK(answer.value == tests::Enumeration(as_job_shop).best());
    }
}

TEST_CASE("long set-ups do not catch the search of a small job shop") {
  JobShop shop;
  shop.machines = 3;
  shop.jobs = {{{{0, 91}}, {{2, 54}}, {{1, 88}}},
               {{{0, 14}}, {{2, 45}}, {{1, 43}}},
               {{{0, 45}}, {{1, 78}}, {{2, 84}}},
               {{{1, 79}}, {{0, 41}}, {{2, 1}}}};
  shop.setups = {4, false, {0, 21, 21, 39, 53, 0, 23, 98, 31, 19, 0, 42, 61, 6,  83, 0,
                            0, 92, 57, 89, 80, 0, 90, 47, 20, 66, 0, 99, 1,  81, 86, 0,
                            0, 14, 55, 55, 89, 0, 91, 25, 39, 52, 0, 24, 56, 98, 43, 0}};
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const auto answer = solve(shop, tests::evaluations(300'000), seed);
    CHECK(complaints_about(shop, answer).empty());
    CHECK(answer.value == 447);
  }
}

TEST_CASE("a sequence that no insertion leads to is found") {
  FlowShop shop;
  shop.jobs = 4;
  shop.machines = 2;
  shop.time = {13, 76, 35, 18, 42, 5, 75, 81};
  shop.objective = Objective::flowtime;
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    CHECK(solve(shop, tests::evaluations(30'000), seed).value ==
          tests::best_value_by_enumeration(shop));
}

TEST_CASE("an operation of no length waits for no machine") {
  // Job 0 has nothing to do at the second stage, so it is done while job 1 is there.
  HybridFlowShop shop;
  shop.jobs = 4;
  shop.machines_a_stage = {2, 1};
  shop.time = {1, 0, 2, 1, 0, 2, 2, 2};
  shop.objective = Objective::flowtime;
  const auto answer = solve(shop, tests::evaluations(2'000), 1);
  CHECK(complaints_about(job_shop_of(shop), answer).empty());
  CHECK(answer.value == 11);
}

TEST_CASE("set-ups of operations are those of the pair that follows") {
  JobShop shop;
  shop.machines = 1;
  shop.jobs = {{{{0, 2}}, {{0, 2}}}, {{{0, 2}}}};
  // Rows: operation 0 and 1 of job 0, operation 0 of job 1.
  shop.setups = {3, true, {0, 9, 1, 9, 0, 5, 1, 1, 0}};
  const auto answer = solve(shop, tests::evaluations(2'000), 1);
  CHECK(complaints_about(shop, answer).empty());
  CHECK(answer.value == 8);  // 0 of job 0, job 1, 1 of job 0
}

TEST_CASE("searches with set-ups and dates repeat themselves, and more time is never worse") {
  auto shop = tests::random_flow_shop(30, 8, false, 4);
  tests::add_extras(shop, 30, 8, 4);
  shop.objective = Objective::tardiness;
  const auto a = solve(shop, tests::evaluations(20'000), 3);
  const auto b = solve(shop, tests::evaluations(20'000), 3);
  CHECK(a.permutation == b.permutation);
  CHECK(a.value < neh(shop).value);
  CHECK(solve(shop, tests::evaluations(100'000), 3).value <= a.value);
  auto job_shop = tests::random_job_shop(10, 5, 5, 2, 3);
  tests::add_extras(job_shop, 10, 5, 1);
  job_shop.objective = Objective::tardiness;
  const auto c = solve(job_shop, tests::evaluations(20'000), 3);
  CHECK(c.jobs == solve(job_shop, tests::evaluations(20'000), 3).jobs);
  CHECK(complaints_about(job_shop, c).empty());
}
