// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/input_quality.hpp"

#include <algorithm>
#include <cmath>

namespace foreline::core {

using namespace line;

namespace {

constexpr std::size_t looked_back = 11;
constexpr double outlier_units = 6;
constexpr double back_units = 3;
constexpr double gap_periods = 3;

}  // namespace

InputQuality::InputQuality(std::shared_ptr<const Line> line) : line_(std::move(line)) {
  begin();
}

void InputQuality::begin() {
  machines_.clear();
  for (const auto& machine : line_->machines) {
    auto& signals = machines_.emplace_back().signals;
    for (const auto& signal : machine.signals)
      signals.emplace_back().unit = inference::healthy_unit(signal);
  }
  since_s_ = seen_s_ = -1;
  frames_ = lost_ = 0;
}

void InputQuality::Signal::judge(double value) {
  if (before.size() == looked_back && unit > 0) {
    std::vector<float> sorted(before.begin(), before.end());
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(looked_back / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    const double away = std::abs(value - static_cast<double>(*middle)) / unit;
    if (apart == 1 && away < back_units) ++tally.spikes;
    apart = away > outlier_units ? apart + 1 : 0;
    if (apart > 0) ++tally.outliers;
  }
  before.push_back(static_cast<float>(value));
  if (before.size() > looked_back) before.pop_front();
}

/// What warms up after a pause is not far from what it was before.
void InputQuality::Signal::stands() {
  before.clear();
  apart = 0;
}

void InputQuality::Signal::since_good(double at_s, double period_s) {
  const double length_s = at_s - good_s;
  if (length_s <= gap_periods * period_s) return;
  if (!gap) ++tally.gaps;
  gap = true;
  if (length_s <= tally.longest_gap_s) return;
  tally.longest_gap_s = length_s;
  tally.longest_gap_at_s = good_s;
}

void InputQuality::take(const Frame& frame, const inference::History& seen) {
  if (!frame.connected || !std::isfinite(frame.at_s)) return;
  if (frame.at_s <= seen_s_) begin();
  const double period_s = line_->sample_period_s;
  if (since_s_ < 0)
    since_s_ = frame.at_s;
  else
    lost_ += static_cast<std::uint64_t>(
        std::max(0.0, std::round((frame.at_s - seen_s_) / period_s) - 1));
  seen_s_ = frame.at_s;
  ++frames_;
  for (std::uint32_t m = 0; m < machines_.size() && m < frame.machines.size(); ++m) {
    auto& machine = machines_[m];
    const bool runs = frame.machines[m].state == PackmlState::execute;
    if (!runs) machine.runs_since_s = -1;
    if (runs && machine.runs_since_s < 0) machine.runs_since_s = frame.at_s;
    const bool settled = runs && frame.at_s - machine.runs_since_s >= settles_after_s;
    for (std::uint32_t s = 0; s < machine.signals.size() && s < frame.machines[m].signals.size();
         ++s) {
      const auto& sample = frame.machines[m].signals[s];
      auto& signal = machine.signals[s];
      ++signal.tally.samples;
      ++signal.tally.by_quality.at(static_cast<std::size_t>(sample.quality));
      if (signal.good_s < 0) signal.good_s = frame.at_s;
      signal.since_good(frame.at_s, period_s);
      if (sample.quality != Quality::good || !std::isfinite(sample.value)) continue;
      signal.good_s = frame.at_s;
      signal.gap = false;
      if (runs && seen.is_stuck({m}, s)) ++signal.tally.stuck;
      if (settled)
        signal.judge(static_cast<double>(sample.value));
      else if (!runs)
        signal.stands();
    }
  }
}

}  // namespace foreline::core
