// SPDX-License-Identifier: Apache-2.0
#include "inference/train/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/line/random.hpp"

namespace foreline::inference {

using namespace line;

namespace {

constexpr double day_s = 86'400;

/// Times at which one series raises and ends its alarms.
struct Episode {
  double raised_s = 0;
  double ended_s = 0;
};

std::vector<Episode> episodes(const std::vector<double>& at_s, const std::vector<float>& scores,
                              double threshold, const AlarmProtocol& protocol) {
  std::vector<Episode> found;
  double above_since_s = -1;
  double below_since_s = -1;
  bool raised = false;
  for (std::size_t i = 0; i < at_s.size(); ++i) {
    const double score = scores[i];
    if (!raised) {
      if (score < threshold) {
        above_since_s = -1;
        continue;
      }
      if (above_since_s < 0) above_since_s = at_s[i];
      if (at_s[i] - above_since_s < protocol.on_delay_s) continue;
      raised = true;
      below_since_s = -1;
      found.push_back({at_s[i], at_s.back()});
      continue;
    }
    if (score >= protocol.clear_share * threshold) {
      below_since_s = -1;
      continue;
    }
    if (below_since_s < 0) below_since_s = at_s[i];
    if (at_s[i] - below_since_s < protocol.off_delay_s) continue;
    raised = false;
    above_since_s = -1;
    found.back().ended_s = at_s[i];
  }
  return found;
}

bool warns(const FaultRecord& fault) {
  return gives_warning(fault.kind) && fault.failed_s >= 0;
}

/// A fault that has begun when the alarm comes and is not repaired yet, or fails soon after it,
/// justifies the alarm. One that comes while the machine stands still is late, not false.
bool justified(const MachineDay& day, const Episode& episode, const AlarmProtocol& protocol) {
  return std::any_of(day.faults.begin(), day.faults.end(), [&](const FaultRecord& fault) {
    if (!gives_warning(fault.kind)) return false;
    const double ends_s = fault.restored_s >= 0 ? fault.restored_s : day.at_s.back();
    const bool there = fault.onset_s <= episode.raised_s && episode.raised_s <= ends_s;
    const bool follows = fault.failed_s > episode.raised_s &&
                         fault.failed_s <= episode.raised_s + protocol.sensible_s;
    return there || follows;
  });
}

double lead_wanted(const FaultRecord& fault, const AlarmProtocol& protocol) {
  return std::min(protocol.lead_s, protocol.shown_share * (fault.failed_s - fault.onset_s));
}

}  // namespace

std::vector<MachineDay> machine_days(const Trial& trial, const Outcome& outcome, std::uint32_t day,
                                     double every_s) {
  const auto machines = trial.line->machines.size();
  std::vector<MachineDay> days(machines);
  History history(trial.line);
  double next_s = 0;
  for (const auto& frame : outcome.trace.frames) {
    history.add(frame);
    if (frame.at_s < next_s) continue;
    next_s = frame.at_s + every_s;
    for (std::uint32_t m = 0; m < machines; ++m) {
      auto& machine_day = days[m];
      machine_day.at_s.push_back(frame.at_s);
      machine_day.windows.push_back(history.window({m}));
      auto& truth = machine_day.truth.emplace_back();
      for (std::size_t k = 0; k < fault_kind_count; ++k)
        truth[k] = time_to_fault(trial, outcome, {m}, all_fault_kinds[k], frame.at_s, true);
    }
  }
  for (std::uint32_t m = 0; m < machines; ++m) {
    days[m].day = day;
    for (const auto& fault : outcome.faults)
      if (fault.machine == MachineId{m}) days[m].faults.push_back(fault);
  }
  return days;
}

double Detection::recall() const {
  const double all = std::accumulate(faults.begin(), faults.end(), 0.0);
  return all > 0 ? std::accumulate(warned.begin(), warned.end(), 0.0) / all : 0;
}

double Detection::false_alarms_a_day() const {
  return machine_days > 0 ? false_alarms / machine_days : 0;
}

Detection detect(std::span<const MachineDay> days, const Scores& scores, double threshold,
                 const AlarmProtocol& protocol) {
  Detection result;
  result.threshold = threshold;
  for (std::size_t d = 0; d < days.size(); ++d) {
    const auto& day = days[d];
    if (day.at_s.empty()) continue;
    if (result.by_day.size() <= day.day) result.by_day.resize(day.day + 1, {0, 0});
    result.machine_days += (day.at_s.back() - day.at_s.front()) / day_s;
    const auto alarms = episodes(day.at_s, scores[d], threshold, protocol);
    for (const auto& alarm : alarms)
      if (!justified(day, alarm, protocol)) ++result.false_alarms;
    for (const auto& fault : day.faults) {
      const double lead_s = lead_wanted(fault, protocol);
      if (!warns(fault) || fault.failed_s - lead_s < day.at_s.front()) continue;
      const auto kind = static_cast<std::size_t>(fault.kind);
      const double earliest_s = std::min(fault.onset_s, fault.failed_s - protocol.sensible_s);
      const auto in_time = std::find_if(alarms.begin(), alarms.end(), [&](const Episode& alarm) {
        return alarm.raised_s <= fault.failed_s - lead_s &&
               alarm.ended_s >= fault.failed_s - lead_s && alarm.raised_s >= earliest_s;
      });
      const bool warned = in_time != alarms.end();
      const bool slow = lead_s >= protocol.lead_s;
      ++result.faults[kind];
      result.slow_faults += slow ? 1 : 0;
      result.slow_warned += slow && warned ? 1 : 0;
      if (warned) {
        ++result.warned[kind];
        result.leads_s.push_back(fault.failed_s - in_time->raised_s);
      }
      result.by_day[day.day][0] += 1;
      result.by_day[day.day][1] += warned ? 1 : 0;
    }
  }
  return result;
}

Detection detect_at_rate(std::span<const MachineDay> days, const Scores& scores,
                         double false_alarms_a_day, const AlarmProtocol& protocol) {
  std::vector<float> levels;
  for (const auto& series : scores) levels.insert(levels.end(), series.begin(), series.end());
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (levels.empty()) return {};
  // False alarms are not quite monotone in the threshold (two may merge into one), so the scan goes
  // down from the top until the rate is passed for the first time.
  constexpr std::size_t steps = 240;
  auto best = detect(days, scores, std::nextafter(levels.back(), 2 * levels.back() + 1), protocol);
  for (std::size_t step = 0; step < steps; ++step) {
    const double from_top =
        std::pow(static_cast<double>(levels.size()), static_cast<double>(step) / (steps - 1)) - 1;
    const auto position =
        levels.size() - 1 - std::min(levels.size() - 1, static_cast<std::size_t>(from_top));
    if (levels[position] <= 0) break;
    auto found = detect(days, scores, levels[position], protocol);
    if (found.false_alarms_a_day() > false_alarms_a_day) break;
    best = std::move(found);
  }
  return best;
}

Interval recall_difference(const Detection& a, const Detection& b, std::uint64_t seed) {
  constexpr std::size_t draws = 1000;
  const auto days = std::min(a.by_day.size(), b.by_day.size());
  std::vector<double> differences;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    double faults = 0;
    double more = 0;
    for (std::size_t i = 0; i < days; ++i) {
      const auto day = std::min(
          days - 1,
          static_cast<std::size_t>(random_uniform(seed, 0, Purpose::training, draw * days + i) *
                                   static_cast<double>(days)));
      faults += a.by_day[day][0];
      more += a.by_day[day][1] - b.by_day[day][1];
    }
    if (faults > 0) differences.push_back(more / faults);
  }
  if (differences.empty()) return {};
  std::sort(differences.begin(), differences.end());
  const auto at = [&](double share) {
    return differences[static_cast<std::size_t>(share *
                                                static_cast<double>(differences.size() - 1))];
  };
  return {at(0.025), a.recall() - b.recall(), at(0.975)};
}

}  // namespace foreline::inference
