// SPDX-License-Identifier: Apache-2.0
// Counters over HTTP for Prometheus, on the loopback only: one text, to whoever asks for /metrics.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sim/line/result.hpp"

namespace foreline::io {

class MetricsServer {
 public:
  /// `text` is called for each request, on the server's thread. Port 0 takes any free one.
  [[nodiscard]] static line::Result<std::unique_ptr<MetricsServer>> start(
      std::uint16_t port, std::function<std::string()> text);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  explicit MetricsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::io
