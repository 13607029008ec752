// SPDX-License-Identifier: Apache-2.0
// Expectations x (outcomes, alarms) -> verdict. Pure; says which line of the scenario file failed,
// on which seed it is worst, what was wanted, what came, and the command that reruns just that
// seed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/alarm.hpp"
#include "sim/line/trial.hpp"
#include "sim/text/files.hpp"
#include "sim/verdict/statistics.hpp"

namespace foreline::verdict {

/// What had come of a trial by each multiple of `step_s` from its start.
struct Series {
  double step_s = 0;
  std::vector<line::Outcome> by_step;
};

/// All that is known of one seed.
struct SeedResult {
  std::uint64_t seed = 0;
  line::Trial trial;
  line::Outcome outcome;                 ///< Under the scenario's own schedule.
  std::vector<line::AlarmEvent> alarms;  ///< From replaying the trace through the watch.
  bool watched = false;                  ///< Whether it was; else nobody knows of alarms.
  std::vector<line::Outcome> compared;   ///< One a Compare expectation, in file order.
  Series series;                         ///< Of the trial; only when a warm-up is to be cut off.
  std::vector<Series> compared_series;
};

struct ExpectationVerdict {
  int line = 0;      ///< Of the [[expect]] table.
  std::string text;  ///< "alarm filler/bearing-wear, lead >= 15min, on 18 of 20 seeds".
  bool passed = false;
  std::size_t held = 0;  ///< Seeds on which it held.
  std::size_t wanted = 0;
  std::uint64_t worst_seed = 0;
  std::string got;  ///< On the worst seed, with units.
};

/// One measure over all seeds that ended properly.
struct MeasureSummary {
  std::string name;
  std::string unit;
  Interval interval;           ///< 95 %.
  std::vector<double> values;  ///< By seed.
};

struct Verdict {
  std::string scenario;  ///< Path as given.
  std::string title;
  bool passed = false;
  std::size_t seeds = 0;
  std::string rerun_options;  ///< What `foreline run FILE --seed N` needs besides, " --model x".
  double warm_up_s = 0;       ///< Measures count from here.
  std::vector<MeasureSummary> measures;
  std::vector<ExpectationVerdict> expectations;
  std::vector<std::string> broken_invariants;  ///< Of any seed; each fails the verdict.
};

[[nodiscard]] Verdict judge(const text::Scenario& scenario, const std::vector<SeedResult>& results,
                            std::string rerun_options = {});

/// The step of the series that a scenario's warm-up needs; 0: none.
[[nodiscard]] double series_step_s(const text::Scenario& scenario);
/// Where measuring begins: what the scenario says, or what MSER finds in the seeds' mean output.
[[nodiscard]] double warm_up_of(const text::Scenario& scenario,
                                const std::vector<SeedResult>& results);
/// measures_of() without what came before `warm_up_s` (a step of the series). Lateness and makespan
/// are about whole orders and stay.
[[nodiscard]] line::Measures measures_after(const line::Trial& trial, const line::Outcome& outcome,
                                            const Series& series, double warm_up_s);
/// Every measure over the seeds.
[[nodiscard]] std::vector<MeasureSummary> summary_of(const std::vector<SeedResult>& results,
                                                     double warm_up_s);

/// A scenario file's text with its measured block, the comment lines that `foreline run --accept`
/// writes for review, renewed or added at the end. Nothing else changes.
[[nodiscard]] std::string with_measured_block(std::string_view file, const Verdict& verdict);
/// Lines in which the file's measured block differs from this verdict: "line 41: was ..., is ...".
/// Empty when they agree or the file has no block.
[[nodiscard]] std::vector<std::string> measured_differences(std::string_view file,
                                                            const Verdict& verdict);

/// Invariants every outcome must hold: parts conserved, state times sum to the horizon, order of
/// events. Empty when all hold.
[[nodiscard]] std::vector<std::string> broken_invariants(const line::Trial& trial,
                                                         const line::Outcome& outcome);

/// "PASS title: 3 of 3 expectations, 20 seeds", or the failing ones at length.
[[nodiscard]] std::string as_text(const Verdict& verdict);
/// One self-contained page: verdicts, expectations, every measure with its interval and its seeds.
[[nodiscard]] std::string as_html(const std::vector<Verdict>& verdicts);
/// JUnit XML, one testsuite a scenario, one testcase an expectation.
[[nodiscard]] std::string as_junit(const std::vector<Verdict>& verdicts);
/// JSON with every measure, its mean and 95 % interval, and the raw replications.
[[nodiscard]] std::string as_json(const std::vector<Verdict>& verdicts,
                                  const std::vector<std::vector<SeedResult>>& results);

}  // namespace foreline::verdict
