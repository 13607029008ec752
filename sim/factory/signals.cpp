// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/signals.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/line/random.hpp"

namespace foreline::factory {

using namespace line;

namespace {

/// Response of a signal to damage d in 0..1: relative rise of the level above idle, and growth of
/// the noise. Shapes follow the order in which such faults show on real machines: bearings first in
/// vibration, late in temperature; tools in force, current and cycle time; jams in unevenness.
struct Response {
  double rise = 0;
  double unrest = 0;
};

Response response(FaultKind fault, SignalKind signal, double d) {
  if (d <= 0) return {};
  const double d2 = d * d;
  const double d3 = d2 * d;
  switch (fault) {
    case FaultKind::bearing_wear:
      switch (signal) {
        case SignalKind::vibration:
          return {0.35 * d + 2.2 * d2, 1.5 * d};
        case SignalKind::temperature:
          return {0.15 * d2 + 0.55 * d3, 0};
        case SignalKind::current:
          return {0.10 * d2, 0};
        case SignalKind::torque:
          return {0.06 * d2, 0.5 * d};
        default:
          return {};
      }
    case FaultKind::tool_wear:
      switch (signal) {
        case SignalKind::cycle_time:
          return {0.12 * d * std::sqrt(d), 0.5 * d};
        case SignalKind::current:
          return {0.28 * d * std::sqrt(d), 0.5 * d};
        case SignalKind::torque:
          return {0.35 * d * std::sqrt(d), 0.5 * d};
        case SignalKind::vibration:
          return {0.30 * d2, 0.8 * d};
        case SignalKind::temperature:
          return {0.08 * d2, 0};
        default:
          return {};
      }
    case FaultKind::jam:
      switch (signal) {
        case SignalKind::torque:
          return {0.10 * d, 6 * d};
        case SignalKind::current:
          return {0.08 * d, 5 * d};
        case SignalKind::pressure:
          return {-0.12 * d, 4 * d};
        case SignalKind::vibration:
          return {0.25 * d, 2 * d};
        case SignalKind::cycle_time:
          return {0.04 * d, 4 * d};
        default:
          return {};
      }
    case FaultKind::motor_trip:
      return {};
  }
  return {};
}

double wave(double at_s, double period_s, double phase) {
  return std::sin(2 * std::numbers::pi * (at_s / period_s + phase));
}

}  // namespace

double slowdown(double tool_damage) {
  return 1 + 0.12 * tool_damage * std::sqrt(tool_damage);
}
double extra_scrap(double tool_damage) {
  return 0.06 * tool_damage * tool_damage;
}

Sensors::Sensors(const Trial& trial, MachineId machine)
    : trial_(&trial),
      machine_(machine),
      level_(trial.line->at(machine).signals.size(), std::numeric_limits<double>::quiet_NaN()),
      stuck_(trial.sensor_faults.size(), std::numeric_limits<double>::quiet_NaN()) {}

double Sensors::target(const Signal& signal, std::size_t position, double at_s,
                       const Condition& condition) const {
  auto key = [&](std::uint64_t what) {
    return random_uniform(trial_->seed, machine_.index, Purpose::ambient, 100 * position + what);
  };
  const double ambient = signal.kind == SignalKind::temperature
                             ? 2.5 * wave(at_s, 86'400, key(0)) + 0.8 * wave(at_s, 5'400, key(1))
                             : 0.0;
  if (signal.kind == SignalKind::cycle_time) {
    if (condition.cycle_s <= 0) return signal.idle;
  } else if (!condition.running) {
    return signal.idle + ambient;
  }
  // No two machines of a make are alike, and no load is constant.
  const double unit = 1 + 0.06 * std::clamp(normal_quantile(key(2)), -2.0, 2.0);
  const double load = 1 + 0.03 * wave(at_s, 7'000 + 6'000 * key(3), key(4)) +
                      0.02 * wave(at_s, 1'100, key(5)) +
                      0.04 * (random_uniform(trial_->seed, machine_.index, Purpose::ambient,
                                             5'000 + 100 * position + condition.product) -
                              0.5);
  double rise = 0;
  for (const auto kind : all_fault_kinds)
    rise += response(kind, signal.kind, condition.damage[static_cast<std::size_t>(kind)]).rise;
  if (signal.kind == SignalKind::cycle_time) return condition.cycle_s;
  const double span = signal.normal - signal.idle;
  const double sway = signal.kind == SignalKind::temperature || signal.kind == SignalKind::pressure
                          ? 1 + (load - 1) * 0.4
                          : load;
  return signal.idle + ambient + span * unit * sway * (1 + rise);
}

Sample Sensors::lie(const Signal& signal, std::size_t position, double at_s, std::uint64_t sample,
                    double value) {
  for (std::size_t i = 0; i < trial_->sensor_faults.size(); ++i) {
    const auto& fault = trial_->sensor_faults[i];
    if (fault.machine != machine_ || fault.signal != signal.name || at_s < fault.from_s ||
        at_s >= fault.until_s)
      continue;
    switch (fault.kind) {
      case SensorFaultKind::stuck:
        if (std::isnan(stuck_[i])) stuck_[i] = value;
        value = stuck_[i];
        break;
      case SensorFaultKind::drift:
        value += fault.magnitude * (at_s - fault.from_s) / 3600;
        break;
      case SensorFaultKind::spike:
        if (random_uniform(trial_->seed, machine_.index, Purpose::sensor_fault,
                           1'000'000 * position + sample) < 0.1)
          value += fault.magnitude;
        break;
      case SensorFaultKind::dropout:
        return {std::numeric_limits<float>::quiet_NaN(), Quality::bad_sensor_failure};
    }
  }
  value = std::clamp(value, signal.low, signal.high);
  return {static_cast<float>(value), Quality::good};
}

std::vector<Sample> Sensors::read(double at_s, double elapsed_s, std::uint64_t sample,
                                  const Condition& condition) {
  const auto& signals = trial_->line->at(machine_).signals;
  std::vector<Sample> out;
  out.reserve(signals.size());
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const auto& signal = signals[i];
    const double goal = target(signal, i, at_s, condition);
    const double lag_s = signal.kind == SignalKind::temperature  ? 480
                         : signal.kind == SignalKind::cycle_time ? 0.01
                                                                 : 6;
    // The first reading is of a machine that was warmed up before the line started.
    if (std::isnan(level_[i])) {
      Condition warm = condition;
      warm.running = true;
      level_[i] = target(signal, i, at_s, warm);
    }
    level_[i] += (goal - level_[i]) * (1 - std::exp(-elapsed_s / lag_s));
    double unrest = 1;
    if (condition.running) {
      for (const auto kind : all_fault_kinds)
        unrest +=
            response(kind, signal.kind, condition.damage[static_cast<std::size_t>(kind)]).unrest;
    }
    double value =
        level_[i] + signal.noise * unrest *
                        normal_quantile(random_uniform(trial_->seed, machine_.index, Purpose::noise,
                                                       1'000'000 * i + sample));
    if (signal.kind == SignalKind::cycle_time) value = std::max(value, 0.0);
    if (signal.resolution > 0) value = std::round(value / signal.resolution) * signal.resolution;
    out.push_back(lie(signal, i, at_s, sample, value));
  }
  return out;
}

}  // namespace foreline::factory
