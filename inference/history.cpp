// SPDX-License-Identifier: Apache-2.0
#include "inference/history.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <numbers>
#include <optional>
#include <utility>

namespace foreline::inference {

using namespace line;

namespace {

constexpr double last_s = 60;
constexpr double short_s = 300;
constexpr double long_s = 1800;
constexpr double spread_last_s = 120;
constexpr double trend_s = 4 * 3600;
constexpr std::size_t trend_blocks_min = 5;
constexpr double slope_block_s = 180;
constexpr double settle_s = 900;     ///< Running time after a renewal before learning.
constexpr double learn_s = 1200;     ///< Running time of which a baseline is learned.
constexpr double restart_s = 15;     ///< Signals follow the machine with a lag when it starts.
constexpr double mid_life_s = 3600;  ///< First seen older than this: its youth was missed.
constexpr double ready_s = 300;
constexpr double load_share = 0.03;      ///< Sway of load, as a share of the level above idle.
constexpr double file_tolerance = 0.2;   ///< Machines of a make differ by less than this share.
constexpr double renewal_tolerance = 3;  ///< Units by which a renewal may move a level.
constexpr int stuck_samples = 20;
constexpr int slip_samples = 6;  ///< In a row that only another unit explains, or no longer.

constexpr float not_known = std::numeric_limits<float>::quiet_NaN();

std::size_t samples_in(double seconds, double period_s) {
  return static_cast<std::size_t>(std::max(1.0, std::round(seconds / period_s)));
}

/// Samples whose mean or median is one point of a slope or trend; one, however slow they come.
struct Block {
  explicit Block(double period_s)
      : samples(samples_in(slope_block_s, period_s)),
        seconds(static_cast<double>(samples) * period_s) {}
  std::size_t samples;
  double seconds;
};

/// The known values among the newest `count` of `values`, oldest first.
std::vector<float> newest(const std::deque<float>& values, std::size_t count) {
  std::vector<float> known;
  const auto skip = values.size() > count ? values.size() - count : 0;
  for (auto i = skip; i < values.size(); ++i)
    if (std::isfinite(values[i])) known.push_back(values[i]);
  return known;
}

/// Mean without the lowest and highest fifth: one spike in ten samples does not move it.
double trimmed_mean(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  const auto cut = values.size() / 5;
  double sum = 0;
  for (auto i = cut; i < values.size() - cut; ++i) sum += values[i];
  return sum / static_cast<double>(values.size() - 2 * cut);
}

/// Standard deviation of white noise from successive differences: the mean of the lower 80 % of
/// |x[i+1] - x[i]|, which for normal noise of deviation s is 0.5587 sqrt(2) s.
double noise_of(const std::vector<float>& values) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < values.size(); ++i)
    steps.push_back(std::abs(static_cast<double>(values[i]) - static_cast<double>(values[i - 1])));
  if (steps.empty()) return 0;
  std::sort(steps.begin(), steps.end());
  const auto kept = std::max<std::size_t>(1, steps.size() * 4 / 5);
  double sum = 0;
  for (std::size_t i = 0; i < kept; ++i) sum += steps[i];
  return sum / static_cast<double>(kept) / (0.5587 * std::numbers::sqrt2);
}

struct Baseline {
  double level = 0;
  double noise = 0;
};

/// The least noise that measuring in steps can show, and never zero.
double noise_floor(const Signal& signal) {
  return std::max({signal.resolution * 0.3, std::abs(signal.normal) * 1e-4, 1e-9});
}

Baseline file_baseline(const Signal& signal) {
  return {signal.normal, std::max(signal.noise, noise_floor(signal))};
}

/// One healthy unit of deviation.
double unit_of(const Signal& signal, const Baseline& baseline) {
  return std::hypot(baseline.noise, load_share * (baseline.level - signal.idle));
}

