// SPDX-License-Identifier: Apache-2.0
// One number for each of eight futures. Pairs are what every x86-64 and ARMv8 processor has in a
// register; the vectors are the compilers' own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace foreline::maxplus {

inline constexpr std::size_t lanes = 8;

/// Yes (-1) or no (0) for each future.
struct Mask {
  typedef std::int64_t Pair __attribute__((vector_size(16), may_alias));
  alignas(16) std::int64_t bits[lanes];

  [[nodiscard]] bool operator[](std::size_t l) const { return bits[l] != 0; }
  void clear(std::size_t l) { bits[l] = 0; }
  [[nodiscard]] Pair& pair(std::size_t i) { return *reinterpret_cast<Pair*>(bits + 2 * i); }
  [[nodiscard]] const Pair& pair(std::size_t i) const {
    return *reinterpret_cast<const Pair*>(bits + 2 * i);
  }
  [[nodiscard]] bool any() const {
    const Pair all = (pair(0) | pair(1)) | (pair(2) | pair(3));
    return (all[0] | all[1]) != 0;
  }
  [[nodiscard]] static Mask everyone() {
    Mask mask;
    for (auto& one : mask.bits) one = -1;
    return mask;
  }
  friend Mask operator&(const Mask& a, const Mask& b) {
    Mask r;
    for (std::size_t i = 0; i < lanes / 2; ++i) r.pair(i) = a.pair(i) & b.pair(i);
    return r;
  }
  friend Mask operator|(const Mask& a, const Mask& b) {
    Mask r;
    for (std::size_t i = 0; i < lanes / 2; ++i) r.pair(i) = a.pair(i) | b.pair(i);
    return r;
  }
  /// Those of `a` that are not in `b`.
  friend Mask operator-(const Mask& a, const Mask& b) {
    Mask r;
    for (std::size_t i = 0; i < lanes / 2; ++i) r.pair(i) = a.pair(i) & ~b.pair(i);
    return r;
  }
};

struct Row {
  typedef double Pair __attribute__((vector_size(16), may_alias));
  alignas(64) double values[lanes];

  [[nodiscard]] double& operator[](std::size_t l) { return values[l]; }
  [[nodiscard]] double operator[](std::size_t l) const { return values[l]; }
  [[nodiscard]] Pair& pair(std::size_t i) { return *reinterpret_cast<Pair*>(values + 2 * i); }
  [[nodiscard]] const Pair& pair(std::size_t i) const {
    return *reinterpret_cast<const Pair*>(values + 2 * i);
  }
  [[nodiscard]] static Row of(double value) {
    Row r;
    for (std::size_t i = 0; i < lanes / 2; ++i) r.pair(i) = Pair{value, value};
    return r;
  }
  friend Row operator+(const Row& a, const Row& b) {
    Row r;
    for (std::size_t i = 0; i < lanes / 2; ++i) r.pair(i) = a.pair(i) + b.pair(i);
    return r;
  }
  friend Row operator*(const Row& a, double b) {
    Row r;
    for (std::size_t i = 0; i < lanes / 2; ++i) r.pair(i) = a.pair(i) * Pair{b, b};
    return r;
  }
  friend Mask operator>(const Row& a, const Row& b) {
    Mask r;
    for (std::size_t i = 0; i < lanes / 2; ++i) r.pair(i) = Mask::Pair(a.pair(i) > b.pair(i));
    return r;
  }
};

/// `a` where the mask says yes, else `b`.
[[nodiscard]] inline Row choose(const Mask& mask, const Row& a, const Row& b) {
  Row r;
  for (std::size_t i = 0; i < lanes / 2; ++i)
    r.pair(i) =
        Row::Pair((Mask::Pair(a.pair(i)) & mask.pair(i)) | (Mask::Pair(b.pair(i)) & ~mask.pair(i)));
  return r;
}
[[nodiscard]] inline Row larger(const Row& a, const Row& b) {
  Row r;
  for (std::size_t i = 0; i < lanes / 2; ++i) {
    const Row::Pair x = a.pair(i);
    const Row::Pair y = b.pair(i);
    r.pair(i) = x > y ? x : y;
  }
  return r;
}

}  // namespace foreline::maxplus
