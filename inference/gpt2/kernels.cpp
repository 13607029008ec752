// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "inference/gpt2/reference.hpp"

namespace foreline::gpt2::kernels {

namespace {

/// exp(x) to 2 units in the last place, in a form that compilers turn into vectors: Cody and
/// Waite's reduction and the polynomial of Cephes' expf.
inline float exponential(float x) {
  constexpr float log2_e = 1.44269504F;
  constexpr float ln2_high = 0.693359375F;
  constexpr float ln2_low = -2.12194440e-4F;
  constexpr float to_integer = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float whole = (x * log2_e + to_integer) - to_integer;
  const float f = (x - whole * ln2_high) - whole * ln2_low;
  float p = 1.9875691500e-4F;
  p = p * f + 1.3981999507e-3F;
  p = p * f + 8.3334519073e-3F;
  p = p * f + 4.1665795894e-2F;
  p = p * f + 1.6666665459e-1F;
  p = p * f + 5.0000001201e-1F;
  p = p * f * f + f + 1.0F;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(whole) + 127) * (1 << 23));
}

/// tanh(x) to 2e-7, absolutely.
inline float hyperbolic_tangent(float x) {
  return 1 - 2 / (exponential(2 * x) + 1);
}

constexpr float gelu_scale = 0.7978845608028654F;  // sqrt(2 / pi)
constexpr float gelu_cubic = 0.044715F;

float dot(const float* a, const float* b, std::size_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void add_scaled(float* y, const float* x, float scale, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

}  // namespace

void layer_norm(const float* x, const float* weight, const float* bias, float epsilon,
                std::size_t rows, std::size_t e, float* y, float* mean, float* rstd) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = x + r * e;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = 0; i < e; ++i) sum += row[i];
    const float m = sum / static_cast<float>(e);
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (std::size_t i = 0; i < e; ++i) squares += (row[i] - m) * (row[i] - m);
    const float s = 1 / std::sqrt(squares / static_cast<float>(e) + epsilon);
    float* out = y + r * e;
#pragma omp simd
    for (std::size_t i = 0; i < e; ++i) out[i] = (row[i] - m) * s * weight[i] + bias[i];
    if (mean != nullptr) mean[r] = m;
    if (rstd != nullptr) rstd[r] = s;
  }
}

void attend(const float* q, std::size_t q_stride, const float* k, const float* v,
            std::size_t kv_stride, std::size_t queries, std::size_t keys, std::size_t first,
            std::size_t head_size, float scale, float* out, std::size_t out_stride,
            float* probabilities, float* scratch) {
  for (std::size_t t = 0; t < queries; ++t) {
    float* row = probabilities != nullptr ? probabilities + t * keys : scratch;
    const std::size_t seen = first + t + 1;
    float highest = -1e30F;
    for (std::size_t s = 0; s < seen; ++s) {
      row[s] = scale * dot(q + t * q_stride, k + s * kv_stride, head_size);
      highest = std::max(highest, row[s]);
    }
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (std::size_t s = 0; s < seen; ++s) {
      row[s] = exponential(row[s] - highest);
      total += row[s];
    }
    float* y = out + t * out_stride;
    std::fill(y, y + head_size, 0.0F);
    for (std::size_t s = 0; s < seen; ++s) {
      row[s] /= total;
      add_scaled(y, v + s * kv_stride, row[s], head_size);
    }
    if (probabilities != nullptr) std::fill(row + seen, row + keys, 0.0F);
  }
}

void activate(Activation activation, const float* x, float* y, std::size_t size) {
  if (activation != Activation::gelu_new) {
    for (std::size_t i = 0; i < size; ++i) y[i] = gpt2::activate(activation, x[i]);
    return;
  }
#pragma omp simd
  for (std::size_t i = 0; i < size; ++i) {
    const float inner = gelu_scale * (x[i] + gelu_cubic * x[i] * x[i] * x[i]);
    y[i] = 0.5F * x[i] * (1 + hyperbolic_tangent(inner));
  }
}

}  // namespace foreline::gpt2::kernels
