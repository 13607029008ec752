// SPDX-License-Identifier: Apache-2.0
// One line under watch: frames in, changes out. No clock, socket, thread or file. The live plugin,
// `foreline run` and the replay of traces all call this same step.
#pragma once

#include <memory>
#include <vector>

#include "inference/forecaster.hpp"
#include "inference/history.hpp"
#include "plugin/core/alarms.hpp"
#include "sim/line/alarm.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::core {

struct WatchRules {
  double forecast_every_s = 60;  ///< Line time between forecasts.
  AlarmRules alarms;
};

/// What one frame changed.
struct Changes {
  std::vector<line::AlarmEvent> alarms;
  std::vector<line::Forecast> forecasts;  ///< Empty between forecasts; else one a machine.
};

class Watch {
 public:
  /// `forecaster` may be null (no model): then only communication and data-quality alarms arise.
  Watch(std::shared_ptr<const line::Line> line,
        std::shared_ptr<const inference::Forecaster> forecaster, const WatchRules& rules);

  /// Takes the next frame of the sampling grid (rising time). Total: bad data is a quality.
  [[nodiscard]] Changes step(const line::Frame& frame);

  /// Nothing has arrived up to `at_s`, as the host's clock reckons line time. That reckoning may
  /// run ahead of the line, so the history does not hear of it.
  [[nodiscard]] Changes lost(double at_s);

  /// Goes on where `former` stood: alarms that this line can have, histories of machines that are
  /// described alike, and the forecasts when the line is the same.
  void take_over(Watch&& former);

  [[nodiscard]] const std::vector<line::Forecast>& latest() const { return latest_; }
  [[nodiscard]] Alarms& alarms() { return alarms_; }
  [[nodiscard]] const Alarms& alarms() const { return alarms_; }
  [[nodiscard]] const inference::History& history() const { return history_; }

 private:
  std::shared_ptr<const line::Line> line_;
  std::shared_ptr<const inference::Forecaster> forecaster_;
  WatchRules rules_;
  inference::History history_;
  Alarms alarms_;
  std::vector<line::Forecast> latest_;
  std::vector<std::vector<bool>> stuck_;  ///< Signals not known at the last forecast.
  double next_forecast_s_ = 0;
};

}  // namespace foreline::core
