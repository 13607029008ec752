// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/deployer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <thread>
#include <utility>

namespace foreline::io {

using core::Range;
using core::RegisterTable;
using line::Block;
using line::Done;
using line::Error;
using line::Result;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto echo_period = std::chrono::milliseconds(20);
constexpr std::uint8_t acknowledge = 5;  ///< The exception of a device that is still at work on it.

Result<std::uint16_t> read_one(ModbusClient& plc, std::uint16_t address) {
  auto words = plc.read({RegisterTable::holding, address, 1});
  if (!words) return words.error();
  return words->front();
}

Result<Block> read_block(ModbusClient& plc, std::uint16_t address) {
  auto words =
      plc.read({RegisterTable::holding, address, static_cast<std::uint16_t>(line::block_size)});
  if (!words) return words.error();
  Block block{};
  std::copy(words->begin(), words->end(), block.begin());
  return block;
}

}  // namespace

Result<ScheduleNow> read_schedule(ModbusClient& plc, const core::ScheduleRegisters& registers) {
  ScheduleNow now;
  for (const auto& [address, word] :
       {std::pair(registers.commit, &ScheduleNow::committed),
        std::pair(registers.echo, &ScheduleNow::echoed),
        std::pair(registers.reject, &ScheduleNow::reject),
        std::pair(registers.active_sequence, &ScheduleNow::active_sequence)}) {
    const auto read = read_one(plc, address);
    if (!read) return read.error();
    now.*word = *read;
  }
  for (const auto& [address, block] : {std::pair(registers.staging, &ScheduleNow::staging),
                                       std::pair(registers.active, &ScheduleNow::active)}) {
    const auto read = read_block(plc, address);
    if (!read) return read.error();
    now.*block = *read;
  }
  return now;
}

std::uint16_t number_after(std::uint16_t committed) {
  return committed == std::numeric_limits<std::uint16_t>::max()
             ? std::uint16_t{1}
             : static_cast<std::uint16_t>(committed + 1U);
}

Result<ScheduleNow> deploy(ModbusClient& plc, const core::ScheduleRegisters& registers,
                           const Block& block, std::chrono::milliseconds patience,
                           const DeployStep& step, const DeployBegin& begin) {
  const auto deadline = Clock::now() + patience;
  auto committed = read_one(plc, registers.commit);
  auto echoed = committed ? read_one(plc, registers.echo) : committed;
  if (!echoed) return echoed.error();
  if (*committed != *echoed)
    return Error(fmt::format("another commit (number {}) is not handled yet", *committed),
                 "try again when the PLC has echoed it");
  const auto sequence = number_after(*committed);

  if (begin && !begin(sequence))
    return Error("the journal cannot be written, so nothing is", "see to the store's disk");
  const auto written = plc.write(registers.staging, block);
  if (!written && plc.last() == Outcome::What::exception) return written.error();
  // Without an answer it may have been done all the same: what is there now decides.
  if (!written && !plc.connected()) (void)plc.connect();
  auto staged = read_block(plc, registers.staging);
  if (!staged) return written ? staged.error() : written.error();
  if (!written && *staged != block) return written.error();
  if (*staged != block)
    return Error("the staging block reads back otherwise than it was written",
                 "another master may write there; nothing has been committed");
  step("staged", fmt::format("{} words written to the staging block and read back", block.size()));

  const std::array<std::uint16_t, 1> number = {sequence};
  const auto asked = plc.write(registers.commit, number);
  if (!asked && plc.last() == Outcome::What::exception && plc.last_exception() != acknowledge) {
    const auto held = read_one(plc, registers.commit);
    if (held && *held == *committed)
      return Error(
          fmt::format("the PLC did not take commit number {}: {}", sequence, asked.error().text()),
          "the running schedule is unchanged");
  }
  step("committed",
       asked ? fmt::format("commit number {} written", sequence)
             : fmt::format("commit number {} written, and not confirmed ({}); the echo decides",
                           sequence, asked.error().text()));
  while (true) {
    if (Clock::now() >= deadline)
      return Error(
          fmt::format("commit number {} was not echoed within {} ms", sequence, patience.count()),
          asked ? "read the active block to see which schedule runs" : asked.error().text());
    if (!plc.connected()) {
      if (auto again = plc.connect(); !again) {
        std::this_thread::sleep_for(echo_period);
        continue;
      }
    }
    const auto echo = read_one(plc, registers.echo);
    if (echo && *echo == sequence) break;
    std::this_thread::sleep_for(echo_period);
  }
  const auto reject = read_one(plc, registers.reject);
  if (!reject) return reject.error();
  if (*reject != 0)
    return Error(fmt::format("the PLC refused commit number {} with code {}", sequence, *reject),
                 "the running schedule is unchanged");
  step("echoed", fmt::format("the PLC accepted commit number {}", sequence));

  auto back = read_schedule(plc, registers);
  if (!back) return back.error();
  if (back->active_sequence != sequence || back->active != block)
    return Error(fmt::format("the active block (number {}) is not the one deployed (number {})",
                             back->active_sequence, sequence),
                 "another master may have written; check which schedule runs");
  step("confirmed",
       fmt::format("the active block is number {} and equals the approved schedule", sequence));
  return back;
}

Result<Leftover> leftover(ModbusClient& plc, const core::ScheduleRegisters& registers,
                          const Block& block, std::uint16_t sequence) {
  const auto committed = read_one(plc, registers.commit);
  if (!committed) return committed.error();
  const auto echoed = read_one(plc, registers.echo);
  if (!echoed) return echoed.error();
  if (*committed == sequence && *echoed != sequence) return Leftover::waiting;
  if (*committed == sequence) {
    const auto reject = read_one(plc, registers.reject);
    if (!reject) return reject.error();
    if (*reject != 0) return Leftover::refused;
    const auto active_sequence = read_one(plc, registers.active_sequence);
    if (!active_sequence) return active_sequence.error();
    const auto active = read_block(plc, registers.active);
    if (!active) return active.error();
    return *active_sequence == sequence && *active == block ? Leftover::active : Leftover::replaced;
  }
  // A PLC that was restarted may have forgotten the numbers, and kept the schedule.
  const auto active = read_block(plc, registers.active);
  if (!active) return active.error();
  if (*active == block) return Leftover::active;
  const auto staged = read_block(plc, registers.staging);
  if (!staged) return staged.error();
  return *staged == block ? Leftover::staged : Leftover::gone;
}

Result<Done> clear_staging(ModbusClient& plc, const core::ScheduleRegisters& registers) {
  const Block nothing{};
  if (auto written = plc.write(registers.staging, nothing); !written) return written.error();
  const auto staged = read_block(plc, registers.staging);
  if (!staged) return staged.error();
  if (*staged != nothing) return Error("the staging block cannot be cleared");
  return Done{};
}

}  // namespace foreline::io
