// SPDX-License-Identifier: Apache-2.0
// What an instance shows, as devices and metrics of a Sparkplug edge node: each Modbus device with
// its tags, each machine with its state, signals, forecasts and alarms. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/configuration.hpp"
#include "plugin/mqtt/publisher.hpp"
#include "sim/line/alarm.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/result.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::attachment {

class Northbound {
 public:
  /// `configuration` must outlive it. Errors: the password cannot be read; see mqtt::Publisher.
  [[nodiscard]] static line::Result<std::unique_ptr<Northbound>> start(
      const core::Configuration& configuration,
      std::function<void(bool trouble, const std::string& line)> log,
      std::function<std::int64_t()> now_ms);

  void tag(std::size_t index, const core::TagValue& shown);
  void frame(const line::Frame& frame);
  void forecast(const line::Forecast& forecast);
  void alarm(const std::string& id, line::AlarmState state);
  /// The device, and the machines that it runs, answer and are believed, or not.
  void link(std::size_t device, bool there);
  [[nodiscard]] mqtt::PublisherCounters counters() const { return publisher_->counters(); }

 private:
  Northbound(const core::Configuration& configuration, std::function<std::int64_t()> now_ms);
  std::size_t add(std::size_t device, std::string name, core::MetricType type,
                  const std::string& unit = {});
  void show(std::size_t device, const std::string& metric, core::MetricValue value,
            line::Quality quality);

  const core::Configuration* configuration_;
  std::function<std::int64_t()> now_ms_;
  std::size_t machines_from_ = 0;  ///< Devices before are Modbus devices.
  std::vector<core::SparkplugDevice> devices_;
  std::vector<std::map<std::string, std::size_t>> places_;  ///< Of metrics, one map a device.
  std::vector<std::size_t> tags_;                           ///< Metric of each tag.
  std::vector<bool> there_;
  std::unique_ptr<mqtt::Publisher> publisher_;
};

}  // namespace foreline::attachment
