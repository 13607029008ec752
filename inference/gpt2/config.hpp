// SPDX-License-Identifier: Apache-2.0
// The shape of a GPT-2, as config.json of the Hugging Face layout describes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sim/line/result.hpp"

namespace foreline::gpt2 {

enum class Activation { gelu_new, gelu, relu };

/// Names are those of transformers' GPT2Config.
struct Config {
  std::size_t vocab_size = 50257;
  std::size_t n_positions = 1024;
  std::size_t n_embd = 768;
  std::size_t n_layer = 12;
  std::size_t n_head = 12;
  std::size_t n_inner = 0;  ///< 0 in memory never: filled with 4 * n_embd when absent or null.
  float layer_norm_epsilon = 1e-5F;
  Activation activation = Activation::gelu_new;
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer_idx = false;
  bool tie_word_embeddings = true;
  std::size_t eos_token_id = 50256;
  std::string foreline;  ///< JSON text of the key "foreline", our own additions; empty if absent.

  [[nodiscard]] std::size_t head_size() const { return n_embd / n_head; }
  /// What attention scores of this layer are multiplied with.
  [[nodiscard]] float score_scale(std::size_t layer) const;
};

/// Reads config.json. Refuses, by name, models that are no GPT-2 and options that would change the
/// arithmetic in a way this engine does not know.
[[nodiscard]] line::Result<Config> config_from_json(std::string_view text, const std::string& file);
/// The config.json that transformers' GPT2LMHeadModel reads.
[[nodiscard]] std::string config_to_json(const Config& config);

}  // namespace foreline::gpt2
