// SPDX-License-Identifier: Apache-2.0
// The body of training_kernels_*.cpp, compiled once for each instruction set; FORELINE_ISA names
// the namespace. It uses nothing inline from the standard library, since the linker would keep one
// copy of such a function for all instruction sets.
#include <cstddef>
#include <cstdint>

#include "inference/gpt2/reference.hpp"
#include "inference/gpt2/training_kernels.hpp"

#if defined(__clang__)
#define FORELINE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FORELINE_UNROLL _Pragma("GCC unroll 16")
#endif
#define FORELINE_INLINE static inline __attribute__((always_inline))

namespace foreline::gpt2::FORELINE_ISA {

namespace {

using std::size_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;

#if defined(__AVX512F__)
constexpr size_t width = 16;
constexpr size_t tile_rows = 8;
#elif defined(__AVX2__)
constexpr size_t width = 8;
constexpr size_t tile_rows = 4;
#else
constexpr size_t width = 4;
constexpr size_t tile_rows = 4;
#endif
constexpr size_t block_rows = 64;  ///< Queries that attention takes at once, of long sequences.

typedef float V __attribute__((vector_size(width * 4), may_alias));
typedef std::int32_t VI __attribute__((vector_size(width * 4), may_alias));
typedef uint32_t VU __attribute__((vector_size(width * 4), may_alias));
typedef uint16_t VH __attribute__((vector_size(width * 2), may_alias));
typedef float LooseV __attribute__((vector_size(width * 4), aligned(4), may_alias));
typedef uint16_t LooseH __attribute__((vector_size(width * 2), aligned(2), may_alias));

FORELINE_INLINE V load(const float* p) {
  return *reinterpret_cast<const LooseV*>(p);
}
FORELINE_INLINE void store(float* p, V v) {
  *reinterpret_cast<LooseV*>(p) = v;
}
FORELINE_INLINE V load(const float* p, size_t n) {
  if (n >= width) return load(p);
  V v = {};
  __builtin_memcpy(&v, p, n * sizeof(float));
  return v;
}
FORELINE_INLINE void store(float* p, V v, size_t n) {
  if (n >= width)
    store(p, v);
  else
    __builtin_memcpy(p, &v, n * sizeof(float));
}
FORELINE_INLINE V all(float x) {
  return x - V{};
}

FORELINE_INLINE float sum(V v) {
  float lanes[width];
  __builtin_memcpy(lanes, &v, sizeof v);
  for (size_t half = width / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}
FORELINE_INLINE float highest(V v) {
  float lanes[width];
  __builtin_memcpy(lanes, &v, sizeof v);
  float best = lanes[0];
  for (size_t i = 1; i < width; ++i) best = lanes[i] > best ? lanes[i] : best;
  return best;
}

/// The upper half of a float, rounded to nearest even; a NaN stays one.
FORELINE_INLINE VU rounded_bits(V v) {
  const VU bits = reinterpret_cast<VU>(v);
  const VU up = bits + (0x7FFFU + ((bits >> 16) & 1U));
  const VU nan = VU{} + 0x7FC00000U;
  return v == v ? up : nan;
}
FORELINE_INLINE void put(Numbers y, size_t i, V v, size_t n = width) {
  if (y.number == Number::f32) {
    store(static_cast<float*>(y.data) + i, v, n);
    return;
  }
  const VH half = __builtin_convertvector(rounded_bits(v) >> 16, VH);
  auto* to = static_cast<uint16_t*>(y.data) + i;
  if (n >= width)
    *reinterpret_cast<LooseH*>(to) = half;
  else
    __builtin_memcpy(to, &half, n * sizeof(uint16_t));
}
FORELINE_INLINE V get(Numbers x, size_t i, size_t n = width) {
  if (x.number != Number::bf16) return load(static_cast<const float*>(x.data) + i, n);
  VH half = {};
  const auto* from = static_cast<const uint16_t*>(x.data) + i;
  if (n >= width)
    half = *reinterpret_cast<const LooseH*>(from);
  else
    __builtin_memcpy(&half, from, n * sizeof(uint16_t));
  return reinterpret_cast<V>(__builtin_convertvector(half, VU) << 16);
}

/// exp(x) to 2 units in the last place: Cody and Waite's reduction and the polynomial of Cephes'
/// expf.
FORELINE_INLINE V exponential(V x) {
  x = x < -87.0F ? all(-87.0F) : x;
  x = x > 88.0F ? all(88.0F) : x;
  constexpr float to_integer = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  const V shifted = x * 1.44269504F + to_integer;
  const V whole = shifted - to_integer;
  const V f = (x - whole * 0.693359375F) - whole * -2.12194440e-4F;
  V p = f * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * f + 8.3334519073e-3F;
  p = p * f + 4.1665795894e-2F;
  p = p * f + 1.6666665459e-1F;
  p = p * f + 5.0000001201e-1F;
  p = p * f * f + f + 1.0F;
  const VI power = reinterpret_cast<VI>(shifted) << 23;  // the whole number is its low bits
  return reinterpret_cast<V>(reinterpret_cast<VI>(p) + power);
}

/// 0, or `scale`, for numbers `from` .. from + width - 1 (hash: Wellons' lowbias32, keyed).
FORELINE_INLINE V mask(const Dropped& drop, size_t from) {
  VU x;
  for (size_t i = 0; i < width; ++i) x[i] = static_cast<uint32_t>(i);
  x += static_cast<uint32_t>(from);
  x = x * 0x9E3779B9U + static_cast<uint32_t>(drop.key);
  x ^= x >> 16;
  x *= 0x7FEB352DU;
  x ^= x >> 15;
  x += static_cast<uint32_t>(drop.key >> 32);
  x *= 0x846CA68BU;
  x ^= x >> 16;
  const VU limit = VU{} + drop.threshold;
  return x >= limit ? all(drop.scale) : V{};
}

FORELINE_INLINE void norm_row(const float* x, const float* weight, const float* bias, float epsilon,
                              size_t e, Numbers y, float& mean, float& rstd) {
  V total = {};
  for (size_t i = 0; i < e; i += width) total += load(x + i, e - i);
  const float m = sum(total) / static_cast<float>(e);
  V squares = {};
  size_t i = 0;
  for (; i + width <= e; i += width) {
    const V d = load(x + i) - m;
    squares += d * d;
  }
  float rest = 0;
  for (; i < e; ++i) rest += (x[i] - m) * (x[i] - m);
  const float s =
      1 / __builtin_sqrtf((sum(squares) + rest) / static_cast<float>(e) + epsilon);
  for (i = 0; i < e; i += width) {
    const size_t n = e - i;
    put(y, i, (load(x + i, n) - m) * s * load(weight + i, n) + load(bias + i, n), n);
  }
  mean = m;
  rstd = s;
}

void norm(const float* x, const float* weight, const float* bias, float epsilon, size_t rows,
          size_t e, Numbers y, float* mean, float* rstd) {
  for (size_t r = 0; r < rows; ++r)
    norm_row(x + r * e, weight, bias, epsilon, e, y.at(r * e), mean[r], rstd[r]);
}

void add_norm(const float* x, const float* branch, Dropped drop, size_t first, const float* weight,
              const float* bias, float epsilon, size_t rows, size_t e, float* to, Numbers y,
              float* mean, float* rstd) {
  for (size_t r = 0; r < rows; ++r) {
    const size_t at = r * e;
    for (size_t i = 0; i < e; i += width) {
      const size_t n = e - i;
      V b = load(branch + at + i, n);
      if (drop.threshold != 0) b *= mask(drop, first + at + i);
      store(to + at + i, load(x + at + i, n) + b, n);
    }
    if (weight != nullptr)
      norm_row(to + at, weight, bias, epsilon, e, y.at(at), mean[r], rstd[r]);
  }
}

void norm_backward(const float* dy, const float* x, const float* weight, const float* mean,
                   const float* rstd, size_t rows, size_t e, bool add, float* dx, float* dweight,
                   float* dbias, Dropped drop, size_t first, Numbers out, float* dout_bias) {
  for (size_t r = 0; r < rows; ++r) {
    const size_t at = r * e;
    const float m = mean[r];
    const float s = rstd[r];
    V total = {};
    V weighted = {};
    for (size_t i = 0; i < e; i += width) {
      const size_t n = e - i;
      const V d = load(dy + at + i, n);
      const V normal = (load(x + at + i, n) - m) * s;
      const V g = d * load(weight + i, n);
      total += g;
      weighted += g * normal;
      store(dweight + i, load(dweight + i, n) + d * normal, n);
      store(dbias + i, load(dbias + i, n) + d, n);
    }
    const float mean_g = sum(total) / static_cast<float>(e);
    const float mean_weighted = sum(weighted) / static_cast<float>(e);
    for (size_t i = 0; i < e; i += width) {
      const size_t n = e - i;
      const V normal = (load(x + at + i, n) - m) * s;
      V d = (load(dy + at + i, n) * load(weight + i, n) - mean_g - normal * mean_weighted) * s;
      if (add) d += load(dx + at + i, n);
      store(dx + at + i, d, n);
      if (out.data != nullptr) {
        if (drop.threshold != 0) d *= mask(drop, first + at + i);
        put(out, at + i, d, n);
        store(dout_bias + i, load(dout_bias + i, n) + d, n);
      }
    }
  }
}

constexpr float gelu_scale = 0.7978845608028654F;  // sqrt(2 / pi)
constexpr float gelu_cubic = 0.044715F;

/// gelu_new(x) = x / (1 + exp(-2 u)) with u = sqrt(2 / pi) (x + 0.044715 x^3).
FORELINE_INLINE V gelu_new(V x) {
  const V u = gelu_scale * (x + gelu_cubic * x * x * x);
  return x / (1.0F + exponential(-2.0F * u));
}
FORELINE_INLINE V gelu_new_slope(V x) {
  const V u = gelu_scale * (x + gelu_cubic * x * x * x);
  const V s = 1.0F / (1.0F + exponential(-2.0F * u));
  return s + x * s * (1.0F - s) * (2.0F * gelu_scale) * (1.0F + 3.0F * gelu_cubic * x * x);
}

/// Lane by lane, for activations without vectors.
template <class F>
FORELINE_INLINE V by_lane(V x, F f) {
  V y;
  for (size_t i = 0; i < width; ++i) y[i] = f(x[i]);
  return y;
}

void activate(Activation activation, const float* x, size_t size, Numbers y) {
  if (activation == Activation::gelu_new) {
    for (size_t i = 0; i < size; i += width) put(y, i, gelu_new(load(x + i, size - i)), size - i);
  } else {
    for (size_t i = 0; i < size; i += width) {
      const V a = by_lane(load(x + i, size - i),
                          [&](float v) { return gpt2::activate(activation, v); });
      put(y, i, a, size - i);
    }
  }
}

void activate_backward(Activation activation, const float* dy, const float* x, size_t rows,
                       size_t columns, Numbers dx, float* dbias) {
  for (size_t r = 0; r < rows; ++r) {
    const size_t at = r * columns;
    for (size_t i = 0; i < columns; i += width) {
      const size_t n = columns - i;
      const V v = load(x + at + i, n);
      const V slope = activation == Activation::gelu_new
                          ? gelu_new_slope(v)
                          : by_lane(v, [&](float lane) {
                              return gpt2::activate_slope(activation, lane);
                            });
      const V d = load(dy + at + i, n) * slope;
      put(dx, at + i, d, n);
      store(dbias + i, load(dbias + i, n) + d, n);
    }
  }
}

void column_sums(Numbers x, size_t rows, size_t columns, float* sums) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < columns; i += width) {
      const size_t n = columns - i;
      store(sums + i, load(sums + i, n) + get(x, r * columns + i, n), n);
    }
  }
}

