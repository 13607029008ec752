// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/quality.hpp"
#include "sim/text/escape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace foreline::plant {

namespace {

/// Factors by which exports are off when a unit was confused: powers of ten, inch, psi, bar, kW/hp.
constexpr std::array<double, 8> unit_factors = {1000, 0.001, 100, 0.01, 10, 0.1, 25.4, 1 / 25.4};
constexpr std::size_t spike_window = 7;
constexpr std::size_t spike_run_max = 2;  ///< A third strange value in a row is a new level.
constexpr std::size_t stuck_after = 8;
constexpr double far = 10;
constexpr std::size_t grid_rows_max = 5'000'000;

double median_of(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double deviation_of(std::vector<double>& values, double median) {
  for (auto& value : values) value = std::abs(value - median);
  return 1.4826 * median_of(values);
}

}  // namespace

namespace {

std::vector<Reference> ordinary(const Records& records, std::span<const std::size_t> machines,
                                double until) {
  const std::size_t width = records.channels.size();
  std::vector<Reference> references(width);
  for (std::size_t c = 0; c < width; ++c) {
    std::vector<double> values;
    std::vector<double> steps;
    std::size_t equal = 0;
    for (const auto m : machines) {
      const auto& machine = records.machines[m];
      double before = std::numeric_limits<double>::quiet_NaN();
      for (std::size_t i = 0; i < machine.time.size() && machine.time[i] <= until; ++i) {
        const double value = machine.values[i * width + c];
        if (std::isnan(value)) continue;
        values.push_back(value);
        if (!std::isnan(before)) {
          steps.push_back(value - before);
          equal += value == before ? 1 : 0;
        }
        before = value;
      }
    }
    auto& r = references[c];
    if (values.empty()) continue;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    r.low = *low;
    r.high = *high;
    r.repeats = steps.empty() ? 0 : static_cast<double>(equal) / static_cast<double>(steps.size());
    r.median = median_of(values);
    r.spread = deviation_of(values, r.median);
    r.noise = deviation_of(steps, 0) / std::sqrt(2.0);
  }
  return references;
}

}  // namespace

References learn_references(const Records& records, std::span<const std::size_t> machines,
                            double until) {
  References references;
  references.raw = ordinary(records, machines, until);
  references.regimes = learn_regimes(records, machines, until);
  references.common =
      references.regimes.none()
          ? references.raw
          : ordinary(in_common_regime(records, references.regimes), machines, until);
  return references;
}

double SignalQuality::good_share() const {
  if (rows == 0) return 0;
  const auto bad = missing + out_of_range + spikes + stuck;
  return 1 - static_cast<double>(std::min(bad, rows)) / static_cast<double>(rows);
}

namespace {

/// Same times once; the rows on a grid of the step; holes become rows of nothing.
void regularise(Machine& machine, std::size_t width, double step, QualityReport& report,
                std::size_t& budget) {
  Machine out;
  out.id = machine.id;
  out.events = std::move(machine.events);
  out.failures = std::move(machine.failures);
  out.until = machine.until;
  const auto row = [&](std::size_t i) {
    return machine.values.begin() + static_cast<std::ptrdiff_t>(i * width);
  };
  for (std::size_t i = 0; i < machine.time.size(); ++i) {
    const double at = machine.time[i];
    if (!out.time.empty() && at == out.time.back()) {
      const auto last = out.values.end() - static_cast<std::ptrdiff_t>(width);
      const bool same =
          std::equal(row(i), row(i) + static_cast<std::ptrdiff_t>(width), last,
                     [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); });
      if (same) {
        ++report.duplicates;
      } else {
        ++report.conflicts;
        for (std::size_t c = 0; c < width; ++c)
          if (!std::isnan(row(i)[static_cast<std::ptrdiff_t>(c)]))
            last[static_cast<std::ptrdiff_t>(c)] = row(i)[static_cast<std::ptrdiff_t>(c)];
      }
      continue;
    }
    if (!out.time.empty()) {
      const double gap = at - out.time.back();
      if (gap > 5 * step) {
        ++report.clock_jumps;
        report.longest_gap = std::max(report.longest_gap, gap);
      }
      const auto holes = static_cast<std::size_t>(std::min(std::floor(gap / step + 0.25), 1e9));
      for (std::size_t h = 1; h < holes && budget > 0; ++h, --budget) {
        out.time.push_back(out.time.back() + step);
        out.values.insert(out.values.end(), width, unknown);
        ++report.filled;
      }
    }
    out.time.push_back(at);
    out.values.insert(out.values.end(), row(i), row(i) + static_cast<std::ptrdiff_t>(width));
  }
  machine = std::move(out);
}

/// `regime`: of each row, told before anything was repaired; empty when there is one only.
void clean_channel(Machine& machine, std::size_t width, std::size_t c, const Channel& channel,
                   const References& references, std::span<const std::size_t> regime,
                   SignalQuality& quality) {
  const auto& reference = references.raw[c];
  const auto& common = references.common[c];
  const std::size_t rows = machine.time.size();
  std::array<float, spike_window> past{};
  std::size_t known = 0;
  std::size_t strange = 0;
  std::size_t same = 0;
  float before = unknown;
  const double raw_scale = std::max(reference.noise, 0.2 * reference.spread);
  const double scale = std::max(common.noise, 0.2 * common.spread);
  for (std::size_t i = 0; i < rows; ++i) {
    float& value = machine.values[i * width + c];
    ++quality.rows;
    if (std::isnan(value)) {
      ++quality.missing;
      continue;
    }
    if ((channel.low && static_cast<double>(value) < *channel.low) ||
        (channel.high && static_cast<double>(value) > *channel.high)) {
      ++quality.out_of_range;
      value = unknown;
      continue;
    }
    // Off by a unit: far outside all that was ever seen, and ordinary once divided by a factor.
    const double room = 0.5 * (reference.high - reference.low) + 6 * raw_scale;
    if (reference.spread > 0 && (static_cast<double>(value) < reference.low - room ||
                                 static_cast<double>(value) > reference.high + room)) {
      for (const double factor : unit_factors) {
        const double mended = static_cast<double>(value) / factor;
        if (std::abs(mended - reference.median) < 4 * reference.spread) {
          value = static_cast<float>(mended);
          ++quality.unit_slips;
          break;
        }
      }
    }
    if (value == before) {
      if (++same >= stuck_after && reference.repeats < 0.2 && reference.noise > 0) {
        ++quality.stuck;
        value = unknown;
        continue;
      }
    } else {
      same = 0;
    }
    before = value;
    if (reference.high > reference.low &&
        (static_cast<double>(value) == reference.high ||
         static_cast<double>(value) == reference.low) &&
        same >= 3 && reference.repeats < 0.5)
      ++quality.saturated;
    if (!regime.empty()) value = references.regimes.common(regime[i], c, value);
    if (std::isnan(value)) continue;
    if (known >= 3 && scale > 0) {
      std::vector<double> window(
          past.begin(), past.begin() + static_cast<std::ptrdiff_t>(std::min(known, spike_window)));
      const double middle = median_of(window);
      if (std::abs(static_cast<double>(value) - middle) > far * scale && strange < spike_run_max) {
        ++strange;
        ++quality.spikes;
        value = unknown;
        continue;
      }
      if (strange >= spike_run_max) known = 0;  // the level has moved: start anew
    }
    strange = 0;
    past[known % spike_window] = value;
    ++known;
  }
  // A level that moved: first third against last third, in units of the ordinary noise.
  if (rows >= 30 && common.noise > 0) {
    std::vector<double> first;
    std::vector<double> last;
    for (std::size_t i = 0; i < rows; ++i) {
      const float value = machine.values[i * width + c];
      if (std::isnan(value)) continue;
      if (i < rows / 3) first.push_back(value);
      if (i >= rows - rows / 3) last.push_back(value);
    }
    if (first.size() > 5 && last.size() > 5 &&
        std::abs(median_of(first) - median_of(last)) > 3 * common.noise)
      ++quality.drifting_machines;
  }
}

}  // namespace

