// SPDX-License-Identifier: Apache-2.0
// A stretch of the past simulated afterwards, to learn how far the simulation can be believed: once
// with the stops as they were, and in many futures that know nothing of them.
#pragma once

#include <vector>

#include "sim/line/result.hpp"
#include "sim/plan/planner.hpp"
#include "sim/worker/client.hpp"

namespace foreline::plan {

/// A breakdown as it was seen, line time.
struct Stop {
  line::MachineId machine;
  double from_s = 0;
  double until_s = 0;
};

/// What the simulation says of the stretch from request.now on, request.horizon_s long.
struct Replayed {
  double parts = 0;                ///< That left the line, with the stops as they were; mean.
  std::vector<double> finished_s;  ///< Line time, one an order, likewise; -1: not within it.
  // Of the futures that know nothing: nine of ten let so many parts leave.
  double low = 0;
  double mean = 0;
  double high = 0;
  double deviation = 0;  ///< Standard deviation.
};
/// Errors: the worker is lost.
[[nodiscard]] line::Result<Replayed> replay(const Request& request, const std::vector<Stop>& stops,
                                            worker::Client& client, std::size_t futures = 60);

}  // namespace foreline::plan
