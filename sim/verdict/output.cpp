// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/text/escape.hpp"
#include "sim/verdict/verdict.hpp"

namespace foreline::verdict {

using namespace line;

namespace {

/// In an attribute a bare line end would be read back as a blank.
std::string xml(const std::string& text) {
  std::string out;
  for (const char c : text::xml_escaped(text))
    out += c == '\n' ? std::string("&#10;") : std::string(1, c);
  return out;
}

/// A word of a shell line; quoted when it needs to be.
std::string shell(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("._/+-=:,@%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string rerun(const Verdict& verdict, std::uint64_t seed) {
  return fmt::format("foreline run {} --seed {}{}", shell(verdict.scenario), seed,
                     verdict.rerun_options);
}

nlohmann::ordered_json interval_json(const Interval& interval) {
  nlohmann::ordered_json json = {{"mean", interval.mean}};
  if (std::isfinite(interval.half_width)) {
    json["low"] = interval.low();
    json["high"] = interval.high();
  }
  return json;
}

std::string failure_text(const Verdict& verdict, const ExpectationVerdict& e) {
  return fmt::format(
      "{}:{}: wanted {} on {} of {} seeds, held on {}\n  worst is seed {}: {}\n  again: {}",
      verdict.scenario, e.line, e.text, e.wanted, verdict.seeds, e.held, e.worst_seed, e.got,
      rerun(verdict, e.worst_seed));
}

}  // namespace

std::string as_text(const Verdict& verdict) {
  const auto held = std::count_if(verdict.expectations.begin(), verdict.expectations.end(),
                                  [](const ExpectationVerdict& e) { return e.passed; });
  std::string out = fmt::format(
      "{} {}: {} of {} expectations, {} {}\n", verdict.passed ? "PASS" : "FAIL", verdict.title,
      held, verdict.expectations.size(), verdict.seeds, verdict.seeds == 1 ? "seed" : "seeds");
  for (const auto& e : verdict.expectations)
    if (!e.passed) out += failure_text(verdict, e) + "\n";
  for (const auto& broken : verdict.broken_invariants)
    out += fmt::format("{}: broken invariant: {}\n", verdict.scenario, broken);
  return out;
}

std::string as_junit(const std::vector<Verdict>& verdicts) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const auto& verdict : verdicts) {
    const auto failed = std::count_if(verdict.expectations.begin(), verdict.expectations.end(),
                                      [](const ExpectationVerdict& e) { return !e.passed; }) +
                        (verdict.broken_invariants.empty() ? 0 : 1);
    out += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n",
                       xml(verdict.scenario), verdict.expectations.size() + 1, failed);
    for (const auto& e : verdict.expectations) {
      out += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", xml(verdict.title),
                         xml(fmt::format("line {}: {}", e.line, e.text)));
      if (e.passed) {
        out += "/>\n";
        continue;
      }
      out += fmt::format(
          ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
          xml(fmt::format("held on {} of {} seeds, wanted {}", e.held, verdict.seeds, e.wanted)),
          xml(failure_text(verdict, e)));
    }
    out += fmt::format("    <testcase classname=\"{}\" name=\"invariants\"", xml(verdict.title));
    if (verdict.broken_invariants.empty()) {
      out += "/>\n";
    } else {
      std::string all;
      for (const auto& broken : verdict.broken_invariants)
        all += fmt::format("{}broken invariant: {}", all.empty() ? "" : "\n", broken);
      out += fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                         xml("broken invariant: " + verdict.broken_invariants.front()), xml(all));
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

std::string as_json(const std::vector<Verdict>& verdicts,
                    const std::vector<std::vector<SeedResult>>& results) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (std::size_t v = 0; v < verdicts.size(); ++v) {
    const auto& verdict = verdicts[v];
    nlohmann::ordered_json expectations = nlohmann::ordered_json::array();
    for (const auto& e : verdict.expectations)
      expectations.push_back({{"line", e.line},
                              {"text", e.text},
                              {"passed", e.passed},
                              {"held", e.held},
                              {"wanted", e.wanted},
                              {"worst_seed", e.worst_seed},
                              {"got", e.got},
                              {"again", rerun(verdict, e.worst_seed)}});
    nlohmann::ordered_json replications = nlohmann::ordered_json::array();
    for (const auto& result : results.at(v)) {
      nlohmann::ordered_json measures;
      const auto values =
          measures_after(result.trial, result.outcome, result.series, verdict.warm_up_s);
      for (const auto& field : measure_fields())
        measures[std::string(field.name)] = values.*field.field;
      nlohmann::ordered_json alarms;
      if (result.watched) alarms = nlohmann::ordered_json::array();
      for (const auto& alarm : result.alarms)
        alarms.push_back({{"at_s", alarm.at_s}, {"id", alarm.id}, {"what", name_of(alarm.what)}});
      nlohmann::ordered_json faults = nlohmann::ordered_json::array();
      for (const auto& fault : result.outcome.faults)
        faults.push_back({{"machine", result.trial.line->at(fault.machine).name},
                          {"kind", name_of(fault.kind)},
                          {"onset_s", fault.onset_s},
                          {"failed_s", fault.failed_s},
                          {"prevented", fault.prevented}});
      nlohmann::ordered_json compared = nlohmann::ordered_json::array();
      for (std::size_t c = 0; c < result.compared.size(); ++c) {
        const auto& other = result.compared[c];
        nlohmann::ordered_json theirs;
        const auto others =
            measures_after(result.trial, other,
                           c < result.compared_series.size() ? result.compared_series[c] : Series{},
                           verdict.warm_up_s);
        for (const auto& field : measure_fields())
          theirs[std::string(field.name)] = others.*field.field;
        compared.push_back({{"end", name_of(other.end)}, {"measures", std::move(theirs)}});
      }
      replications.push_back({{"seed", result.seed},
                              {"end", name_of(result.outcome.end)},
                              {"measures", std::move(measures)},
                              {"alarms", std::move(alarms)},
                              {"faults", std::move(faults)}});
      if (!result.outcome.error.empty()) replications.back()["error"] = result.outcome.error;
      if (!compared.empty()) replications.back()["compared"] = std::move(compared);
    }
    nlohmann::ordered_json summary;
    for (const auto& measure : verdict.measures) {
      auto json = interval_json(measure.interval);
      json["unit"] = measure.unit;
      summary[measure.name] = std::move(json);
    }
    all.push_back({{"scenario", verdict.scenario},
                   {"title", verdict.title},
                   {"passed", verdict.passed},
                   {"seeds", verdict.seeds},
                   {"confidence", 0.95},
                   {"warm_up_s", verdict.warm_up_s},
                   {"measures", std::move(summary)},
                   {"expectations", std::move(expectations)},
                   {"broken_invariants", verdict.broken_invariants},
                   {"replications", std::move(replications)}});
  }
  return all.dump(2) + "\n";
}

}  // namespace foreline::verdict
