// SPDX-License-Identifier: Apache-2.0
#include "sim/verdict/fooling.hpp"

#include <algorithm>

namespace foreline::verdict {

using namespace line;

namespace {

bool is_forecast(const AlarmEvent& alarm) {
  return alarm.what == AlarmEvent::What::raised && alarm.alarm_class == AlarmClass::forecast;
}

bool is_about(const AlarmEvent& alarm, const FaultRecord& fault, double until_s) {
  return alarm.machine == fault.machine && alarm.kind == fault.kind &&
         alarm.at_s >= fault.onset_s && alarm.at_s <= until_s;
}

bool is_true(const AlarmEvent& alarm, const Outcome& outcome) {
  return std::any_of(outcome.faults.begin(), outcome.faults.end(), [&](const FaultRecord& fault) {
    return is_about(alarm, fault, fault.restored_s >= 0 ? fault.restored_s : outcome.end_s);
  });
}

/// Whether alarm `at` stood from before the fault's onset until then.
bool still_stood(const std::vector<AlarmEvent>& alarms, std::size_t at, const FaultRecord& fault) {
  const auto& alarm = alarms[at];
  return alarm.machine == fault.machine && alarm.kind == fault.kind && alarm.at_s < fault.onset_s &&
         std::none_of(alarms.begin(), alarms.end(), [&](const AlarmEvent& event) {
           return event.what == AlarmEvent::What::cleared && event.id == alarm.id &&
                  event.at_s > alarm.at_s && event.at_s <= fault.onset_s;
         });
}

}  // namespace

Fooling fooling_of(const Outcome& outcome, const std::vector<AlarmEvent>& alarms, double least_s) {
  Fooling fooling;
  for (const auto& fault : outcome.faults) {
    const double shown_s = fault.failed_s - fault.onset_s;
    if (fault.failed_s < 0 || shown_s < least_s || !gives_warning(fault.kind)) continue;
    bool warned = false;
    for (std::size_t i = 0; i < alarms.size() && !warned; ++i)
      warned = is_forecast(alarms[i]) &&
               (is_about(alarms[i], fault, fault.failed_s) ||
                (still_stood(alarms, i, fault) && is_true(alarms[i], outcome)));
    if (warned) continue;
    ++fooling.missed;
    fooling.shown_s += shown_s;
  }
  for (const auto& alarm : alarms) {
    if (is_forecast(alarm) && !is_true(alarm, outcome)) ++fooling.false_alarms;
  }
  return fooling;
}

}  // namespace foreline::verdict
