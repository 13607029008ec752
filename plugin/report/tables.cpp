// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/tables.hpp"
#include "sim/text/escape.hpp"

#include <fmt/format.h>
#include <xlsxwriter.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <system_error>

namespace foreline::report {

namespace {

using Json = nlohmann::ordered_json;

/// The value under these keys, one below the other; null where one is missing.
const Json& at(const Json& from, std::initializer_list<const char*> path) {
  static const Json none;
  const Json* here = &from;
  for (const char* key : path) {
    if (!here->is_object() || !here->contains(key)) return none;
    here = &(*here)[key];
  }
  return *here;
}

Cell cell(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return std::string(value.get<bool>() ? "yes" : "no");
  if (value.is_null()) return {};
  return value.dump();
}

/// One row an element of a list, one column a key of it.
Table listed(std::string name, const Json& list,
             const std::vector<std::pair<const char*, std::string>>& columns) {
  Table table;
  table.name = std::move(name);
  for (const auto& column : columns) table.columns.push_back(column.second);
  for (const auto& element : list) {
    auto& row = table.rows.emplace_back();
    for (const auto& column : columns) row.push_back(cell(at(element, {column.first})));
  }
  return table;
}

Table measures(const Json& story) {
  Table table{"measures",
              {"measure", "unit", "without change", "as it went", "difference",
               "futures before: mean", "low", "high", "futures after: mean", "low", "high"},
              {}};
  const auto& without = at(story, {"runs", "without", "measures"});
  const auto& with = at(story, {"runs", "with", "measures"});
  for (const auto& [name, value] : without.items()) {
    const auto& other = at(with, {name.c_str(), "value"});
    const auto& first = at(value, {"value"});
    Cell difference;
    if (first.is_number() && other.is_number())
      difference = other.get<double>() - first.get<double>();
    std::vector<Cell> row = {name, cell(at(value, {"unit"})), cell(first), cell(other), difference};
    for (const char* side : {"keep", "winner"})
      for (const char* what : {"mean", "low", "high"})
        row.push_back(cell(at(story, {"plan", "proof", side, name.c_str(), what})));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table schedules(const Json& story) {
  Table table{"schedules", {"schedule", "why", "not chosen", "cost: mean", "low", "high"}, {}};
  const auto& candidates = at(story, {"plan", "candidates"});
  if (candidates.is_array() && !candidates.empty())
    for (const auto& [name, value] : at(candidates.front(), {"measures"}).items())
      table.columns.push_back(fmt::format("{} [{}]", name,
                                          at(value, {"unit"}).is_string()
                                              ? at(value, {"unit"}).get<std::string>()
                                              : std::string()));
  for (const auto& candidate : candidates) {
    auto& row = table.rows.emplace_back();
    row = {cell(at(candidate, {"name"})),        cell(at(candidate, {"why"})),
           cell(at(candidate, {"short_of"})),    cell(at(candidate, {"cost", "mean"})),
           cell(at(candidate, {"cost", "low"})), cell(at(candidate, {"cost", "high"}))};
    for (const auto& [name, value] : at(candidate, {"measures"}).items())
      row.push_back(cell(at(value, {"mean"})));
    row.resize(table.columns.size());
  }
  return table;
}

Table gantt(const Json& story) {
  Table table{"gantt", {"run", "machine", "what", "order", "from [s]", "until [s]"}, {}};
  for (const auto& [run, what] : {std::pair{"without", "without change"}, {"with", "as it went"}})
    for (const auto& bar : at(story, {"runs", run, "gantt"}))
      table.rows.push_back({std::string(what), cell(at(bar, {"machine"})), cell(at(bar, {"what"})),
                            cell(at(bar, {"order"})), cell(at(bar, {"from_s"})),
                            cell(at(bar, {"until_s"}))});
  return table;
}

/// Curves that are named points: one row a point.
Table curves(std::string name, const Json& list, const char* key, const std::string& value) {
  Table table{std::move(name), {key, "line time [s]", value}, {}};
  for (const auto& curve : list)
    for (const auto& point : at(curve, {"points"}))
      if (point.is_array() && point.size() >= 2)
        table.rows.push_back({cell(at(curve, {key})), cell(point[0]), cell(point[1])});
  return table;
}

std::string quoted(const std::string& text) {
  // A mailed table must not run what a machine or a person is named (CWE-1236).
  const std::string safe =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos
          ? "'" + text
          : text;
  return text::csv_field(safe);
}

std::string field(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&cell)) return quoted(*text);
  return {};
}

}  // namespace

line::Result<std::vector<Table>> tables_of(const nlohmann::ordered_json& story) {
  if (!story.is_object() || !story.contains("runs"))
    return line::Error(
        "this is no story of a run (report.json of foreline demo): \"runs\" is missing");
  std::vector<Table> tables = {
      measures(story),
      schedules(story),
      listed("gate", at(story, {"plan", "checks"}),
             {{"name", "check"}, {"passed", "passed"}, {"text", "found"}}),
      gantt(story),
      curves("forecasts", at(story, {"forecasts"}), "id", "P(fault)"),
      curves("signals", at(story, {"signals"}), "name", "value"),
      listed("events", at(story, {"events"}),
             {{"at_s", "line time [s]"}, {"event", "event"}, {"what", "what"}, {"text", "text"}}),
      listed("audit", at(story, {"audit"}),
             {{"number", "number"},
              {"at_s", "line time [s]"},
              {"who", "who"},
              {"what", "what"},
              {"detail", "detail"},
              {"hash", "hash"}}),
  };
  tables.erase(std::remove_if(tables.begin(), tables.end(),
                              [](const Table& table) { return table.rows.empty(); }),
               tables.end());
  return tables;
}

std::string csv_of(const Table& table) {
  std::string out;
  const auto line = [&](const auto& cells, const auto& written) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out += ',';
      out += written(cells[i]);
    }
    out += '\n';
  };
  line(table.columns, quoted);
  for (const auto& row : table.rows) line(row, field);
  return out;
}

