// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most, measured: multiply-adds in registers, bytes read from memory.
// Speeds of the engine are told as shares of these, measured in the same run.
#pragma once

#include <cstddef>
#include <string>

#include "inference/gpt2/config.hpp"

namespace foreline::gpt2 {

struct Peak {
  double gflops = 0;            ///< 1e9 operations (a multiply-add is two) a second, all threads.
  double gflops_per_cpu_s = 0;  ///< The same a second of CPU time: what load from others leaves.
};

/// Multiply-adds that need no memory, on `threads` threads, for about 0.1 s; the best of three
/// parts. With the widest instructions that this CPU has and DNNL_MAX_CPU_ISA allows for numbers of
/// this precision; bf16 without such instructions is f32.
[[nodiscard]] Peak measured_peak(Precision precision, int threads);

/// 1e9 bytes a second that `threads` threads read, each its part of `bytes` bytes (at least 1 MB),
/// again and again for about 0.1 s; the best of the rounds. Small arrays measure caches.
[[nodiscard]] double measured_read_gb_s(std::size_t bytes, int threads);

/// "AMD EPYC, 2 cores, avx2 kernels, oneDNN 2.6.3 up to avx2".
[[nodiscard]] std::string machine_description();

/// CPU seconds of this process so far.
[[nodiscard]] double cpu_seconds();

}  // namespace foreline::gpt2
