// SPDX-License-Identifier: Apache-2.0
// A schedule to the PLC: staged, read back, committed by number, echoed, and compared with what the
// PLC says is active. Nothing is written twice blindly; after a lost answer the echo decides.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "plugin/core/register_map.hpp"
#include "plugin/io/modbus_client.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule_block.hpp"

namespace foreline::io {

/// Steps as they are done: "staged", "committed", "echoed", "confirmed".
using DeployStep = std::function<void(const std::string& what, const std::string& text)>;
/// Told the number before anything is written; false: nothing may be.
using DeployBegin = std::function<bool(std::uint16_t sequence)>;

/// All that a PLC says about schedules.
struct ScheduleNow {
  std::uint16_t committed = 0;        ///< Last number written.
  std::uint16_t echoed = 0;           ///< Last number handled.
  std::uint16_t reject = 0;           ///< Of that one; 0: accepted.
  std::uint16_t active_sequence = 0;  ///< Number of the active block.
  line::Block staging{};
  line::Block active{};
};
/// Errors: a read that failed.
[[nodiscard]] line::Result<ScheduleNow> read_schedule(ModbusClient& plc,
                                                      const core::ScheduleRegisters& registers);
/// The number of the next commit.
[[nodiscard]] std::uint16_t number_after(std::uint16_t committed);

/// Deploys within `patience` and returns what is read back then: the active block equals `block`.
/// Errors: the PLC refused (the text holds its code), or the end is not known within the time.
[[nodiscard]] line::Result<ScheduleNow> deploy(
    ModbusClient& plc, const core::ScheduleRegisters& registers, const line::Block& block,
    std::chrono::milliseconds patience, const DeployStep& step, const DeployBegin& begin = {});

/// Where a deployment stands that was begun once and whose end nobody has seen.
enum class Leftover {
  active,    ///< In force: the active block equals it.
  refused,   ///< Its number was committed, and the PLC refused it.
  replaced,  ///< Its number was committed and accepted; the active block is another one since.
  waiting,   ///< Its number was committed, and the PLC has not handled it yet.
  staged,    ///< Staged, and not committed: whoever commits now would commit it.
  gone,      ///< Neither.
};
[[nodiscard]] line::Result<Leftover> leftover(ModbusClient& plc,
                                              const core::ScheduleRegisters& registers,
                                              const line::Block& block, std::uint16_t sequence);
/// Zeroes the staging block and reads it back.
[[nodiscard]] line::Result<line::Done> clear_staging(ModbusClient& plc,
                                                     const core::ScheduleRegisters& registers);

}  // namespace foreline::io
