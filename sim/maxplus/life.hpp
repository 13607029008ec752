// SPDX-License-Identifier: Apache-2.0
// How one machine of the recursion goes towards its faults, on the axis of its operating seconds.
// Written from the description of line::FaultMode and line::Purpose, not from the simulator: that
// both meet the same failures is a test of either.
#pragma once

#include <limits>
#include <vector>

#include "sim/line/random.hpp"
#include "sim/line/trial.hpp"

namespace foreline::maxplus {

inline constexpr double never = std::numeric_limits<double>::infinity();

/// One coming fault.
struct Fate {
  line::FaultKind kind = line::FaultKind::bearing_wear;
  int mode = -1;  ///< Position in Machine::faults; -1: scripted.
  std::size_t renewal = 0;
  double onset_at = never;  ///< Operating axis.
  double fails_at = never;  ///< Operating axis.
  double life_s = 0;        ///< Age at which the onset comes.
  double repair_s = 0;      ///< Scripted; 0: drawn.
  double due_s = never;     ///< Line time at which a forecast has it fail; never: no forecast.
};

/// The coming faults of one machine in one future.
class Life {
 public:
  Life(const line::Trial& trial, std::uint64_t seed, std::uint32_t machine);

  /// Share of the cycle time that all damage adds, and of scrap.
  [[nodiscard]] double slowdown(double operating) const;
  [[nodiscard]] double extra_scrap(double operating) const;
  [[nodiscard]] double damage(line::FaultKind kind, double operating) const;
  /// The fault that has failed, or nullptr.
  [[nodiscard]] Fate* failed(double operating);
  /// Seconds of work until the earliest failure on the operating axis.
  [[nodiscard]] double until_failure(double operating) const;
  /// Line time of the next forecast or scripted fault that has not come.
  [[nodiscard]] double next_date() const;
  /// Lets the dates up to `now` come, on a machine that has operated so long.
  void come(double now, double operating);
  /// The earliest failure on the operating axis.
  [[nodiscard]] double next_failure() const;
  /// Up to there on the operating axis there are failures at most: nothing is slower than usual.
  [[nodiscard]] double silent_until() const;
  /// Up to there on the operating axis nothing happens and nothing is slower than usual.
  [[nodiscard]] double calm_until(double operating) const;
  /// Seconds to repair this fault, which is then as new. Sets `renews` when the machine is.
  double repair(Fate& fate, double operating, bool& renews);
  void serviced(double operating, double quality);
  /// Of a breakdown of which only the stop is known.
  [[nodiscard]] double unknown_repair_s(std::size_t renewals) const;

 private:
  void renew(Fate& fate, double operating, double kept_age_s);
  [[nodiscard]] double draw(line::Purpose purpose, std::size_t mode, std::size_t renewal) const;

  const line::Trial* trial_;
  const line::Machine* machine_;
  std::uint64_t seed_;
  std::uint32_t number_;
  std::vector<Fate> fates_;
  std::vector<const line::ScriptedFault*> scripted_;  ///< Not begun, earliest first.
};

}  // namespace foreline::maxplus
