// SPDX-License-Identifier: Apache-2.0
// Tags: named values of devices, as integrators list them in a spreadsheet (CSV) or beside the rest
// of the configuration (TOML). What a tag shows is a value, a quality and two times.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/core/device.hpp"
#include "plugin/core/register.hpp"
#include "sim/line/result.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::core {

/// Tags that are read together, at a fixed rate.
struct PollGroup {
  std::string name = "default";
  double period_s = 1;
  double phase_s = -1;  ///< From the start to the first poll; -1: spread over the period.
  friend bool operator==(const PollGroup&, const PollGroup&) = default;
};

struct Tag {
  std::string name;  ///< "Line2/P07/CurMachSpeed"
  Register at;
  std::string unit;
  double low = -std::numeric_limits<double>::infinity();  ///< Beyond: Uncertain_OutOfRange.
  double high = std::numeric_limits<double>::infinity();
  double deadband = 0;          ///< Smaller changes are not reported.
  bool deadband_share = false;  ///< The dead band is a share of the range low..high.
  std::size_t group = 0;
  std::string description;
  friend bool operator==(const Tag&, const Tag&) = default;
};

/// Names by which a tag file refers to devices and groups, in the order of their indices, and
/// where each device counts from (0 or 1).
struct TagContext {
  std::vector<std::string> devices;
  std::vector<int> bases;
  std::vector<std::uint16_t> longest_reads;
  std::vector<std::string> groups;
};

/// A CSV file with a header line. Needed: name, address. Known: device, type, order, bits, length,
/// scale, offset, raw_min, raw_max, eu_min, eu_max, not, unit, deadband, group, description, and
/// area and access, which are notes for people. Addresses as in parse_place(). All mistakes at
/// once, with line and column.
[[nodiscard]] line::Result<std::vector<Tag>> parse_tags(std::string_view text,
                                                        const std::string& file,
                                                        const TagContext& context);
/// The same tags as such a file.
[[nodiscard]] std::string tags_text(const std::vector<Tag>& tags, const TagContext& context);

/// What a tag shows.
struct TagValue {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::string text;  ///< Of strings.
  line::Quality quality = line::Quality::bad_not_connected;
  std::int64_t source_ns = 0;    ///< When the last good value was read; host clock.
  std::int64_t received_ns = 0;  ///< When this was found, good or not. Never goes back.
  double received_s = 0;         ///< The same on a clock that nobody sets.
};

/// The value that an image shows of a tag. Times are not set.
[[nodiscard]] TagValue value_of(const Tag& tag, const Image& image);

/// Tags and what they show.
class TagTable {
 public:
  explicit TagTable(std::vector<Tag> tags);
  [[nodiscard]] const std::vector<Tag>& tags() const { return tags_; }
  [[nodiscard]] const TagValue& value(std::size_t tag) const { return values_.at(tag); }
  [[nodiscard]] std::optional<std::size_t> find(const std::string& name) const;
  /// Takes over what tags of the same name and place showed before.
  void take_over(const TagTable& former);

  /// A poll of `group` on `device` found this. `troubles` says for which ranges there was no
  /// answer, and what that means. Returns the tags whose quality changed, or whose value changed
  /// by more than its dead band since it was last returned.
  [[nodiscard]] std::vector<std::size_t> update(
      DeviceIndex device, std::size_t group, const Image& image,
      const std::vector<std::pair<Range, line::Quality>>& troubles, std::int64_t now_ns,
      double now_s);

 private:
  std::vector<Tag> tags_;
  std::vector<TagValue> values_;
  std::vector<TagValue> reported_;
  std::map<std::string, std::size_t, std::less<>> names_;
  std::map<std::pair<DeviceIndex, std::size_t>, std::vector<std::size_t>> polled_;
};

}  // namespace foreline::core
