// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace foreline::gpt2 {

/// Zeroed memory on huge pages where the kernel gives them.
class Memory {
 public:
  Memory() = default;
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  [[nodiscard]] std::size_t size() const { return size_; }
  template <class T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }
  /// At least this many bytes; what was there is lost when it grows.
  void need(std::size_t bytes);

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace foreline::gpt2
