// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/linear.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>
#include <utility>

#include "inference/gpt2/reference.hpp"

namespace foreline::gpt2 {

namespace {

/// From so many rows on the library is asked.
constexpr std::size_t library_rows = 9;
/// Rows that one call of the library takes: enough to use each weight often, few enough that
/// several threads, one of them perhaps delayed, share a batch well.
constexpr std::size_t chunk_rows = 128;
/// Multiply-adds below which handing work to another thread costs more than it saves.
constexpr std::size_t share_from = 400'000;

std::size_t rounded_up(std::size_t n, std::size_t step) {
  return (n + step - 1) / step * step;
}

/// The rows of a primitive that takes `rows`: few sizes, none much too large.
std::size_t primitive_rows(std::size_t rows) {
  for (const std::size_t size : {8U, 16U, 32U, 64U})
    if (rows <= size) return size;
  return chunk_rows;
}

}  // namespace

void activate(const ForwardKernels& kernels, Activation activation, float* x, std::size_t size) {
  if (activation == Activation::gelu_new) {
    kernels.gelu_new(x, size);
  } else {
    for (std::size_t i = 0; i < size; ++i) x[i] = activate(activation, x[i]);
  }
}

Multiplier::Multiplier(Precision wanted, int threads, std::string_view named)
    : workers(threads < 1 ? 1 : threads),
      precision(wanted),
      kernels(forward_kernels(named)),
      results(workers.count()),
      scratches(workers.count()) {
  if (kernels.strip != panel_columns) return;
  // The library's kernel must give what the own ones give, on a product that fills no block.
  constexpr std::size_t rows = 32;
  constexpr std::size_t k = 70;
  constexpr std::size_t n = 150;
  std::vector<float> w(k * n), x((rows + spare_rows) * k);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i * 37 % 101) / 101 - 0.5F;
  for (std::size_t i = 0; i < rows * k; ++i) x[i] = static_cast<float>(i * 53 % 97) / 97 - 0.5F;
  Linear linear;
  const StoredTensor stored{w.data(), StoredType::f32, w.size(), {}};
  const auto reading = linear.pack(*this, "", stored, Lies::as_is, k, n);
  (void)read_all(workers, kernels, std::span(&reading, 1));
  std::vector<float> own(rows * n), theirs(rows * n);
  for (std::size_t r = 0; r < rows; ++r) linear(*this, &x[r * k], 1, &own[r * n], Into::store);
  library = true;
  if (product(rows, k, n) == nullptr) {
    library = false;
    return;
  }
  linear(*this, x.data(), rows, theirs.data(), Into::store);
  for (std::size_t i = 0; i < own.size(); ++i)
    library = library && std::abs(own[i] - theirs[i]) < 0.02F;
  made_.clear();
}

const LibraryProduct* Multiplier::product(std::size_t rows, std::size_t k, std::size_t n) {
  if (!library) return nullptr;
  const auto key = std::tuple(rows, k, n);
  auto found = made_.find(key);
  if (found == made_.end()) {
    found = made_.emplace(key, LibraryProduct::make(precision, rows, k, n)).first;
    if (found->second != nullptr) names_.insert(found->second->kernel());
  }
  return found->second.get();
}