/// A unit in which a signal may come by mistake: it shows scale x value + offset.
struct Conversion {
  SignalKind kind;
  double scale;
  double offset = 0;
  [[nodiscard]] double undone(double shown) const { return (shown - offset) / scale; }
};
constexpr std::array<Conversion, 15> conversions = {{
    {SignalKind::temperature, 1.8, 32},    // degrees Fahrenheit
    {SignalKind::temperature, 1, 273.15},  // kelvin
    {SignalKind::vibration, 1 / 25.4},     // inches a second
    {SignalKind::vibration, 25.4},
    {SignalKind::vibration, 1000},
    {SignalKind::vibration, 0.001},  // metres a second
    {SignalKind::current, 1000},     // milliamperes
    {SignalKind::current, 0.001},
    {SignalKind::torque, 1000},
    {SignalKind::torque, 0.001},
    {SignalKind::pressure, 14.504},     // pounds a square inch
    {SignalKind::pressure, 100},        // kilopascals
    {SignalKind::pressure, 0.1},        // megapascals
    {SignalKind::cycle_time, 1000},     // milliseconds
    {SignalKind::cycle_time, 1. / 60},  // minutes
}};

/// The unit that makes of what is shown a level of the healthy machine, where the file's does not.
const Conversion* slip_of(const Signal& signal, const Baseline& baseline, double shown) {
  const double near = file_tolerance * std::abs(baseline.level - signal.idle) + 4 * baseline.noise;
  const bool warms = signal.kind == SignalKind::temperature;
  const double from = warms ? signal.idle : baseline.level;
  const double low = std::min(from, baseline.level) - near;
  const double high = std::max(from, baseline.level) + near;
  if (shown > low && shown < high) return nullptr;
  for (const auto& unit : conversions)
    if (const double value = unit.undone(shown);
        unit.kind == signal.kind && value > low && value < high)
      return &unit;
  return nullptr;
}

/// One signal of one machine.
struct Channel {
  Baseline baseline;
  bool own = false;
  std::deque<float> running;   ///< Newest long_s of running; NaN where not Good.
  std::deque<bool> good;       ///< Beside MachineHistory::seen_s.
  std::deque<float> before;    ///< The trend_s before `running`, in means of a Block.
  std::vector<float> leaving;  ///< Of the next of these means.
  std::vector<float> learning;
  float previous = not_known;
  int repeats = 0;
  const Conversion* unit = nullptr;  ///< In which the signal comes; none: the file's.
  const Conversion* next_unit = nullptr;
  int next_unit_for = 0;  ///< Samples in a row.

  /// What is shown, in the unit of the file. A change of the unit counts once it has lasted, and
  /// only a jump is one: a fault comes slowly.
  float in_unit_of_file(const Signal& signal, float shown) {
    const auto* seen = slip_of(signal, baseline, static_cast<double>(shown));
    if (seen == unit) {
      next_unit_for = 0;
    } else if (next_unit_for == 0 || seen != next_unit) {
      const auto known =
          std::find_if(running.rbegin(), running.rend(), [](float v) { return std::isfinite(v); });
      const double last = known == running.rend() ? baseline.level : static_cast<double>(*known);
      const auto in = [&](const Conversion* of) {
        return of == nullptr ? static_cast<double>(shown) : of->undone(static_cast<double>(shown));
      };
      next_unit = seen;
      next_unit_for = std::abs(in(unit)-last) > std::abs(in(seen)-last) ? 1 : 0;
    } else if (++next_unit_for >= slip_samples) {
      unit = next_unit;
      next_unit_for = 0;
    }
    if (next_unit_for > 0) return not_known;
    return unit == nullptr ? shown : static_cast<float>(unit->undone(static_cast<double>(shown)));
  }

  /// Whether the sensor has shown one value for longer than its noise allows.
  bool stuck(const Signal& signal) const {
    return repeats >= stuck_samples && signal.noise > signal.resolution / 2;
  }

  /// Takes what has become too old for `running`, NaN or not.
  void leave(float value, const Block& block) {
    leaving.push_back(value);
    if (leaving.size() < block.samples) return;
    double sum = 0;
    std::size_t known = 0;
    for (const float v : leaving) {
      if (!std::isfinite(v)) continue;
      sum += static_cast<double>(v);
      ++known;
    }
    before.push_back(known > 0 ? static_cast<float>(sum / static_cast<double>(known)) : not_known);
    if (before.size() > samples_in(trend_s, block.seconds)) before.pop_front();
    leaving.clear();
  }

