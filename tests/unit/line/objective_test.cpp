// SPDX-License-Identifier: Apache-2.0
#include "sim/line/objective.hpp"

#include <catch2/catch.hpp>

#include "sim/line/trial.hpp"

using namespace foreline::line;

TEST_CASE("a future costs the sum of what has a price") {
  Measures measures;
  measures.ahead_tardiness_s = 7200;
  measures.ahead_late = 2;
  measures.ahead_makespan_s = 10'000;
  measures.ahead_flow_s = 500;
  measures.ahead_parts = 7;
  measures.downtime_s = 1800;
  measures.breakdowns = 3;
  measures.services = 1;
  measures.changeover_s = 900;
  measures.energy_kwh = 40;
  measures.scrap_parts = 11;
  measures.rework_parts = 13;
  // Each price alone, for a unit of what it is for; 2 h of service, from 6400 s on.
  const std::vector<double> wanted = {2, 2,   500.0 / 3600, 1,  7,  0.5, 3,
                                      2, 1.0, 0.25,         40, 11, 13,  0};
  REQUIRE(objective_fields().size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto objective = free_of_cost();
    const auto& field = objective_fields()[i];
    INFO(field.name);
    CHECK(cost_of(objective, measures, 7200, 6400) == 0);
    objective.*field.price = 1 / field.units;
    CHECK(cost_of(objective, measures, 7200, 6400) == Approx(wanted[i]));
  }
}

TEST_CASE("what counts is told with its prices as people write them") {
  auto objective = free_of_cost();
  objective.currency = "EUR";
  objective.tardiness_s = 60.0 / 3600;
  objective.energy_kwh = 0.28;
  CHECK(text_of(objective) == "tardiness 60 EUR/h, energy 0.28 EUR/kWh");
}
