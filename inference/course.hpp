// SPDX-License-Identifier: Apache-2.0
// Where a signal goes in the next hours, by what it has done itself: its level, and how far
// readings have been from the level before them, by horizon. It knows of no fault and no forecast.
// docs/decisions/0016-course-of-a-signal.md has the reason.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace foreline::inference {

/// Of ten readings taken at `at_s` (line time) while the machine runs, about eight lie from `low`
/// (P10) to `high` (P90), whatever becomes of the machine until then.
struct CoursePoint {
  double at_s = 0;
  double low = 0;
  double middle = 0;  ///< P50.
  double high = 0;
  std::size_t held = 0;  ///< So many earlier readings say so.
};

/// One signal. Pure and bounded: two days in blocks of 5 min.
class Course {
 public:
  static constexpr double block_s = 300;
  static constexpr std::int64_t blocks_max = 576;

  /// A Good reading of the machine that has run for 15 s, after which signals have followed it;
  /// times rise. O(1). One that is not finite is ignored.
  void add(double at_s, double value);
  /// From the newest full block on, by rising time: as far ahead as a third of what was seen, 4 h
  /// at most. Empty before an hour was seen, and after 15 min without a reading. Reckoned once a
  /// block.
  [[nodiscard]] const std::vector<CoursePoint>& ahead() const;

 private:
  struct Block {
    std::int64_t number = 0;  ///< Of 5 min since line time 0.
    double sum = 0;
    std::size_t count = 0;
    double reading = 0;  ///< The newest.
    [[nodiscard]] double mean() const { return sum / static_cast<double>(count); }
  };
  std::deque<Block> blocks_;  ///< Those with readings.
  mutable std::optional<std::vector<CoursePoint>> ahead_;
};

}  // namespace foreline::inference
