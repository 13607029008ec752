// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/machine.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include "inference/gpt2/forward_kernels.hpp"
#include "inference/gpt2/library_product.hpp"
#include "inference/gpt2/linear.hpp"
#include "inference/gpt2/workers.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#if defined(__clang__)
#define FORELINE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FORELINE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace foreline::gpt2 {

namespace {

constexpr int chains = 12;  // enough to hide the latency of two units; all different

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

typedef float Four __attribute__((vector_size(16)));

float spin_plain(long count) {
  Four sums[chains];
  FORELINE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = Four{} + static_cast<float>(i);
  const Four a = Four{} + 0.999F;
  const Four b = Four{} + 0.001F;
  for (long r = 0; r < count; ++r) {
    FORELINE_UNROLL
    for (int i = 0; i < chains; ++i) {
      sums[i] = sums[i] * a + b;
      asm volatile("" : "+m"(sums[i]));
    }
  }
  float all = 0;
  for (const auto& sum : sums) all += sum[0];
  return all;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float spin_avx2(long count) {
  __m256 sums[chains];
  FORELINE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.999F);
  const __m256 b = _mm256_set1_ps(0.001F);
  for (long r = 0; r < count; ++r) {
    FORELINE_UNROLL
    for (int i = 0; i < chains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  }
  FORELINE_UNROLL
  for (int i = 1; i < chains; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  return _mm256_cvtss_f32(sums[0]);
}

/// Two multiplications and an addition of integers are 32 multiply-adds.
__attribute__((target("avx2"))) float spin_int8_avx2(long count) {
  __m256i sums[chains];
  FORELINE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = _mm256_set1_epi32(i);
  const __m256i a = _mm256_set1_epi8(3);
  const __m256i ones = _mm256_set1_epi16(1);
  for (long r = 0; r < count; ++r) {
    FORELINE_UNROLL
    for (int i = 0; i < chains; ++i)
      sums[i] = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_maddubs_epi16(sums[i], a), ones));
  }
  FORELINE_UNROLL
  for (int i = 1; i < chains; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  return static_cast<float>(_mm256_extract_epi32(sums[0], 0));
}

__attribute__((target("avx512f"))) float spin_avx512(long count) {
  __m512 sums[chains];
  FORELINE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999F);
  const __m512 b = _mm512_set1_ps(0.001F);
  for (long r = 0; r < count; ++r) {
    FORELINE_UNROLL
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  }
  FORELINE_UNROLL
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  float first = 0;
  std::memcpy(&first, sums, sizeof first);
  return first;
}

__attribute__((target("avx512f,avx512bf16"))) float spin_bf16(long count) {
  __m512 sums[chains];
  FORELINE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5F), _mm512_set1_ps(0.25F));
  for (long r = 0; r < count; ++r) {
    FORELINE_UNROLL
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], a, a);
  }
  FORELINE_UNROLL
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  float first = 0;
  std::memcpy(&first, sums, sizeof first);
  return first;
}

__attribute__((target("avx512f,avx512vnni"))) float spin_vnni(long count) {
  __m512i sums[chains];
  FORELINE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i a = _mm512_set1_epi8(3);
  for (long r = 0; r < count; ++r) {
    FORELINE_UNROLL
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], a, a);
  }
  FORELINE_UNROLL
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  std::int32_t first = 0;
  std::memcpy(&first, sums, sizeof first);
  return static_cast<float>(first);
}

