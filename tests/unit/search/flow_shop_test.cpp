// SPDX-License-Identifier: Apache-2.0
#include "sim/search/flow_shop.hpp"

#include <atomic>
#include <catch2/catch.hpp>

#include "sim/search/insertion.hpp"
#include "tests/unit/search/shops.hpp"

using namespace foreline;
using namespace foreline::search;

namespace {

/// Random removals and insertions; every evaluation must equal the definition.
template <class T>
void compare_with_definition(std::size_t jobs, std::size_t machines, bool blocking,
                             const char* instruction_set) {
  const auto kernels = insertion_kernels<T>(blocking, instruction_set);
  if (kernels.advance == nullptr) return;  // not on this processor
  const auto shop = tests::random_flow_shop(jobs, machines, blocking, jobs * 100 + machines);
  REQUIRE(InsertionBoard<T>::fits(shop));
  InsertionBoard<T> board(shop);
  board.use(kernels);
  Random random(machines);
  std::vector<std::int32_t> sequence;
  std::vector<std::int32_t> out(jobs);
  std::iota(out.begin(), out.end(), 0);
  for (int round = 0; round < 60; ++round) {
    if (out.empty() || (random.below(2) == 0 && !sequence.empty())) {
      const auto place = random.below(sequence.size());
      out.push_back(sequence[place]);
      sequence.erase(sequence.begin() + static_cast<std::ptrdiff_t>(place));
      board.remove(place);
      if (random.below(3) != 0) continue;  // several changes between two evaluations
    }
    const auto pick = random.below(out.size());
    const auto job = out[pick];
    const auto* makespans = board.evaluate(job);
    for (std::size_t place = 0; place <= sequence.size(); ++place) {
      auto with = sequence;
      with.insert(with.begin() + static_cast<std::ptrdiff_t>(place), job);
      REQUIRE(makespans[place] == tests::makespan_of(shop, with));
    }
    const auto place = random.below(sequence.size() + 1);
    sequence.insert(sequence.begin() + static_cast<std::ptrdiff_t>(place), job);
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(pick));
    board.insert(place, job);
    if (round % 10 == 9) {
      std::swap(sequence.front(), sequence.back());
      board.assign(sequence);
    }
  }
}

}  // namespace

TEST_CASE("accelerated insertion equals the definition") {
  const bool blocking = GENERATE(false, true);
  const char* instruction_set = GENERATE("portable", "avx2");
  for (const std::size_t machines : {1, 2, 7, 8, 9, 16, 20, 24, 33, 40, 50})
    for (const std::size_t jobs : {1, 2, 5, 17, 40}) {
      compare_with_definition<std::int16_t>(jobs, machines, blocking, instruction_set);
      compare_with_definition<std::int32_t>(jobs, machines, blocking, instruction_set);
    }
}

TEST_CASE("16 bits are used only where every value fits") {
  CHECK(InsertionBoard<std::int16_t>::fits(tests::random_flow_shop(100, 20, false, 1)));
  CHECK_FALSE(InsertionBoard<std::int16_t>::fits(tests::random_flow_shop(100, 20, false, 1, 5000)));
  CHECK(InsertionBoard<std::int32_t>::fits(tests::random_flow_shop(100, 20, true, 1, 5000)));
}

TEST_CASE("small flow shops are solved to the optimum") {
  const bool blocking = GENERATE(false, true);
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const auto shop = tests::random_flow_shop(2 + seed % 6, 1 + seed % 5, blocking, seed,
                                              seed % 2 == 0 ? 99 : 100'000);
    const auto answer = solve(shop, tests::evaluations(20'000), seed);
    CHECK(complaints_about(shop, answer).empty());
    const auto best = tests::best_by_enumeration(shop);
    CHECK(answer.makespan == best);
    CHECK(lower_bound(shop) <= best);
  }
}

TEST_CASE("shops of one job or machine, and of no work") {
  for (const auto& [jobs, machines] : {std::pair{1, 1}, {1, 9}, {9, 1}, {500, 1}, {1, 300}}) {
    for (const bool blocking : {false, true}) {
      const auto shop = tests::random_flow_shop(static_cast<std::size_t>(jobs),
                                                static_cast<std::size_t>(machines), blocking, 3);
      const auto answer = solve(shop, tests::evaluations(5'000), 1);
      CHECK(complaints_about(shop, answer).empty());
      CHECK(answer.makespan == lower_bound(shop));
    }
  }
  const auto idle = tests::random_flow_shop(5, 5, true, 3, 0);
  CHECK(solve(idle, tests::evaluations(1'000), 1).makespan == 0);
}

TEST_CASE("the search is never worse than its start and repeats itself") {
  const auto shop = tests::random_flow_shop(30, 10, false, 9);
  Statistics first;
  Statistics second;
  const auto start = neh(shop);
  CHECK(complaints_about(shop, start).empty());
  const auto a = solve(shop, tests::evaluations(100'000), 4, &first);
  const auto b = solve(shop, tests::evaluations(100'000), 4, &second);
  CHECK(a.makespan < start.makespan);
  CHECK(a.permutation == b.permutation);
  CHECK(first.evaluations == second.evaluations);
  const auto c = solve(shop, tests::evaluations(400'000), 4);
  CHECK(c.makespan <= a.makespan);
}

TEST_CASE("a search that is stopped at once keeps what it has") {
  std::atomic<bool> stop{true};
  auto budget = tests::evaluations(1'000'000'000);
  budget.stop = &stop;
  search::Time last = std::numeric_limits<search::Time>::max();
  budget.improved = [&](search::Time makespan, double) {
    CHECK(makespan < last);
    last = makespan;
  };
  const auto shop = tests::random_flow_shop(60, 10, true, 2);
  const auto answer = solve(shop, budget, 1);
  CHECK(complaints_about(shop, answer).empty());
  CHECK(answer.makespan == last);
}
