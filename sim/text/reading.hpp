// SPDX-License-Identifier: Apache-2.0
// What the readers of files share.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"
#include "sim/text/document.hpp"

namespace foreline::text {

constexpr std::size_t wrong_rows_max = 100;
constexpr std::size_t passes_max = 50;
/// Orders that a sequence lacks and that are named, so that they do not hide other mistakes.
constexpr std::size_t missing_max = 20;

/// False when the file is of another kind, so that only that is to be said of it.
[[nodiscard]] bool check_format(Table& root, std::string_view wanted);

/// The value, or all that was complained about.
template <class T>
[[nodiscard]] line::Result<T> settled(const Document& document, T value) {
  auto diagnostics = document.diagnostics();
  if (!diagnostics.empty()) return line::Error(std::move(diagnostics));
  return value;
}

[[nodiscard]] std::vector<std::string> machine_names(const line::Line& line);
[[nodiscard]] std::vector<std::string> order_names(const std::vector<line::Order>& orders);

template <class Kind, class Named>
[[nodiscard]] std::vector<std::string> names_of(std::initializer_list<Kind> kinds, Named named) {
  std::vector<std::string> names;
  for (const auto kind : kinds) names.emplace_back(named(kind));
  return names;
}

[[nodiscard]] const std::vector<std::string>& fault_kind_names();

void check_unique(const Table& table, std::string_view key, const std::string& name,
                  std::set<std::string>& seen);
void check_name(const Table& table, const std::string& name);

/// A schedule from a table with `sequence` and [[service]]; without a sequence, the book's order.
/// A service's own keys, `at` or `before_order`, of which finish() has been asked.
[[nodiscard]] line::Service service_of(Table& table, line::MachineId machine,
                                       std::span<const std::string> orders);
/// The key and value of its moment, as service_of() reads it.
[[nodiscard]] std::string when_text(const line::Service& service,
                                    const std::vector<line::Order>& orders);
[[nodiscard]] line::Schedule read_schedule_tables(Table& root, const line::Line& line,
                                                  const std::vector<line::Order>& orders);

}  // namespace foreline::text
