// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/wear.hpp"

#include <algorithm>
#include <cmath>

#include "sim/factory/signals.hpp"
#include "sim/line/random.hpp"

namespace foreline::factory {

using namespace line;

namespace {

/// The age at which the onset comes, of a machine that has reached `age` without it.
double life_beyond(const Distribution& onset, double age, double u) {
  if (age <= 0) return onset.quantile(u);
  const double aged = onset.share_below(age);
  return std::max(age, onset.quantile(std::clamp(aged + (1 - aged) * u, 1e-15, 1 - 1e-15)));
}

}  // namespace

WearSet::WearSet(const Trial& trial, MachineId machine, double operating_s, std::size_t renewals)
    : trial_(&trial), machine_(machine) {
  const double start_s = trial.from ? trial.from->at_s : 0;
  for (std::size_t i = 0; i < modes().size(); ++i) {
    const auto& mode = modes()[i];
    Wear wear;
    wear.kind = mode.kind;
    wear.mode = static_cast<int>(i);
    wear.renewal = renewals;
    wear.calendar = mode.clock == FaultMode::Clock::calendar;
    dependent_ =
        dependent_ || mode.load_exponent != 0 || mode.doubling_k > 0 || !mode.accelerates.empty();
    wear.forecast =
        std::any_of(trial.hazards.begin(), trial.hazards.end(), [&](const Hazard& hazard) {
          return hazard.machine == machine && hazard.kind == wear.kind;
        });
    if (!wear.forecast && !trial.random_faults) continue;
    calendar_ = calendar_ || wear.calendar;
    if (!wear.forecast) {
      // A machine that has run for operating_s without onset draws from what is left of its life.
      const double age = trial.from ? (wear.calendar ? start_s : operating_s) : 0.0;
      wear.life_s = life_beyond(
          mode.onset, age,
          random_uniform(trial.seed, machine.index, Purpose::onset, fault_index(i, renewals)));
      wear.onset_at = trial.from ? wear.life_s : wear.life_s * (1 - trial.wear_share);
      wear.fails_at = wear.onset_at;
      if (gives_warning(wear.kind))
        wear.fails_at += mode.progress.quantile(
            random_uniform(trial.seed, machine.index, Purpose::progress, fault_index(i, renewals)));
    }
    wears_.push_back(wear);
  }
}

bool WearSet::calendar_failed(const Axes& axes) const {
  return calendar_ && next_calendar_failure() <= axes.now + rounding_s;
}

double WearSet::next_calendar_failure() const {
  double next = never;
  if (!calendar_) return next;
  for (const auto& wear : wears_)
    if (wear.calendar) next = std::min(next, wear.fails_at);
  return next;
}

namespace {

double damage_of(const Wear& wear, const Axes& axes) {
  const double at = wear.at(axes);
  if (at < wear.onset_at) return 0;
  const double span = wear.fails_at - wear.onset_at;
  return span > 0 ? std::min(1.0, (at - wear.onset_at) / span) : 1.0;
}

}  // namespace

double WearSet::damage(FaultKind kind, const Axes& axes) const {
  double damage = 0;
  for (const auto& wear : wears_)
    if (wear.kind == kind) damage = std::max(damage, damage_of(wear, axes));
  return damage;
}

double WearSet::sum_of(double (*effect)(FaultKind, double), const Axes& axes) const {
  double sum = 0;
  for (const auto& wear : wears_)
    if (wear.at(axes) >= wear.onset_at) sum += effect(wear.kind, damage_of(wear, axes));
  return sum;
}

double WearSet::hazard(std::size_t mode, const Axes& axes) const {
  constexpr double step_s = 60;
  for (const auto& wear : wears_) {
    if (wear.mode != static_cast<int>(mode) || wear.forecast) continue;
    const double at = wear.at(axes);
    const bool degraded = at >= wear.onset_at;
    if (degraded && !gives_warning(wear.kind)) return 0;
    const auto& law = degraded ? modes()[mode].progress : modes()[mode].onset;
    const double age = degraded ? at - wear.onset_at : wear.life_s - (wear.onset_at - at);
    const double survives = 1 - law.share_below(age);
    if (!(survives > 1e-12)) return 3600 / step_s;  // certain within the step
    return (law.share_below(age + step_s) - law.share_below(age)) / survives * 3600 / step_s *
           wear.rate;
  }
  return 0;
}

void WearSet::set_rates(double load, const Axes& axes) {
  if (!dependent_) return;
  const double warmer_k = trial_->line->ambient_at(axes.now) - 25;
  for (auto& wear : wears_) {
    wear.rate = 1;
    const auto* mode = mode_of(wear);
    if (wear.calendar || mode == nullptr) continue;
    if (mode->load_exponent != 0) wear.rate *= std::pow(load, mode->load_exponent);
    if (mode->doubling_k > 0) wear.rate *= std::exp2(warmer_k / mode->doubling_k);
    for (const auto& other : wears_) {
      const auto* cause = mode_of(other);
      if (cause == nullptr || &other == &wear) continue;
      for (const auto& cascade : cause->accelerates)
        if (cascade.kind == wear.kind)
          wear.rate *= 1 + (cascade.factor - 1) * damage_of(other, axes);
    }
  }
}

void WearSet::begin(const ScriptedFault& fault, const Axes& axes) {
  Wear wear;
  wear.kind = fault.kind;
  wear.onset_at = axes.operating;
  wear.fails_at = axes.operating + (gives_warning(fault.kind) ? fault.fails_after_s : 0);
  wear.repair_s = fault.repair_s;
  wears_.push_back(wear);
}

void WearSet::redraw(const Axes& axes) {
  if (!trial_->random_faults) return;
  for (auto& wear : wears_) {
    if (wear.mode < 0 || wear.forecast || wear.onset_at == never) continue;
    const auto number = static_cast<std::uint64_t>(wear.mode);
    const auto& mode = modes()[number];
    const auto index = fault_index(number, wear.renewal);
    const double at = wear.at(axes);
    const auto rest_of = [&](const Distribution& life, double lived, Purpose purpose) {
      return life_beyond(life, lived, random_uniform(trial_->seed, machine_.index, purpose, index));
    };
    const bool warns = gives_warning(wear.kind);
    if (wear.onset_at > at) {
      const double age = wear.life_s - (wear.onset_at - at);
      wear.life_s = rest_of(mode.onset, age, Purpose::onset);
      wear.onset_at = at + (wear.life_s - age);
      wear.fails_at = wear.onset_at;
      if (warns) wear.fails_at += rest_of(mode.progress, 0, Purpose::progress);
    } else if (warns && wear.fails_at > at) {
      wear.fails_at = wear.onset_at + rest_of(mode.progress, at - wear.onset_at, Purpose::progress);
    }
  }
}

void WearSet::fail_now(FaultKind kind, const Axes& axes) {
  const auto found = std::find_if(wears_.begin(), wears_.end(),
                                  [&](const Wear& w) { return w.kind == kind && w.forecast; });
  if (found == wears_.end()) return;
  found->forecast = false;
  found->calendar = false;
  found->onset_at = axes.operating;
  found->fails_at = axes.operating;
}

void WearSet::renew(Wear& wear, const Axes& axes, double kept_age_s) {
  wear.record = -1;
  wear.forecast = false;
  if (wear.mode < 0 || !trial_->random_faults) {
    wear.onset_at = never;
    wear.fails_at = never;
    return;
  }
  const auto number = static_cast<std::uint64_t>(wear.mode);
  const auto& mode = modes()[number];
  const auto index = fault_index(number, ++wear.renewal);
  wear.calendar = mode.clock == FaultMode::Clock::calendar;
  wear.kept_age_s = kept_age_s;
  wear.life_s = life_beyond(mode.onset, kept_age_s,
                            random_uniform(trial_->seed, machine_.index, Purpose::onset, index));
  wear.onset_at = wear.at(axes) + (wear.life_s - kept_age_s);
  wear.fails_at = wear.onset_at;
  if (gives_warning(wear.kind))
    wear.fails_at += mode.progress.quantile(
        random_uniform(trial_->seed, machine_.index, Purpose::progress, index));
}

void WearSet::repaired(std::size_t position, const Axes& axes) {
  renew(wears_.at(position), axes, 0);
}

void WearSet::serviced(const Axes& axes, double quality) {
  for (auto& wear : wears_) {
    const double at = wear.at(axes);
    if (!gives_warning(wear.kind) || (wear.mode < 0 && at < wear.onset_at)) continue;
    // Kijima (1989), model II: a service takes its share from the whole age, kept age included.
    const double age = wear.onset_at < never ? wear.life_s - (wear.onset_at - at) : 0.0;
    renew(wear, axes, quality < 1 ? (1 - quality) * std::max(0.0, age) : 0.0);
  }
}

const FaultMode* WearSet::mode_of(const Wear& wear) const {
  const auto found = std::find_if(modes().begin(), modes().end(),
                                  [&](const FaultMode& mode) { return mode.kind == wear.kind; });
  return found == modes().end() ? nullptr : &*found;
}

double WearSet::repair_time(const Wear& wear) const {
  if (wear.repair_s > 0) return wear.repair_s;
  const auto* mode = mode_of(wear);
  if (mode == nullptr) return 0;
  return mode->repair.quantile(
      random_uniform(trial_->seed, machine_.index, Purpose::repair,
                     fault_index(static_cast<std::uint64_t>(mode - modes().data()), wear.renewal)));
}

double WearSet::unknown_repair_time(std::size_t renewals) const {
  auto life = [](const FaultMode& mode) {
    return mode.onset.expectation() + mode.progress.expectation();
  };
  const auto likely =
      std::min_element(modes().begin(), modes().end(),
                       [&](const auto& a, const auto& b) { return life(a) < life(b); });
  if (likely == modes().end()) return 0;
  const auto mode = static_cast<std::uint64_t>(likely - modes().begin());
  return likely->repair.quantile(
      random_uniform(trial_->seed, machine_.index, Purpose::repair, fault_index(mode, renewals)));
}

}  // namespace foreline::factory
