// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/stored.hpp"

#include <bit>
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

bool StoredTensor::read(std::size_t from, std::size_t count, float* out) const {
  const auto* bytes = static_cast<const char*>(data);
  if (type == StoredType::f32) {
    if (count > 0) std::memcpy(out, bytes + from * 4, count * 4);
  } else if (type == StoredType::bf16) {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, bytes + 2 * (from + i), 2);
      out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U);
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, bytes + 2 * (from + i), 2);
      out[i] = from_half(half);
    }
  }
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bad |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(out[i]) & 0x7F800000U) ==
                                      0x7F800000U);
  }
  return bad == 0;
}

}  // namespace foreline::gpt2
