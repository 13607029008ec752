// SPDX-License-Identifier: Apache-2.0
// How parts pass through a line's graph: what each machine must work for one part that leaves, and
// what the counts of parts say of the buffers between.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/schedule.hpp"

namespace foreline::line {

/// By the line's file alone: no stops, no scrap. Units of a station, branches that a machine may
/// draw from and several ends of a line share the work in proportion to their rates.
struct Flow {
  std::vector<double> worked;    ///< Parts, or sets, for each part that leaves the line.
  std::vector<double> seconds;   ///< Time of the machine for each part that leaves the line.
  std::vector<bool> component;   ///< Its parts go into an assembly; what is scrapped is made again.
  double leave = 1;              ///< Parts that leave the line for one part of an order.
  std::uint32_t constraint = 0;  ///< The machine with the longest time: it sets the line's pace.
};
[[nodiscard]] Flow flow_of(const Line& line);

/// Parts of each order in the buffer behind the station of machine `m`, by the counts. Nothing
/// where they do not tell: no counts, parts that come back for rework, a taker with a choice of
/// buffers. Negative numbers say that the counts contradict each other.
[[nodiscard]] std::optional<std::vector<std::int64_t>> counted_behind(const Line& line,
                                                                      const LineNow& now,
                                                                      std::uint32_t m);

/// Parts of each order that are still to leave the line or to be scrapped; 0 or less: finished.
[[nodiscard]] std::vector<std::int64_t> outstanding_of(const Line& line, const Flow& flow,
                                                       const std::vector<Order>& orders,
                                                       const LineNow& now);

}  // namespace foreline::line
