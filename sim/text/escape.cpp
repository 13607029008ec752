// SPDX-License-Identifier: Apache-2.0
#include "sim/text/escape.hpp"

namespace foreline::text {

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

std::string as_utf8(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  bool is_utf8 = true;
  for (std::size_t i = 0; i < bytes.size() && is_utf8;) {
    const auto first = byte(i);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    is_utf8 = length > 0 && i + length <= bytes.size();
    for (std::size_t k = 1; is_utf8 && k < length; ++k) is_utf8 = (byte(i + k) & 0xC0U) == 0x80;
    // Overlong forms, surrogates, and what lies beyond Unicode.
    if (is_utf8 && length > 2) {
      const auto second = byte(i + 1);
      is_utf8 = !(first == 0xE0 && second < 0xA0) && !(first == 0xED && second > 0x9F) &&
                !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second > 0x8F);
    }
    i += length;
  }
  if (is_utf8) return std::string(bytes);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (byte(i) < 0x80) {
      out += bytes[i];
      continue;
    }
    out += static_cast<char>(0xC0U | byte(i) >> 6U);
    out += static_cast<char>(0x80U | (byte(i) & 0x3FU));
  }
  return out;
}

std::string printable(std::string_view text) {
  auto out = as_utf8(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (byte < 0x20 || byte == 0x7F) out[i] = '?';
    // U+0080 to U+009F are control characters too.
    const bool control =
        byte == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0;
    if (control) out.replace(i, 2, "?");
  }
  return out;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of("\",;\r\n") == std::string_view::npos && !text.starts_with('#'))
    return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

}  // namespace foreline::text
