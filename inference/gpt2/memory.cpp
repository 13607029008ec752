// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace foreline::gpt2 {

namespace {

constexpr std::size_t huge_page = std::size_t{1} << 21U;

}  // namespace

Memory::Memory(std::size_t bytes) {
  if (bytes == 0) return;
  const std::size_t step = bytes >= huge_page ? huge_page : 4096;
  size_ = (bytes + step - 1) / step * step;
  void* data = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  if (size_ >= huge_page) ::madvise(data, size_, MADV_HUGEPAGE);
  data_ = data;
}

Memory::~Memory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void Memory::need(std::size_t bytes) {
  if (bytes > size_) *this = Memory(std::max(bytes, size_ + size_ / 2));
}

}  // namespace foreline::gpt2
