// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/library_product.hpp"

#include <fmt/format.h>
#include <oneapi/dnnl/dnnl_version.h>

#include <oneapi/dnnl/dnnl.hpp>

#include "inference/gpt2/team.hpp"

namespace foreline::gpt2 {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

namespace {

std::int64_t dim(std::size_t n) {
  return static_cast<std::int64_t>(n);
}

}  // namespace

LibraryIsa library_isa() {
  // Each set's number has the bits of those it contains.
  const auto bits = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [&](unsigned set) { return (bits & set) == set; };
  if (has(0x3E7)) return LibraryIsa::amx;
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
    case LibraryIsa::amx:
      return "amx";
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

std::unique_ptr<LibraryProduct> LibraryProduct::make(Precision precision, std::size_t rows,
                                                     std::size_t k, std::size_t n) {
  const Team team(1);
  const bool f32 = precision == Precision::f32;
  const bool bf16 = precision == Precision::bf16;
  try {
    auto state = std::make_unique<State>();
    const auto tag = f32 ? Tag::BA16a64b : bf16 ? Tag::BA16a64b2a : Tag::BA16a64b4a;
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
