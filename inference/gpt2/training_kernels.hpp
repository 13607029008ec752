// SPDX-License-Identifier: Apache-2.0
// What training does beside matrix products: norms, attention, activation,
// dropout, AdamW, and their derivatives. Written once in vectors, compiled for
// several instruction sets, chosen at run time. Rows are tokens; arrays are
// row-major. Nothing here allocates or starts a thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "inference/gpt2/config.hpp"

namespace foreline::gpt2 {

/// How a factor of a product is kept. Rounding to bfloat16 is to the nearest,
/// ties to even.
enum class Number : std::uint8_t { f32, bf16 };

/// An array of such numbers, written by a kernel.
struct Numbers {
  void* data = nullptr;
  Number number = Number::f32;
  /// The array from its `index`th number on.
  [[nodiscard]] Numbers at(std::size_t index) const {
    return {static_cast<char*>(data) + index * (number == Number::bf16 ? 2 : 4), number};
  }
};

/// Which numbers are dropped: number i when a hash of (key, i) is below
/// threshold; the others are multiplied by `scale` = 1 / (1 - share dropped).
/// threshold 0 drops none.
struct Dropped {
  std::uint64_t key = 0;
  std::uint32_t threshold = 0;
  float scale = 1;
};

/// Step sizes of AdamW, the same for all numbers of one step.
struct AdamStep {
  float rate = 0;
  float clip = 1;  ///< Factor of the gradient.
  float beta1 = 0, beta2 = 0, epsilon = 0;
  float correct1 = 1, correct2 = 1;  ///< 1 - beta^t
  float average_decay = 0;
};

struct TrainingKernels {
  const char* isa;

  /// y = norm(x) over rows of e; mean, rstd (rows).
  void (*norm)(const float* x, const float* weight, const float* bias, float epsilon,
               std::size_t rows, std::size_t e, Numbers y, float* mean, float* rstd);
  /// sum = x + dropped(branch), counted from `first`; y = norm(sum) unless
  /// weight is null.
  void (*add_norm)(const float* x, const float* branch, Dropped drop, std::size_t first,
                   const float* weight, const float* bias, float epsilon, std::size_t rows,
                   std::size_t e, float* sum, Numbers y, float* mean, float* rstd);
  /// dx (+)= derivative of norm for dy; dweight, dbias (e) += ...; then, for
  /// the linear layer that fed x: out = dropped(dx) and dout_bias (e) += its
  /// column sums, when out.data is set.
  void (*norm_backward)(const float* dy, const float* x, const float* weight, const float* mean,
                        const float* rstd, std::size_t rows, std::size_t e, bool add, float* dx,
                        float* dweight, float* dbias, Dropped drop, std::size_t first, Numbers out,
                        float* dout_bias);
  /// y = activation(x) over rows of width.
  void (*activate)(Activation activation, const float* x, std::size_t size, Numbers y);
  /// dx = dy * slope(x) over rows of width; dbias (width) += column sums.
  void (*activate_backward)(Activation activation, const float* dy, const float* x,
                            std::size_t rows, std::size_t width, Numbers dx, float* dbias);
  /// sums (width) += columns of x.
  void (*column_sums)(Numbers x, std::size_t rows, std::size_t width, float* sums);
  /// y = factor * x, as numbers.
  void (*convert)(const float* x, std::size_t size, float factor, Numbers y);
  /// y = x as f32.
  void (*widen)(Numbers x, std::size_t size, float* y);
  /// x *= mask, in place, counted from `first`.
  void (*drop)(float* x, std::size_t size, Dropped drop, std::size_t first);

  /// Floats of scratch that attention needs for a sequence of `tokens`.
  std::size_t (*attention_scratch)(std::size_t tokens, std::size_t head_size);
  /// One head of one sequence, causal. q at qkv, k and v e and 2e further, rows
  /// 3e apart; out rows e apart. spread (tokens): log of the sum of
  /// exponentials, for the way back. What comes out before `first` is of no use.
  void (*attend)(const float* qkv, std::size_t e, std::size_t tokens, std::size_t head_size,
                 std::size_t first, float scale, Dropped drop, Numbers out, float* spread,
                 float* scratch);
  /// Its derivative: dqkv laid out as qkv, overwritten for this head. dout is 0
  /// before `first`.
  void (*attend_backward)(const float* dout, const float* qkv, std::size_t e, std::size_t tokens,
                          std::size_t head_size, std::size_t first, float scale, Dropped drop,
                          const float* spread, Numbers dqkv, float* scratch);

  /// Sum of squares, in double over blocks of f32.
  double (*squares)(const float* x, std::size_t size);
  /// One step of AdamW on `size` numbers, and its by-products: copy (when set)
  /// and average (when not null).
  void (*adam)(const AdamStep& step, float decay, const float* gradient, std::size_t size,
               float* weight, float* first, float* second, Numbers copy, float* average);

  /// Turns a row of logits into probabilities in place; returns
  /// log(sum(exp(logits))).
  double (*softmax)(float* logits, std::size_t size);
};

/// The best that this CPU has, not beyond what DNNL_MAX_CPU_ISA or `isa` allows
/// ("avx512", "avx2", "portable"; empty: the best).
[[nodiscard]] const TrainingKernels& training_kernels(const char* isa = "");

}  // namespace foreline::gpt2
