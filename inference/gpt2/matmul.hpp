// SPDX-License-Identifier: Apache-2.0
// Matrix products of inference by oneDNN: this file and products.cpp (of training) alone know the
// library, so that a newer one is a change in two places. Row-major f32. Primitives are made once
// for each shape; the number of rows is rounded up to a few sizes, so a varying batch meets few
// shapes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "inference/gpt2/config.hpp"

namespace foreline::gpt2 {

/// The instruction sets that the library uses here, or may use by DNNL_MAX_CPU_ISA.
enum class LibraryIsa { sse41, avx2, avx512, avx512_bf16 };
[[nodiscard]] LibraryIsa library_isa();
[[nodiscard]] const char* name_of(LibraryIsa isa);
/// "oneDNN 2.6.3".
[[nodiscard]] std::string library_version();

/// How a factor lies in memory relative to how it enters the product.
enum class Lies { as_is, transposed };

class Matmul {
 public:
  /// Uses at most `threads` of OpenMP's threads in each call.
  explicit Matmul(int threads);
  ~Matmul();
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  /// A weight matrix in the library's own layout.
  class Packed;
  /// w is (k x n) as_is, or (n x k) transposed. bias (n) may be null. Copies both.
  [[nodiscard]] std::shared_ptr<const Packed> pack(const float* w, Lies lies, const float* bias,
                                                   std::size_t k, std::size_t n, bool bf16);
  /// y (m x n) = x (m x k) w + bias. x and y must have room for rows_padded(m) rows.
  void operator()(const float* x, const Packed& w, float* y, std::size_t m);

  /// y (m x n) = a (m x k) b (k x n), factors as they lie in memory; overwrites y.
  void product(const float* a, Lies a_lies, const float* b, Lies b_lies, float* y, std::size_t m,
               std::size_t k, std::size_t n);

  /// Rows that buffers must have for m rows of data.
  [[nodiscard]] static std::size_t rows_padded(std::size_t m);
  /// The kernels in use, for logs: "brg:avx512_core". Empty before the first product.
  [[nodiscard]] std::string kernels() const;
  /// Whether one of the kernels is the library's slow reference.
  [[nodiscard]] bool slow() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One product of fixed sizes, y (rows x n) = x (rows x k) w, on the calling thread alone; several
/// threads may call it at once. bf16: x bf16, y f32. int8: x u8, w s8, y s32.
class LibraryProduct {
 public:
  /// w in panels (see forward_kernels.hpp) or, f32 only, plain row-major. Null when the library has
  /// no kernel of its own for this but its slow reference.
  [[nodiscard]] static std::unique_ptr<LibraryProduct> make(Precision precision, bool panels,
                                                            std::size_t rows, std::size_t k,
                                                            std::size_t n);
  ~LibraryProduct();
  LibraryProduct(const LibraryProduct&) = delete;
  LibraryProduct& operator=(const LibraryProduct&) = delete;
  /// Bytes that each call needs for itself.
  [[nodiscard]] std::size_t scratch_size() const;
  void operator()(const void* x, const void* w, void* y, void* scratch) const;
  /// "brg:avx512_core_bf16".
  [[nodiscard]] const std::string& kernel() const;

 private:
  struct State;
  explicit LibraryProduct(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::gpt2
