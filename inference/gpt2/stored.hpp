// SPDX-License-Identifier: Apache-2.0
// Tensors where they lie, in memory or in a mapped file, read as f32 a piece at a time.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace foreline::gpt2 {

enum class StoredType { f32, f16, bf16 };

/// Not owned; `size` elements, perhaps unaligned, little-endian.
struct StoredTensor {
  const void* data = nullptr;
  StoredType type = StoredType::f32;
  std::size_t size = 0;
  std::string file;  ///< For messages; empty when the tensor is in memory.

  /// Elements from, from + 1, ... as f32; both must be within size. False when one of them is NaN
  /// or infinite.
  [[nodiscard]] bool read(std::size_t from, std::size_t count, float* out) const;
};

/// By the name in the checkpoint without the prefix "transformer.".
using StoredTensors = std::map<std::string, StoredTensor>;

/// IEEE half precision to single, exactly.
[[nodiscard]] float from_half(unsigned short half);

}  // namespace foreline::gpt2
