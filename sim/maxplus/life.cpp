// SPDX-License-Identifier: Apache-2.0
#include "sim/maxplus/life.hpp"

#include <algorithm>
#include <cmath>

#include "sim/line/damage.hpp"
#include "sim/line/random.hpp"

namespace foreline::maxplus {

using namespace line;

namespace {

/// Operating times are sums; a microsecond is far below any cycle.
constexpr double rounding_s = 1e-6;

std::uint64_t place_of(std::size_t mode, std::size_t renewal) {
  return renewal < 1000 ? 1000ULL * mode + renewal
                        : ((static_cast<std::uint64_t>(mode) + 1) << 40U) + renewal;
}

/// The age at which the onset comes, given that it has not come up to `age`.
double onset_age(const Distribution& onset, double age, double u) {
  if (age <= 0) return onset.quantile(u);
  const double lived = onset.share_below(age);
  return std::max(age, onset.quantile(std::clamp(lived + (1 - lived) * u, 1e-15, 1 - 1e-15)));
}

double damage_of(const Fate& fate, double operating) {
  const double span = fate.fails_at - fate.onset_at;
  return span > 0 ? std::min(1.0, (operating - fate.onset_at) / span) : 1.0;
}

bool shows(FaultKind kind) {
  return line::slowdown(kind, 1) != 0 || line::extra_scrap(kind, 1) != 0;
}

/// Whether repairing it leaves the machine as new; a cleared jam or a reset motor does not.
bool makes_new(FaultKind kind) {
  return gives_warning(kind) && kind != FaultKind::jam;
}

}  // namespace

Life::Life(const Trial& trial, std::uint64_t seed, std::uint32_t machine)
    : trial_(&trial), machine_(&trial.line->machines[machine]), seed_(seed), number_(machine) {
  const auto* now = trial.from ? &trial.from->machines.at(machine) : nullptr;
  const double start_s = trial.from ? trial.from->at_s : 0;
  for (std::size_t i = 0; i < machine_->faults.size(); ++i) {
    const auto& mode = machine_->faults[i];
    Fate fate;
    fate.kind = mode.kind;
    fate.mode = static_cast<int>(i);
    fate.renewal = now != nullptr ? now->renewals : 0;
    bool forecast = false;
    for (const auto& hazard : trial.hazards) {
      if (hazard.machine.index != machine || hazard.kind != mode.kind) continue;
      forecast = true;
      fate.due_s = start_s + line::time_to_fault(
                                 hazard, random_uniform(seed, machine, Purpose::forecast,
                                                        static_cast<std::uint64_t>(hazard.kind)));
    }
    if (!forecast && !trial.random_faults) continue;
    if (trial.random_faults) {
      const double progress_s =
          gives_warning(mode.kind)
              ? mode.progress.quantile(draw(Purpose::progress, i, fate.renewal))
              : 0.0;
      double stopless_s = now != nullptr ? now->operating_s - progress_s : 0;
      if (forecast) stopless_s += line::forecast_clear_s;
      fate.life_s = onset_age(mode.onset, stopless_s, draw(Purpose::onset, i, fate.renewal));
      fate.onset_at = now != nullptr ? fate.life_s : fate.life_s * (1 - trial.wear_share);
      fate.fails_at = fate.onset_at + progress_s;
    }
    fates_.push_back(fate);
  }
  for (const auto& fault : trial.faults)
    if (fault.machine.index == machine) scripted_.push_back(&fault);
  std::stable_sort(scripted_.begin(), scripted_.end(),
                   [](const auto* a, const auto* b) { return a->at_s < b->at_s; });
}

double Life::draw(Purpose purpose, std::size_t mode, std::size_t renewal) const {
  return random_uniform(seed_, number_, purpose, place_of(mode, renewal));
}

double Life::slowdown(double operating) const {
  double sum = 0;
  for (const auto& fate : fates_)
    if (operating >= fate.onset_at) sum += line::slowdown(fate.kind, damage_of(fate, operating));
  return sum;
}

double Life::extra_scrap(double operating) const {
  double sum = 0;
  for (const auto& fate : fates_)
    if (operating >= fate.onset_at) sum += line::extra_scrap(fate.kind, damage_of(fate, operating));
  return sum;
}

double Life::damage(FaultKind kind, double operating) const {
  double most = 0;
  for (const auto& fate : fates_)
    if (fate.kind == kind && operating >= fate.onset_at)
      most = std::max(most, damage_of(fate, operating));
  return most;
}

Fate* Life::failed(double operating) {
  for (auto& fate : fates_)
    if (fate.fails_at <= operating + rounding_s) return &fate;
  return nullptr;
}

double Life::until_failure(double operating) const {
  double next = never;
  for (const auto& fate : fates_) next = std::min(next, fate.fails_at - operating);
  return next;
}

double Life::next_failure() const {
  double next = never;
  for (const auto& fate : fates_) next = std::min(next, fate.fails_at);
  return next;
}

double Life::silent_until() const {
  double silent = never;
  for (const auto& fate : fates_)
    if (shows(fate.kind)) silent = std::min(silent, fate.onset_at);
  return silent - 2 * rounding_s;
}

double Life::next_date() const {
  double next = scripted_.empty() ? never : scripted_.front()->at_s;
  for (const auto& fate : fates_) next = std::min(next, fate.due_s);
  return next;
}

void Life::come(double now, double operating) {
  for (auto& fate : fates_) {
    if (fate.due_s > now) continue;
    fate.due_s = never;
    fate.onset_at = fate.fails_at = operating;
  }
  while (!scripted_.empty() && scripted_.front()->at_s <= now) {
    const auto& fault = *scripted_.front();
    Fate fate;
    fate.kind = fault.kind;
    fate.onset_at = operating;
    fate.fails_at = operating + (gives_warning(fault.kind) ? fault.fails_after_s : 0);
    fate.repair_s = fault.repair_s;
    fates_.push_back(fate);
    scripted_.erase(scripted_.begin());
  }
}

double Life::calm_until(double operating) const {
  double calm = never;
  for (const auto& fate : fates_) {
    if (!shows(fate.kind)) {
      calm = std::min(calm, fate.fails_at);
    } else {
      if (operating >= fate.onset_at - rounding_s) return -never;
      calm = std::min(calm, fate.onset_at);
    }
  }
  return calm - 2 * rounding_s;
}

void Life::renew(Fate& fate, double operating, double kept_age_s) {
  fate.due_s = never;
  fate.onset_at = fate.fails_at = never;
  if (fate.mode < 0 || !trial_->random_faults) return;
  const auto number = static_cast<std::size_t>(fate.mode);
  const auto& mode = machine_->faults[number];
  ++fate.renewal;
  fate.life_s = onset_age(mode.onset, kept_age_s, draw(Purpose::onset, number, fate.renewal));
  fate.onset_at = operating + (fate.life_s - kept_age_s);
  fate.fails_at = fate.onset_at;
  if (gives_warning(fate.kind))
    fate.fails_at += mode.progress.quantile(draw(Purpose::progress, number, fate.renewal));
}

double Life::repair(Fate& fate, double operating, bool& renews) {
  double seconds = fate.repair_s;
  if (seconds <= 0) {
    const auto& modes = machine_->faults;
    const auto mode = std::find_if(modes.begin(), modes.end(),
                                   [&](const FaultMode& m) { return m.kind == fate.kind; });
    if (mode != modes.end())
      seconds = mode->repair.quantile(
          draw(Purpose::repair, static_cast<std::size_t>(mode - modes.begin()), fate.renewal));
  }
  renews = makes_new(fate.kind);
  renew(fate, operating, 0);
  return seconds;
}

void Life::serviced(double operating, double quality) {
  for (auto& fate : fates_) {
    if (!gives_warning(fate.kind) || (fate.mode < 0 && operating < fate.onset_at)) continue;
    // Kijima (1989), model II: a service takes its share from the whole age.
    const double age = fate.onset_at < never ? fate.life_s - (fate.onset_at - operating) : 0;
    renew(fate, operating, quality < 1 ? (1 - quality) * std::max(0.0, age) : 0);
  }
}

double Life::unknown_repair_s(std::size_t renewals) const {
  const auto& modes = machine_->faults;
  const auto life = [](const FaultMode& mode) {
    return mode.onset.expectation() + mode.progress.expectation();
  };
  const auto likely = std::min_element(
      modes.begin(), modes.end(), [&](const auto& a, const auto& b) { return life(a) < life(b); });
  if (likely == modes.end()) return 0;
  return likely->repair.quantile(
      draw(Purpose::repair, static_cast<std::size_t>(likely - modes.begin()), renewals));
}

}  // namespace foreline::maxplus
