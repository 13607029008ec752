// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/drift.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace foreline::core {

using namespace line;

namespace {

constexpr double hour_s = 3600;

}  // namespace

Drift::Drift(std::shared_ptr<const Line> line) : line_(std::move(line)) {
  first_.push_back(0);
  for (const auto& machine : line_->machines)
    first_.push_back(first_.back() + machine.signals.size());
}

Drift::Hour& Drift::hour_at(double from_s) {
  if (hours_.empty() || hours_.back().from_s != from_s) {
    hours_.push_back({last() + 1, from_s, std::vector<Sum>(first_.back())});
    if (hours_.size() > hours_max) hours_.pop_front();
  }
  return hours_.back();
}

void Drift::take(const Frame& frame) {
  if (!frame.connected || !std::isfinite(frame.at_s)) return;
  const double from_s = hour_s * std::floor(frame.at_s / hour_s);
  for (std::size_t m = 0; m < frame.machines.size() && m < line_->machines.size(); ++m) {
    const auto& machine = frame.machines[m];
    if (machine.state != PackmlState::execute) continue;
    const auto count = std::min(machine.signals.size(), first_[m + 1] - first_[m]);
    for (std::size_t s = 0; s < count; ++s) {
      const auto& sample = machine.signals[s];
      if (sample.quality != Quality::good || !std::isfinite(sample.value)) continue;
      auto& sum = hour_at(from_s).sums[first_[m] + s];
      sum.samples += 1;
      sum.sum += static_cast<double>(sample.value);
    }
  }
}

void Drift::restore(const std::vector<HourlySum>& kept) {
  std::map<std::string, std::size_t> places;
  for (std::size_t m = 0; m < line_->machines.size(); ++m) {
    const auto& machine = line_->machines[m];
    for (std::size_t s = 0; s < machine.signals.size(); ++s)
      places[machine.name + "/" + machine.signals[s].name] = first_[m] + s;
  }
  std::map<std::int64_t, Hour> hours;
  for (const auto& row : kept) {
    const auto place = places.find(row.signal);
    if (place == places.end() || !(row.samples > 0) || !std::isfinite(row.sum)) continue;
    auto& hour = hours[row.number];
    hour.number = row.number;
    hour.from_s = row.from_s;
    hour.sums.resize(first_.back());
    hour.sums[place->second] = {row.samples, row.sum};
  }
  hours_.clear();
  for (auto& [number, hour] : hours) hours_.push_back(std::move(hour));
  while (hours_.size() > hours_max) hours_.pop_front();
}

std::vector<HourlySum> Drift::since(std::int64_t number) const {
  std::vector<HourlySum> found;
  for (const auto& hour : hours_) {
    if (hour.number < number) continue;
    for (std::size_t m = 0; m < line_->machines.size(); ++m) {
      const auto& machine = line_->machines[m];
      for (std::size_t s = 0; s < machine.signals.size(); ++s) {
        const auto& sum = hour.sums[first_[m] + s];
        if (sum.samples > 0)
          found.push_back({machine.name + "/" + machine.signals[s].name, hour.number, hour.from_s,
                           sum.samples, sum.sum});
      }
    }
  }
  return found;
}

std::vector<Drift::Shift> Drift::course(std::size_t machine, std::size_t signal) const {
  std::vector<Shift> found;
  const auto& known = line_->machines.at(machine).signals.at(signal);
  for (const auto& hour : hours_) {
    const auto& sum = hour.sums[first_[machine] + signal];
    if (sum.samples <= 0) continue;
    found.push_back({hour.from_s, known.noise > 0
                                      ? (sum.sum / sum.samples - known.normal) / known.noise
                                      : std::numeric_limits<double>::quiet_NaN()});
  }
  return found;
}

}  // namespace foreline::core
