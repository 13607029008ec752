// SPDX-License-Identifier: Apache-2.0
// Which registers of a PLC mean what, and what its words say about the line. Pure: words come and
// go as values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plugin/core/register.hpp"
#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::core {

struct MachineRegisters {
  Register state;
  std::vector<Register> signals;  ///< One a Machine::signals entry.
  Register operating;             ///< Seconds since renewal.
  Register renewals;
  // The rest serves planning.
  Register order;        ///< Position in the order book; 65535 before the first.
  Register remaining;    ///< Seconds of the part in work.
  Register holds_part;   ///< Parts on the machine.
  Register down;         ///< Seconds left of an open repair, service or changeover.
  Register parts;        ///< Parts started.
  bool planned = false;  ///< Whether those are described.
  // For people to look at.
  std::optional<Register> good;    ///< Parts made, all orders together.
  std::optional<Register> scrap;   ///< Likewise.
  std::optional<Register> buffer;  ///< Parts in the buffer behind.
};

/// Good and scrap of each order on each machine: u16 pairs at
/// address + machine * machine_stride + order * order_stride.
struct ProgressRegisters {
  std::uint16_t address = 0;
  std::uint16_t machine_stride = 0;
  std::uint16_t order_stride = 2;
};

/// Where schedules go and are confirmed.
struct ScheduleRegisters {
  std::uint16_t active = 0;           ///< Block that runs.
  std::uint16_t active_sequence = 0;  ///< Commit number of that block.
  std::uint16_t staging = 0;          ///< Block to write.
  std::uint16_t commit = 0;           ///< Write a new number here.
  std::uint16_t echo = 0;             ///< Last number handled.
  std::uint16_t reject = 0;           ///< 0: that one was accepted.
};

struct RegisterMap {
  std::optional<Register> clock;  ///< Line time, s; absent: the host's clock since start.
  std::optional<Register> heartbeat;
  std::optional<Register> signature;
  double signature_value = 0;
  std::vector<MachineRegisters> machines;
  std::optional<ProgressRegisters> progress;
  std::optional<ScheduleRegisters> schedule;
};

/// What every poll reads, each value a range of its own.
[[nodiscard]] std::vector<Range> fields(const RegisterMap& map);
/// What planning and people read besides.
[[nodiscard]] std::vector<Range> planning_fields(const RegisterMap& map, std::size_t orders);

/// The frame at `at_s`. A value that has not been read is Bad_NotConnected; one that is not finite
/// is Bad_SensorFailure; one beyond the range of its sensor is Uncertain_OutOfRange.
[[nodiscard]] line::Frame frame_of(const RegisterMap& map, const line::Line& line,
                                   const Image& image, double at_s);

/// Where the line stands. `sequence` says which parts in a buffer came first, where the counts
/// leave that open; empty: as the order book. Errors: a register map without planning registers;
/// counts that contradict each other or the order book (a torn read, or another order book); a line
/// whose counts do not tell what is in its buffers.
[[nodiscard]] line::Result<line::LineNow> line_now_of(
    const RegisterMap& map, const line::Line& line, const std::vector<line::Order>& orders,
    const Image& image, double at_s, const std::vector<line::OrderId>& sequence = {});

/// Where the line stands, for people to look at: each value as far as its register is described,
/// was read and makes sense.
struct Glance {
  struct Machine {
    std::optional<std::uint32_t> order;  ///< Position in the order book.
    std::optional<std::uint32_t> held;   ///< Parts on it.
    double down_s = 0;
    std::optional<double> good;
    std::optional<double> scrap;
    std::vector<line::Progress> progress;  ///< One an order of the book; empty: not known.
    std::optional<std::int64_t> buffer;    ///< Parts in the buffer behind its station.
  };
  double at_s = 0;
  std::vector<Machine> machines;
};
[[nodiscard]] Glance glance_of(const RegisterMap& map, const line::Line& line,
                               const std::vector<line::Order>& orders, const Image& image,
                               double at_s);

}  // namespace foreline::core
