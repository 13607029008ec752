// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "sim/plan/planner.hpp"

namespace foreline::plan {

using namespace line;

namespace {

constexpr double windows = 16;
constexpr double window_least_s = 600;

/// Parts that have left the line by the end of each window: those of an order leave evenly while
/// the last machines work on it.
std::vector<double> leaving(const Request& request, const Outcome& outcome, double window_s,
                            std::size_t count) {
  const auto takers = request.line->takers();
  std::vector<double> work_s(request.orders->size(), 0);
  const auto counts = [&](const Occupation& bar) {
    return bar.what == Occupation::What::work &&
           takers[request.line->buffer_of(bar.machine.index)] == 0;
  };
  for (const auto& bar : outcome.gantt)
    if (counts(bar)) work_s[bar.order.index] += bar.until_s - bar.from_s;
  std::vector<double> parts(count, 0);
  for (const auto& bar : outcome.gantt) {
    if (!counts(bar) || work_s[bar.order.index] <= 0) continue;
    const double a_second = outcome.orders[bar.order.index].good / work_s[bar.order.index];
    for (std::size_t w = 0; w < count; ++w) {
      const double until_s = request.now.at_s + window_s * static_cast<double>(w + 1);
      parts[w] += a_second * std::clamp(until_s - bar.from_s, 0.0, bar.until_s - bar.from_s);
    }
  }
  return parts;
}

/// The last of the machines from which parts leave the line.
bool is_sink(const Line& line, const std::vector<std::uint32_t>& takers, std::uint32_t machine) {
  return takers[line.buffer_of(machine)] == 0;
}

}  // namespace

Band band_of(const Request& request, std::span<const Outcome> futures) {
  Band band;
  band.window_s = std::max(window_least_s, request.horizon_s / windows);
  const auto count = static_cast<std::size_t>(request.horizon_s / band.window_s);
  std::vector<std::vector<double>> all;
  for (const auto& future : futures)
    if (future.valid()) all.push_back(leaving(request, future, band.window_s, count));
  for (std::size_t w = 0; w < count && !all.empty(); ++w) {
    std::vector<double> values;
    for (const auto& parts : all) values.push_back(parts[w]);
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(values.size() - 1);
    // One part either way: it is not known exactly when within its work a part leaves.
    band.low.push_back(values[static_cast<std::size_t>(0.025 * last)] - 1);
    band.high.push_back(values[static_cast<std::size_t>(std::ceil(0.975 * last))] + 1);
  }
  return band;
}

std::vector<FinishBand> finish_bands(const Request& request, std::span<const Outcome> futures) {
  std::vector<FinishBand> bands;
  for (std::uint32_t o = 0; o < request.orders->size(); ++o) {
    if (is_finished(*request.line, request.now, (*request.orders)[o], o)) continue;
    std::vector<double> ends_s;
    for (const auto& future : futures) {
      if (!future.valid()) continue;
      const double finished_s = future.orders[o].finished_s;
      ends_s.push_back(finished_s >= 0 ? finished_s : std::numeric_limits<double>::infinity());
    }
    if (ends_s.empty()) continue;
    std::sort(ends_s.begin(), ends_s.end());
    const auto last = static_cast<double>(ends_s.size() - 1);
    bands.push_back({{o},
                     ends_s[static_cast<std::size_t>(0.05 * last)],
                     ends_s[static_cast<std::size_t>(std::ceil(0.95 * last))]});
  }
  return bands;
}

std::vector<WorkSpan> work_spans(std::span<const Outcome> futures) {
  std::map<std::pair<MachineId, OrderId>, std::pair<std::vector<double>, std::vector<double>>> all;
  std::size_t valid = 0;
  for (const auto& future : futures) {
    if (!future.valid()) continue;
    ++valid;
    std::map<std::pair<MachineId, OrderId>, std::pair<double, double>> here;
    for (const auto& bar : future.gantt) {
      if (bar.what != Occupation::What::work) continue;
      const auto [at, fresh] =
          here.try_emplace({bar.machine, bar.order}, std::pair{bar.from_s, bar.until_s});
      if (fresh) continue;
      at->second.first = std::min(at->second.first, bar.from_s);
      at->second.second = std::max(at->second.second, bar.until_s);
    }
    for (const auto& [pair, times] : here) {
      all[pair].first.push_back(times.first);
      all[pair].second.push_back(times.second);
    }
  }
  std::vector<WorkSpan> spans;
  for (auto& [pair, times] : all) {
    if (2 * times.first.size() < valid) continue;
    const auto at = [](std::vector<double>& sorted, double share) {
      return sorted[static_cast<std::size_t>(
          std::lround(share * static_cast<double>(sorted.size() - 1)))];
    };
    std::sort(times.first.begin(), times.first.end());
    std::sort(times.second.begin(), times.second.end());
    spans.push_back({pair.first, pair.second, at(times.first, 0.1), at(times.first, 0.5),
                     at(times.first, 0.9), at(times.second, 0.1), at(times.second, 0.5),
                     at(times.second, 0.9)});
  }
  return spans;
}

double parts_off(const Line& line, const LineNow& now) {
  const auto takers = line.takers();
  double parts = 0;
  for (std::uint32_t m = 0; m < now.machines.size(); ++m) {
    if (!is_sink(line, takers, m)) continue;
    for (const auto& progress : now.machines[m].progress)
      parts += static_cast<double>(progress.good) * line.machines[m].gives;
  }
  return parts;
}

bool is_finished(const Line& line, const LineNow& now, const Order& order, std::size_t position) {
  const auto takers = line.takers();
  std::uint64_t gone = 0;
  for (std::uint32_t m = 0; m < now.machines.size(); ++m) {
    const auto& progress = now.machines[m].progress;
    if (position >= progress.size()) return false;
    gone += progress[position].scrap + (is_sink(line, takers, m) ? progress[position].good : 0U);
  }
  return gone >= order.quantity;
}

}  // namespace foreline::plan
