// SPDX-License-Identifier: Apache-2.0
// A schedule as the words of a block (layout: contract.hpp), and back.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "sim/line/schedule.hpp"
#include "sim/plc/contract.hpp"

namespace foreline::plc {

using Block = std::array<std::uint16_t, contract::block_size>;

/// CRC-16/MODBUS over words 0..113 as big-endian bytes.
[[nodiscard]] std::uint16_t checksum(std::span<const std::uint16_t> words);
[[nodiscard]] Block to_block(const line::Schedule& schedule);
/// The schedule, or the reject code that says why the words are none. Whether it can run on a line
/// is for complaints_about() to say.
[[nodiscard]] std::uint16_t from_block(std::span<const std::uint16_t> words,
                                       line::Schedule& schedule);

}  // namespace foreline::plc
