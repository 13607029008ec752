// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/regimes.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

namespace foreline::plant {

namespace {

constexpr double gap_share = 0.04;  ///< Of the range: the least distance between clusters.
constexpr double gap_to_width = 3;  ///< And in widths of the wider of both.
constexpr std::size_t clusters_max = 12;
constexpr double cluster_share = 0.01;   ///< Of the rows, at least.
constexpr double stray_share = 0.02;     ///< Of the rows, at most outside clusters.
constexpr double changing_share = 0.02;  ///< Of neighbouring rows, at least in two clusters.
constexpr double aging_max = 0.05;       ///< Of the variance of the age that clusters explain.
constexpr double telling_min = 0.5;      ///< Of another channel's variance that clusters explain.
constexpr double refining_min = 0.2;     ///< Of what is left, for a further setting.
constexpr std::size_t rows_min = 200;
constexpr std::size_t regime_rows_min = 30;

struct Rows {
  std::vector<const float*> values;
  std::vector<float> age;   ///< 0 at a machine's first row, 1 at its last.
  std::vector<bool> first;  ///< Of a machine.
};

Rows rows_of(const Records& records, std::span<const std::size_t> machines, double until) {
  Rows rows;
  const auto width = records.channels.size();
  for (const auto m : machines) {
    const auto& machine = records.machines[m];
    std::size_t n = 0;
    while (n < machine.time.size() && machine.time[n] <= until) ++n;
    for (std::size_t i = 0; i < n; ++i) {
      rows.values.push_back(&machine.values[i * width]);
      rows.age.push_back(n < 2 ? 0.5F : static_cast<float>(i) / static_cast<float>(n - 1));
      rows.first.push_back(i == 0);
    }
  }
  return rows;
}

/// Share of the variance of `value(i)` that the label explains; rows without either are left out.
template <class Value>
double explained(const std::vector<std::uint32_t>& labels, std::uint32_t none, Value value) {
  struct Sum {
    double n = 0, y = 0;
  };
  std::map<std::uint32_t, Sum> sums;
  double n = 0;
  double mean = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double y = value(i);
    if (labels[i] == none || std::isnan(y)) continue;
    n += 1;
    mean += (y - mean) / n;
  }
  double all = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double y = value(i) - mean;
    if (labels[i] == none || std::isnan(y)) continue;
    all += y * y;
    auto& sum = sums[labels[i]];
    sum.n += 1;
    sum.y += y;
  }
  double between = 0;
  for (const auto& [label, sum] : sums) between += sum.y * sum.y / sum.n;
  return all > 0 ? between / all : 0;
}

/// Edges between the clusters of sorted values; nothing when they are no clusters.
std::optional<std::vector<float>> clusters_of(const std::vector<float>& sorted) {
  const auto n = sorted.size();
  const auto trim = n / 1000;
  const float low = sorted[trim];
  const float high = sorted[n - 1 - trim];
  const auto least = static_cast<float>(gap_share) * (high - low);
  if (!(least > 0)) return {};
  struct Cluster {
    std::size_t from, until;
  };
  std::vector<Cluster> clusters;
  std::size_t from = 0;
  std::size_t stray = 0;
  for (std::size_t i = 1; i <= n; ++i) {
    if (i < n && sorted[i] - sorted[i - 1] < least) continue;
    if (static_cast<double>(i - from) >= cluster_share * static_cast<double>(n))
      clusters.push_back({from, i});
    else
      stray += i - from;
    from = i;
  }
  if (clusters.size() < 2 || clusters.size() > clusters_max ||
      static_cast<double>(stray) > stray_share * static_cast<double>(n))
    return {};
  std::vector<float> edges;
  for (std::size_t c = 1; c < clusters.size(); ++c) {
    const auto& a = clusters[c - 1];
    const auto& b = clusters[c];
    const float gap = sorted[b.from] - sorted[a.until - 1];
    const float width =
        std::max(sorted[a.until - 1] - sorted[a.from], sorted[b.until - 1] - sorted[b.from]);
    if (gap < static_cast<float>(gap_to_width) * width) return {};
    edges.push_back((sorted[b.from] + sorted[a.until - 1]) / 2);
  }
  return edges;
}

