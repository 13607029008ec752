// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/samples.hpp"

#include <algorithm>
#include <cmath>

namespace foreline::plant {

Truth Samples::any(std::size_t i) const {
  Truth first = of(i, 0);
  for (std::size_t k = 1; k < kinds; ++k) {
    const auto& other = of(i, k);
    // Known is only what all views cover, or the earliest failure in them.
    if (other.happened && (!first.happened || other.after < first.after))
      first = other;
    else if (!other.happened && !first.happened)
      first.after = std::min(first.after, other.after);
  }
  return first;
}

std::optional<bool> outcome(const Truth& truth, double view, double h) {
  if (h > view) return {};
  if (truth.happened) return static_cast<double>(truth.after) <= h;
  if (static_cast<double>(truth.after) >= h) return false;
  return {};
}

Known known_at(const Samples& samples, std::size_t kind, double h) {
  Known known;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto result =
        outcome(kind == samples.kinds ? samples.any(i) : samples.of(i, kind),
                i < samples.view.size() ? static_cast<double>(samples.view[i]) : h, h);
    if (!result) continue;
    known.samples.push_back(i);
    known.truth.push_back(*result ? 1 : 0);
  }
  return known;
}

Samples Samples::picked(std::span<const std::size_t> which) const {
  Samples some;
  some.width = width;
  some.kinds = kinds;
  const auto begin = [](const auto& all, std::size_t place) {
    return all.begin() + static_cast<std::ptrdiff_t>(place);
  };
  for (const auto i : which) {
    some.features.insert(some.features.end(), begin(features, i * width),
                         begin(features, (i + 1) * width));
    some.truth.insert(some.truth.end(), begin(truth, i * kinds), begin(truth, (i + 1) * kinds));
    some.machine.push_back(machine[i]);
    some.row.push_back(row[i]);
    some.at.push_back(at[i]);
    some.missing.push_back(missing[i]);
    some.view.push_back(view[i]);
  }
  return some;
}

void Samples::append(const Samples& others) {
  width = others.width;
  kinds = others.kinds;
  const auto join = [](auto& all, const auto& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  join(features, others.features);
  join(truth, others.truth);
  join(machine, others.machine);
  join(row, others.row);
  join(at, others.at);
  join(missing, others.missing);
  join(view, others.view);
}

Samples take_samples(const Records& records, const Status& status, const Choice& choice) {
  Samples samples;
  samples.width = status.features().size();
  samples.kinds = records.kinds.size();
  std::size_t moments = 0;
  const bool repairable = records.repairable;
  for (const auto m : choice.machines)
    for (const auto at : records.machines[m].time)
      moments += at >= choice.from && at <= choice.until ? 1 : 0;
  const double stride =
      choice.last_only
          ? 1
          : std::max(1.0, static_cast<double>(moments) / static_cast<double>(choice.most));
  double place = 0;
  for (const auto m : choice.machines) {
    const auto& machine = records.machines[m];
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < machine.time.size(); ++i) {
      if (machine.time[i] < choice.from || machine.time[i] > choice.until) continue;
      if (choice.last_only) {
        rows.assign(1, i);
        continue;
      }
      if (place <= 0) {
        rows.push_back(i);
        place += stride;
      }
      place -= 1;
    }
    if (rows.empty()) continue;
    const auto features = status.at(machine, rows);
    samples.features.insert(samples.features.end(), features.begin(), features.end());
    const auto missing = status.missing(machine, rows);
    samples.missing.insert(samples.missing.end(), missing.begin(), missing.end());
    const double view = std::min(std::max(machine.until, machine.time.back()), choice.until);
    for (const auto row : rows) {
      const double now = machine.time[row];
      samples.machine.push_back(static_cast<std::uint32_t>(m));
      samples.row.push_back(static_cast<std::uint32_t>(row));
      samples.at.push_back(now);
      // A record that ends with its failure ends because of it; others end for reasons of their
      // own.
      const bool cut = repairable || choice.until < machine.until;
      samples.view.push_back(records.items || !cut ? std::numeric_limits<float>::max()
                                                   : static_cast<float>(view - now));
      for (std::uint32_t k = 0; k < samples.kinds; ++k) {
        Truth truth{records.items ? std::numeric_limits<float>::max()
                                  : static_cast<float>(std::max(0.0, view - now)),
                    false};
        for (const auto& failure : machine.failures) {
          if (failure.code != k || failure.at < now || (repairable && failure.at <= now)) continue;
          if (failure.at <= view) truth = {static_cast<float>(failure.at - now), true};
          break;
        }
        samples.truth.push_back(truth);
      }
    }
  }
  return samples;
}

}  // namespace foreline::plant
