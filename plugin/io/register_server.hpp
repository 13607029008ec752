// SPDX-License-Identifier: Apache-2.0
// A Modbus TCP server for our own registers, on a thread of its own. Clients are strangers: their
// number, their silence and the size of what they send are bounded; what is no Modbus closes their
// connection and nobody else's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugin/core/answering.hpp"
#include "plugin/core/device.hpp"
#include "sim/line/result.hpp"

namespace foreline::io {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;       ///< 0: any free one.
  std::uint32_t clients = 200;  ///< At once; one more is closed as it comes, unless ...
  /// ... one has been quiet for so long: it makes room.
  std::chrono::milliseconds quiet_least{10'000};
  std::optional<core::TlsFiles> tls;  ///< Mutual TLS, as Modbus/TCP Security wants it.
  /// What function 43/14 answers: vendor, product, version, URL, product name, model name.
  std::array<std::string, 6> identity = {
      "Foreline", "foreline", FORELINE_VERSION, "", "Foreline register server", ""};
};

class RegisterServer {
 public:
  /// A client writes `words` at `address`. What is not taken is answered as an illegal data
  /// address; under TLS, as an illegal function. `role` is that of its certificate (OID
  /// 1.3.6.1.4.1.50316.802.1), empty when it has none or without TLS. Called on the server's
  /// thread: be brief.
  using Written = std::function<core::Taken(
      std::uint16_t address, std::span<const std::uint16_t> words, const std::string& role)>;

  /// Errors: the address cannot be had; a certificate cannot be used.
  [[nodiscard]] static line::Result<std::unique_ptr<RegisterServer>> start(
      const ServerOptions& options, Written written);
  ~RegisterServer();  ///< Ends all connections and the thread.
  RegisterServer(const RegisterServer&) = delete;
  RegisterServer& operator=(const RegisterServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::size_t clients() const;  ///< Any thread.
  /// What clients read from now on: holding and input registers from address 0, discrete inputs and
  /// coils from 0. Any thread.
  void publish(std::vector<std::uint16_t> registers, std::vector<bool> inputs);

 private:
  struct State;
  explicit RegisterServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::io
