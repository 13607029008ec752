// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/reference.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace foreline::gpt2 {

namespace {

/// y (rows x out) = x (rows x in) w (in x out) + b (out).
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b, std::size_t in, std::size_t out) {
  const std::size_t rows = in == 0 ? 0 : x.size() / in;
  Tensor y(rows * out);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = b[o];
      for (std::size_t i = 0; i < in; ++i)
        sum += static_cast<double>(x[r * in + i]) * w[i * out + o];
      y[r * out + o] = static_cast<float>(sum);
    }
  }
  return y;
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon) {
  const std::size_t e = weight.size();
  Tensor y(x.size());
  for (std::size_t r = 0; r < x.size() / e; ++r) {
    const float* row = &x[r * e];
    double mean = 0;
    for (std::size_t i = 0; i < e; ++i) mean += row[i];
    mean /= static_cast<double>(e);
    double variance = 0;
    for (std::size_t i = 0; i < e; ++i) variance += (row[i] - mean) * (row[i] - mean);
    variance /= static_cast<double>(e);
    const double scale = 1 / std::sqrt(variance + epsilon);
    for (std::size_t i = 0; i < e; ++i)
      y[r * e + i] = static_cast<float>((row[i] - mean) * scale * weight[i] + bias[i]);
  }
  return y;
}

Tensor sum_of(const Tensor& a, const Tensor& b) {
  Tensor y(a.size());
  std::transform(a.begin(), a.end(), b.begin(), y.begin(), std::plus<>());
  return y;
}

void attend(const Config& config, std::size_t number, std::size_t tokens, ReferenceLayer& layer) {
  const std::size_t e = config.n_embd;
  const std::size_t hd = config.head_size();
  const float scale = config.score_scale(number);
  layer.attention.assign(config.n_head * tokens * tokens, 0.0F);
  layer.context.assign(tokens * e, 0.0F);
  for (std::size_t h = 0; h < config.n_head; ++h) {
    for (std::size_t t = 0; t < tokens; ++t) {
      float* row = &layer.attention[(h * tokens + t) * tokens];
      const float* query = &layer.qkv[t * 3 * e + h * hd];
      float highest = -1e30F;
      for (std::size_t s = 0; s <= t; ++s) {
        const float* key = &layer.qkv[s * 3 * e + e + h * hd];
        double dot = 0;
        for (std::size_t i = 0; i < hd; ++i) dot += static_cast<double>(query[i]) * key[i];
        row[s] = static_cast<float>(dot) * scale;
        highest = std::max(highest, row[s]);
      }
      double total = 0;
      for (std::size_t s = 0; s <= t; ++s) {
        row[s] = std::exp(row[s] - highest);
        total += row[s];
      }
      for (std::size_t s = 0; s <= t; ++s) row[s] = static_cast<float>(row[s] / total);
      for (std::size_t i = 0; i < hd; ++i) {
        double sum = 0;
        for (std::size_t s = 0; s <= t; ++s)
          sum += static_cast<double>(row[s]) * layer.qkv[s * 3 * e + 2 * e + h * hd + i];
        layer.context[t * e + h * hd + i] = static_cast<float>(sum);
      }
    }
  }
}

constexpr float gelu_scale = 0.7978845608028654F;  // sqrt(2 / pi)

float sigmoid(float x) {
  return 1 / (1 + std::exp(-x));
}

/// log(1 + e^x) without overflow.
float softplus(float x) {
  return std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x)));
}

}  // namespace

float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::gelu_new:
      return 0.5F * x * (1 + std::tanh(gelu_scale * (x + 0.044715F * x * x * x)));
    case Activation::gelu:
      return 0.5F * x * (1 + std::erf(x / std::numbers::sqrt2_v<float>));
    case Activation::relu:
      return std::max(x, 0.0F);
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::tanh:
      return std::tanh(x);
    case Activation::quick_gelu:
      return x * sigmoid(1.702F * x);
    case Activation::relu6:
      return std::clamp(x, 0.0F, 6.0F);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::mish:
      return x * std::tanh(softplus(x));
    case Activation::linear:
      return x;
  }
  return x;
}

