// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/maintenance_log.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace foreline::core {

using namespace line;

namespace {

constexpr std::array<std::string_view, 3> names = {"breakdown", "service", "renewal"};

bool broke_down(PackmlState state) {
  switch (state) {
    case PackmlState::holding:
    case PackmlState::held:
    case PackmlState::unholding:
    case PackmlState::aborting:
    case PackmlState::aborted:
    case PackmlState::clearing:
      return true;
    default:
      return false;
  }
}
bool stopped(PackmlState state) {
  return state == PackmlState::stopping || state == PackmlState::stopped;
}

}  // namespace

std::string_view name_of(MaintenanceEntry::What what) {
  return names.at(static_cast<std::size_t>(what));
}

std::optional<MaintenanceEntry::What> maintenance_named(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names.at(i) == name) return static_cast<MaintenanceEntry::What>(i);
  return std::nullopt;
}

std::optional<double> MaintenanceLog::Summary::mtbf_s() const {
  if (breakdowns == 0) return std::nullopt;
  return operating_s / static_cast<double>(breakdowns);
}

std::optional<double> MaintenanceLog::Summary::mttr_s() const {
  if (repaired == 0) return std::nullopt;
  return down_s / static_cast<double>(repaired);
}

void MaintenanceLog::keep(Machine& machine, const MaintenanceEntry& entry) {
  machine.entries.push_back(entry);
  if (machine.entries.size() > entries_max) machine.entries.pop_front();
}

void MaintenanceLog::restore(std::size_t machine, MaintenanceEntry entry) {
  if (machine < machines_.size()) keep(machines_[machine], std::move(entry));
}

void MaintenanceLog::restore(std::size_t machine, const Summary& summary, double until_s) {
  machines_.at(machine).summary = summary;
  seen_s_ = std::max(seen_s_, until_s);
}

std::vector<MaintenanceLog::Ended> MaintenanceLog::take(
    const Frame& frame, std::int64_t wall_ns,
    const std::function<std::string(std::size_t machine)>& foreseen) {
  std::vector<Ended> ended;
  if (!frame.connected || !std::isfinite(frame.at_s)) return ended;
  const bool falls = frame.at_s < seen_s_;
  seen_s_ = frame.at_s;
  for (std::size_t m = 0; m < machines_.size() && m < frame.machines.size(); ++m) {
    const auto& seen = frame.machines[m];
    auto& machine = machines_[m];
    if (seen.state == PackmlState::undefined) continue;
    if (falls) {
      machine.open.reset();
      machine.left.reset();
      machine.renewals.reset();
      machine.summary = {};
    }
    auto& summary = machine.summary;
    if (summary.since_s < 0) summary.since_s = frame.at_s;
    const bool first = !machine.renewals;
    // A count that cannot be read is 0.
    const bool renewed = !first && seen.renewals != 0 && seen.renewals != *machine.renewals;
    if (!first) {
      const double ran_s = seen.operating_s - (renewed ? 0 : machine.operating_s);
      if (ran_s > 0) summary.operating_s += ran_s;
    }
    const bool down = broke_down(seen.state);
    const auto left = std::exchange(machine.left, std::nullopt);
    const auto end = [&](MaintenanceEntry entry, MaintenanceEntry::What what, double until_s) {
      entry.what = what;
      entry.until_s = until_s;
      entry.wall_ns = wall_ns;
      if (what == MaintenanceEntry::What::breakdown) {
        ++summary.repaired;
        summary.down_s += until_s - entry.from_s;
      } else if (what == MaintenanceEntry::What::service) {
        ++summary.services;
        summary.service_s += until_s - entry.from_s;
      }
      keep(machine, entry);
      ended.push_back({m, entry});
    };
    bool told = false;  // why it was renewed
    if (machine.open) {
      auto& open = *machine.open;
      const bool of_itself = open.what == MaintenanceEntry::What::breakdown;
      const bool over = of_itself ? !down : !stopped(seen.state);
      const bool serviced = seen.renewals != 0 && seen.renewals != machine.renewals_at_stop;
      told = of_itself || serviced;
      if (over) {
        if (of_itself || serviced)
          end(open, open.what, frame.at_s);
        else
          machine.left = open;
        machine.open.reset();
      }
    } else if (renewed && left) {
      end(*left, MaintenanceEntry::What::service, frame.at_s);
      told = true;
    } else if (renewed && !machine.entries.empty() && machine.entries.back().until_s >= 0 &&
               machine.entries.back().what == MaintenanceEntry::What::breakdown &&
               machine.renewals_at_stop == *machine.renewals) {
      told = true;  // its count came after the machine ran again
    }
    if (renewed && !told) {
      MaintenanceEntry unseen;
      unseen.from_s = frame.at_s;
      unseen.ran_s = machine.operating_s;
      end(unseen, MaintenanceEntry::What::renewal, frame.at_s);
    }
    const bool stands = down || stopped(seen.state);
    // Since when one stands that stood at the first glance is not known.
    machine.stood = stands && (first || machine.stood);
    if (!machine.open && stands && !machine.stood) {
      auto& open = machine.open.emplace();
      open.what = down ? MaintenanceEntry::What::breakdown : MaintenanceEntry::What::service;
      open.from_s = frame.at_s;
      open.ran_s = renewed ? seen.operating_s : std::max(seen.operating_s, machine.operating_s);
      machine.renewals_at_stop =
          told && renewed ? seen.renewals : machine.renewals.value_or(seen.renewals);
      if (down) {
        open.foreseen = foreseen(m);
        ++summary.breakdowns;
      }
    }
    if (first || seen.renewals != 0) machine.renewals = seen.renewals;
    machine.operating_s = seen.operating_s;
  }
  return ended;
}

std::vector<MaintenanceEntry> MaintenanceLog::entries(std::size_t machine) const {
  const auto& one = machines_.at(machine);
  std::vector<MaintenanceEntry> found(one.entries.begin(), one.entries.end());
  // Whether a stop was for a service shows at its end.
  if (one.open && one.open->what == MaintenanceEntry::What::breakdown) found.push_back(*one.open);
  return found;
}

}  // namespace foreline::core
