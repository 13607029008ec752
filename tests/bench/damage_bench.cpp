// SPDX-License-Identifier: Apache-2.0
// What a damaged sensor costs the forecasts of a simulated line. On each day one signal of every
// machine lies from the first frame, or from the middle of the day, on, a different one each day;
// nothing else is disturbed. One JSON object a damage, with the Brier skill of P(fault within 2 h)
// by kind and minute, against always saying the kind's share.
//
//   bench_damage LINE MODEL DAYS [FIRST_SEED]
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "inference/train/evaluation.hpp"
#include "inference/train/population.hpp"
#include "tests/bench/weeks.hpp"

using namespace foreline;
using namespace foreline::line;

namespace {

constexpr double horizon_s = 7200;
constexpr double unharmed_share_min = 0.8;  ///< Of the skill, that was asked for.

/// What becomes of a sample; `share` is of the day that has passed.
using Damage = std::function<void(Sample&, const Sample& before, const Signal&, double share)>;

void missing(Sample& sample, const Sample&, const Signal&, double) {
  sample = {};
}
void stuck(Sample& sample, const Sample& before, const Signal&, double share) {
  if (share > 0.5) sample.value = before.value;
}
void drifting(Sample& sample, const Sample&, const Signal& signal, double share) {
  sample.value += static_cast<float>(6 * inference::healthy_unit(signal) * share);
}
/// As plants take one unit for another: degrees Fahrenheit, inches, pounds, MPa, mA, ms.
void other_unit(Sample& sample, const Sample&, const Signal& signal, double) {
  switch (signal.kind) {
    case SignalKind::temperature:
      sample.value = 1.8F * sample.value + 32;
      break;
    case SignalKind::vibration:
      sample.value /= 25.4F;
      break;
    case SignalKind::torque:
      sample.value *= 0.7376F;
      break;
    case SignalKind::pressure:
      sample.value /= 10;
      break;
    case SignalKind::current:
    case SignalKind::cycle_time:
      sample.value *= 1000;
      break;
  }
}
void other_unit_from_noon(Sample& sample, const Sample& before, const Signal& signal,
                          double share) {
  if (share > 0.5) other_unit(sample, before, signal, share);
}

struct Named {
  const char* name;
  Damage damage;
};

void harm(Outcome& outcome, const Line& line, std::uint64_t day, const Damage& damage) {
  auto& frames = outcome.trace.frames;
  for (std::size_t m = 0; m < line.machines.size(); ++m) {
    const auto& signals = line.machines[m].signals;
    if (signals.empty()) continue;
    const auto s = (day + m) % signals.size();
    Sample before;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      auto& sample = frames[i].machines[m].signals[s];
      if (sample.quality != Quality::good) continue;
      damage(sample, before, signals[s],
             static_cast<double>(i) / static_cast<double>(frames.size()));
      // As the attachment has it.
      if (sample.value < signals[s].low || sample.value > signals[s].high)
        sample.quality = Quality::uncertain_out_of_range;
      before = sample;
    }
  }
}

struct Tally {
  std::array<double, fault_kind_count> windows{}, failed{};
  double squares = 0;
  double all = 0, available = 0, missing = 0;

  void take(const std::vector<inference::MachineDay>& machines,
            const inference::Forecaster& model) {
    for (const auto& machine : machines) {
      const auto forecasts = model.forecast(machine.windows);
      for (std::size_t i = 0; i < forecasts.size(); ++i) {
        if (machine.windows[i].kinds.none()) continue;
        all += 1;
        missing += static_cast<double>(machine.windows[i].missing_share);
        if (!forecasts[i].available) continue;
        available += 1;
        for (const auto& kind : forecasts[i].kinds) {
          const auto k = static_cast<std::size_t>(kind.kind);
          const auto& truth = machine.truth[i][k];
          const bool within = static_cast<double>(truth.after_s) <= horizon_s;
          if (within && !truth.happened) continue;
          const double came = within ? 1 : 0;
          windows[k] += 1;
          failed[k] += came;
          squares += std::pow(kind.probability_within(horizon_s) - came, 2);
        }
      }
    }
  }
  [[nodiscard]] double skill() const {
    double by_share = 0;
    for (std::size_t k = 0; k < windows.size(); ++k)
      if (windows[k] > 0) by_share += failed[k] * (1 - failed[k] / windows[k]);
    return by_share > 0 ? 1 - squares / by_share : 0;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: bench_damage LINE MODEL DAYS [FIRST_SEED]\n");
    return 2;
  }
  auto [line, forecaster, client] = bench::opened(argv[1], argv[2]);
  const auto days = std::strtoull(argv[3], nullptr, 10);
  const auto first = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 6'000'001;
  const std::vector<Named> all = {{"none", [](Sample&, const Sample&, const Signal&, double) {}},
                                  {"missing", missing},
                                  {"stuck from noon", stuck},
                                  {"drifts by six healthy units", drifting},
                                  {"in another unit", other_unit},
                                  {"in another unit from noon", other_unit_from_noon}};
  std::vector<Tally> tallies(all.size());
  inference::DayRules rules;
  rules.disturbed_share = 0;
  for (std::uint64_t day = 0; day < days; ++day) {
    const auto trial = inference::random_day(line, first + day, rules);
    const auto outcome = bench::run(client, trial);
    for (std::size_t d = 0; d < all.size(); ++d) {
      auto harmed = outcome;
      harm(harmed, *line, day, all[d].damage);
      tallies[d].take(inference::machine_days(trial, harmed, static_cast<std::uint32_t>(day)),
                      *forecaster);
    }
    fmt::print(stderr, "\r{} of {} days", day + 1, days);
  }
  fmt::print(stderr, "\n");
  const double clean = tallies.front().skill();
  for (std::size_t d = 0; d < all.size(); ++d) {
    const auto& tally = tallies[d];
    fmt::print(
        "{{\"bench\": \"damage\", \"damage\": \"{}\", \"days\": {}, \"first_seed\": {}, "
        "\"brier_skill\": "
        "{:.4f}, \"of_clean\": {:.3f}, \"wanted\": {}, \"forecasts\": {:.3f}, \"missing_share\": "
        "{:.3f}}}\n",
        all[d].name, days, first, tally.skill(), tally.skill() / clean, unharmed_share_min,
        tally.available / tally.all, tally.missing / tally.all);
  }
  return 0;
}
