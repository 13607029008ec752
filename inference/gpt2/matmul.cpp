// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/matmul.hpp"

#include <omp.h>

#include <oneapi/dnnl/dnnl_version.h>
#include <array>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <set>
#include <tuple>
#include <vector>

#include <fmt/format.h>

namespace foreline::gpt2 {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;
using Type = memory::data_type;

namespace {

/// Limits this thread's OpenMP team while it lives.
class Team {
 public:
  explicit Team(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~Team() { omp_set_num_threads(before_); }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

 private:
  int before_;
};

std::int64_t dim(std::size_t n) {
  return static_cast<std::int64_t>(n);
}

struct Prepared {
  dnnl::matmul primitive;
  memory::desc source, weights, bias, result;
};

}  // namespace

class Matmul::Packed {
 public:
  std::size_t k = 0;
  std::size_t n = 0;
  bool bf16 = false;
  std::vector<float> plain;  ///< (k x n); empty once no other layout can be wanted.
  std::vector<float> bias;
  mutable std::map<std::size_t, std::pair<Prepared, memory>> by_rows;
};

struct Matmul::State {
  int threads = 1;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::tuple<std::size_t, std::size_t, std::size_t, Lies, Lies>, Prepared> products;
  std::set<std::string> kernels;
  bool slow = false;

  Prepared prepare(std::size_t m, std::size_t k, std::size_t n, Tag a, Tag b, Type b_type,
                   bool bias) {
    const memory::desc source({dim(m), dim(k)}, Type::f32, a);
    const memory::desc weights({dim(k), dim(n)}, b_type, b);
    const memory::desc result({dim(m), dim(n)}, Type::f32, Tag::ab);
    const memory::desc offset({1, dim(n)}, Type::f32, Tag::ab);
    const auto description = bias ? dnnl::matmul::desc(source, weights, offset, result)
                                  : dnnl::matmul::desc(source, weights, result);
    const dnnl::matmul::primitive_desc chosen(description, engine);
    const std::string name = chosen.impl_info_str();
    kernels.insert(name);
    slow = slow || name.rfind("ref", 0) == 0;
    return {dnnl::matmul(chosen), chosen.src_desc(), chosen.weights_desc(), offset,
            chosen.dst_desc()};
  }
};

Matmul::Matmul(int threads) : state_(std::make_unique<State>()) {
  state_->threads = threads < 1 ? 1 : threads;
}
Matmul::~Matmul() = default;

std::size_t Matmul::rows_padded(std::size_t m) {
  if (m <= 16) {
    std::size_t rows = 1;
    while (rows < m) rows *= 2;
    return rows;
  }
  const std::size_t step = m <= 128 ? 16 : m <= 1024 ? 64 : 256;
  return (m + step - 1) / step * step;
}

std::shared_ptr<const Matmul::Packed> Matmul::pack(const float* w, Lies lies, const float* bias,
                                                   std::size_t k, std::size_t n, bool bf16) {
  auto packed = std::make_shared<Packed>();
  packed->k = k;
  packed->n = n;
  packed->bf16 = bf16;
  packed->plain.resize(k * n);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      packed->plain[i * n + j] = lies == Lies::as_is ? w[i * n + j] : w[j * k + i];
  }
  packed->bias.assign(n, 0.0F);
  if (bias != nullptr) packed->bias.assign(bias, bias + n);
  return packed;
}

void Matmul::operator()(const float* x, const Packed& w, float* y, std::size_t m) {
  const Team team(state_->threads);
  const auto rows = rows_padded(m);
  auto found = w.by_rows.find(rows);
  if (found == w.by_rows.end()) {
    // f32 activations with bf16 weights are no oneDNN 2.6 product, so bf16 only rounds the weights.
    auto prepared = state_->prepare(rows, w.k, w.n, Tag::ab, Tag::any, Type::f32, true);
    memory layout(prepared.weights, state_->engine);
    // One layout usually serves all numbers of rows: share it.
    for (const auto& [other_rows, other] : w.by_rows) {
      if (other.second.get_desc() == prepared.weights) layout = other.second;
    }
    bool fresh = true;
    for (const auto& [other_rows, other] : w.by_rows)
      fresh = fresh && other.second.get_data_handle() != layout.get_data_handle();
    if (fresh) {
      std::vector<float> rounded = w.plain;
      if (w.bf16) {
        for (auto& value : rounded) {
          std::uint32_t bits = 0;
          __builtin_memcpy(&bits, &value, 4);
          bits = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U;
          __builtin_memcpy(&value, &bits, 4);
        }
      }
      memory plain({{dim(w.k), dim(w.n)}, Type::f32, Tag::ab}, state_->engine, rounded.data());
      dnnl::reorder(plain, layout).execute(state_->stream, plain, layout);
      state_->stream.wait();
    }
    found = w.by_rows.emplace(rows, std::pair{prepared, layout}).first;
  }
  const auto& [prepared, layout] = found->second;
  memory source(prepared.source, state_->engine, const_cast<float*>(x));
  memory bias(prepared.bias, state_->engine, const_cast<float*>(w.bias.data()));
  memory result(prepared.result, state_->engine, y);
  prepared.primitive.execute(state_->stream, {{DNNL_ARG_SRC, source},
                                              {DNNL_ARG_WEIGHTS, layout},
                                              {DNNL_ARG_BIAS, bias},
                                              {DNNL_ARG_DST, result}});
  state_->stream.wait();
}

void Matmul::product(const float* a, Lies a_lies, const float* b, Lies b_lies, float* y,
                     std::size_t m, std::size_t k, std::size_t n) {
  const Team team(state_->threads);
  const auto key = std::tuple(m, k, n, a_lies, b_lies);
  auto found = state_->products.find(key);
  if (found == state_->products.end()) {
    const auto tag = [](Lies lies) { return lies == Lies::as_is ? Tag::ab : Tag::ba; };
    found = state_->products
                .emplace(key, state_->prepare(m, k, n, tag(a_lies), tag(b_lies), Type::f32, false))
                .first;
  }
  const auto& prepared = found->second;
  memory source(prepared.source, state_->engine, const_cast<float*>(a));
  memory weights(prepared.weights, state_->engine, const_cast<float*>(b));
  memory result(prepared.result, state_->engine, y);
  prepared.primitive.execute(
      state_->stream,
      {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, result}});
  state_->stream.wait();
}

