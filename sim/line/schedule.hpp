// SPDX-License-Identifier: Apache-2.0
// Orders, schedules, and where a line stands. A schedule is a sequence of orders plus services. It
// is always about the order book it was made for: sequence entries are positions in that book.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sim/line/ids.hpp"
#include "sim/line/line.hpp"

namespace foreline::line {

struct Order {
  std::string id;
  ProductId product;
  std::uint32_t quantity = 0;  ///< Parts released to the first machine.
  double release_s = 0;        ///< Earliest start.
  double due_s = std::numeric_limits<double>::infinity();
  double weight = 1;  ///< Cost of lateness relative to other orders.
  /// Orders of the book whose last part must have left the line before this one's first enters it.
  std::vector<OrderId> after = {};
  friend bool operator==(const Order&, const Order&) = default;
};

/// A planned service of one machine. It needs a crew and starts between two parts.
struct Service {
  enum class When : std::uint8_t {
    at_time = 0,       ///< As soon as the machine is between parts at or after `at_s`.
    before_order = 1,  ///< When the machine turns to `order` (so it hides in the changeover).
  };
  MachineId machine;
  When when = When::at_time;
  double at_s = 0;
  OrderId order;
  friend bool operator==(const Service&, const Service&) = default;
};

struct Schedule {
  std::vector<OrderId> sequence;
  std::vector<Service> services;
  friend bool operator==(const Schedule&, const Schedule&) = default;
};

/// The sequence with each order behind those that it comes after, otherwise as it was; itself when
/// it keeps to that.
[[nodiscard]] std::vector<OrderId> with_precedence(std::vector<OrderId> sequence,
                                                   const std::vector<Order>& orders);
/// Orders that wait for one another, in the order in which they do, the first again at the end;
/// empty when none do.
[[nodiscard]] std::vector<OrderId> circle_in(const std::vector<Order>& orders);

/// All mistakes of a schedule against its line and order book; empty when it can run. `frozen` is
/// the number of leading entries of `active` that may not change (already started).
[[nodiscard]] std::vector<std::string> complaints_about(const Schedule& schedule, const Line& line,
                                                        const std::vector<Order>& orders,
                                                        const Schedule& active, std::size_t frozen);

/// Parts of one order that left one machine.
struct Progress {
  std::uint32_t good = 0;
  std::uint32_t scrap = 0;
  friend bool operator==(const Progress&, const Progress&) = default;
};

/// How far one fault mode of a machine has come.
struct ModeNow {
  double age_s = 0;            ///< On its clock, since its renewal.
  double damage = 0;           ///< 0 healthy .. 1 failed; above 0 the onset is past.
  double left_s = -1;          ///< On its clock, to the onset, or to the stop when it is past; -1:
                               ///< nobody knows, it is drawn.
  std::uint32_t renewals = 0;  ///< Of this mode: the index of random draws.
  /// How fast its clock runs in the stretch of work under way; nothing: as load and heat say.
  std::optional<double> rate = {};
  friend bool operator==(const ModeNow&, const ModeNow&) = default;
};

/// One part in the line: its order, and what else is known of it.
struct PartNow {
  OrderId order;
  std::uint32_t reworks = 0;  ///< Times that it was sent back.
  bool defective = false;
  std::optional<double> entered_s = {};  ///< Line time at which it came into the line.
  /// Until it is where it can be taken: from a belt, or off a transporter. Below 0: since then.
  double reach_s = 0;
  friend bool operator==(const PartNow&, const PartNow&) = default;
};

/// Where one machine stands.
struct MachineNow {
  PackmlState state = PackmlState::idle;
  bool holds_part = false;  ///< A part is on the machine, in work or blocked.
  OrderId order;            ///< The order in work, or last worked on.
  bool set_up = false;      ///< False: no order has been started yet.
  double remaining_s = 0;   ///< Of the part in work; 0 when blocked or empty.
  double operating_s = 0;   ///< Operating seconds since renewal.
  std::uint32_t parts = 0;  ///< Parts started since line time 0: the index of random draws.
  std::uint32_t renewals = 0;
  double down_remaining_s = 0;   ///< Of an open repair, service or changeover; 0 if none.
  std::uint32_t parts_held = 0;  ///< A batch or a set of parts on the machine; 0: holds_part says.
  std::vector<Progress> progress;  ///< One an order of the book.
  std::int32_t repairing = -1;  ///< Position of the mode that an open repair is about; -1: unknown.
  std::vector<ModeNow> modes = {};         ///< One a mode of the line; empty: as operating_s says.
  std::optional<std::uint32_t> crew = {};  ///< Group of the crew that is here; nothing: any.
  /// Line time since which it has waited for room, a transporter, a spare part or a crew.
  std::optional<double> since_s = {};
  /// Of one that waits for a spare part or a crew: since when its part has waited for room.
  std::optional<double> blocked_s = {};
  /// Services of the schedule that it has had or is having; nothing: as ages and counts say.
  std::optional<std::vector<Service>> served = {};
  std::optional<double> looked_s = {};  ///< Line time at which it last asked its rules of service.
  std::vector<PartNow> held = {};       ///< More of the parts on it; empty: nothing is known.
  /// Pieces of a split part that have been handed over; nothing: as the counts say.
  std::optional<std::uint32_t> given = {};
  std::vector<PartNow> rework = {};  ///< Sent back to it or its station, the next first.
  /// The part that waits for a transporter has its place behind already.
  bool placed = false;
  std::vector<PartNow> carried = {};     ///< On transporters to the buffer behind.
  std::vector<double> returning_s = {};  ///< Until transporters are back that it sent out.
  double belt_busy_s = 0;                ///< Until the belt behind has room for the next part.
  friend bool operator==(const MachineNow&, const MachineNow&) = default;
};

/// Pieces of a spare part.
struct SpareNow {
  std::uint32_t pieces = 0;  ///< On the shelf, or in the hands of who waits for a crew.
  std::vector<double> deliveries_s = {};  ///< Until each order under way is delivered.
  std::uint64_t orders = 0;               ///< So far: the index of random draws.
  friend bool operator==(const SpareNow&, const SpareNow&) = default;
};

/// Where the whole line stands at `at_s`. In a plain series the contents of the buffers follow from
/// the progress counts.
struct LineNow {
  double at_s = 0;
  std::vector<MachineNow> machines;
  /// Every part in the buffer of each machine, the next to leave first. Empty: as the progress
  /// counts say.
  std::vector<std::vector<PartNow>> buffers = {};
  std::vector<SpareNow> spares = {};  ///< By spare; empty: full shelves.
  friend bool operator==(const LineNow&, const LineNow&) = default;

  /// Parts in the buffer behind a machine: as `buffers` says, else between machine m and m+1 by the
  /// counts; negative when the counts contradict.
  [[nodiscard]] std::int64_t buffer_level(std::size_t machine) const;
  /// Whether a machine is serviced or waits for it. Out of working time Stopped says no more than
  /// that, unless a service is open or the machine waits, empty, for somebody.
  [[nodiscard]] bool in_service(const Line& line, std::size_t machine) const;
  /// Whether a service of the schedule that goes on has been carried out or is under way.
  [[nodiscard]] bool has_had(const Service& service, const Schedule& schedule,
                             const Line& line) const;
  /// Leading entries of the sequence up to the last whose first part has entered the line.
  [[nodiscard]] std::size_t frozen_prefix(const Schedule& schedule) const;
};

}  // namespace foreline::line
