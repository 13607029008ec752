// SPDX-License-Identifier: Apache-2.0
// Taillard's acceleration (1990): with the heads and tails of a sequence at hand, the makespan of
// inserting one job at every place costs as much as one makespan. Here for the classic and for the
// blocking flow shop, in lanes of 16 or 32 bits.
//
// A row of heads follows from the row before by a prefix maximum over the machines:
//   head[j] = S[j] + max over l <= j of (before[l] - S[l-1]),  S = prefix sums of the job's times,
// which takes log2(lanes) shifts instead of a chain as long as the line. Insertion is evaluated
// with the places in the lanes, for which the rows are transposed.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/search/problem.hpp"

namespace foreline::search {

/// What the kernels see: plain pointers into InsertionBoard's storage. Lanes are machines
/// (blocking: departures 0 .. machines, lane 0 is the start).
template <class T>
struct BoardView {
  std::int32_t jobs = 0;  ///< Capacity of the sequence.
  std::int32_t machines = 0;
  std::int32_t lanes = 0;   ///< A multiple of 8.
  std::int32_t places = 0;  ///< Row length of the transposed tables, a multiple of 64.
  std::int32_t length = 0;  ///< Of the sequence now.
  std::int32_t heads = 0;   ///< Rows of heads that are valid.
  std::int32_t tails = 0;   ///< Rows of tails that are valid, counted from the end.
  const std::int32_t* sequence = nullptr;
  const T* times = nullptr;        ///< (jobs x machines).
  const T* before = nullptr;       ///< (jobs x lanes): bias - S[l-1].
  const T* after = nullptr;        ///< (jobs x lanes): S[l] - bias.
  const T* before_back = nullptr;  ///< The same for the line read backwards.
  const T* after_back = nullptr;
  T* head_rows = nullptr;     ///< (jobs + 1 x lanes), row i: before place i.
  T* tail_rows = nullptr;     ///< (jobs + 1 x lanes), row jobs - d: the last d jobs.
  T* head_columns = nullptr;  ///< (lanes x places).
  T* tail_columns = nullptr;
  T* makespans = nullptr;  ///< (places): the makespan of insertion at each place.
};

/// The functions of one instruction set.
template <class T>
struct InsertionKernels {
  /// Brings heads and tails up to the sequence.
  void (*advance)(BoardView<T>& board) = nullptr;
  /// Fills `makespans` for places 0 .. length.
  void (*evaluate)(const BoardView<T>& board, std::int32_t job) = nullptr;
};
/// The best that this processor runs; "portable" or "avx2" forces one (empty when it cannot run).
template <class T>
[[nodiscard]] InsertionKernels<T> insertion_kernels(bool blocking, const char* force = nullptr);

/// A sequence with its heads and tails, kept up to date incrementally.
template <class T>
class InsertionBoard {
 public:
  explicit InsertionBoard(const FlowShop& shop);

  void assign(const std::vector<std::int32_t>& sequence);
  /// Takes the job at a place out.
  void remove(std::size_t place) {
    sequence_.erase(sequence_.begin() + static_cast<std::ptrdiff_t>(place));
    const auto at = static_cast<std::int32_t>(place);
    view_.heads = view_.heads < at ? view_.heads : at;
    const auto behind = view_.length - 1 - at;
    view_.tails = view_.tails < behind ? view_.tails : behind;
    --view_.length;
  }
  void insert(std::size_t place, std::int32_t job) {
    sequence_.insert(sequence_.begin() + static_cast<std::ptrdiff_t>(place), job);
    const auto at = static_cast<std::int32_t>(place);
    view_.heads = view_.heads < at ? view_.heads : at;
    const auto behind = view_.length - at;
    view_.tails = view_.tails < behind ? view_.tails : behind;
    ++view_.length;
  }
  /// Makespans of inserting the job at places 0 .. size().
  const T* evaluate(std::int32_t job) {
    view_.sequence = sequence_.data();
    if (view_.heads < view_.length || view_.tails < view_.length) kernels_.advance(view_);
    kernels_.evaluate(view_, job);
    return view_.makespans;
  }
  [[nodiscard]] const std::vector<std::int32_t>& sequence() const { return sequence_; }
  [[nodiscard]] std::size_t size() const { return sequence_.size(); }
  /// Heads before a place (valid after evaluate).
  [[nodiscard]] const T* head_row(std::size_t place) const {
    return view_.head_rows + static_cast<std::ptrdiff_t>(place) * view_.lanes;
  }
  [[nodiscard]] const T* times(std::int32_t job) const {
    return view_.times + static_cast<std::ptrdiff_t>(job) * view_.machines;
  }
  void use(const InsertionKernels<T>& kernels) { kernels_ = kernels; }

  /// Whether every value of the shop fits into T.
  [[nodiscard]] static bool fits(const FlowShop& shop);

 private:
  BoardView<T> view_;
  InsertionKernels<T> kernels_;
  std::vector<std::int32_t> sequence_;
  std::vector<T> storage_;
};

extern template class InsertionBoard<std::int16_t>;
extern template class InsertionBoard<std::int32_t>;

}  // namespace foreline::search
