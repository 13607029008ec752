// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/write_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreline::core {

using line::Error;
using line::Result;

Result<std::vector<std::uint16_t>> WriteRules::judge(std::size_t index, const Tag& tag,
                                                     double value, const TagValue& current,
                                                     double now_s) const {
  const auto rule = std::find_if(rules_.begin(), rules_.end(),
                                 [&](const WriteRule& known) { return known.tag == index; });
  if (rule == rules_.end())
    return Error(fmt::format("{} may not be written", tag.name),
                 "name it in a [[write]] table of the configuration");
  if (!std::isfinite(value) || value < rule->low || value > rule->high)
    return Error(
        fmt::format("{} = {} is outside {} to {}", tag.name, value, rule->low, rule->high));
  if (std::isfinite(rule->step)) {
    if (current.quality != line::Quality::good)
      return Error(fmt::format("{} is {} now, so the step to {} cannot be judged", tag.name,
                               line::name_of(current.quality), value));
    if (std::abs(value - current.value) > rule->step)
      return Error(fmt::format("{} would move from {} to {}, more than {} at once", tag.name,
                               current.value, value, rule->step));
  }
  if (const auto last = last_.find(index);
      last != last_.end() && now_s - last->second < rule->every_s)
    return Error(fmt::format("{} was written {:.1f} s ago, and only every {:.1f} s is allowed",
                             tag.name, now_s - last->second, rule->every_s));
  auto words = words_of(tag.at, value);
  if (!words)
    return Error(
        fmt::format("{} = {} cannot be said as {}", tag.name, value, name_of(tag.at.type)));
  return std::move(*words);
}

}  // namespace foreline::core
