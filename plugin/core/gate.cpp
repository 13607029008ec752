// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/line/schedule_block.hpp"
#include "sim/plan/react.hpp"
#include "sim/select/scenario_set.hpp"

namespace foreline::core {

using namespace line;

bool can_be_overruled(const std::string& rule) {
  return rule != "G0" && rule != "G1" && rule != "G7" && rule != "G10";
}

bool can_be_believed(const std::optional<ForecastRecord>& record, const GateRules& rules) {
  return record && record->skill > rules.least_skill &&
         record->calibration_error <= rules.largest_calibration_error;
}

bool GateVerdict::can_be_overruled() const {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) {
    return check.passed || core::can_be_overruled(check.rule);
  });
}

double binomial_p(std::size_t held, std::size_t count, double share) {
  if (count == 0) return 1;
  const auto n = static_cast<double>(count);
  const auto mass = [&](std::size_t k) {
    const auto x = static_cast<double>(k);
    return std::exp(std::lgamma(n + 1) - std::lgamma(x + 1) - std::lgamma(n - x + 1) +
                    x * std::log(share) + (n - x) * std::log1p(-share));
  };
  double tail = 0;
  if (static_cast<double>(held) <= n * share)
    for (std::size_t k = 0; k <= held; ++k) tail += mass(k);
  else
    for (std::size_t k = held; k <= count; ++k) tail += mass(k);
  return std::min(1.0, 2 * tail);
}

namespace {

class Judge {
 public:
  Judge(const GateInput& input, const GateRules& rules)
      : input_(input),
        rules_(rules),
        request_(*input.request),
        plan_(*input.plan),
        proof_(plan_.proof),
        winner_(plan_.evaluated.at(plan_.winner).candidate),
        frozen_(request_.now.frozen_prefix(request_.active)) {}

  GateVerdict verdict() {
    constraints();
    gain();
    tail();
    model();
    forecast();
    twin();
    state();
    stability();
    writing();
    const auto refused = std::find_if(verdict_.checks.begin(), verdict_.checks.end(),
                                      [](const Check& c) { return !c.passed; });
    verdict_.passed = refused == verdict_.checks.end();
    verdict_.reason =
        verdict_.passed
            ? fmt::format("{}: mean gain {:.0f} of {:.0f}, better in {:.0f} % of {} futures",
                          winner_.name, proof_.mean_gain.mean, proof_.keep_cost,
                          100 * proof_.probability_better, proof_.gain.size())
            : fmt::format("{}: {}", refused->name, refused->text);
    return std::move(verdict_);
  }

 private:
  void check(const char* rule, const char* name, bool passed, std::string text) {
    verdict_.checks.push_back({rule, name, passed, std::move(text)});
  }

  void constraints() {
    const bool changes = !(winner_.schedule == request_.active);
    check("G2", "change", changes,
          changes ? fmt::format("\"{}\" is the best of {} schedules", winner_.name,
                                plan_.evaluated.size())
                  : fmt::format("the running schedule is the best of {}", plan_.evaluated.size()));
    check("G0", "identity", input_.identity == input_.identity_now,
          input_.identity == input_.identity_now
              ? "the plan is about the line, orders, state and rules that stand here"
              : "the line, the orders, the state or the rules are not those of the plan");
    const auto complaints = line::complaints_about(winner_.schedule, *request_.line,
                                                   *request_.orders, request_.active, frozen_);
    check("G1", "schedule", complaints.empty() && fits_block(winner_.schedule),
          !complaints.empty() ? complaints.front()
          : fits_block(winner_.schedule)
              ? fmt::format("complete, and leaves the {} started orders in place", frozen_)
              : "it has more orders or services than the PLC has room for");
    check("G1", "simulation", proof_.invalid_trials == 0 && proof_.broken.empty(),
          !proof_.broken.empty() ? proof_.broken.front()
                                 : fmt::format("{} of {} futures did not end properly",
                                               proof_.invalid_trials, 2 * proof_.seeds.size()));
  }

  void gain() {
    const double least = rules_.least_gain_share * proof_.keep_cost;
    const bool many = proof_.gain.size() >= rules_.least_futures;
    const bool fresh = std::all_of(proof_.seeds.begin(), proof_.seeds.end(), [](std::uint64_t s) {
      return select::set_of(s) == select::ScenarioSet::gate;
    });
    check("G2", "futures", many && fresh,
          fresh ? fmt::format("proved on {} futures, wanted {}", proof_.gain.size(),
                              rules_.least_futures)
                : std::string("the proof uses futures that the search or the choice has seen"));
    const double lower = std::min(proof_.gain_lower_95, proof_.compared.gain_lower_boot);
    check("G2", "gain", !proof_.gain.empty() && lower > least,
          proof_.gain.empty()
              ? std::string("no futures were compared")
              : fmt::format("mean gain {:.0f}, 95 % sure of more than {:.0f}; wanted more than "
                            "{:.0f} ({} fresh futures, Student and bootstrap{})",
                            proof_.mean_gain.mean, lower, least, proof_.gain.size(),
                            proof_.compared.sharpened
                                ? fmt::format(", with the recursion as control variate, "
                                              "correlation {:.3f}",
                                              proof_.compared.model_correlation)
                                : std::string()));
  }

