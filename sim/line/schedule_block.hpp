// SPDX-License-Identifier: Apache-2.0
// A schedule as the words that travel to a PLC, and back. Both ends share this layout; addresses
// are the PLC's own affair. All words u16 unless said:
//   0 sequence length n, 1..32 order positions,
//   33 service count k (0..16), then k entries of 5 at 34: machine, when (0 at time, 1 before
//   order), at_s u32, order. 114 checksum: CRC-16/MODBUS over words 0..113 as big-endian bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sim/line/schedule.hpp"

namespace foreline::line {

inline constexpr std::size_t block_orders_max = 32;
inline constexpr std::size_t block_services_max = 16;
inline constexpr std::size_t block_size = 115;
using Block = std::array<std::uint16_t, block_size>;

enum class BlockFault { none, checksum, sequence, service };

/// CRC-16/MODBUS over the words as big-endian bytes.
[[nodiscard]] std::uint16_t checksum(std::span<const std::uint16_t> words);
/// Orders and services beyond the room of a block are cut off; fits_block() tells.
[[nodiscard]] Block to_block(const Schedule& schedule);
[[nodiscard]] bool fits_block(const Schedule& schedule);
/// What is wrong with the words, or the schedule in `schedule`. Whether it can run on a line is for
/// complaints_about() to say.
[[nodiscard]] BlockFault from_block(std::span<const std::uint16_t> words, Schedule& schedule);

}  // namespace foreline::line
