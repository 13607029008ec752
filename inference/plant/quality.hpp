// SPDX-License-Identifier: Apache-2.0
// Cleaning: what is wrong with the rows, what was repaired and how. Every rule looks at the past
// only, and its scales come from the training part, so a forecast made live and one made later from
// the archive read the same. Nothing is dropped without a line in the report.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "inference/plant/records.hpp"
#include "inference/plant/regimes.hpp"

namespace foreline::plant {

/// What is ordinary for a channel: robust, from the training part alone.
struct Reference {
  double median = 0;
  double spread = 0;         ///< 1.4826 x median absolute deviation.
  double noise = 0;          ///< The same of differences between neighbouring rows / sqrt 2.
  double repeats = 0;        ///< Share of rows that equal the one before.
  double low = 0, high = 0;  ///< Least and greatest value.
};
struct References {
  std::vector<Reference> raw;  ///< By channel, as measured ...
  Regimes regimes;
  std::vector<Reference> common;  ///< ... and as in the common regime.
};
/// `machines`: positions in records; rows known after `until` are not looked at.
[[nodiscard]] References learn_references(const Records& records,
                                          std::span<const std::size_t> machines, double until);

struct SignalQuality {
  std::string name;
  std::string unit;
  std::size_t rows = 0;
  std::size_t missing = 0;
  std::size_t out_of_range = 0;       ///< Beyond low or high of the description: made missing.
  std::size_t unit_slips = 0;         ///< Off by a factor people confuse units by: divided by it.
  std::size_t spikes = 0;             ///< Lone values far from the ones before: made missing.
  std::size_t stuck = 0;              ///< Repeats beyond what is ordinary: made missing.
  std::size_t saturated = 0;          ///< At the channel's own limit, again and again: reported.
  std::size_t drifting_machines = 0;  ///< Level moved far between first and last third: reported.
  bool constant = false;              ///< One value only: tells nothing.
  [[nodiscard]] double good_share() const;
};

struct QualityReport {
  std::string name;
  std::size_t machines = 0;
  std::size_t rows = 0;
  std::size_t duplicates = 0;   ///< Rows that say the same twice: dropped.
  std::size_t conflicts = 0;    ///< Two rows of one machine and time that differ: the later stays.
  std::size_t clock_jumps = 0;  ///< Steps longer than five ordinary ones.
  std::size_t filled = 0;       ///< Empty rows put where the grid of steps had none.
  double longest_gap = 0;
  std::size_t failures = 0;
  std::size_t regimes = 1;           ///< Operating regimes ...
  std::vector<std::string> told_by;  ///< ... and the signals that tell them.
  std::size_t unknown_regime = 0;    ///< Rows in a regime never met: all signals made missing.
  std::vector<SignalQuality> signals;
  std::vector<std::string> warnings;
};

/// The cleaned records on a regular grid, in the common regime, and what was done.
[[nodiscard]] Records clean(Records records, const References& references, QualityReport& report);

[[nodiscard]] std::string as_text(const QualityReport& report);
[[nodiscard]] std::string as_json(const QualityReport& report);
[[nodiscard]] std::string as_html(const QualityReport& report);

}  // namespace foreline::plant