/// Whether this process may use AMX's tiles: the kernel wants to be asked once.
bool tiles_allowed() {
  constexpr long request_permission = 0x1023;
  constexpr long tile_data = 18;
  constexpr unsigned bf16_and_tile_and_int8 = 1U << 22U | 1U << 24U | 1U << 25U;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
         (d & bf16_and_tile_and_int8) == bf16_and_tile_and_int8 &&
         ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

/// Two tiles by two, as many sums as the eight tiles allow; the registers are given back.
template <bool int8>
__attribute__((target("amx-tile,amx-bf16,amx-int8"))) float spin_tiles(long count) {
  struct alignas(64) {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {};
    std::uint8_t rows[16] = {};
  } shape;
  for (int tile = 0; tile < 8; ++tile) {
    shape.bytes[tile] = 64;
    shape.rows[tile] = 16;
  }
  // Not a header's macro: it does not clobber memory, and the shape would not be written.
  asm volatile("ldtilecfg %0" : : "m"(shape));
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (long r = 0; r < count; ++r) {
    if constexpr (int8) {
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(1, 4, 7);
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    } else {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_release();
  return 0;
}
#endif

struct Spin {
  float (*run)(long) = spin_plain;
  double operations = 8 * chains;  ///< Of one round.
  long rounds = 4'000'000;
};

Spin spin_of(Precision precision) {
#if defined(__x86_64__)
  const auto allowed = library_isa();
  const bool avx512 = allowed >= LibraryIsa::avx512 && __builtin_cpu_supports("avx512f");
  if (precision != Precision::f32 && allowed >= LibraryIsa::amx && tiles_allowed()) {
    // 16 x 16 sums of 32 (bf16) or 64 (int8) products each, four times.
    if (precision == Precision::int8) return {spin_tiles<true>, 4 * 2 * 16 * 16 * 64, 400'000};
    return {spin_tiles<false>, 4 * 2 * 16 * 16 * 32, 400'000};
  }
  if (precision == Precision::int8) {
    if (avx512 && __builtin_cpu_supports("avx512vnni")) return {spin_vnni, 128 * chains};
    if (allowed >= LibraryIsa::avx2 && __builtin_cpu_supports("avx2"))
      return {spin_int8_avx2, 64 * chains};
  }
  if (precision == Precision::bf16 && allowed >= LibraryIsa::avx512_bf16 &&
      __builtin_cpu_supports("avx512bf16"))
    return {spin_bf16, 64 * chains};
  if (avx512) return {spin_avx512, 32 * chains};
  if (allowed >= LibraryIsa::avx2 && __builtin_cpu_supports("fma")) return {spin_avx2, 16 * chains};
#endif
  return {};
}

/// All of it, from left to right, on sixteen sums.
std::uint64_t sum_of(const std::uint64_t* data, std::size_t count) {
  typedef std::uint64_t Words __attribute__((vector_size(32), aligned(8), may_alias));
  Words sums[4] = {};
  for (std::size_t i = 0; i + 16 <= count; i += 16) {
    FORELINE_UNROLL
    for (std::size_t j = 0; j < 4; ++j)
      sums[j] += *reinterpret_cast<const Words*>(data + i + 4 * j);
  }
  const Words all = sums[0] + sums[1] + sums[2] + sums[3];
  return all[0] + all[1] + all[2] + all[3];
}

}  // namespace

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Peak measured_peak(Precision precision, int threads) {
  const auto spin = spin_of(precision);
  Workers workers(threads);
  Peak best;
  for (int part = 0; part < 3; ++part) {
    const double cpu = cpu_seconds();
    const double began = wall_seconds();
    workers(workers.count(), [&](std::size_t, std::size_t) {
      volatile float sink = spin.run(spin.rounds);
      (void)sink;
    });
    const double work = spin.operations * static_cast<double>(spin.rounds) *
                        static_cast<double>(workers.count()) * 1e-9;
    best.gflops = std::max(best.gflops, work / (wall_seconds() - began));
    best.gflops_per_cpu_s = std::max(best.gflops_per_cpu_s, work / (cpu_seconds() - cpu));
  }
  return best;
}

double measured_read_gb_s(std::size_t bytes, int threads) {
  bytes = std::max(bytes, std::size_t{1} << 20U) / 4096 * 4096;
  const Memory memory(bytes);
  const auto* words = memory.as<std::uint64_t>();
  Workers workers(threads);
  const std::size_t part = std::max<std::size_t>(4096, bytes / 64 / workers.count() / 4096 * 4096);
  const std::size_t parts = bytes / part;
  const auto read = [&](std::size_t number, std::size_t) {
    volatile std::uint64_t sink = sum_of(words + number * part / 8, part / 8);
    (void)sink;
  };
  // Pages that were never written are one page of zeros.
  workers(parts, [&](std::size_t number, std::size_t) {
    std::fill_n(memory.as<std::uint64_t>() + number * part / 8, part / 8, number + 1);
  });
  double best = 0;
  const double until = wall_seconds() + 0.1;
  for (int round = 0; round < 3 || wall_seconds() < until; ++round) {
    const double began = wall_seconds();
    workers(parts, read);
    best = std::max(best, static_cast<double>(parts * part) * 1e-9 / (wall_seconds() - began));
  }
  return best;
}

std::string machine_description() {
  std::string name = "unknown CPU";
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
      name = line.substr(line.find(": ") + 2);
      break;
    }
  }
  return fmt::format("{}, {} cores, {} kernels, {} up to {}", name,
                     std::thread::hardware_concurrency(), forward_kernels().name, library_version(),
                     name_of(library_isa()));
}

}  // namespace foreline::gpt2
