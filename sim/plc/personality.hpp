// SPDX-License-Identifier: Apache-2.0
// Kinds of devices to rehearse against: what real servers do where the specification leaves room,
// or where they do not keep to it. Measured on OpenPLC v3, libmodbus 3.1.6, pymodbus 3.0.0 and
// modbus-serial 8.0.25.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace foreline::plc {

struct Personality {
  enum class Manner : std::uint8_t { refuses, is_silent, answers };
  std::string_view name;
  bool bits = false;      ///< Knows functions 1, 2, 5 and 15; the contract has no bits, so it says
                          ///< "illegal data address", not "illegal function".
  bool combined = false;  ///< Functions 22 and 23.
  bool identifies = false;                        ///< Function 43/14.
  Manner reports_id = Manner::refuses;            ///< Function 17.
  Manner status = Manner::refuses;                ///< Function 7.
  bool echoes = false;                            ///< Function 8.
  bool reads_too_many = false;                    ///< 126 and 127 registers, an illegal PDU.
  std::optional<std::uint8_t> reads_nothing = 3;  ///< Exception to 0 registers; none: an answer
                                                  ///< with the byte count 0.
  Manner foreign_unit = Manner::answers;          ///< To a unit that is not 1, 0 or 255.
  bool whole_requests = false;                    ///< Closes on a request in parts.
};

/// "foreline" is our own contract and no more.
inline constexpr std::array<std::string_view, 5> personality_names = {
    "foreline", "openplc", "libmodbus", "pymodbus", "modbus-serial"};
/// Null: no such.
[[nodiscard]] const Personality* personality_named(std::string_view name);

}  // namespace foreline::plc
