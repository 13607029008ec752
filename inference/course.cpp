// SPDX-License-Identifier: Apache-2.0
#include "inference/course.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace foreline::inference {

namespace {

constexpr std::array<std::int64_t, 6> horizons = {1, 3, 6, 12, 24, 48};  ///< Blocks.
constexpr std::int64_t level_blocks = 3;
constexpr std::size_t held_least = 12;

/// A split conformal quantile: the place among n + 1, so that the next one is below with
/// probability `share` (Vovk et al., 2005).
double quantile(const std::vector<double>& sorted, double share) {
  const auto last = static_cast<double>(sorted.size() - 1);
  const double place = std::clamp(share * (last + 2) - 1, 0., last);
  const double below = std::floor(place);
  const auto at = static_cast<std::size_t>(below);
  return sorted[at] + (sorted[std::min(at + 1, sorted.size() - 1)] - sorted[at]) * (place - below);
}

}  // namespace

void Course::add(double at_s, double value) {
  if (!std::isfinite(at_s) || !std::isfinite(value)) return;
  const auto number = static_cast<std::int64_t>(std::floor(at_s / block_s));
  if (!blocks_.empty() && number < blocks_.back().number) return;
  if (blocks_.empty() || number > blocks_.back().number) {
    blocks_.push_back({number});
    ahead_.reset();
  }
  auto& block = blocks_.back();
  block.sum += value;
  ++block.count;
  block.reading = value;
  while (number - blocks_.front().number >= blocks_max) blocks_.pop_front();
}

const std::vector<CoursePoint>& Course::ahead() const {
  if (ahead_) return *ahead_;
  auto& found = ahead_.emplace();
  if (blocks_.empty()) return found;
  const auto first = blocks_.front().number;
  const auto seen = blocks_.back().number - first;  // the newest is not full
  if (seen == 0) return found;
  std::vector<const Block*> grid(static_cast<std::size_t>(seen) + 1);
  for (const auto& block : blocks_) grid[static_cast<std::size_t>(block.number - first)] = &block;
  const auto at = [&](std::int64_t place) { return grid[static_cast<std::size_t>(place)]; };
  std::vector<std::optional<double>> levels;
  for (std::int64_t here = 0; here < seen; ++here) {
    double sum = 0;
    int known = 0;
    for (auto b = std::max<std::int64_t>(0, here - level_blocks + 1); b <= here; ++b) {
      if (at(b) == nullptr) continue;
      sum += at(b)->mean();
      ++known;
    }
    levels.push_back(known > 0 ? std::optional(sum / known) : std::nullopt);
  }
  if (!levels.back()) return found;
  std::vector<double> apart;
  for (const auto horizon : horizons) {
    if (3 * horizon > seen) break;
    apart.clear();
    for (std::int64_t from = 0; from + horizon < seen; ++from)
      if (const auto& level = levels[static_cast<std::size_t>(from)]; level && at(from + horizon))
        apart.push_back(at(from + horizon)->reading - *level);
    if (apart.size() < held_least) break;
    std::sort(apart.begin(), apart.end());
    const auto share = [&](double p) { return *levels.back() + quantile(apart, p); };
    found.push_back({static_cast<double>(blocks_.back().number + horizon) * block_s, share(0.1),
                     share(0.5), share(0.9), apart.size()});
  }
  return found;
}

}  // namespace foreline::inference
