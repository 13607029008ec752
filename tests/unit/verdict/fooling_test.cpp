// SPDX-License-Identifier: Apache-2.0
#include "sim/verdict/fooling.hpp"

#include <catch2/catch.hpp>

using namespace foreline;
using namespace foreline::line;

namespace {

FaultRecord fault(FaultKind kind, double onset_s, double failed_s, double restored_s) {
  FaultRecord record;
  record.machine = {1};
  record.kind = kind;
  record.onset_s = onset_s;
  record.failed_s = failed_s;
  record.restored_s = restored_s;
  return record;
}

AlarmEvent alarm(double at_s, FaultKind kind, std::uint32_t machine = 1) {
  AlarmEvent event;
  event.at_s = at_s;
  event.machine = {machine};
  event.kind = kind;
  return event;
}

}  // namespace

TEST_CASE("a forecaster is fooled by what it misses and by what it makes up") {
  Outcome day;
  day.end_s = 10'000;
  day.faults = {fault(FaultKind::bearing_wear, 1000, 5000, 6000)};
  const auto of = [&](std::vector<AlarmEvent> alarms) {
    return verdict::fooling_of(day, alarms, 900);
  };
  CHECK(of({alarm(2000, FaultKind::bearing_wear)}).score(day.end_s) == 0);
  const auto silent = of({});
  CHECK(silent.missed == 1);
  CHECK(silent.shown_s == 4000);
  CHECK(silent.score(day.end_s) == Approx(1.4));
  // Too early, of another kind, on another machine: made up, and the fault is missed all the same.
  for (const auto& wrong : {alarm(500, FaultKind::bearing_wear), alarm(2000, FaultKind::jam),
                            alarm(2000, FaultKind::bearing_wear, 0)}) {
    CHECK(of({wrong}).missed == 1);
    CHECK(of({wrong}).false_alarms == 1);
  }
  // During the repair it is late but not made up.
  CHECK(of({alarm(5500, FaultKind::bearing_wear)}).false_alarms == 0);
  CHECK(of({alarm(5500, FaultKind::bearing_wear)}).missed == 1);
  CHECK(of({alarm(7000, FaultKind::bearing_wear)}).false_alarms == 1);
}

TEST_CASE("an alarm that still stands from the fault before warns of the next") {
  Outcome day;
  day.end_s = 10'000;
  day.faults = {fault(FaultKind::jam, 1000, 3000, 3500), fault(FaultKind::jam, 4000, 6000, 6500)};
  auto cleared = alarm(3600, FaultKind::jam);
  cleared.what = AlarmEvent::What::cleared;
  CHECK(verdict::fooling_of(day, {alarm(2000, FaultKind::jam)}, 900).missed == 0);
  CHECK(verdict::fooling_of(day, {alarm(2000, FaultKind::jam), cleared}, 900).missed == 1);
}

TEST_CASE("nobody can foresee what shows nothing, shows it too briefly or is prevented") {
  Outcome day;
  day.end_s = 10'000;
  day.faults = {fault(FaultKind::motor_trip, 5000, 5000, 6000),
                fault(FaultKind::jam, 5000, 5600, 6000),
                fault(FaultKind::tool_wear, 5000, -1, 7000)};
  CHECK(verdict::fooling_of(day, {}, 900).score(day.end_s) == 0);
  auto worse = day;
  worse.faults.push_back(fault(FaultKind::gear_wear, 1000, 9000, 9500));
  CHECK(verdict::fooling_of(worse, {}, 900).missed == 1);
  const auto warned = verdict::fooling_of(day, {alarm(6500, FaultKind::tool_wear)}, 900);
  CHECK(warned.false_alarms == 0);
}
