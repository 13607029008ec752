// SPDX-License-Identifier: Apache-2.0
// Operating regimes: a machine that runs at one of a few settings, and changes between them, shows
// signals that jump with the setting and hide its wear. Signals are compared within a regime.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "inference/plant/records.hpp"

namespace foreline::plant {

/// One channel whose values fall into clusters far from each other: edges between them, rising.
struct Setting {
  std::size_t channel = 0;
  std::vector<float> edges;
};

/// Empty settings: one regime, and values stay as they are.
struct Regimes {
  /// Of one channel in one regime, and what stands for it in all: x becomes
  /// centre + (x - own centre) * stretch.
  struct Scale {
    float own = 0;
    float centre = 0;
    float stretch = 1;
  };
  std::vector<Setting> settings;
  std::vector<std::uint32_t> known;  ///< Joint clusters that were met often enough, rising.
  std::vector<Scale> scales;         ///< (known x channels); settings keep their values.

  [[nodiscard]] bool none() const { return settings.empty(); }
  /// Position in `known` of a row's regime; known.size() when it was never met or is not told.
  [[nodiscard]] std::size_t of(std::span<const float> row) const;
  /// A row's value of one channel, as it would be in the common regime; unknown in an unknown one.
  [[nodiscard]] float common(std::size_t regime, std::size_t channel, float value) const;
};

/// Looks for channels, numbers or categories, that fall into 2 to 12 clusters, change between them
/// in the course of a machine's life, do so early as often as late (wear does not), and explain
/// half or more of what another channel does. None of that: one regime. Rows known after `until`
/// are not looked at. Items have no regimes.
[[nodiscard]] Regimes learn_regimes(const Records& records, std::span<const std::size_t> machines,
                                    double until);

/// The records with every channel as in the common regime.
[[nodiscard]] Records in_common_regime(Records records, const Regimes& regimes);

}  // namespace foreline::plant
