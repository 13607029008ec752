// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "plugin/report/drawing.hpp"
#include "sim/text/escape.hpp"

namespace foreline::report {

using Json = nlohmann::ordered_json;

namespace {

constexpr const char* style = R"(
:root{color-scheme:light}
body{font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;color:#1d242b;background:#fff;max-width:1000px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;margin:0 0 .2em}h2{font-size:1.15em;margin:2em 0 .4em;border-bottom:1px solid #cfd6dc;padding-bottom:.2em}
.lead{font-size:1.05em}.quiet{color:#5b6670}
svg{width:100%;height:auto;display:block;margin:.2em 0}
table{border-collapse:collapse;width:100%;margin:.6em 0}th,td{text-align:left;padding:.3em .6em;border-bottom:1px solid #e3e7ea;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
tr.best td{background:#eef6f0;font-weight:600}
.ok{color:#2e7d4f}.no{color:#9b1c31}
.key span{display:inline-block;margin-right:1.2em}.key i{display:inline-block;width:1.1em;height:.8em;margin-right:.4em;vertical-align:-1px}
code{font-size:.92em;background:#f4f6f8;padding:.05em .3em;overflow-wrap:anywhere}
pre{background:#f4f6f8;padding:.5em .7em;white-space:pre-wrap;overflow-wrap:anywhere}pre code{padding:0}
td{overflow-wrap:break-word}td:last-child,td.long{overflow-wrap:anywhere}td.n,td.n code{overflow-wrap:normal}td.n .quiet{white-space:nowrap}
@page{size:A4;margin:14mm 13mm 15mm}
@media print{
body{font-size:9.5pt;max-width:none;margin:0;padding:0;print-color-adjust:exact;-webkit-print-color-adjust:exact}
h1,h2{break-after:avoid}svg,tr,.key,pre{break-inside:avoid}thead{display:table-header-group}
p{orphans:3;widows:3}.key,p.before-chart{break-after:avoid}
}
)";

double number(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Figures of many lines stand whole in the audit itself.
std::string shortened(std::string text) {
  constexpr std::size_t longest = 240;
  if (text.size() <= longest) return text;
  auto end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + " ...";
}

std::string value_text(double value, const std::string& unit) {
  if (!std::isfinite(value)) return "-";
  if (unit == "s") return hours(value);
  const int digits = std::abs(value) >= 100 || value == std::floor(value) ? 0 : 2;
  return fmt::format("{:.{}f}", value, digits);
}

std::string unit_text(const std::string& unit) {
  return unit == "s" ? "h:min" : unit;
}

std::vector<Bar> bars_of(const Json& gantt) {
  std::vector<Bar> bars;
  for (const auto& entry : gantt) {
    auto what = entry.at("what").get<std::string>();
    if (what.rfind("waiting", 0) == 0) what = "waiting";
    bars.push_back({entry.at("machine").get<std::string>(), what, text_of(entry, "order"),
                    number(entry.at("from_s")), number(entry.at("until_s"))});
  }
  return bars;
}

std::vector<std::pair<double, double>> points_of(const Json& points) {
  std::vector<std::pair<double, double>> all;
  for (const auto& point : points) all.emplace_back(number(point.at(0)), number(point.at(1)));
  return all;
}

/// A name that no machine has.
std::string order_row(const std::string& order) {
  return "order " + order;
}

/// A due date is a thin line on its order's row; one far behind all else would press that aside.
void add_due(std::vector<Bar>& bars, const Json& orders, double from_s, double& until_s) {
  const double far_s = from_s + 1.3 * (until_s - from_s);
  for (const auto& order : orders) {
    const double due_s = number(order.value("due_s", Json()));
    if (!(due_s >= from_s) || due_s > far_s) continue;
    const auto id = text_of(order, order.contains("id") ? "id" : "order");
    bars.push_back({order_row(id), "due", id, due_s, due_s});
    until_s = std::max(until_s, due_s);
  }
}

/// Gantt of one run with its faults, by machine and by order.
std::string run_chart(const Json& run, std::vector<std::string> rows, const Json& orders,
                      double until_s, std::vector<Mark> marks) {
  for (const auto& fault : run.value("faults", Json::array())) {
    const double failed_s = number(fault.value("failed_s", Json(-1)));
    if (failed_s >= 0)
      marks.push_back({failed_s, text_of(fault, "id") + " stops the line", "fault"});
  }
  auto bars = bars_of(run.at("gantt"));
  if (!orders.empty()) rows.emplace_back();
  for (const auto& order : orders) {
    const auto id = text_of(order, "id");
    double from_s = until_s;
    double to_s = -1;
    for (const auto& bar : bars) {
      if (bar.what != "work" || bar.label != id) continue;
      from_s = std::min(from_s, bar.from_s);
      to_s = std::max(to_s, bar.until_s);
    }
    rows.push_back(order_row(id));
    if (to_s >= 0) bars.push_back({rows.back(), "work", id, from_s, to_s});
  }
  add_due(bars, orders, 0, until_s);
  return gantt_svg(rows, bars, until_s, marks);
}

/// A schedule over the futures that it was proved on: from when an operation begins in one of ten
/// to when it ends in nine, upon that between the medians; by machine and by order.
std::string plan_chart(const Json& plan, const char* side, const char* schedule,
                       std::vector<std::string> rows, double until_s) {
  const double now_s = number(plan.at("at_s"));
  struct Span {
    double low_s = std::numeric_limits<double>::infinity();
    double from_s = std::numeric_limits<double>::infinity();
    double until_s = 0;
    double high_s = 0;
  };
  std::map<std::string, Span> orders;
  std::vector<Bar> spreads;
  std::vector<Bar> works;
  const auto add = [&](const std::string& row, const std::string& order, const Span& span) {
    spreads.push_back({row, "spread", order, std::max(now_s, span.low_s), span.high_s});
    works.push_back({row, "work", order, std::max(now_s, span.from_s), span.until_s});
  };
  for (const auto& entry : plan.at("spans").at(side)) {
    const auto& begin = entry.at("begin_s");
    const auto& end = entry.at("end_s");
    const Span span{number(begin.at(0)), number(begin.at(1)), number(end.at(1)), number(end.at(2))};
    if (span.high_s <= now_s) continue;
    const auto order = text_of(entry, "order");
    add(text_of(entry, "machine"), order, span);
    auto& all = orders[order];
    all = {std::min(all.low_s, span.low_s), std::min(all.from_s, span.from_s),
           std::max(all.until_s, span.until_s), std::max(all.high_s, span.high_s)};
  }
  rows.emplace_back();
  for (const auto& id : plan.at(schedule).at("sequence")) {
    const auto found = orders.find(id.get<std::string>());
    if (found == orders.end()) continue;
    rows.push_back(order_row(found->first));
    add(rows.back(), found->first, found->second);
  }
  std::vector<Bar> bars = std::move(spreads);
  bars.insert(bars.end(), works.begin(), works.end());
  for (const auto& bar : bars_of(plan.at("gantt").at(side)))
    if (bar.what == "service" && bar.until_s > now_s) bars.push_back(bar);
  add_due(bars, plan.at("orders").at(side), now_s, until_s);
  return gantt_svg(rows, bars, until_s, {{now_s, "now", "now"}}, now_s);
}

/// How likely each order is on time, and when it leaves the line, of both schedules.
std::string promises_table(const Json& orders) {
  std::string out =
      "<table><thead><tr><th>order</th><th class='n'>due</th><th class='n'>on time, keep</th>"
      "<th class='n'>on time, proposed</th><th class='n'>leaves P10 to P90, keep</th>"
      "<th class='n'>leaves P10 to P90, proposed</th></tr></thead>";
  const auto share = [](const Json& one) {
    return fmt::format("{:.0f} % <span class='quiet'>[{:.0f}, {:.0f}]</span>",
                       100 * number(one.at("on_time")), 100 * number(one.at("on_time_low")),
                       100 * number(one.at("on_time_high")));
  };
  const auto leaves = [](const Json& one) {
    return one.contains("p10_s")
               ? hours(number(one.at("p10_s"))) + " to " + hours(number(one.at("p90_s")))
               : std::string("-");
  };
  const auto& keep = orders.at("keep");
  for (std::size_t i = 0; i < keep.size(); ++i) {
    const auto& winner = orders.at("winner").at(i);
    out += fmt::format(
        "<tr><td>{}</td><td class='n'>{}</td><td class='n'>{}</td><td class='n'>{}</td>"
        "<td class='n'>{}</td><td class='n'>{}</td></tr>",
        text::xml_escaped(text_of(keep[i], "order")), value_text(number(keep[i].at("due_s")), "s"),
        share(keep[i]), share(winner), leaves(keep[i]), leaves(winner));
  }
  return out + "</table>\n";
}

/// Both schedules as the futures of the proof see them; nothing of stories of before.
std::string expected_section(const Json& plan, const std::vector<std::string>& machines) {
  if (!plan.contains("spans") || !plan.contains("orders")) return {};
  double until_s = number(plan.at("at_s"));  // one axis for both
  for (const auto& side : plan.at("spans"))
    for (const auto& span : side) until_s = std::max(until_s, number(span.at("end_s").at(2)));
  return fmt::format(
             "<h2>What was expected</h2><p class='key'>"
             "<span><i style='background:#b9cbdb'></i>work, between the medians (P50)</span>"
             "<span><i style='background:#dfe8f0'></i>from the earliest tenth of starts (P10) to "
             "the "
             "latest of finishes (P90)</span>"
             "<span><i style='background:#2e7d4f'></i>service</span>"
             "<span><i style='background:#9b1c31;width:3px'></i>due</span></p>"
             "<p class='before-chart'>Before, the running schedule ({} futures):</p>",
             plan.at("proof").at("seeds").size()) +
         plan_chart(plan, "keep", "before", machines, until_s) +
         fmt::format("<p class='before-chart'>After, {}:</p>",
                     text::xml_escaped(text_of(plan, "winner"))) +
         plan_chart(plan, "winner", "after", machines, until_s) + promises_table(plan.at("orders"));
}

std::string measures_table(const Json& without, const Json& with) {
  std::string out =
      "<table><thead><tr><th>This very day, once more without the change</th><th "
      "class='n'>unit</th><th class='n'>without</th><th class='n'>with the deployed "
      "schedule</th></tr></thead>";
  for (const auto& [name, entry] : without.at("measures").items()) {
    const auto unit = text_of(entry, "unit");
    out += fmt::format(
        "<tr><td>{}</td><td class='n'>{}</td><td class='n'>{}</td><td class='n'>{}</td></tr>",
        text::xml_escaped(name), text::xml_escaped(unit_text(unit)),
        value_text(number(entry.at("value")), unit),
        value_text(number(with.at("measures").at(name).at("value")), unit));
  }
  return out + "</table>\n";
}

std::string interval_table(const Json& proof) {
  const auto paired = proof.value("difference", Json::object());
  std::string out = fmt::format(
      "<table><thead><tr><th>{} futures, mean [95 %]</th><th class='n'>unit</th>"
      "<th class='n'>keep</th><th class='n'>proposed</th>{}</tr></thead>",
      proof.at("gain").size(), paired.empty() ? "" : "<th class='n'>paired difference</th>");
  const auto cell = [](const Json& entry, const std::string& unit) {
    return fmt::format("<td class='n'>{} <span class='quiet'>[{}, {}]</span></td>",
                       value_text(number(entry.at("mean")), unit),
                       value_text(number(entry.at("low")), unit),
                       value_text(number(entry.at("high")), unit));
  };
  for (const auto& [name, entry] : proof.at("keep").items()) {
    const auto unit = text_of(entry, "unit");
    out += fmt::format("<tr><td>{}</td><td class='n'>{}</td>{}{}{}</tr>", text::xml_escaped(name),
                       text::xml_escaped(unit_text(unit)), cell(entry, unit),
                       cell(proof.at("winner").at(name), unit),
                       paired.contains(name) ? cell(paired.at(name), unit) : std::string());
  }
  return out + "</table>\n";
}

std::string plan_section(const Json& plan) {
  std::string out = fmt::format(
      "<h2>What was weighed</h2><p>From the line's state at {}, every schedule met the same "
      "futures, "
      "with the forecast as hazard. The best, <b>{}</b>: {}.</p>",
      hours(number(plan.at("at_s"))), text::xml_escaped(text_of(plan, "winner")),
      text::xml_escaped(text_of(plan, "why")));
  const auto currency = plan.value("currency", std::string());
  if (!currency.empty())
    out += fmt::format("<p>What counts: {}.</p>", text::xml_escaped(text_of(plan, "objective")));
  out += fmt::format(
      "<table><thead><tr><th>schedule</th><th class='n'>{}, mean [95 %]</th><th "
      "class='n'>orders late</th><th class='n'>downtime</th></tr></thead>",
      currency.empty() ? "cost" : text::xml_escaped(currency));
  for (const auto& candidate : plan.at("candidates")) {
    const auto& cost = candidate.at("cost");
    const auto& measures = candidate.at("measures");
    const auto name = text_of(candidate, "name");
    const auto lacks = text_of(candidate, "short_of");
    out += fmt::format(
        "<tr{}><td>{}{}</td><td class='n'>{:.0f} <span class='quiet'>[{:.0f}, {:.0f}]</span></td>"
        "<td class='n'>{:.2f}</td><td class='n'>{}</td></tr>",
        name == text_of(plan, "winner") ? " class='best'" : "", text::xml_escaped(name),
        lacks.empty() ? ""
                      : fmt::format("<br><span class='quiet'>not chosen: {}</span>",
                                    text::xml_escaped(lacks)),
        number(cost.at("mean")), number(cost.at("low")), number(cost.at("high")),
        number(measures.at("orders-late").at("mean")),
        hours(number(measures.at("downtime").at("mean"))));
  }
  out += "</table><h2>The gate</h2><table>";
  for (const auto& check : plan.at("checks")) {
    const bool passed = check.at("passed").get<bool>();
    out +=
        fmt::format("<tr><td class='{}'>{}</td><td>{}</td><td>{}</td></tr>", passed ? "ok" : "no",
                    passed ? "passed" : "refused", text::xml_escaped(text_of(check, "name")),
                    text::xml_escaped(text_of(check, "text")));
  }
  return out + "</table>\n" + interval_table(plan.at("proof"));
}

/// What the numbers come from, and the commands that make them again.
std::string provenance(const Json& story) {
  std::string out = "<h2>Where this comes from, and how to make it again</h2><table>";
  const auto row = [&](const char* what, const std::string& value) {
    if (!value.empty())
      out += fmt::format("<tr><td>{}</td><td>{}</td></tr>", what, text::xml_escaped(value));
  };
  const auto scenario = text_of(story, "scenario");
  const auto seed = story.at("seed").get<std::uint64_t>();
  row("program", "foreline " + text_of(story, "version"));
  row("scenario", scenario);
  row("line", text_of(story, "line"));
  row("model", text_of(story, "model"));
  row("seed of the day", fmt::format("{}", seed));
  if (const auto plan = story.find("plan"); plan != story.end() && plan->is_object()) {
    const auto& proof = plan->at("proof");
    row("the plan", fmt::format("from the line's state at {}, proved on {} futures",
                                hours(number(plan->at("at_s"))), proof.at("gain").size()));
    row("identity of what was approved (SHA-256)", text_of(*plan, "identity"));
  }
  if (const auto deployment = story.find("deployment"); deployment != story.end())
    row("approval", text_of(*deployment, "approval"));
  out +=
      "</table><p>The day, its faults and its futures are the same to the byte for the same "
      "seed. The plugin beside it reads a line that goes on, so that its times may differ by "
      "some polls.</p>";
  auto command = text_of(story, "command");
  if (command.empty())
    command = fmt::format("foreline demo {} --seed {} --speed {} --approve-as YOUR-NAME", scenario,
                          seed, number(story.at("speed")));
  return out + fmt::format(
                   "<pre><code>{}\nforeline report demo-output/report.json --csv tables --xlsx "
                   "report.xlsx</code></pre>\n",
                   text::xml_escaped(command));
}

std::string page(const Json& story) {
  const auto machines = story.at("machines").get<std::vector<std::string>>();
  const double until_s = number(story.at("until_s"));
  std::vector<Mark> marks;
  const auto alarm = story.find("alarm");
  if (alarm != story.end()) marks.push_back({number(alarm->at("at_s")), "alarm", "alarm"});
  const auto deployment = story.find("deployment");
  if (deployment != story.end() && deployment->contains("confirmed_at_s"))
    marks.push_back({number(deployment->at("confirmed_at_s")), "deployed", "deploy"});

  std::string out = fmt::format(
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' "
      "content='width=device-width'><title>{0}</title><style>{1}</style></head>"
      "<body><h1>{0}</h1><p class='quiet'>line {2} · scenario <code>{3}</code> · seed {4} · {5}x "
      "real "
      "time · foreline {6}</p>",
      text::xml_escaped(text_of(story, "title")), std::string(style) + drawing_style,
      text::xml_escaped(text_of(story, "line")), text::xml_escaped(text_of(story, "scenario")),
      story.at("seed").get<std::uint64_t>(), number(story.at("speed")),
      text::xml_escaped(text_of(story, "version")));
  for (const auto& sentence : story.value("conclusion", Json::array()))
    out += fmt::format("<p class='lead'>{}</p>", text::xml_escaped(sentence.get<std::string>()));

  out += fmt::format("<h2>What the plugin saw of {}</h2>",
                     text::xml_escaped(text_of(story, "machine")));
  for (const auto& signal : story.at("signals"))
    out += curve_svg({text_of(signal, "name"),
                      text_of(signal, "unit") == "degC" ? "°C" : text_of(signal, "unit"),
                      points_of(signal.at("points"))},
                     until_s, 0, 0, marks);
  out += "<h2>What it forecast: P(fault within 2 h)</h2>";
  for (const auto& forecast : story.at("forecasts"))
    out += curve_svg({text_of(forecast, "id"), "", points_of(forecast.at("points"))}, until_s, 0, 1,
                     marks);
  if (alarm != story.end())
    out +=
        fmt::format("<p>Alarm at {}: {}.</p><p class='quiet'>The model read: <code>{}</code></p>",
                    hours(number(alarm->at("at_s"))), text::xml_escaped(text_of(*alarm, "why")),
                    text::xml_escaped(text_of(*alarm, "sentence")));
  const auto plan = story.find("plan");
  if (plan != story.end()) out += plan_section(*plan) + expected_section(*plan, machines);

  const auto runs = story.find("runs");
  if (runs != story.end()) {
    const auto orders = story.value("orders", Json::array());
    out +=
        "<h2>Before and after</h2><p class='key'>"
        "<span><i class='work' style='background:#b9cbdb'></i>work, by order</span>"
        "<span><i style='background:#e3e0d4'></i>changeover</span>"
        "<span><i style='background:#2e7d4f'></i>service</span>"
        "<span><i style='background:#9b1c31'></i>repair</span>"
        "<span><i style='background:#e0a3ae'></i>waiting for a crew</span>"
        "<span><i style='background:#9b1c31;width:3px'></i>due</span></p>";
    out += "<p class='before-chart'>Without the change (same seed, simulated afterwards):</p>" +
           run_chart(runs->at("without"), machines, orders, until_s, {});
    out += "<p class='before-chart'>As it went, with the deployed schedule:</p>" +
           run_chart(runs->at("with"), machines, orders, until_s, marks);
    out += "<h2>The outcome</h2>" + measures_table(runs->at("without"), runs->at("with"));
  }
  out += "<h2>What happened</h2><table>";
  for (const auto& event : story.at("events"))
    out += fmt::format("<tr><td class='n'>{}</td><td>{}</td><td>{}</td></tr>",
                       hours(number(event.at("at_s"))), text::xml_escaped(text_of(event, "event")),
                       text::xml_escaped(text_of(event, "text")));
  out += "</table>";
  if (const auto audit = story.find("audit"); audit != story.end() && !audit->empty()) {
    out += "<h2>Audit</h2><table>";
    for (const auto& line : *audit)
      out += fmt::format(
          "<tr><td class='n'>{}</td><td>{}</td><td>{}</td><td class='long'>{}</td>"
          "<td class='n'><code>{}</code></td></tr>",
          line.at("number").get<std::int64_t>(), text::xml_escaped(text_of(line, "who")),
          text::xml_escaped(text_of(line, "what")),
          text::xml_escaped(shortened(text_of(line, "detail"))),
          text::xml_escaped(text_of(line, "hash").substr(0, 12)));
    out += "</table>";
  }
  return out + provenance(story) + "</body></html>\n";
}

}  // namespace

line::Result<std::string> page_of(const Json& story) {
  try {
    return page(story);
  } catch (const Json::exception& error) {
    return line::Error(fmt::format("the story is not complete: {}", error.what()),
                       "give the report.json that foreline demo has written");
  }
}

}  // namespace foreline::report
