// SPDX-License-Identifier: Apache-2.0
// The event loop that devices and pollers live on: one thread of its own, or the caller's.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "plugin/core/device.hpp"

namespace boost::asio {
class io_context;
}

namespace foreline::io {

class SerialBus;

class Loop {
 public:
  Loop();
  ~Loop();  ///< Stops; handlers that are still waiting are dropped uncalled.
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Begins a thread that runs the loop until stop().
  void start();
  /// Ends the thread; returns once no handler runs any more. Not from the loop's own thread.
  void stop();
  [[nodiscard]] bool threaded() const;
  /// Runs on the caller's thread until `finished`, at most until `deadline`. Only without start().
  bool run(std::chrono::steady_clock::time_point deadline, const bool& finished);
  /// Runs `task` on the loop.
  void post(std::function<void()> task);

  [[nodiscard]] boost::asio::io_context& context();
  /// The bus of a serial line; one a path.
  [[nodiscard]] std::shared_ptr<SerialBus> bus(const core::SerialLine& line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::io