  void tail() {
    check("G3", "better", proof_.probability_better >= rules_.least_probability_better,
          fmt::format("better in {:.0f} % of the futures, wanted {:.0f} %",
                      100 * proof_.probability_better, 100 * rules_.least_probability_better));
    const double growth = std::max(proof_.tail_change, proof_.compared.tail_change_upper);
    check("G3", "tail", growth <= rules_.largest_tail_growth,
          fmt::format("the worst twentieth of futures costs {:+.1f} %, at most {:+.1f} % (95 % "
                      "sure), allowed {:+.1f} %",
                      100 * proof_.tail_change, 100 * growth, 100 * rules_.largest_tail_growth));
    double drop = 0;
    std::string whose = "no order";
    for (const auto& order : proof_.on_time) {
      const double lost = order.keep.middle() - order.winner.middle();
      if (lost <= drop) continue;
      drop = lost;
      whose = (*request_.orders).at(order.order.index).id;
    }
    check("G3", "on time", drop <= rules_.largest_on_time_drop,
          drop > 0 ? fmt::format("order {} is on time with {:.0f} points less, {:.0f} allowed",
                                 whose, 100 * drop, 100 * rules_.largest_on_time_drop)
                   : std::string("no order is late more often"));
  }

  void model() {
    std::size_t good = 0;
    const plan::Corner* worst = nullptr;
    for (const auto& corner : proof_.corners) {
      good += corner.gain_share >= 0 ? 1 : 0;
      if (worst == nullptr || corner.gain_share < worst->gain_share) worst = &corner;
    }
    const auto count = proof_.corners.size();
    const bool passed = count == 0 || (static_cast<double>(good) >=
                                           rules_.least_good_corners * static_cast<double>(count) &&
                                       worst->gain_share >= rules_.worst_corner);
    check("G4", "model error", passed,
          count == 0 ? std::string("no errors of the model were tried")
                     : fmt::format("gains in {} of {} corners; worst {:+.1f} % where {}", good,
                                   count, 100 * worst->gain_share, worst->name));
  }

  void forecast() {
    const auto& record = input_.forecast;
    const auto skill =
        record ? fmt::format(
                     "skill {:+.2f} over base rates (wanted above {:.2f}), calibrated to "
                     "{:.3f} (allowed {:.3f}), measured on {}",
                     record->skill, rules_.least_skill, record->calibration_error,
                     rules_.largest_calibration_error, record->on)
               : std::string("nobody has measured how good the forecast is");
    if (request_.hazards.empty())
      return check("G5", "forecast", true, "planned by base rates, without a forecast; " + skill);
    const double age_s = input_.now_s - input_.forecast_at_s;
    const double allowed_s =
        std::min(rules_.oldest_forecast_s, rules_.oldest_forecast_share * request_.horizon_s);
    check("G5", "forecast", age_s <= allowed_s && age_s >= 0,
          fmt::format("the forecast is {:.0f} s old, {:.0f} s allowed", age_s, allowed_s));
    check("G5", "input", input_.missing_share <= rules_.largest_missing_share,
          fmt::format("{:.0f} % of the input of the machine at risk was missing, {:.0f} % allowed",
                      100 * input_.missing_share, 100 * rules_.largest_missing_share));
    check("G5", "skill", can_be_believed(record, rules_), skill);
  }

  void twin() {
    const auto& record = input_.twin;
    bool passed = rules_.least_stretches == 0;
    std::string text = fmt::format(
        "the simulation has not been compared with this plant yet, wanted are {} "
        "stretches of time",
        rules_.least_stretches);
    if (record) {
      const double p = binomial_p(record->covered, record->shifts, 0.9);
      passed = record->throughput_error <= rules_.largest_throughput_error &&
               record->event_error <= rules_.largest_event_error && p > rules_.least_coverage_p &&
               !record->drifting;
      text = fmt::format(
          "throughput off by {:.1f} %, event times by {:.1f} % of the horizon; {} of "
          "{} stretches in the 90 % interval (p {:.2f}){}",
          100 * record->throughput_error, 100 * record->event_error, record->covered,
          record->shifts, p, record->drifting ? "; its error drifts" : "");
    }
    check("G6", "twin", passed, std::move(text));
  }

