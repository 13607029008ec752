// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/text/document.hpp"

namespace foreline::plant {

using line::Diagnostic;
using line::Error;
using line::Result;

namespace {

const std::vector<std::string> signal_kinds = {"number", "category"};
const std::vector<std::string> event_kinds = {"event", "failure", "maintenance"};
const std::vector<std::string> time_formats = {"number", "iso", "day/month/year", "month/day/year"};
const std::vector<std::string> ends = {"running", "failure"};
const std::vector<std::string> splits = {"machine", "time"};
const std::vector<std::string> stamps = {"end", "start"};
const std::vector<std::string> thousands = {",", ".", "blank", "'"};
constexpr std::string_view format_name = "foreline-data-1";

SignalDescription signal_from(text::Table& table) {
  SignalDescription signal;
  signal.column = table.string("column");
  signal.name = table.string("name", signal.column);
  signal.unit = table.string("unit", "");
  signal.kind = static_cast<SignalKind>(table.one_of("kind", signal_kinds, 0));
  constexpr double huge = 1e300;
  if (table.has("low")) signal.low = table.number("low", -huge, huge);
  if (table.has("high")) signal.high = table.number("high", -huge, huge);
  if (signal.low && signal.high && *signal.low >= *signal.high)
    table.complain("high",
                   fmt::format("high = {} is not above low = {}", *signal.high, *signal.low));
  table.finish();
  return signal;
}

std::optional<TimeFormat> format_from(text::Table& table) {
  if (!table.has("time_format")) return {};
  return static_cast<TimeFormat>(table.one_of("time_format", time_formats));
}

}  // namespace

std::string name_of(EventKind kind) {
  return event_kinds[static_cast<std::size_t>(kind)];
}

std::filesystem::path Description::beside(const std::string& relative) const {
  const std::filesystem::path other(relative);
  return other.is_absolute() ? other : path.parent_path() / other;
}

Result<Description> read_description(const std::filesystem::path& path) {
  auto document = text::Document::open(path);
  if (!document) return document.error();
  auto root = document->root();
  Description d;
  d.path = path;
  const auto format = root.string("format");
  if (root.has("format") && format != format_name)
    root.complain("format",
                  fmt::format("this is a \"{}\" file, wanted \"{}\"", format, format_name),
                  fmt::format("write format = \"{}\"", format_name));
  d.name = root.string("name", path.stem().string());
  d.file = root.string("file");
  if (root.has("separator")) {
    auto separator = root.string("separator");
    if (separator == "tab") separator = "\t";
    if (separator == "blank") separator = " ";
    if (separator.size() == 1)
      d.csv.separator = separator.front();
    else
      root.complain("separator", "wanted one character, \"tab\" or \"blank\"");
  }
  if (root.has("header")) d.csv.header = root.boolean("header");
  d.csv.columns = root.strings("columns", false);
  d.csv.unit_row = root.boolean("unit_row", false);
  d.csv.numbers.decimal_comma = root.boolean("decimal_comma", false);
  if (root.has("thousands")) {
    const auto group = static_cast<std::size_t>(root.one_of("thousands", thousands));
    d.csv.numbers.thousands = thousands[group] == "blank" ? ' ' : thousands[group].front();
    if (d.csv.numbers.thousands == (d.csv.numbers.decimal_comma ? ',' : '.'))
      root.complain("thousands", "parts thousands as decimals are parted",
                    "write decimal_comma = true where 1,5 is one and a half");
  }
  d.machine = root.string("machine", "");
  d.time = root.string("time", "");
  d.time_format = format_from(root);
  d.time_unit = root.string("time_unit", "");
  d.stamp_is_start = root.one_of("stamp", stamps, 0) == 1;
  constexpr double huge = 1e12;
  if (root.has("step")) d.step = root.number("step", 1e-9, huge);
  d.end = static_cast<End>(root.one_of("end", ends, 0));
  d.remaining = root.string("remaining", "");
  d.horizon = root.number("horizon", 0, huge, 0.0);
  for (const auto& text : root.strings("horizons", false)) {
    const auto value = parse_number(text);
    if (!value || *value <= 0)
      root.complain("horizons", fmt::format("\"{}\" is no number above 0", text));
    else
      d.horizons.push_back(*value);
  }
  std::sort(d.horizons.begin(), d.horizons.end());
  if (root.has("split")) d.split = static_cast<Split>(root.one_of("split", splits));
  d.sort = root.boolean("sort", false);
  for (auto table : root.tables("signal")) d.signals.push_back(signal_from(table));
  for (auto table : root.tables("label")) {
    LabelDescription label;
    label.column = table.string("column");
    label.name = table.string("name", label.column);
    table.finish();
    d.labels.push_back(std::move(label));
  }
  for (auto table : root.tables("events")) {
    EventsDescription events;
    events.file = table.string("file");
    events.kind = static_cast<EventKind>(table.one_of("kind", event_kinds, 0));
    events.machine = table.string("machine", d.machine);
    events.time = table.string("time", d.time);
    events.code = table.string("code", "");
    events.name = table.string("name", events.code.empty() ? name_of(events.kind) : "");
    events.time_format = format_from(table);
    table.finish();
    d.events.push_back(std::move(events));
  }
  if (auto table = root.table("attributes")) {
    AttributesDescription attributes;
    attributes.file = table->string("file");
    attributes.machine = table->string("machine", d.machine);
    for (auto column : table->tables("column")) attributes.columns.push_back(signal_from(column));
    table->finish();
    d.attributes = std::move(attributes);
  }
  if (auto table = root.table("windows")) {
    WindowsDescription windows;
    windows.before = table->string("before");
    windows.after = table->string("after", "");
    windows.lag = static_cast<std::size_t>(table->number("lag", 1, 1e6, 20.0));
    table->finish();
    d.windows = std::move(windows);
  }
  std::set<std::string> names;
  for (const auto& signal : d.signals)
    if (!names.insert(signal.name).second)
      root.complain("signal", fmt::format("two signals are named \"{}\"", signal.name),
                    "give one another name");
  if (d.time.empty() && !d.events.empty())
    root.complain("events", "events need a time, and the rows have none", "add time = \"COLUMN\"");
  if (d.windows &&
      (!d.time.empty() || !d.signals.empty() || !d.labels.empty() || !d.events.empty()))
    root.complain("windows", "windows of an alarm log have no time, signals, labels or events",
                  "describe those in a file of their own");
  if (d.time.empty() && d.labels.empty() && !d.windows && root.has("file"))
    root.complain("file", "rows without time need an outcome to learn from",
                  "add time = \"COLUMN\", or [[label]] with the column of the outcome");
  if (!d.horizons.empty() && d.horizon > 0 && d.horizons.back() > d.horizon)
    root.complain("horizons",
                  fmt::format("{} is beyond horizon = {}", d.horizons.back(), d.horizon));
  root.finish();
  auto diagnostics = document->diagnostics();
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return d;
}

Result<Description> describe(const std::filesystem::path& path) {
  if (path.extension() == ".toml") return read_description(path);
  return guess_description(path);
}

std::string as_toml(const Description& d) {
  using text::toml_string;
  std::string out = fmt::format("format = \"{}\"\nname = {}\nfile = {}\n", format_name,
                                toml_string(d.name), toml_string(d.file));
  if (d.csv.separator) {
    const std::string separator(1, *d.csv.separator);
    out += fmt::format("separator = {}\n", toml_string(separator == "\t"  ? "tab"
                                                       : separator == " " ? "blank"
                                                                          : separator));
  }
  if (d.csv.header) out += fmt::format("header = {}\n", *d.csv.header);
  if (!d.csv.columns.empty()) {
    out += "columns = [";
    for (const auto& name : d.csv.columns)
      out += (out.back() == '[' ? "" : ", ") + toml_string(name);
    out += "]\n";
  }
  if (d.csv.unit_row) out += "unit_row = true\n";
  if (d.csv.numbers.decimal_comma) out += "decimal_comma = true\n";
  if (const char group = d.csv.numbers.thousands; group != 0)
    out += fmt::format("thousands = {}\n",
                       toml_string(group == ' ' ? "blank" : std::string(1, group)));
  if (!d.machine.empty()) out += fmt::format("machine = {}\n", toml_string(d.machine));
  if (!d.time.empty()) {
    out += fmt::format("time = {}\n", toml_string(d.time));
    if (d.time_format)
      out += fmt::format("time_format = \"{}\"\n",
                         time_formats[static_cast<std::size_t>(*d.time_format)]);
    out += fmt::format("time_unit = {}\n", toml_string(d.time_unit));
    out += fmt::format("stamp = \"{}\"  # a row tells of the time {} its stamp\n",
                       d.stamp_is_start ? "start" : "end", d.stamp_is_start ? "after" : "before");
    out += fmt::format("end = \"{}\"  # what the end of a machine's record means\n",
                       ends[static_cast<std::size_t>(d.end)]);
  }
  if (d.step) out += fmt::format("step = {}\n", *d.step);
  if (!d.remaining.empty()) out += fmt::format("remaining = {}\n", toml_string(d.remaining));
  if (d.horizon > 0) out += fmt::format("horizon = {}\n", d.horizon);
  if (!d.horizons.empty()) {
    out += "horizons = [";
    for (const auto horizon : d.horizons)
      out += fmt::format("{}\"{}\"", out.back() == '[' ? "" : ", ", horizon);
    out += "]\n";
  }
  if (d.split) out += fmt::format("split = \"{}\"\n", splits[static_cast<std::size_t>(*d.split)]);
  if (d.sort) out += "sort = true\n";
  for (const auto& column : d.left_out) out += fmt::format("# left out: {}\n", toml_string(column));
  const auto signal_text = [&](const SignalDescription& signal) {
    out += fmt::format("column = {}\n", toml_string(signal.column));
    if (signal.name != signal.column) out += fmt::format("name = {}\n", toml_string(signal.name));
    if (!signal.unit.empty()) out += fmt::format("unit = {}\n", toml_string(signal.unit));
    if (signal.kind == SignalKind::category) out += "kind = \"category\"\n";
    if (signal.low) out += fmt::format("low = {}\n", *signal.low);
    if (signal.high) out += fmt::format("high = {}\n", *signal.high);
  };
  for (const auto& label : d.labels) {
    out += fmt::format("\n[[label]]\ncolumn = {}\n", toml_string(label.column));
    if (label.name != label.column) out += fmt::format("name = {}\n", toml_string(label.name));
  }
  for (const auto& signal : d.signals) {
    out += "\n[[signal]]\n";
    signal_text(signal);
  }
  for (const auto& events : d.events) {
    out += fmt::format("\n[[events]]\nfile = {}\nkind = \"{}\"\nmachine = {}\ntime = {}\n",
                       toml_string(events.file), name_of(events.kind), toml_string(events.machine),
                       toml_string(events.time));
    if (!events.code.empty()) out += fmt::format("code = {}\n", toml_string(events.code));
    if (!events.name.empty()) out += fmt::format("name = {}\n", toml_string(events.name));
    if (events.time_format)
      out += fmt::format("time_format = \"{}\"\n",
                         time_formats[static_cast<std::size_t>(*events.time_format)]);
  }
  if (d.windows)
    out +=
        fmt::format("\n[windows]\nbefore = {}\nafter = {}\nlag = {}\n",
                    toml_string(d.windows->before), toml_string(d.windows->after), d.windows->lag);
  if (d.attributes) {
    out += fmt::format("\n[attributes]\nfile = {}\nmachine = {}\n", toml_string(d.attributes->file),
                       toml_string(d.attributes->machine));
    for (const auto& column : d.attributes->columns) {
      out += "\n[[attributes.column]]\n";
      signal_text(column);
    }
  }
  return out;
}

}  // namespace foreline::plant
