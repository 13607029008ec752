// SPDX-License-Identifier: Apache-2.0
// What changes back and forth is told as it changes while that is seldom, then once a minute with
// the number of changes that nobody was told of. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace foreline::core {

template <class State>
class Telling {
 public:
  /// `state` holds at `now_s`. The number of changes since the last telling when it is to be told
  /// now, else nothing; more than 1: the others were not told.
  [[nodiscard]] std::optional<std::uint64_t> due(State state, double now_s) {
    if (state_ != state) ++changes_;
    state_ = state;
    left_ = std::min(at_once, left_ + std::max(0.0, now_s - seen_s_) / again_after_s);
    seen_s_ = now_s;
    if (changes_ == 0 || left_ < 1) return std::nullopt;
    left_ -= 1;
    const auto changes = changes_;
    changes_ = 0;
    return changes;
  }

 private:
  static constexpr double at_once = 6;
  static constexpr double again_after_s = 60;

  std::optional<State> state_;
  std::uint64_t changes_ = 0;
  double left_ = at_once;
  double seen_s_ = 0;
};

}  // namespace foreline::core
