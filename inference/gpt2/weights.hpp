// SPDX-License-Identifier: Apache-2.0
// The parameters of a GPT-2, in the layout of the Hugging Face checkpoint: linear layers are
// (inputs x outputs), row-major, as Conv1D of transformers keeps them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "inference/gpt2/config.hpp"
#include "inference/gpt2/stored.hpp"

namespace foreline::gpt2 {

using Tensor = std::vector<float>;

/// E = n_embd, I = n_inner.
struct LayerWeights {
  Tensor ln_1_weight, ln_1_bias;          // (E)
  Tensor attn_weight, attn_bias;          // (E x 3E), (3E): queries, keys, values
  Tensor proj_weight, proj_bias;          // (E x E), (E)
  Tensor ln_2_weight, ln_2_bias;          // (E)
  Tensor fc_weight, fc_bias;              // (E x I), (I)
  Tensor mlp_proj_weight, mlp_proj_bias;  // (I x E), (E)
};

struct Weights {
  Tensor wte;  // (vocab_size x E)
  Tensor wpe;  // (n_positions x E)
  std::vector<LayerWeights> layers;
  Tensor ln_f_weight, ln_f_bias;  // (E)
  Tensor lm_head;                 // (vocab_size x E); empty when tied to wte
  [[nodiscard]] const Tensor& head() const { return lm_head.empty() ? wte : lm_head; }
};

using VisitTensor = std::function<void(const std::string& name,
                                       const std::vector<std::size_t>& shape, Tensor& tensor)>;
/// Every tensor by its name in the checkpoint, without the prefix "transformer.". lm_head.weight
/// comes last, and only when the head is separate.
void for_each_tensor(const Config& config, Weights& weights, const VisitTensor& visit);

/// The same names and shapes, without tensors.
void for_each_shape(
    const Config& config,
    const std::function<void(const std::string& name, const std::vector<std::size_t>&)>& visit);
/// Where the tensors of `weights` lie; valid as long as they do.
[[nodiscard]] StoredTensors stored_in(const Config& config, const Weights& weights);

/// Weights as GPT-2 starts its training: normal with deviation 0.02, residual projections divided
/// by sqrt(2 n_layer), biases 0. A function of the seed.
[[nodiscard]] Weights initial_weights(const Config& config, std::uint64_t seed);

}  // namespace foreline::gpt2
