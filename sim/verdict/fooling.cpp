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

}  // namespace

Fooling fooling_of(const Outcome& outcome, const std::vector<AlarmEvent>& alarms, double least_s) {
  Fooling fooling;
  for (const auto& fault : outcome.faults) {
    const double shown_s = fault.failed_s - fault.onset_s;
    if (fault.failed_s < 0 || shown_s < least_s || !gives_warning(fault.kind)) continue;
    if (std::any_of(alarms.begin(), alarms.end(), [&](const AlarmEvent& alarm) {
          return is_forecast(alarm) && is_about(alarm, fault, fault.failed_s);
        }))
      continue;
    ++fooling.missed;
    fooling.shown_s += shown_s;
  }
  for (const auto& alarm : alarms) {
    if (!is_forecast(alarm)) continue;
    const bool true_of_one =
        std::any_of(outcome.faults.begin(), outcome.faults.end(), [&](const FaultRecord& fault) {
          return is_about(alarm, fault, fault.restored_s >= 0 ? fault.restored_s : outcome.end_s);
        });
    if (!true_of_one) ++fooling.false_alarms;
  }
  return fooling;
}

}  // namespace foreline::verdict
