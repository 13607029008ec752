// SPDX-License-Identifier: Apache-2.0
// What a Modbus server says to a request: our registers are read by anybody, written where the
// owner of a register agrees. Pure. Source: Modbus Application Protocol 1.1b3.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "plugin/core/protocol.hpp"

namespace foreline::core {

/// What the owner of a register says to a write.
enum class Taken : std::uint8_t {
  yes,
  no,
  later,  ///< As exception 6 (busy) says: not done, and may be tried again.
};

/// What there is to answer from.
struct Answering {
  std::span<const std::uint16_t> registers;   ///< Holding and input registers from address 0.
  const std::vector<bool>* inputs = nullptr;  ///< Discrete inputs and coils from address 0.
  /// What function 43/14 says: vendor, product, version, URL, product name, model name.
  const std::array<std::string, 6>* identity = nullptr;
  /// Takes what a client writes.
  std::function<Taken(std::uint16_t address, std::span<const std::uint16_t> words)> written;
  /// The exception after a refused write: 2 (illegal address), under TLS 1 (illegal function).
  std::uint8_t refusal = 2;
};

/// The PDU that answers `pdu`; 2 to 253 bytes, whatever comes. An empty PDU is answered as an
/// unknown function.
[[nodiscard]] Bytes answer_to(std::span<const std::uint8_t> pdu, const Answering& from);

}  // namespace foreline::core
