// SPDX-License-Identifier: Apache-2.0
// A first description of a file that nobody has described.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "inference/plant/description.hpp"

namespace foreline::plant {

using line::Diagnostic;
using line::Error;
using line::Result;

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool holds_any(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

/// What a column holds, from at most 20,000 of its cells spread over the file.
struct Look {
  std::size_t known = 0;
  std::size_t numbers = 0;
  std::size_t integers = 0;
  std::size_t isos = 0;
  std::size_t slashed = 0;
  bool day_first = false;
  bool month_first = false;
  std::set<std::string> values;  // at most 1,000
  double low = 0;
  double high = 0;
  [[nodiscard]] bool number() const { return known > 0 && numbers == known; }
  [[nodiscard]] bool integer() const { return known > 0 && integers == known; }
  [[nodiscard]] bool date() const { return known > 0 && (isos == known || slashed == known); }
  [[nodiscard]] bool binary() const {
    return known > 0 && values.size() == 2 &&
           ((values.count("0") != 0 && values.count("1") != 0) || values.count("True") != 0 ||
            values.count("true") != 0);
  }
};

bool named_as_time(const std::string& name) {
  return holds_any(name, {"time", "cycle", "date", "day", "hour", "minute", "second", "step"});
}

Look look_at(const Csv& csv, std::size_t column) {
  Look look;
  std::size_t compact = 0;
  const std::size_t stride = csv.rows() / 20'000 + 1;
  for (std::size_t r = 0; r < csv.rows(); r += stride) {
    if (csv.missing(r, column)) continue;
    const auto cell = csv.cell(r, column);
    ++look.known;
    if (look.values.size() < 1000) look.values.emplace(cell);
    if (const auto value = csv.number(r, column)) {
      if (look.numbers == 0) look.low = look.high = *value;
      look.low = std::min(look.low, *value);
      look.high = std::max(look.high, *value);
      ++look.numbers;
      if ((cell.size() == 8 || cell.size() == 14) && parse_time(cell, TimeFormat::iso, "s"))
        ++compact;
      if (std::floor(*value) == *value) ++look.integers;
    } else if (parse_time(cell, TimeFormat::iso, "s")) {
      ++look.isos;
    } else {
      const auto first = parse_number(cell.substr(0, cell.find_first_of("/.-")));
      if (first && (parse_time(cell, TimeFormat::day_month_year, "s") ||
                    parse_time(cell, TimeFormat::month_day_year, "s"))) {
        ++look.slashed;
        if (!parse_time(cell, TimeFormat::month_day_year, "s")) look.day_first = true;
        if (!parse_time(cell, TimeFormat::day_month_year, "s")) look.month_first = true;
      }
    }
  }
  // 20260131 and 20260131081530 are numbers, too.
  if (compact > 0 && compact == look.known && named_as_time(lower(csv.names()[column]))) {
    look.isos = look.known;
    look.numbers = look.integers = 0;
  }
  return look;
}

/// How numbers are written: plainly, unless another way makes numbers of more cells. "1,234" alone
/// may be both; where commas part columns it is a thousand.
NumberStyle numbers_of(const Csv& csv) {
  const NumberStyle decimal_comma{.decimal_comma = true};
  const NumberStyle by_comma{.thousands = ','};
  std::vector<NumberStyle> ways = {{}, decimal_comma, by_comma};
  if (csv.separator() == ',') std::swap(ways[1], ways[2]);
  for (const char group : {'.', ' ', '\''})
    ways.push_back({.decimal_comma = true, .thousands = group});
  for (const char group : {' ', '\''}) ways.push_back({.thousands = group});
  std::vector<std::size_t> numbers(ways.size());
  const std::size_t stride = csv.rows() / 20'000 + 1;
  for (std::size_t r = 0; r < csv.rows(); r += stride)
    for (std::size_t c = 0; c < csv.columns(); ++c)
      for (std::size_t w = 0; w < ways.size(); ++w)
        if (parse_number(csv.cell(r, c), ways[w])) ++numbers[w];
  return ways[static_cast<std::size_t>(std::max_element(numbers.begin(), numbers.end()) -
                                       numbers.begin())];
}

/// Whether the first row holds words only, where the next rows hold numbers.
bool has_unit_row(const Csv& csv) {
  constexpr std::size_t looked_at = 20;
  if (!csv.has_header() || csv.rows() < 3) return false;
  bool words = false;
  for (std::size_t c = 0; c < csv.columns(); ++c) {
    if (csv.number(0, c)) return false;
    std::size_t numbers = 0;
    std::size_t known = 0;
    for (std::size_t r = 1; r < std::min(csv.rows(), looked_at); ++r) {
      known += csv.missing(r, c) ? 0 : 1;
      numbers += csv.number(r, c) ? 1 : 0;
    }
    words = words || (!csv.missing(0, c) && numbers > 0 && numbers == known);
  }
  return words;
}

/// How far the times of neighbouring rows of a machine lie apart, in all.
double way_of(const Csv& csv, std::size_t time, std::optional<std::size_t> machine,
              TimeFormat format) {
  double way = 0;
  for (std::size_t r = 1; r < std::min<std::size_t>(csv.rows(), 20'000); ++r) {
    if (machine && csv.cell(r, *machine) != csv.cell(r - 1, *machine)) continue;
    const auto before = parse_time(csv.cell(r - 1, time), format, "h");
    const auto now = parse_time(csv.cell(r, time), format, "h");
    if (before && now) way += std::abs(*now - *before);
  }
  return way;
}

TimeFormat format_of(const Look& look, const Csv& csv, std::size_t time,
                     std::optional<std::size_t> machine) {
  if (look.isos > 0) return TimeFormat::iso;
  if (look.slashed == 0) return TimeFormat::number;
  const auto day_first = TimeFormat::day_month_year;
  const auto month_first = TimeFormat::month_day_year;
  if (look.month_first != look.day_first) return look.month_first ? month_first : day_first;
  // Of two ways to read "01/03", the one in which time goes on evenly.
  return way_of(csv, time, machine, month_first) < way_of(csv, time, machine, day_first)
             ? month_first
             : day_first;
}

/// "08:15" or "08:15:30", a day's time without the day.
bool is_time_of_day(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && colon <= 2 && text.size() - colon >= 3 &&
         parse_number(text.substr(0, colon)) && parse_number(text.substr(colon + 1, 2)) &&
         text.find_first_of("-/ T") == std::string_view::npos;
}

/// Whether `time` only rises while `machine` stays the same (all rows, when it is absent).
bool rises(const Csv& csv, std::size_t time, std::optional<std::size_t> machine) {
  std::size_t falls = 0;
  const std::size_t rows = std::min<std::size_t>(csv.rows(), 20'000);
  for (std::size_t r = 1; r < rows; ++r) {
    if (machine && csv.cell(r, *machine) != csv.cell(r - 1, *machine)) continue;
    const auto before = csv.number(r - 1, time);
    const auto now = csv.number(r, time);
    if (!before || !now || *now < *before) ++falls;
  }
  return rows > 2 && falls * 1000 < rows;
}

}  // namespace

Result<Description> guess_description(const std::filesystem::path& file,
                                      std::span<const std::filesystem::path> others) {
  auto csv = Csv::read(file);
  if (!csv) return csv.error();
  Description d;
  d.csv.numbers = numbers_of(*csv);
  if (d.csv.numbers.decimal_comma || d.csv.numbers.thousands != 0) csv = Csv::read(file, d.csv);
  if (!csv) return csv.error();
  d.csv.unit_row = has_unit_row(*csv);
  if (d.csv.unit_row) csv = Csv::read(file, d.csv);
  if (!csv) return csv.error();
  std::vector<Diagnostic> complaints;
  d.path = file.parent_path() / (file.stem().stem().string() + ".toml");
  d.name = file.stem().stem().string();
  d.file = file.filename().string();
  if (csv->separator() != ',') d.csv.separator = csv->separator();
  if (!csv->has_header()) {
    d.csv.header = false;
    d.csv.columns = csv->names();
  }
  std::vector<Look> looks;
  std::vector<std::string> names;
  for (std::size_t c = 0; c < csv->columns(); ++c) {
    looks.push_back(look_at(*csv, c));
    names.push_back(lower(csv->names()[c]));
  }
  // The machine: named so and repeated, or the first whole number that stays the same for many
  // rows.
  std::optional<std::size_t> machine;
  const auto repeats = [&](std::size_t c) {
    std::size_t same = 0;
    const std::size_t rows = std::min<std::size_t>(csv->rows(), 20'000);
    for (std::size_t r = 1; r < rows; ++r) same += csv->cell(r, c) == csv->cell(r - 1, c) ? 1 : 0;
    return static_cast<double>(same) / static_cast<double>(std::max<std::size_t>(rows, 1));
  };
  for (std::size_t c = 0; c < csv->columns() && !machine; ++c) {
    if (looks[c].date()) continue;
    if (holds_any(names[c], {"machine", "unit", "engine", "asset", "device", "serial", "equipment",
                             "vehicle", "bearing"}) &&
        looks[c].values.size() * 3 < looks[c].known && (!looks[c].binary()))
      machine = c;
  }
  // Or any text that stays the same for many rows, as a name does.
  for (std::size_t c = 0; c < csv->columns() && !machine; ++c)
    if (!looks[c].number() && !looks[c].date() && looks[c].values.size() > 1 && repeats(c) > 0.9)
      machine = c;
  std::optional<std::size_t> time;
  for (std::size_t c = 0; c < csv->columns() && !time; ++c)
    if (looks[c].date()) time = c;
  for (std::size_t c = 0; c < csv->columns() && !time; ++c)
    if (c != machine && looks[c].number() && named_as_time(names[c]) && rises(*csv, c, machine))
      time = c;
  if (!csv->has_header() && !machine) {
    for (std::size_t c = 0; c + 1 < csv->columns() && !machine; ++c) {
      if (!looks[c].integer() || looks[c].low < 0 || repeats(c) < 0.9) continue;
      for (std::size_t t = 0; t < csv->columns() && !machine; ++t) {
        if (t == c || !looks[t].integer() || !rises(*csv, t, c)) continue;
        machine = c;
        if (!time) time = t;
      }
    }
  }
  if (machine) d.machine = csv->names()[*machine];
  if (time) {
    d.time = csv->names()[*time];
    d.time_format = format_of(looks[*time], *csv, *time, machine);
    d.time_unit = d.time_format == TimeFormat::number
                      ? (holds_any(names[*time], {"hour"})     ? "h"
                         : holds_any(names[*time], {"second"}) ? "s"
                         : holds_any(names[*time], {"minute"}) ? "min"
                         : holds_any(names[*time], {"day"})    ? "d"
                                                               : "cycle")
                      : "h";
  }
  std::vector<std::size_t> signals;
  std::vector<std::size_t> binaries;
  for (std::size_t c = 0; c < csv->columns(); ++c) {
    if (c == machine || c == time || looks[c].known == 0 || looks[c].date()) continue;
    if (looks[c].values.size() >= std::min<std::size_t>(looks[c].known, 1000) &&
        (looks[c].integer() ? rises(*csv, c, machine) : !looks[c].number())) {
      d.left_out.push_back(
          fmt::format("{}: {}", csv->names()[c],
                      looks[c].integer() ? "a number of the row" : "another text in each row"));
      continue;
    }
    if (csv->names()[c].rfind("column", 0) == 0 && csv->has_header() && looks[c].integer())
      continue;
    if (looks[c].binary() &&
        (!time || holds_any(names[c], {"fail", "fault", "label", "target", "broken", "breakdown"})))
      binaries.push_back(c);
    else
      signals.push_back(c);
  }
  if (!time || !binaries.empty()) {
    // Outcomes are rare and stand together at the end; binary inputs stand among the signals.
    const auto last_signal = signals.empty() ? 0 : signals.back();
    for (const auto c : binaries) {
      if (c > last_signal || holds_any(names[c], {"fail", "fault", "label", "target", "broken"}))
        d.labels.push_back({csv->names()[c], csv->names()[c]});
      else
        signals.push_back(c);
    }
    std::sort(signals.begin(), signals.end());
  }
  for (const auto c : signals) {
    SignalDescription signal;
    signal.column = signal.name = csv->names()[c];
    const auto open = signal.name.find_last_of("[(");
    if (open != std::string::npos && open > 0 &&
        (signal.name.back() == ']' || signal.name.back() == ')')) {
      signal.unit = signal.name.substr(open + 1, signal.name.size() - open - 2);
    }
    if (signal.unit.empty() && !csv->units().empty()) signal.unit = csv->units()[c];
    if (!looks[c].number()) {
      if (2 * looks[c].numbers > looks[c].known) {
        std::size_t r = 0;
        while (csv->missing(r, c) || csv->number(r, c)) ++r;
        complaints.push_back(csv->complaint(
            r, c,
            fmt::format("\"{}\" is no number, and most of the column \"{}\" are", csv->cell(r, c),
                        csv->names()[c]),
            "leave empty what is not known, or write NA; `low` and `high` of a description make "
            "numbers that mean an error missing"));
        continue;
      }
      if (looks[c].values.size() > 100) {
        d.left_out.push_back(fmt::format("{}: more than 100 texts, such as \"{}\"", csv->names()[c],
                                         *looks[c].values.begin()));
        continue;
      }
      signal.kind = SignalKind::category;
    }
    d.signals.push_back(std::move(signal));
  }
  for (std::size_t c = 0; c < csv->columns() && time && looks[*time].date(); ++c)
    if (c != time && looks[c].known > 0 &&
        std::all_of(looks[c].values.begin(), looks[c].values.end(), is_time_of_day))
      complaints.push_back(
          {file.string(), 0, 0,
           fmt::format("\"{}\" holds days, and \"{}\" the time of the day: rows of one day could "
                       "not be told apart",
                       csv->names()[*time], csv->names()[c]),
           "join the two into one column, as 2026-01-31 08:15:30"});
  if (!time && d.labels.empty()) {
    std::string back;
    for (std::size_t c = 0; c < csv->columns() && back.empty(); ++c)
      if (c != machine && looks[c].number() && named_as_time(names[c])) back = csv->names()[c];
    if (back.empty())
      complaints.push_back({file.string(), 0, 0,
                            "no column looks like a time, and none like the outcome of a row",
                            "write a description by hand; docs/plant-data.md shows one"});
    else
      complaints.push_back(
          {file.string(), 0, 0,
           fmt::format("the column \"{}\" is named as a time is, and runs back again and again",
                       back),
           "sort the rows by machine and time; or describe them, with sort = true"});
  }
  for (const auto& other : others) {
    auto second = Csv::read(other);
    if (!second) {
      for (const auto& diagnostic : second.error().diagnostics) complaints.push_back(diagnostic);
      continue;
    }
    std::string machine_column;
    std::string time_column;
    std::optional<TimeFormat> format;
    std::vector<std::size_t> rest;
    for (std::size_t c = 0; c < second->columns(); ++c) {
      const auto look = look_at(*second, c);
      const auto name = lower(second->names()[c]);
      if (second->names()[c] == d.machine ||
          (machine_column.empty() && holds_any(name, {"machine", "unit", "serial", "asset"}))) {
        machine_column = second->names()[c];
      } else if (time_column.empty() && look.date()) {
        time_column = second->names()[c];
        format = format_of(look, *second, c, {});
      } else if (!look.date() && name.rfind("column", 0) != 0) {
        rest.push_back(c);
      }
    }
    const auto name = lower(other.filename().string());
    if (machine_column.empty()) {
      complaints.push_back(
          {other.string(), 0, 0,
           fmt::format("has no column that looks like the machine \"{}\"", d.machine),
           "describe this file by hand"});
      continue;
    }
    if (time_column.empty()) {
      AttributesDescription attributes{other.filename().string(), machine_column, {}};
      for (const auto c : rest) {
        SignalDescription signal;
        signal.column = signal.name = second->names()[c];
        if (!look_at(*second, c).number()) signal.kind = SignalKind::category;
        attributes.columns.push_back(std::move(signal));
      }
      d.attributes = std::move(attributes);
      continue;
    }
    EventsDescription events;
    events.file = other.filename().string();
    events.machine = machine_column;
    events.time = time_column;
    events.time_format = format;
    events.kind = holds_any(name, {"fail", "break"})      ? EventKind::failure
                  : holds_any(name, {"maint", "service"}) ? EventKind::maintenance
                                                          : EventKind::event;
    for (const auto c : rest) {
      const auto look = look_at(*second, c);
      if (!look.number() && look.values.size() <= 200) {
        events.code = second->names()[c];
        break;
      }
    }
    if (events.code.empty()) events.name = name_of(events.kind);
    d.events.push_back(std::move(events));
  }
  const bool failures = std::any_of(d.events.begin(), d.events.end(), [](const auto& events) {
    return events.kind == EventKind::failure;
  });
  if (time && d.labels.empty() && !failures) d.end = End::failure;
  if (failures && d.time_unit == "h" && csv->rows() > 1) {
    const auto last = parse_time(csv->cell(1, *time), *d.time_format, "d");
    const auto first = parse_time(csv->cell(0, *time), *d.time_format, "d");
    if (first && last && *last - *first >= 1) {
      d.time_unit = "d";
      d.stamp_is_start = true;
    }
  }
  if (!complaints.empty()) return Error(std::move(complaints));
  return d;
}

}  // namespace foreline::plant