  void state() {
    check("G7", "link", input_.connected,
          input_.connected ? "the PLC answers" : "the PLC does not answer; its state is not known");
    const double age_s = input_.now_s - request_.now.at_s;
    check("G7", "state", age_s >= 0 && age_s <= rules_.oldest_state_s,
          fmt::format("the state planned from is {:.0f} s old, {:.0f} s allowed", age_s,
                      rules_.oldest_state_s));
    std::string trouble;
    if (request_.line->is_plain_series() && request_.now.buffers.empty()) {
      for (std::size_t m = 0; m + 1 < request_.now.machines.size(); ++m)
        if (request_.now.buffer_level(m) < 0)
          trouble = fmt::format("by the counts there are {} parts behind {}",
                                request_.now.buffer_level(m), request_.line->machines[m].name);
    }
    check("G7", "counts", trouble.empty(), trouble.empty() ? "part counts agree" : trouble);
  }

  void stability() {
    const auto& before = request_.active.sequence;
    const auto& after = winner_.schedule.sequence;
    const auto fence = plan::frozen_of(request_);
    const auto kept = std::min(fence, after.size());
    check("G8", "freeze",
          kept == fence &&
              std::equal(after.begin(), after.begin() + std::ptrdiff_t(kept), before.begin()),
          fmt::format("the first {} orders of the running schedule stay where they are", fence));
    const auto unrest = plan::nervousness_of(request_.active, winner_.schedule, fence);
    check("G8", "stability",
          unrest.moved_share <= rules_.largest_moved_share &&
              unrest.weighted_shift <= rules_.largest_shift,
          fmt::format("{:.0f} % of the open orders change place, {:.0f} % allowed; they shift by "
                      "{:.0f} % of what they could, {:.0f} % allowed",
                      100 * unrest.moved_share, 100 * rules_.largest_moved_share,
                      100 * unrest.weighted_shift, 100 * rules_.largest_shift));
    check("G8", "starts", proof_.start_deviation_s <= rules_.largest_start_deviation_s,
          fmt::format("open orders start {:.0f} min earlier or later on average, {:.0f} allowed",
                      proof_.start_deviation_s / 60, rules_.largest_start_deviation_s / 60));
    const bool rested =
        input_.deployed_at_s < 0 || input_.now_s - input_.deployed_at_s >= rules_.hold_off_s;
    check("G8", "hold-off", rested,
          input_.deployed_at_s < 0
              ? std::string("no schedule has been deployed yet")
              : fmt::format("the last deployment was {:.0f} s ago, wanted {:.0f} s",
                            input_.now_s - input_.deployed_at_s, rules_.hold_off_s));
  }

  void writing() {
    check("G10", "write", input_.may_write,
          input_.may_write ? "writing schedules is switched on"
                           : "writing schedules is switched off ([schedule] writes = false)");
    check("G11", "way back", input_.previous_kept && !input_.locked_out,
          input_.locked_out      ? "a schedule was rolled back and nobody has cleared that yet"
          : input_.previous_kept ? "the running schedule is kept for the way back"
                                 : "the running schedule is not known, so there is no way back");
    check("G12", "audit", input_.audit_works,
          input_.audit_works ? "the audit can be written" : "the audit cannot be written");
    std::size_t broken = 0;
    std::size_t known = 0;
    const auto from = input_.ledger.size() - std::min(input_.ledger.size(), rules_.ledger_length);
    for (std::size_t i = from; i < input_.ledger.size(); ++i) {
      const auto& promise = input_.ledger[i];
      if (!promise.realised && !promise.rolled_back) continue;
      ++known;
      broken += promise.rolled_back || *promise.realised < promise.gain_lower ? 1 : 0;
    }
    check("G12", "ledger", broken <= rules_.most_broken_promises,
          fmt::format("{} of the last {} deployments gained less than was promised, {} allowed",
                      broken, known, rules_.most_broken_promises));
  }

  const GateInput& input_;
  const GateRules& rules_;
  const plan::Request& request_;
  const plan::Plan& plan_;
  const plan::Proof& proof_;
  const plan::Candidate& winner_;
  std::size_t frozen_;
  GateVerdict verdict_;
};

}  // namespace

GateVerdict judge(const GateInput& input, const GateRules& rules) {
  return Judge(input, rules).verdict();
}

