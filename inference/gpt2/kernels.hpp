// SPDX-License-Identifier: Apache-2.0
// What oneDNN does not do for a GPT-2 of any size: layer norm, causal attention and activation.
// Rows are tokens; all arrays row-major f32.
#pragma once

#include <cstddef>

#include "inference/gpt2/config.hpp"

namespace foreline::gpt2::kernels {

/// y, x (rows x e); mean and rstd (rows) may be null.
void layer_norm(const float* x, const float* weight, const float* bias, float epsilon,
                std::size_t rows, std::size_t e, float* y, float* mean, float* rstd);

/// One head of one sequence. q: `queries` rows at stride; k, v: `keys` rows at their strides; query
/// i sees keys 0 .. first + i. out rows at out_stride. probabilities (queries x keys) may be null
/// when they are not needed later; scratch (keys) else.
void attend(const float* q, std::size_t q_stride, const float* k, const float* v,
            std::size_t kv_stride, std::size_t queries, std::size_t keys, std::size_t first,
            std::size_t head_size, float scale, float* out, std::size_t out_stride,
            float* probabilities, float* scratch);

void activate(Activation activation, const float* x, float* y, std::size_t size);

}  // namespace foreline::gpt2::kernels
