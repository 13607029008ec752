// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/line/schedule_block.hpp"

namespace foreline::core {

using namespace line;

namespace {

/// Share of the orders not started yet that have another place than before.
double moved_share(const Schedule& before, const Schedule& after, std::size_t frozen) {
  if (before.sequence.size() != after.sequence.size()) return 1;
  std::size_t moved = 0;
  for (std::size_t i = frozen; i < before.sequence.size(); ++i)
    moved += before.sequence[i] == after.sequence[i] ? 0 : 1;
  const auto open = before.sequence.size() - std::min(frozen, before.sequence.size());
  return open == 0 ? 0 : static_cast<double>(moved) / static_cast<double>(open);
}

}  // namespace

GateVerdict judge(const GateInput& input, const GateRules& rules) {
  const auto& request = *input.request;
  const auto& plan = *input.plan;
  const auto& proof = plan.proof;
  GateVerdict verdict;
  const auto check = [&](std::string name, bool passed, std::string text) {
    verdict.checks.push_back({std::move(name), passed, std::move(text)});
  };
  const auto& winner = plan.evaluated.at(plan.winner).candidate;
  const auto frozen = request.now.frozen_prefix(request.active);
  const bool changes = !(winner.schedule == request.active);
  check("change", changes,
        changes
            ? fmt::format("\"{}\" is the best of {} schedules", winner.name, plan.evaluated.size())
            : fmt::format("the running schedule is the best of {}", plan.evaluated.size()));
  const auto complaints =
      complaints_about(winner.schedule, *request.line, *request.orders, request.active, frozen);
  check("schedule", complaints.empty() && fits_block(winner.schedule),
        !complaints.empty() ? complaints.front()
        : fits_block(winner.schedule)
            ? fmt::format("complete, and leaves the {} started orders in place", frozen)
            : "it has more orders or services than the PLC has room for");
  check("link", input.connected,
        input.connected ? "the PLC answers" : "the PLC does not answer; its state is not known");
  const double age_s = input.now_s - input.forecast_at_s;
  check("forecast", age_s <= rules.oldest_forecast_s && age_s >= 0,
        fmt::format("the forecast is {:.0f} s old, {:.0f} s allowed", age_s,
                    rules.oldest_forecast_s));
  check("input", input.missing_share <= rules.largest_missing_share,
        fmt::format("{:.0f} % of the input of the machine at risk was missing, {:.0f} % allowed",
                    100 * input.missing_share, 100 * rules.largest_missing_share));
  check("simulation", proof.invalid_trials == 0,
        fmt::format("{} of {} futures did not end properly", proof.invalid_trials,
                    2 * proof.seeds.size()));
  const double least = rules.least_gain_share * proof.keep_cost;
  check(
      "gain", !proof.gain.empty() && proof.gain_lower_95 > least,
      proof.gain.empty()
          ? std::string("no futures were compared")
          : fmt::format("mean gain {:.0f}, 95 % sure of more than {:.0f}; wanted more than {:.0f} "
                        "({} fresh futures)",
                        proof.mean_gain.mean, proof.gain_lower_95, least, proof.gain.size()));
  check("better", proof.probability_better >= rules.least_probability_better,
        fmt::format("better in {:.0f} % of the futures, wanted {:.0f} %",
                    100 * proof.probability_better, 100 * rules.least_probability_better));
  check("tail", proof.tail_change <= rules.largest_tail_growth,
        fmt::format("the worst tenth of futures costs {:+.1f} %, allowed {:+.1f} %",
                    100 * proof.tail_change, 100 * rules.largest_tail_growth));
  const double moved = moved_share(request.active, winner.schedule, frozen);
  check("stability", moved <= rules.largest_moved_share,
        fmt::format("{:.0f} % of the open orders change place, {:.0f} % allowed", 100 * moved,
                    100 * rules.largest_moved_share));
  const bool rested =
      input.deployed_at_s < 0 || input.now_s - input.deployed_at_s >= rules.hold_off_s;
  check("hold-off", rested,
        input.deployed_at_s < 0
            ? std::string("no schedule has been deployed yet")
            : fmt::format("the last deployment was {:.0f} s ago, wanted {:.0f} s",
                          input.now_s - input.deployed_at_s, rules.hold_off_s));
  check("write", input.may_write,
        input.may_write ? "writing schedules is switched on"
                        : "writing schedules is switched off ([schedule] writes = false)");
  check("audit", input.audit_works,
        input.audit_works ? "the audit can be written" : "the audit cannot be written");
  const auto refused = std::find_if(verdict.checks.begin(), verdict.checks.end(),
                                    [](const Check& c) { return !c.passed; });
  verdict.passed = refused == verdict.checks.end();
  verdict.reason =
      verdict.passed
          ? fmt::format("{}: mean gain {:.0f} of {:.0f}, better in {:.0f} % of {} futures",
                        winner.name, proof.mean_gain.mean, proof.keep_cost,
                        100 * proof.probability_better, proof.gain.size())
          : fmt::format("{}: {}", refused->name, refused->text);
  return verdict;
}

std::vector<std::string> complaints_now(const Schedule& schedule, const plan::Request& request,
                                        const LineNow& now, const Schedule& active) {
  if (!(active == request.active))
    return {"the PLC runs another schedule than the one this proposal was compared with"};
  return complaints_about(schedule, *request.line, *request.orders, active,
                          now.frozen_prefix(active));
}

}  // namespace foreline::core
