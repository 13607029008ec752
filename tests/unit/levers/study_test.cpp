// SPDX-License-Identifier: Apache-2.0
#include "sim/levers/study.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/lines.hpp"

using namespace foreline;
using levers::Lever;
using levers::What;

namespace {

line::Result<std::vector<line::Outcome>> run(std::span<const line::Trial> trials) {
  return tests::run(std::vector<line::Trial>(trials.begin(), trials.end()));
}

}  // namespace

TEST_CASE("a study finds what levers bring, and pulls no others") {
  auto line = tests::line_of(
      {tests::machine("saw", 8, 2), tests::machine("mill", 10, 2), tests::machine("pack", 5, 0)});
  line.machines[1].cycle = {line::Distribution::Kind::exponential, 10};
  const auto trial = tests::trial_of(line, tests::one_order(400));
  auto study = levers::LeverStudy::begin(trial, 7, 8, run);
  REQUIRE(study);
  const auto& told = study->study();
  const auto place = [&](const Lever& lever) {
    return static_cast<std::size_t>(std::find(told.levers.begin(), told.levers.end(), lever) -
                                    told.levers.begin());
  };
  const std::vector<std::size_t> some = {place({What::cycle, {0}}), place({What::cycle, {1}}),
                                         place({What::cycle, {2}})};
  REQUIRE(study->pull(some, run));
  // The mill makes the line's pace: a tenth less is a ninth more, less what the ends cost.
  CHECK(told.gain[some[1]] == Approx(1 / 9.0).margin(0.04));
  CHECK(told.half[some[1]] < 0.04);
  CHECK(std::abs(told.gain[some[2]]) < 0.01);
  CHECK(told.gain[some[0]] < told.gain[some[1]] / 2);
  CHECK(std::isnan(told.gain[place({What::buffer, {0}})]));
}

TEST_CASE("a lever that changes nothing brings exactly nothing") {
  // Without faults and with one machine after the other far apart, a place more is of no use.
  const auto trial = tests::trial_of(
      tests::line_of({tests::machine("slow", 20, 50), tests::machine("fast", 5, 0)}),
      tests::one_order(50));
  auto study = levers::LeverStudy::begin(trial, 1, 3, run);
  REQUIRE(study);
  std::vector<std::size_t> all(study->study().levers.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  REQUIRE(study->pull(all, run));
  for (std::size_t i = 0; i < all.size(); ++i)
    if (study->study().levers[i].what == What::buffer) CHECK(study->study().gain[i] == 0);
  CHECK(study->study().bottleneck() == line::MachineId{0});
  CHECK(study->study().tells());
}

TEST_CASE("a future that does not end properly is an error and not a number") {
  auto trial =
      tests::trial_of(tests::line_of({tests::machine("only", 1, 0)}), tests::one_order(1000));
  trial.event_limit = 10;
  const auto study = levers::LeverStudy::begin(trial, 1, 2, run);
  REQUIRE_FALSE(study);
  CHECK(study.error().text().find("runaway") != std::string::npos);
}

TEST_CASE("hits count what scores name rightly") {
  levers::LineStudy one;
  one.levers = {{What::cycle, {0}}, {What::cycle, {1}}, {What::repair, {1}}, {What::buffer, {0}}};
  one.gain = {0.01, 0.05, 0.10, 0.0};
  one.half = {0.001, 0.001, 0.001, 0.001};
  levers::LineStudy silent = one;
  silent.gain = {0, 0, 0.001, 0};
  const std::vector<levers::LineStudy> studies = {one, silent, one};
  // First: the best in first place, the right bottleneck. Third: the best is last.
  const std::vector<std::vector<double>> scores = {{0, 2, 3, 1}, {1, 2, 3, 4}, {4, 3, 1, 2}};
  const auto hits = levers::hits_of(studies, scores, scores);
  CHECK(hits.studies == 2);
  CHECK(hits.best_first == 0.5);
  CHECK(hits.best_in_three == 0.5);
  CHECK(hits.bottleneck == 0.5);
  CHECK(hits.simulated == Approx((0.25 + 1.0) / 2));
}
