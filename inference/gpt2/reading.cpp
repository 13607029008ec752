// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/reading.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <utility>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/memory.hpp"

namespace foreline::gpt2 {

namespace {

/// `count` elements as they lie in the file or in memory; false when they cannot be read.
bool read_raw(const StoredTensor& tensor, std::size_t from, std::size_t count, void* to) {
  const std::size_t width = tensor.type == StoredType::f32 ? 4 : 2;
  if (tensor.source != nullptr)
    return tensor.source->read(tensor.offset + from * width, count * width, to);
  std::memcpy(to, static_cast<const char*>(tensor.data) + from * width, count * width);
  return true;
}

/// What lies in one row after another at `from`, read, widened and looked at a part at a time.
bool read_part(const ForwardKernels& kernels, const StoredTensor& tensor, std::size_t from,
               std::size_t count, float* to) {
  bool good = true;
  for (std::size_t done = 0; done < count && good;) {
    const auto some = std::min(piece_floats, count - done);
    float* out = to + done;
    if (tensor.type == StoredType::f32) {
      good = read_raw(tensor, from + done, some, out);
    } else {
      // Halves are widened in place, from the far end of `out`.
      auto* halves = reinterpret_cast<std::uint16_t*>(out) + some;
      good = read_raw(tensor, from + done, some, halves);
      (tensor.type == StoredType::bf16 ? kernels.from_bf16 : kernels.from_half)(halves, some, out);
    }
    good = good && kernels.finite(out, some);
    done += some;
  }
  return good;
}

struct Part {
  std::size_t reading, row, column;
  std::uint64_t place;
};

}  // namespace

Reading by_rows(std::string name, const StoredTensor& from, std::size_t rows, std::size_t columns,
                std::size_t multiple, std::function<void(const Piece&)> take) {
  const auto step = std::max<std::size_t>(piece_floats / columns, 1);
  return {std::move(name),
          &from,
          rows,
          columns,
          std::min((step + multiple - 1) / multiple * multiple, rows),
          columns,
          0,
          std::move(take)};
}

std::vector<line::Diagnostic> read_all(Workers& workers, const ForwardKernels& kernels,
                                       std::span<const Reading> readings) {
  std::vector<Part> parts;
  std::size_t room = 0;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const auto& r = readings[i];
    room = std::max(room, r.rows_step * r.columns_step + r.spare);
    const auto base =
        r.from->source != nullptr ? r.from->offset : reinterpret_cast<std::uintptr_t>(r.from->data);
    for (std::size_t row = 0; row < r.rows; row += r.rows_step) {
      for (std::size_t column = 0; column < r.columns; column += r.columns_step)
        parts.push_back(
            {i, row, column,
             base + (row * r.columns + column) * (r.from->type == StoredType::f32 ? 4U : 2U)});
    }
  }
  std::stable_sort(parts.begin(), parts.end(), [&](const Part& a, const Part& b) {
    const auto* file_a = readings[a.reading].from->source.get();
    const auto* file_b = readings[b.reading].from->source.get();
    return file_a != file_b ? std::less<>()(file_a, file_b) : a.place < b.place;
  });
  std::vector<std::atomic<bool>> bad(readings.size());
  std::vector<Memory> rooms(workers.count());
  workers(parts.size(), [&](std::size_t number, std::size_t worker) {
    const auto& part = parts[number];
    const auto& r = readings[part.reading];
    Piece piece{part.row,
                part.column,
                std::min(r.rows_step, r.rows - part.row),
                std::min(r.columns_step, r.columns - part.column),
                nullptr,
                nullptr};
    rooms[worker].need(room * sizeof(float));
    piece.values = rooms[worker].as<float>();
    piece.spare = piece.values + piece.rows * piece.columns;
    const auto from = part.row * r.columns + part.column;
    bool good = true;
    if (piece.columns == r.columns) {
      good = read_part(kernels, *r.from, from, piece.rows * piece.columns, piece.values);
    } else {
      for (std::size_t i = 0; i < piece.rows && good; ++i)
        good = read_part(kernels, *r.from, from + i * r.columns, piece.columns,
                         piece.values + i * piece.columns);
    }
    if (good)
      r.take(piece);
    else
      bad[part.reading] = true;
  });
  std::vector<line::Diagnostic> diagnostics;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    if (bad[i]) diagnostics.push_back(not_finite(readings[i].name, *readings[i].from));
  }
  return diagnostics;
}

}  // namespace foreline::gpt2
