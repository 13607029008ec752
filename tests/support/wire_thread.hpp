// SPDX-License-Identifier: Apache-2.0
// A PLC's wire in this process, served by a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "sim/plc/wire.hpp"

namespace foreline::tests {

class WireThread {
 public:
  /// `answer` is called on the thread.
  WireThread(plc::Wire::Answer answer, plc::Wire::Options options)
      : wire_(std::move(answer), std::move(options)), port_(wire_.listen("127.0.0.1", 0)) {
    if (port_ == 0) throw std::runtime_error("no port");
    thread_ = std::thread([this] {
      while (!stopping_) wire_.step(std::chrono::milliseconds(5));
    });
  }
  ~WireThread() { stop(); }
  WireThread(const WireThread&) = delete;
  WireThread& operator=(const WireThread&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Ends the thread; then what the wire has met may be looked at.
  const plc::Wire& stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return wire_;
  }

 private:
  plc::Wire wire_;
  std::uint16_t port_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace foreline::tests
