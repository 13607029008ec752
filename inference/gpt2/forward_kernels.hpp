// SPDX-License-Identifier: Apache-2.0
// What a forward pass needs beside oneDNN's large products: products of a few rows with packed
// weights, attention over a cache, layer norm, activation. One source, forward_kernels.inc, is
// compiled for each instruction set; the fastest that this CPU has, and DNNL_MAX_CPU_ISA allows, is
// chosen at run time and checked against the plainest before it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "inference/gpt2/config.hpp"

namespace foreline::gpt2 {

/// Columns of a panel. Weights (k x n) lie as panels of 64 columns, one after another. A panel lies
/// as strips of ForwardKernels::strip columns, one after another; in a strip, groups of 1 (f32), 2
/// (bf16) or 4 (int8) rows of k, and in a group the columns, with as many elements each. With
/// strips of 64 this is oneDNN's BA16a64b, BA16a64b2a and BA16a64b4a. k (to k_padded) and n are
/// filled up with zeros.
constexpr std::size_t panel_columns = 64;
/// Where row i and column c of a panel lie, for groups of `group` rows.
constexpr std::size_t panel_place(std::size_t strip, std::size_t group, std::size_t k_padded,
                                  std::size_t i, std::size_t c) {
  return c / strip * k_padded * strip + (i / group * strip + c % strip) * group + i % group;
}
/// Keys of a block in the cache: a block is (head_size x 16), so that 16 scores grow side by side.
constexpr std::size_t key_block = 16;

/// How a product ends up in y: y = x w + bias, or y += x w + bias.
enum class Into { store, add };

/// Products of `rows` rows with one panel. x rows are ldx elements apart, y rows ldy; `columns`
/// (1 to 64) are written; bias has 64 entries.
struct PanelProduct {
  std::size_t rows, k, k_padded, columns;
  std::size_t ldx, ldy;
  const void* x;
  const void* panel;
  const float* bias;
  float* y;
  Into into;
  // int8 only: one scale a row of x, one scale and one sum of weights a column.
  const float* x_scales;
  const float* w_scales;
  const std::int32_t* w_sums;
};

/// One head: queries (rows x head_size, f32) at ldq; query i sees keys 0 .. first + i. keys: blocks
/// of key_block; values: (keys x value_stride), value_stride a multiple of 16, filled with zeros.
/// out (rows x head_size) at ldo. scratch: 8 * (keys rounded up to 64) floats.
struct Attention {
  std::size_t rows, first, head_size, value_stride;
  std::size_t ldq, ldo;
  float scale;
  const float* q;
  const void* keys;
  const void* values;
  float* out;
  float* scratch;
};

/// Rows `first` .. first + rows - 1 of a panel: `columns` (1 to 64) of them from values that lie ld
/// apart, the others 0. `first` is where a group begins. int8: with what a column is multiplied, at
/// most 127 then; the sums of what is written are added to w_sums.
struct PanelRows {
  std::size_t first, rows, columns, ld, k_padded;
  const float* values;
  void* panel;
  const float* inverse;
  std::int32_t* w_sums;
};

struct ForwardKernels {
  const char* name;
  bool bf16_pairs;    ///< bf16 products take bf16 activations, else f32.
  bool offset_int8;   ///< int8 products take u8 = s8 + 128, else s8.
  std::size_t strip;  ///< 64 or 16 columns, as its products read best.
  void (*product_f32)(const PanelProduct&);
  void (*product_bf16)(const PanelProduct&);
  void (*product_int8)(const PanelProduct&);
  void (*attend_f32)(const Attention&);
  void (*attend_bf16)(const Attention&);
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon,
                     std::size_t rows, std::size_t e, float* y);
  /// In place; gelu_new only, the others are rare and go through activate().
  void (*gelu_new)(float* x, std::size_t size);
  /// Rounds to the nearest even.
  void (*to_bf16)(const float* x, std::size_t size, std::uint16_t* y);
  /// Largest magnitude / 127 (0 when all are 0); y holds the rounded quotients, plus `offset`.
  float (*to_int8)(const float* x, std::size_t size, std::uint8_t* y, int offset);
  // Of weights as they come from a file. The halves may lie in the second half of y.
  void (*from_bf16)(const std::uint16_t* x, std::size_t size, float* y);
  void (*from_half)(const std::uint16_t* x, std::size_t size, float* y);
  bool (*finite)(const float* x, std::size_t size);
  /// top (columns) = at least the magnitudes of x (rows x columns).
  void (*raise_tops)(const float* x, std::size_t rows, std::size_t columns, float* top);
  /// y (columns x 64) of x (rows x columns), at most 64 rows; the others become 0.
  void (*turn)(const float* x, std::size_t rows, std::size_t columns, float* y);
  void (*pack_f32)(const PanelRows&);
  void (*pack_bf16)(const PanelRows&);
  void (*pack_int8)(const PanelRows&);
};

/// The fastest set that works here; the choice never changes within a process. With a name
/// ("portable", "avx2", "avx512", "avx512_bf16") that set; std::invalid_argument when this CPU or
/// DNNL_MAX_CPU_ISA does not allow it, or there is none of that name.
[[nodiscard]] const ForwardKernels& forward_kernels(std::string_view name = {});

}  // namespace foreline::gpt2
