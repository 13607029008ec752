// SPDX-License-Identifier: Apache-2.0
// What late orders lost their time to, from the bars of one simulated future. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/line/trial.hpp"

namespace foreline::plan {

/// Seconds of an order from now, or from its release if that is later, until its last part left the
/// line or the future ended. Every second is counted once: as what went on at the machine that the
/// order began on while it waited to begin, and then at the machine that it was done on last.
struct Lateness {
  double turn_s = 0;  ///< Work on other orders; before it began also whatever has no other name.
  double breakdown_s = 0;   ///< Of that machine; where it stood idle, of any machine.
  double changeover_s = 0;  ///< In the same way, to whatever order.
  double service_s = 0;     ///< In the same way.
  double closed_s = 0;      ///< Nobody works at that machine.

  Lateness& operator+=(const Lateness& other);
};

/// The causes of `share` times `all`, most first and those that matter only; empty: none does.
[[nodiscard]] std::string reason_of(const Lateness& all, double share);

/// All late orders of one future. The trial wants a Gantt chart (Trial::want_gantt), and both it
/// and the outcome outlive this.
class Delays {
 public:
  Delays(const line::Trial& trial, const line::Outcome& outcome);

  /// O(bars of the order); the first question about a machine sorts what went on there.
  [[nodiscard]] Lateness of(line::OrderId order);

 private:
  /// In this order one hides those behind it.
  enum Cause : std::uint8_t { closed, repair, service, changeover, work, idle, cause_count };
  struct Stretch {
    double from_s = 0;
    Cause cause = idle;
    std::array<double, cause_count> before_s{};  ///< Of each cause, from now until `from_s`.
  };
  using Course = std::vector<Stretch>;

  const Course& course_of(std::uint32_t machine);
  static std::array<double, cause_count> between(const Course& course, double from_s,
                                                 double until_s);

  const line::Trial& trial_;
  const line::Outcome& outcome_;
  double now_s_;
  std::vector<std::vector<std::size_t>> bars_of_order_;  ///< Work, in Outcome::gantt.
  std::map<std::uint32_t, Course> courses_;
};

}  // namespace foreline::plan
