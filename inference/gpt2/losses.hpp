// SPDX-License-Identifier: Apache-2.0
// Ready-made losses of a batch. Each is a sum over rows (the asked positions of
// all sequences, in order), so a trainer may take the rows in blocks and on
// several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace foreline::gpt2 {

/// Turns a row's logits (vocab_size) into dLoss/dlogits, in place, and returns
/// the row's part of the loss. Called once for each row, from several threads
/// at once.
using RowLoss = std::function<double(std::size_t row, std::span<float> logits)>;

/// A share of a soft label. Shares of a row need not sum to 1.
struct Share {
  std::uint32_t token = 0;
  float share = 0;
};

/// Weighted mean of -log P(label): sum(weight * loss) / sum(weight). labels:
/// ids below vocab_size (std::invalid_argument, when the row is met); weights
/// (as many as labels, not negative; empty: all 1): 0 leaves a row out.
/// `smoothing` in [0, 1) spreads that share of a label evenly over the
/// vocabulary (Szegedy et al. 2016). A batch of weight 0 has loss 0.
[[nodiscard]] RowLoss cross_entropy(std::vector<std::uint32_t> labels,
                                    const std::vector<float>& weights = {}, float smoothing = 0);

/// Weighted mean over rows of -sum(share * log P(token)).
[[nodiscard]] RowLoss soft_cross_entropy(std::vector<std::vector<Share>> labels,
                                         const std::vector<float>& weights = {});

}  // namespace foreline::gpt2
