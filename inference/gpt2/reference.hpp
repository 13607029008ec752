// SPDX-License-Identifier: Apache-2.0
// GPT-2's forward pass in plain loops, every intermediate tensor kept: the oracle of the fast one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "inference/gpt2/weights.hpp"

namespace foreline::gpt2 {

/// T = tokens, E = n_embd, H = n_head, I = n_inner.
struct ReferenceLayer {
  Tensor ln_1;       // (T x E)
  Tensor qkv;        // (T x 3E)
  Tensor attention;  // (H x T x T) probabilities
  Tensor context;    // (T x E)
  Tensor residual;   // (T x E) after attention
  Tensor ln_2;       // (T x E)
  Tensor fc;         // (T x I) before the activation
  Tensor activated;  // (T x I)
  Tensor output;     // (T x E)
};

struct ReferencePass {
  Tensor embedded;  // (T x E)
  std::vector<ReferenceLayer> layers;
  Tensor hidden;  // (T x E) after ln_f: last_hidden_state of transformers' GPT2Model
  Tensor logits;  // (T x vocab_size)
};

/// Sums are in double. tokens: ids below vocab_size, at most n_positions of them.
[[nodiscard]] ReferencePass reference_forward(const Config& config, const Weights& weights,
                                              std::span<const std::uint32_t> tokens);

/// The activation function and its derivative.
[[nodiscard]] float activate(Activation activation, float x);
[[nodiscard]] float activate_slope(Activation activation, float x);

}  // namespace foreline::gpt2
