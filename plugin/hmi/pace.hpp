// SPDX-License-Identifier: Apache-2.0
// How long the rest of a piece of work takes; times are seconds of any steady clock.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace foreline::hmi {

/// The host's, s.
[[nodiscard]] double steady_s();

class Pace {
 public:
  /// `done` of `all` pieces of `what` are done. Another `what` begins anew.
  void take(const std::string& what, std::size_t done, std::size_t all, double now_s);
  /// Seconds that the rest of `what` takes as it went so far; nothing until a second tells.
  [[nodiscard]] std::optional<double> left_s(double now_s) const;

 private:
  std::string what_;
  std::size_t first_ = 0;  ///< Done when it was first heard of.
  std::size_t done_ = 0;
  std::size_t all_ = 0;
  double first_s_ = 0;
  double last_s_ = 0;
};

}  // namespace foreline::hmi
