// SPDX-License-Identifier: Apache-2.0
// The matrix products of training by oneDNN: plain layouts (a weight changes at
// each step, so packing it would not pay), f32 or bfloat16 factors, f32 results
// that may add to what is there.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "inference/gpt2/training_kernels.hpp"

namespace foreline::gpt2 {

/// What this CPU has, not beyond DNNL_MAX_CPU_ISA.
enum class Isa { any, avx2, avx512 };
[[nodiscard]] Isa isa_allowed();

/// A row-major matrix in memory: rows are `stride` numbers apart; `turned` when
/// it enters the product transposed.
struct Factor {
  Numbers numbers;
  std::size_t stride = 0;
  bool turned = false;
};

class Products {
 public:
  /// Each product uses `threads` of OpenMP's threads.
  explicit Products(int threads);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// y (m x n) = a (m x k) b (k x n) + bias (n; null: none), or y += ... with
  /// `add`. Sums are f32. A shape's first product makes its primitive (about 1
  /// ms), later ones allocate nothing. Factors are both f32 or both bfloat16; a
  /// CPU without bfloat16 products multiplies them as f32.
  void operator()(const Factor& a, const Factor& b, const float* bias, float* y, bool add,
                  std::size_t m, std::size_t k, std::size_t n);

  /// Whether the CPU multiplies bfloat16 numbers.
  [[nodiscard]] bool native_bf16() const;
  /// The kernels in use, for logs: "brg:avx512_core". Empty before the first
  /// product.
  [[nodiscard]] std::string kernels() const;
  /// Whether one of the kernels is the library's slow reference.
  [[nodiscard]] bool slow() const;
  /// "2.6.3"
  [[nodiscard]] static std::string library();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::gpt2
