// SPDX-License-Identifier: Apache-2.0
#include "inference/train/population.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "sim/line/distribution.hpp"
#include "sim/line/random.hpp"

namespace foreline::inference {

using namespace line;

namespace {

/// Draws of one seed, in order.
class Dice {
 public:
  explicit Dice(std::uint64_t seed, std::uint32_t stream) : seed_(seed), stream_(stream) {}
  double share() { return random_uniform(seed_, stream_, Purpose::training, index_++); }
  double between(double low, double high) { return low + (high - low) * share(); }
  /// Evenly on a logarithmic scale.
  double scale(double low, double high) { return low * std::pow(high / low, share()); }
  std::size_t below(std::size_t count) {
    return std::min(count - 1, static_cast<std::size_t>(share() * static_cast<double>(count)));
  }
  bool chance(double probability) { return share() < probability; }

 private:
  std::uint64_t seed_;
  std::uint32_t stream_;
  std::uint64_t index_ = 0;
};

Signal random_signal(SignalKind kind, double cycle_s, Dice& dice) {
  Signal signal;
  signal.kind = kind;
  signal.normal = dice.scale(0.5, 500);
  signal.idle = signal.normal * dice.between(0, 0.25);
  double noise_share = dice.scale(0.015, 0.09);
  if (kind == SignalKind::temperature) {
    signal.normal = dice.between(30, 90);
    signal.idle = dice.between(18, 26);
    noise_share = dice.scale(0.006, 0.02);
  } else if (kind == SignalKind::cycle_time) {
    signal.normal = cycle_s;
    signal.idle = 0;
    noise_share = dice.scale(0.008, 0.03);
  } else if (kind == SignalKind::pressure && dice.chance(0.2)) {
    signal.idle = signal.normal * 0.97;
  }
  signal.noise = signal.normal * noise_share;
  signal.resolution = dice.chance(0.1) ? 0 : signal.noise * dice.scale(0.02, 0.6);
  signal.low = kind == SignalKind::temperature ? -40 : 0;
  signal.high = signal.normal * dice.between(3, 12);
  return signal;
}

/// The usual life of a kind, as the fault models' page states it; hours, and how far it varies from
/// machine to machine.
struct UsualLife {
  double onset_shape = 1;  ///< Weibull; 1: exponential.
  double onset_h[2] = {};
  double progress_s = 0;  ///< 0: no warning.
  double progress_spread[2] = {};
  double repair_s = 0;
  double repair_spread = 0;
  double doubling_k = 0;
  double load_exponent = 0;
  FaultMode::Clock clock = FaultMode::Clock::operating;
};

UsualLife usual_life(FaultKind kind) {
  constexpr double hour = 3600;
  switch (kind) {
    case FaultKind::bearing_wear:
      return {2.2, {70, 300}, 6600, {0.15, 0.35}, 2700, 0.2};
    case FaultKind::tool_wear:
      return {2.8, {50, 160}, 9000, {0.15, 0.3}, 1500, 0.2};
    case FaultKind::jam:
      return {1, {25, 80}, 720, {0.2, 0.35}, 360, 0.3};
    case FaultKind::motor_trip:
      return {1, {250, 700}, 0, {}, 900, 0.25};
    case FaultKind::air_leak:
      return {1, {500, 1200}, 0.5 * hour, {0.2, 0.4}, 1200, 0.25};
    case FaultKind::overheating:
      return {1.5, {600, 1500}, 4 * hour, {0.2, 0.4}, 1800, 0.25, 10};
    case FaultKind::belt_slip:
      return {2, {400, 900}, 20 * hour, {0.2, 0.4}, 1200, 0.2};
    case FaultKind::misalignment:
      return {1, {900, 2500}, 60 * hour, {0.2, 0.4}, 3600, 0.25};
    case FaultKind::imbalance:
      return {1, {900, 2500}, 80 * hour, {0.2, 0.4}, 2700, 0.25};
    case FaultKind::filter_clogging:
      return {3, {200, 450}, 40 * hour, {0.15, 0.35}, 900, 0.2};
    case FaultKind::lubrication_loss:
      return {1, {450, 1100}, 20 * hour, {0.2, 0.4}, 1200, 0.25};
    case FaultKind::winding_short:
      return {1.5, {1300, 3000}, 30 * hour, {0.2, 0.4}, 4 * hour, 0.3, 10};
    case FaultKind::gear_wear:
      return {2.5, {1600, 4000}, 100 * hour, {0.15, 0.35}, 4 * hour, 0.3, 0, 2};
    case FaultKind::valve_stiction:
      return {1, {600, 1400}, 40 * hour, {0.2, 0.4}, 1200, 0.25};
    case FaultKind::controller_fault:
      return {1, {1000, 2500}, 0, {}, 1800, 0.4};
    case FaultKind::power_dip:
      return {1, {300, 900}, 0, {}, 600, 0.3, 0, 0, FaultMode::Clock::calendar};
  }
  return {};
}

FaultMode random_mode(FaultKind kind, Dice& dice) {
  const auto life = usual_life(kind);
  FaultMode mode;
  mode.kind = kind;
  // What takes days on one machine takes hours on another.
  const double pace = dice.scale(life.progress_s > 4 * 3600.0 ? 0.1 : 0.5, 1.8);
  auto lognormal = [](double mean, double share) {
    return Distribution{Distribution::Kind::lognormal, mean, mean * share, 0, 0};
  };
  const double onset_s = 3600 * dice.scale(life.onset_h[0], life.onset_h[1]);
  if (life.onset_shape == 1) {
    mode.onset = {Distribution::Kind::exponential, onset_s, 0, 0, 0};
  } else {
    mode.onset = {Distribution::Kind::weibull, onset_s, life.onset_shape, 0, 0};
  }
  if (life.progress_s > 0) {
    mode.progress = lognormal(life.progress_s * pace,
                              dice.between(life.progress_spread[0], life.progress_spread[1]));
  }
  mode.repair = lognormal(life.repair_s, life.repair_spread);
  mode.doubling_k = life.doubling_k;
  mode.load_exponent = life.load_exponent;
  mode.clock = life.clock;
  return mode;
}

/// Share of the machines whose line file has a mode of this kind.
double usual_share(FaultKind kind) {
  switch (kind) {
    case FaultKind::bearing_wear:
    case FaultKind::jam:
    case FaultKind::motor_trip:
      return 0.6;
    case FaultKind::tool_wear:
    case FaultKind::controller_fault:
      return 0.45;
    default:
      return 0.3;
  }
}

/// What a fault shows differs from machine to machine, and how much from sensor to sensor: some
/// rise without unrest, some are unquiet and hardly rise.
void vary_response(Line& line, std::uint64_t seed) {
  Dice dice(seed, 4);
  for (auto& machine : line.machines) {
    for (auto& signal : machine.signals) {
      signal.fault_rise = dice.scale(0.4, 2);
      signal.fault_unrest = dice.chance(0.3) ? 0 : dice.between(0, 1.5);
    }
  }
}

Machine random_machine(std::size_t products, Dice& dice) {
  Machine machine;
  const double cycle_s = dice.scale(2.5, 14);
  machine.cycle = {Distribution::Kind::normal, cycle_s, cycle_s * dice.between(0.01, 0.05), 0, 0};
  const double changeover_s = dice.between(0, 900);
  machine.changeover_s.assign(products, std::vector<double>(products, changeover_s));
  for (std::size_t p = 0; p < products; ++p) {
    machine.product_factor.push_back(dice.chance(0.3) ? dice.between(0.9, 1.15) : 1.0);
    machine.changeover_s[p][p] = 0;
  }
  machine.scrap_share = dice.between(0, 0.01);
  machine.service = Distribution::constant(600);
  machine.buffer_after = static_cast<std::uint32_t>(dice.below(30));
  std::array<int, signal_kind_count> copies{};
  for (std::size_t k = 0; k < signal_kind_count; ++k) {
    const auto kind = static_cast<SignalKind>(k);
    const double usual = kind == SignalKind::vibration ? 0.95 : 0.75;
    if (!dice.chance(usual)) continue;
    const int count = dice.chance(0.12) ? 2 : 1;
    for (int i = 0; i < count; ++i) {
      machine.signals.push_back(random_signal(kind, cycle_s, dice));
      machine.signals.back().name = fmt::format("{} {}", name_of(kind), ++copies[k]);
    }
  }
  if (machine.signals.empty())
    machine.signals.push_back(random_signal(SignalKind::vibration, cycle_s, dice));
  for (const auto kind : all_fault_kinds)
    if (dice.chance(usual_share(kind))) machine.faults.push_back(random_mode(kind, dice));
  return machine;
}

std::vector<Order> random_orders(const Line& line, double horizon_s, Dice& dice) {
  double slowest_s = 0;
  for (const auto& machine : line.machines)
    slowest_s = std::max(slowest_s, machine.cycle.expectation());
  std::vector<Order> orders;
  for (double work_s = 0; work_s < 1.1 * horizon_s;) {
    const double batch_s = dice.between(1500, 5400);
    work_s += batch_s;
    Order order;
    order.id = fmt::format("{}", orders.size() + 1);
    order.product = {static_cast<std::uint32_t>(dice.below(line.products.size()))};
    order.quantity = static_cast<std::uint32_t>(batch_s / slowest_s) + 1;
    orders.push_back(order);
  }
  return orders;
}

/// A fault that gives warning and that some machine can have; one that takes days from onset to
/// stop is hurried, so that a day sees its end.
std::optional<ScriptedFault> random_fault(const Line& line, double horizon_s, Dice& dice) {
  constexpr double longest_s = 4 * 3600;
  const auto machine = static_cast<std::uint32_t>(dice.below(line.machines.size()));
  std::vector<const FaultMode*> modes;
  for (const auto& mode : line.machines[machine].faults)
    if (gives_warning(mode.kind)) modes.push_back(&mode);
  if (modes.empty()) return std::nullopt;
  const auto& mode = *modes[dice.below(modes.size())];
  ScriptedFault fault;
  fault.machine = {machine};
  fault.kind = mode.kind;
  fault.fails_after_s = std::min(mode.progress.expectation(), longest_s) * dice.scale(0.45, 1.9);
  fault.at_s = dice.between(0.05, 0.85) * horizon_s;
  fault.repair_s = 1200;
  return fault;
}

/// None: the machine that was drawn has no signals.
std::optional<SensorFault> random_lie(const Line& line, double horizon_s, Dice& dice) {
  SensorFault lie;
  lie.machine = {static_cast<std::uint32_t>(dice.below(line.machines.size()))};
  const auto& signals = line.at(lie.machine).signals;
  if (signals.empty()) return std::nullopt;
  const auto& signal = signals[dice.below(signals.size())];
  lie.signal = signal.name;
  lie.kind = static_cast<SensorFaultKind>(dice.below(4));
  lie.from_s = dice.between(0.05, 0.9) * horizon_s;
  lie.until_s = lie.from_s + dice.scale(600, 4 * 3600.0);
  const double sign = dice.chance(0.7) ? 1 : -1;
  lie.magnitude = sign * (lie.kind == SensorFaultKind::drift
                              ? std::abs(signal.normal - signal.idle) * dice.scale(0.03, 0.5)
                              : signal.noise * dice.scale(5, 60));
  return lie;
}

/// Machines that have run for some time already, empty, at line time 0. Of the faults that take
/// long from onset to stop, twice as many are under way as on the average day.
LineNow aged(const Line& line, std::size_t orders, Dice& dice) {
  LineNow now;
  for (const auto& machine : line.machines) {
    double life_s = 3600 * 150.0;
    for (const auto& mode : machine.faults)
      if (gives_warning(mode.kind)) life_s = std::min(life_s, mode.onset.expectation());
    MachineNow m;
    m.operating_s = dice.between(0, 1.5) * life_s;
    m.renewals = 1;
    m.progress.resize(orders);
    for (const auto& mode : machine.faults) {
      ModeNow mode_now;
      mode_now.age_s = mode.clock == FaultMode::Clock::operating ? m.operating_s : 0;
      mode_now.renewals = 1;
      const double shown_s = gives_warning(mode.kind) ? mode.progress.expectation() : 0;
      const double under_way = 2 * shown_s / (shown_s + mode.onset.expectation());
      if (dice.chance(std::min(0.5, under_way))) mode_now.damage = dice.between(0.02, 0.98);
      m.modes.push_back(mode_now);
    }
    now.machines.push_back(m);
  }
  return now;
}

}  // namespace

Line random_line(std::uint64_t seed) {
  Dice dice(seed, 1);
  Line line;
  line.name = fmt::format("random {}", seed);
  const auto products = 1 + dice.below(4);
  for (std::size_t p = 0; p < products; ++p) line.products.push_back(fmt::format("p{}", p));
  const auto machines = 2 + dice.below(6);
  for (std::size_t m = 0; m < machines; ++m) {
    line.machines.push_back(random_machine(products, dice));
    line.machines.back().name = fmt::format("m{}", m);
  }
  line.crews = 1 + static_cast<std::uint32_t>(dice.below(3));
  constexpr std::array<double, 5> periods_s = {5, 10, 10, 15, 20};
  line.sample_period_s = periods_s[dice.below(periods_s.size())];
  return line;
}

Trial random_day(std::shared_ptr<const Line> line, std::uint64_t seed, const DayRules& rules) {
  Dice dice(seed, 2);
  Trial trial;
  trial.line = std::move(line);
  trial.seed = seed;
  trial.horizon_s = rules.horizon_s;
  trial.want_trace = true;
  auto orders = random_orders(*trial.line, trial.horizon_s, dice);
  for (std::uint32_t i = 0; i < orders.size(); ++i) trial.schedule.sequence.push_back({i});
  const double start = dice.share();
  if (start < 0.3) {
    trial.from = aged(*trial.line, orders.size(), dice);
  } else if (start < 0.7) {
    trial.wear_share = dice.share();
  }
  trial.orders = std::make_shared<const std::vector<Order>>(std::move(orders));
  if (dice.chance(rules.scripted_share)) {
    const auto count = 1 + dice.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      auto fault = random_fault(*trial.line, trial.horizon_s, dice);
      if (!fault) continue;
      fault->id = fmt::format("f{}", i);
      trial.faults.push_back(*fault);
    }
  }
  if (dice.chance(rules.disturbed_share)) {
    const auto count = 1 + dice.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      auto lie = random_lie(*trial.line, trial.horizon_s, dice);
      if (!lie) continue;
      lie->id = fmt::format("s{}", i);
      trial.sensor_faults.push_back(std::move(*lie));
    }
    if (dice.chance(0.5)) {
      const double from_s = dice.share() * trial.horizon_s;
      trial.communication_losses.push_back({"c", from_s, from_s + dice.scale(60, 2400)});
    }
  }
  return trial;
}

