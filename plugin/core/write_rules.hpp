// SPDX-License-Identifier: Apache-2.0
// Which tags may be written, and to what. What is not named here is never written. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/tags.hpp"
#include "sim/line/result.hpp"

namespace foreline::core {

/// One entry of the white list. Values in the tag's unit.
struct WriteRule {
  std::size_t tag = 0;
  double low = 0;
  double high = 0;
  double step = std::numeric_limits<double>::infinity();  ///< Largest change at once.
  double every_s = 0;                                     ///< Least time between two writes.
  /// How far the nearest value that the register can hold may be from the wanted one.
  double tolerance = 0;
};

/// The white list, and when each tag was last written.
class WriteRules {
 public:
  WriteRules() = default;
  explicit WriteRules(std::vector<WriteRule> rules) : rules_(std::move(rules)) {}

  /// The words to write. Errors: not on the list; outside the range; too far from `current`, or
  /// `current` is not Good while a step is given; too soon; not to be said in the tag's type, or
  /// only as a value further away than the tolerance.
  [[nodiscard]] line::Result<std::vector<std::uint16_t>> judge(std::size_t index, const Tag& tag,
                                                               double value,
                                                               const TagValue& current,
                                                               double now_s) const;
  /// A write of this tag was begun; whether it succeeds or not, the time counts.
  void begun(std::size_t index, double now_s) { last_[index] = now_s; }
  [[nodiscard]] std::optional<double> last(std::size_t index) const;

 private:
  std::vector<WriteRule> rules_;
  std::map<std::size_t, double> last_;
};

}  // namespace foreline::core
