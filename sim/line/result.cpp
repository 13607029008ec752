// SPDX-License-Identifier: Apache-2.0
#include "sim/line/result.hpp"

#include <fmt/format.h>

namespace foreline::line {

std::string Diagnostic::text() const {
  std::string place = file;
  if (line > 0) place += fmt::format("{}{}", place.empty() ? "" : ":", line);
  if (line > 0 && column > 0) place += fmt::format(":{}", column);
  std::string out = place.empty() ? what : fmt::format("{}: {}", place, what);
  if (!hint.empty()) out += fmt::format(" ({})", hint);
  return out;
}

std::string Error::text() const {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!out.empty()) out += '\n';
    out += diagnostic.text();
  }
  return out;
}

}  // namespace foreline::line
