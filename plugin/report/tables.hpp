// SPDX-License-Identifier: Apache-2.0
// The story of one run as tables, for those who go on with its numbers: CSV, one table a file, and
// XLSX, one table a sheet (libxlsxwriter).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::report {

/// Nothing, a number in the column's unit, or text.
using Cell = std::variant<std::monostate, double, std::string>;

struct Table {
  std::string name;                     ///< Names the file or the sheet; at most 31 characters.
  std::vector<std::string> columns;     ///< With their units: "without [s]".
  std::vector<std::vector<Cell>> rows;  ///< Each as long as `columns`.
};

/// Measures with and without, schedules weighed, the gate, the Gantt bars, forecasts, signals,
/// events and the audit of a story (report.json); what is missing in it is left out. Errors: it is
/// no story.
[[nodiscard]] line::Result<std::vector<Table>> tables_of(const nlohmann::ordered_json& story);

/// RFC 4180 with a header line and "\n". Text that a spreadsheet would take for a formula is
/// preceded by a ' so that it stays text. Numbers are written so that they read back the same.
[[nodiscard]] std::string csv_of(const Table& table);

/// A workbook; a file of that name is replaced at once. Errors: the disk.
[[nodiscard]] line::Result<line::Done> write_xlsx(const std::filesystem::path& file,
                                                  const std::vector<Table>& tables);

}  // namespace foreline::report
