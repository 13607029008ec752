// SPDX-License-Identifier: Apache-2.0
// Laws of how much of a schedule another one turns over, on random sequences.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

#include "sim/line/random.hpp"
#include "sim/plan/react.hpp"

using namespace foreline;

namespace {

struct Pair {
  line::Schedule before;
  line::Schedule after;
  std::size_t frozen = 0;
  plan::Nervousness largest;
};

/// The frozen orders are the same; the others are shuffled, wholly or by a few exchanges.
Pair random_pair(std::uint64_t seed) {
  std::uint64_t number = 0;
  const auto draw = [&] {
    return line::random_uniform(seed, 7, line::Purpose::planning, number++);
  };
  Pair pair;
  const auto n = static_cast<std::size_t>(draw() * 40);
  pair.frozen = n == 0 ? 0 : static_cast<std::size_t>(draw() * static_cast<double>(n));
  for (std::uint32_t i = 0; i < n; ++i) pair.before.sequence.push_back({i});
  const auto shuffle = [&](std::vector<line::OrderId>& orders, std::size_t from,
                           std::size_t exchanges) {
    const auto open = orders.size() - from;
    for (std::size_t i = 0; i < exchanges && open > 1; ++i)
      std::swap(orders[from + static_cast<std::size_t>(draw() * static_cast<double>(open))],
                orders[from + static_cast<std::size_t>(draw() * static_cast<double>(open))]);
  };
  shuffle(pair.before.sequence, 0, n);
  pair.after = pair.before;
  shuffle(pair.after.sequence, pair.frozen, draw() < 0.5 ? n : 2);
  pair.largest = {draw(), draw()};
  return pair;
}

}  // namespace

TEST_CASE("unrest is a share, zero only for the same sequence, and bounds are kept") {
  std::size_t cut = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    INFO("seed " << seed);
    const auto [before, after, frozen, largest] = random_pair(seed);
    const auto unrest = plan::nervousness_of(before, after, frozen);
    const bool same = before.sequence == after.sequence;
    CHECK((unrest.moved_share == 0) == same);
    CHECK((unrest.weighted_shift == 0) == same);
    CHECK(unrest.moved_share <= 1);
    CHECK(unrest.weighted_shift <= 1);
    CHECK(plan::moved_share(after, before, frozen) == Approx(unrest.moved_share));

    const auto calm = plan::bounded(before, after, frozen, largest);
    const auto left = plan::nervousness_of(before, calm, frozen);
    CHECK(left.moved_share <= largest.moved_share);
    CHECK(left.weighted_shift <= largest.weighted_shift);
    CHECK(std::is_permutation(calm.sequence.begin(), calm.sequence.end(), before.sequence.begin(),
                              before.sequence.end()));
    CHECK(std::equal(calm.sequence.begin(),
                     calm.sequence.begin() + static_cast<std::ptrdiff_t>(frozen),
                     before.sequence.begin()));
    CHECK(plan::bounded(before, after, frozen, {1, 1}).sequence == after.sequence);
    CHECK(plan::bounded(before, after, frozen, {0, 0}).sequence == before.sequence);
    cut += calm.sequence != after.sequence && calm.sequence != before.sequence ? 1 : 0;
  }
  // Bounds let a part of the change through, not all or nothing.
  CHECK(cut > 300);
}
