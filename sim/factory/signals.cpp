// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/signals.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "sim/line/damage.hpp"
#include "sim/line/random.hpp"

namespace foreline::factory {

using namespace line;

namespace {

/// Response of a signal to damage d in 0..1, as the fault models' page states it: the level above
/// idle rises by linear d + root d sqrt(d) + square d^2 + cube d^3, the noise grows by unrest d.
/// Shapes follow the order in which such faults show on real machines: bearings first in vibration,
/// late in temperature; tools in force, current and cycle time; jams in unevenness.
struct Coefficients {
  double linear = 0;
  double root = 0;
  double square = 0;
  double cube = 0;
  double unrest = 0;
};

using Table = std::array<std::array<Coefficients, signal_kind_count>, fault_kind_count>;

constexpr Table responses = [] {
  Table table{};
  auto at = [&table](FaultKind fault, SignalKind signal) -> Coefficients& {
    return table[static_cast<std::size_t>(fault)][static_cast<std::size_t>(signal)];
  };
  using F = FaultKind;
  using S = SignalKind;
  at(F::bearing_wear, S::vibration) = {0.35, 0, 2.2, 0, 1.5};
  at(F::bearing_wear, S::temperature) = {0, 0, 0.15, 0.55, 0};
  at(F::bearing_wear, S::current) = {0, 0, 0.10, 0, 0};
  at(F::bearing_wear, S::torque) = {0, 0, 0.06, 0, 0.5};
  at(F::tool_wear, S::cycle_time) = {0, 0, 0, 0, 0.5};
  at(F::tool_wear, S::current) = {0, 0.28, 0, 0, 0.5};
  at(F::tool_wear, S::torque) = {0, 0.35, 0, 0, 0.5};
  at(F::tool_wear, S::vibration) = {0, 0, 0.30, 0, 0.8};
  at(F::tool_wear, S::temperature) = {0, 0, 0.08, 0, 0};
  at(F::jam, S::torque) = {0.10, 0, 0, 0, 6};
  at(F::jam, S::current) = {0.08, 0, 0, 0, 5};
  at(F::jam, S::pressure) = {-0.12, 0, 0, 0, 4};
  at(F::jam, S::vibration) = {0.25, 0, 0, 0, 2};
  at(F::jam, S::cycle_time) = {0, 0, 0, 0, 4};
  at(F::air_leak, S::pressure) = {-0.30, 0, 0, 0, 1};
  at(F::air_leak, S::cycle_time) = {0, 0, 0, 0, 0.5};
  at(F::air_leak, S::current) = {0.06, 0, 0, 0, 0};
  at(F::overheating, S::temperature) = {0.25, 0, 0.55, 0, 0};
  at(F::overheating, S::current) = {0, 0, 0.05, 0, 0};
  at(F::belt_slip, S::cycle_time) = {0, 0, 0, 0, 2};
  at(F::belt_slip, S::vibration) = {0.50, 0, 0.40, 0, 2};
  at(F::belt_slip, S::current) = {-0.10, 0, 0, 0, 1};
  at(F::belt_slip, S::torque) = {-0.15, 0, 0, 0, 2};
  at(F::belt_slip, S::temperature) = {0, 0, 0.12, 0, 0};
  at(F::misalignment, S::vibration) = {0.90, 0, 0, 0, 0.3};
  at(F::misalignment, S::temperature) = {0.18, 0, 0, 0, 0};
  at(F::misalignment, S::current) = {0.05, 0, 0, 0, 0};
  at(F::misalignment, S::torque) = {0, 0, 0, 0, 1};
  at(F::imbalance, S::vibration) = {1.60, 0, 0, 0, 0.2};
  at(F::imbalance, S::torque) = {0, 0, 0, 0, 0.8};
  at(F::filter_clogging, S::pressure) = {0, 0, -0.35, 0, 0.5};
  at(F::filter_clogging, S::current) = {0.12, 0, 0, 0, 0};
  at(F::filter_clogging, S::temperature) = {0, 0, 0.06, 0, 0};
  at(F::lubrication_loss, S::temperature) = {0.35, 0, 0, 0, 0};
  at(F::lubrication_loss, S::current) = {0.15, 0, 0, 0, 0};
  at(F::lubrication_loss, S::torque) = {0.20, 0, 0, 0, 0.5};
  at(F::lubrication_loss, S::vibration) = {0, 0, 0.40, 0, 0.5};
  at(F::winding_short, S::current) = {0, 0, 0.18, 0, 1};
  at(F::winding_short, S::temperature) = {0, 0, 0.30, 0, 0};
  at(F::winding_short, S::torque) = {0, 0, 0, 0, 0.8};
  at(F::gear_wear, S::vibration) = {0, 0.60, 0, 0, 2};
  at(F::gear_wear, S::torque) = {0.05, 0, 0, 0, 3};
  at(F::gear_wear, S::temperature) = {0, 0, 0.12, 0, 0};
  at(F::valve_stiction, S::pressure) = {-0.05, 0, 0, 0, 4};
  at(F::valve_stiction, S::cycle_time) = {0, 0, 0, 0, 5};
  return table;
}();

double wave(double at_s, double period_s, double phase) {
  return std::sin(2 * std::numbers::pi * (at_s / period_s + phase));
}

/// Time constants of usual sensors: what they are mounted on warms up, drives settle.
double usual_lag_s(SignalKind kind) {
  return kind == SignalKind::temperature ? 480 : kind == SignalKind::cycle_time ? 0.01 : 6;
}

/// Index of the noise of a sample; apart for every signal also beyond a million samples.
std::uint64_t noise_index(std::size_t position, std::uint64_t sample) {
  return sample < 1'000'000 ? 1'000'000 * position + sample
                            : (static_cast<std::uint64_t>(position + 1) << 40U) + sample;
}

}  // namespace

Response response(FaultKind fault, SignalKind signal, double damage) {
  if (damage <= 0) return {};
  const auto& c = responses[static_cast<std::size_t>(fault)][static_cast<std::size_t>(signal)];
  // The cycle time shows what the work itself loses.
  if (signal == SignalKind::cycle_time) return {line::slowdown(fault, damage), c.unrest * damage};
  const double d2 = damage * damage;
  return {c.linear * damage + c.root * damage * std::sqrt(damage) + c.square * d2 +
              c.cube * (d2 * damage),
          c.unrest * damage};
}

Sensors::Sensors(const Trial& trial, MachineId machine)
    : trial_(&trial),
      machine_(machine),
      faulty_(trial.sensor_faults.size(), std::numeric_limits<double>::quiet_NaN()) {
  const auto& signals = trial.line->at(machine).signals;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    auto key = [&](std::uint64_t what) {
      return random_uniform(trial.seed, machine.index, Purpose::ambient, 100 * i + what);
    };
    Sensor sensor;
    sensor.day_phase = key(0);
    sensor.hour_phase = key(1);
    // No two machines of a make are alike, and no load is constant.
    sensor.unit = 1 + 0.06 * std::clamp(normal_quantile(key(2)), -2.0, 2.0);
    sensor.load_period_s = 7'000 + 6'000 * key(3);
    sensor.load_phase = key(4);
    sensor.short_load_phase = key(5);
    sensor.lag_s = signals[i].lag_s >= 0 ? signals[i].lag_s : usual_lag_s(signals[i].kind);
    sensors_.push_back(sensor);
  }
}

