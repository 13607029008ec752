// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/backward.hpp"

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

void layer_norm_backward(const float* dy, const float* x, const float* weight, const float* mean,
                         const float* rstd, std::size_t rows, std::size_t e, float* dx,
                         float* dweight, float* dbias) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* d = dy + r * e;
    const float* row = x + r * e;
    float sum = 0;
    float weighted = 0;
#pragma omp simd reduction(+ : sum, weighted)
    for (std::size_t i = 0; i < e; ++i) {
      const float normal = (row[i] - mean[r]) * rstd[r];
      const float g = d[i] * weight[i];
      sum += g;
      weighted += g * normal;
      dweight[i] += d[i] * normal;
      dbias[i] += d[i];
    }
    sum /= static_cast<float>(e);
    weighted /= static_cast<float>(e);
    float* out = dx + r * e;
#pragma omp simd
    for (std::size_t i = 0; i < e; ++i) {
      const float normal = (row[i] - mean[r]) * rstd[r];
      out[i] += (d[i] * weight[i] - sum - normal * weighted) * rstd[r];
    }
  }
}

void attend_backward(const float* dout, std::size_t out_stride, const float* q, const float* k,
                     const float* v, std::size_t stride, const float* probabilities,
                     std::size_t tokens, std::size_t head_size, float scale, float* dq, float* dk,
                     float* dv, float* scratch) {
  for (std::size_t t = 0; t < tokens; ++t) {
    const float* d = dout + t * out_stride;
    const float* row = probabilities + t * tokens;
    float mixed = 0;
    for (std::size_t s = 0; s <= t; ++s) {
      scratch[s] = dot(d, v + s * stride, head_size);
      mixed += scratch[s] * row[s];
      add_scaled(dv + s * stride, d, row[s], head_size);
    }
    for (std::size_t s = 0; s <= t; ++s) {
      const float slope = row[s] * (scratch[s] - mixed) * scale;
      add_scaled(dq + t * stride, k + s * stride, slope, head_size);
      add_scaled(dk + s * stride, q + t * stride, slope, head_size);
    }
  }
}

void activate_backward(Activation activation, const float* dy, const float* x, float* dx,
                       std::size_t size) {
  if (activation != Activation::gelu_new) {
    for (std::size_t i = 0; i < size; ++i) dx[i] = dy[i] * gpt2::activate_slope(activation, x[i]);
    return;
  }
#pragma omp simd
  for (std::size_t i = 0; i < size; ++i) {
    const float t = hyperbolic_tangent(gelu_scale * (x[i] + gelu_cubic * x[i] * x[i] * x[i]));
    dx[i] = dy[i] * (0.5F * (1 + t) +
                     0.5F * x[i] * (1 - t * t) * gelu_scale * (1 + 3 * gelu_cubic * x[i] * x[i]));
  }
}

}  // namespace foreline::gpt2::kernels
