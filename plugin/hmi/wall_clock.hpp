// SPDX-License-Identifier: Apache-2.0
// When it is what the line's clock says: known of a plant, whose clock runs as every clock does,
// and not of a line that is rehearsed faster than that. Pure: times are arguments.
#pragma once

#include <cstdint>
#include <optional>

namespace foreline::hmi {

class WallClock {
 public:
  static constexpr double apart_s = 3;    ///< That a reading may be from where it should be.
  static constexpr double drift = 0.001;  ///< By which a clock may run faster or slower.
  static constexpr double settles_s = 5;  ///< Until it is believed at first,
  static constexpr double settles_again_s = 120;            ///< and after the clock was set,
  static constexpr double settles_rehearsed_s = 24 * 3600;  ///< or ran faster:
  static constexpr int rehearsed_from = 4;  ///< was ahead so often, and never right meanwhile.
  static constexpr int late_most = 2;       ///< Readings in a row that may come late.

  /// A reading: the line's clock, and when it was read, in milliseconds of Unix time.
  void take(double line_s, std::int64_t read_ms);
  /// Unix time of line time 0, in milliseconds; nothing where that is not known.
  [[nodiscard]] std::optional<std::int64_t> zero_ms() const;

 private:
  struct Reading {
    double line_s = 0;
    std::int64_t read_ms = 0;
    [[nodiscard]] double since_s(const Reading& before) const {
      return static_cast<double>(read_ms - before.read_ms) / 1000;
    }
    [[nodiscard]] double ahead_s(const Reading& before) const;
    [[nodiscard]] bool agrees(const Reading& before) const;
    [[nodiscard]] std::int64_t zero_ms() const {
      return read_ms - static_cast<std::int64_t>(1000 * line_s);
    }
  };
  void begin(const Reading& anchor, const Reading& now);
  std::optional<Reading> anchor_;
  std::optional<Reading> doubt_;  ///< The first that is behind, where those since agree with it.
  Reading last_;                  ///< That agrees with the anchor.
  std::int64_t zero_ms_ = 0;      ///< Follows readings that are a second apart, not each.
  double settles_in_s_ = settles_s;
  int ahead_ = 0;   ///< Times since it was right.
  int doubts_ = 0;  ///< Readings behind, in a row.
};

}  // namespace foreline::hmi
