// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "inference/train/evaluation.hpp"

using namespace foreline;
using namespace foreline::inference;

namespace {

/// Ten hours of a machine, looked at every minute; the score is 1 between the given minutes.
struct Day {
  std::vector<MachineDay> days{1};
  Scores scores{1};
  Day() {
    for (int minute = 0; minute <= 600; ++minute) {
      days[0].at_s.push_back(60.0 * minute);
      scores[0].push_back(0);
    }
  }
  Day& fault(line::FaultKind kind, double onset_min, double failed_min, double restored_min) {
    days[0].faults.push_back(
        {{0}, kind, 60 * onset_min, 60 * failed_min, 60 * restored_min, false});
    return *this;
  }
  Day& says(std::size_t from_min, std::size_t until_min) {
    for (auto minute = from_min; minute < until_min; ++minute) scores[0][minute] = 1;
    return *this;
  }
  [[nodiscard]] Detection judged() const { return detect(days, scores, 0.5); }
};

constexpr auto bearing = line::FaultKind::bearing_wear;
constexpr auto jam = line::FaultKind::jam;

}  // namespace

TEST_CASE("a warning half an hour before the stop is in time, one of ten minutes is not") {
  const auto early = Day().fault(bearing, 100, 250, 290).says(200, 260).judged();
  CHECK(early.recall() == 1);
  CHECK(early.false_alarms == 0);
  CHECK(early.slow_faults == 1);
  CHECK(early.slow_warned == 1);
  REQUIRE(early.leads_s.size() == 1);
  CHECK(early.leads_s[0] == 60 * (250 - 202));  // the alarm waits for two minutes
  const auto late = Day().fault(bearing, 100, 250, 290).says(240, 260).judged();
  CHECK(late.recall() == 0);
  CHECK(late.false_alarms == 0);
}

TEST_CASE("of what shows for twelve minutes, six are asked for") {
  CHECK(Day().fault(jam, 100, 112, 118).says(102, 112).judged().recall() == 1);
  const auto late = Day().fault(jam, 100, 112, 118).says(106, 112).judged();
  CHECK(late.recall() == 0);
  CHECK(late.slow_faults == 0);
}

TEST_CASE("an alarm while the machine stands still with its fault is late, not false") {
  const auto late = Day().fault(jam, 100, 112, 130).says(111, 128).judged();
  CHECK(late.recall() == 0);
  CHECK(late.false_alarms == 0);
  CHECK(Day().fault(jam, 100, 112, 130).says(140, 160).judged().false_alarms == 1);
}

TEST_CASE(
    "a fault that has begun long ago may be warned of long before; one to come, by four hours") {
  CHECK(Day().fault(bearing, -900, 500, 540).says(30, 500).judged().recall() == 1);
  const auto guessed = Day().fault(bearing, 400, 500, 540).says(30, 500).judged();
  CHECK(guessed.recall() == 0);
  CHECK(guessed.false_alarms == 1);
}

TEST_CASE("an alarm that ended before the lead does not count, nor kinds that give no warning") {
  CHECK(Day().fault(bearing, 100, 300, 340).says(150, 170).judged().recall() == 0);
  const auto sudden = Day().fault(line::FaultKind::motor_trip, 100, 100, 120).says(60, 90).judged();
  CHECK(sudden.faults[static_cast<std::size_t>(line::FaultKind::motor_trip)] == 0);
  CHECK(sudden.false_alarms == 1);
}
