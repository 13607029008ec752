// SPDX-License-Identifier: Apache-2.0
// What a deployment writes into the request area of a PLC, register by register, with what limits
// each: for people to look at before they approve it. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plugin/core/register_map.hpp"
#include "sim/line/line.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/schedule_block.hpp"

namespace foreline::core {

/// One holding register, and the word that is written to it.
struct StagedRegister {
  enum class What : std::uint8_t {
    length,     ///< Orders in the sequence.
    place,      ///< Position in the order book of the order at place `number`.
    services,   ///< How many.
    machine,    ///< Of service `number`.
    when,       ///< Of it: 0 at a time, 1 before an order.
    time_high,  ///< Of it: line time in s, upper word.
    time_low,   ///< Lower word.
    order,      ///< Of it: position in the order book.
    unused,     ///< A place or service that the schedule does not need: 0.
    checksum,   ///< Of the words before, CRC-16/MODBUS.
    commit,     ///< Number of this commit; written last.
  };
  /// Who sets the limits.
  enum class By : std::uint8_t {
    orders,   ///< The order book, each order of it once.
    started,  ///< Orders that have started, or start too soon, stay.
    line,     ///< Its machines.
    layout,   ///< What the block can say.
    rule,     ///< There is one right word.
  };
  std::uint16_t address = 0;  ///< Holding, from 0.
  What what = What::unused;
  std::uint16_t number = 0;  ///< Place or service, from 1.
  std::uint16_t word = 0;
  std::uint16_t low = 0;
  std::uint16_t high = 0;
  By by = By::rule;
};
[[nodiscard]] std::string_view name_of(StagedRegister::What what);
[[nodiscard]] std::string_view name_of(StagedRegister::By by);

/// The staging block of `schedule` in the order of addresses, then the commit register with
/// `commit`. `frozen`: leading orders of `active` that may not move.
[[nodiscard]] std::vector<StagedRegister> staged_registers(
    const ScheduleRegisters& registers, const line::Schedule& schedule, const line::Line& line,
    const std::vector<line::Order>& orders, const line::Schedule& active, std::size_t frozen,
    std::uint16_t commit);

}  // namespace foreline::core
