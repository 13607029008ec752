// SPDX-License-Identifier: Apache-2.0
// Matrix products of inference by oneDNN: this file and products.cpp (of training) alone know the
// library, so that a newer one is a change in two places.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "inference/gpt2/config.hpp"

namespace foreline::gpt2 {

/// The instruction sets that the library uses here, or may use by DNNL_MAX_CPU_ISA.
enum class LibraryIsa { sse41, avx2, avx512, avx512_bf16, amx };
[[nodiscard]] LibraryIsa library_isa();
[[nodiscard]] const char* name_of(LibraryIsa isa);
/// "oneDNN 2.6.3".
[[nodiscard]] std::string library_version();

/// One product of fixed sizes, y (rows x n) = x (rows x k) w, on the calling thread alone; several
/// threads may call it at once. bf16: x bf16, y f32. int8: x u8, w s8, y s32.
class LibraryProduct {
 public:
  /// w in panels of one strip (see forward_kernels.hpp). Null when the library has
  /// no kernel of its own for this but its slow reference.
  [[nodiscard]] static std::unique_ptr<LibraryProduct> make(Precision precision, std::size_t rows,
                                                            std::size_t k, std::size_t n);
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
