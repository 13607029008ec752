// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/line/window.hpp"
#include "sim/text/document.hpp"
#include "sim/verdict/figure.hpp"
#include "sim/verdict/verdict.hpp"

namespace foreline::verdict {

using namespace line;
using text::Bound;
using text::Expectation;

namespace {

/// How one expectation fared on one seed: `margin` is the larger the better held, for the worst.
struct Held {
  bool held = false;
  double margin = 0;
  std::string got;
};

/// "filler/bearing-wear" matches itself, "filler/*" all of a machine, "*/jam" the jams of all
/// machines, "*" everything.
bool matches(const std::string& pattern, const std::string& id) {
  if (pattern == "*") return true;
  if (pattern.ends_with("/*")) return id.starts_with(pattern.substr(0, pattern.size() - 1));
  if (pattern.starts_with("*/")) return id.ends_with(pattern.substr(1));
  return pattern == id;
}

std::string duration(double seconds) {
  return text::duration_text(std::round(seconds));
}

std::string amount(double value, std::string_view unit) {
  if (unit == "s") return duration(value);
  return unit.empty() ? figure(value) : fmt::format("{} {}", figure(value), unit);
}

const MeasureField& field_named(const std::string& name) {
  const auto& fields = measure_fields();
  return *std::find_if(fields.begin(), fields.end(),
                       [&](const MeasureField& field) { return field.name == name; });
}

const ScriptedFault* fault_named(const text::Scenario& scenario, const std::string& id) {
  const auto found = std::find_if(scenario.faults.begin(), scenario.faults.end(),
                                  [&](const ScriptedFault& fault) { return fault.id == id; });
  return found == scenario.faults.end() ? nullptr : &*found;
}

/// When the scripted fault stopped its machine in this outcome; infinity when it did not.
double stop_of(const ScriptedFault& fault, const Outcome& outcome) {
  for (const auto& record : outcome.faults) {
    const bool same = record.machine == fault.machine && record.kind == fault.kind &&
                      std::abs(record.onset_s - fault.at_s) < 1;
    if (same && record.failed_s >= 0) return record.failed_s;
  }
  return std::numeric_limits<double>::infinity();
}

Held check(const Expectation::Alarm& wanted, const text::Scenario& scenario,
           const SeedResult& result) {
  const auto* fault = fault_named(scenario, wanted.of);
  const double stop_s =
      fault != nullptr ? stop_of(*fault, result.outcome) : std::numeric_limits<double>::infinity();
  const double from_s = fault != nullptr ? fault->at_s : 0;
  for (const auto& alarm : result.alarms) {
    if (alarm.what != AlarmEvent::What::raised || !matches(wanted.pattern, alarm.id)) continue;
    if (alarm.at_s < from_s || alarm.at_s > stop_s) continue;
    if (!wanted.lead_s) return {true, 0, fmt::format("{} at {}", alarm.id, duration(alarm.at_s))};
    if (!std::isfinite(stop_s))
      return {false, -1e9,
              fmt::format("{} at {}, but the fault never stopped the machine", alarm.id,
                          duration(alarm.at_s))};
    const double lead_s = stop_s - alarm.at_s;
    return {lead_s >= *wanted.lead_s, lead_s - *wanted.lead_s,
            fmt::format("{} {} before the stop", alarm.id, duration(lead_s))};
  }
  return {false, -1e9,
          std::isfinite(stop_s)
              ? fmt::format("no such alarm before the stop at {}", duration(stop_s))
              : std::string("no such alarm")};
}

Held check(const Expectation::NoAlarm& wanted, const text::Scenario& scenario,
           const SeedResult& result) {
  const auto* fault = fault_named(scenario, wanted.until);
  const double until_s = fault != nullptr ? fault->at_s : std::numeric_limits<double>::infinity();
  std::size_t count = 0;
  std::string first;
  for (const auto& alarm : result.alarms) {
    if (alarm.what != AlarmEvent::What::raised || alarm.at_s >= until_s ||
        !matches(wanted.pattern, alarm.id))
      continue;
    if (count++ == 0) first = fmt::format("{} at {}", alarm.id, duration(alarm.at_s));
  }
  return {count == 0, -static_cast<double>(count), count == 0 ? std::string("none") : first};
}

Held against(double value, const Bound& bound, std::string_view unit) {
  const double margin =
      bound.side == Bound::Side::at_least ? value - bound.value : bound.value - value;
  return {margin >= -1e-9, margin, amount(value, unit)};
}

Held check(const Expectation::Measure& wanted, double warm_up_s, const SeedResult& result) {
  const auto& field = field_named(wanted.name);
  return against(
      measures_after(result.trial, result.outcome, result.series, warm_up_s).*field.field,
      wanted.is, field.unit);
}

Held check(const Expectation::Compare& wanted, double warm_up_s, const SeedResult& result,
           const Outcome& other, const Series& series) {
  if (!other.valid())
    return {false, -std::numeric_limits<double>::infinity(),
            fmt::format("with {} the trial ended as {}: {}", wanted.schedule_name,
                        name_of(other.end), other.error)};
  const auto& field = field_named(wanted.measure);
  auto trial = result.trial;
  trial.schedule = wanted.schedule;
  const double baseline =
      measures_after(result.trial, result.outcome, result.series, warm_up_s).*field.field;
  const double value = measures_after(trial, other, series, warm_up_s).*field.field;
  auto held = against(value, {wanted.side, baseline + wanted.margin}, field.unit);
  held.got = fmt::format("{} against {}", amount(value, field.unit), amount(baseline, field.unit));
  return held;
}

std::string text_of(const Expectation& expectation) {
  struct Say {
    std::string operator()(const Expectation::Alarm& e) const {
      auto out = "alarm " + e.pattern;
      if (!e.of.empty()) out += " of " + e.of;
      if (e.lead_s) out += ", lead >= " + duration(*e.lead_s);
      return out;
    }
    std::string operator()(const Expectation::NoAlarm& e) const {
      return "no alarm " + e.pattern + (e.until.empty() ? "" : " until " + e.until);
    }
    std::string operator()(const Expectation::Measure& e) const {
      return fmt::format("{} {} {}", e.name, e.is.side == Bound::Side::at_least ? ">=" : "<=",
                         amount(e.is.value, field_named(e.name).unit));
    }
    std::string operator()(const Expectation::Compare& e) const {
      auto out = fmt::format("{} with {} {} baseline", e.measure, e.schedule_name,
                             e.side == Bound::Side::at_least ? ">=" : "<=");
      if (e.margin != 0)
        out += fmt::format(" {} {}", e.margin < 0 ? "-" : "+",
                           amount(std::abs(e.margin), field_named(e.measure).unit));
      return out;
    }
  };
  return std::visit(Say{}, expectation.what);
}

}  // namespace

Measures measures_after(const Trial& trial, const Outcome& outcome, const Series& series,
                        double warm_up_s) {
  const auto step = warm_up_s > 0 && series.step_s > 0
                        ? static_cast<std::size_t>(std::llround(warm_up_s / series.step_s))
                        : 0;
  if (step == 0 || step > series.by_step.size()) return measures_of(trial, outcome);
  return measures_since(series.by_step[step - 1], trial, outcome);
}

double series_step_s(const text::Scenario& scenario) {
  if (scenario.warm_up_found) return scenario.horizon_s / 200;
  return scenario.warm_up_s.value_or(0);
}

double warm_up_of(const text::Scenario& scenario, const std::vector<SeedResult>& results) {
  if (scenario.warm_up_s) return *scenario.warm_up_s;
  if (!scenario.warm_up_found) return 0;
  // The mean output of the seeds step by step, as long as all of them ran.
  std::size_t steps = std::numeric_limits<std::size_t>::max();
  std::size_t counted = 0;
  for (const auto& result : results) {
    if (!result.outcome.valid()) continue;
    ++counted;
    steps = std::min(steps, result.series.by_step.size());
  }
  if (counted == 0) return 0;
  std::vector<double> output(steps);
  for (const auto& result : results) {
    if (!result.outcome.valid()) continue;
    double before = 0;
    for (std::size_t i = 0; i < steps; ++i) {
      const double good = good_parts(*result.trial.line, result.series.by_step[i]);
      output[i] += (good - before) / static_cast<double>(counted);
      before = good;
    }
  }
  return static_cast<double>(warm_up_of(output)) * series_step_s(scenario);
}

std::vector<MeasureSummary> summary_of(const std::vector<SeedResult>& results, double warm_up_s) {
  std::vector<MeasureSummary> summary;
  for (const auto& field : measure_fields())
    summary.push_back({std::string(field.name), std::string(field.unit), {}, {}});
  for (const auto& result : results) {
    if (!result.outcome.valid()) continue;
    const auto measures = measures_after(result.trial, result.outcome, result.series, warm_up_s);
    for (std::size_t f = 0; f < summary.size(); ++f)
      summary[f].values.push_back(measures.*measure_fields()[f].field);
  }
  for (auto& measure : summary) measure.interval = interval_of(measure.values, 0.95);
  return summary;
}

Verdict judge(const text::Scenario& scenario, const std::vector<SeedResult>& results,
              std::string rerun_options) {
  Verdict verdict;
  verdict.rerun_options = std::move(rerun_options);
  verdict.warm_up_s = warm_up_of(scenario, results);
  verdict.measures = summary_of(results, verdict.warm_up_s);
  verdict.scenario = scenario.path;
  verdict.title = scenario.title;
  verdict.seeds = results.size();
  for (const auto& result : results) {
    for (auto& broken : broken_invariants(result.trial, result.outcome))
      verdict.broken_invariants.push_back(fmt::format("seed {}: {}", result.seed, broken));
  }
  std::size_t comparison = 0;
  for (const auto& expectation : scenario.expectations) {
    ExpectationVerdict judged;
    judged.line = expectation.line;
    judged.text = text_of(expectation);
    judged.wanted = expectation.seeds.wanted == 0
                        ? results.size()
                        : std::min(expectation.seeds.wanted, results.size());
    const bool compares = std::holds_alternative<Expectation::Compare>(expectation.what);
    double worst = std::numeric_limits<double>::infinity();
    for (const auto& result : results) {
      Held held;
      if (!result.outcome.valid()) {
        held = {false, -std::numeric_limits<double>::infinity(),
                fmt::format("the trial ended as {}: {}", name_of(result.outcome.end),
                            result.outcome.error)};
      } else if (const auto* alarm = std::get_if<Expectation::Alarm>(&expectation.what)) {
        held = check(*alarm, scenario, result);
      } else if (const auto* none = std::get_if<Expectation::NoAlarm>(&expectation.what)) {
        held = check(*none, scenario, result);
      } else if (const auto* measure = std::get_if<Expectation::Measure>(&expectation.what)) {
        held = check(*measure, verdict.warm_up_s, result);
      } else {
        held = check(std::get<Expectation::Compare>(expectation.what), verdict.warm_up_s, result,
                     result.compared.at(comparison),
                     comparison < result.compared_series.size() ? result.compared_series[comparison]
                                                                : Series{});
      }
      judged.held += held.held ? 1 : 0;
      if (held.margin < worst || judged.got.empty()) {
        worst = held.margin;
        judged.worst_seed = result.seed;
        judged.got = held.got;
      }
    }
    comparison += compares ? 1 : 0;
    judged.passed = judged.held >= judged.wanted;
    verdict.expectations.push_back(std::move(judged));
  }
  verdict.passed = verdict.broken_invariants.empty() &&
                   std::all_of(verdict.expectations.begin(), verdict.expectations.end(),
                               [](const ExpectationVerdict& e) { return e.passed; });
  return verdict;
}

}  // namespace foreline::verdict
