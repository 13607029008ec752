// SPDX-License-Identifier: Apache-2.0
// The shape of a GPT-2, as config.json of the Hugging Face layout describes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// By the names of transformers' ACT2FN; names of one function share a value (gelu_new is also
/// gelu_fast and gelu_pytorch_tanh; silu is swish).
enum class Activation {
  gelu_new,
  gelu,
  relu,
  silu,
  tanh,
  quick_gelu,
  relu6,
  sigmoid,
  mish,
  linear
};

/// What matrices are kept as in memory. bf16: activations too, where the CPU multiplies bf16. int8:
/// one scale a column of weights, one a row of activations, fresh for each.
enum class Precision { f32, bf16, int8 };
[[nodiscard]] const char* name_of(Precision precision);

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
  std::size_t eos_token_id = 50256;  ///< May be beyond the vocabulary: then no text ends.
  std::string foreline;  ///< JSON text of the key "foreline", our own additions; empty if absent.

  [[nodiscard]] std::size_t head_size() const { return n_embd / n_head; }
  /// What attention scores of this layer are multiplied with.
  [[nodiscard]] float score_scale(std::size_t layer) const;
};

/// Reads config.json. Refuses, by name, models that are no GPT-2 and options that would change the
/// arithmetic in a way this engine does not know. reorder_and_upcast_attn is always so: scores are
/// f32 here. Dropout and summary options do not matter to inference and are ignored.
[[nodiscard]] line::Result<Config> config_from_json(std::string_view text, const std::string& file);
/// The name of an activation as this engine writes it.
[[nodiscard]] const char* name_of(Activation activation);
/// The config.json that transformers' GPT2LMHeadModel reads.
[[nodiscard]] std::string config_to_json(const Config& config);

}  // namespace foreline::gpt2
