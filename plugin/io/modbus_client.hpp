// SPDX-License-Identifier: Apache-2.0
// A Modbus TCP client that cannot hang: every call ends within its deadline, counted over the whole
// transaction, whatever the peer sends or does not send. One connection, one request at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plugin/core/register_map.hpp"
#include "sim/line/result.hpp"

namespace foreline::io {

struct ClientCounters {
  std::uint64_t requests = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t exceptions = 0;
  std::uint64_t malformed = 0;  ///< Answers that were no answer; each ends the connection.
  std::uint64_t late = 0;       ///< Answers to earlier requests, thrown away.
};

class ModbusClient {
 public:
  ModbusClient(std::string host, std::uint16_t port, std::uint8_t unit,
               std::chrono::milliseconds timeout);
  ~ModbusClient();
  ModbusClient(const ModbusClient&) = delete;
  ModbusClient& operator=(const ModbusClient&) = delete;

  /// Errors: the name is unknown, nobody listens, the deadline has passed.
  [[nodiscard]] line::Result<line::Done> connect();
  [[nodiscard]] bool connected() const;
  void close();

  /// FC3 or FC4; 1 to 125 registers. After an exception answer the connection stays; after any
  /// other error it is closed.
  [[nodiscard]] line::Result<std::vector<std::uint16_t>> read(const core::Range& range);
  /// FC16; 1 to 123 registers. Never repeated: after an error it is not known whether it was done.
  [[nodiscard]] line::Result<line::Done> write(std::uint16_t address,
                                               std::span<const std::uint16_t> words);

  [[nodiscard]] const ClientCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The name of a Modbus exception code: "illegal data address".
[[nodiscard]] std::string exception_name(std::uint8_t code);

/// Pauses between attempts to connect: doubling from 0.1 s to a highest, each shortened at random
/// by up to a third so that many clients do not return together.
class Backoff {
 public:
  explicit Backoff(std::chrono::milliseconds highest, std::uint64_t seed = 1)
      : highest_(highest), seed_(seed) {}
  [[nodiscard]] std::chrono::milliseconds next();
  void reset() { attempts_ = 0; }

 private:
  std::chrono::milliseconds highest_;
  std::uint64_t seed_;
  std::uint64_t draws_ = 0;
  unsigned attempts_ = 0;
};

}  // namespace foreline::io
