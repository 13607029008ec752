// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/text/escape.hpp"
#include "sim/verdict/figure.hpp"
#include "sim/verdict/verdict.hpp"

namespace foreline::verdict {

namespace {

/// The seeds of one measure as points over their mean and interval.
std::string dots(const MeasureSummary& measure) {
  if (measure.values.empty()) return "";
  const auto [low, high] = std::minmax_element(measure.values.begin(), measure.values.end());
  const bool sure = std::isfinite(measure.interval.half_width);
  const double from = std::min(*low, sure ? measure.interval.low() : *low);
  const double to = std::max(*high, sure ? measure.interval.high() : *high);
  const auto x = [&](double value) {
    return to > from ? 6 + 188 * (value - from) / (to - from) : 100.0;
  };
  std::string out =
      fmt::format("<svg width=\"200\" height=\"18\" role=\"img\" aria-label=\"{} from {} to {}\">",
                  text::xml_escaped(measure.name), figure(*low), figure(*high));
  if (sure)
    out += fmt::format("<rect class=\"i\" x=\"{:.1f}\" y=\"2\" width=\"{:.1f}\" height=\"14\"/>",
                       x(measure.interval.low()),
                       std::max(1.0, x(measure.interval.high()) - x(measure.interval.low())));
  for (const double value : measure.values)
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"9\" r=\"2.5\"/>", x(value));
  return out + "</svg>";
}

std::string section(const Verdict& verdict) {
  std::string out = fmt::format(
      "<section><h2><span class=\"{0}\">{1}</span> {2}</h2><p>{3}, {4} {5}{6}</p>\n",
      verdict.passed ? "pass" : "fail", verdict.passed ? "PASS" : "FAIL",
      text::xml_escaped(verdict.title), text::xml_escaped(verdict.scenario), verdict.seeds,
      verdict.seeds == 1 ? "seed" : "seeds",
      verdict.warm_up_s > 0 ? fmt::format(", measured after {:.0f} s", verdict.warm_up_s) : "");
  if (!verdict.expectations.empty())
    out +=
        "<table><tr><th></th><th>line</th><th>wanted</th><th>held on</th><th>share, 95 %</th>"
        "<th>worst</th></tr>\n";
  for (const auto& e : verdict.expectations) {
    const auto share = wilson_interval(e.held, verdict.seeds, 0.95);
    out += fmt::format(
        "<tr><td class=\"{}\">{}</td><td>{}</td><td>{}</td><td>{} of {}, wanted {}</td>"
        "<td>{:.0f} to {:.0f} %</td><td>seed {}: {}</td></tr>\n",
        e.passed ? "pass" : "fail", e.passed ? "pass" : "fail", e.line, text::xml_escaped(e.text),
        e.held, verdict.seeds, e.wanted, 100 * share.low, 100 * share.high, e.worst_seed,
        text::xml_escaped(e.got));
  }
  if (!verdict.expectations.empty()) out += "</table>\n";
  for (const auto& broken : verdict.broken_invariants)
    out += fmt::format("<p class=\"fail\">broken invariant: {}</p>\n", text::xml_escaped(broken));
  out += "<table><tr><th>measure</th><th>mean</th><th>95 %</th><th>seeds</th></tr>\n";
  for (const auto& measure : verdict.measures) {
    out += fmt::format("<tr><td>{}</td><td>{} {}</td><td>{}</td><td>{}</td></tr>\n",
                       text::xml_escaped(measure.name), figure(measure.interval.mean),
                       text::xml_escaped(measure.unit),
                       std::isfinite(measure.interval.half_width)
                           ? fmt::format("{} to {}", figure(measure.interval.low()),
                                         figure(measure.interval.high()))
                           : std::string("one seed"),
                       dots(measure));
  }
  return out + "</table></section>\n";
}

}  // namespace

std::string as_html(const std::vector<Verdict>& verdicts) {
  const auto passed = std::count_if(verdicts.begin(), verdicts.end(),
                                    [](const Verdict& verdict) { return verdict.passed; });
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0} of {1} "
      "scenarios "
      "pass</title>\n<style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,"
      "sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}}table{{border-collapse:collapse;"
      "margin:.5rem 0}}th,td{{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid "
      "#8884;vertical-align:top}}.pass{{color:#18794e}}.fail{{color:#c62a2f;font-weight:600}}"
      "svg circle{{fill:#2563eb}}svg .i{{fill:#2563eb33}}@media(prefers-color-scheme:dark){{.pass{{"
      "color:#4cc38a}}.fail{{color:#ff8589}}}}</style></head>\n<body><h1>{0} of {1} scenarios "
      "pass</h1>\n",
      passed, verdicts.size());
  for (const auto& verdict : verdicts) out += section(verdict);
  return out + "</body></html>\n";
}

}  // namespace foreline::verdict
