// SPDX-License-Identifier: Apache-2.0
// Moments with their status and the answer: how long until each kind of failure, or how long none
// was seen. Splits are by machine or by time, never by row of a history.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "inference/plant/status.hpp"

namespace foreline::plant {

/// Not happened: none came for `after`, then the view ended.
struct Truth {
  float after = 0;
  bool happened = false;
};

struct Samples {
  std::size_t width = 0;  ///< Features.
  std::size_t kinds = 0;
  std::vector<float> features;         ///< (samples x width)
  std::vector<Truth> truth;            ///< (samples x kinds)
  std::vector<std::uint32_t> machine;  ///< Position in Records::machines.
  std::vector<std::uint32_t> row;
  std::vector<double> at;
  std::vector<float> missing;
  /// How long from here on all is known, whatever happens. Within a longer time only failures would
  /// be known, and no survival: such moments are left out of both.
  std::vector<float> view;
  [[nodiscard]] std::size_t size() const { return machine.size(); }
  [[nodiscard]] std::span<const float> status(std::size_t i) const {
    return std::span(features).subspan(i * width, width);
  }
  [[nodiscard]] const Truth& of(std::size_t i, std::size_t kind) const {
    return truth[i * kinds + kind];
  }
  /// The first failure of any kind.
  [[nodiscard]] Truth any(std::size_t i) const;
  /// Some of the samples, in the given order.
  [[nodiscard]] Samples picked(std::span<const std::size_t> which) const;
  /// Puts others of the same features and kinds behind.
  void append(const Samples& others);
};

/// Whether a failure came within h; nothing when the view ends before.
[[nodiscard]] std::optional<bool> outcome(const Truth& truth, double view, double h);

/// The samples of which it is known whether a failure came within h, and whether it did.
struct Known {
  std::vector<std::size_t> samples;
  std::vector<std::uint8_t> truth;
};
/// `kind` = samples.kinds: any.
[[nodiscard]] Known known_at(const Samples& samples, std::size_t kind, double h);

struct Choice {
  std::vector<std::size_t> machines;
  double from = -std::numeric_limits<double>::infinity();  ///< Moments from here ...
  double until = std::numeric_limits<double>::infinity();  ///< ... to here; nothing later is known.
  bool last_only = false;                                  ///< One moment a machine: its last row.
  std::size_t most = 60'000;
};

/// Samples of a choice; with more moments than `most`, evenly thinned. Answers are censored at
/// `choice.until`, so that training learns nothing that was not known then.
[[nodiscard]] Samples take_samples(const Records& records, const Status& status,
                                   const Choice& choice);

}  // namespace foreline::plant