void convert(const float* x, size_t size, float factor, Numbers y) {
  for (size_t i = 0; i < size; i += width) put(y, i, load(x + i, size - i) * factor, size - i);
}

void widen(Numbers x, size_t size, float* y) {
  for (size_t i = 0; i < size; i += width) store(y + i, get(x, i, size - i), size - i);
}

void drop(float* x, size_t size, Dropped dropped, size_t first) {
  for (size_t i = 0; i < size; i += width)
    store(x + i, load(x + i, size - i) * mask(dropped, first + i), size - i);
}

/// c (rows x columns vectors) (+)= a b: a's entry (i, p) at a[i * a_row + p * a_column], b and c
/// row-major.
template <size_t rows, size_t columns>
FORELINE_INLINE void tile(size_t k, const float* a, size_t a_row, size_t a_column, const float* b,
                          size_t b_row, float* c, size_t c_row, bool add) {
  V sums[rows][columns];
  FORELINE_UNROLL
  for (size_t i = 0; i < rows; ++i) {
    FORELINE_UNROLL
    for (size_t j = 0; j < columns; ++j) sums[i][j] = add ? load(c + i * c_row + j * width) : V{};
  }
  for (size_t p = 0; p < k; ++p) {
    V right[columns];
    FORELINE_UNROLL
    for (size_t j = 0; j < columns; ++j) right[j] = load(b + p * b_row + j * width);
    FORELINE_UNROLL
    for (size_t i = 0; i < rows; ++i) {
      const V left = all(a[i * a_row + p * a_column]);
      FORELINE_UNROLL
      for (size_t j = 0; j < columns; ++j) sums[i][j] += left * right[j];
    }
  }
  FORELINE_UNROLL
  for (size_t i = 0; i < rows; ++i) {
    FORELINE_UNROLL
    for (size_t j = 0; j < columns; ++j) store(c + i * c_row + j * width, sums[i][j]);
  }
}

