// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/personality.hpp"

#include <algorithm>
#include <array>

namespace foreline::plc {

namespace {

using Manner = Personality::Manner;

constexpr std::array<Personality, 5> all = {{
    {.name = personality_names[0], .foreign_unit = Manner::refuses},
    {.name = personality_names[1],
     .bits = true,
     .reads_too_many = true,
     .reads_nothing = std::nullopt},
    {.name = personality_names[2],
     .bits = true,
     .combined = true,
     .reports_id = Manner::answers,
     .status = Manner::is_silent},
    {.name = personality_names[3],
     .bits = true,
     .combined = true,
     .identifies = true,
     .reports_id = Manner::answers,
     .status = Manner::answers,
     .echoes = true,
     .whole_requests = true},
    {.name = personality_names[4],
     .bits = true,
     .identifies = true,
     .reports_id = Manner::is_silent,
     .status = Manner::is_silent,
     .reads_too_many = true,
     .reads_nothing = 2,
     .foreign_unit = Manner::is_silent},
}};

}  // namespace

const Personality* personality_named(std::string_view name) {
  const auto* found = std::find_if(all.begin(), all.end(),
                                   [&](const Personality& known) { return known.name == name; });
  return found == all.end() ? nullptr : found;
}

}  // namespace foreline::plc
