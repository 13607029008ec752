// SPDX-License-Identifier: Apache-2.0
// y = x w + b with weights that are packed once. A few rows go through own kernels, which read the
// weights at the speed of memory; many rows through oneDNN where it has a fast kernel for this
// precision and CPU, a part of the rows on each thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "inference/gpt2/forward_kernels.hpp"
#include "inference/gpt2/library_product.hpp"
#include "inference/gpt2/memory.hpp"
#include "inference/gpt2/reading.hpp"
#include "inference/gpt2/stored.hpp"
#include "inference/gpt2/workers.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// What all products of a model share: threads, kernels, primitives by size, room.
class Multiplier {
 public:
  Multiplier(Precision precision, int threads, std::string_view kernels = {});

  Workers workers;
  const Precision precision;
  const ForwardKernels& kernels;
  /// Whether oneDNN takes many rows: it has a kernel for packed weights (AVX-512) that gives what
  /// the own kernels give, which is found out at the start.
  bool library = false;

  /// The primitive for these sizes, made when it is first asked for. Null: there is none.
  const LibraryProduct* product(std::size_t rows, std::size_t k, std::size_t n);
  /// The library's kernels in use, for logs.
  [[nodiscard]] std::string library_kernels() const;

  Memory rounded;                 ///< Activations as bf16 or int8.
  std::vector<float> scales;      ///< Of the activations' rows.
  std::vector<Memory> results;    ///< By worker.
  std::vector<Memory> scratches;  ///< By worker.

 private:
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, std::unique_ptr<LibraryProduct>>
      made_;
  std::set<std::string> names_;
};

/// Rows that a buffer of activations must have room for beyond its own, because the library's
/// primitives come in a few sizes only.
constexpr std::size_t spare_rows = 128;

/// How a matrix lies in memory relative to how it enters the product.
enum class Lies { as_is, transposed };

class Linear {
 public:
  /// Makes room for w, (k x n) as_is or (n x k) transposed; what packs it when it is read. Rows of
  /// transposed weights also go to `beside`, if there is one. This must stay where it is until
  /// then.
  [[nodiscard]] Reading pack(const Multiplier& products, std::string name, const StoredTensor& w,
                             Lies lies, std::size_t k, std::size_t n,
                             std::function<void(const Piece&)> beside = {});
  /// n numbers, 0 after pack().
  [[nodiscard]] float* bias() { return bias_.data(); }
  /// y (rows x n) from x (rows x k); x must have spare_rows more rows of room. `activation` is
  /// applied to what was stored, when there is one.
  void operator()(Multiplier& products, const float* x, std::size_t rows, float* y, Into into,
                  const Activation* activation = nullptr) const;
  /// Row `column` of the transposed weights (f32 or bf16), as f32: an embedding when the head is
  /// tied to it.
  void column(const Multiplier& products, std::size_t column, float* out) const;
  [[nodiscard]] std::size_t bytes() const { return data_.size(); }

 private:
  void pack_panel(const Multiplier& products, std::size_t panel, const PanelRows& rows);
  const void* rounded(Multiplier& products, const float* x, std::size_t rows,
                      std::size_t& ldx) const;
  void by_library(Multiplier& products, const float* x, std::size_t rows, float* y, Into into,
                  const Activation* activation) const;
  void by_panels(Multiplier& products, const void* x, std::size_t ldx, std::size_t rows, float* y,
                 Into into, const Activation* activation) const;
  [[nodiscard]] std::size_t panel_size(const Multiplier& products) const;

  std::size_t k_ = 0;
  std::size_t n_ = 0;
  std::size_t k_padded_ = 0;
  Memory data_;
  std::vector<float> bias_, scales_;
  std::vector<std::int32_t> sums_;
};

/// In place.
void activate(const ForwardKernels& kernels, Activation activation, float* x, std::size_t size);

}  // namespace foreline::gpt2
