// SPDX-License-Identifier: Apache-2.0
// How far a long command is, on standard error, so that standard output stays the result.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace foreline::host {

/// Says nothing in the first two seconds, then once a second "   what: 12 of 40, 8 s to go".
class Progress {
 public:
  Progress(std::string what, std::size_t total);
  void step();

 private:
  std::string what_;
  std::size_t total_;
  std::size_t done_ = 0;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point said_;
};

}  // namespace foreline::host
