// SPDX-License-Identifier: Apache-2.0
// What training needs beside matrix products: the kernels that keep what the way back wants, and
// their derivatives. Rows are tokens; all arrays row-major f32.
#pragma once

#include <cstddef>

#include "inference/gpt2/config.hpp"

namespace foreline::gpt2::kernels {

/// Derivatives of layer_norm(). dx += ...; dweight, dbias += ...
void layer_norm_backward(const float* dy, const float* x, const float* weight, const float* mean,
                         const float* rstd, std::size_t rows, std::size_t e, float* dx,
                         float* dweight, float* dbias);

/// Derivatives of attend() with first = 0 and queries = keys = tokens. dq, dk, dv += at the strides
/// of qkv.
void attend_backward(const float* dout, std::size_t out_stride, const float* q, const float* k,
                     const float* v, std::size_t stride, const float* probabilities,
                     std::size_t tokens, std::size_t head_size, float scale, float* dq, float* dk,
                     float* dv, float* scratch);

/// dx = dy * slope(x).
void activate_backward(Activation activation, const float* dy, const float* x, float* dx,
                       std::size_t size);

}  // namespace foreline::gpt2::kernels
