// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/alarm_load.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace foreline::hmi {

namespace {

using Counts = std::vector<std::pair<std::string, std::size_t>>;

void most_first(Counts& counts) {
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (counts.size() > offenders_most) counts.resize(offenders_most);
}

/// Most times within the span that make an alarm chatter.
std::size_t most_in_a_minute(const std::vector<double>& times) {
  std::size_t most = 0;
  for (std::size_t first = 0, next = 0; first < times.size(); ++first) {
    while (next < times.size() && times[next] < times[first] + chattering_within_s) ++next;
    most = std::max(most, next - first);
  }
  return most;
}

}  // namespace

AlarmLoad load_of(std::span<const Activation> activations, double from_s, double until_s) {
  AlarmLoad load;
  const double intervals = std::max(1.0, std::ceil((until_s - from_s) / load_interval_s));
  std::map<std::size_t, std::size_t> by_interval;
  std::map<std::string, std::vector<double>> times;
  for (const auto& one : activations) {
    if (one.at_s <= from_s || one.at_s > until_s) continue;
    ++load.raised;
    ++by_interval[static_cast<std::size_t>(std::ceil((one.at_s - from_s) / load_interval_s)) - 1];
    ++load.by_priority.at(static_cast<std::size_t>(one.priority) - 1);
    times[one.id].push_back(one.at_s);
  }
  load.per_interval =
      static_cast<double>(load.raised) / std::max(1.0, (until_s - from_s) / load_interval_s);
  std::size_t floods = 0;
  for (const auto& [number, count] : by_interval) {
    floods += count > flood_over ? 1 : 0;
    if (count <= load.peak) continue;
    load.peak = count;
    load.peak_at_s = from_s + load_interval_s * static_cast<double>(number);
  }
  load.flood_share = static_cast<double>(floods) / intervals;
  for (const auto& [id, at] : times) {
    load.offenders.emplace_back(id, at.size());
    if (const auto most = most_in_a_minute(at); most >= chattering_from)
      load.chattering.emplace_back(id, most);
  }
  most_first(load.offenders);
  most_first(load.chattering);
  return load;
}

}  // namespace foreline::hmi