  void learn(const Signal& signal, std::size_t wanted) {
    if (learning.size() >= wanted / 2) {
      const Baseline learned{trimmed_mean(learning), noise_of(learning)};
      const auto prior = file_baseline(signal);
      const double moved = std::abs(learned.level - baseline.level);
      const double allowed =
          own ? renewal_tolerance * unit_of(signal, baseline)
              : file_tolerance * std::abs(signal.normal - signal.idle) + 4 * prior.noise;
      if (moved <= allowed) {
        baseline = {learned.level, std::clamp(learned.noise, prior.noise / 2, prior.noise * 4)};
        own = true;
      }
    }
    learning.clear();
  }
};

float level_against(const Channel& channel, const Signal& signal, std::size_t count) {
  auto values = newest(channel.running, count);
  if (values.size() < std::max<std::size_t>(2, count / 3)) return not_known;
  return static_cast<float>((trimmed_mean(std::move(values)) - channel.baseline.level) /
                            unit_of(signal, channel.baseline));
}

float spread_against(const Channel& channel, const Signal& signal, std::size_t count) {
  const auto values = newest(channel.running, count);
  if (values.size() < std::max({std::size_t{2}, std::min<std::size_t>(count, 8), count / 3}))
    return not_known;
  return static_cast<float>(
      std::log2(std::max(noise_of(values), noise_floor(signal) / 2) / channel.baseline.noise));
}

float trend_against(const Channel& channel, const Signal& signal, std::size_t count) {
  auto before = newest(channel.before, channel.before.size());
  if (before.size() < trend_blocks_min) return not_known;
  const double then = (trimmed_mean(std::move(before)) - channel.baseline.level) /
                      unit_of(signal, channel.baseline);
  return level_against(channel, signal, count) - static_cast<float>(then);
}

/// Least squares through the medians of blocks, so that spikes don't tilt it.
float slope_against(const Channel& channel, const Signal& signal, const Block& of) {
  const auto& running = channel.running;
  const auto block = of.samples;
  std::vector<std::pair<double, double>> points;  // (blocks ago, level)
  for (std::size_t b = 0; (b + 1) * block <= running.size(); ++b) {
    const auto until = running.end() - static_cast<std::ptrdiff_t>(b * block);
    std::vector<float> values;
    std::copy_if(until - static_cast<std::ptrdiff_t>(block), until, std::back_inserter(values),
                 [](float v) { return std::isfinite(v); });
    if (values.size() < std::max<std::size_t>(1, block / 3)) continue;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    points.emplace_back(-static_cast<double>(b), *middle);
  }
  if (points.size() < 4) return not_known;
  double mean_x = 0;
  double mean_y = 0;
  for (const auto& [x, y] : points) {
    mean_x += x;
    mean_y += y;
  }
  mean_x /= static_cast<double>(points.size());
  mean_y /= static_cast<double>(points.size());
  double xx = 0;
  double xy = 0;
  for (const auto& [x, y] : points) {
    xx += (x - mean_x) * (x - mean_x);
    xy += (x - mean_x) * (y - mean_y);
  }
  return static_cast<float>(xy / xx * (long_s / of.seconds) / unit_of(signal, channel.baseline));
}

}  // namespace

double healthy_unit(const Signal& signal) {
  return unit_of(signal, file_baseline(signal));
}

struct History::MachineHistory {
  const Machine* machine = nullptr;
  double period_s = 10;
  std::vector<Channel> channels;
  std::deque<double> seen_s;   ///< Times of the frames of the last long_s.
  std::deque<bool> executing;  ///< Beside seen_s.
  std::optional<double> first_s;
  double newest_s = 0;
  double operating_s = 0;
  std::optional<std::uint32_t> renewals;
  bool mid_life = false;
  double run_since_renewal_s = 0;
  double run_since_start_s = 0;
  bool learned = false;

