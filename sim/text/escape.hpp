// SPDX-License-Identifier: Apache-2.0
// Text as a part of other formats, where no character of it may mean anything.
#pragma once

#include <string>
#include <string_view>

namespace foreline::text {

/// For XML and HTML, in elements and in quoted attributes. Control characters that XML 1.0 does not
/// have, not even escaped, are left out; line ends and tabs stay.
[[nodiscard]] std::string xml_escaped(std::string_view text);

/// Bytes that a device or another program handed over, as UTF-8: what is none is taken for ISO
/// 8859-1, which most PLCs keep their texts in.
[[nodiscard]] std::string as_utf8(std::string_view bytes);

/// Text of another for a terminal, which must not obey what is in it: "?" for control characters.
[[nodiscard]] std::string printable(std::string_view text);

/// A field of CSV (RFC 4180): in quotes when it holds a quote, a line end, a comma or a semicolon
/// (with which some spreadsheets separate).
[[nodiscard]] std::string csv_field(std::string_view text);

}  // namespace foreline::text
