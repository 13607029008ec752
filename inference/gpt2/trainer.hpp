// SPDX-License-Identifier: Apache-2.0
// Training of a GPT-2 on the CPU: forward, backward, AdamW. What to learn is the caller's: it gets
// the logits at the positions it asked for and returns their derivative.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "inference/gpt2/model.hpp"
#include "inference/gpt2/weights.hpp"

namespace foreline::gpt2 {

/// AdamW (Loshchilov and Hutter 2019); decay applies to matrices only.
struct TrainRules {
  float beta1 = 0.9F;
  float beta2 = 0.99F;
  float epsilon = 1e-8F;
  float weight_decay = 0.01F;
  float gradient_norm_max = 1.0F;
  int threads = 1;
};

/// Fills `slope` (same size as `logits`: asked positions x vocab_size) with dLoss/dlogits; returns
/// the loss.
using Loss = std::function<double(std::span<const float> logits, std::span<float> slope)>;

class Trainer {
 public:
  Trainer(const Config& config, Weights weights, const TrainRules& rules);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One step of descent on a batch; the loss before it. Deterministic for one thread.
  double step(std::span<const Sequence> batch, const Loss& loss, float learning_rate);
  /// The loss and its gradient by tensor (order of for_each_tensor), without a step.
  double gradient(std::span<const Sequence> batch, const Loss& loss, Weights& out);
  [[nodiscard]] const Weights& weights() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Linear rise over `warmup` steps, then half a cosine to a tenth of `peak`.
[[nodiscard]] float learning_rate(std::size_t step, std::size_t steps, std::size_t warmup,
                                  float peak);

}  // namespace foreline::gpt2