Trial Population::day(std::uint64_t seed) const {
  Dice dice(seed, 3);
  const bool random = lines.empty() || dice.chance(random_share);
  if (!random) return random_day(lines[seed % lines.size()], seed, rules);
  auto line = random_line(seed);
  if (varied_response) vary_response(line, seed);
  return random_day(std::make_shared<const Line>(std::move(line)), seed, rules);
}

Result<Done> for_each_day(const Population& population, std::uint64_t first_seed, std::size_t days,
                          const Simulate& simulate, const TakeDay& take,
                          const std::function<bool()>& stop) {
  constexpr std::size_t days_at_once = 16;
  for (std::size_t from = 0; from < days; from += days_at_once) {
    if (stop && stop()) return Error("stopped while simulating days", "nothing was written");
    std::vector<Trial> trials;
    for (std::size_t d = from; d < std::min(days, from + days_at_once); ++d)
      trials.push_back(population.day(first_seed + d));
    auto outcomes = simulate(trials);
    if (!outcomes) return outcomes.error();
    for (std::size_t i = 0; i < trials.size(); ++i) {
      if ((*outcomes)[i].valid())
        take(static_cast<std::uint32_t>(from + i), trials[i], (*outcomes)[i]);
    }
  }
  return Done{};
}

}  // namespace foreline::inference
