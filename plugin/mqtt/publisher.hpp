// SPDX-License-Identifier: Apache-2.0
// Publishes values as a Sparkplug B edge node, on a thread of its own. What cannot be sent, and
// what was sent and may not have arrived, is kept on disk and sent as history, in order. A record
// leaves the disk only when the broker has answered something that was sent after it, so one may
// arrive twice, and none is lost to a broken connection.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/sparkplug.hpp"
#include "plugin/mqtt/mqtt_link.hpp"
#include "sim/line/result.hpp"

namespace foreline::mqtt {

struct PublisherOptions {
  LinkSettings link;
  std::string group;
  std::string node;
  /// Host application without which nothing is sent: values are kept while it is not online
  /// (Sparkplug 3.0.0, 6.4.7); empty: none.
  std::string primary_host;
  std::filesystem::path folder;  ///< Of the outbox.
  std::size_t most_kept = 100'000;
  std::function<void(bool trouble, const std::string& line)> log;  ///< On the publisher's thread.
  std::function<std::int64_t()> now_ms;  ///< Wall clock since the Unix epoch; any thread.
};

struct PublisherCounters {
  bool connected = false;
  std::uint64_t connects = 0;
  std::uint64_t births = 0;     ///< NBIRTH.
  std::uint64_t published = 0;  ///< Messages.
  std::uint64_t history = 0;    ///< Of these, DDATA of what was kept.
  std::uint64_t kept = 0;       ///< Records on disk now.
  std::uint64_t dropped = 0;    ///< Records given up: the outbox was full, or could not be written.
};

class Publisher {
 public:
  /// Errors: no MQTT library, no outbox. A broker that is not there is tried again.
  [[nodiscard]] static line::Result<std::unique_ptr<Publisher>> start(
      PublisherOptions options, std::vector<core::SparkplugDevice> devices);
  ~Publisher();  ///< Says goodbye (NDEATH), keeps what was not received, ends the thread.
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Any thread; quick.
  void change(std::size_t device, std::size_t metric, core::MetricValue value,
              line::Quality quality, std::int64_t at_ms);
  /// The device answers and is believed, or not.
  void link(std::size_t device, bool there);
  [[nodiscard]] PublisherCounters counters() const;

 private:
  struct State;
  explicit Publisher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::mqtt
