// SPDX-License-Identifier: Apache-2.0
// libFuzzer: what a plant's people and a broker hand to the plugin. The first byte chooses: a tag
// file, one register, a Sparkplug payload, the state of a host, a decision in registers.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/core/published.hpp"
#include "plugin/core/sparkplug.hpp"
#include "plugin/core/tags.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace foreline;
  if (size < 1) return 0;
  const std::span<const std::uint8_t> bytes(data + 1, size - 1);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  switch (data[0] % 5) {
    case 0: {
      core::TagContext context;
      context.devices = {"plc", "oven"};
      context.bases = {0, 1};
      context.groups = {"fast", "slow"};
      const auto tags = core::parse_tags(text, "tags.csv", context);
      // What was read has a name and a place; what was not, a reason.
      if (tags) {
        for (const auto& tag : *tags)
          if (tag.name.empty() || tag.at.device > 1 || tag.group > 1) std::abort();
      } else if (tags.error().diagnostics.empty()) {
        std::abort();
      }
      break;
    }
    case 1:
      if (const auto at = core::parse_register(text)) {
        const auto words = core::words_of(*at, 1);
        if (words && words->size() != at->words()) std::abort();
      }
      break;
    case 2:
      (void)core::metrics_of(bytes);
      break;
    case 3:
      (void)core::host_state_of(bytes);
      break;
    default: {
      std::vector<std::uint16_t> words;
      for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        words.push_back(static_cast<std::uint16_t>(bytes[i] << 8U | bytes[i + 1]));
      const auto decided = core::decision_from(words);
      // What goes into the audit has a name that can be printed.
      if (decided && decided->who.empty()) std::abort();
    }
  }
  return 0;
}
