// SPDX-License-Identifier: Apache-2.0
// Sparkplug B 3.0 as values: metrics to payload bytes and back, and an edge node that says what to
// publish when: births, data, deaths, in one gapless sequence. Pure; time is an argument.
// Source: Eclipse Sparkplug specification 3.0.0, chapters 5 and 6, and its sparkplug_b.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "plugin/core/protocol.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::core {

/// What a metric shows; nothing: null.
using MetricValue = std::variant<std::monostate, double, bool, std::string, std::uint64_t>;
enum class MetricType : std::uint8_t { uint64 = 8, real = 10, boolean = 11, string = 12 };

struct Metric {
  std::string name;  ///< Empty: known by its alias alone.
  std::optional<std::uint64_t> alias;
  std::int64_t at_ms = 0;  ///< Since the Unix epoch.
  MetricType type = MetricType::real;
  MetricValue value;
  bool historical = false;
  std::optional<line::Quality> quality;  ///< Becomes the property "Quality".
};

/// Metrics as they lie in a payload; pieces may be joined.
[[nodiscard]] Bytes metric_bytes(const Metric& metric);
/// A whole payload of such pieces. `sequence` 0 to 255; none in a death.
[[nodiscard]] Bytes payload_bytes(std::int64_t at_ms, std::span<const std::uint8_t> metrics,
                                  std::optional<std::uint8_t> sequence);
/// The metrics of a payload that others sent; of their values only those that MetricValue has.
/// Nothing when it is none.
[[nodiscard]] std::optional<std::vector<Metric>> metrics_of(std::span<const std::uint8_t> payload);

struct SparkplugMetric {
  std::string name;
  MetricType type = MetricType::real;
  std::string unit;  ///< Becomes the property "engUnit" of the birth; empty: none.
};
struct SparkplugDevice {
  std::string name;
  std::vector<SparkplugMetric> metrics;
};
struct SparkplugMessage {
  std::string topic;
  Bytes payload;
};
/// Changes of one device, by their aliases, to be sent now or kept until they can be.
struct SparkplugRecord {
  std::string device;
  std::int64_t at_ms = 0;
  Bytes metrics;
};

/// What a host application says of itself on host_state_topic().
struct SparkplugHost {
  bool online = false;
  std::int64_t at_ms = 0;
};
[[nodiscard]] std::string host_state_topic(const std::string& host);
/// Nothing when `payload` is no such word.
[[nodiscard]] std::optional<SparkplugHost> host_state_of(std::span<const std::uint8_t> payload);

/// One edge node and its devices. The order of calls is the order on the wire.
class SparkplugNode {
 public:
  /// Names without '+', '#' and '/'; metrics may have '/'. The alias of a metric follows from its
  /// names, so that what was kept by an earlier process still means the same.
  SparkplugNode(std::string group, std::string node, std::vector<SparkplugDevice> devices);

  /// The will of the connection that comes next; its birth carries the same number.
  [[nodiscard]] SparkplugMessage will(std::uint8_t birth_number, std::int64_t at_ms);
  /// NBIRTH, then DBIRTH of each device that is there: after connecting, and when asked for.
  [[nodiscard]] std::vector<SparkplugMessage> birth(std::int64_t at_ms);
  /// NDEATH before leaving in peace.
  [[nodiscard]] SparkplugMessage death(std::int64_t at_ms) const;

  /// Takes what a metric shows now; true when it has changed.
  bool change(std::size_t device, std::size_t metric, MetricValue value, line::Quality quality,
              std::int64_t at_ms);
  /// The device answers, or does not. The message, if there is one to send while connected.
  [[nodiscard]] std::optional<SparkplugMessage> link(std::size_t device, bool there,
                                                     std::int64_t at_ms);
  /// Changes since the last call, as records; one a device.
  [[nodiscard]] std::vector<SparkplugRecord> take_changes(std::int64_t at_ms);
  /// A record as DDATA, as it happened.
  [[nodiscard]] SparkplugMessage data(const SparkplugRecord& record);
  /// A record as history, without metrics that there are no more; a device that is not there is
  /// born before and dies after it. Empty when nothing of it is known.
  [[nodiscard]] std::vector<SparkplugMessage> history(const SparkplugRecord& record,
                                                      std::int64_t at_ms);

  [[nodiscard]] const std::vector<SparkplugDevice>& devices() const { return devices_; }
  [[nodiscard]] std::string command_topic() const { return topic("NCMD"); }
  /// Commands to any device of ours.
  [[nodiscard]] std::string device_command_topic() const { return topic("DCMD", "+"); }
  /// Whether a message to command_topic() asks for birth().
  [[nodiscard]] static bool asks_for_birth(std::span<const std::uint8_t> payload);
  /// DBIRTH of a device that is there, if a message on `topic` asks for that.
  [[nodiscard]] std::optional<SparkplugMessage> birth_asked(const std::string& topic,
                                                            std::span<const std::uint8_t> payload,
                                                            std::int64_t at_ms);

 private:
  struct Shown {
    Metric metric;
    bool changed = false;
  };
  [[nodiscard]] std::string topic(const char* kind, const std::string& device = {}) const;
  [[nodiscard]] SparkplugMessage device_birth(std::size_t device, std::int64_t at_ms);
  std::uint8_t next_sequence() { return sequence_++; }

  std::string group_;
  std::string node_;
  std::vector<SparkplugDevice> devices_;
  std::vector<std::vector<Shown>> shown_;
  std::set<std::uint64_t> aliases_;
  std::vector<bool> there_;
  std::uint8_t sequence_ = 0;
  std::uint8_t birth_number_ = 0;
};

}  // namespace foreline::core