Records clean(Records records, const References& references, QualityReport& report) {
  const std::size_t width = records.channels.size();
  report.name = records.name;
  report.machines = records.machines.size();
  report.rows = records.rows();
  report.signals.resize(width);
  std::size_t budget = grid_rows_max;
  for (auto& machine : records.machines) {
    report.failures += machine.failures.size();
    if (!records.items) regularise(machine, width, records.step, report, budget);
  }
  std::vector<std::vector<std::size_t>> regime(records.machines.size());  // of each row
  if (!references.regimes.none()) {
    report.regimes = references.regimes.known.size();
    for (const auto& setting : references.regimes.settings)
      report.told_by.push_back(records.channels[setting.channel].name);
    for (std::size_t m = 0; m < records.machines.size(); ++m) {
      const auto& machine = records.machines[m];
      for (std::size_t i = 0; i < machine.time.size(); ++i) {
        const auto row = std::span(machine.values).subspan(i * width, width);
        regime[m].push_back(references.regimes.of(row));
        const bool empty =
            std::all_of(row.begin(), row.end(), [](float value) { return std::isnan(value); });
        report.unknown_regime += !empty && regime[m].back() == report.regimes ? 1 : 0;
      }
    }
  }
  for (std::size_t c = 0; c < width; ++c) {
    auto& quality = report.signals[c];
    quality.name = records.channels[c].name;
    quality.unit = records.channels[c].unit;
    quality.constant = references.common[c].low == references.common[c].high;
    const bool number = records.channels[c].categories.empty() && !records.channels[c].attribute;
    for (std::size_t m = 0; m < records.machines.size(); ++m) {
      auto& machine = records.machines[m];
      if (number && !records.items) {
        clean_channel(machine, width, c, records.channels[c], references, regime[m], quality);
      } else {
        for (std::size_t i = 0; i < machine.time.size(); ++i) {
          ++quality.rows;
          float& value = machine.values[i * width + c];
          if (std::isnan(value)) {
            ++quality.missing;
          } else if ((records.channels[c].low &&
                      static_cast<double>(value) < *records.channels[c].low) ||
                     (records.channels[c].high &&
                      static_cast<double>(value) > *records.channels[c].high)) {
            ++quality.out_of_range;
            value = unknown;
          }
        }
      }
    }
    if (quality.constant)
      report.warnings.push_back(
          fmt::format("{} never changes: it tells nothing and is left out", quality.name));
    else if (quality.good_share() < 0.5)
      report.warnings.push_back(fmt::format("{} is good in {:.0f} % of the rows only", quality.name,
                                            100 * quality.good_share()));
  }
  if (report.unknown_regime > 0)
    report.warnings.push_back(fmt::format(
        "{} rows are in an operating regime that was never met: their signals are unknown",
        report.unknown_regime));
  if (report.failures == 0)
    report.warnings.push_back("no failure is recorded: nothing can be learned about failures");
  else if (report.failures == 1)
    report.warnings.push_back(
        "one failure is recorded: a forecast cannot be learned from it, nor judged");
  return records;
}

