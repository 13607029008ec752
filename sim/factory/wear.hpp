// SPDX-License-Identifier: Apache-2.0
// How one machine goes towards its faults. Each has a clock: operating seconds (total Execute time
// since the machine began), or line time. A clock that runs faster than its axis, for load, heat or
// another fault's damage, moves the fault's dates towards the machine instead. Pure.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "sim/factory/signals.hpp"
#include "sim/line/damage.hpp"
#include "sim/line/line.hpp"
#include "sim/line/trial.hpp"

namespace foreline::factory {

inline constexpr double never = std::numeric_limits<double>::infinity();
/// Differences of long operating times carry rounding; a microsecond is far below any cycle.
inline constexpr double rounding_s = 1e-6;

/// Where a machine is on both axes.
struct Axes {
  double operating = 0;
  double now = 0;
};

/// One coming fault.
struct Wear {
  line::FaultKind kind = line::FaultKind::bearing_wear;
  int mode = -1;            ///< Position in Machine::faults; -1: scripted or from a forecast.
  std::size_t renewal = 0;  ///< Renewals of this mode so far.
  double onset_at = never;  ///< On its axis.
  double fails_at = never;  ///< On its axis.
  double repair_s = 0;      ///< Scripted repair time; 0 draws from the mode.
  int record = -1;          ///< Position in Outcome::faults once the onset is past.
  bool forecast = false;    ///< Fails when the forecast's time comes, not by operating time.
  bool calendar = false;    ///< Its axis is line time.
  double rate = 1;          ///< Of its clock during the present stretch of work.
  double life_s = 0;        ///< Age on its own clock at which the onset comes.
  double kept_age_s = 0;    ///< Age that an imperfect service left it with.

  [[nodiscard]] double at(const Axes& axes) const { return calendar ? axes.now : axes.operating; }
  /// Its clock has gone so far beyond its axis.
  void age_by(double ahead_s) {
    onset_at -= ahead_s;
    fails_at -= ahead_s;
  }
};

/// Whether repairing or servicing this kind makes the machine new in the eyes of its sensors. A
/// cleared jam, a reset motor or a new fuse leaves bearings and tools as they were.
[[nodiscard]] constexpr bool wears(line::FaultKind kind) {
  return gives_warning(kind) && kind != line::FaultKind::jam;
}

/// The coming faults of one machine.
class WearSet {
 public:
  WearSet(const line::Trial& trial, line::MachineId machine, double operating_s,
          std::size_t renewals);

  /// How far each of the machine's modes has come; `operated_s` since the machine's renewal,
  /// `worked_s` of it in the stretch of work under way, if one is, that worked() has not heard of.
  [[nodiscard]] std::vector<line::ModeNow> now(const Axes& axes, double operated_s,
                                               std::optional<double> worked_s) const;
  /// The position in all() of what wears the machine by this mode.
  [[nodiscard]] std::optional<std::size_t> of_mode(std::size_t mode) const;

