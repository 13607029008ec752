// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/forward_kernels.hpp"

#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "inference/gpt2/library_product.hpp"
#include "sim/line/random.hpp"

namespace foreline::gpt2 {

extern const ForwardKernels kernels_portable;
#if defined(__x86_64__)
extern const ForwardKernels kernels_avx2;
extern const ForwardKernels kernels_avx512;
extern const ForwardKernels kernels_avx512_bf16;
#endif

namespace {

float noise(std::uint64_t index) {
  return static_cast<float>(line::random_uniform(1, 0, line::Purpose::training, index)) - 0.5F;
}

/// Whether this set computes what the portable one does, on products and attention of odd sizes.
bool agrees(const ForwardKernels& set) {
  constexpr std::size_t k = 13;
  constexpr std::size_t k_padded = 16;
  constexpr std::size_t rows = 15;
  constexpr std::size_t columns = 50;
  std::vector<float> x(rows * k_padded), bias(panel_columns);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < k; ++i) x[r * k_padded + i] = noise(r * k + i);
  }
  for (std::size_t i = 0; i < panel_columns; ++i) bias[i] = noise(5000 + i);
  std::vector<float> scales(panel_columns, 0.01F);
  const auto product = [&](const ForwardKernels& with, int kind) {
    std::vector<float> y(rows * columns, 0.25F);
    std::vector<float> f32(k_padded * panel_columns);
    std::vector<std::uint16_t> bf16(k_padded * panel_columns);
    std::vector<std::int8_t> int8(k_padded * panel_columns);
    std::vector<std::int32_t> sums(panel_columns);
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t c = 0; c < panel_columns; ++c) {
        const float value = noise(1000 + i * panel_columns + c);
        f32[panel_place(with.strip, 1, k_padded, i, c)] = value;
        kernels_portable.to_bf16(&value, 1, &bf16[panel_place(with.strip, 2, k_padded, i, c)]);
        const auto small = static_cast<std::int8_t>(std::lround(value * 254));
        int8[panel_place(with.strip, 4, k_padded, i, c)] = small;
        sums[c] += small;
      }
    }
    PanelProduct p{rows,       k,           k_padded, columns,   k_padded, columns, x.data(),
                   f32.data(), bias.data(), y.data(), Into::add, nullptr,  nullptr, nullptr};
    std::vector<std::uint16_t> halves(rows * k_padded);
    std::vector<std::uint8_t> bytes(rows * k_padded);
    std::vector<float> x_scales(rows);
    if (kind == 0) {
      with.product_f32(p);
    } else if (kind == 1) {
      p.panel = bf16.data();
      with.to_bf16(x.data(), x.size(), halves.data());
      if (with.bf16_pairs) p.x = halves.data();
      with.product_bf16(p);
    } else {
      p.panel = int8.data();
      for (std::size_t r = 0; r < rows; ++r)
        x_scales[r] = with.to_int8(&x[r * k_padded], k_padded, &bytes[r * k_padded],
                                   with.offset_int8 ? 128 : 0);
      p.x = bytes.data();
      p.x_scales = x_scales.data();
      p.w_scales = scales.data();
      p.w_sums = sums.data();
      with.product_int8(p);
    }
    return y;
  };
  const auto attention = [&](const ForwardKernels& with, bool half) {
    constexpr std::size_t head = 24;
    constexpr std::size_t stride = 32;
    constexpr std::size_t seen = 40;
    std::vector<float> q(rows * head), keys(64 * head), values(64 * stride), scratch(8 * 64);
    for (std::size_t i = 0; i < q.size(); ++i) q[i] = noise(9000 + i);
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = noise(20'000 + i);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = i % stride < head ? noise(40'000 + i) : 0;
    std::vector<std::uint16_t> half_keys(keys.size()), half_values(values.size());
    kernels_portable.to_bf16(keys.data(), keys.size(), half_keys.data());
    kernels_portable.to_bf16(values.data(), values.size(), half_values.data());
    std::vector<float> out(rows * head);
    Attention a{rows, seen - rows, head,        stride,        head,       head,
                0.3F, q.data(),    keys.data(), values.data(), out.data(), scratch.data()};
    if (half) {
      a.keys = half_keys.data();
      a.values = half_values.data();
    }
    (half ? with.attend_bf16 : with.attend_f32)(a);
    return out;
  };
  const auto close = [](const std::vector<float>& a, const std::vector<float>& b, float within) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!(std::abs(a[i] - b[i]) <= within)) return false;
    }
    return true;
  };
  // bf16 activations are rounded where the set takes them so.
  return close(product(set, 0), product(kernels_portable, 0), 1e-5F) &&
         close(product(set, 1), product(kernels_portable, 1), set.bf16_pairs ? 2e-2F : 1e-5F) &&
         close(product(set, 2), product(kernels_portable, 2), 1e-4F) &&
         close(attention(set, false), attention(kernels_portable, false), 1e-5F) &&
         close(attention(set, true), attention(kernels_portable, true), 1e-5F);
}

/// The sets that this CPU and DNNL_MAX_CPU_ISA allow, the fastest first.
std::vector<const ForwardKernels*> allowed_sets() {
  std::vector<const ForwardKernels*> sets;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const auto allowed = library_isa();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  const bool avx512_bf16 =
      avx512 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
  if (allowed >= LibraryIsa::avx512_bf16 && avx512_bf16) sets.push_back(&kernels_avx512_bf16);
  if (allowed >= LibraryIsa::avx512 && avx512) sets.push_back(&kernels_avx512);
  if (allowed >= LibraryIsa::avx2 && avx2) sets.push_back(&kernels_avx2);
#endif
  sets.push_back(&kernels_portable);
  return sets;
}

const ForwardKernels& choose() {
  for (const auto* set : allowed_sets()) {
    if (set == &kernels_portable || agrees(*set)) return *set;
  }
  return kernels_portable;
}

}  // namespace

const ForwardKernels& forward_kernels(std::string_view name) {
  static const ForwardKernels& chosen = choose();
  if (name.empty()) return chosen;
  for (const auto* set : allowed_sets()) {
    if (name == set->name) return *set;
  }
  throw std::invalid_argument("no kernels \"" + std::string(name) + "\" here");
}

}  // namespace foreline::gpt2
