// SPDX-License-Identifier: Apache-2.0
#include "sim/line/crews.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace foreline::line {

Result<Done> add_crews(Line& line, std::string_view group, std::int64_t change) {
  auto& groups = line.crew_groups;
  std::vector<std::string> names;
  for (const auto& crew : groups) names.push_back(crew.name);
  const auto found = std::find(names.begin(), names.end(), group);
  if (!group.empty() && found == names.end())
    return Error(fmt::format("there are no crews \"{}\"", group),
                 names.empty() ? "the crews of this line have no names"
                               : fmt::format("there are {}", fmt::join(names, ", ")));
  if (group.empty() && names.size() > 1)
    return Error(fmt::format("this line has several kinds of crews: {}", fmt::join(names, ", ")),
                 fmt::format("say which are meant, such as {}=-1", names.front()));
  auto* const named = names.empty()   ? nullptr
                      : group.empty() ? groups.data()
                                      : &groups[static_cast<std::size_t>(found - names.begin())];
  const auto all = line.crews + change;
  const auto left = named != nullptr ? named->count + change : all;
  if (left < 0 || all < 1 || left > most_crews)
    return Error(fmt::format("that leaves {} crews", left));
  line.crews = static_cast<std::uint32_t>(all);
  if (named != nullptr) named->count = static_cast<std::uint32_t>(left);
  return Done{};
}

}  // namespace foreline::line
