// SPDX-License-Identifier: Apache-2.0
// The status of a machine at one moment, in statistics of what was known by then: last value, means
// over growing spans, spread, slope, deviation from the machine's own first rows, counts and ages
// of events. The same numbers feed the trees and, cut into levels, the words of the GPT-2.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "inference/plant/records.hpp"

namespace foreline::plant {

/// One number of the status. Features of one group stand at one position of the sentence.
struct Feature {
  std::string group;      ///< "s11", "event error3", "age".
  std::string statistic;  ///< "last", "m5", "slope30", "dev", "since", "n7".
  friend bool operator==(const Feature&, const Feature&) = default;
};

class Status {
 public:
  /// `horizon` in the records' unit decides the spans: about 1/25, 2/25, 6/25 and 12/25 of it.
  Status(const Records& records, double horizon);
  [[nodiscard]] const std::vector<Feature>& features() const { return features_; }
  [[nodiscard]] const std::vector<std::size_t>& spans() const { return spans_; }
  /// The features (NaN: unknown) of a machine at each of `rows` (rising positions in its time), one
  /// after the other. Uses nothing that became known after the row: O(1) a feature and row.
  [[nodiscard]] std::vector<float> at(const Machine& machine,
                                      std::span<const std::size_t> rows) const;
  /// Share of the numeric signals' values that are missing in the longest span before each row.
  [[nodiscard]] std::vector<float> missing(const Machine& machine,
                                           std::span<const std::size_t> rows) const;

 private:
  std::vector<Channel> channels_;
  std::size_t codes_ = 0;
  std::size_t kinds_ = 0;
  std::vector<bool> maintenance_;
  bool items_ = false;
  bool repairable_ = false;
  bool dated_ = false;
  /// Not of machines that go on after a failure, by the calendar: how long they have been watched
  /// says nothing of them, and later is always more than was learned.
  bool told_age_ = true;
  /// Services of several kinds: together they show when somebody came last, and how long after the
  /// time before. What is found or replaced is found then.
  bool any_service_ = false;
  double step_ = 1;
  std::vector<std::size_t> spans_;
  std::size_t baseline_ = 10;
  std::vector<std::pair<std::size_t, std::size_t>> pairs_;  // of channels: product and difference
  std::vector<Feature> features_;
};

}  // namespace foreline::plant