std::string as_text(const QualityReport& r) {
  std::string out = fmt::format(
      "{}: {} machines, {} rows, {} failures\nduplicates dropped {}, conflicting rows merged {}, "
      "clock jumps {} "
      "(longest gap {:g}), empty rows filled in "
      "{}\n\n{:<24}{:>7}{:>9}{:>9}{:>8}{:>8}{:>8}{:>7}{:>7}{:>9}\n",
      r.name, r.machines, r.rows, r.failures, r.duplicates, r.conflicts, r.clock_jumps,
      r.longest_gap, r.filled, "signal", "good", "missing", "beyond", "unit", "spikes", "stuck",
      "satur.", "drift", "");
  for (const auto& s : r.signals)
    out += fmt::format("{:<24}{:>6.1f}%{:>9}{:>9}{:>8}{:>8}{:>8}{:>7}{:>7}{:>9}\n",
                       s.unit.empty() ? s.name : fmt::format("{} [{}]", s.name, s.unit),
                       100 * s.good_share(), s.missing, s.out_of_range, s.unit_slips, s.spikes,
                       s.stuck, s.saturated, s.drifting_machines, s.constant ? "constant" : "");
  out +=
      "\nbeyond, spikes, stuck: made missing. unit: divided by the factor. satur.: rows, drift: "
      "machines; reported only.\n";
  if (r.regimes > 1)
    out += fmt::format("{} operating regimes, told by {}: signals are compared within their own\n",
                       r.regimes, fmt::join(r.told_by, ", "));
  for (const auto& warning : r.warnings) out += "warning: " + warning + "\n";
  return out;
}

