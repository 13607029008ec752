// SPDX-License-Identifier: Apache-2.0
// Expectations x (outcomes, alarms) -> verdict. Pure; says which line of the scenario file failed,
// on which seed it is worst, what was wanted, what came, and the command that reruns just that
// seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/line/alarm.hpp"
#include "sim/line/trial.hpp"
#include "sim/text/files.hpp"

namespace foreline::verdict {

/// All that is known of one seed.
struct SeedResult {
  std::uint64_t seed = 0;
  line::Trial trial;
  line::Outcome outcome;                 ///< Under the scenario's own schedule.
  std::vector<line::AlarmEvent> alarms;  ///< From replaying the trace through the watch.
  std::vector<line::Outcome> compared;   ///< One a Compare expectation, in file order.
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

struct Verdict {
  std::string scenario;  ///< Path as given.
  std::string title;
  bool passed = false;
  std::size_t seeds = 0;
  std::vector<ExpectationVerdict> expectations;
  std::vector<std::string> broken_invariants;  ///< Of any seed; each fails the verdict.
};

[[nodiscard]] Verdict judge(const text::Scenario& scenario, const std::vector<SeedResult>& results);

/// Invariants every outcome must hold: parts conserved, state times sum to the horizon, order of
/// events. Empty when all hold.
[[nodiscard]] std::vector<std::string> broken_invariants(const line::Trial& trial,
                                                         const line::Outcome& outcome);

/// "PASS title: 3 of 3 expectations, 20 seeds", or the failing ones at length.
[[nodiscard]] std::string as_text(const Verdict& verdict);
/// JUnit XML, one testsuite a scenario, one testcase an expectation.
[[nodiscard]] std::string as_junit(const std::vector<Verdict>& verdicts);
/// JSON with every measure, its mean and 95 % interval, and the raw replications.
[[nodiscard]] std::string as_json(const std::vector<Verdict>& verdicts,
                                  const std::vector<std::vector<SeedResult>>& results);

}  // namespace foreline::verdict
