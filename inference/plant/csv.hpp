// SPDX-License-Identifier: Apache-2.0
// Delimited text as plants export it: plain or gzip, with or without a header, separated by comma,
// semicolon, tab, bar or blanks. Cells keep their place in the file, so that every later complaint
// can name line and column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::plant {

/// How numbers are written.
struct NumberStyle {
  bool decimal_comma = false;  ///< "1,5" instead of "1.5".
  char thousands = 0;          ///< What parts groups of three digits; ' ' is any blank, 0 none.
};

/// "1.5", "-3e-2", " 7 " as a number; nothing else, no "inf".
[[nodiscard]] std::optional<double> parse_number(std::string_view text, NumberStyle style = {});

/// How a file is written; what is absent is found out from its first lines.
struct CsvRules {
  std::optional<char> separator;  ///< ' ' means any run of blanks and tabs.
  std::optional<bool> header;
  bool unit_row = false;             ///< The row below the header says units.
  std::vector<std::string> columns;  ///< Names, when the file has no header.
  NumberStyle numbers;
};

/// A file's cells. Rows count from 0 without the header; blank lines are no rows.
class Csv {
 public:
  /// Reads a file whole (gzip by its first bytes, not by its name; at most 4 GiB of text). Errors,
  /// at most twenty and then their count: no such file, broken gzip, bytes that are no UTF-8,
  /// a quote that never ends, rows with too many or too few cells.
  [[nodiscard]] static line::Result<Csv> read(const std::filesystem::path& path,
                                              const CsvRules& rules = {});
  [[nodiscard]] static line::Result<Csv> parse(std::string text, std::string name,
                                               const CsvRules& rules = {});

  [[nodiscard]] std::size_t rows() const { return lines_.size(); }
  [[nodiscard]] std::size_t columns() const { return names_.size(); }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// By column what the row of units says, empty without one.
  [[nodiscard]] const std::vector<std::string>& units() const { return units_; }
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;
  /// The cell without quotes and outer blanks. It lives as long as the Csv.
  [[nodiscard]] std::string_view cell(std::size_t row, std::size_t column) const;
  /// Whether the cell says that nothing is known: empty, NA, N/A, #N/A, NaN, null, none, ?, -, --.
  [[nodiscard]] bool missing(std::size_t row, std::size_t column) const;
  /// The cell as a number; nothing when it is missing or no number.
  [[nodiscard]] std::optional<double> number(std::size_t row, std::size_t column) const;
  /// A complaint about a cell (column) or a whole row (npos).
  [[nodiscard]] line::Diagnostic complaint(std::size_t row, std::size_t column, std::string what,
                                           std::string hint = {}) const;
  [[nodiscard]] const std::string& file() const { return name_; }
  [[nodiscard]] char separator() const { return separator_; }
  [[nodiscard]] bool has_header() const { return header_; }
  static constexpr std::size_t whole_row = static_cast<std::size_t>(-1);

 private:
  std::shared_ptr<const std::string> text_;
  std::string name_;
  std::vector<std::string> names_, units_;
  std::vector<std::uint32_t> lines_;   // 1-based, by row
  std::vector<std::uint32_t> starts_;  // by row and column, from the start of the text
  std::vector<std::uint32_t> ends_;
  char separator_ = ',';
  bool header_ = true;
  NumberStyle numbers_;
};

}  // namespace foreline::plant
