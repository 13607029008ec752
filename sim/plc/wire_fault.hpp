// SPDX-License-Identifier: Apache-2.0
// What goes wrong between a PLC and its masters, as a script says it. Values only.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace foreline::plc {

struct WireFault {
  enum class Kind : std::uint8_t {
    delay,      ///< The answer comes `delay_s` later; later answers may overtake it.
    drop,       ///< No answer.
    split,      ///< The answer in pieces of `bytes` bytes, `delay_s` apart.
    corrupt,    ///< One bit of the answer's lengths, unit, function or byte count is wrong. Words
                ///< are left alone: TCP carries checksums, and no client could tell.
    exception,  ///< The exception `code` instead of an answer; nothing is written.
    reset,      ///< The connection is reset instead of an answer, after the request was done.
    freeze,     ///< The PLC's program stands still; its communication goes on.
    repeat,     ///< The answer twice.
    misnumber,  ///< The answer under a transaction number that nobody used.
  };
  static constexpr std::array<std::string_view, 9> names = {
      "delay", "drop", "split", "corrupt", "exception", "reset", "freeze", "repeat", "misnumber"};

  Kind kind = Kind::delay;
  double from_s = 0;  ///< Seconds since the PLC began to listen ...
  double until_s = std::numeric_limits<double>::infinity();
  double share = 1;           ///< Of the requests that it could meet.
  std::uint64_t times = 0;    ///< At most so many; 0: any number.
  std::uint8_t function = 0;  ///< Only requests of this function; 0: all.
  double delay_s = 0.3;
  std::uint8_t code = 4;
  std::size_t bytes = 1;
  friend bool operator==(const WireFault&, const WireFault&) = default;
};

/// As one argument of a command line; wire_fault_of() reads it back.
[[nodiscard]] inline std::string argument_of(const WireFault& fault) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", static_cast<int>(fault.kind), fault.from_s,
                     fault.until_s, fault.share, fault.times, fault.function, fault.delay_s,
                     fault.code, fault.bytes);
}
[[nodiscard]] inline std::optional<WireFault> wire_fault_of(const std::string& argument) {
  WireFault fault;
  unsigned kind = 0;
  unsigned function = 0;
  unsigned code = 0;
  unsigned long long times = 0;
  unsigned long bytes = 0;
  if (std::sscanf(argument.c_str(), "%u %lf %lf %lf %llu %u %lf %u %lu", &kind, &fault.from_s,
                  &fault.until_s, &fault.share, &times, &function, &fault.delay_s, &code,
                  &bytes) != 9 ||
      kind >= WireFault::names.size() || bytes == 0)
    return std::nullopt;
  fault.kind = static_cast<WireFault::Kind>(kind);
  fault.times = times;
  fault.function = static_cast<std::uint8_t>(function);
  fault.code = static_cast<std::uint8_t>(code);
  fault.bytes = bytes;
  return fault;
}

}  // namespace foreline::plc
