// SPDX-License-Identifier: Apache-2.0
// A TOML file as people write it: quantities with units, names that may be misspelt. Lookups never
// stop at the first mistake; they note a diagnostic with its place and go on with a default.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/line/distribution.hpp"
#include "sim/line/result.hpp"

namespace foreline::text {

/// A place in a file, 1-based; 0 when unknown.
struct Place {
  int line = 0;
  int column = 0;
};

/// A number with the unit it was written with.
struct Quantity {
  double value = 0;
  std::string unit;
};

/// "4 s", "2.8 mm/s", "5 %", "12": number, then an optional unit. Nothing when it is no number.
[[nodiscard]] std::optional<Quantity> parse_quantity(std::string_view text);
/// "2h15min", "35 min", "90s", "1.5 h" in seconds. Nothing when it is no duration.
[[nodiscard]] std::optional<double> parse_duration(std::string_view text);
/// A duration as people write it: "2h15min", "35 min", "4.5 s". parse_duration reads it back.
[[nodiscard]] std::string duration_text(double seconds);
/// A TOML string that holds `text`.
[[nodiscard]] std::string toml_string(std::string_view text);
/// The known name nearest to `name`, if it is near enough to be meant.
[[nodiscard]] std::optional<std::string> nearest(std::string_view name,
                                                 std::span<const std::string> known);
/// The whole file; an error when it is absent, a folder, larger than 16 MiB or not UTF-8.
[[nodiscard]] line::Result<std::string> read_text_file(const std::filesystem::path& path);

class Document;

/// One table of a document. Lookups by key; every key that was never asked for is reported by
/// finish(). Copies refer to the same document.
class Table {
 public:
  [[nodiscard]] Place place() const;
  [[nodiscard]] Place place(std::string_view key) const;
  /// Of an entry of a list of strings, as strings() or strings_or_tables() returned it.
  [[nodiscard]] Place place(std::string_view key, std::size_t entry) const;
  [[nodiscard]] bool has(std::string_view key) const;
  /// Whether the value is a list (else it is a single value, or absent).
  [[nodiscard]] bool is_list(std::string_view key) const;
  [[nodiscard]] bool is_table(std::string_view key) const;

  /// Required when `fallback` is absent.
  [[nodiscard]] std::string string(std::string_view key, std::optional<std::string> fallback = {});
  [[nodiscard]] bool boolean(std::string_view key, std::optional<bool> fallback = {});
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t low, std::int64_t high,
                                     std::optional<std::int64_t> fallback = {});
  [[nodiscard]] double number(std::string_view key, double low, double high,
                              std::optional<double> fallback = {});
  /// Seconds; `low` <= value.
  [[nodiscard]] double duration(std::string_view key, double low,
                                std::optional<double> fallback = {});
  /// A share 0..1, written "5 %" or 0.05.
  [[nodiscard]] double share(std::string_view key, std::optional<double> fallback = {});
  /// A value with any unit; a complaint shows the example.
  [[nodiscard]] Quantity quantity(std::string_view key, std::optional<Quantity> fallback = {},
                                  std::string_view example = "2.8 mm/s");
  /// A value in exactly `unit`.
  [[nodiscard]] double quantity_in(std::string_view key, std::string_view unit,
                                   std::optional<double> fallback = {});
  /// The position of the value in `names`; complains with "did you mean".
  [[nodiscard]] std::size_t one_of(std::string_view key, std::span<const std::string> names,
                                   std::optional<std::size_t> fallback = {});
  /// A duration, or a table {distribution = "weibull", mean = "120 h", shape = 2}.
  [[nodiscard]] line::Distribution distribution(std::string_view key,
                                                std::optional<line::Distribution> fallback = {});
  [[nodiscard]] std::vector<std::string> strings(std::string_view key, bool required);
  /// Rows of strings.
  [[nodiscard]] std::vector<std::vector<std::string>> rows(std::string_view key);
  /// At most 10,000; complains of more.
  [[nodiscard]] std::vector<Table> tables(std::string_view key);
  /// A list of strings and tables, at most 10,000; absent: empty. Complains of other entries, which
  /// it leaves out.
  [[nodiscard]] std::vector<std::variant<std::string, Table>> strings_or_tables(
      std::string_view key);
  [[nodiscard]] std::optional<Table> table(std::string_view key);
  [[nodiscard]] std::vector<std::string> keys() const;

  /// How much was noted of the whole document so far.
  [[nodiscard]] std::size_t complaints() const;
  /// Notes a complaint at a key (or at the table itself when the key is empty or absent).
  void complain(std::string_view key, std::string what, std::string hint = {}) const;
  /// At an entry of a list.
  void complain(std::string_view key, std::size_t entry, std::string what,
                std::string hint = {}) const;
  /// Complains about every key that no lookup has asked for.
  void finish() const;

 private:
  friend class Document;
  struct State;
  /// Seconds of an empirical distribution, from `values` or from a CSV `file`; at least one.
  [[nodiscard]] std::vector<double> measured();
  explicit Table(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// A parsed file and the complaints about it so far.
class Document {
 public:
  /// Errors: no such file, not readable, not TOML (one diagnostic with its place).
  [[nodiscard]] static line::Result<Document> open(const std::filesystem::path& path);
  [[nodiscard]] static line::Result<Document> parse(std::string text, std::string name);
  [[nodiscard]] Table root() const;
  /// All complaints, at most 1,000, in the order of the file; call after the last lookup.
  [[nodiscard]] std::vector<line::Diagnostic> diagnostics() const;
  void add(line::Diagnostic diagnostic);

  struct State;

 private:
  explicit Document(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace foreline::text
