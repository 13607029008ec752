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

/// Of the futures that leave a band, on each of its sides.
constexpr double outside_share = 0.025;

/// The highest border, one value a window, below which no more than the allowed share of futures
/// ever come, each measured on the others; the lowest of all where there is none.
std::vector<double> lower_border(const std::vector<std::vector<double>>& futures) {
  const auto windows_of_each = futures.front().size();
  std::vector<std::vector<double>> sorted(windows_of_each);
  for (std::size_t w = 0; w < windows_of_each; ++w) {
    for (const auto& future : futures) sorted[w].push_back(future[w]);
    std::sort(sorted[w].begin(), sorted[w].end());
  }
  const auto leaves = [&](const std::vector<double>& future, std::size_t rank) {
    for (std::size_t w = 0; w < windows_of_each; ++w)
      if (future[w] <= sorted[w][rank] && future[w] < sorted[w][rank + 1]) return true;
    return false;
  };
  const auto allowed =
      static_cast<std::ptrdiff_t>(outside_share * static_cast<double>(futures.size()));
  std::size_t rank = 0;
  while (rank + 2 < futures.size() &&
         std::count_if(futures.begin(), futures.end(),
                       [&](const auto& future) { return leaves(future, rank + 1); }) <= allowed)
    ++rank;
  std::vector<double> border;
  for (const auto& values : sorted) border.push_back(values[rank]);
  return border;
}

/// The last of the machines from which parts leave the line.
bool is_sink(const Line& line, const std::vector<std::uint32_t>& takers, std::uint32_t machine) {
  return takers[line.buffer_of(machine)] == 0;
}

}  // namespace

double window_of(const Request& request) {
  return std::max(window_least_s, request.horizon_s / windows);
}

std::vector<double> window_ends(const Request& request) {
  const double window_s = window_of(request);
  std::vector<double> ends_s(static_cast<std::size_t>(request.horizon_s / window_s));
  for (std::size_t w = 0; w < ends_s.size(); ++w)
    ends_s[w] = request.now.at_s + window_s * static_cast<double>(w + 1);
  return ends_s;
}

Band band_of(const Request& request, std::span<const Outcome> futures) {
  Band band;
  band.window_s = window_of(request);
  std::vector<std::vector<double>> parts;
  std::vector<std::vector<double>> mirrored;
  for (const auto& future : futures) {
    if (!future.valid()) continue;
    parts.emplace_back(future.left_by.begin(), future.left_by.end());
    auto& mirror = mirrored.emplace_back(parts.back());
    for (auto& value : mirror) value = -value;
  }
  if (parts.empty()) return band;
  // A part that leaves as a window ends may be seen in either.
  for (const auto value : lower_border(parts)) band.low.push_back(value - 1);
  for (const auto value : lower_border(mirrored)) band.high.push_back(1 - value);
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