line::Result<line::Done> write_xlsx(const std::filesystem::path& file,
                                    const std::vector<Table>& tables) {
  // The library writes where it is told; the file appears under its name when it is whole.
  const auto draft = file.string() + ".part";
  lxw_workbook_options options{};
  lxw_workbook* book = ::workbook_new_opt(draft.c_str(), &options);
  if (book == nullptr) return line::Error(fmt::format("cannot write {}: no memory", file.string()));
  lxw_format* bold = ::workbook_add_format(book);
  ::format_set_bold(bold);
  for (const auto& table : tables) {
    lxw_worksheet* sheet = ::workbook_add_worksheet(book, table.name.substr(0, 31).c_str());
    if (sheet == nullptr) continue;
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      ::worksheet_write_string(sheet, 0, static_cast<lxw_col_t>(c), table.columns[c].c_str(), bold);
    ::worksheet_freeze_panes(sheet, 1, 0);
    for (std::size_t r = 0; r < std::min<std::size_t>(table.rows.size(), LXW_ROW_MAX - 1); ++r) {
      for (std::size_t c = 0; c < table.rows[r].size(); ++c) {
        const auto row = static_cast<lxw_row_t>(r + 1);
        const auto column = static_cast<lxw_col_t>(c);
        const auto& value = table.rows[r][c];
        if (const auto* number = std::get_if<double>(&value); number && std::isfinite(*number))
          ::worksheet_write_number(sheet, row, column, *number, nullptr);
        // A string cell is never a formula; Excel takes at most 32767 characters in one.
        if (const auto* text = std::get_if<std::string>(&value))
          ::worksheet_write_string(sheet, row, column, text->substr(0, 32767).c_str(), nullptr);
      }
    }
  }
  std::error_code error;
  if (const auto failed = ::workbook_close(book); failed != LXW_NO_ERROR) {
    std::filesystem::remove(draft, error);
    return line::Error(fmt::format("cannot write {}: {}", file.string(), ::lxw_strerror(failed)));
  }
  std::filesystem::rename(draft, file, error);
  if (error) return line::Error(fmt::format("cannot write {}: {}", file.string(), error.message()));
  return line::Done{};
}

}  // namespace foreline::report
