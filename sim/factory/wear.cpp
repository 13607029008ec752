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

/// How far the mode had come, if it is said; one that is being repaired has come to its end.
std::optional<ModeNow> mode_now(const MachineNow& machine, std::size_t mode) {
  const bool broken = machine.repairing == static_cast<std::int64_t>(mode);
  if (mode >= machine.modes.size() && !broken) return std::nullopt;
  auto now = mode < machine.modes.size() ? machine.modes[mode]
                                         : ModeNow{machine.operating_s, 0, -1, machine.renewals};
  if (broken) {
    now.damage = 1;
    now.left_s = 0;
  }
  return now;
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
    const auto known =
        trial.from ? mode_now(trial.from->machines.at(machine.index), i) : std::optional<ModeNow>();
    const bool worn = known && known->damage > 0;
    if (!wear.forecast && !trial.random_faults && !worn) continue;
    calendar_ = calendar_ || wear.calendar;
    if (!wear.forecast && known) {
      resume(wear, *known, wear.calendar ? start_s : operating_s);
    } else if (trial.random_faults) {
      const double progress_s = progress_of(wear);
      // A machine that has run for operating_s without a stop draws from what is left of its life.
      double age = trial.from ? (wear.calendar ? start_s : operating_s) - progress_s : 0.0;
      if (wear.forecast) age += forecast_clear_s;
      wear.life_s = life_beyond(
          mode.onset, age,
          random_uniform(trial.seed, machine.index, Purpose::onset, fault_index(i, renewals)));
      wear.onset_at = trial.from ? wear.life_s : wear.life_s * (1 - trial.wear_share);
      wear.fails_at = wear.onset_at + progress_s;
    }
    wears_.push_back(wear);
  }
}

double WearSet::progress_of(const Wear& wear) const {
  const auto mode = static_cast<std::size_t>(wear.mode);
  return gives_warning(wear.kind) ? modes()[mode].progress.quantile(random_uniform(
                                        trial_->seed, machine_.index, Purpose::progress,
                                        fault_index(mode, wear.renewal)))
                                  : 0.0;
}

/// Goes on where the mode stood; what is not known is drawn, given what is.
void WearSet::resume(Wear& wear, const ModeNow& now, double at) {
  wear.renewal = now.renewals;
  wear.rate = now.rate.value_or(1);
  keeps_rates_ = keeps_rates_ || now.rate;
  if (now.damage > 0) {
    const bool known = now.left_s >= 0 && now.damage < 1;
    const double span_s = known ? now.left_s / (1 - now.damage) : progress_of(wear);
    wear.onset_at = at - now.damage * span_s;
    wear.fails_at = at + (now.left_s >= 0 ? now.left_s : (1 - now.damage) * span_s);
    wear.life_s = std::max(0.0, now.age_s - now.damage * span_s);
    return;
  }
  const auto mode = static_cast<std::size_t>(wear.mode);
  wear.life_s = now.left_s >= 0
                    ? now.age_s + now.left_s
                    : life_beyond(modes()[mode].onset, now.age_s,
                                  random_uniform(trial_->seed, machine_.index, Purpose::onset,
                                                 fault_index(mode, wear.renewal)));
  wear.onset_at = at + (wear.life_s - now.age_s);
  wear.fails_at = wear.onset_at + progress_of(wear);
}

std::optional<std::size_t> WearSet::of_mode(std::size_t mode) const {
  for (std::size_t i = 0; i < wears_.size(); ++i)
    if (wears_[i].mode == static_cast<int>(mode)) return i;
  return std::nullopt;
}

double WearSet::next_dated() const {
  double next = never;
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

std::vector<ModeNow> WearSet::now(const Axes& axes, double operated_s,
                                  std::optional<double> worked_s) const {
  std::vector<ModeNow> all;
  for (std::size_t i = 0; i < modes().size(); ++i) {
    // Of several, a scripted one among them, the one that has come furthest.
    const Wear* shown = nullptr;
    for (const auto& wear : wears_) {
      if (wear.kind != modes()[i].kind) continue;
      if (shown == nullptr || damage_of(wear, axes) > damage_of(*shown, axes)) shown = &wear;
    }
    auto& now = all.emplace_back();
    now.age_s = operated_s;
    if (const auto own = of_mode(i))
      now.renewals = static_cast<std::uint32_t>(wears_[*own].renewal);
    if (shown == nullptr || shown->forecast || shown->onset_at == never) continue;
    Wear later = *shown;
    later.age_by((later.rate - 1) * worked_s.value_or(0));
    const double at = later.at(axes);
    now.damage = damage_of(later, axes);
    now.left_s = std::max(0.0, (now.damage > 0 ? later.fails_at : later.onset_at) - at);
    if (dependent_ && worked_s) now.rate = later.rate;
    if (later.mode >= 0) now.age_s = std::max(0.0, later.life_s - (later.onset_at - at));
  }
  return all;
}

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

void WearSet::set_each_rate(double load, const Axes& axes) {
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
