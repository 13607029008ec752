// SPDX-License-Identifier: Apache-2.0
#include "sim/levers/levers.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/lines.hpp"

using namespace foreline;
using levers::Lever;
using levers::Method;
using levers::What;

namespace {

/// Three machines of two products; the middle one breaks down, the first changes over.
line::Line three() {
  auto line = tests::line_of({tests::machine("saw", 8, 3, 2), tests::machine("mill", 10, 3, 2),
                              tests::machine("pack", 5, 0, 2)});
  line.products = {"a", "b"};
  line.machines[0].changeover_s = {{0, 60}, {60, 0}};
  line::FaultMode jam;
  jam.kind = line::FaultKind::jam;
  jam.onset = line::Distribution{line::Distribution::Kind::exponential, 900};
  jam.repair = line::Distribution{line::Distribution::Kind::weibull, 200, 2};
  line.machines[1].faults = {jam};
  return line;
}

}  // namespace

TEST_CASE("a line has the levers that mean something on it") {
  const auto line = three();
  const std::vector<Lever> wanted = {
      {What::cycle, {0}},  {What::changeover, {0}}, {What::buffer, {0}},  {What::cycle, {1}},
      {What::repair, {1}}, {What::buffer, {1}},     {What::service, {1}}, {What::cycle, {2}}};
  CHECK(levers::levers_of(line) == wanted);
  CHECK(levers::text_of({What::repair, {1}}, line) == "mill: 20 % less repair time");
}

TEST_CASE("a pulled lever changes its own and nothing else") {
  const auto trial = tests::trial_of(three(), tests::one_order(10));
  const auto& was = *trial.line;
  for (const auto& lever : levers::levers_of(was)) {
    const auto other = levers::pulled(trial, lever);
    auto now = *other.line;
    auto& machine = now.machines[lever.machine.index];
    const auto& before = was.machines[lever.machine.index];
    INFO(levers::text_of(lever, was));
    CHECK((other.schedule.services.size() == 1) == (lever.what == What::service));
    switch (lever.what) {
      case What::cycle:
        CHECK(machine.product_factor == std::vector<double>{0.9, 0.9});
        machine.product_factor = before.product_factor;
        break;
      case What::repair:
        CHECK(machine.faults[0].repair.expectation() ==
              Approx(0.8 * before.faults[0].repair.expectation()));
        machine.faults = before.faults;
        break;
      case What::changeover:
        CHECK(machine.changeover_s[0][1] == Approx(48));
        machine.changeover_s = before.changeover_s;
        break;
      case What::buffer:
        CHECK(machine.buffer_after == before.buffer_after + 1);
        machine.buffer_after = before.buffer_after;
        break;
      case What::service:
        break;
    }
    CHECK(now == was);
  }
}

TEST_CASE("shares of a machine's time add up, and the slow machine is the bottleneck") {
  auto trial =
      tests::trial_of(tests::line_of({tests::machine("saw", 8, 2), tests::machine("mill", 10, 2),
                                      tests::machine("pack", 5, 0)}),
                      tests::one_order(200));
  const auto outcome = tests::run(trial);
  const auto use = levers::use_of(trial, std::span(&outcome, 1));
  REQUIRE(use.size() == 3);
  for (const auto& u : use)
    CHECK(u.working + u.changeover + u.down + u.serviced + u.starved + u.blocked + u.off_shift +
              u.idle ==
          Approx(1).margin(1e-9));
  // 200 parts in 8 + 200 * 10 + 5 s; the mill works without a pause, the packer part by part.
  CHECK(outcome.end_s == Approx(2013));
  CHECK(use[0].working == Approx(1600 / 2013.0));
  CHECK(use[1].working == Approx(2000 / 2013.0));
  CHECK(use[2].working == Approx(1000 / 2013.0));
  CHECK(use[0].idle > 0.01);  // its work is done before the line's
  CHECK(use[0].blocked > 0.15);
  CHECK(use[2].starved > 0.4);
  CHECK(outcome.machines[1].waits <= 1);
  CHECK(outcome.machines[2].waits == Approx(199).margin(1));
  CHECK(use[1].active_period_s > 990);
  CHECK(use[2].active_period_s == Approx(5).epsilon(0.02));
  for (const auto method : {Method::utilisation, Method::active_period}) {
    CHECK(levers::bottleneck_by(method, use) == line::MachineId{1});
    const auto all = levers::levers_of(*trial.line);
    const auto scores = levers::scores_by(method, all, *trial.line, use);
    REQUIRE(scores.size() == all.size());
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    CHECK(all[static_cast<std::size_t>(best)] == Lever{What::cycle, {1}});
  }
  const auto waste = levers::waste_of(use);
  CHECK(waste.front().name == "starved");
  CHECK(std::is_sorted(waste.begin(), waste.end(),
                       [](const auto& a, const auto& b) { return a.share > b.share; }));
}

TEST_CASE("a lever's status has a value or an unknown for every name") {
  const auto line = three();
  std::vector<levers::MachineUse> use(3);
  use[1].working = 0.9;
  for (const auto& lever : levers::levers_of(line)) {
    const auto status = levers::status_of(lever, line, use);
    REQUIRE(status.size() == levers::status_names().size());
    CHECK(status[0] == static_cast<float>(lever.what));
    for (std::size_t i = 0; i < status.size(); ++i) {
      INFO(levers::status_names()[i]);
      const bool outside =
          (lever.machine.index == 0 && (levers::status_names()[i].rfind("upstream", 0) == 0 ||
                                        levers::status_names()[i] == "buffer before")) ||
          (lever.machine.index == 2 && (levers::status_names()[i].rfind("downstream", 0) == 0 ||
                                        levers::status_names()[i] == "buffer behind"));
      CHECK(std::isnan(status[i]) == outside);
    }
  }
}