/// m a multiple of tile_rows, n of width.
FORELINE_INLINE void multiply(size_t m, size_t k, size_t n, const float* a, size_t a_row,
                              size_t a_column, const float* b, size_t b_row, float* c, size_t c_row,
                              bool add) {
  size_t j = 0;
  for (; j + 2 * width <= n; j += 2 * width) {
    for (size_t i = 0; i < m; i += tile_rows)
      tile<tile_rows, 2>(k, a + i * a_row, a_row, a_column, b + j, b_row, c + i * c_row + j, c_row,
                         add);
  }
  if (j < n) {
    for (size_t i = 0; i < m; i += tile_rows)
      tile<tile_rows, 1>(k, a + i * a_row, a_row, a_column, b + j, b_row, c + i * c_row + j, c_row,
                         add);
  }
}

FORELINE_INLINE size_t up(size_t n, size_t step) {
  return (n + step - 1) / step * step;
}

/// Where attention keeps what; padded tokens and head sizes are zero.
struct Desk {
  size_t block;        ///< Queries taken at once.
  size_t rows;         ///< Tokens, up to whole blocks.
  size_t depth;        ///< Head size, up to whole vectors.
  size_t mask_stride;  ///< Between queries, where dropout counts.
  float *q, *k_turned, *k, *v, *v_turned, *dout, *dk, *dv, *scores, *dscores, *result;

