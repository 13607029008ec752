// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

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
  return std::all_of(checks.begin(), checks.end(), [](const Check& one) {
    return one.passed || core::can_be_overruled(one.rule);
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

/// Names of `forms`, in the same order.
enum class Form : std::size_t {
  gains,
  best,
  running_is_best,
  same_identity,
  other_identity,
  complaint,
  no_room,
  complete,
  ended_badly,
  futures,
  seen_futures,
  no_futures,
  gain,
  gain_sharpened,
  better,
  tail,
  less_on_time,
  none_later,
  no_corners,
  corners,
  base_rates,
  base_rates_unmeasured,
  forecast_age,
  missing_input,
  skill,
  skill_unmeasured,
  twin_unknown,
  twin,
  twin_drifts,
  plc_answers,
  plc_silent,
  state_age,
  counts_agree,
  counts_disagree,
  frozen,
  moves,
  starts,
  never_deployed,
  deployed_lately,
  writes_on,
  writes_off,
  previous_kept,
  previous_unknown,
  locked_out,
  audit_works,
  audit_broken,
  promises,
};

constexpr std::array<std::string_view, 47> forms = {
    "{0}: mean gain {1} of {2}, better in {3} % of {4} futures",
    "\"{0}\" is the best of {1} schedules",
    "the running schedule is the best of {0}",
    "the plan is about the line, orders, state and rules that stand here",
    "the line, the orders, the state or the rules are not those of the plan",
    "{0}",
    "it has more orders or services than the PLC has room for",
    "complete, and leaves the {0} started orders in place",
    "{0} of {1} futures did not end properly",
    "proved on {0} futures, wanted {1}",
    "the proof uses futures that the search or the choice has seen",
    "no futures were compared",
    "mean gain {0}, 95 % sure of more than {1}; wanted more than {2} ({3} fresh futures, Student "
    "and bootstrap)",
    "mean gain {0}, 95 % sure of more than {1}; wanted more than {2} ({3} fresh futures, Student "
    "and bootstrap, with the recursion as control variate, correlation {4})",
    "better in {0} % of the futures, wanted {1} %",
    "the worst twentieth of futures costs {0} %, at most {1} % (95 % sure), allowed {2} %",
    "order {0} is on time with {1} points less, {2} allowed",
    "no order is late more often",
    "no errors of the model were tried",
    "gains in {0} of {1} corners; worst {2} % where {3}",
    "planned by base rates, without a forecast; skill {0} over base rates (wanted above {1}), "
    "calibrated to {2} (allowed {3}), measured on {4}",
    "planned by base rates, without a forecast; nobody has measured how good the forecast is",
    "the forecast is {0} s old, {1} s allowed",
    "{0} % of the input of the machine at risk was missing, {1} % allowed",
    "skill {0} over base rates (wanted above {1}), calibrated to {2} (allowed {3}), measured on "
    "{4}",
    "nobody has measured how good the forecast is",
    "the simulation has not been compared with this plant yet, wanted are {0} stretches of time",
    "throughput off by {0} %, event times by {1} % of the horizon; {2} of {3} stretches in the 90 "
    "% interval (p {4})",
    "throughput off by {0} %, event times by {1} % of the horizon; {2} of {3} stretches in the 90 "
    "% interval (p {4}); its error drifts",
    "the PLC answers",
    "the PLC does not answer; its state is not known",
    "the state planned from is {0} s old, {1} s allowed",
    "part counts agree",
    "by the counts there are {0} parts behind {1}",
    "the first {0} orders of the running schedule stay where they are",
    "{0} % of the open orders change place, {1} % allowed; they shift by {2} % of what they could, "
    "{3} % allowed",
    "open orders start {0} min earlier or later on average, {1} allowed",
    "no schedule has been deployed yet",
    "the last deployment was {0} s ago, wanted {1} s",
    "writing schedules is switched on",
    "writing schedules is switched off ([schedule] writes = false)",
    "the running schedule is kept for the way back",
    "the running schedule is not known, so there is no way back",
    "a schedule was rolled back and nobody has cleared that yet",
    "the audit can be written",
    "the audit cannot be written",
    "{0} of the last {1} deployments gained less than was promised, {2} allowed",
};

static_assert(forms.size() == static_cast<std::size_t>(Form::promises) + 1);

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
    if (verdict_.passed) {
      verdict_.found = finding(
          Form::gains, {winner_.name, whole(proof_.mean_gain.mean), whole(proof_.keep_cost),
                        percent(proof_.probability_better), fmt::format("{}", proof_.gain.size())});
      verdict_.reason = verdict_.found.text();
    } else {
      verdict_.check = refused->name;
      verdict_.found = refused->found;
      verdict_.reason = fmt::format("{}: {}", refused->name, refused->text);
    }
    return std::move(verdict_);
  }

 private:
  static Finding finding(Form form, std::vector<std::string> values) {
    return {std::string(forms.at(static_cast<std::size_t>(form))), std::move(values)};
  }
  static std::string whole(double value) { return fmt::format("{:.0f}", value); }
  static std::string percent(double share) { return fmt::format("{:.0f}", 100 * share); }
  static std::string count(std::size_t n) { return fmt::format("{}", n); }
  static std::string change(double share) { return fmt::format("{:+.1f}", 100 * share); }

  void check(const char* rule, const char* name, bool passed, Form form,
             std::vector<std::string> values = {}) {
    auto found = finding(form, std::move(values));
    auto text = found.text();
    verdict_.checks.push_back({rule, name, passed, std::move(text), std::move(found)});
  }

  void constraints() {
    const bool changes = !(winner_.schedule == request_.active);
    if (changes)
      check("G2", "change", true, Form::best, {winner_.name, count(plan_.evaluated.size())});
    else
      check("G2", "change", false, Form::running_is_best, {count(plan_.evaluated.size())});
    const bool same = input_.identity == input_.identity_now;
    check("G0", "identity", same, same ? Form::same_identity : Form::other_identity);
    const auto complaints = line::complaints_about(winner_.schedule, *request_.line,
                                                   *request_.orders, request_.active, frozen_);
    if (!complaints.empty())
      check("G1", "schedule", false, Form::complaint, {complaints.front()});
    else if (!fits_block(winner_.schedule))
      check("G1", "schedule", false, Form::no_room);
    else
      check("G1", "schedule", true, Form::complete, {count(frozen_)});
    if (!proof_.broken.empty())
      check("G1", "simulation", false, Form::complaint, {proof_.broken.front()});
    else
      check("G1", "simulation", proof_.invalid_trials == 0, Form::ended_badly,
            {count(proof_.invalid_trials), count(2 * proof_.seeds.size())});
  }

  void gain() {
    const double least = rules_.least_gain_share * proof_.keep_cost;
    const bool many = proof_.gain.size() >= rules_.least_futures;
    const bool fresh = std::all_of(proof_.seeds.begin(), proof_.seeds.end(), [](std::uint64_t s) {
      return select::set_of(s) == select::ScenarioSet::gate;
    });
    if (fresh)
      check("G2", "futures", many, Form::futures,
            {count(proof_.gain.size()), count(rules_.least_futures)});
    else
      check("G2", "futures", false, Form::seen_futures);
    const double lower = std::min(proof_.gain_lower_95, proof_.compared.gain_lower_boot);
    if (proof_.gain.empty()) return check("G2", "gain", false, Form::no_futures);
    std::vector<std::string> values = {whole(proof_.mean_gain.mean), whole(lower), whole(least),
                                       count(proof_.gain.size())};
    const bool sharpened = proof_.compared.sharpened;
    if (sharpened) values.push_back(fmt::format("{:.3f}", proof_.compared.model_correlation));
    check("G2", "gain", lower > least, sharpened ? Form::gain_sharpened : Form::gain,
          std::move(values));
  }

  void tail() {
    check("G3", "better", proof_.probability_better >= rules_.least_probability_better,
          Form::better,
          {percent(proof_.probability_better), percent(rules_.least_probability_better)});
    const double growth = std::max(proof_.tail_change, proof_.compared.tail_change_upper);
    check("G3", "tail", growth <= rules_.largest_tail_growth, Form::tail,
          {change(proof_.tail_change), change(growth), change(rules_.largest_tail_growth)});
    double drop = 0;
    std::string whose;
    for (const auto& order : proof_.on_time) {
      const double lost = order.keep.middle() - order.winner.middle();
      if (lost <= drop) continue;
      drop = lost;
      whose = (*request_.orders).at(order.order.index).id;
    }
    if (drop > 0)
      check("G3", "on time", drop <= rules_.largest_on_time_drop, Form::less_on_time,
            {whose, percent(drop), percent(rules_.largest_on_time_drop)});
    else
      check("G3", "on time", drop <= rules_.largest_on_time_drop, Form::none_later);
  }

  void model() {
    const auto& corners = proof_.corners;
    const auto* worst = plan::worst_of(corners);
    if (worst == nullptr) return check("G4", "model error", true, Form::no_corners);
    check("G4", "model error", plan::holds(corners, rules_), Form::corners,
          {count(plan::good_of(corners)), count(corners.size()), change(worst->gain_share),
           worst->name});
  }

  void forecast() {
    const auto& record = input_.forecast;
    std::vector<std::string> skill;
    if (record)
      skill = {fmt::format("{:+.2f}", record->skill), fmt::format("{:.2f}", rules_.least_skill),
               fmt::format("{:.3f}", record->calibration_error),
               fmt::format("{:.3f}", rules_.largest_calibration_error), record->on};
    if (request_.hazards.empty())
      return check("G5", "forecast", true, record ? Form::base_rates : Form::base_rates_unmeasured,
                   std::move(skill));
    const double age_s = input_.now_s - input_.forecast_at_s;
    const double allowed_s =
        std::min(rules_.oldest_forecast_s, rules_.oldest_forecast_share * request_.horizon_s);
    check("G5", "forecast", age_s <= allowed_s && age_s >= 0, Form::forecast_age,
          {whole(age_s), whole(allowed_s)});
    check("G5", "input", input_.missing_share <= rules_.largest_missing_share, Form::missing_input,
          {percent(input_.missing_share), percent(rules_.largest_missing_share)});
    check("G5", "skill", can_be_believed(record, rules_),
          record ? Form::skill : Form::skill_unmeasured, std::move(skill));
  }

  void twin() {
    const auto& record = input_.twin;
    if (!record)
      return check("G6", "twin", rules_.least_stretches == 0, Form::twin_unknown,
                   {count(rules_.least_stretches)});
    const double p = binomial_p(record->covered, record->shifts, 0.9);
    const bool passed = record->throughput_error <= rules_.largest_throughput_error &&
                        record->event_error <= rules_.largest_event_error &&
                        p > rules_.least_coverage_p && !record->drifting;
    check("G6", "twin", passed, record->drifting ? Form::twin_drifts : Form::twin,
          {fmt::format("{:.1f}", 100 * record->throughput_error),
           fmt::format("{:.1f}", 100 * record->event_error), count(record->covered),
           count(record->shifts), fmt::format("{:.2f}", p)});
  }

  void state() {
    check("G7", "link", input_.connected, input_.connected ? Form::plc_answers : Form::plc_silent);
    const double age_s = input_.now_s - request_.now.at_s;
    check("G7", "state", age_s >= 0 && age_s <= rules_.oldest_state_s, Form::state_age,
          {whole(age_s), whole(rules_.oldest_state_s)});
    if (request_.line->is_plain_series() && request_.now.buffers.empty()) {
      for (std::size_t m = request_.now.machines.size(); m-- > 0;)
        if (m + 1 < request_.now.machines.size() && request_.now.buffer_level(m) < 0)
          return check(
              "G7", "counts", false, Form::counts_disagree,
              {fmt::format("{}", request_.now.buffer_level(m)), request_.line->machines[m].name});
    }
    check("G7", "counts", true, Form::counts_agree);
  }

  void stability() {
    const auto& before = request_.active.sequence;
    const auto& after = winner_.schedule.sequence;
    const auto fence = plan::frozen_of(request_);
    const auto kept = std::min(fence, after.size());
    check("G8", "freeze",
          kept == fence &&
              std::equal(after.begin(), after.begin() + std::ptrdiff_t(kept), before.begin()),
          Form::frozen, {count(fence)});
    const auto unrest = plan::nervousness_of(request_.active, winner_.schedule, fence);
    check("G8", "stability",
          unrest.moved_share <= rules_.largest_moved_share &&
              unrest.weighted_shift <= rules_.largest_shift,
          Form::moves,
          {percent(unrest.moved_share), percent(rules_.largest_moved_share),
           percent(unrest.weighted_shift), percent(rules_.largest_shift)});
    check("G8", "starts", proof_.start_deviation_s <= rules_.largest_start_deviation_s,
          Form::starts,
          {whole(proof_.start_deviation_s / 60), whole(rules_.largest_start_deviation_s / 60)});
    if (input_.deployed_at_s < 0) return check("G8", "hold-off", true, Form::never_deployed);
    const double since_s = input_.now_s - input_.deployed_at_s;
    check("G8", "hold-off", since_s >= rules_.hold_off_s, Form::deployed_lately,
          {whole(since_s), whole(rules_.hold_off_s)});
  }

  void writing() {
    check("G10", "write", input_.may_write, input_.may_write ? Form::writes_on : Form::writes_off);
    check("G11", "way back", input_.previous_kept && !input_.locked_out,
          input_.locked_out      ? Form::locked_out
          : input_.previous_kept ? Form::previous_kept
                                 : Form::previous_unknown);
    check("G12", "audit", input_.audit_works,
          input_.audit_works ? Form::audit_works : Form::audit_broken);
    std::size_t broken = 0;
    std::size_t known = 0;
    const auto from = input_.ledger.size() - std::min(input_.ledger.size(), rules_.ledger_length);
    for (std::size_t i = from; i < input_.ledger.size(); ++i) {
      const auto& promise = input_.ledger[i];
      if (!promise.realised && !promise.rolled_back) continue;
      ++known;
      broken += promise.rolled_back || *promise.realised < promise.gain_lower ? 1 : 0;
    }
    check("G12", "ledger", broken <= rules_.most_broken_promises, Form::promises,
          {count(broken), count(known), count(rules_.most_broken_promises)});
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

std::span<const std::string_view> gate_forms() {
  return forms;
}

std::string Finding::text() const {
  std::string out;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const auto end = form[i] == '{' ? form.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += form[i];
      continue;
    }
    const auto place = static_cast<std::size_t>(std::stoul(form.substr(i + 1, end - i - 1)));
    if (place < values.size()) out += values[place];
    i = end;
  }
  return out;
}

GateVerdict judge(const GateInput& input, const GateRules& rules) {
  return Judge(input, rules).verdict();
}

std::string identity_text(const plan::Request& request, const Schedule& schedule,
                          const GateRules& rules) {
  std::string text = fmt::format("line {}\n", request.line->name);
  for (const auto& machine : request.line->machines)
    text += fmt::format("machine {} {} {} {}\n", machine.name, machine.cycle.expectation(),
                        machine.buffer_after, machine.faults.size());
  for (const auto& order : *request.orders) {
    text += fmt::format("order {} {} {} {} {} {}", order.id, order.product.index, order.quantity,
                        order.release_s, order.due_s, order.weight);
    for (const auto other : order.after) text += fmt::format(" after {}", other.index);
    text += "\n";
  }
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
  text += fmt::format("seed {} futures {} {} prices {}", request.seed, request.selection_seeds,
                      request.gate_seeds, request.objective.currency);
  for (const auto& field : objective_fields())
    text += fmt::format(" {}", request.objective.*field.price);
  text += "\n";
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
