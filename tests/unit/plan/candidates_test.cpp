// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using line::FaultKind;

namespace {

bool serves(const plan::Candidate& candidate, std::uint32_t machine) {
  return std::any_of(
      candidate.schedule.services.begin(), candidate.schedule.services.end(),
      [&](const line::Service& service) { return service.machine.index == machine; });
}

}  // namespace

TEST_CASE("the first candidate is to keep the schedule, and no schedule comes twice") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.8F)};
  const auto all = plan::candidates(request);
  REQUIRE(all.size() > 5);
  CHECK(all.front().name == "keep");
  CHECK(all.front().schedule == request.active);
  std::set<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(names.insert(all[i].name).second);
    CHECK_FALSE(all[i].why.empty());
    for (std::size_t j = 0; j < i; ++j) CHECK_FALSE(all[i].schedule == all[j].schedule);
  }
}

TEST_CASE("every candidate can run, and what has started stays where it is") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.8F),
                     tests::hazard(1, FaultKind::tool_wear, 0.4F)};
  const auto frozen = request.now.frozen_prefix(request.active);
  REQUIRE(frozen == 1);
  for (const auto& candidate : plan::candidates(request)) {
    INFO(candidate.name);
    CHECK(line::complaints_about(candidate.schedule, *request.line, *request.orders, request.active,
                                 frozen)
              .empty());
  }
}

TEST_CASE("machines at risk are served, others and faults without warning are not") {
  auto request = tests::request();
  request.hazards = {tests::hazard(0, FaultKind::bearing_wear, 0.8F),
                     tests::hazard(1, FaultKind::bearing_wear, 0.05F),
                     tests::hazard(1, FaultKind::motor_trip, 0.9F)};
  const auto all = plan::candidates(request);
  CHECK(std::any_of(all.begin(), all.end(), [](const auto& c) { return serves(c, 0); }));
  CHECK(std::none_of(all.begin(), all.end(), [](const auto& c) { return serves(c, 1); }));
  request.hazards.clear();
  for (const auto& candidate : plan::candidates(request))
    CHECK(candidate.schedule.services.empty());
}

TEST_CASE("open orders are tried by due date and by changeover") {
  const auto all = plan::candidates(tests::request());
  const auto sequence_of = [&](const std::string& name) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& candidate) { return candidate.name == name; });
    std::string ids;
    if (found != all.end())
      for (const auto order : found->schedule.sequence) ids += "ABCD"[order.index];
    return ids;
  };
  CHECK(sequence_of("by due date") == "ACBD");
  CHECK(sequence_of("keep") == "ABCD");
}

TEST_CASE("a line whose work has all begun has nothing to resequence") {
  auto request = tests::request();
  auto trial = tests::trial_of(*request.line, *request.orders);
  trial.want_state_at_s = 4.9 * 3600;
  trial.orders = request.orders;
  auto& last = request.now.machines;
  for (auto& machine : last)
    for (auto& progress : machine.progress) progress.good = 1;
  for (const auto& candidate : plan::candidates(request))
    CHECK(candidate.schedule.sequence == request.active.sequence);
}
