// SPDX-License-Identifier: Apache-2.0
#include "inference/levers/lever_model.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

#include "tests/support/lines.hpp"

using namespace foreline;
using levers::What;

namespace {

/// Lines whose best lever is the cycle of the machine that is starved least.
std::vector<levers::LineStudy> lines_with_a_rule(unsigned seed, std::size_t count) {
  std::mt19937 dice(seed);
  std::uniform_real_distribution<double> share(0.0, 0.5);
  std::vector<levers::LineStudy> studies;
  for (std::size_t i = 0; i < count; ++i) {
    levers::LineStudy study;
    study.line = std::make_shared<const line::Line>(
        tests::line_of({tests::machine("a", 8, 3), tests::machine("b", 8, 3),
                        tests::machine("c", 8, 3), tests::machine("d", 8, 0)}));
    study.levers = levers::levers_of(*study.line);
    study.use.resize(4);
    for (auto& u : study.use) {
      u.starved = share(dice);
      u.working = 0.4;  // tells nothing
      u.blocked = 0.6 - u.starved;
      u.active_period_s = 100;
    }
    for (const auto& lever : study.levers) {
      const auto starved = study.use[lever.machine.index].starved;
      study.gain.push_back(lever.what == What::cycle ? 0.01 / (0.02 + starved) : 0.001);
      study.half.push_back(1e-4);
    }
    studies.push_back(std::move(study));
  }
  return studies;
}

}  // namespace

TEST_CASE("a lever model learns a rule, keeps it on disk, and does not need the arithmetic") {
  const auto learned = lines_with_a_rule(1, 150);
  const auto judged = lines_with_a_rule(2, 60);
  plant::PlantRules rules;
  rules.members = 2;
  rules.network.steps = 150;
  const auto model = inference::LeverModel::train(learned, rules, [](const std::string&) {});
  if (!model) FAIL(model.error().text());
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "lever-model";
  std::filesystem::remove_all(folder);
  REQUIRE(model->save(folder));
  const auto again = inference::LeverModel::load(folder);
  if (!again) FAIL(again.error().text());
  for (const auto method : {plant::Method::gpt, plant::Method::blend}) {
    std::vector<std::vector<double>> best, pace;
    for (const auto& study : judged) {
      const auto reading = model->read(method, *study.line, study.levers, study.use);
      const auto kept = again->read(method, *study.line, study.levers, study.use);
      REQUIRE(reading);
      REQUIRE(kept);
      for (std::size_t i = 0; i < study.levers.size(); ++i)
        CHECK(kept->best[i] == Approx(reading->best[i]).margin(1e-6));
      best.push_back(reading->best);
      pace.push_back(reading->pace);
    }
    const auto hits = levers::hits_of(judged, best, pace);
    INFO(plant::name_of(method) << ": " << hits.best_first << ", " << hits.bottleneck);
    CHECK(hits.studies == judged.size());
    CHECK(hits.best_first > 0.7);
    CHECK(hits.best_in_three > 0.9);
    CHECK(hits.bottleneck > 0.7);
  }
  CHECK_FALSE(inference::LeverModel::load(FORELINE_BINARY_DIR));
}
