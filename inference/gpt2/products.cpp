// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/products.hpp"

#include <fmt/format.h>

#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <set>
#include <stdexcept>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "inference/gpt2/team.hpp"

namespace foreline::gpt2 {

using dnnl::memory;

namespace {

std::int64_t dim(std::size_t n) {
  return static_cast<std::int64_t>(n);
}

memory::desc description(Number number, std::size_t rows, std::size_t columns, std::size_t stride,
                         bool turned) {
  const auto type = number == Number::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  const memory::dims strides = turned ? memory::dims{1, dim(stride)} : memory::dims{dim(stride), 1};
  return {{dim(rows), dim(columns)}, type, strides};
}

using Key = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t, std::size_t, bool, bool,
                       bool, bool, Number>;

struct Prepared {
  bool known = false;  ///< Whether oneDNN has such a product.
  dnnl::matmul primitive;
  std::unordered_map<int, memory> arguments;
};

}  // namespace

struct Products::State {
  int threads = 1;
  bool native_bf16 = false;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<Key, Prepared> prepared;
  std::set<std::string> kernels;
  bool slow = false;
  std::vector<float> wide_a, wide_b;

  Prepared prepare(Number number, const memory::desc& a, const memory::desc& b,
                   const memory::desc& y, std::size_t n, bool biased, bool add) {
    dnnl::primitive_attr attributes;
    if (add) {
      dnnl::post_ops then;
      then.append_sum(1.0F);
      attributes.set_post_ops(then);
    }
    const memory::desc bias({1, dim(n)}, memory::data_type::f32, memory::format_tag::ab);
    Prepared made;
    try {
#if DNNL_VERSION_MAJOR >= 3
      const auto chosen = biased ? dnnl::matmul::primitive_desc(engine, a, b, bias, y, attributes)
                                 : dnnl::matmul::primitive_desc(engine, a, b, y, attributes);
#else
      const auto wanted = biased ? dnnl::matmul::desc(a, b, bias, y) : dnnl::matmul::desc(a, b, y);
      const dnnl::matmul::primitive_desc chosen(wanted, attributes, engine);
#endif
      const std::string name = chosen.impl_info_str();
      const bool reference = name.rfind("ref", 0) == 0;
      // A reference kernel for bfloat16 means that the CPU has none: f32 serves
      // it better.
      if (reference && number == Number::bf16) return made;
      kernels.insert(name);
      slow = slow || reference;
      made.primitive = dnnl::matmul(chosen);
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented) throw;
      return made;
    }
    made.known = true;
    made.arguments = {{DNNL_ARG_SRC, memory(a, engine, nullptr)},
                      {DNNL_ARG_WEIGHTS, memory(b, engine, nullptr)},
                      {DNNL_ARG_DST, memory(y, engine, nullptr)}};
    if (biased) made.arguments.emplace(DNNL_ARG_BIAS, memory(bias, engine, nullptr));
    return made;
  }

  Factor widened(const Factor& factor, std::size_t rows, std::size_t columns,
                 std::vector<float>& into) const {
    const auto size = rows * columns;
    if (into.size() < size) into.resize(size);
    float* to = into.data();
    const auto& kernels_of_cpu = training_kernels();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (std::size_t r = 0; r < rows; ++r)
      kernels_of_cpu.widen(factor.numbers.at(r * factor.stride), columns, to + r * columns);
    return {{to, Number::f32}, columns, factor.turned};
  }
};

Isa isa_allowed() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [isa](dnnl::cpu_isa wanted) {
    return (isa & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
  };
  if (has(dnnl::cpu_isa::avx512_core)) return Isa::avx512;
  return has(dnnl::cpu_isa::avx2) ? Isa::avx2 : Isa::any;
}

Products::Products(int threads) : state_(std::make_unique<State>()) {
  state_->threads = threads < 1 ? 1 : threads;
  const Team team(state_->threads);
  state_->native_bf16 = state_
                            ->prepare(Number::bf16, description(Number::bf16, 64, 64, 64, false),
                                      description(Number::bf16, 64, 64, 64, false),
                                      description(Number::f32, 64, 64, 64, false), 64, false, false)
                            .known;
  state_->kernels.clear();
}
Products::~Products() = default;

void Products::operator()(const Factor& a, const Factor& b, const float* bias, float* y, bool add,
                          std::size_t m, std::size_t k, std::size_t n) {
  const auto number = a.numbers.number;
  const Key key{m, k, n, a.stride, b.stride, a.turned, b.turned, bias != nullptr, add, number};
  auto found = state_->prepared.find(key);
  if (found == state_->prepared.end()) {
    const Team team(state_->threads);  // a primitive's threads are settled when it is made
    found = state_->prepared
                .emplace(key, state_->prepare(number, description(number, m, k, a.stride, a.turned),
                                              description(number, k, n, b.stride, b.turned),
                                              description(Number::f32, m, n, n, false), n,
                                              bias != nullptr, add))
                .first;
    if (!found->second.known && number == Number::f32)
      throw std::runtime_error(fmt::format("oneDNN has no f32 product ({} x {} x {})", m, k, n));
  }
  auto& prepared = found->second;
  if (!prepared.known) {
    const auto rows_a = a.turned ? k : m;
    const auto rows_b = b.turned ? n : k;
    const auto wide_a = state_->widened(a, rows_a, a.turned ? m : k, state_->wide_a);
    const auto wide_b = state_->widened(b, rows_b, b.turned ? k : n, state_->wide_b);
    (*this)(wide_a, wide_b, bias, y, add, m, k, n);
    return;
  }
  prepared.arguments.at(DNNL_ARG_SRC).set_data_handle(a.numbers.data);
  prepared.arguments.at(DNNL_ARG_WEIGHTS).set_data_handle(b.numbers.data);
  prepared.arguments.at(DNNL_ARG_DST).set_data_handle(y);
  if (bias != nullptr)
    prepared.arguments.at(DNNL_ARG_BIAS).set_data_handle(const_cast<float*>(bias));
  const Team team(state_->threads);
  prepared.primitive.execute(state_->stream, prepared.arguments);
  state_->stream.wait();
}

bool Products::native_bf16() const {
  return state_->native_bf16;
}

std::string Products::kernels() const {
  std::string all;
  for (const auto& kernel : state_->kernels) all += (all.empty() ? "" : ", ") + kernel;
  return all;
}

bool Products::slow() const {
  return state_->slow;
}

std::string Products::library() {
  const auto* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

}  // namespace foreline::gpt2
