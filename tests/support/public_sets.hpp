// SPDX-License-Identifier: Apache-2.0
// The public sets of scheduling instances, as tests and benches read them.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/search/instance_file.hpp"

namespace foreline::tests {

/// Rows of a CSV file without quotes, below its header; none when there is no such file.
inline std::vector<std::vector<std::string>> table(const std::filesystem::path& path) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    auto& row = rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
  }
  return rows;
}

inline line::Result<std::vector<search::Instance>> instances_of(const std::filesystem::path& path,
                                                                search::Kind kind) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return search::read_instances(text.str(), path.string(), kind);
}

}  // namespace foreline::tests
