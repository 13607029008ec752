// SPDX-License-Identifier: Apache-2.0
// How far a long command is, on standard error, so that standard output stays the result.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace foreline::host {

/// Says nothing in the first two seconds, then once a second "   what: 12 of 40, 8 s to go".
class Progress {
 public:
  Progress(std::string what, std::size_t total);
  void step();
  /// Also within a long step.
  void tell();
  /// So many steps fall away.
  void less(std::size_t steps) { total_ -= std::min(steps, total_ - done_); }

 private:
  std::string what_;
  std::size_t total_;
  std::size_t done_ = 0;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point said_;
};

/// Passes on what a training says, each on a line of standard error; behind "step 12 of 40" stands
/// how long the rest takes at the pace since the first of its kind. Any thread.
class Told {
 public:
  void operator()(const std::string& text);
  /// The same as a function, to be given away.
  [[nodiscard]] std::function<void(const std::string&)> function() {
    return [this](const std::string& text) { (*this)(text); };
  }

 private:
  struct First {
    double done = 0;
    std::chrono::steady_clock::time_point at;
  };
  std::mutex mutex_;
  std::map<std::string, First> first_;  ///< By what stands before the count.
};

}  // namespace foreline::host