float activate_slope(Activation activation, float x) {
  switch (activation) {
    case Activation::gelu_new: {
      const float t = std::tanh(gelu_scale * (x + 0.044715F * x * x * x));
      return 0.5F * (1 + t) + 0.5F * x * (1 - t * t) * gelu_scale * (1 + 3 * 0.044715F * x * x);
    }
    case Activation::gelu:
      return 0.5F * (1 + std::erf(x / std::numbers::sqrt2_v<float>)) +
             x * std::exp(-0.5F * x * x) * 0.3989422804014327F;
    case Activation::relu:
      return x > 0 ? 1.0F : 0.0F;
    case Activation::silu:
      return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
    case Activation::tanh:
      return 1 - std::tanh(x) * std::tanh(x);
    case Activation::quick_gelu:
      return sigmoid(1.702F * x) * (1 + 1.702F * x * (1 - sigmoid(1.702F * x)));
    case Activation::relu6:
      return x > 0 && x < 6 ? 1.0F : 0.0F;
    case Activation::sigmoid:
      return sigmoid(x) * (1 - sigmoid(x));
    case Activation::mish: {
      const float t = std::tanh(softplus(x));
      return t + x * (1 - t * t) * sigmoid(x);
    }
    case Activation::linear:
      return 1;
  }
  return 1;
}

ReferencePass reference_forward(const Config& config, const Weights& weights,
                                std::span<const std::uint32_t> tokens) {
  const std::size_t e = config.n_embd;
  ReferencePass pass;
  pass.embedded.resize(tokens.size() * e);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t i = 0; i < e; ++i)
      pass.embedded[t * e + i] = weights.wte.at(tokens[t] * e + i) + weights.wpe.at(t * e + i);
  }
  const Tensor* x = &pass.embedded;
  pass.layers.resize(config.n_layer);
  for (std::size_t l = 0; l < config.n_layer; ++l) {
    const auto& w = weights.layers[l];
    auto& layer = pass.layers[l];
    layer.ln_1 = layer_norm(*x, w.ln_1_weight, w.ln_1_bias, config.layer_norm_epsilon);
    layer.qkv = linear(layer.ln_1, w.attn_weight, w.attn_bias, e, 3 * e);
    attend(config, l, tokens.size(), layer);
    layer.residual = sum_of(*x, linear(layer.context, w.proj_weight, w.proj_bias, e, e));
    layer.ln_2 = layer_norm(layer.residual, w.ln_2_weight, w.ln_2_bias, config.layer_norm_epsilon);
    layer.fc = linear(layer.ln_2, w.fc_weight, w.fc_bias, e, config.n_inner);
    layer.activated.resize(layer.fc.size());
    std::transform(layer.fc.begin(), layer.fc.end(), layer.activated.begin(),
                   [&](float v) { return activate(config.activation, v); });
    layer.output = sum_of(layer.residual, linear(layer.activated, w.mlp_proj_weight,
                                                 w.mlp_proj_bias, config.n_inner, e));
    x = &layer.output;
  }
  pass.hidden = layer_norm(*x, weights.ln_f_weight, weights.ln_f_bias, config.layer_norm_epsilon);
  const auto& head = weights.head();
  pass.logits.resize(tokens.size() * config.vocab_size);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t v = 0; v < config.vocab_size; ++v) {
      double sum = 0;
      for (std::size_t i = 0; i < e; ++i)
        sum += static_cast<double>(pass.hidden[t * e + i]) * head[v * e + i];
      pass.logits[t * config.vocab_size + v] = static_cast<float>(sum);
    }
  }
  return pass;
}

}  // namespace foreline::gpt2
