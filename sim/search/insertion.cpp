// SPDX-License-Identifier: Apache-2.0
#include "sim/search/insertion.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

namespace foreline::search {

// Defined in insertion_portable.cpp and insertion_avx2.cpp: one source, two instruction sets.
namespace portable {
template <class T>
InsertionKernels<T> kernels(bool blocking);
}
#ifdef FORELINE_SEARCH_AVX2
namespace avx2 {
template <class T>
InsertionKernels<T> kernels(bool blocking);
}
#endif

template <class T>
InsertionKernels<T> insertion_kernels(bool blocking, const char* force) {
  const std::string_view wanted = force == nullptr ? "" : force;
#ifdef FORELINE_SEARCH_AVX2
  if (wanted != "portable" && __builtin_cpu_supports("avx2") != 0)
    return avx2::kernels<T>(blocking);
#endif
  if (wanted == "avx2") return {};
  return portable::kernels<T>(blocking);
}
template InsertionKernels<std::int16_t> insertion_kernels(bool, const char*);
template InsertionKernels<std::int32_t> insertion_kernels(bool, const char*);

namespace {

Time longest_job(const FlowShop& shop) {
  Time longest = 0;
  for (std::size_t j = 0; j < shop.jobs; ++j) {
    Time sum = 0;
    for (std::size_t k = 0; k < shop.machines; ++k) sum += shop.at(j, k);
    longest = std::max(longest, sum);
  }
  return longest;
}

/// No sequence is longer: with blocking at worst one job after another passes at the pace of its
/// longest neighbour, so the sum of all is the only safe bound.
Time worst_makespan(const FlowShop& shop) {
  Time sum_of_longest = 0;
  Time sum = 0;
  Time longest = 0;
  for (std::size_t j = 0; j < shop.jobs; ++j) {
    Time longest_of_job = 0;
    for (std::size_t k = 0; k < shop.machines; ++k) {
      longest_of_job = std::max<Time>(longest_of_job, shop.at(j, k));
      sum += shop.at(j, k);
    }
    sum_of_longest += longest_of_job;
    longest = std::max(longest, longest_of_job);
  }
  // A path through the grid of jobs and machines has jobs + machines - 1 cells; each step to the
  // next machine adds at most the longest time of all. With blocking a path may also step back a
  // machine a job, at no cost, and then forward again.
  const auto steps = static_cast<Time>(shop.machines == 0 ? 0 : shop.machines - 1);
  const Time classic = sum_of_longest + steps * longest;
  return shop.blocking ? std::min(sum, 2 * sum_of_longest + steps * longest)
                       : std::min(sum, classic);
}

}  // namespace

template <class T>
bool InsertionBoard<T>::fits(const FlowShop& shop) {
  // The bias keeps every lane at or above 0, so that shifting in zeros is harmless.
  return worst_makespan(shop) + 2 * longest_job(shop) <= std::numeric_limits<T>::max();
}

template <class T>
InsertionBoard<T>::InsertionBoard(const FlowShop& shop) {
  const auto jobs = shop.jobs;
  const auto machines = shop.machines;
  const std::size_t used = machines + (shop.blocking ? 1 : 0);
  const std::size_t lanes = (used + 7) / 8 * 8;
  const std::size_t places = (jobs + 1 + 63) / 64 * 64 + 64;
  const std::size_t rows = (jobs + 1 + 7) / 8 * 8 + 8;
  // One block, every part on a 64-byte boundary.
  std::size_t size = 0;
  const auto part = [&](std::size_t count) {
    const auto at = size;
    size += (count * sizeof(T) + 63) / 64 * 64 / sizeof(T);
    return at;
  };
  const auto times = part(jobs * machines);
  const auto before = part(jobs * lanes);
  const auto after = part(jobs * lanes);
  const auto before_back = part(jobs * lanes);
  const auto after_back = part(jobs * lanes);
  const auto head_rows = part(rows * lanes);
  const auto tail_rows = part(rows * lanes);
  const auto head_columns = part(lanes * places);
  const auto tail_columns = part(lanes * places);
  const auto makespans = part(places);
  storage_.assign(size + 64 / sizeof(T), 0);
  const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
  T* const from = storage_.data() + (64 - address % 64) % 64 / sizeof(T);
  const auto bias = longest_job(shop);
  for (std::size_t j = 0; j < jobs; ++j) {
    std::copy_n(shop.time.begin() + static_cast<std::ptrdiff_t>(j * machines), machines,
                from + times + j * machines);
    for (const bool back : {false, true}) {
      T* const less = from + (back ? before_back : before) + j * lanes;
      T* const more = from + (back ? after_back : after) + j * lanes;
      Time sum = 0;
      for (std::size_t l = 0; l < lanes; ++l) {
        Time own = 0;
        const std::size_t k = shop.blocking ? l - 1 : l;  // wraps for lane 0 of blocking
        if (k < machines) own = shop.at(j, back ? machines - 1 - k : k);
        if (!shop.blocking) less[l] = static_cast<T>(bias - sum);
        sum += own;
        if (shop.blocking) less[l] = static_cast<T>(bias - sum);
        more[l] = static_cast<T>(sum - bias);
      }
    }
  }
  view_.jobs = static_cast<std::int32_t>(jobs);
  view_.machines = static_cast<std::int32_t>(machines);
  view_.lanes = static_cast<std::int32_t>(lanes);
  view_.places = static_cast<std::int32_t>(places);
  view_.times = from + times;
  view_.before = from + before;
  view_.after = from + after;
  view_.before_back = from + before_back;
  view_.after_back = from + after_back;
  view_.head_rows = from + head_rows;
  view_.tail_rows = from + tail_rows;
  view_.head_columns = from + head_columns;
  view_.tail_columns = from + tail_columns;
  view_.makespans = from + makespans;
  kernels_ = insertion_kernels<T>(shop.blocking);
  sequence_.reserve(jobs + 1);
}

template <class T>
void InsertionBoard<T>::assign(const std::vector<std::int32_t>& sequence) {
  // What both sequences begin and end with stays valid.
  std::size_t same = 0;
  const auto shorter = std::min(sequence.size(), sequence_.size());
  while (same < shorter && sequence[same] == sequence_[same]) ++same;
  std::size_t same_end = 0;
  while (same_end < shorter &&
         sequence[sequence.size() - 1 - same_end] == sequence_[sequence_.size() - 1 - same_end])
    ++same_end;
  sequence_ = sequence;
  view_.length = static_cast<std::int32_t>(sequence.size());
  view_.heads = std::min(view_.heads, static_cast<std::int32_t>(same));
  view_.tails = std::min(view_.tails, static_cast<std::int32_t>(same_end));
}

template class InsertionBoard<std::int16_t>;
template class InsertionBoard<std::int32_t>;

}  // namespace foreline::search
