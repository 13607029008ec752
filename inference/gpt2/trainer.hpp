// SPDX-License-Identifier: Apache-2.0
// Training of a GPT-2 on the CPU: forward, backward, AdamW. What to learn is
// the caller's: a loss (ready-made ones are in losses.hpp) of the logits at the
// positions that were asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "inference/gpt2/losses.hpp"
#include "inference/gpt2/model.hpp"
#include "inference/gpt2/weights.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// Shares of numbers dropped in training, in [0, 1): of the embedded tokens, of
/// the attention probabilities, and of each branch before it joins the residual
/// stream (embd_pdrop, attn_pdrop and resid_pdrop of GPT2Config).
struct Dropout {
  float embedding = 0;
  float attention = 0;
  float residual = 0;
};

/// AdamW (Loshchilov and Hutter 2019).
struct TrainRules {
  float beta1 = 0.9F;
  float beta2 = 0.99F;
  float epsilon = 1e-8F;
  float weight_decay = 0.01F;  ///< Of matrices and embeddings; biases and norms do not decay.
  /// Another decay by the tensor's name in the checkpoint
  /// ("h.0.attn.c_attn.weight"), if set.
  std::function<float(std::string_view tensor)> decay_of;
  float gradient_norm_max = 1.0F;  ///< Longer gradients are cut to this length; 0: never.
  int threads = 1;
  /// Products of bfloat16 numbers with f32 sums, f32 weights beside them. On a
  /// CPU without such products the same numbers are multiplied as f32.
  bool bf16 = false;
  Dropout dropout;
  std::uint64_t seed = 0;  ///< Of dropout.
  /// Keeps average = d * average + (1 - d) * weights after each step, if above
  /// 0; below 1.
  float average_decay = 0;
  /// Where only some words are ever answers: a row of logits is that of `answers` words from
  /// `first_answer` on. 0: of all words.
  std::size_t first_answer = 0, answers = 0;
  /// Logits are made this many bytes at a time (at least 64 rows), unless a
  /// loss wants all at once.
  std::size_t logits_bytes = std::size_t{64} << 20U;
};

/// Fills `slope` (same size as `logits`: asked positions x vocab_size, or answers) with
/// dLoss/dlogits; returns the loss.
using Loss = std::function<double(std::span<const float> logits, std::span<float> slope)>;

/// What became of a gradient.
struct Descent {
  double gradient_norm = 0;  ///< Before it was cut.
  bool applied = false;      ///< False when it is not finite: the weights are as they were.
};

class Trainer {
 public:
  /// std::invalid_argument when the weights do not fit the shape or a rule is
  /// out of its range.
  Trainer(const Config& config, Weights weights, const TrainRules& rules);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One step of descent on a batch; the loss before it. Sequences may differ
  /// in length: their tokens are packed. Results are the same for the same
  /// number of threads, whatever the load. A gradient that is not finite
  /// changes nothing (see descend). std::invalid_argument for an empty or too
  /// long sequence, a token beyond the vocabulary, an asked position beyond its
  /// sequence.
  double step(std::span<const Sequence> batch, const Loss& loss, float learning_rate);
  double step(std::span<const Sequence> batch, const RowLoss& loss, float learning_rate);

  /// The same in parts: each call adds `share` times the gradient of a batch;
  /// returns the loss.
  double accumulate(std::span<const Sequence> batch, const Loss& loss, float share = 1);
  double accumulate(std::span<const Sequence> batch, const RowLoss& loss, float share = 1);
  /// Descends along what was accumulated, and forgets it.
  Descent descend(float learning_rate);

  /// The loss alone, without dropout; nothing changes.
  double evaluate(std::span<const Sequence> batch, const Loss& loss);
  double evaluate(std::span<const Sequence> batch, const RowLoss& loss);
  /// The loss and its gradient by tensor (order of for_each_tensor), without a
  /// step and without dropout. Forgets what was accumulated.
  double gradient(std::span<const Sequence> batch, const Loss& loss, Weights& out);
  double gradient(std::span<const Sequence> batch, const RowLoss& loss, Weights& out);

  [[nodiscard]] const Weights& weights() const;
  /// The average of the weights over the steps; the weights themselves when
  /// none is kept.
  [[nodiscard]] Weights averaged() const;
  /// Steps of descent that were applied.
  [[nodiscard]] std::uint64_t steps() const;
  [[nodiscard]] const Config& config() const;
  /// "oneDNN 2.6.3 brg:avx512_core_bf16, bf16 products, avx512 kernels, 2
  /// threads".
  [[nodiscard]] std::string description() const;

  /// Writes all that the next steps depend on (weights, moments, average,
  /// number of steps) and the caller's `note` to one file, which is complete
  /// under its name or not there at all.
  [[nodiscard]] line::Result<line::Done> save(const std::filesystem::path& file,
                                              std::string_view note,
                                              const Weights* best = nullptr) const;
  /// Continues from such a file; returns its note, and `best` when the file has
  /// it. With the same rules and batches the steps that follow are
  /// bit-identical to those of an unbroken run. An error names what does not
  /// fit; the trainer is then as it was.
  [[nodiscard]] line::Result<std::string> restore(const std::filesystem::path& file,
                                                  Weights* best = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Linear rise over `warmup` steps, then half a cosine to a tenth of `peak`.
[[nodiscard]] float learning_rate(std::size_t step, std::size_t steps, std::size_t warmup,
                                  float peak);

}  // namespace foreline::gpt2
