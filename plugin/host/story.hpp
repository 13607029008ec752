// SPDX-License-Identifier: Apache-2.0
// What a demo run has seen, event by event, and what it comes to in the end.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/line/trial.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

struct Conclusion {
  bool proved = false;  ///< Forecast before the fault, and the change confirmed by read-back.
  std::vector<std::string> sentences;
  std::string table;  ///< Measures without and with the change, for a terminal.
};

class Story {
 public:
  /// An object that `foreline watch --json --snapshots` printed.
  void take(const nlohmann::ordered_json& event);

  [[nodiscard]] double line_time_s() const { return line_time_s_; }
  /// Parts that machines have made, each machine's by themselves; 0 while nobody knows.
  [[nodiscard]] double made() const { return made_; }
  /// "highest forecast 12 % (filler/bearing-wear); no alarm".
  [[nodiscard]] std::string standing() const;

  [[nodiscard]] Conclusion conclude(const line::Trial& trial, const line::Outcome& with,
                                    const line::Outcome& without) const;
  /// The story for the report.
  [[nodiscard]] nlohmann::ordered_json as_json(const text::Scenario& scenario,
                                               const line::Trial& trial, double speed,
                                               const line::Outcome& with,
                                               const line::Outcome& without) const;

 private:
  struct Alarm {
    std::string id;
    double at_s = 0;
    std::string why;
    std::string sentence;
  };
  using Points = std::vector<std::pair<double, double>>;

  /// The first forecast alarm that came true or was prevented; else the first.
  [[nodiscard]] const Alarm* told(const line::Trial& trial, const line::Outcome& without) const;

  double line_time_s_ = 0;
  double made_ = 0;
  std::map<std::string, std::map<std::string, Points>> signals_;  ///< machine, signal
  std::map<std::string, std::string> units_;                      ///< "machine/signal"
  std::map<std::string, Points> forecasts_;                       ///< "machine/kind"
  std::map<std::string, std::string> sentences_;                  ///< machine: newest
  std::vector<Alarm> alarms_;
  std::vector<std::string> standing_;
  nlohmann::ordered_json events_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json plan_;  ///< Detail of the proposal that was decided on last.
  std::optional<double> confirmed_at_s_;
  std::string approval_;
  std::string model_;  ///< As the plugin describes it.
};

}  // namespace foreline::host
