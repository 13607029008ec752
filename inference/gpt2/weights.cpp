// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/weights.hpp"

#include <fmt/format.h>

#include <cmath>

#include "sim/line/distribution.hpp"
#include "sim/line/random.hpp"

namespace foreline::gpt2 {

void for_each_tensor(const Config& config, Weights& weights, const VisitTensor& visit) {
  const auto e = config.n_embd;
  const auto inner = config.n_inner;
  weights.layers.resize(config.n_layer);
  visit("wte.weight", {config.vocab_size, e}, weights.wte);
  visit("wpe.weight", {config.n_positions, e}, weights.wpe);
  for (std::size_t i = 0; i < config.n_layer; ++i) {
    auto& layer = weights.layers[i];
    auto name = [&](const char* rest) { return fmt::format("h.{}.{}", i, rest); };
    visit(name("ln_1.weight"), {e}, layer.ln_1_weight);
    visit(name("ln_1.bias"), {e}, layer.ln_1_bias);
    visit(name("attn.c_attn.weight"), {e, 3 * e}, layer.attn_weight);
    visit(name("attn.c_attn.bias"), {3 * e}, layer.attn_bias);
    visit(name("attn.c_proj.weight"), {e, e}, layer.proj_weight);
    visit(name("attn.c_proj.bias"), {e}, layer.proj_bias);
    visit(name("ln_2.weight"), {e}, layer.ln_2_weight);
    visit(name("ln_2.bias"), {e}, layer.ln_2_bias);
    visit(name("mlp.c_fc.weight"), {e, inner}, layer.fc_weight);
    visit(name("mlp.c_fc.bias"), {inner}, layer.fc_bias);
    visit(name("mlp.c_proj.weight"), {inner, e}, layer.mlp_proj_weight);
    visit(name("mlp.c_proj.bias"), {e}, layer.mlp_proj_bias);
  }
  visit("ln_f.weight", {e}, weights.ln_f_weight);
  visit("ln_f.bias", {e}, weights.ln_f_bias);
  if (!config.tie_word_embeddings) visit("lm_head.weight", {config.vocab_size, e}, weights.lm_head);
}

void for_each_shape(
    const Config& config,
    const std::function<void(const std::string& name, const std::vector<std::size_t>&)>& visit) {
  Weights none;
  for_each_tensor(config, none,
                  [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor&) {
                    visit(name, shape);
                  });
}

StoredTensors stored_in(const Config& config, const Weights& weights) {
  StoredTensors stored;
  for_each_tensor(config, const_cast<Weights&>(weights),
                  [&](const std::string& name, const std::vector<std::size_t>&, Tensor& tensor) {
                    stored[name] = {tensor.data(), StoredType::f32, tensor.size(), {}};
                  });
  return stored;
}

Weights initial_weights(const Config& config, std::uint64_t seed) {
  Weights weights;
  std::uint32_t number = 0;
  for_each_tensor(
      config, weights,
      [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& tensor) {
        std::size_t size = 1;
        for (const auto n : shape) size *= n;
        const bool norm = name.find("ln_") != std::string::npos;
        const bool bias = name.size() > 4 && name.compare(name.size() - 4, 4, "bias") == 0;
        const bool residual = name.find("c_proj") != std::string::npos;
        const double deviation =
            residual ? 0.02 / std::sqrt(2.0 * static_cast<double>(config.n_layer)) : 0.02;
        tensor.resize(size);
        for (std::size_t i = 0; i < size; ++i) {
          tensor[i] =
              bias ? 0.0F
              : norm
                  ? 1.0F
                  : static_cast<float>(deviation * line::normal_quantile(line::random_uniform(
                                                       seed, number, line::Purpose::training, i)));
        }
        ++number;
      });
  return weights;
}

}  // namespace foreline::gpt2
