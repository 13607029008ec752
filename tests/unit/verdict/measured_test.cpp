// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/verdict/verdict.hpp"
#include "sim/worker/fans.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

/// A line that needs a while to fill: 10 machines of 60 s each, one part a minute once it is full.
text::Scenario slow_start() {
  std::vector<line::Machine> machines;
  for (int m = 0; m < 10; ++m) machines.push_back(tests::machine("m" + std::to_string(m), 60, 1));
  for (auto& machine : machines) machine.power.work_kw = 2;
  auto trial = tests::trial_of(tests::line_of(std::move(machines)), tests::one_order(100'000));
  text::Scenario scenario;
  scenario.path = "slow.toml";
  scenario.title = "slow <start>";
  scenario.line = trial.line;
  scenario.orders = trial.orders;
  scenario.schedule = trial.schedule;
  scenario.horizon_s = 12'000;
  scenario.seed_count = 3;
  return scenario;
}

std::vector<verdict::SeedResult> results_of(const text::Scenario& scenario) {
  std::vector<verdict::SeedResult> results;
  for (std::size_t i = 0; i < scenario.seed_count; ++i) {
    verdict::SeedResult result;
    result.trial = text::trial_of(scenario, i);
    result.seed = result.trial.seed;
    result.outcome = tests::run(result.trial);
    if (const double step_s = verdict::series_step_s(scenario); step_s > 0) {
      worker::Options options;
      options.executable = tests::simulator();
      auto ran = worker::run_fans(std::vector<line::Fan>{{result.trial, 0, {}, step_s}}, options);
      if (!ran) FAIL(ran.error().text());
      result.series = {step_s, std::move((*ran)[0].series)};
    }
    results.push_back(std::move(result));
  }
  return results;
}

const verdict::MeasureSummary& measure(const verdict::Verdict& verdict, const std::string& name) {
  for (const auto& measure : verdict.measures)
    if (measure.name == name) return measure;
  FAIL("no measure " << name);
  return verdict.measures.front();
}

}  // namespace

TEST_CASE("measures count from the end of the warm-up, stated or found") {
  auto scenario = slow_start();
  const auto whole = verdict::judge(scenario, results_of(scenario));
  CHECK(whole.warm_up_s == 0);
  CHECK(measure(whole, "throughput").interval.mean < 58);
  scenario.warm_up_s = 1200;
  const auto stated = verdict::judge(scenario, results_of(scenario));
  CHECK(measure(stated, "throughput").interval.mean == Approx(60).epsilon(0.01));
  // Afterwards the line is full: ten parts, each there for ten minutes, and every machine at work.
  CHECK(measure(whole, "work-in-process").interval.mean < 9.9);
  CHECK(measure(stated, "work-in-process").interval.mean == Approx(10));
  CHECK(measure(stated, "lead-time").interval.mean == Approx(600));
  CHECK(measure(stated, "energy").interval.mean == Approx(10 * 2.0 * (12'000 - 1200) / 3600));
  CHECK(measure(stated, "good").interval.mean ==
        Approx(measure(whole, "good").interval.mean - 11).margin(1));
  scenario.warm_up_s.reset();
  scenario.warm_up_found = true;
  const auto found = verdict::judge(scenario, results_of(scenario));
  CHECK(found.warm_up_s >= 500);
  CHECK(found.warm_up_s <= 1500);
  CHECK(measure(found, "throughput").interval.mean == Approx(60).epsilon(0.02));
}

TEST_CASE("a measured block is added once, renewed in place, and touches nothing else") {
  auto scenario = slow_start();
  const auto verdict = verdict::judge(scenario, results_of(scenario));
  const std::string file = "# a comment\ntitle = \"x\"\n\n[[expect]]\nmeasure = \"good\"\n";
  const auto once = verdict::with_measured_block(file, verdict);
  CHECK(once.starts_with(file));
  CHECK(once.find("# [measured]") != std::string::npos);
  CHECK(once.find("#   throughput ") != std::string::npos);
  CHECK(verdict::with_measured_block(once, verdict) == once);
  CHECK(verdict::measured_differences(once, verdict).empty());
  CHECK(verdict::measured_differences(file, verdict).empty());
  auto changed = verdict;
  for (auto& m : changed.measures)
    if (m.name == "good") m.interval.mean += 1;
  const auto differences = verdict::measured_differences(once + "# the end\n", changed);
  REQUIRE(differences.size() == 1);
  CHECK(differences[0].find("good") != std::string::npos);
  const auto renewed = verdict::with_measured_block(once + "# the end\n", changed);
  CHECK(renewed.ends_with("# the end\n"));
  CHECK(verdict::measured_differences(renewed, changed).empty());
}

TEST_CASE("JSON states every measure with its interval, the page shows it") {
  auto scenario = slow_start();
  const auto results = results_of(scenario);
  const auto verdict = verdict::judge(scenario, results, " --model x");
  const auto json = nlohmann::json::parse(verdict::as_json({verdict}, {results}));
  const auto& good = json[0]["measures"]["good"];
  CHECK(good["unit"] == "parts");
  CHECK(good["mean"] == measure(verdict, "good").interval.mean);
  CHECK(good["low"] == good["high"]);  // nothing is random here
  CHECK(json[0]["measures"].size() == line::measure_fields().size());
  CHECK(json[0]["replications"].size() == 3);
  const auto page = verdict::as_html({verdict});
  CHECK(page.find("slow &lt;start&gt;") != std::string::npos);
  CHECK(page.find("<start>") == std::string::npos);
  CHECK(page.find("throughput") != std::string::npos);
}

TEST_CASE("a trial that ran away fails its expectations and says why") {
  auto scenario = slow_start();
  scenario.expectations.push_back({text::Expectation::Measure{"good", {}}, {}, 7});
  auto results = results_of(scenario);
  results[1].outcome = {};
  results[1].outcome.end = line::Outcome::End::runaway;
  results[1].outcome.error = "more events than the limit allows";
  const auto verdict = verdict::judge(scenario, results, " --trial-events 5");
  CHECK_FALSE(verdict.passed);
  const auto text = verdict::as_text(verdict);
  CHECK(text.find("more events than the limit allows") != std::string::npos);
  CHECK(text.find("foreline run slow.toml --seed 2 --trial-events 5") != std::string::npos);
  CHECK(measure(verdict, "good").values.size() == 2);
}
