// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/pace.hpp"

#include <catch2/catch.hpp>

using foreline::hmi::Pace;

TEST_CASE("the rest takes as long for each piece as those before, and no piece less than none") {
  Pace pace;
  CHECK_FALSE(pace.left_s(0));
  pace.take("days", 1, 41, 100);
  CHECK_FALSE(pace.left_s(100.5));
  pace.take("days", 2, 41, 100.5);
  CHECK_FALSE(pace.left_s(100.5));  // half a second tells nothing
  pace.take("days", 11, 41, 105);
  CHECK(*pace.left_s(105) == Approx(15));
  CHECK(*pace.left_s(107) == Approx(13));
  CHECK(*pace.left_s(500) == 0);
  pace.take("days", 41, 41, 120);
  CHECK(*pace.left_s(120) == 0);
  pace.take("alarms", 1, 20, 121);
  CHECK_FALSE(pace.left_s(121));
  pace.take("alarms", 3, 20, 125);
  CHECK(*pace.left_s(125) == Approx(34));
  pace.take("alarms", 1, 20, 130);  // the next of its kind
  CHECK_FALSE(pace.left_s(135));
}
