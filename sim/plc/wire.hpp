// SPDX-License-Identifier: Apache-2.0
// A Modbus TCP server whose wire misbehaves by a script: cuts what arrives into requests, asks for
// the answer, and sends it late, in pieces, damaged, twice or not at all. One thread, which calls
// step(). The same script and seed meet the same requests alike.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/plc/wire_fault.hpp"

namespace foreline::plc {

class Wire {
 public:
  using Bytes = std::vector<std::uint8_t>;
  using Clock = std::chrono::steady_clock;
  /// The PDU that answers a PDU of at least one byte; nothing: silence.
  using Answer =
      std::function<std::optional<Bytes>(std::uint8_t unit, std::span<const std::uint8_t> pdu)>;
  struct Options {
    std::vector<WireFault> faults;
    std::uint64_t seed = 1;
    std::size_t clients = 32;     ///< At once; the next ones wait.
    bool whole_requests = false;  ///< A request that arrives in parts ends its connection.
  };

  Wire(Answer answer, Options options);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// Listens on an IPv4 address, port 0: any free one. The port, or 0 with errno set.
  [[nodiscard]] std::uint16_t listen(const std::string& host, std::uint16_t port);
  /// Serves for at most `patience`, less when something has happened. `silent`: the network is
  /// down, all connections end.
  void step(std::chrono::nanoseconds patience, bool silent = false);
  /// Whether the script lets the program stand still now.
  [[nodiscard]] bool frozen() const;
  /// How often each kind of fault has met a request.
  [[nodiscard]] std::uint64_t met(WireFault::Kind kind) const {
    return met_.at(static_cast<std::size_t>(kind));
  }

 private:
  struct Sending {
    Clock::time_point at;
    Bytes bytes;
    std::size_t piece = 0;  ///< 0: all at once.
    Clock::duration apart{};
    bool begun = false;
  };
  struct Peer {
    int fd = -1;
    Bytes received;
    std::list<Sending> sending;
    bool reset = false;
  };
  [[nodiscard]] bool holds(std::size_t fault, std::uint8_t function);
  [[nodiscard]] bool receive(Peer& peer);
  void reply(Peer& peer, std::span<const std::uint8_t> request);
  [[nodiscard]] bool send_due(Peer& peer, Clock::time_point now);
  static void close(const Peer& peer);

  Answer answer_;
  Options options_;
  Clock::time_point begun_{};
  int listener_ = -1;
  std::list<Peer> peers_;
  std::uint64_t requests_ = 0;
  std::vector<std::uint64_t> times_;  ///< One a fault of the script.
  std::array<std::uint64_t, WireFault::names.size()> met_{};
};

}  // namespace foreline::plc
