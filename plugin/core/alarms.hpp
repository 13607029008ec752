// SPDX-License-Identifier: Apache-2.0
// Alarm states after ISA-18.2: on-delay, off-delay, hysteresis, latch, acknowledge, shelve. Pure:
// time is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/line/alarm.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"

namespace foreline::core {

/// Every knob has its unit in its name; the defaults are those of the annotated sample.
struct AlarmRules {
  double horizon_s = 7200;         ///< A forecast alarm is about P(fault within this).
  float raise_probability = 0.5F;  ///< Raised at or above, for `on_delay_s`.
  float clear_probability = 0.3F;  ///< Cleared below, for `off_delay_s`.
  double on_delay_s = 120;
  double off_delay_s = 600;
  double communication_on_delay_s = 30;  ///< No frame for so long: communication alarm.
  double quality_on_delay_s = 120;       ///< A signal not Good for so long: data-quality alarm.
  /// An alarm that was acknowledged and then cleared stays until it is acknowledged once more.
  bool latch = false;
  line::AlarmPriority forecast_priority = line::AlarmPriority::medium;
  line::AlarmPriority communication_priority = line::AlarmPriority::high;
  line::AlarmPriority quality_priority = line::AlarmPriority::low;
  line::AlarmPriority deployment_priority = line::AlarmPriority::high;
};

/// One alarm as it stands.
struct AlarmRecord {
  line::AlarmEvent event;  ///< As last raised.
  line::AlarmState state = line::AlarmState::normal;
  bool active = false;  ///< The condition holds now.
  double since_s = 0;   ///< Of the last state change.
  double shelved_until_s = 0;
  line::AlarmPriority priority = line::AlarmPriority::medium;
};

class Alarms {
 public:
  Alarms(const line::Line& line, const AlarmRules& rules);

  /// Conditions as they are at `at_s`; changes come back. Conditions not mentioned have ceased.
  /// `held[m]` tells whether machine m stands still with a fault: what is said of it then speaks of
  /// that fault, and neither raises nor clears.
  [[nodiscard]] std::vector<line::AlarmEvent> update_forecasts(
      double at_s, const std::vector<line::Forecast>& forecasts,
      const std::vector<bool>& held = {});
  [[nodiscard]] std::vector<line::AlarmEvent> update_communication(double at_s, bool connected);
  /// `bad[m][s]` tells whether signal s of machine m is not Good.
  [[nodiscard]] std::vector<line::AlarmEvent> update_quality(
      double at_s, const std::vector<std::vector<bool>>& bad);

  /// A deployment that ended otherwise than it should, or one that has ended well.
  [[nodiscard]] std::vector<line::AlarmEvent> update_deployment(double at_s, bool failed,
                                                                const std::string& why);

  /// False when there is no such alarm or nothing to acknowledge.
  bool acknowledge(const std::string& id, double at_s);
  bool shelve(const std::string& id, double at_s, double for_s);
  /// As one that was shelved before a restart: it need not have arisen yet. False for what the line
  /// cannot have.
  bool keep_shelved(const std::string& id, double at_s, double until_s);
  /// Before its time is over.
  bool unshelve(const std::string& id, double at_s);
  /// Alarms whose shelving is over show again, whether or not anything is heard of them.
  [[nodiscard]] std::vector<line::AlarmEvent> unshelve_due(double at_s);
  /// For as long as nobody returns it: it is followed, and never shown. False for what the line
  /// cannot have, and for what is out of service already.
  bool take_out_of_service(const std::string& id, double at_s);
  bool return_to_service(const std::string& id, double at_s);

  /// Takes over how alarms stood before: those that this line can have.
  void take_over(const Alarms& former);

  /// Whether this line can have an alarm of that id.
  [[nodiscard]] bool can_have(const std::string& id) const { return made(id).has_value(); }
  /// All alarms that are not normal, newest first.
  [[nodiscard]] std::vector<AlarmRecord> standing() const;
  /// The record of this id; a normal one when it never arose.
  [[nodiscard]] AlarmRecord record(const std::string& id) const;

 private:
  struct Condition {
    AlarmRecord record;
    double pending_since_s = -1;  ///< The other condition began to hold; -1 = it does not.
  };
  /// From hidden (shelved, out of service) to what its condition says now.
  void show(AlarmRecord& record, double at_s);
  void unshelve_if_due(AlarmRecord& record, double at_s, std::vector<line::AlarmEvent>& out);
  /// The condition of this id, made when it never arose; null when the line cannot have it.
  [[nodiscard]] Condition* condition_of(const std::string& id);
  /// The alarm of this id before it ever arose; nothing when the line cannot have it.
  [[nodiscard]] std::optional<AlarmRecord> made(const std::string& id) const;
  line::AlarmEvent* settle(Condition& condition, bool holds, double at_s, double on_delay_s,
                           double off_delay_s, std::vector<line::AlarmEvent>& out);
  const line::Line* line_ = nullptr;
  AlarmRules rules_;
  std::map<std::string, Condition> conditions_;
};

}  // namespace foreline::core
