// SPDX-License-Identifier: Apache-2.0
// A Modbus device as its owner describes it: where it is, how it wants to be spoken to, and how
// much patience it gets. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/register.hpp"

namespace foreline::core {

enum class Transport : std::uint8_t { tcp, tls, udp, rtu_over_tcp, rtu };

struct SerialLine {
  std::string path;  ///< "/dev/ttyUSB0"
  int baud = 19'200;
  char parity = 'E';  ///< 'N', 'E' or 'O'.
  int data_bits = 8;
  int stop_bits = 1;
  friend bool operator==(const SerialLine&, const SerialLine&) = default;
};

/// PEM files of mutual TLS. All four are needed.
struct TlsFiles {
  std::string authorities;  ///< Whom to believe.
  std::string certificate;
  std::string key;
  std::string peer_name;  ///< Name the peer's certificate must carry; empty: the host.
  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

/// "HOST:PORT", an IPv6 address in brackets.
[[nodiscard]] inline std::string where_of(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

struct Device {
  std::string name = "plc";
  Transport transport = Transport::tcp;
  std::string host = "127.0.0.1";
  std::uint16_t port = 502;
  std::string backup_host;  ///< Tried when `host` does not answer; empty: none.
  std::uint16_t backup_port = 0;
  std::uint8_t unit = 1;
  SerialLine serial;
  TlsFiles tls;

  double timeout_s = 1;          ///< Whole time of one transaction, and of connecting.
  double reconnect_min_s = 0.1;  ///< First pause between attempts to connect; doubles ...
  double reconnect_max_s = 10;   ///< ... up to this.
  std::uint32_t in_flight = 1;   ///< Requests sent before the first is answered; 1 to 16.
  /// Timeouts in a row, with no answer between, that end the connection.
  std::uint32_t silences = 2;
  /// Failed transactions of one unit in a row after which it is left alone ...
  std::uint32_t breaker_failures = 5;
  double breaker_pause_s = 2;      ///< ... for so long; then one request tries again.
  std::uint32_t busy_retries = 3;  ///< After exception 6 (busy).
  double busy_wait_s = 0.1;        ///< Before the first retry; doubles.

  std::uint16_t longest_read = 120;  ///< Registers a request.
  std::uint16_t longest_bits = 1920;
  std::uint16_t gap = 16;  ///< Registers read in vain to save a request.

  std::vector<Range> holes;  ///< Never read to save a request.

  std::optional<Register> heartbeat;  ///< Must keep moving ...
  double heartbeat_stale_s = 5;       ///< ... or the device is stale after this.
  std::optional<Register> signature;  ///< Must hold `signature_value`, or nothing is believed.
  double signature_value = 0;

  // Quirks.
  bool close_after_poll = false;
  bool one_field = false;      ///< One request a field: nothing is merged.
  bool only_single = false;    ///< Knows functions 5 and 6, not 15 and 16.
  bool any_unit = false;       ///< Answers with another unit number than it was asked under.
  double connect_pause_s = 0;  ///< Between connecting and the first request.
  double request_pause_s = 0;  ///< Between an answer and the next request.

  /// As people name it: "HOST:PORT", or the path of its line.
  [[nodiscard]] std::string where() const {
    return transport == Transport::rtu ? serial.path : where_of(host, port);
  }
  friend bool operator==(const Device&, const Device&) = default;
};

}  // namespace foreline::core