std::size_t cluster(const Setting& setting, float value) {
  return static_cast<std::size_t>(
      std::upper_bound(setting.edges.begin(), setting.edges.end(), value) - setting.edges.begin());
}

constexpr auto no_regime = std::numeric_limits<std::uint32_t>::max();

/// All settings' clusters as one number.
std::uint32_t joint(std::span<const Setting> settings, const float* row) {
  std::uint32_t label = 0;
  for (const auto& setting : settings) {
    const float value = row[setting.channel];
    if (std::isnan(value)) return no_regime;
    label = label * static_cast<std::uint32_t>(clusters_max + 1) +
            static_cast<std::uint32_t>(cluster(setting, value));
  }
  return label;
}

float median_of(std::vector<float>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Robust, and the ordinary deviation where most values are equal.
float spread_of(std::vector<float> values, float median) {
  double square = 0;
  for (auto& value : values) {
    value = std::abs(value - median);
    square += static_cast<double>(value) * static_cast<double>(value);
  }
  const float robust = 1.4826F * median_of(values);
  return robust > 0 ? robust
                    : static_cast<float>(std::sqrt(square / static_cast<double>(values.size())));
}

}  // namespace

std::size_t Regimes::of(std::span<const float> row) const {
  const auto label = joint(settings, row.data());
  const auto found = std::lower_bound(known.begin(), known.end(), label);
  return found != known.end() && *found == label ? static_cast<std::size_t>(found - known.begin())
                                                 : known.size();
}

float Regimes::common(std::size_t regime, std::size_t channel, float value) const {
  if (none() || std::any_of(settings.begin(), settings.end(),
                            [&](const auto& s) { return s.channel == channel; }))
    return value;
  if (regime >= known.size()) return unknown;
  const auto& scale = scales[regime * (scales.size() / known.size()) + channel];
  return scale.centre + (value - scale.own) * scale.stretch;
}

