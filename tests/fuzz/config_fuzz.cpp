// SPDX-License-Identifier: Apache-2.0
// config.json: any text is refused or read, and what was read survives being written and read.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "inference/gpt2/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace foreline::gpt2;
  const auto config = config_from_json({reinterpret_cast<const char*>(data), size}, "config.json");
  if (!config) {
    if (config.error().text().empty()) std::abort();
    return 0;
  }
  const auto text = config_to_json(*config);
  const auto again = config_from_json(text, "config.json");
  if (!again || config_to_json(*again) != text) std::abort();
  return 0;
}
