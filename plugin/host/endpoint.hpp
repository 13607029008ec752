// SPDX-License-Identifier: Apache-2.0
// A host and a port as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace foreline::host {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

/// "plc:502", "192.168.0.10:502" or "[fe80::1]:502"; a host alone means port `otherwise`, where 0
/// says that a port is needed. Nothing when it is neither.
[[nodiscard]] std::optional<Endpoint> endpoint_of(const std::string& text, std::uint16_t otherwise);

}  // namespace foreline::host