  void renew(const MachineFrame& frame) {
    const bool first = !renewals;
    renewals = frame.renewals;
    mid_life = frame.operating_s > mid_life_s;
    run_since_renewal_s = 0;
    learned = false;
    if (first) return;
    for (auto& channel : channels) {
      channel.running.clear();
      channel.before.clear();
      channel.leaving.clear();
      channel.learning.clear();
    }
  }

  void take(const MachineFrame& frame, std::vector<float>& values) {
    // Nobody sees it, so nobody knows that it was renewed or has stopped.
    if (frame.state == PackmlState::undefined) return;
    if (renewals != frame.renewals) renew(frame);
    operating_s = frame.operating_s;
    if (frame.state != PackmlState::execute) {
      run_since_start_s = 0;
      return;
    }
    run_since_start_s += period_s;
    if (run_since_start_s <= restart_s) return;
    run_since_renewal_s += period_s;
    const bool learning = !learned && !mid_life && run_since_renewal_s > settle_s;
    const auto wanted = samples_in(learn_s, period_s);
    for (std::size_t i = 0; i < channels.size(); ++i) {
      auto& channel = channels[i];
      channel.running.push_back(values[i]);
      if (channel.running.size() > samples_in(long_s, period_s)) {
        channel.leave(channel.running.front(), Block(period_s));
        channel.running.pop_front();
      }
      if (learning && std::isfinite(values[i])) channel.learning.push_back(values[i]);
    }
    if (learning && run_since_renewal_s >= settle_s + learn_s) {
      for (std::size_t i = 0; i < channels.size(); ++i)
        channels[i].learn(machine->signals[i], wanted);
      learned = true;
    }
  }

  void add(double at_s, const MachineFrame* frame) {
    if (!first_s) first_s = at_s;
    newest_s = at_s;
    const bool executes = frame != nullptr && frame->state == PackmlState::execute;
    seen_s.push_back(at_s);
    executing.push_back(executes);
    std::vector<float> values(channels.size(), not_known);
    for (std::size_t i = 0; i < channels.size(); ++i) {
      auto& channel = channels[i];
      if (frame != nullptr && i < frame->signals.size()) {
        const auto& sample = frame->signals[i];
        if (sample.quality == Quality::good && std::isfinite(sample.value))
          values[i] = sample.value;
      }
      if (executes && std::isfinite(values[i])) {
        channel.repeats = values[i] == channel.previous ? channel.repeats + 1 : 0;
        channel.previous = values[i];
        if (channel.stuck(machine->signals[i])) {
          if (channel.repeats == stuck_samples) {  // the samples that looked alive were not
            const auto back = std::min<std::size_t>(stuck_samples, channel.running.size());
            std::fill(channel.running.end() - static_cast<std::ptrdiff_t>(back),
                      channel.running.end(), not_known);
          }
          values[i] = not_known;
        }
      }
      bool good = std::isfinite(values[i]);
      if (executes && good) {
        values[i] = channel.in_unit_of_file(machine->signals[i], values[i]);
        good = std::isfinite(values[i]) && channel.unit == nullptr;
      }
      channel.good.push_back(good);
    }
    while (!seen_s.empty() && seen_s.front() <= at_s - long_s) {
      seen_s.pop_front();
      executing.pop_front();
      for (auto& channel : channels) channel.good.pop_front();
    }
    if (frame != nullptr) take(*frame, values);
  }

  /// Frames that a complete last half hour (or life, if shorter) would have had.
  double expected() const {
    const double span_s = std::min(long_s, newest_s - *first_s + period_s);
    return std::max(static_cast<double>(seen_s.size()), std::round(span_s / period_s));
  }