std::string Multiplier::library_kernels() const {
  std::string all;
  for (const auto& name : names_) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::size_t Linear::panel_size(const Multiplier& products) const {
  const std::size_t width = products.precision == Precision::f32    ? 4
                            : products.precision == Precision::bf16 ? 2
                                                                    : 1;
  return k_padded_ * panel_columns * width;
}

Reading Linear::pack(const Multiplier& products, std::string name, const StoredTensor& w, Lies lies,
                     std::size_t k, std::size_t n, std::function<void(const Piece&)> beside) {
  const bool int8 = products.precision == Precision::int8;
  const bool as_is = lies == Lies::as_is;
  k_ = k;
  n_ = n;
  // As oneDNN's blocks of k: 16 groups.
  const std::size_t group = int8 ? 4 : products.precision == Precision::bf16 ? 2 : 1;
  k_padded_ = rounded_up(k, 16 * group);
  const std::size_t panels = (n + panel_columns - 1) / panel_columns;
  data_ = Memory(panels * panel_size(products));
  bias_.assign(panels * panel_columns, 0.0F);
  if (int8) {
    scales_.assign(panels * panel_columns, 0.0F);
    sums_.assign(panels * panel_columns, 0);
  }
  if (!as_is) {
    const auto take = [this, &products, beside = std::move(beside)](const Piece& piece) {
      if (beside) beside(piece);
      products.kernels.turn(piece.values, piece.rows, k_, piece.spare);
      pack_panel(
          products, piece.row / panel_columns,
          {0, k_, piece.rows, panel_columns, k_padded_, piece.spare, nullptr, nullptr, nullptr});
    };
    return {std::move(name), &w, n, k, std::min(panel_columns, n), k, k * panel_columns, take};
  }
  const auto take = [this, &products](const Piece& piece) {
    for (std::size_t column = 0; column < piece.columns; column += panel_columns) {
      pack_panel(products, (piece.column + column) / panel_columns,
                 {piece.row, piece.rows, std::min(panel_columns, piece.columns - column),
                  piece.columns, k_padded_, piece.values + column, nullptr, nullptr, nullptr});
    }
  };
  auto reading = by_rows(std::move(name), w, k, n, group, take);
  if (int8) {
    // A column's scale is known when all of it has been read.
    reading.rows_step = k;
    constexpr std::size_t together_max = std::size_t{24} << 20U;
    const auto columns = together_max / products.workers.count() / k / panel_columns;
    reading.columns_step = std::min(n, std::max<std::size_t>(columns, 1) * panel_columns);
  }
  return reading;
}

void Linear::pack_panel(const Multiplier& products, std::size_t panel, const PanelRows& from) {
  PanelRows rows = from;
  rows.panel = data_.as<char>() + panel * panel_size(products);
  if (products.precision == Precision::f32) return products.kernels.pack_f32(rows);
  if (products.precision == Precision::bf16) return products.kernels.pack_bf16(rows);
  const std::size_t first = panel * panel_columns;
  float inverse[panel_columns] = {};
  float tops[panel_columns] = {};
  for (std::size_t r = 0; r < rows.rows; ++r)
    products.kernels.raise_tops(rows.values + r * rows.ld, 1, rows.columns, tops);
  for (std::size_t c = 0; c < rows.columns; ++c) {
    inverse[c] = tops[c] > 0 ? 127 / tops[c] : 0;
    scales_[first + c] = tops[c] / 127;
  }
  rows.inverse = inverse;
  rows.w_sums = &sums_[first];
  products.kernels.pack_int8(rows);
}

void Linear::column(const Multiplier& products, std::size_t column, float* out) const {
  const auto strip = products.kernels.strip;
  const auto panel = column / panel_columns * k_padded_ * panel_columns;
  const auto place = [&](std::size_t group, std::size_t i) {
    return panel + panel_place(strip, group, k_padded_, i, column % panel_columns);
  };
  if (products.precision == Precision::f32) {
    for (std::size_t i = 0; i < k_; ++i) out[i] = data_.as<float>()[place(1, i)];
  } else {
    for (std::size_t i = 0; i < k_; ++i)
      out[i] = std::bit_cast<float>(std::uint32_t{data_.as<std::uint16_t>()[place(2, i)]} << 16U);
  }
}

const void* Linear::rounded(Multiplier& products, const float* x, std::size_t rows,
                            std::size_t& ldx) const {
  ldx = k_;
  const auto& kernels = products.kernels;
  const bool int8 = products.precision == Precision::int8;
  const bool pairs = products.precision == Precision::bf16 && kernels.bf16_pairs;
  if (!int8 && !pairs) {
    if (products.precision == Precision::f32 || k_ % 2 == 0) return x;
    // The last pair of weights has a zero beside it, but what it meets must be finite too.
    ldx = k_ + 1;
    products.rounded.need((rows + spare_rows) * ldx * sizeof(float));
    auto* to = products.rounded.as<float>();
    for (std::size_t r = 0; r < rows; ++r) {
      std::copy_n(x + r * k_, k_, to + r * ldx);
      to[r * ldx + k_] = 0;
    }
    return to;
  }
  ldx = int8 ? rounded_up(k_, 4) : rounded_up(k_, 2);
  products.rounded.need((rows + spare_rows) * ldx * (int8 ? 1 : 2));
  if (int8 && products.scales.size() < rows) products.scales.resize(rows + spare_rows);
  constexpr std::size_t together = 16;
  const auto some = [&](std::size_t part, std::size_t) {
    for (std::size_t r = part * together; r < std::min(rows, (part + 1) * together); ++r) {
      if (int8) {
        const int offset = kernels.offset_int8 ? 128 : 0;
        auto* to = products.rounded.as<std::uint8_t>() + r * ldx;
        products.scales[r] = kernels.to_int8(x + r * k_, k_, to, offset);
        std::fill(to + k_, to + ldx, static_cast<std::uint8_t>(offset));
      } else {
        auto* to = products.rounded.as<std::uint16_t>() + r * ldx;
        kernels.to_bf16(x + r * k_, k_, to);
        std::fill(to + k_, to + ldx, std::uint16_t{0});
      }
    }
  };
  products.workers((rows + together - 1) / together, some);
  return products.rounded.as<void>();
}

void Linear::operator()(Multiplier& products, const float* x, std::size_t rows, float* y, Into into,
                        const Activation* activation) const {
  if (rows == 0) return;
  if (rows >= library_rows &&
      products.product(primitive_rows(std::min(rows, chunk_rows)), k_, n_) != nullptr) {
    by_library(products, x, rows, y, into, activation);
    return;
  }
  std::size_t ldx = 0;
  const void* in = rounded(products, x, rows, ldx);
  by_panels(products, in, ldx, rows, y, into, activation);
}

void Linear::by_panels(Multiplier& products, const void* x, std::size_t ldx, std::size_t rows,
                       float* y, Into into, const Activation* activation) const {
  const auto& kernels = products.kernels;
  const std::size_t panels = (n_ + panel_columns - 1) / panel_columns;
  constexpr std::size_t rows_at_once = 96;
  const std::size_t row_parts = (rows + rows_at_once - 1) / rows_at_once;
  const std::size_t element = products.precision == Precision::int8                         ? 1
                              : products.precision == Precision::bf16 && kernels.bf16_pairs ? 2
                                                                                            : 4;
  const auto task = [&](std::size_t number, std::size_t) {
    const std::size_t panel = number / row_parts;
    const std::size_t row = number % row_parts * rows_at_once;
    const std::size_t first = panel * panel_columns;
    PanelProduct p{};
    p.rows = std::min(rows_at_once, rows - row);
    p.k = k_;
    p.k_padded = k_padded_;
    p.columns = std::min(panel_columns, n_ - first);
    p.ldx = ldx;
    p.ldy = n_;
    p.x = static_cast<const char*>(x) + row * ldx * element;
    p.panel = data_.as<char>() + panel * panel_size(products);
    p.bias = &bias_[first];
    p.y = y + row * n_ + first;
    p.into = into;
    if (products.precision == Precision::f32) {
      kernels.product_f32(p);
    } else if (products.precision == Precision::bf16) {
      kernels.product_bf16(p);
    } else {
      p.x_scales = &products.scales[row];
      p.w_scales = &scales_[first];
      p.w_sums = &sums_[first];
      kernels.product_int8(p);
    }
    if (activation != nullptr) {
      for (std::size_t r = 0; r < p.rows; ++r)
        activate(kernels, *activation, p.y + r * n_, p.columns);
    }
  };
  if (rows * k_ * n_ < share_from) {
    for (std::size_t i = 0; i < panels * row_parts; ++i) task(i, 0);
  } else {
    products.workers(panels * row_parts, task);
  }
}

void Linear::by_library(Multiplier& products, const float* x, std::size_t rows, float* y, Into into,
                        const Activation* activation) const {
  const bool int8 = products.precision == Precision::int8;
  const bool bf16 = products.precision == Precision::bf16;
  const std::size_t threads = products.workers.count();
  const bool share = threads > 1 && rows * k_ * n_ >= share_from;
  // Threads share rows where there are many, else columns, so that each weight is read once.
  const std::size_t part = !share || rows < 64 * threads
                               ? primitive_rows(std::min(rows, chunk_rows))
                           : rows >= chunk_rows * threads ? chunk_rows
                                                          : 64;
  const std::size_t row_parts = (rows + part - 1) / part;
  const std::size_t panels = (n_ + panel_columns - 1) / panel_columns;
  const bool columns_too = share && rows < 64 * threads;
  const std::size_t panels_each = columns_too ? (panels + 4 * threads - 1) / (4 * threads) : panels;
  const std::size_t column_parts = (panels + panels_each - 1) / panels_each;
  const std::size_t width = column_parts == 1 ? n_ : panels_each * panel_columns;
  const std::size_t last_width = n_ - (column_parts - 1) * width;
  const std::size_t last_rows = primitive_rows(rows - (row_parts - 1) * part);
  // Primitives are made here, by one thread: by whether they are of the last rows, last columns.
  const LibraryProduct* made[2][2] = {
      {products.product(part, k_, width), products.product(part, k_, last_width)},
      {products.product(last_rows, k_, width), products.product(last_rows, k_, last_width)}};
  for (const auto& row : made) {
    if (row[0] != nullptr && row[1] != nullptr) continue;
    std::size_t ldx = 0;
    const void* in = rounded(products, x, rows, ldx);
    by_panels(products, in, ldx, rows, y, into, activation);
    return;
  }
  // The library's primitives want rows without gaps.
  if (int8 || bf16) products.rounded.need((rows + spare_rows) * k_ * (int8 ? 1 : 2));
  if (int8 && products.scales.size() < rows) products.scales.resize(rows + spare_rows);
  const auto rounded_from = [&](std::size_t row) -> const void* {
    if (int8) return products.rounded.as<std::uint8_t>() + row * k_;
    if (bf16) return products.rounded.as<std::uint16_t>() + row * k_;
    return x + row * k_;
  };
  const auto round_rows = [&](std::size_t row, std::size_t count) {
    if (int8) {
      for (std::size_t r = row; r < row + count; ++r)
        products.scales[r] = products.kernels.to_int8(
            x + r * k_, k_, products.rounded.as<std::uint8_t>() + r * k_, 128);
    } else if (bf16) {
      products.kernels.to_bf16(x + row * k_, count * k_,
                               products.rounded.as<std::uint16_t>() + row * k_);
    }
  };
  if (columns_too) round_rows(0, rows);
  const auto task = [&](std::size_t number, std::size_t worker) {
    const std::size_t row = number / column_parts * part;
    const std::size_t column = number % column_parts * width;
    const std::size_t count = std::min(part, rows - row);
    const std::size_t columns = std::min(width, n_ - column);
    const bool last_row = row + part >= rows;
    const auto& product = *made[last_row][column + width >= n_];
    const std::size_t sized = last_row ? last_rows : part;
    if (!columns_too) round_rows(row, count);
    auto& scratch = products.scratches[worker];
    scratch.need(product.scratch_size() + 64);
    const bool direct = !int8 && into == Into::store && sized == count && columns == n_;
    auto& result = products.results[worker];
    if (!direct) result.need(sized * columns * sizeof(float));
    product(rounded_from(row), data_.as<char>() + column / panel_columns * panel_size(products),
            direct ? static_cast<void*>(y + row * n_) : result.as<void>(), scratch.as<void>());
    const float* bias = &bias_[column];
    for (std::size_t r = 0; r < count; ++r) {
      float* out = y + (row + r) * n_ + column;
      if (int8) {
        const auto* sums = result.as<std::int32_t>() + r * columns;
        const float scale = products.scales[row + r];
        for (std::size_t c = 0; c < columns; ++c) {
          const float value = static_cast<float>(sums[c] - 128 * sums_[column + c]) *
                                  (scale * scales_[column + c]) +
                              bias[c];
          out[c] = into == Into::add ? out[c] + value : value;
        }
      } else if (direct) {
        for (std::size_t c = 0; c < columns; ++c) out[c] += bias[c];
      } else {
        const auto* sums = result.as<float>() + r * columns;
        if (into == Into::add) {
          for (std::size_t c = 0; c < columns; ++c) out[c] += sums[c] + bias[c];
        } else {
          for (std::size_t c = 0; c < columns; ++c) out[c] = sums[c] + bias[c];
        }
      }
      if (activation != nullptr) activate(products.kernels, *activation, out, columns);
    }
  };
  if (share) {
    products.workers(row_parts * column_parts, task);
  } else {
    for (std::size_t i = 0; i < row_parts * column_parts; ++i) task(i, 0);
  }
}

}  // namespace foreline::gpt2
