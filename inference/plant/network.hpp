// SPDX-License-Identifier: Apache-2.0
// A GPT-2 that reads sentences of plant words and answers with time words: a discrete-time survival
// likelihood with censoring, every kind of failure by its own question.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "inference/gpt2/model.hpp"
#include "inference/plant/samples.hpp"
#include "inference/plant/words.hpp"

namespace foreline::plant {

/// The time words: `count` bins of one width up to the horizon, then "none".
struct Bins {
  double horizon = 1;
  std::size_t count = 1;
  [[nodiscard]] double width() const { return horizon / static_cast<double>(count); }
  [[nodiscard]] std::size_t words() const { return count + 1; }
  /// P(T <= h) from shares of the words (linear within a bin).
  [[nodiscard]] double within(std::span<const float> shares, double h) const;
  /// Expectation of min(T, horizon).
  [[nodiscard]] double expected(std::span<const float> shares) const;
  /// The least h with P(T <= h) >= p; the horizon when there is none.
  [[nodiscard]] double quantile(std::span<const float> shares, double p) const;
};

struct NetworkRules {
  std::uint64_t seed = 1;
  /// 0: PlantModel's choice: 2000 of 64 items, 4000 of 32 moments, 8000 of machines that are
  /// repaired, where most moments show nothing of the next failure.
  std::size_t steps = 0;
  std::size_t batch = 0;
  std::size_t layers = 2;
  std::size_t heads = 2;
  std::size_t width = 64;
  float peak_rate = 5e-3F;
  float weight_decay = 0.1F;
  double jitter = 1.5;      ///< Levels, uniform to both sides.
  double word_drop = 0.03;  ///< Words made "?" ...
  double group_drop = 0.1;  ///< ... and whole groups.
  double age_jitter = 3;    ///< Levels for the age, which alone would name the machine.
  double soft = 0.8;        ///< Deviation of the soft answer in bins; 0: hard bins.
  double point_weight =
      1;  ///< Of the squared error of the expected time, in units of 12 % of the horizon.
  double average = 0.99;  ///< Of the weights' moving average.
  float dropout = 0.1F;   ///< Of each branch before it joins the residual stream.
  bool bf16 = false;      ///< Products of bfloat16 numbers.
  int threads = 1;
};

struct Network {
  gpt2::Config config;
  gpt2::Weights weights;
  double repeated = 1;  ///< Items that failed were met so many times as often as others.
};

/// Moments whose answers a teacher says: P(failure within each of the horizons), by kind.
struct Told {
  Samples samples;            ///< Their own truth is not looked at.
  std::vector<float> within;  ///< (samples x kinds x horizons), rising in the horizon.
  std::vector<double> horizons;
  std::vector<float> expected;  ///< Of min(T, horizon), one a sample; empty when not told.
};

using Progress = std::function<void(std::size_t step, std::size_t steps, double loss)>;

/// Learns from samples and from what it is told; `told` may be empty, else as many of both are met
/// as there are.
[[nodiscard]] Network train_network(const Words& words, const Samples& samples, const Told& told,
                                    const Bins& bins, const NetworkRules& rules,
                                    const Progress& progress);

/// To be asked: its logits are those of the time words.
[[nodiscard]] line::Result<gpt2::Model> open_network(const Network& network, const Words& words,
                                                     int threads);

/// Shares of the time words (samples x kinds x bins.words()), each softmax over the time words
/// only. `repeated` is the network's: what it learned of items that were repeated is set right.
[[nodiscard]] std::vector<float> answer(const gpt2::Model& model, double repeated,
                                        const Words& words, const Bins& bins,
                                        std::span<const std::vector<std::uint16_t>> sentences);
[[nodiscard]] std::vector<float> answer(const gpt2::Model& model, double repeated,
                                        const Words& words, const Bins& bins,
                                        const Samples& samples);

/// Negative log-likelihood of a truth under shares (no soft answers), for choosing and blending.
[[nodiscard]] double surprise(const Truth& truth, std::span<const float> shares, const Bins& bins);

}  // namespace foreline::plant
