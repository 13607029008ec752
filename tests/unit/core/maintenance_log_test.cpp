// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/maintenance_log.hpp"

#include <catch2/catch.hpp>

using namespace foreline;
using namespace foreline::core;
using line::PackmlState;
using What = MaintenanceEntry::What;

namespace {

struct Plant {
  MaintenanceLog log{1};
  std::string foreseen = {};

  std::vector<MaintenanceLog::Ended> at(double at_s, PackmlState state, double operating_s,
                                        std::uint32_t renewals) {
    line::Frame frame;
    frame.at_s = at_s;
    frame.machines.push_back({{}, state, operating_s, renewals});
    return log.take(frame, static_cast<std::int64_t>(1e9 * at_s),
                    [this](std::size_t) { return foreseen; });
  }
};

}  // namespace

TEST_CASE("breakdowns, repairs and services are told apart, with MTBF and MTTR counted by hand") {
  Plant plant;
  CHECK(plant.at(0, PackmlState::execute, 100, 3).empty());
  CHECK(plant.at(1000, PackmlState::execute, 1100, 3).empty());
  plant.foreseen = "bearing-wear";
  CHECK(plant.at(1010, PackmlState::held, 1110, 3).empty());
  REQUIRE(plant.log.entries(0).size() == 1);
  CHECK(plant.log.entries(0)[0].until_s == -1);
  CHECK(plant.log.summary(0).breakdowns == 1);
  CHECK_FALSE(plant.log.summary(0).mttr_s());
  CHECK(plant.at(1500, PackmlState::held, 1110, 3).empty());
  const auto repaired = plant.at(1610, PackmlState::execute, 0, 4);
  REQUIRE(repaired.size() == 1);
  CHECK(repaired[0].entry.what == What::breakdown);
  CHECK(repaired[0].entry.from_s == 1010);
  CHECK(repaired[0].entry.until_s == 1610);
  CHECK(repaired[0].entry.ran_s == 1110);
  CHECK(repaired[0].entry.foreseen == "bearing-wear");
  CHECK(repaired[0].entry.wall_ns == 1'610'000'000'000);

  // A stop for the night is neither; one in which it was renewed is a service, also when the count
  // comes with the first frame after it.
  CHECK(plant.at(2610, PackmlState::stopped, 1000, 4).empty());
  CHECK(plant.at(3000, PackmlState::execute, 1000, 4).empty());
  CHECK(plant.at(3010, PackmlState::execute, 1010, 4).empty());
  CHECK(plant.at(3020, PackmlState::stopped, 1020, 4).empty());
  CHECK(plant.at(3320, PackmlState::stopped, 0, 5).empty());
  const auto serviced = plant.at(3330, PackmlState::execute, 0, 5);
  REQUIRE(serviced.size() == 1);
  CHECK(serviced[0].entry.what == What::service);
  CHECK(serviced[0].entry.until_s - serviced[0].entry.from_s == 310);
  CHECK(plant.at(3340, PackmlState::stopped, 10, 5).empty());
  CHECK(plant.at(3640, PackmlState::execute, 10, 5).empty());
  const auto late = plant.at(3650, PackmlState::execute, 0, 6);
  REQUIRE(late.size() == 1);
  CHECK(late[0].entry.what == What::service);

  plant.foreseen.clear();
  CHECK(plant.at(4650, PackmlState::aborted, 980, 6).empty());
  REQUIRE(plant.at(4750, PackmlState::execute, 980, 6).size() == 1);  // reset, not renewed
  const auto& summary = plant.log.summary(0);
  CHECK(summary.since_s == 0);
  CHECK(summary.operating_s == 1010 + 1020 + 10 + 980);
  CHECK(summary.breakdowns == 2);
  CHECK(*summary.mtbf_s() == Approx(3020.0 / 2));
  CHECK(*summary.mttr_s() == Approx((600.0 + 100) / 2));
  CHECK(summary.services == 2);
}

TEST_CASE("what nobody saw begin is no breakdown, and a lost count or link is no repair") {
  Plant plant;
  CHECK(plant.at(0, PackmlState::held, 50, 1).empty());
  CHECK(plant.at(10, PackmlState::held, 50, 1).empty());
  const auto ended = plant.at(20, PackmlState::execute, 0, 2);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].entry.what == What::renewal);
  CHECK(plant.log.summary(0).breakdowns == 0);
  CHECK(plant.at(30, PackmlState::undefined, 0, 0).empty());
  CHECK(plant.at(40, PackmlState::execute, 20, 0).empty());
  CHECK(plant.at(50, PackmlState::execute, 30, 2).empty());
  CHECK(plant.log.entries(0).size() == 1);
  // Another run of the line.
  CHECK(plant.at(5, PackmlState::execute, 5, 0).empty());
  CHECK(plant.at(15, PackmlState::execute, 15, 0).empty());
  CHECK(plant.log.summary(0).since_s == 5);
}

TEST_CASE("a repair that ends as the shift does is no service of the night") {
  Plant plant;
  (void)plant.at(0, PackmlState::execute, 100, 3);
  (void)plant.at(10, PackmlState::held, 110, 3);
  const auto repaired = plant.at(20, PackmlState::stopped, 0, 4);
  REQUIRE(repaired.size() == 1);
  CHECK(repaired[0].entry.what == What::breakdown);
  CHECK(plant.at(50'000, PackmlState::execute, 0, 4).empty());
  CHECK(plant.log.summary(0).services == 0);
}

TEST_CASE("a maintenance log is bounded, and begins with what was before") {
  Plant plant;
  MaintenanceEntry before;
  before.until_s = 7;
  plant.log.restore(0, before);
  plant.log.restore(9, before);
  CHECK(plant.log.entries(0).at(0).until_s == 7);
  CHECK(plant.log.summary(0).breakdowns == 0);
  (void)plant.at(0, PackmlState::execute, 0, 1);
  for (int i = 1; i <= 300; ++i) {
    (void)plant.at(20.0 * i, PackmlState::held, i, 1);
    (void)plant.at(20.0 * i + 10, PackmlState::execute, i, 1);
  }
  CHECK(plant.log.entries(0).size() == MaintenanceLog::entries_max);
  CHECK(plant.log.summary(0).breakdowns == 300);
}
