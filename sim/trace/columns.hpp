// SPDX-License-Identifier: Apache-2.0
// A trace as columns, for programs that learn: one compressed array a signal, with the truth beside
// it, in the format that NumPy reads (.npz).
#pragma once

#include <string>

#include "sim/line/line.hpp"
#include "sim/line/trial.hpp"

namespace foreline::trace {

/// The bytes of a .npz archive; the same trace gives the same bytes. Every array has one value a
/// frame: `time_s` (f8), `connected` (u1), and of each machine MACHINE/state (u1, PackML),
/// MACHINE/operating_s (f8), MACHINE/renewals (u4), MACHINE/SIGNAL (f4, NaN when bad),
/// MACHINE/SIGNAL.quality (u1), MACHINE/KIND.damage (f4, 0 .. 1) and MACHINE/KIND.hazard_per_h
/// (f4). Throws std::length_error when the archive would pass 4 GiB.
[[nodiscard]] std::string archive_of(const line::Line& line, const line::Trace& trace);

}  // namespace foreline::trace