std::string as_json(const QualityReport& r) {
  nlohmann::ordered_json j{{"name", r.name},
                           {"machines", r.machines},
                           {"rows", r.rows},
                           {"failures", r.failures},
                           {"duplicates", r.duplicates},
                           {"conflicts", r.conflicts},
                           {"clock_jumps", r.clock_jumps},
                           {"longest_gap", r.longest_gap},
                           {"filled", r.filled},
                           {"regimes", r.regimes},
                           {"regimes_told_by", r.told_by},
                           {"unknown_regime", r.unknown_regime}};
  j["signals"] = nlohmann::ordered_json::array();
  for (const auto& s : r.signals)
    j["signals"].push_back({{"name", s.name},
                            {"unit", s.unit},
                            {"rows", s.rows},
                            {"good_share", s.good_share()},
                            {"missing", s.missing},
                            {"out_of_range", s.out_of_range},
                            {"unit_slips", s.unit_slips},
                            {"spikes", s.spikes},
                            {"stuck", s.stuck},
                            {"saturated", s.saturated},
                            {"drifting_machines", s.drifting_machines},
                            {"constant", s.constant}});
  j["warnings"] = r.warnings;
  return j.dump(2) + "\n";
}

std::string as_html(const QualityReport& r) {
  std::string out = fmt::format(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Data quality: {0}</title>"
      "<style>body{{font:16px sans-serif;margin:2em auto;max-width:60em}}td,th{{padding:.2em "
      ".6em;text-align:right}}"
      "td:first-child,th:first-child{{text-align:left}}tr:nth-child(even){{background:#f2f2f2}}."
      "bad{{color:#a00}}</style>"
      "<h1>Data quality: {0}</h1><p>{1} machines, {2} rows, {3} failures. Duplicates dropped: {4}. "
      "Conflicting rows merged: {5}. "
      "Clock jumps: {6} (longest {7:g}). Empty rows filled in: "
      "{8}.</p><table><tr><th>signal<th>good<th>missing<th>out of range<th>unit slips"
      "<th>spikes<th>stuck<th>saturated<th>drifting machines</tr>",
      text::xml_escaped(r.name), r.machines, r.rows, r.failures, r.duplicates, r.conflicts,
      r.clock_jumps, r.longest_gap, r.filled);
  for (const auto& s : r.signals)
    out += fmt::format("<tr{}><td>{}<td>{:.1f} %<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
                       s.good_share() < 0.9 || s.constant ? " class=\"bad\"" : "",
                       text::xml_escaped(s.name), 100 * s.good_share(), s.missing, s.out_of_range,
                       s.unit_slips, s.spikes, s.stuck, s.saturated, s.drifting_machines);
  out += "</table><ul>";
  if (r.regimes > 1)
    out +=
        fmt::format("<li>{} operating regimes, told by {}: signals are compared within their own",
                    r.regimes, text::xml_escaped(fmt::format("{}", fmt::join(r.told_by, ", "))));
  for (const auto& warning : r.warnings) out += "<li>" + text::xml_escaped(warning) + "</li>";
  return out + "</ul></html>\n";
}

}  // namespace foreline::plant
