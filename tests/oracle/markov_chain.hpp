// SPDX-License-Identifier: Apache-2.0
// The exact throughput of a small exponential line: a Markov chain over which machine does what,
// how full the buffers are and who waits for a crew, solved by elimination without subtraction
// (Grassmann, Taksar and Heyman 1985, Operations Research 33:1107).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace foreline::tests {

struct ExponentialMachine {
  double rate = 1;            ///< Parts per second while it works.
  double failure = 0;         ///< Failures per second of work.
  double repair = 1;          ///< Repairs per second of crew.
  unsigned places_after = 0;  ///< Of the buffer behind; blocking after service.
};

struct Solution {
  std::size_t states = 0;
  double throughput = 0;           ///< Parts per second.
  std::vector<double> utilised;    ///< Share of time in work, by machine.
  std::vector<double> blocked;     ///< Share of time blocked, by machine.
  std::vector<double> mean_level;  ///< Parts in the buffer behind, by machine.
};

/// `crews` repair in the order of failures. The first machine never starves, the last is never
/// blocked. Throws when the chain has more than 1500 states.
[[nodiscard]] Solution solve_line(const std::vector<ExponentialMachine>& line, unsigned crews);

}  // namespace foreline::tests
