// SPDX-License-Identifier: Apache-2.0
// Tensors where they lie, in memory or in a file, read as f32 a piece at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace foreline::gpt2 {

enum class StoredType { f32, f16, bf16 };

/// An open file. It is read, not mapped: one that somebody cuts off meanwhile is then an error, not
/// a signal that ends the process.
class StoredFile {
 public:
  /// Takes the descriptor over.
  explicit StoredFile(int descriptor) : descriptor_(descriptor) {}
  ~StoredFile();
  StoredFile(const StoredFile&) = delete;
  StoredFile& operator=(const StoredFile&) = delete;
  /// False when the file has no such bytes, or the disk cannot give them. From several threads.
  [[nodiscard]] bool read(std::uint64_t from, std::size_t bytes, void* out) const;
  /// Now; 0 when it cannot be told.
  [[nodiscard]] std::uint64_t size() const;

 private:
  int descriptor_;
};

/// `size` elements, little-endian: at `data` (perhaps unaligned, not owned), or at `offset` of a
/// file when there is one.
struct StoredTensor {
  const void* data = nullptr;
  StoredType type = StoredType::f32;
  std::size_t size = 0;
  std::string file;  ///< For messages; empty when the tensor is in memory.
  std::shared_ptr<const StoredFile> source{};
  std::uint64_t offset = 0;

  /// Elements from, from + 1, ... as f32; both must be within size. False when one of them is NaN
  /// or infinite, or cannot be read.
  [[nodiscard]] bool read(std::size_t from, std::size_t count, float* out) const;
  /// The same elements as a tensor of their own.
  [[nodiscard]] StoredTensor part(std::size_t from, std::size_t count) const;
};

/// By the name in the checkpoint without the prefix "transformer.".
using StoredTensors = std::map<std::string, StoredTensor>;

/// IEEE half precision to single, exactly.
[[nodiscard]] float from_half(unsigned short half);

}  // namespace foreline::gpt2
