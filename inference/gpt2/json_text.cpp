// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace foreline::gpt2 {

namespace {

/// Writing, copying or comparing what is nested more deeply would use up the stack.
constexpr int deepest = 100;

}  // namespace

line::Result<nlohmann::json> json_from(std::string_view text, const std::string& file) {
  try {
    bool deep = false;
    auto parsed =
        nlohmann::json::parse(text, [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
          deep = deep || depth > deepest;
          return !deep;
        });
    if (!deep) return parsed;
    return line::Error({{file, 0, 0, fmt::format("is nested more than {} deep", deepest),
                         "the file is damaged or of another kind"}});
  } catch (const nlohmann::json::exception& error) {
    // A parse error counts bytes from 1; others have no place.
    std::size_t at = 0;
    if (const auto* place = dynamic_cast<const nlohmann::json::parse_error*>(&error)) {
      at = std::min(place->byte > 0 ? place->byte - 1 : 0, text.size());
    }
    const auto before = text.substr(0, at);
    const auto row = 1 + std::count(before.begin(), before.end(), '\n');
    const auto column = at - (before.rfind('\n') + 1) + 1;
    std::string what = error.what();
    if (const auto colon = what.find(": "); colon != std::string::npos) what.erase(0, colon + 2);
    // Bytes of a binary file do not belong in a message.
    for (auto& c : what) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) c = '?';
    }
    if (what.size() > 240) what.resize(240);
    return line::Error({{file, static_cast<int>(row), static_cast<int>(column),
                         "is no JSON: " + what, "the file is damaged or of another kind"}});
  }
}

}  // namespace foreline::gpt2
