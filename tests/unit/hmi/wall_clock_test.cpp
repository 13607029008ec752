// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/wall_clock.hpp"

#include <catch2/catch.hpp>
#include <cmath>

using namespace foreline::hmi;

namespace {

constexpr std::int64_t six_ms = 1'793'080'800'000;  // 2026-10-27 06:00 UTC

/// Readings each second for so long, of a clock that says `line_s` at first.
void read(WallClock& clock, std::int64_t from_ms, double line_s, double pace, int seconds) {
  for (int i = 0; i <= seconds; ++i) clock.take(line_s + pace * i, from_ms + 1000 * i);
}

}  // namespace

TEST_CASE("a clock that runs as clocks do tells when line time 0 was") {
  WallClock clock;
  CHECK_FALSE(clock.zero_ms());
  clock.take(3600, six_ms);
  CHECK_FALSE(clock.zero_ms());
  // Tenths of seconds, and readings that come a little late.
  for (int i = 1; i < 90'000; ++i)
    clock.take(3600 + i - 0.1 * (i % 7), six_ms + 1000 * i + 40 * (i % 5));
  REQUIRE(clock.zero_ms());
  CHECK(std::abs(*clock.zero_ms() - (six_ms - 3'600'000)) < 1000);
}

TEST_CASE("what is told does not flicker") {
  WallClock clock;
  read(clock, six_ms, 0, 1, 10);
  const auto told = clock.zero_ms();
  REQUIRE(told);
  for (int i = 11; i < 100; ++i) {
    clock.take(i, six_ms + 1000 * i + 60 * (i % 9));
    CHECK(clock.zero_ms() == told);
  }
}

TEST_CASE(
    "a line that is rehearsed faster than real time has no wall clock, not when it is slowed "
    "either") {
  for (const double pace : {1.05, 2.0, 150.0}) {
    WallClock clock;
    read(clock, six_ms, 0, pace, 600);
    read(clock, six_ms + 601'000, pace * 601, 1, 3600);
    CHECK_FALSE(clock.zero_ms());
  }
}

TEST_CASE("a clock that is set, or stood while the PLC was off, is believed again after a while") {
  for (const double by_s : {-1800.0, 5400.0}) {
    WallClock clock;
    read(clock, six_ms, 0, 1, 3600);
    read(clock, six_ms + 3'601'000, 3601 + by_s, 1, 60);
    CHECK_FALSE(clock.zero_ms());
    read(clock, six_ms + 3'662'000, 3662 + by_s, 1, 120);
    REQUIRE(clock.zero_ms());
    CHECK(*clock.zero_ms() == six_ms - static_cast<std::int64_t>(1000 * by_s));
  }
}

TEST_CASE("a PLC that was away for an hour and kept its clock is known at once") {
  WallClock clock;
  read(clock, six_ms, 0, 1, 60);
  clock.take(3660, six_ms + 3'660'000);
  CHECK(clock.zero_ms() == six_ms);
}

TEST_CASE("a reading that comes late costs the wall clock nothing, wherever it comes") {
  for (const int late : {0, 1, 2, 40}) {
    WallClock clock;
    for (int i = 0; i < 80; ++i) {
      const bool this_one = i == late || i == late + 1;
      clock.take(4 * i, six_ms + 4000 * i + (this_one ? 3900 : 0));
      if (late == 40 && i > 2) CHECK(clock.zero_ms() == six_ms);
    }
    CHECK(clock.zero_ms() == six_ms);
  }
}

TEST_CASE("readings that come late for a while cost the wall clock that while, and some minutes") {
  for (const int begins : {0, 100}) {
    WallClock clock;
    for (int i = 0; i < 1000; ++i) {
      const bool late = i >= begins && i < begins + 100;
      clock.take(10 * i, six_ms + 10'000 * i + (late ? 1900 * (i * 7 % 5) : 0));
      if (clock.zero_ms()) CHECK(std::abs(*clock.zero_ms() - six_ms) <= 5000);
    }
    CHECK(clock.zero_ms() == six_ms);
  }
}

TEST_CASE("a line that was rehearsed long ago has a wall clock again") {
  WallClock clock;
  read(clock, six_ms, 0, 150, 60);
  read(clock, six_ms + 61'000, 150 * 61, 1, 2 * 86'400);
  CHECK(clock.zero_ms());
}