std::string Matmul::kernels() const {
  std::string all;
  for (const auto& kernel : state_->kernels) all += (all.empty() ? "" : ", ") + kernel;
  return all;
}

bool Matmul::slow() const {
  return state_->slow;
}

LibraryIsa library_isa() {
  // Each set's number has the bits of those it contains.
  const auto bits = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [&](unsigned set) { return (bits & set) == set; };
  if (has(0xE7)) return LibraryIsa::avx512_bf16;
  if (has(0x27)) return LibraryIsa::avx512;
  if (has(0x07)) return LibraryIsa::avx2;
  return LibraryIsa::sse41;
}

const char* name_of(LibraryIsa isa) {
  switch (isa) {
    case LibraryIsa::sse41:
      return "sse41";
    case LibraryIsa::avx2:
      return "avx2";
    case LibraryIsa::avx512:
      return "avx512";
    case LibraryIsa::avx512_bf16:
      return "avx512_bf16";
  }
  return "";
}

std::string library_version() {
  const auto* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

struct LibraryProduct::State {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::matmul primitive;
  memory::desc source, weights, result, scratch;
  std::string kernel;
};

LibraryProduct::LibraryProduct(std::unique_ptr<State> state) : state_(std::move(state)) {}
LibraryProduct::~LibraryProduct() = default;

std::unique_ptr<LibraryProduct> LibraryProduct::make(Precision precision, bool panels,
                                                     std::size_t rows, std::size_t k,
                                                     std::size_t n) {
  const Team team(1);
  const bool f32 = precision == Precision::f32;
  const bool bf16 = precision == Precision::bf16;
  try {
    auto state = std::make_unique<State>();
    const auto tag = !panels ? Tag::ab
                     : f32   ? Tag::BA16a64b
                     : bf16  ? Tag::BA16a64b2a
                             : Tag::BA16a64b4a;
    state->source = {{dim(rows), dim(k)}, f32 ? Type::f32 : bf16 ? Type::bf16 : Type::u8, Tag::ab};
    state->weights = {{dim(k), dim(n)}, f32 ? Type::f32 : bf16 ? Type::bf16 : Type::s8, tag};
    state->result = {{dim(rows), dim(n)}, f32 || bf16 ? Type::f32 : Type::s32, Tag::ab};
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc chosen(state->engine, state->source, state->weights,
                                              state->result, attributes);
#else
    const dnnl::matmul::primitive_desc chosen(
        dnnl::matmul::desc(state->source, state->weights, state->result), attributes,
        state->engine);
#endif
    state->kernel = chosen.impl_info_str();
    if (state->kernel.rfind("ref", 0) == 0) return nullptr;
    state->scratch = chosen.scratchpad_desc();
    state->primitive = dnnl::matmul(chosen);
    return std::unique_ptr<LibraryProduct>(new LibraryProduct(std::move(state)));
  } catch (const dnnl::error&) {
    return nullptr;  // this library, or this CPU, does not have it
  }
}

std::size_t LibraryProduct::scratch_size() const {
  return state_->scratch.get_size();
}

void LibraryProduct::operator()(const void* x, const void* w, void* y, void* scratch) const {
  const Team team(1);
  const auto& s = *state_;
  dnnl::stream stream(s.engine);
  s.primitive.execute(stream,
                      {{DNNL_ARG_SRC, memory(s.source, s.engine, const_cast<void*>(x))},
                       {DNNL_ARG_WEIGHTS, memory(s.weights, s.engine, const_cast<void*>(w))},
                       {DNNL_ARG_DST, memory(s.result, s.engine, y)},
                       {DNNL_ARG_SCRATCHPAD, memory(s.scratch, s.engine, scratch)}});
  stream.wait();
}

const std::string& LibraryProduct::kernel() const {
  return state_->kernel;
}

}  // namespace foreline::gpt2
