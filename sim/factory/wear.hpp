// SPDX-License-Identifier: Apache-2.0
// How one machine goes towards its faults, on its own axis of operating seconds: total Execute time
// since the machine began. Pure.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/trial.hpp"

namespace foreline::factory {

inline constexpr double never = std::numeric_limits<double>::infinity();
/// Differences of long operating times carry rounding; a microsecond is far below any cycle.
inline constexpr double rounding_s = 1e-6;

/// One coming fault.
struct Wear {
  line::FaultKind kind = line::FaultKind::bearing_wear;
  int mode = -1;            ///< Position in Machine::faults; -1: scripted or from a forecast.
  std::size_t renewal = 0;  ///< Renewals of this mode so far.
  double onset_at = never;  ///< Operating axis.
  double fails_at = never;  ///< Operating axis.
  double repair_s = 0;      ///< Scripted repair time; 0 draws from the mode.
  int record = -1;          ///< Position in Outcome::faults once the onset is past.
  bool forecast = false;    ///< Fails when the forecast's time comes, not by operating time.
};

/// Whether repairing or servicing this kind makes the machine new in the eyes of its sensors. A
/// cleared jam or a reset motor leaves bearings and tools as they were.
[[nodiscard]] constexpr bool wears(line::FaultKind kind) {
  return kind == line::FaultKind::bearing_wear || kind == line::FaultKind::tool_wear;
}

/// The coming faults of one machine.
class WearSet {
 public:
  WearSet(const line::Trial& trial, line::MachineId machine, double operating_s,
          std::size_t renewals);

  /// The earliest failure on the operating axis, infinity if none.
  [[nodiscard]] double next_failure() const;
  /// The position in all() of the wear that fails at or before `operating`.
  [[nodiscard]] std::optional<std::size_t> failed(double operating) const;
  /// Damage 0..1 of this kind.
  [[nodiscard]] double damage(line::FaultKind kind, double operating) const;
  /// Starts a scripted fault now.
  void begin(const line::ScriptedFault& fault, double operating);
  /// Draws what is left of every life anew from the trial's (new) seed, given what was lived under
  /// `old_seed`: an onset that has not come, or the progress of one that has.
  void redraw(std::uint64_t old_seed, double operating);
  /// The forecast's time has come: the machine fails of `kind` as soon as it operates, unless a
  /// service or a repair of that kind came first.
  void fail_now(line::FaultKind kind, double operating);
  /// Repair of one wear: the mode starts anew, a scripted one is gone.
  void repaired(std::size_t position, double operating);
  /// A service renews wear and clears what builds up to a jam; an electrical trip does not care.
  void serviced(double operating);
  /// Seconds of repair.
  [[nodiscard]] double repair_time(const Wear& wear) const;
  /// Seconds of repair of a breakdown whose kind nobody knows: that of the most frequent mode.
  [[nodiscard]] double unknown_repair_time(std::size_t renewals) const;
  [[nodiscard]] std::vector<Wear>& all() { return wears_; }

 private:
  void renew(Wear& wear, double operating);
  const line::Trial* trial_;
  line::MachineId machine_;
  std::vector<Wear> wears_;
};

}  // namespace foreline::factory
