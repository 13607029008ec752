// SPDX-License-Identifier: Apache-2.0
// One Modbus device on a loop: a queue of requests, a window of those in flight, a total deadline
// for each, and a connection that is made when it is needed and given up when it cannot be trusted.
// A device never waits for another device.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "plugin/core/device.hpp"
#include "plugin/core/protocol.hpp"
#include "plugin/io/loop.hpp"

namespace foreline::io {

/// How a request ended.
struct Outcome {
  enum class What : std::uint8_t {
    answer,         ///< `reply` holds it.
    exception,      ///< The device said no: reply.exception.
    timeout,        ///< Sent, and nothing came in time. A write may have been done.
    malformed,      ///< Sent, and what came was no answer. A write may have been done.
    lost,           ///< Sent, and the connection ended. A write may have been done.
    not_connected,  ///< Never sent.
    refused,        ///< Never sent: the unit is left alone for a while, or the queue is full.
    invalid,        ///< Never sent: counts or addresses outside what Modbus allows.
  };
  What what = What::not_connected;
  core::Reply reply;
  std::string text;  ///< Who, and what was wrong; empty for an answer.
  std::chrono::nanoseconds took{};
  /// Of one never sent: how the last request to the unit, or the last connection, ended. With the
  /// `reply` of that.
  What because = What::not_connected;
};

/// Since the device was made. Times in the histogram are those of answered requests.
struct DeviceCounters {
  static constexpr std::array<double, 12> bounds_s = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                                                      0.05,   0.1,   0.2,   0.5,   1,    2};
  std::uint64_t requests = 0;
  std::uint64_t answers = 0;
  std::uint64_t exceptions = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t malformed = 0;   ///< Answers that were no answer; each ends the connection.
  std::uint64_t late = 0;        ///< Answers to requests given up before; thrown away.
  std::uint64_t duplicates = 0;  ///< Second answers; thrown away.
  std::uint64_t strangers = 0;   ///< Answers to requests never made; thrown away.
  std::uint64_t connects = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t busy_retries = 0;
  std::uint64_t refused = 0;
  std::map<std::uint8_t, std::uint64_t> exceptions_by_code;
  std::array<std::uint64_t, bounds_s.size() + 1> round_trips{};
  double round_trips_s = 0;
  bool connected = false;
  std::size_t queued = 0;
};

class Device {
 public:
  using Handler = std::function<void(Outcome)>;

  /// `seed` spreads the pauses between attempts to connect. The loop must outlive the device.
  Device(Loop& loop, core::Device settings, std::uint64_t seed = 1);
  ~Device();  ///< Closes. Requests still waiting end as `lost` or `not_connected`.
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Connects now, whatever pause is under way; `handler` gets what, with an empty text when it is
  /// connected. On the loop's thread, or before it runs.
  void open(std::function<void(std::string trouble)> handler);
  /// Queues a request for the device's own unit or another behind the same address; `handler` is
  /// called once, on the loop's thread. Writes go before reads. Connects when need be. Any thread.
  void submit(core::Query query, Handler handler, std::optional<std::uint8_t> unit = std::nullopt);
  /// Nothing more is wanted for now: a device that is to be left after each poll is.
  void rest();
  /// Ends the connection; any thread.
  void close();
  /// For good: what waits, and what is asked from now on, ends as not connected. Any thread.
  void retire();

  [[nodiscard]] const core::Device& settings() const;
  [[nodiscard]] bool connected() const;           ///< Any thread.
  [[nodiscard]] DeviceCounters counters() const;  ///< Any thread.
  [[nodiscard]] Loop& loop() const;

 private:
  struct State;
  Loop* loop_;
  std::shared_ptr<State> state_;
};

/// Pauses between attempts to connect: doubling from a lowest to a highest, each shortened at
/// random by up to a third so that many clients do not return together.
class Backoff {
 public:
  explicit Backoff(std::chrono::milliseconds highest, std::uint64_t seed = 1,
                   std::chrono::milliseconds lowest = std::chrono::milliseconds(100))
      : highest_(highest), lowest_(lowest), seed_(seed) {}
  [[nodiscard]] std::chrono::milliseconds next();
  void reset() { attempts_ = 0; }

 private:
  std::chrono::milliseconds highest_;
  std::chrono::milliseconds lowest_;
  std::uint64_t seed_;
  std::uint64_t draws_ = 0;
  unsigned attempts_ = 0;
};

}  // namespace foreline::io
