// SPDX-License-Identifier: Apache-2.0
// What the pages remember of a line: trends, time in states, parts, forecasts and notes, since the
// plugin began to watch. Bounded, whatever the line does. Pure: times are arguments.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/schedule.hpp"

namespace foreline::hmi {

using Json = nlohmann::ordered_json;

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
  static constexpr double throughput_window_s = 3600;
  static constexpr std::size_t hours_max = 168;  ///< Of one signal's drift.

  Record(line::Line line, std::vector<line::Order> orders);

  /// A snapshot of the attachment (Attachment::snapshot()).
  void take(const Json& snapshot);
  /// An event of the attachment; becomes a note, unless it is only progress.
  void note(Json event);

  /// Since the snapshot before, everything that streams send each time, small.
  [[nodiscard]] Json state() const;
  /// Trends, forecasts, reasons and history of one machine; null when there is none of that name.
  [[nodiscard]] Json machine(const std::string& name) const;
  /// Share of good samples of each signal, how far its hourly mean has been from normal (in
  /// standard deviations of its noise), and what the link has counted.
  [[nodiscard]] Json data() const;
  [[nodiscard]] std::vector<Json> notes_after(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t last_note() const { return next_note_ - 1; }
  /// The detail of the last plan; null before.
  [[nodiscard]] const Json& plan() const { return plan_; }
  /// Older plans: number, name, outcome, lower bound of the gain.
  [[nodiscard]] const Json& plans() const { return plans_; }

  [[nodiscard]] Effectiveness effectiveness(std::size_t machine) const;
  /// The machine with the longest ideal time a part: it sets the line's pace.
  [[nodiscard]] std::size_t constraint() const;

 private:
  struct Point {
    double at_s = 0;
    float value = 0;
    bool good = false;
  };
  /// Good samples of a signal while its machine works, one hour of line time.
  struct Hour {
    double from_s = 0;
    double samples = 0;
    double sum = 0;
  };
  struct Trend {
    std::deque<Point> points;
    std::deque<Hour> hours;
    std::uint64_t samples = 0;
    std::uint64_t good = 0;
  };
  struct Machine {
    std::vector<Trend> signals;
    std::array<double, line::packml_state_count> state_s{};
    std::string state;
    double state_since_s = 0;
    std::map<std::string, std::deque<std::pair<double, double>>> forecasts;  ///< kind: (s, p)
    std::vector<Json> history;  ///< Alarms and renewals, oldest first.
    std::uint32_t renewals = 0;
    bool seen = false;
  };
  struct Count {
    double good = 0;
    double scrap = 0;
    double ideal_s = 0;
  };

  [[nodiscard]] Count count(const Json& machine, std::size_t position) const;
  void begin_again();
  void take_values(const Json& values);
  void take_stand(const Json& stands);

  line::Line line_;
  std::vector<line::Order> orders_;
  std::vector<Machine> machines_;
  std::vector<Count> first_;  ///< At the first glance.
  std::vector<Count> now_;
  double values_at_s_ = -1;
  double stand_at_s_ = -1;
  std::deque<std::pair<double, double>> finished_;  ///< (s, good parts off the line)
  Json snapshot_ = Json::object();
  std::deque<Json> notes_;
  std::uint64_t next_note_ = 1;
  Json plan_;
  Json plans_ = Json::array();
};

/// What never changes while the plugin runs: machines, signals with their normal band, products,
/// orders.
[[nodiscard]] Json description_of(const line::Line& line, const std::vector<line::Order>& orders);

}  // namespace foreline::hmi
