// SPDX-License-Identifier: Apache-2.0
// What a trial measures within a part of its time.
#pragma once

#include "sim/line/trial.hpp"

namespace foreline::line {

/// From when `before` had come of the trial. Orders, which have dates, count from its start all the
/// same.
[[nodiscard]] Measures measures_since(const Outcome& before, const Trial& trial,
                                      const Outcome& outcome);
/// Parts that machines with nothing behind them have made good.
[[nodiscard]] double good_parts(const Line& line, const Outcome& outcome);

}  // namespace foreline::line
