// SPDX-License-Identifier: Apache-2.0
#include "sim/search/job_shop.hpp"

#include <atomic>
#include <catch2/catch.hpp>

#include "sim/search/shop_graph.hpp"
#include "tests/unit/search/shops.hpp"

using namespace foreline;
using namespace foreline::search;

TEST_CASE("small job shops are solved to the optimum") {
  const std::size_t choices = GENERATE(std::size_t{1}, std::size_t{2});
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    const auto shop = tests::random_job_shop(3, 3, choices == 1 ? 3 : 2, choices, seed);
    const auto answer = solve(shop, tests::evaluations(30'000), seed);
    const auto complaints = complaints_about(shop, answer);
    INFO((complaints.empty() ? "" : complaints.front()));
    CHECK(complaints.empty());
    const auto best = tests::Enumeration(shop).best();
    CHECK(answer.makespan == best);
    CHECK(lower_bound(shop) <= best);
  }
}

TEST_CASE("small hybrid flow shops are solved to the optimum") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Random random(seed);
    HybridFlowShop shop;
    shop.jobs = 3;
    shop.machines_a_stage = {2, 1 + static_cast<std::int32_t>(seed % 2)};
    for (int i = 0; i < 6; ++i) shop.time.push_back(static_cast<std::int32_t>(random.below(30)));
    const auto answer = solve(shop, tests::evaluations(30'000), seed);
    const auto as_job_shop = job_shop_of(shop);
    CHECK(complaints_about(as_job_shop, answer).empty());
    CHECK(answer.makespan == tests::Enumeration(as_job_shop).best());
  }
}

TEST_CASE("every answer is a schedule, whatever the shape") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    const auto shop = tests::random_job_shop(1 + random.below(20), 1 + random.below(8),
                                             1 + random.below(8), 1 + random.below(4), seed);
    const auto answer = solve(shop, tests::evaluations(20'000), seed);
    const auto complaints = complaints_about(shop, answer);
    INFO((complaints.empty() ? "" : complaints.front()));
    CHECK(complaints.empty());
  }
  JobShop empty;
  empty.machines = 3;
  empty.jobs.resize(4);
  CHECK(complaints_about(empty, solve(empty, tests::evaluations(10), 1)).empty());
}

TEST_CASE("the tabu search repeats itself, and a stop keeps the best") {
  const auto shop = tests::random_job_shop(12, 6, 6, 1, 3);
  const auto a = solve(shop, tests::evaluations(200'000), 7);
  const auto b = solve(shop, tests::evaluations(200'000), 7);
  CHECK(a.jobs == b.jobs);
  std::atomic<bool> stop{true};
  auto budget = tests::evaluations(1'000'000'000);
  budget.stop = &stop;
  CHECK(complaints_about(shop, solve(shop, budget, 1)).empty());
}

TEST_CASE("a moved operation leaves the paths as if all were computed anew") {
  const auto shop = tests::random_job_shop(8, 5, 6, 3, 11);
  ShopGraph graph(shop);
  std::vector<ShopGraph::Node> order(graph.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<std::int32_t> machines;
  for (const auto& job : shop.jobs)
    for (const auto& operation : job) machines.push_back(operation.front().machine);
  graph.assign(order, machines);
  Random random(5);
  std::size_t made = 0;
  std::size_t refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto v = static_cast<ShopGraph::Node>(random.below(graph.size()));
    const auto& choices = *graph.choices[static_cast<std::size_t>(v)];
    const auto m = choices[random.below(choices.size())].machine;
    std::vector<ShopGraph::Node> places = {graph.nobody()};
    for (auto x = graph.first[static_cast<std::size_t>(m)]; x != graph.nobody();
         x = graph.machine_after[static_cast<std::size_t>(x)])
      if (x != v) places.push_back(x);
    (graph.move(v, m, places[random.below(places.size())]) ? made : refused)++;
    if (random.below(3) == 0) continue;
    graph.refresh();
    ShopGraph fresh(shop);
    fresh.restore(graph.saved());
    REQUIRE(fresh.head == graph.head);
    REQUIRE(fresh.tail == graph.tail);
    REQUIRE(fresh.makespan() == graph.makespan());
    REQUIRE(fresh.machine_after == graph.machine_after);
  }
  CHECK(made > 100);
  CHECK(refused > 100);
}

TEST_CASE("an operation of no length holds nobody up when the makespan counts") {
  // Job 1 has nothing to do on machine 1 while job 0 is there.
  JobShop shop;
  shop.machines = 3;
  shop.jobs = {{{{1, 650}}, {{0, 430}}, {{2, 0}}}, {{{2, 150}}, {{1, 0}}, {{0, 472}}}};
  const auto answer = solve(shop, tests::evaluations(5'000), 1);
  CHECK(complaints_about(shop, answer).empty());
  CHECK(answer.value == 1080);
  CHECK(answer.makespan == 1080);

  HybridFlowShop hybrid;
  hybrid.jobs = 3;
  hybrid.machines_a_stage = {1, 1, 1};
  hybrid.time = {1, 10, 0, 3, 0, 9, 0, 0, 0};
  const auto line = solve(hybrid, tests::evaluations(5'000), 1);
  CHECK(complaints_about(job_shop_of(hybrid), line).empty());
  CHECK(line.value == 13);
}
