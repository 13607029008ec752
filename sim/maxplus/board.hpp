// SPDX-License-Identifier: Apache-2.0
// What the kernels of the recursion see: eight futures of a line in which the same parts go through
// every machine, as plain numbers. A part is followed by one call; only a lane to which more
// happens than failures that are known already is given back to the evaluator.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/maxplus/row.hpp"

namespace foreline::maxplus {

/// The shortest work, as the simulator has it.
inline constexpr double least_work_s = 1e-6;
/// Work that is left over at a failure counts as none below this, as the simulator has it.
inline constexpr double remnant_s = 1e-6;

/// One machine in eight futures. A failure that it meets on its axis of operating seconds whatever
/// the schedule, as long as nobody services it, is a known stop: Gear has their rows.
struct Stage {
  Row free{};       ///< Since then it could turn to its next part.
  Row operating{};  ///< Its axis of operating seconds.
  Row date{};       ///< Beyond it in line time something happens.
  // The stop that comes next. An endless one is none: beyond it the evaluator must be asked, as
  // always for a lane that no longer goes by the known stops.
  Row next{};
  Row repair_s{};
  alignas(Row) std::int64_t number[lanes]{};  ///< Of the stop that comes next.
  // Where all futures see the same parts, only the first of these is kept.
  alignas(Row) std::int64_t parts[lanes]{};
  alignas(Row) std::int64_t order[lanes]{};    ///< Set up for; -1: none yet.
  alignas(Row) std::int64_t entered[lanes]{};  ///< Parts that have entered the buffer before it.
  alignas(Row) std::int64_t left[lanes]{};     ///< Of these, how many it has taken.
  std::uint32_t renewals[lanes]{};  ///< Without those of known stops, as long as it goes by them.
};

/// What a machine does with a part; the same in every future.
struct Gear {
  const double* work_s = nullptr;        ///< By product; a factor of `cycles` where there are some.
  const double* changeover_s = nullptr;  ///< (products x products).
  /// By part since the start, negative where the part is scrapped; null: all alike.
  const Row* cycles = nullptr;
  std::int64_t parts_before = 0;  ///< Parts on the machine at the start.
  std::int64_t places = 0;        ///< Behind it.
  bool fills_up = false;          ///< These places can be too few.
  /// When parts left the places before it, by the number in which they came in modulo a power of
  /// two; minus infinity where none was. Null: it takes from the machine before by hand.
  Row* ring = nullptr;
  std::int64_t ring_mask = 0;      ///< Rows of the ring - 1.
  const Row* stops_at = nullptr;   ///< Known stops, by number; the last of each lane is none.
  const Row* repairs_s = nullptr;  ///< Infinite for the last.
};

struct Board {
  Stage* stages = nullptr;
  const Gear* gears = nullptr;
  std::size_t machines = 0;
  std::size_t products = 0;
  const std::uint32_t* product_of = nullptr;  ///< By order.
  double horizon_s = 0;
  Row* ended = nullptr;  ///< By order: when its last part ended.
  Row down{};
  Row changeover{};
  Row good{};        ///< Parts that ended within the horizon.
  Row scrapped{};    ///< Likewise.
  Row breakdowns{};  ///< That began within it.
  /// One lane of a part with all that can happen; sets `awaited`, `taken`, `done` and the stage.
  /// True when the part is scrapped.
  bool (*careful)(void* evaluator, std::size_t machine, std::size_t lane, std::uint32_t order,
                  double ready, Row& awaited, Row& taken, Row& done, double operating) = nullptr;
  void* evaluator = nullptr;
};

/// What the orders of a schedule came to, by lane.
struct Sums {
  Row last{};  ///< End of the last order.
  Row makespan{};
  Row late{};
  Row tardiness{};
  Row flow{};
  std::int64_t unfinished[lanes]{};  ///< 0: all orders left in time.
};

/// The orders as the kernels see them.
struct OrderRow {
  double due_s = 0;
  double weight = 0;
  double release_s = 0;
  std::uint32_t left_over = 0;  ///< Parts that were not followed.
};

/// The functions of one instruction set.
struct Kernels {
  /// A part through the whole line, where all futures see the same parts.
  void (*follow)(Board& board, std::uint32_t order, const Row& release) = nullptr;
  /// The same where each future scraps parts of its own.
  void (*follow_each)(Board& board, std::uint32_t order, const Row& release) = nullptr;
  /// Rows of ends become when the orders finished (-1: not in time), one a order.
  void (*finish)(const OrderRow* orders, std::size_t count, double start_s, double horizon_s,
                 Row* ends, Sums& sums) = nullptr;
  /// Lateness of finished rows; an order that did not finish counts at `end`.
  void (*judge)(const OrderRow* orders, std::size_t count, double over_by_s, const Row& end,
                const Row* finished, Sums& sums) = nullptr;
};
/// The best that this processor runs; "portable", "avx2" or "avx512" forces one (empty when
/// it cannot run).
[[nodiscard]] Kernels kernels(const char* force = nullptr);

}  // namespace foreline::maxplus
