// SPDX-License-Identifier: Apache-2.0
// A device to wait for: every call ends within its deadline, counted over the whole transaction,
// whatever the peer sends or does not send. For steps that must follow one another, such as a
// deployment, and for programs that talk to one device.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plugin/core/device.hpp"
#include "plugin/core/protocol.hpp"
#include "plugin/core/register_map.hpp"
#include "plugin/io/device.hpp"
#include "sim/line/result.hpp"

namespace foreline::io {

class ModbusClient {
 public:
  /// Over TCP, on a connection of its own.
  ModbusClient(std::string host, std::uint16_t port, std::uint8_t unit,
               std::chrono::milliseconds timeout);
  explicit ModbusClient(core::Device settings);
  /// Shares the connection of a device that lives on a running loop. Not from the loop's thread.
  explicit ModbusClient(std::shared_ptr<Device> device);
  ~ModbusClient();
  ModbusClient(const ModbusClient&) = delete;
  ModbusClient& operator=(const ModbusClient&) = delete;

  /// Errors: the name is unknown, nobody listens, the deadline has passed.
  [[nodiscard]] line::Result<line::Done> connect();
  [[nodiscard]] bool connected() const;
  void close();

  /// Any request. Exception answers come back as such, everything else that is no answer as error.
  [[nodiscard]] line::Result<core::Reply> ask(const core::Query& query);
  /// Functions 1 to 4; 1 to 125 registers, or 1 to 2000 bits as 0 and 1. After an exception answer
  /// the connection stays; after any other error it may be closed.
  [[nodiscard]] line::Result<std::vector<std::uint16_t>> read(const core::Range& range);
  /// FC16; 1 to 123 registers; FC6, one by one, for devices that know no other. Never repeated:
  /// after an error it is not known whether it was done.
  [[nodiscard]] line::Result<line::Done> write(std::uint16_t address,
                                               std::span<const std::uint16_t> words);
  /// FC5; one coil.
  [[nodiscard]] line::Result<line::Done> write_bit(std::uint16_t address, bool on);
  /// How the last request ended.
  [[nodiscard]] Outcome::What last() const { return last_; }
  /// Of the last request, if it ended in an exception; otherwise 0.
  [[nodiscard]] std::uint8_t last_exception() const { return last_exception_; }

  [[nodiscard]] DeviceCounters counters() const;

 private:
  [[nodiscard]] line::Result<line::Done> ask_all(const std::vector<core::Query>& queries);
  [[nodiscard]] Outcome wait_for(const core::Query& query);
  std::unique_ptr<Loop> loop_;  ///< Absent when the device lives on another.
  std::shared_ptr<Device> device_;
  Outcome::What last_ = Outcome::What::answer;
  std::uint8_t last_exception_ = 0;
};

using core::exception_name;

}  // namespace foreline::io
