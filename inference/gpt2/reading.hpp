// SPDX-License-Identifier: Apache-2.0
// Reads the tensors of a model by all threads at once, each a stretch of the files from its
// beginning to its end, and hands them on a piece at a time while they are in the cache.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "inference/gpt2/forward_kernels.hpp"
#include "inference/gpt2/stored.hpp"
#include "inference/gpt2/workers.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// A rectangle of a tensor as f32, and as much room behind it as the reading has `spare`.
struct Piece {
  std::size_t row, column, rows, columns;
  float* values;  ///< (rows x columns)
  float* spare;
};

/// A tensor (rows x columns), and the rectangles that it is read in. `take` gets each of them once,
/// in any order, from any thread.
struct Reading {
  std::string name;
  const StoredTensor* from = nullptr;
  std::size_t rows = 0, columns = 0;
  std::size_t rows_step = 0, columns_step = 0;
  std::size_t spare = 0;  ///< In floats.
  std::function<void(const Piece&)> take;
};

/// Floats that fit into a core's own cache, and are worth a request to the file.
constexpr std::size_t piece_floats = std::size_t{1} << 16U;

/// Pieces of whole rows, about piece_floats each; their number of rows is a multiple of `multiple`.
[[nodiscard]] Reading by_rows(std::string name, const StoredTensor& from, std::size_t rows,
                              std::size_t columns, std::size_t multiple,
                              std::function<void(const Piece&)> take);

/// Complaints about tensors that hold NaN or infinity, or cannot be read, in the order given.
[[nodiscard]] std::vector<line::Diagnostic> read_all(Workers& workers,
                                                     const ForwardKernels& kernels,
                                                     std::span<const Reading> readings);

}  // namespace foreline::gpt2
