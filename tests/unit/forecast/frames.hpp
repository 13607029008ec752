// SPDX-License-Identifier: Apache-2.0
// A small line of one machine and frames for it, made by hand.
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/random.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::testing {

inline line::Signal signal_of(std::string name, line::SignalKind kind, double normal, double idle,
                              double noise) {
  return {std::move(name), kind, "", normal, idle, noise, noise / 20, -1000, 1000};
}

/// One machine "press" with vibration, temperature and current, whose bearing wears, which jams and
/// trips; a frame every 10 s.
inline std::shared_ptr<line::Line> small_line() {
  auto line = std::make_shared<line::Line>();
  line->name = "small";
  line->products = {"a"};
  line->sample_period_s = 10;
  auto& machine = line->machines.emplace_back();
  machine.name = "press";
  machine.cycle = line::Distribution::constant(5);
  machine.product_factor = {1};
  machine.changeover_s = {{0}};
  machine.signals = {signal_of("vibration", line::SignalKind::vibration, 3, 0.2, 0.2),
                     signal_of("temperature", line::SignalKind::temperature, 50, 22, 0.5),
                     signal_of("current", line::SignalKind::current, 10, 1, 0.2)};
  for (const auto kind :
       {line::FaultKind::bearing_wear, line::FaultKind::jam, line::FaultKind::motor_trip}) {
    auto& mode = machine.faults.emplace_back();
    mode.kind = kind;
    mode.onset = line::Distribution::constant(360'000);
    mode.progress = line::Distribution::constant(line::gives_warning(kind) ? 7200 : 0);
    mode.repair = line::Distribution::constant(1800);
  }
  return line;
}

/// Frames of a running machine: `level(signal, at_s)` plus the signal's own noise.
template <class Level>
std::vector<line::Frame> running_frames(const line::Line& line, double from_s, double until_s,
                                        Level level) {
  std::vector<line::Frame> frames;
  for (double at_s = from_s; at_s < until_s; at_s += line.sample_period_s) {
    line::Frame frame;
    frame.at_s = at_s;
    for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
      auto& machine = frame.machines.emplace_back();
      machine.state = line::PackmlState::execute;
      machine.operating_s = at_s;
      const auto& signals = line.machines[m].signals;
      for (std::size_t i = 0; i < signals.size(); ++i) {
        const double u = line::random_uniform(7, m, line::Purpose::noise,
                                              i * 1'000'000 + static_cast<std::uint64_t>(at_s));
        const double value = level(signals[i], at_s) + signals[i].noise * line::normal_quantile(u);
        machine.signals.push_back({static_cast<float>(value), line::Quality::good});
      }
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

inline double normal_level(const line::Signal& signal, double) {
  return signal.normal;
}

}  // namespace foreline::testing