  Desk(float* at, size_t tokens, size_t head_size)
      : block(tokens < block_rows ? up(tokens, 16) : block_rows),
        rows(up(tokens, block)),
        depth(up(head_size, width)),
        mask_stride(up(tokens, block_rows)) {
    auto take = [&](size_t size) {
      float* taken = at;
      at += size;
      return taken;
    };
    q = take(rows * depth), k = take(rows * depth), v = take(rows * depth);
    k_turned = take(rows * depth), v_turned = take(rows * depth);
    dout = take(rows * depth), dk = take(rows * depth), dv = take(rows * depth);
    scores = take(rows * block), dscores = take(rows * block);
    result = take(block * depth);
  }
  [[nodiscard]] size_t size() const {
    return 8 * rows * depth + 2 * rows * block + block * depth;
  }

  void gather(const float* from, size_t stride, size_t tokens, size_t head_size, float factor,
              float* to) const {
    for (size_t t = 0; t < rows; ++t) {
      float* row = to + t * depth;
      if (t < tokens) {
        for (size_t i = 0; i < head_size; ++i) row[i] = from[t * stride + i] * factor;
      }
      for (size_t i = t < tokens ? head_size : 0; i < depth; ++i) row[i] = 0;
    }
  }
  void turn(const float* from, float* to) const {
    for (size_t t = 0; t < rows; t += 8) {
      for (size_t i = 0; i < depth; ++i) {
        for (size_t s = t; s < t + 8; ++s) to[i * rows + s] = from[s * depth + i];
      }
    }
  }
};

size_t attention_scratch(size_t tokens, size_t head_size) {
  return Desk(nullptr, tokens, head_size).size();
}

/// Entries of a row of a block that lie in the future are zero.
FORELINE_INLINE void zero_beyond(float* row, size_t seen, size_t end) {
  for (size_t s = seen; s < end; ++s) row[s] = 0;
}

