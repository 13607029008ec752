// SPDX-License-Identifier: Apache-2.0
// A serial line (RS-485) with its own thread: one request at a time, whoever asks. libmodbus frames
// and times the bytes; what they mean is checked by the same codec as everywhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "plugin/core/device.hpp"
#include "plugin/core/protocol.hpp"

namespace foreline::io {

class SerialBus {
 public:
  /// `trouble` is empty when a PDU came back; `timed_out` tells silence from a broken line.
  using Answered = std::function<void(core::Bytes pdu, std::string trouble, bool timed_out)>;

  /// The line is opened with the first request, and again after it broke.
  explicit SerialBus(core::SerialLine line);
  ~SerialBus();  ///< Waits for the request in work, at most its timeout.
  SerialBus(const SerialBus&) = delete;
  SerialBus& operator=(const SerialBus&) = delete;

  /// Any thread. `answered` is called on the bus's thread.
  void ask(std::uint8_t unit, core::Bytes pdu, std::chrono::milliseconds timeout,
           Answered answered);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::io
