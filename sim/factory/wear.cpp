// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/wear.hpp"

#include <algorithm>
#include <cmath>

#include "sim/line/random.hpp"

namespace foreline::factory {

using namespace line;

namespace {

std::uint64_t draw_index(const Wear& wear) {
  return 1000ULL * static_cast<std::uint64_t>(wear.mode) + wear.renewal;
}

/// The share of draws that lie below `value`: the quantile function inverted by bisection.
double share_below(const Distribution& distribution, double value) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (distribution.quantile(std::clamp(middle, 1e-15, 1 - 1e-15)) < value ? low : high) = middle;
  }
  return low;
}

}  // namespace

WearSet::WearSet(const Trial& trial, MachineId machine, double operating_s, std::size_t renewals)
    : trial_(&trial), machine_(machine) {
  const auto& modes = trial.line->at(machine).faults;
  for (std::size_t i = 0; i < modes.size(); ++i) {
    Wear wear;
    wear.kind = modes[i].kind;
    wear.mode = static_cast<int>(i);
    wear.renewal = renewals;
    const bool forecast =
        std::any_of(trial.hazards.begin(), trial.hazards.end(), [&](const Hazard& hazard) {
          return hazard.machine == machine && hazard.kind == wear.kind;
        });
    wear.forecast = forecast;
    if (!forecast && !trial.random_faults) continue;
    if (!forecast) {
      // A machine that has run for operating_s without onset draws from what is left of its life.
      const double u = random_uniform(trial.seed, machine.index, Purpose::onset, draw_index(wear));
      const double aged = operating_s > 0 ? share_below(modes[i].onset, operating_s) : 0.0;
      const double onset =
          modes[i].onset.quantile(std::clamp(aged + (1 - aged) * u, 1e-15, 1 - 1e-15));
      wear.onset_at = trial.from ? std::max(onset, operating_s) : onset * (1 - trial.wear_share);
      wear.fails_at = wear.onset_at;
      if (gives_warning(wear.kind)) {
        wear.fails_at += modes[i].progress.quantile(
            random_uniform(trial.seed, machine.index, Purpose::progress, draw_index(wear)));
      }
    }
    wears_.push_back(wear);
  }
}

double WearSet::next_failure() const {
  double next = never;
  for (const auto& wear : wears_) next = std::min(next, wear.fails_at);
  return next;
}

std::optional<std::size_t> WearSet::failed(double operating) const {
  const auto found = std::find_if(wears_.begin(), wears_.end(), [&](const Wear& w) {
    return w.fails_at <= operating + rounding_s;
  });
  if (found == wears_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - wears_.begin());
}

double WearSet::damage(FaultKind kind, double operating) const {
  double damage = 0;
  for (const auto& wear : wears_) {
    if (wear.kind != kind || operating < wear.onset_at) continue;
    const double span = wear.fails_at - wear.onset_at;
    damage = std::max(damage, span > 0 ? std::min(1.0, (operating - wear.onset_at) / span) : 1.0);
  }
  return damage;
}

void WearSet::begin(const ScriptedFault& fault, double operating) {
  Wear wear;
  wear.kind = fault.kind;
  wear.onset_at = operating;
  wear.fails_at = operating + (gives_warning(fault.kind) ? fault.fails_after_s : 0);
  wear.repair_s = fault.repair_s;
  wears_.push_back(wear);
}

void WearSet::redraw(std::uint64_t old_seed, double operating) {
  if (!trial_->random_faults) return;
  const auto rest_of = [&](const Distribution& life, double lived, Purpose purpose,
                           std::uint64_t index) {
    const double aged = lived > 0 ? share_below(life, lived) : 0.0;
    const double u = random_uniform(trial_->seed, machine_.index, purpose, index);
    return std::max(lived, life.quantile(std::clamp(aged + (1 - aged) * u, 1e-15, 1 - 1e-15)));
  };
  for (auto& wear : wears_) {
    if (wear.mode < 0 || wear.forecast || wear.onset_at == never) continue;
    const auto& mode = trial_->line->at(machine_).faults[static_cast<std::size_t>(wear.mode)];
    const auto index = draw_index(wear);
    const bool warns = gives_warning(wear.kind);
    if (wear.onset_at > operating) {
      const double born = wear.onset_at - mode.onset.quantile(random_uniform(
                                              old_seed, machine_.index, Purpose::onset, index));
      wear.onset_at = born + rest_of(mode.onset, operating - born, Purpose::onset, index);
      wear.fails_at = wear.onset_at;
      if (warns) wear.fails_at += rest_of(mode.progress, 0, Purpose::progress, index);
    } else if (warns && wear.fails_at > operating) {
      wear.fails_at = wear.onset_at +
                      rest_of(mode.progress, operating - wear.onset_at, Purpose::progress, index);
    }
  }
}

void WearSet::fail_now(FaultKind kind, double operating) {
  const auto found = std::find_if(wears_.begin(), wears_.end(),
                                  [&](const Wear& w) { return w.kind == kind && w.forecast; });
  if (found == wears_.end()) return;
  found->forecast = false;
  found->onset_at = operating;
  found->fails_at = operating;
}

void WearSet::renew(Wear& wear, double operating) {
  wear.record = -1;
  wear.forecast = false;
  if (wear.mode < 0 || !trial_->random_faults) {
    wear.onset_at = never;
    wear.fails_at = never;
    return;
  }
  const auto& mode = trial_->line->at(machine_).faults[static_cast<std::size_t>(wear.mode)];
  ++wear.renewal;
  wear.onset_at = operating + mode.onset.quantile(random_uniform(trial_->seed, machine_.index,
                                                                 Purpose::onset, draw_index(wear)));
  wear.fails_at = wear.onset_at;
  if (gives_warning(wear.kind)) {
    wear.fails_at += mode.progress.quantile(
        random_uniform(trial_->seed, machine_.index, Purpose::progress, draw_index(wear)));
  }
}

void WearSet::repaired(std::size_t position, double operating) {
  renew(wears_.at(position), operating);
}

void WearSet::serviced(double operating) {
  for (auto& wear : wears_) {
    if (gives_warning(wear.kind) && (wear.mode >= 0 || operating >= wear.onset_at))
      renew(wear, operating);
  }
}

double WearSet::repair_time(const Wear& wear) const {
  if (wear.repair_s > 0) return wear.repair_s;
  const auto& modes = trial_->line->at(machine_).faults;
  const auto found = std::find_if(modes.begin(), modes.end(),
                                  [&](const FaultMode& mode) { return mode.kind == wear.kind; });
  if (found == modes.end()) return 0;
  const auto mode = static_cast<std::uint64_t>(found - modes.begin());
  return found->repair.quantile(
      random_uniform(trial_->seed, machine_.index, Purpose::repair, 1000 * mode + wear.renewal));
}

double WearSet::unknown_repair_time(std::size_t renewals) const {
  const auto& modes = trial_->line->at(machine_).faults;
  auto life = [](const FaultMode& mode) {
    return mode.onset.expectation() + mode.progress.expectation();
  };
  const auto likely = std::min_element(
      modes.begin(), modes.end(), [&](const auto& a, const auto& b) { return life(a) < life(b); });
  if (likely == modes.end()) return 0;
  const auto mode = static_cast<std::uint64_t>(likely - modes.begin());
  return likely->repair.quantile(
      random_uniform(trial_->seed, machine_.index, Purpose::repair, 1000 * mode + renewals));
}

}  // namespace foreline::factory