void attend(const float* qkv, size_t e, size_t tokens, size_t head_size, size_t first,
            float scale, Dropped dropped, Numbers out, float* spread, float* scratch) {
  const Desk desk(scratch, tokens, head_size);
  desk.gather(qkv, 3 * e, tokens, head_size, scale, desk.q);
  desk.gather(qkv + e, 3 * e, tokens, head_size, 1, desk.k);
  desk.gather(qkv + 2 * e, 3 * e, tokens, head_size, 1, desk.v);
  desk.turn(desk.k, desk.k_turned);
  for (size_t from = first / desk.block * desk.block; from < tokens; from += desk.block) {
    const size_t end = from + desk.block;  // keys that some query of the block sees
    multiply(desk.block, head_size, end, desk.q + from * desk.depth, desk.depth, 1, desk.k_turned,
             desk.rows, desk.scores, desk.rows, false);
    const size_t last = tokens - from < desk.block ? tokens - from : desk.block;
    for (size_t r = 0; r < desk.block; ++r) {
      float* row = desk.scores + r * desk.rows;
      if (r >= last) {
        zero_beyond(row, 0, end);
        continue;
      }
      const size_t seen = from + r + 1;
      V top = all(row[0]);
      size_t s = 0;
      for (; s + width <= seen; s += width) {
        const V x = load(row + s);
        top = x > top ? x : top;
      }
      float most = highest(top);
      for (; s < seen; ++s) most = row[s] > most ? row[s] : most;
      V total = {};
      for (s = 0; s < seen; s += width) {
        const V p = exponential(load(row + s) - most);
        if (s + width <= seen) total += p;
        store(row + s, p);
      }
      float sums = sum(total);
      for (s = seen / width * width; s < seen; ++s) sums += row[s];
      zero_beyond(row, seen, end);
      const float factor = 1 / sums;
      spread[from + r] = most + __builtin_logf(sums);
      for (s = 0; s < seen; s += width) {
        V p = load(row + s) * factor;
        if (dropped.threshold != 0) p *= mask(dropped, (from + r) * desk.mask_stride + s);
        store(row + s, p);
      }
    }
    multiply(desk.block, end, desk.depth, desk.scores, desk.rows, 1, desk.v, desk.depth,
             desk.result, desk.depth, false);
    for (size_t r = 0; r < last; ++r) {
      for (size_t i = 0; i < head_size; i += width)
        put(out, (from + r) * e + i, load(desk.result + r * desk.depth + i), head_size - i);
    }
  }
}

void attend_backward(const float* dout, const float* qkv, size_t e, size_t tokens, size_t head_size,
                     size_t first, float scale, Dropped dropped, const float* spread, Numbers dqkv,
                     float* scratch) {
  const Desk desk(scratch, tokens, head_size);
  desk.gather(qkv, 3 * e, tokens, head_size, scale, desk.q);
  desk.gather(qkv + e, 3 * e, tokens, head_size, 1, desk.k);
  desk.gather(qkv + 2 * e, 3 * e, tokens, head_size, 1, desk.v);
  desk.gather(dout, e, tokens, head_size, 1, desk.dout);
  desk.turn(desk.k, desk.k_turned);
  desk.turn(desk.v, desk.v_turned);
  for (size_t t = 0; t < first; ++t) {
    for (size_t i = 0; i < head_size; i += width) put(dqkv, t * 3 * e + i, V{}, head_size - i);
  }
  __builtin_memset(desk.dk, 0, desk.rows * desk.depth * sizeof(float));
  __builtin_memset(desk.dv, 0, desk.rows * desk.depth * sizeof(float));
  for (size_t from = first / desk.block * desk.block; from < tokens; from += desk.block) {
    const size_t end = from + desk.block;
    const float* q = desk.q + from * desk.depth;
    const float* d = desk.dout + from * desk.depth;
    multiply(desk.block, head_size, end, q, desk.depth, 1, desk.k_turned, desk.rows, desk.scores,
             desk.rows, false);
    multiply(desk.block, head_size, end, d, desk.depth, 1, desk.v_turned, desk.rows, desk.dscores,
             desk.rows, false);
    const size_t last = tokens - from < desk.block ? tokens - from : desk.block;
    for (size_t r = 0; r < desk.block; ++r) {
      float* row = desk.scores + r * desk.rows;
      float* drow = desk.dscores + r * desk.rows;
      if (r >= last) {
        zero_beyond(row, 0, end);
        zero_beyond(drow, 0, end);
        continue;
      }
      const size_t seen = from + r + 1;
      const float level = spread[from + r];
      for (size_t s = 0; s < seen; s += width)
        store(row + s, exponential(load(row + s) - level));
      zero_beyond(row, seen, end);
      V mixed = {};
      for (size_t s = 0; s < seen; s += width) {
        V dp = load(drow + s);
        if (dropped.threshold != 0) dp *= mask(dropped, (from + r) * desk.mask_stride + s);
        mixed += load(row + s) * dp;
        store(drow + s, dp);
      }
      const float mean = sum(mixed);
      for (size_t s = 0; s < seen; s += width) {
        V p = load(row + s);
        store(drow + s, p * (load(drow + s) - mean));
        if (dropped.threshold != 0) p *= mask(dropped, (from + r) * desk.mask_stride + s);
        store(row + s, p);
      }
      zero_beyond(drow, seen, end);
    }
    multiply(end, desk.block, desk.depth, desk.scores, 1, desk.rows, d, desk.depth, desk.dv,
             desk.depth, true);
    multiply(end, desk.block, desk.depth, desk.dscores, 1, desk.rows, q, desk.depth, desk.dk,
             desk.depth, true);
    multiply(desk.block, end, desk.depth, desk.dscores, desk.rows, 1, desk.k, desk.depth,
             desk.result, desk.depth, false);
    for (size_t r = 0; r < last; ++r) {
      for (size_t i = 0; i < head_size; i += width)
        put(dqkv, (from + r) * 3 * e + i, load(desk.result + r * desk.depth + i) * scale,
            head_size - i);
    }
  }
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t i = 0; i < head_size; i += width) {
      put(dqkv, t * 3 * e + e + i, load(desk.dk + t * desk.depth + i), head_size - i);
      put(dqkv, t * 3 * e + 2 * e + i, load(desk.dv + t * desk.depth + i), head_size - i);
    }
  }
}

