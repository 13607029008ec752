// SPDX-License-Identifier: Apache-2.0
// A Modbus TCP server for our own registers, on a thread of its own. Clients are strangers: their
// number, their silence and the size of what they send are bounded; what is no Modbus closes their
// connection and nobody else's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::io {

class RegisterServer {
 public:
  /// A client writes `words` at `address`; false: refused (illegal data address). Called on the
  /// server's thread: be brief.
  using Written = std::function<bool(std::uint16_t address, std::span<const std::uint16_t> words)>;

  /// Port 0 takes any free one. Errors: the address cannot be had.
  [[nodiscard]] static line::Result<std::unique_ptr<RegisterServer>> start(const std::string& host,
                                                                           std::uint16_t port,
                                                                           Written written);
  ~RegisterServer();  ///< Ends all connections and the thread.
  RegisterServer(const RegisterServer&) = delete;
  RegisterServer& operator=(const RegisterServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// What clients read from now on: holding and input registers from address 0, discrete inputs and
  /// coils from 0. Any thread.
  void publish(std::vector<std::uint16_t> registers, std::vector<bool> inputs);

 private:
  struct State;
  explicit RegisterServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::io