  SignalStatistics statistics(const Channel& channel, const Signal& signal) const {
    SignalStatistics s;
    s.kind = signal.kind;
    s.good_share = static_cast<float>(
        static_cast<double>(std::count(channel.good.begin(), channel.good.end(), true)) /
        expected());
    if (channel.stuck(signal)) return s;
    s.last = level_against(channel, signal, samples_in(last_s, period_s));
    s.mean_short = level_against(channel, signal, samples_in(short_s, period_s));
    s.mean_long = level_against(channel, signal, samples_in(long_s, period_s));
    s.slope_long = slope_against(channel, signal, Block(period_s));
    s.trend = trend_against(channel, signal, samples_in(long_s, period_s));
    s.spread_last = spread_against(channel, signal, samples_in(spread_last_s, period_s));
    s.spread_short = spread_against(channel, signal, samples_in(short_s, period_s));
    s.spread_ratio = spread_against(channel, signal, samples_in(long_s, period_s));
    s.known = std::isfinite(s.last) || std::isfinite(s.mean_short);
    return s;
  }
};

History::History(std::shared_ptr<const Line> line) : line_(std::move(line)) {
  for (const auto& machine : line_->machines) {
    auto& history = machines_.emplace_back();
    history.machine = &machine;
    history.period_s = line_->sample_period_s;
    for (const auto& signal : machine.signals)
      history.channels.emplace_back().baseline = file_baseline(signal);
  }
}

History::History(History&&) noexcept = default;
History& History::operator=(History&&) noexcept = default;
History::~History() = default;

void History::add(const Frame& frame) {
  for (std::size_t m = 0; m < machines_.size(); ++m) {
    auto& machine = machines_[m];
    if (machine.first_s && frame.at_s <= machine.newest_s) continue;
    const bool arrived = frame.connected && m < frame.machines.size();
    machine.add(frame.at_s, arrived ? &frame.machines[m] : nullptr);
  }
}

void History::take_over(History&& former) {
  for (auto& machine : machines_) {
    const auto same =
        std::find_if(former.machines_.begin(), former.machines_.end(), [&](const auto& other) {
          return other.machine != nullptr && *other.machine == *machine.machine &&
                 other.period_s == machine.period_s;
        });
    if (same == former.machines_.end()) continue;
    const auto* own = machine.machine;
    machine = std::move(*same);
    machine.machine = own;
    same->machine = nullptr;
  }
}

bool History::is_stuck(MachineId id, std::uint32_t signal) const {
  return machines_.at(id.index).channels.at(signal).stuck(line_->at(id).signals.at(signal));
}

Window History::window(MachineId id) const {
  const auto& machine = machines_.at(id.index);
  Window window;
  window.machine = id;
  for (const auto& mode : line_->at(id).faults)
    window.kinds.set(static_cast<std::size_t>(mode.kind));
  if (!machine.first_s) {
    window.why_not = "no frame has arrived";
    return window;
  }
  window.at_s = machine.newest_s;
  window.operating_h = static_cast<float>(machine.operating_s / 3600);
  const double expected = machine.expected();
  window.execute_share = static_cast<float>(
      static_cast<double>(std::count(machine.executing.begin(), machine.executing.end(), true)) /
      expected);
  double good = 0;
  std::size_t own = 0;
  std::size_t ran = 0;
  for (std::size_t i = 0; i < machine.channels.size(); ++i) {
    const auto& channel = machine.channels[i];
    window.signals.push_back(machine.statistics(channel, machine.machine->signals[i]));
    good += static_cast<double>(window.signals.back().good_share);
    own += channel.own ? 1 : 0;
    ran = std::max(ran, channel.running.size());
  }
  const auto count = machine.channels.size();
  if (count == 0) {
    window.why_not = "the machine has no signals";
    return window;
  }
  window.missing_share =
      static_cast<float>(std::clamp(1 - good / static_cast<double>(count), 0., 1.));
  window.own_baseline = 2 * own > count;
  if (machine.newest_s - *machine.first_s + machine.period_s < ready_s) {
    window.why_not = "watched for less than 5 min";
  } else if (ran < samples_in(last_s, machine.period_s)) {
    window.why_not = "has run for less than a minute since it was first seen or renewed";
  } else {
    window.ready = true;
  }
  return window;
}

}  // namespace foreline::inference
