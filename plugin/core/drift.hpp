// SPDX-License-Identifier: Apache-2.0
// How far each signal has moved from where it is in health: hourly means while its machine works.
// Pure: times are line time, arguments.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::core {

/// Good samples of one signal while its machine worked, in one hour of line time.
struct HourlySum {
  std::string signal;       ///< "machine/signal".
  std::int64_t number = 0;  ///< Of the hour; grows by one with each that was seen.
  double from_s = 0;
  double samples = 0;
  double sum = 0;
  friend bool operator==(const HourlySum&, const HourlySum&) = default;
};

class Drift {
 public:
  static constexpr std::size_t hours_max = 168;

  explicit Drift(std::shared_ptr<const line::Line> line);
  void take(const line::Frame& frame);
  /// Goes on after what was kept, as far as this line has its signals. Before the first frame.
  void restore(const std::vector<HourlySum>& kept);
  /// The hours from this number on.
  [[nodiscard]] std::vector<HourlySum> since(std::int64_t number) const;
  /// Number of the hour that is not over; 0 before the first.
  [[nodiscard]] std::int64_t last() const { return hours_.empty() ? 0 : hours_.back().number; }

  struct Shift {
    double from_s = 0;
    double deviations = 0;  ///< Mean less normal, in standard deviations of the noise; NaN: none.
  };
  /// The course of one signal, oldest first; hours in which its machine did not work are missing.
  [[nodiscard]] std::vector<Shift> course(std::size_t machine, std::size_t signal) const;

 private:
  struct Sum {
    double samples = 0;
    double sum = 0;
  };
  struct Hour {
    std::int64_t number = 0;
    double from_s = 0;
    std::vector<Sum> sums;  ///< One a signal, machine after machine.
  };
  Hour& hour_at(double from_s);
  std::shared_ptr<const line::Line> line_;
  std::vector<std::size_t> first_;  ///< Of each machine in `sums`; and their number.
  std::deque<Hour> hours_;
};

}  // namespace foreline::core
