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
  // A float holds what is nearest; a whole number must not turn 60.5 into 61 unseen.
  const double held = number_of(tag.at, *words);
  const bool is_float = tag.at.type == RegisterType::f16 || tag.at.type == RegisterType::f32 ||
                        tag.at.type == RegisterType::f64;
  const double noise = 1e-9 * std::max({1.0, std::abs(value), std::abs(tag.at.offset)});
  if (!is_float && std::abs(held - value) > rule->tolerance + noise)
    return Error(
        fmt::format("{} = {} cannot be held: {} goes in steps of {}, the nearest is {}", tag.name,
                    value, place_text(tag.at.table, tag.at.address), std::abs(tag.at.factor), held),
        fmt::format("write {}, or allow the difference with tolerance = {} in [[write]]", held,
                    std::abs(tag.at.factor) / 2));
  return std::move(*words);
}

std::optional<double> WriteRules::last(std::size_t index) const {
  const auto found = last_.find(index);
  return found == last_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace foreline::core