Regimes learn_regimes(const Records& records, std::span<const std::size_t> machines, double until) {
  Regimes regimes;
  if (records.items) return regimes;
  const auto rows = rows_of(records, machines, until);
  const auto count = rows.values.size();
  if (count < rows_min) return regimes;
  const auto width = records.channels.size();
  std::vector<Setting> candidates;
  for (std::size_t c = 0; c < width; ++c) {
    if (records.channels[c].attribute) continue;
    Setting setting{c, {}};
    if (const auto categories = records.channels[c].categories.size(); categories > 0) {
      if (categories < 2 || categories > clusters_max) continue;
      for (std::size_t i = 1; i < categories; ++i)
        setting.edges.push_back(static_cast<float>(i) - 0.5F);
    } else {
      std::vector<float> sorted;
      for (const auto* row : rows.values)
        if (!std::isnan(row[c])) sorted.push_back(row[c]);
      if (sorted.size() < rows_min) continue;
      std::sort(sorted.begin(), sorted.end());
      auto edges = clusters_of(sorted);
      if (!edges) continue;
      setting.edges = std::move(*edges);
    }
    std::size_t changes = 0;
    std::vector<std::uint32_t> labels(count);
    for (std::size_t i = 0; i < count; ++i) {
      labels[i] = joint({&setting, 1}, rows.values[i]);
      changes += i > 0 && !rows.first[i] && labels[i] != labels[i - 1] ? 1 : 0;
    }
    if (static_cast<double>(changes) < changing_share * static_cast<double>(count)) continue;
    if (explained(labels, no_regime, [&](auto i) { return static_cast<double>(rows.age[i]); }) >
        aging_max)
      continue;
    candidates.push_back(std::move(setting));
  }

  // The setting that tells most of what it is not itself comes first, others only refine it.
  std::vector<std::vector<float>> left(width, std::vector<float>(count));
  for (std::size_t c = 0; c < width; ++c)
    for (std::size_t i = 0; i < count; ++i) left[c][i] = rows.values[i][c];
  std::vector<std::uint32_t> labels(count, 0);
  while (!candidates.empty()) {
    double most = regimes.none() ? telling_min : refining_min;
    std::optional<std::size_t> best;
    for (std::size_t s = 0; s < candidates.size(); ++s) {
      auto tried = regimes.settings;
      tried.push_back(candidates[s]);
      for (std::size_t i = 0; i < count; ++i) labels[i] = joint(tried, rows.values[i]);
      std::map<std::uint32_t, std::size_t> met;
      for (const auto label : labels) ++met[label];
      const auto common = static_cast<std::size_t>(std::count_if(
          met.begin(), met.end(), [](const auto& one) { return one.second >= regime_rows_min; }));
      if (common > 2 * clusters_max) continue;
      double tells = 0;
      for (std::size_t c = 0; c < width; ++c) {
        if (!records.channels[c].categories.empty() || records.channels[c].attribute) continue;
        if (std::any_of(tried.begin(), tried.end(),
                        [&](const auto& setting) { return setting.channel == c; }))
          continue;
        tells = std::max(tells, explained(labels, no_regime,
                                          [&](auto i) { return static_cast<double>(left[c][i]); }));
      }
      if (tells > most + 1e-3) {
        most = tells;
        best = s;
      }
    }
    if (!best) break;
    regimes.settings.push_back(candidates[*best]);
    candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(*best));

    for (std::size_t i = 0; i < count; ++i) labels[i] = joint(regimes.settings, rows.values[i]);
    std::map<std::uint32_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < count; ++i)
      if (labels[i] != no_regime) members[labels[i]].push_back(i);
    std::erase_if(members, [](const auto& one) { return one.second.size() < regime_rows_min; });
    regimes.known.clear();
    for (const auto& [label, which] : members) regimes.known.push_back(label);
    regimes.scales.assign(regimes.known.size() * width, {});
    for (std::size_t c = 0; c < width; ++c) {
      if (!records.channels[c].categories.empty() || records.channels[c].attribute) continue;
      std::vector<float> centres;
      std::vector<float> spreads;
      std::size_t regime = 0;
      for (const auto& [label, which] : members) {
        std::vector<float> values;
        for (const auto i : which)
          if (!std::isnan(rows.values[i][c])) values.push_back(rows.values[i][c]);
        if (!values.empty()) {
          auto& scale = regimes.scales[regime * width + c];
          scale.own = median_of(values);
          scale.stretch = spread_of(std::move(values), scale.own);
          centres.push_back(scale.own);
          if (scale.stretch > 0) spreads.push_back(scale.stretch);
        }
        ++regime;
      }
      const float centre = centres.empty() ? 0 : median_of(centres);
      const float spread = spreads.empty() ? 1 : median_of(spreads);
      for (std::size_t r = 0; r < regimes.known.size(); ++r) {
        auto& scale = regimes.scales[r * width + c];
        scale.centre = centre;
        scale.stretch = scale.stretch > 0 ? spread / scale.stretch : 1;
      }
      for (std::size_t i = 0; i < count; ++i)
        left[c][i] = regimes.common(regimes.of({rows.values[i], width}), c, rows.values[i][c]);
    }
  }
  return regimes;
}

Records in_common_regime(Records records, const Regimes& regimes) {
  if (regimes.none()) return records;
  const auto width = records.channels.size();
  for (auto& machine : records.machines)
    for (std::size_t i = 0; i < machine.time.size(); ++i) {
      const auto row = std::span(machine.values).subspan(i * width, width);
      const auto regime = regimes.of(row);
      for (std::size_t c = 0; c < width; ++c)
        if (records.channels[c].categories.empty() && !records.channels[c].attribute)
          row[c] = regimes.common(regime, c, row[c]);
    }
  return records;
}

}  // namespace foreline::plant
