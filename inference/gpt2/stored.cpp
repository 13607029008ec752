// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/stored.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace foreline::gpt2 {

float from_half(unsigned short half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
  // Exponent and fraction in their new place; the multiplication moves the bias from 15 to 127 and
  // makes subnormals normal.
  const auto shifted = std::bit_cast<float>((half & 0x7FFFU) << 13U);
  const auto magnitude = std::bit_cast<std::uint32_t>(shifted * 0x1p112F);
  const std::uint32_t special = (half & 0x7C00U) == 0x7C00U ? 0x7F800000U : 0U;
  return std::bit_cast<float>(sign | magnitude | special);
}

StoredFile::~StoredFile() {
  ::close(descriptor_);
}

bool StoredFile::read(std::uint64_t from, std::size_t bytes, void* out) const {
  auto* to = static_cast<char*>(out);
  while (bytes > 0) {
    const auto got = ::pread(descriptor_, to, bytes, static_cast<off_t>(from));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    from += static_cast<std::uint64_t>(got);
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

std::uint64_t StoredFile::size() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool StoredTensor::read(std::size_t from, std::size_t count, float* out) const {
  const std::size_t width = type == StoredType::f32 ? 4 : 2;
  // Halves are widened in place, from the far end of `out`: none is overwritten before it is read.
  char* raw = reinterpret_cast<char*>(out) + (4 - width) * count;
  if (source != nullptr) {
    if (!source->read(offset + from * width, count * width, raw)) return false;
  } else if (count > 0) {
    std::memcpy(raw, static_cast<const char*>(data) + from * width, count * width);
  }
  if (type != StoredType::f32) {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, raw + 2 * i, 2);
      const float value = type == StoredType::bf16
                              ? std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U)
                              : from_half(half);
      std::memcpy(out + i, &value, sizeof value);
    }
  }
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bad |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(out[i]) & 0x7F800000U) ==
                                      0x7F800000U);
  }
  return bad == 0;
}

StoredTensor StoredTensor::part(std::size_t from, std::size_t count) const {
  StoredTensor some = *this;
  const auto bytes = from * (type == StoredType::f32 ? 4 : 2);
  if (source != nullptr)
    some.offset += bytes;
  else
    some.data = static_cast<const char*>(data) + bytes;
  some.size = count;
  return some;
}

}  // namespace foreline::gpt2