double Sensors::target(const Signal& signal, std::size_t position, double at_s,
                       const Condition& condition) const {
  const auto& sensor = sensors_[position];
  const double ambient = signal.kind == SignalKind::temperature
                             ? 2.5 * wave(at_s, 86'400, sensor.day_phase) +
                                   0.8 * wave(at_s, 5'400, sensor.hour_phase) +
                                   (trial_->line->ambient_at(at_s) - 25)
                             : 0.0;
  if (signal.kind == SignalKind::cycle_time)
    return condition.cycle_s <= 0 ? signal.idle : condition.cycle_s;
  if (!condition.running) return signal.idle + ambient;
  double load = 1 + 0.03 * wave(at_s, sensor.load_period_s, sensor.load_phase) +
                0.02 * wave(at_s, 1'100, sensor.short_load_phase) +
                0.04 * (random_uniform(trial_->seed, machine_.index, Purpose::ambient,
                                       5'000 + 100 * position + condition.product) -
                        0.5);
  const auto& loads = trial_->line->at(machine_).product_load;
  if (condition.product < loads.size()) load *= loads[condition.product];
  double rise = 0;
  for (const auto kind : all_fault_kinds)
    rise += response(kind, signal.kind, condition.damage[static_cast<std::size_t>(kind)]).rise;
  rise *= signal.fault_rise;
  const double span = signal.normal - signal.idle;
  const double sway = signal.kind == SignalKind::temperature || signal.kind == SignalKind::pressure
                          ? 1 + (load - 1) * 0.4
                          : load;
  return signal.idle + ambient + span * sensor.unit * sway * (1 + rise);
}

Sample Sensors::lie(const Signal& signal, std::size_t position, double at_s, double elapsed_s,
                    std::uint64_t sample, double value) {
  auto dice = [&] {
    return random_uniform(trial_->seed, machine_.index, Purpose::sensor_fault,
                          noise_index(position, sample));
  };
  for (std::size_t i = 0; i < trial_->sensor_faults.size(); ++i) {
    const auto& fault = trial_->sensor_faults[i];
    if (fault.machine != machine_ || fault.signal != signal.name || at_s < fault.from_s ||
        at_s >= fault.until_s)
      continue;
    switch (fault.kind) {
      case SensorFaultKind::stuck:
        if (std::isnan(faulty_[i])) faulty_[i] = value;
        value = faulty_[i];
        break;
      case SensorFaultKind::drift:
        value += fault.magnitude * (at_s - fault.from_s) / 3600;
        break;
      case SensorFaultKind::spike:
        if (dice() < 0.1) value += fault.magnitude;
        break;
      case SensorFaultKind::dropout:
        return {std::numeric_limits<float>::quiet_NaN(), Quality::bad_sensor_failure};
      case SensorFaultKind::offset:
        value += fault.magnitude;
        break;
      case SensorFaultKind::noise:
        value += fault.magnitude * normal_quantile(dice());
        break;
      case SensorFaultKind::lag:
        if (std::isnan(faulty_[i])) faulty_[i] = value;
        if (fault.magnitude > 0)
          faulty_[i] += (value - faulty_[i]) * (1 - std::exp(-elapsed_s / fault.magnitude));
        value = faulty_[i];
        break;
      case SensorFaultKind::gain:
        value *= fault.magnitude;
        break;
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
    auto& sensor = sensors_[i];
    const double goal = target(signal, i, at_s, condition);
    // The first reading is of a machine that was warmed up before the line started.
    if (std::isnan(sensor.level)) {
      Condition warm = condition;
      warm.running = true;
      sensor.level = target(signal, i, at_s, warm);
    }
    sensor.level +=
        (goal - sensor.level) * (sensor.lag_s > 0 ? 1 - std::exp(-elapsed_s / sensor.lag_s) : 1.0);
    const bool held = signal.sampling_s > 0 && std::isfinite(sensor.read_at_s) &&
                      at_s - sensor.read_at_s < signal.sampling_s - 1e-9;
    if (!held) {
      double unrest = 1;
      if (condition.running) {
        for (const auto kind : all_fault_kinds)
          unrest +=
              signal.fault_unrest *
              response(kind, signal.kind, condition.damage[static_cast<std::size_t>(kind)]).unrest;
      }
      double value = sensor.level +
                     signal.noise * unrest *
                         normal_quantile(random_uniform(trial_->seed, machine_.index,
                                                        Purpose::noise, noise_index(i, sample)));
      if (signal.kind == SignalKind::cycle_time) value = std::max(value, 0.0);
      if (signal.resolution > 0) value = std::round(value / signal.resolution) * signal.resolution;
      sensor.value = value;
      sensor.read_at_s = at_s;
    }
    out.push_back(lie(signal, i, at_s, elapsed_s, sample, sensor.value));
  }
  return out;
}

}  // namespace foreline::factory
