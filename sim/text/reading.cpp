// SPDX-License-Identifier: Apache-2.0
#include "sim/text/reading.hpp"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "sim/text/letters.hpp"

namespace foreline::text {

using namespace line;

bool check_format(Table& root, std::string_view wanted) {
  const auto format = root.string("format");
  if (!root.has("format") || format == wanted) return true;
  const bool ours = format.rfind("foreline ", 0) == 0;
  root.complain("format", fmt::format("this is a \"{}\" file, wanted \"{}\"", format, wanted),
                ours ? "name another file" : fmt::format("write format = \"{}\"", wanted));
  return !ours;
}

std::vector<std::string> machine_names(const Line& line) {
  std::vector<std::string> names;
  for (const auto& machine : line.machines) names.push_back(machine.name);
  return names;
}

std::vector<std::string> order_names(const std::vector<Order>& orders) {
  std::vector<std::string> names;
  for (const auto& order : orders) names.push_back(order.id);
  return names;
}

const std::vector<std::string>& fault_kind_names() {
  static const auto names = [] {
    std::vector<std::string> all;
    for (const auto kind : all_fault_kinds) all.emplace_back(name_of(kind));
    return all;
  }();
  return names;
}

void check_unique(const Table& table, std::string_view key, const std::string& name,
                  std::set<std::string>& seen) {
  if (!name.empty() && !seen.insert(name).second) {
    table.complain(key, fmt::format("the name \"{}\" is taken", name), "names must differ");
  }
}

void check_name(const Table& table, const std::string& name) {
  if (table.place("name").line != 0 &&
      (name.empty() || name.find('/') != std::string::npos || letters_in(name) > 60)) {
    table.complain("name",
                   fmt::format("\"{}\" is no name: wanted 1 to 60 characters without /", name));
  }
}

}  // namespace foreline::text
