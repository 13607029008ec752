// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "inference/train/population.hpp"
#include "sim/text/files.hpp"

namespace foreline::tests {

/// Random days on the lines of the tree and on lines made up at random.
inline inference::Population population() {
  inference::Population population;
  for (const char* name : {"bottling", "stamping"}) {
    auto line = text::read_line_file(std::string(FORELINE_SOURCE_DIR) + "/scenarios/lines/" + name +
                                     ".toml");
    if (!line) throw std::runtime_error(line.error().text());
    population.lines.push_back(std::make_shared<const line::Line>(std::move(*line)));
  }
  return population;
}

}  // namespace foreline::tests
