// SPDX-License-Identifier: Apache-2.0
// What the pages remember of a line: trends, time in states, parts, forecasts and notes, since the
// plugin began to watch. Bounded, whatever the line does. Pure: times are arguments.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "inference/course.hpp"
#include "inference/history.hpp"
#include "plugin/hmi/alarm_load.hpp"
#include "sim/line/flow.hpp"
#include "sim/line/line.hpp"
#include "sim/line/schedule.hpp"

namespace foreline::hmi {

using Json = nlohmann::ordered_json;

/// As the attachment: a line clock that falls back by more, s, means another run.
inline constexpr double new_run_s = 3600;

/// Overall equipment effectiveness and its factors; each 0..1, negative when nothing is known yet.
struct Effectiveness {
  double availability = -1;  ///< Planned time not lost to stops, services and changeovers.
  double performance = -1;   ///< Ideal time of the parts made, over the time available.
  double quality = -1;       ///< Good parts over all.
  double oee = -1;           ///< Their product.
};

class Record {
 public:
  static constexpr std::size_t points_max = 1500;  ///< Of one signal.
  static constexpr std::size_t notes_max = 400;
  static constexpr std::size_t activations_max = 5000;
  static constexpr double throughput_window_s = 3600;

  Record(line::Line line, std::vector<line::Order> orders);

  /// A snapshot of the attachment (Attachment::snapshot()).
  void take(const Json& snapshot);
  /// Alarms of before the plugin began to watch (Attachment::past()), once. They count in the load
  /// where the snapshots say that the line was watched then.
  void remember(const Json& past);
  /// An event of the attachment; becomes a note, unless it is only progress.
  void note(Json event);

  /// Since the snapshot before, everything that streams send each time, small.
  [[nodiscard]] Json state() const;
  /// Trends, forecasts, reasons and history of one machine; null when there is none of that name.
  [[nodiscard]] Json machine(const std::string& name) const;
  /// What the link has counted, and how the forecasts stand.
  [[nodiscard]] Json data() const;
  /// What alarms, predictions and both have asked of an operator in the last 24 h, or since the
  /// line is watched.
  [[nodiscard]] Json alarm_load() const;
  [[nodiscard]] std::vector<Json> notes_after(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t last_note() const { return next_note_ - 1; }
  /// The detail of the last plan; null before.
  [[nodiscard]] const Json& plan() const { return plan_; }
  /// Older plans: number, name, outcome, lower bound of the gain.
  [[nodiscard]] const Json& plans() const { return plans_; }

  [[nodiscard]] Effectiveness effectiveness(std::size_t machine) const;
  /// The machine with the longest ideal time for each part that leaves the line.
  [[nodiscard]] std::size_t constraint() const { return flow_.constraint; }

 private:
  struct Point {
    double at_s = 0;
    float value = 0;
    bool good = false;
  };
  struct Trend {
    std::deque<Point> points;
    inference::Course course;
    bool outside = false;  ///< Of its normal band, as alarms are: late, and with a dead band.
    int contrary = 0;      ///< Readings in a row that say the other.
  };
  struct Machine {
    std::vector<Trend> signals;
    std::array<double, line::packml_state_count> state_s{};
    std::string state;
    double state_since_s = 0;
    bool off_shift = false;  ///< It stands, and need not work now.
    std::map<std::string, std::deque<std::pair<double, double>>> forecasts;  ///< kind: (s, p)
    std::vector<Json> history;  ///< Alarms, oldest first.
    std::uint32_t renewals = 0;
  };
  struct Count {
    double good = 0;
    double scrap = 0;
    double ideal_s = 0;
  };

  [[nodiscard]] std::optional<Count> count(const Json& machine, std::size_t position) const;
  [[nodiscard]] Json orders_of(const Json& machines) const;
  /// Parts that have left the line; nothing when they are not counted.
  [[nodiscard]] std::optional<double> good_parts() const;
  [[nodiscard]] bool off_shift(const line::Machine& machine, const std::string& state,
                               double at_s) const;
  void begin_again();
  void take_values(const Json& values);
  static void judge(Trend& trend, const line::Signal& signal, double value);
  void take_stand(const Json& stands);
  /// Into the history of the machine that it is about, if it is about one.
  void keep_alarm(const Json& event);
  void count_former();
  void keep(line::MachineId machine, Json entry);

  line::Line line_;
  std::vector<line::Order> orders_;
  std::vector<Machine> machines_;
  line::Flow flow_;
  std::vector<std::uint32_t> takers_;
  std::vector<std::optional<Count>> first_;  ///< At the first glance; nothing: not counted.
  std::vector<std::optional<Count>> now_;
  double values_at_s_ = -1;
  double stand_at_s_ = -1;
  std::deque<std::pair<double, double>> finished_;  ///< (s, good parts off the line)
  Json snapshot_ = Json::object();
  std::deque<Json> notes_;
  std::uint64_t next_note_ = 1;
  double begun_s_ = -1;   ///< Since when the line is watched, line time,
  double looked_s_ = -1;  ///< and since when by this record.
  std::deque<Activation> activations_;
  std::vector<Activation> former_;  ///< Until it is known which of them count.
  Json plan_;
  Json plans_ = Json::array();
};

/// What never changes while the plugin runs: machines, signals with their normal band, products,
/// orders.
[[nodiscard]] Json description_of(const line::Line& line, const std::vector<line::Order>& orders);

}  // namespace foreline::hmi
