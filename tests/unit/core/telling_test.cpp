// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/telling.hpp"

#include <catch2/catch.hpp>

using foreline::core::Telling;

TEST_CASE("what changes seldom is told as it changes, and once") {
  Telling<bool> link;
  CHECK(link.due(false, 0) == 1U);
  for (int beat = 1; beat < 1000; ++beat) CHECK_FALSE(link.due(false, beat));
  CHECK(link.due(true, 1000) == 1U);
  CHECK(link.due(false, 5000) == 1U);
}

TEST_CASE("what flaps is told a few times, then once a minute with the changes between") {
  Telling<bool> link;
  std::uint64_t tellings = 0;
  std::uint64_t changes = 0;
  for (int beat = 0; beat < 36'000; ++beat) {  // an hour, ten beats a second
    if (const auto told = link.due(beat % 2 == 0, 0.1 * beat)) {
      ++tellings;
      changes += *told;
    }
  }
  CHECK(tellings >= 60);
  CHECK(tellings <= 66);
  // Where it ends is told, even when that is what was told last.
  const auto last = link.due(false, 3700);
  REQUIRE(last);
  CHECK(changes + *last == 36'000);
  CHECK_FALSE(link.due(false, 3800));
}
