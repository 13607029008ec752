// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/endpoint.hpp"

#include <charconv>

namespace foreline::host {

std::optional<Endpoint> endpoint_of(const std::string& text, std::uint16_t otherwise) {
  Endpoint at{text, otherwise};
  const bool bracketed = text.starts_with('[');
  const auto behind = bracketed ? text.find(']') + 1 : text.find(':');
  if (bracketed && behind == 0) return std::nullopt;
  // Several colons without brackets are an IPv6 address alone.
  const bool v6 = !bracketed && behind != text.rfind(':');
  if (!v6 && behind < text.size()) {
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + behind + 1, end, at.port);
    if (text[behind] != ':' || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  }
  if (bracketed)
    at.host = text.substr(1, behind - 2);
  else if (!v6)
    at.host = text.substr(0, behind);
  if (at.host.empty() || at.port == 0) return std::nullopt;
  return at;
}

}  // namespace foreline::host
