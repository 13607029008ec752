// SPDX-License-Identifier: Apache-2.0
// A serial line (RS-485) with its own thread: one request at a time, whoever asks. libmodbus sets
// the line up and sends; what comes is read by the same codec as everywhere, and an answer to
// another request is waited out.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "plugin/core/device.hpp"
#include "plugin/core/protocol.hpp"

namespace foreline::io {

/// Of a request that was not answered, though `others` bytes came.
[[nodiscard]] std::string silence_text(std::chrono::milliseconds timeout, std::size_t others);

class SerialBus {
 public:
  enum class End : std::uint8_t {
    answered,
    silent,   ///< Sent, and nothing came in time.
    garbled,  ///< Sent, and what came was no answer.
    unsent,   ///< The line cannot be used.
  };
  /// `trouble` says why there is no reply.
  using Answered = std::function<void(End end, core::Reply reply, std::string trouble)>;

  /// The line is opened with the first request, and again after it broke.
  explicit SerialBus(core::SerialLine line);
  ~SerialBus();  ///< Gives up the request in work.
  SerialBus(const SerialBus&) = delete;
  SerialBus& operator=(const SerialBus&) = delete;

  /// Any thread. `answered` is called on the bus's thread.
  void ask(std::uint8_t unit, core::Query query, std::chrono::milliseconds timeout, bool any_unit,
           Answered answered);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::io
