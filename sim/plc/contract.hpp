// SPDX-License-Identifier: Apache-2.0
// The register contract of the soft PLC: where everything is. Holding registers, unit 1, big-endian
// words (ABCD) for 32-bit values. The plugin does not include this file: it learns the addresses
// from its configuration, which `foreline serve --write-config` derives from here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace foreline::plc::contract {

inline constexpr std::uint16_t signature_value = 0x464C;  // "FL"
inline constexpr std::uint16_t version_value = 1;

// Head, read only.
inline constexpr int signature = 0;
inline constexpr int version = 1;
inline constexpr int heartbeat = 2;        // u16, counts scan cycles, wraps
inline constexpr int clock_ds = 3;         // u32, line time in 0.1 s
inline constexpr int machine_count = 5;    // u16
inline constexpr int order_count = 6;      // u16
inline constexpr int crew_free = 7;        // u16
inline constexpr int finished = 8;         // u16, 1 when the run is over
inline constexpr int good_parts = 9;       // u32, parts that left the line
inline constexpr int writes_enabled = 11;  // u16, 1 when the staging block is listened to
inline constexpr int head_size = 16;

// Per machine, read only: base + machine * stride + offset.
// Lines of so many machines have theirs where clients look first, larger ones where there is room.
inline constexpr std::size_t machines_near = 16;
constexpr int machine_base(std::size_t machines) {
  return machines <= machines_near ? 100 : 10'000;
}
inline constexpr int machine_stride = 48;
inline constexpr int m_state = 0;         // u16 PackML (OMAC numbering)
inline constexpr int m_order = 1;         // u16 position in the order book; 0xFFFF before the first
inline constexpr int m_good = 2;          // u32
inline constexpr int m_scrap = 4;         // u32
inline constexpr int m_operating_s = 6;   // u32 since renewal
inline constexpr int m_remaining_ds = 8;  // u32 of the part in work, 0.1 s
inline constexpr int m_holds_part = 10;   // u16 parts on the machine
inline constexpr int m_down_ds = 11;      // u32 of an open repair, service or changeover, 0.1 s
inline constexpr int m_renewals = 13;     // u16
inline constexpr int m_parts = 14;        // u32 parts started
inline constexpr int m_buffer_after =
    16;  // u16 parts in the buffer behind; 0 where parts leave the line
inline constexpr int m_signals = 20;  // f32 each, in the order of the line file; at most 14
inline constexpr int signals_max = 14;

// Progress, read only: base + (machine * orders_max + order) * 2: good u16, scrap u16.
inline constexpr int orders_max = 32;  // what one write of a schedule holds
inline constexpr int machines_max = 256;
constexpr int progress_base(std::size_t machines) {
  return machines <= machines_near ? 1000 : 30'000;
}

// Schedule blocks; their layout is in sim/line/schedule_block.hpp.
inline constexpr int active_base = 3000;      // read only
inline constexpr int echo_sequence = 3200;    // read only: last commit handled
inline constexpr int reject_code = 3201;      // read only: of that commit; 0 = accepted
inline constexpr int active_sequence = 3202;  // read only: commit sequence of the active block
inline constexpr int staging_base = 4000;     // written by the deployer, one FC16
inline constexpr int commit_sequence =
    4200;  // written last; a new non-zero value asks for a commit

inline constexpr int pace = 4210;  // u16, line seconds per wall second; writable, 1 and up

// Reject codes.
inline constexpr std::uint16_t reject_none = 0;
inline constexpr std::uint16_t reject_checksum = 1;
inline constexpr std::uint16_t reject_sequence = 2;  // orders missing, twice or unknown
inline constexpr std::uint16_t reject_frozen = 3;    // started orders moved
inline constexpr std::uint16_t reject_service = 4;   // unknown machine, order, or past time
inline constexpr std::uint16_t reject_disabled = 5;  // the PLC does not take schedules now
inline constexpr int register_count = progress_base(machines_max) + machines_max * orders_max * 2;

}  // namespace foreline::plc::contract
