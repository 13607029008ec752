// SPDX-License-Identifier: Apache-2.0
// Days made up at random on lines made up at random: graphs, units, assemblies, splits, belts,
// transporters, rework, shifts, skills, spares, rules of service, all kinds of fault, lying sensors
// and bad wires. Pure: a day is a function of its seed.
#pragma once

#include <cstdint>

#include "sim/line/trial.hpp"

namespace foreline::swarm {

/// The line's file would be accepted by text::read_line_file().
[[nodiscard]] line::Line random_line(std::uint64_t seed);

/// A trial of one seed; it has a horizon of at most two days and stops when its work is done.
[[nodiscard]] line::Trial random_day(std::uint64_t seed);

}  // namespace foreline::swarm