double squares(const float* x, size_t size) {
  constexpr size_t block = 1024;
  double total = 0;
  for (size_t from = 0; from < size; from += block) {
    const size_t end = from + block < size ? from + block : size;
    V part = {};
    for (size_t i = from; i < end; i += width) {
      const V v = load(x + i, end - i);
      part += v * v;
    }
    total += static_cast<double>(sum(part));
  }
  return total;
}

FORELINE_INLINE V root(V x) {
  for (size_t i = 0; i < width; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}

void adam(const AdamStep& step, float decay, const float* gradient, size_t size, float* weight,
          float* first, float* second, Numbers copy, float* average) {
  const float rise = step.rate / step.correct1;
  const float inverse = 1 / __builtin_sqrtf(step.correct2);
  const float kept = 1 - step.rate * decay;
  for (size_t i = 0; i < size; i += width) {
    const size_t n = size - i;
    const V g = load(gradient + i, n) * step.clip;
    const V m = load(first + i, n) * step.beta1 + g * (1 - step.beta1);
    const V s = load(second + i, n) * step.beta2 + g * g * (1 - step.beta2);
    const V w =
        load(weight + i, n) * kept - rise * m / (root(s) * inverse + step.epsilon);
    store(first + i, m, n);
    store(second + i, s, n);
    store(weight + i, w, n);
    if (copy.data != nullptr) put(copy, i, w, n);
    if (average != nullptr) {
      const V before = load(average + i, n);
      store(average + i, before + (w - before) * (1 - step.average_decay), n);
    }
  }
}

double softmax(float* x, size_t size) {
  float most = x[0];
  V top = all(x[0]);
  size_t i = 0;
  for (; i + width <= size; i += width) {
    const V v = load(x + i);
    top = v > top ? v : top;
  }
  most = highest(top);
  for (; i < size; ++i) most = x[i] > most ? x[i] : most;
  double total = 0;
  constexpr size_t block = 4096;
  for (size_t from = 0; from < size; from += block) {
    const size_t end = from + block < size ? from + block : size;
    V part = {};
    float rest = 0;
    for (i = from; i < end; i += width) {
      const V p = exponential(load(x + i, end - i) - most);
      store(x + i, p, end - i);
      if (i + width <= end) {
        part += p;
      } else {
        for (size_t j = i; j < end; ++j) rest += x[j];
      }
    }
    total += static_cast<double>(sum(part) + rest);
  }
  const float factor = static_cast<float>(1 / total);
  for (i = 0; i < size; i += width) store(x + i, load(x + i, size - i) * factor, size - i);
  return static_cast<double>(most) + __builtin_log(total);
}

}  // namespace

const TrainingKernels& kernels() {
  static constexpr TrainingKernels table = {
      FORELINE_ISA_NAME, norm,        add_norm, norm_backward,     activate, activate_backward,
      column_sums,       convert, widen,    drop,     attention_scratch, attend,   attend_backward,
      squares,           adam,        softmax};
  return table;
}

}  // namespace foreline::gpt2::FORELINE_ISA
