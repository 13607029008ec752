// SPDX-License-Identifier: Apache-2.0
// GPT-2 on oneDNN: whole sequences at once, or token by token with a cache of keys and values.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "inference/gpt2/weights.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// A sequence of token ids, and the positions whose logits are wanted (rising).
struct Sequence {
  std::vector<std::uint32_t> tokens;
  std::vector<std::uint32_t> asked;
};

struct ModelOptions {
  int threads = 1;
  bool bf16_weights = false;  ///< Rounds the matrices to bfloat16 as they are packed.
};

class Model {
 public:
  /// Packs the weights. An error when oneDNN only has its slow reference kernels for this machine.
  [[nodiscard]] static line::Result<Model> create(const Config& config, const Weights& weights,
                                                  const ModelOptions& options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  /// Logits (asked positions of all sequences, in order, x vocab_size). Sequences may differ in
  /// length; each has 1 to n_positions tokens, ids below vocab_size (std::invalid_argument
  /// otherwise). Safe to call from several threads, one at a time.
  [[nodiscard]] std::vector<float> logits(std::span<const Sequence> batch) const;
  /// Hidden states after ln_f (all tokens of all sequences x n_embd).
  [[nodiscard]] std::vector<float> hidden(std::span<const Sequence> batch) const;

  /// A text that grows. Keys and values of what it has read are kept.
  class Session {
   public:
    explicit Session(const Model& model);
    /// Reads more tokens; logits (vocab_size) after the last. std::invalid_argument beyond
    /// n_positions.
    [[nodiscard]] std::vector<float> append(std::span<const std::uint32_t> tokens);
    [[nodiscard]] std::size_t length() const { return length_; }

   private:
    const Model* model_;
    std::size_t length_ = 0;
    std::vector<std::vector<float>> keys_, values_;  // by layer: (n_positions x n_embd)
  };
  /// Continues `prompt` by the most likely tokens, until eos or `count` tokens or n_positions.
  [[nodiscard]] std::vector<std::uint32_t> generate(std::span<const std::uint32_t> prompt,
                                                    std::size_t count) const;

  [[nodiscard]] const Config& config() const;
  /// "GPT-2, 3 layers x 96, 0.5 M parameters, oneDNN 2.6.3 brg:avx512_core, f32".
  [[nodiscard]] std::string description() const;

 private:
  struct State;
  explicit Model(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::gpt2