std::string identity_text(const plan::Request& request, const Schedule& schedule,
                          const GateRules& rules) {
  std::string text = fmt::format("line {}\n", request.line->name);
  for (const auto& machine : request.line->machines)
    text += fmt::format("machine {} {} {} {}\n", machine.name, machine.cycle.expectation(),
                        machine.buffer_after, machine.faults.size());
  for (const auto& order : *request.orders)
    text += fmt::format("order {} {} {} {} {} {}\n", order.id, order.product.index, order.quantity,
                        order.release_s, order.due_s, order.weight);
  const auto put = [&](const char* what, const Schedule& one) {
    text += what;
    for (const auto id : one.sequence) text += fmt::format(" {}", id.index);
    for (const auto& service : one.services)
      text += fmt::format(" ({} {} {} {})", service.machine.index, int(service.when), service.at_s,
                          service.order.index);
    text += "\n";
  };
  put("active", request.active);
  put("new", schedule);
  text += fmt::format("now {}\n", request.now.at_s);
  for (const auto& machine : request.now.machines) {
    text += fmt::format("{} {} {} {} {} {}", int(machine.state), machine.holds_part, machine.parts,
                        machine.renewals, machine.operating_s, machine.down_remaining_s);
    for (const auto& progress : machine.progress)
      text += fmt::format(" {}/{}", progress.good, progress.scrap);
    text += "\n";
  }
  text += fmt::format("fence {} policy {}\n", plan::frozen_of(request), int(request.policy));
  for (const auto& hazard : request.hazards)
    text += fmt::format("hazard {} {} {}\n", hazard.machine.index, int(hazard.kind),
                        fmt::join(hazard.within, " "));
  text += fmt::format("seed {} futures {} {} prices {} {} {} {}\n", request.seed,
                      request.selection_seeds, request.gate_seeds, request.cost_tardiness_s,
                      request.cost_downtime_s, request.cost_service_s, request.cost_makespan_s);
  text += fmt::format("rules {} {} {} {} {} {} {} {} {} {} {}\n", rules.least_gain_share,
                      rules.least_futures, rules.least_probability_better,
                      rules.largest_tail_growth, rules.largest_on_time_drop,
                      rules.least_good_corners, rules.worst_corner, rules.largest_moved_share,
                      rules.largest_shift, rules.hold_off_s, rules.approval_expires_s);
  return text;
}

std::vector<std::string> complaints_about(const Approval& approval, const GateVerdict& verdict,
                                          const std::string& identity, const GateRules& rules) {
  std::vector<std::string> complaints;
  if (approval.who.empty()) complaints.emplace_back("an approval needs a name");
  if (approval.identity != identity)
    complaints.emplace_back("what was approved is not what would be deployed");
  if (approval.at_s < approval.made_at_s ||
      approval.at_s - approval.made_at_s > rules.approval_expires_s)
    complaints.push_back(
        fmt::format("the proposal has expired: it stood {:.0f} min, {:.0f} allowed",
                    (approval.at_s - approval.made_at_s) / 60, rules.approval_expires_s / 60));
  if (verdict.passed) return complaints;
  for (const auto& check : verdict.checks)
    if (!check.passed && !can_be_overruled(check.rule))
      complaints.push_back(
          fmt::format("nobody may overrule {} {}: {}", check.rule, check.name, check.text));
  if (approval.second.empty())
    complaints.push_back("the gate has refused (" + verdict.reason +
                         "): to overrule it takes a second person");
  else if (approval.second == approval.who)
    complaints.emplace_back("the second person must be another one");
  return complaints;
}

Schedule way_back(const Schedule& previous, const Schedule& active, std::size_t frozen) {
  Schedule back = previous;
  frozen = std::min(frozen, active.sequence.size());
  back.sequence.assign(active.sequence.begin(),
                       active.sequence.begin() + static_cast<std::ptrdiff_t>(frozen));
  for (const auto order : previous.sequence)
    if (std::find(back.sequence.begin(), back.sequence.end(), order) == back.sequence.end())
      back.sequence.push_back(order);
  return back;
}

bool BandWatch::step(double value, double low, double high) {
  outside_ = value < low || value > high || !std::isfinite(value) ? outside_ + 1 : 0;
  // Better than promised is no reason to go back, but the promise was wrong: it resets nothing.
  const bool due = !locked_out_ && outside_ >= windows_ && !(value > high);
  locked_out_ = locked_out_ || due;
  return due;
}

std::vector<std::string> complaints_now(const Schedule& schedule, const plan::Request& request,
                                        const LineNow& now, const Schedule& active) {
  if (!(active == request.active))
    return {"the PLC runs another schedule than the one this proposal was compared with"};
  return line::complaints_about(schedule, *request.line, *request.orders, active,
                                now.frozen_prefix(active));
}

}  // namespace foreline::core