  /// Seconds of work until the earliest failure, infinity if none comes.
  [[nodiscard]] double until_failure(const Axes& axes) const;
  /// The position in all() of the wear that has failed.
  [[nodiscard]] std::optional<std::size_t> failed(const Axes& axes) const;
  /// Whether one that does not wait for work has failed, and when the next does.
  [[nodiscard]] bool calendar_failed(double now) const {
    return calendar_ && next_calendar_failure() <= now + rounding_s;
  }
  [[nodiscard]] double next_calendar_failure() const { return calendar_ ? next_dated() : never; }
  /// Whether an onset has come that no record tells of yet.
  [[nodiscard]] bool unrecorded(const Axes& axes) const {
    for (const auto& wear : wears_)
      if (wear.record < 0 && wear.onset_at <= wear.at(axes) + rounding_s) return true;
    return false;
  }
  /// Damage 0..1 of this kind.
  [[nodiscard]] double damage(line::FaultKind kind, const Axes& axes) const;
  /// Share of the cycle time by which all damage slows the work down; scrap that it adds.
  [[nodiscard]] double slowdown(const Axes& axes) const {
    return degraded(axes) ? sum_of(line::slowdown, axes) : 0.0;
  }
  [[nodiscard]] double extra_scrap(const Axes& axes) const {
    return degraded(axes) ? sum_of(line::extra_scrap, axes) : 0.0;
  }
  /// Rate per hour of the next step of a mode: onset, or failure once degraded.
  [[nodiscard]] double hazard(std::size_t mode, const Axes& axes) const;
  /// Sets the clocks' rates for a stretch of work with this load (1 = usual).
  void set_rates(double load, const Axes& axes) {
    if (dependent_ && !std::exchange(keeps_rates_, false)) set_each_rate(load, axes);
  }
  /// A stretch of work is over.
  void worked(double seconds);
  /// Starts a scripted fault now.
  void begin(const line::ScriptedFault& fault, const Axes& axes);
  /// Draws what is left of every life anew from the trial's (new) seed, given what was lived: an
  /// onset that has not come, or the progress of one that has.
  void redraw(const Axes& axes);
  /// The forecast's time has come: the machine fails of `kind` as soon as it operates, unless a
  /// service or a repair of that kind came first.
  void fail_now(line::FaultKind kind, const Axes& axes);
  /// Repair of one wear: the mode starts anew, a scripted one is gone.
  void repaired(std::size_t position, const Axes& axes);
  /// A service renews wear and clears what builds up to a jam; an electrical trip does not care.
  /// `quality` is the share of the age that it takes away.
  void serviced(const Axes& axes, double quality);
  /// Seconds of repair.
  [[nodiscard]] double repair_time(const Wear& wear) const;
  /// Seconds of repair of a breakdown whose kind nobody knows: that of the most frequent mode.
  [[nodiscard]] double unknown_repair_time(std::size_t renewals) const;
  [[nodiscard]] const line::FaultMode* mode_of(const Wear& wear) const;
  [[nodiscard]] std::vector<Wear>& all() { return wears_; }

 private:
  [[nodiscard]] double next_dated() const;
  void set_each_rate(double load, const Axes& axes);
  [[nodiscard]] bool degraded(const Axes& axes) const {
    return std::any_of(wears_.begin(), wears_.end(),
                       [&](const Wear& wear) { return wear.at(axes) >= wear.onset_at; });
  }
  [[nodiscard]] double sum_of(double (*effect)(line::FaultKind, double), const Axes& axes) const;
  void renew(Wear& wear, const Axes& axes, double kept_age_s);
  void resume(Wear& wear, const line::ModeNow& now, double at);
  [[nodiscard]] double progress_of(const Wear& wear) const;
  [[nodiscard]] const std::vector<line::FaultMode>& modes() const {
    return trial_->line->at(machine_).faults;
  }
  const line::Trial* trial_;
  line::MachineId machine_;
  std::vector<Wear> wears_;
  bool keeps_rates_ = false;  ///< The next stretch of work is one that was under way.
  bool dependent_ = false;    ///< Some clock does not run with its axis.
  bool calendar_ = false;     ///< Some clock is line time.
};

inline double WearSet::until_failure(const Axes& axes) const {
  double next = never;
  for (const auto& wear : wears_)
    next = std::min(next, (wear.fails_at - wear.at(axes)) / wear.rate);
  return next;
}

inline std::optional<std::size_t> WearSet::failed(const Axes& axes) const {
  for (std::size_t i = 0; i < wears_.size(); ++i)
    if (wears_[i].fails_at <= wears_[i].at(axes) + rounding_s) return i;
  return std::nullopt;
}

inline void WearSet::worked(double seconds) {
  if (!dependent_) return;
  for (auto& wear : wears_) {
    if (wear.rate == 1) continue;
    wear.age_by((wear.rate - 1) * seconds);
    wear.rate = 1;
  }
}

}  // namespace foreline::factory
