// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "inference/gpt2/backward.hpp"
#include "inference/gpt2/kernels.hpp"
#include "inference/gpt2/matmul.hpp"

namespace foreline::gpt2 {

namespace {

/// What the backward pass needs of one layer. N = tokens of the batch.
struct Kept {
  Tensor x;  // (N x E) input
  Tensor ln_1, mean_1, rstd_1;
  Tensor qkv;            // (N x 3E)
  Tensor probabilities;  // by sequence and head: (T x T)
  Tensor context;        // (N x E)
  Tensor middle;         // (N x E) after attention
  Tensor ln_2, mean_2, rstd_2;
  Tensor fc, activated;  // (N x I)
};

void add(Tensor& y, const Tensor& x) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += x[i];
}

void add_rows(Tensor& y, const Tensor& rows, std::size_t width) {
  for (std::size_t i = 0; i < rows.size(); ++i) y[i % width] += rows[i];
}

void add_bias(Tensor& y, const Tensor& bias) {
  for (std::size_t r = 0; r < y.size() / bias.size(); ++r) {
    for (std::size_t i = 0; i < bias.size(); ++i) y[r * bias.size() + i] += bias[i];
  }
}

std::vector<Tensor*> tensors_of(const Config& config, Weights& weights) {
  std::vector<Tensor*> all;
  for_each_tensor(config, weights,
                  [&](const std::string&, const std::vector<std::size_t>&, Tensor& tensor) {
                    all.push_back(&tensor);
                  });
  return all;
}

Weights zeros_like(const Config& config) {
  Weights zeros;
  for_each_tensor(
      config, zeros,
      [&](const std::string&, const std::vector<std::size_t>& shape, Tensor& tensor) {
        tensor.assign(
            std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()), 0.0F);
      });
  return zeros;
}

}  // namespace

struct Trainer::State {
  Config config;
  Weights weights;
  TrainRules rules;
  Matmul matmul;
  Weights slope;          ///< Gradient of the last batch.
  Weights first, second;  ///< AdamW's moments.
  std::size_t steps = 0;

  State(const Config& c, Weights w, const TrainRules& r)
      : config(c),
        weights(std::move(w)),
        rules(r),
        matmul(r.threads),
        slope(zeros_like(c)),
        first(zeros_like(c)),
        second(zeros_like(c)) {}

  /// y = x w + b for (rows x in) x; rows is padded by the caller's batch, so shapes repeat.
  Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) {
    const auto out = b.size();
    const auto in = w.size() / out;
    Tensor y(x.size() / in * out);
    matmul.product(x.data(), Lies::as_is, w.data(), Lies::as_is, y.data(), x.size() / in, in, out);
    add_bias(y, b);
    return y;
  }

  /// Adds to the gradients of w and b; returns the derivative by x.
  Tensor linear_backward(const Tensor& dy, const Tensor& x, const Tensor& w, Tensor& dw,
                         Tensor& db) {
    const auto out = db.size();
    const auto in = w.size() / out;
    const auto rows = dy.size() / out;
    Tensor part(w.size());
    matmul.product(x.data(), Lies::transposed, dy.data(), Lies::as_is, part.data(), in, rows, out);
    add(dw, part);
    add_rows(db, dy, out);
    Tensor dx(rows * in);
    matmul.product(dy.data(), Lies::as_is, w.data(), Lies::transposed, dx.data(), rows, out, in);
    return dx;
  }

  double backward(std::span<const Sequence> batch, const Loss& loss);
  void descend(float rate);
};

double Trainer::State::backward(std::span<const Sequence> batch, const Loss& loss) {
  const auto e = config.n_embd;
  const auto hd = config.head_size();
  std::size_t used = 0;
  std::size_t squares = 0;
  std::size_t longest = 0;
  std::size_t asked = 0;
  for (const auto& sequence : batch) {
    if (sequence.tokens.empty() || sequence.tokens.size() > config.n_positions)
      throw std::invalid_argument("a sequence does not fit the model");
    used += sequence.tokens.size();
    squares += sequence.tokens.size() * sequence.tokens.size();
    longest = std::max(longest, sequence.tokens.size());
    asked += sequence.asked.size();
  }
  const auto rows = Matmul::rows_padded(used);  // rows beyond `used` stay zero in every derivative
  for (auto* tensor : tensors_of(config, slope)) std::fill(tensor->begin(), tensor->end(), 0.0F);

  Tensor x(rows * e);
  std::size_t row = 0;
  for (const auto& sequence : batch) {
    for (std::size_t t = 0; t < sequence.tokens.size(); ++t, ++row) {
      for (std::size_t i = 0; i < e; ++i)
        x[row * e + i] = weights.wte.at(sequence.tokens[t] * e + i) + weights.wpe[t * e + i];
    }
  }
  std::vector<Kept> kept(config.n_layer);
  Tensor scratch(longest);
  for (std::size_t l = 0; l < config.n_layer; ++l) {
    auto& w = weights.layers[l];
    auto& k = kept[l];
    k.x = x;
    k.ln_1.resize(rows * e), k.mean_1.resize(rows), k.rstd_1.resize(rows);
    kernels::layer_norm(x.data(), w.ln_1_weight.data(), w.ln_1_bias.data(),
                        config.layer_norm_epsilon, rows, e, k.ln_1.data(), k.mean_1.data(),
                        k.rstd_1.data());
    k.qkv = linear(k.ln_1, w.attn_weight, w.attn_bias);
    k.context.assign(rows * e, 0.0F);
    k.probabilities.resize(squares * config.n_head);
    std::size_t from = 0;
    float* probabilities = k.probabilities.data();
    for (const auto& sequence : batch) {
      const auto tokens = sequence.tokens.size();
      for (std::size_t h = 0; h < config.n_head; ++h, probabilities += tokens * tokens) {
        const float* q = &k.qkv[from * 3 * e + h * hd];
        kernels::attend(q, 3 * e, q + e, q + 2 * e, 3 * e, tokens, tokens, 0, hd,
                        config.score_scale(l), &k.context[from * e + h * hd], e, probabilities,
                        nullptr);
      }
      from += tokens;
    }
    k.middle = linear(k.context, w.proj_weight, w.proj_bias);
    add(k.middle, x);
    k.ln_2.resize(rows * e), k.mean_2.resize(rows), k.rstd_2.resize(rows);
    kernels::layer_norm(k.middle.data(), w.ln_2_weight.data(), w.ln_2_bias.data(),
                        config.layer_norm_epsilon, rows, e, k.ln_2.data(), k.mean_2.data(),
                        k.rstd_2.data());
    k.fc = linear(k.ln_2, w.fc_weight, w.fc_bias);
    k.activated.resize(k.fc.size());
    kernels::activate(config.activation, k.fc.data(), k.activated.data(), k.fc.size());
    x = linear(k.activated, w.mlp_proj_weight, w.mlp_proj_bias);
    add(x, k.middle);
  }
  Tensor mean(rows), rstd(rows), hidden(rows * e);
  kernels::layer_norm(x.data(), weights.ln_f_weight.data(), weights.ln_f_bias.data(),
                      config.layer_norm_epsilon, rows, e, hidden.data(), mean.data(), rstd.data());

  const auto asked_rows = Matmul::rows_padded(std::max<std::size_t>(asked, 1));
  Tensor gathered(asked_rows * e);
  std::vector<std::size_t> origin;
  std::size_t from = 0;
  for (const auto& sequence : batch) {
    for (const auto position : sequence.asked) {
      std::copy_n(&hidden[(from + position) * e], e, &gathered[origin.size() * e]);
      origin.push_back(from + position);
    }
    from += sequence.tokens.size();
  }
  const auto v = config.vocab_size;
  const auto& head = weights.head();
  Tensor logits(asked_rows * v);
  matmul.product(gathered.data(), Lies::as_is, head.data(), Lies::transposed, logits.data(),
                 asked_rows, e, v);
  Tensor dlogits(asked_rows * v);
  const double value =
      loss(std::span(logits).first(asked * v), std::span(dlogits).first(asked * v));

  auto& dhead = config.tie_word_embeddings ? slope.wte : slope.lm_head;
  Tensor part(head.size());
  matmul.product(dlogits.data(), Lies::transposed, gathered.data(), Lies::as_is, part.data(), v,
                 asked_rows, e);
  add(dhead, part);
  Tensor dgathered(asked_rows * e);
  matmul.product(dlogits.data(), Lies::as_is, head.data(), Lies::as_is, dgathered.data(),
                 asked_rows, v, e);
  Tensor dhidden(rows * e);
  for (std::size_t i = 0; i < origin.size(); ++i) {
    for (std::size_t j = 0; j < e; ++j) dhidden[origin[i] * e + j] += dgathered[i * e + j];
  }
  Tensor dx(rows * e);
  kernels::layer_norm_backward(dhidden.data(), x.data(), weights.ln_f_weight.data(), mean.data(),
                               rstd.data(), rows, e, dx.data(), slope.ln_f_weight.data(),
                               slope.ln_f_bias.data());
  for (std::size_t l = config.n_layer; l-- > 0;) {
    auto& w = weights.layers[l];
    auto& d = slope.layers[l];
    auto& k = kept[l];
    const Tensor dactivated =
        linear_backward(dx, k.activated, w.mlp_proj_weight, d.mlp_proj_weight, d.mlp_proj_bias);
    Tensor dfc(dactivated.size());
    kernels::activate_backward(config.activation, dactivated.data(), k.fc.data(), dfc.data(),
                               dfc.size());
    const Tensor dln_2 = linear_backward(dfc, k.ln_2, w.fc_weight, d.fc_weight, d.fc_bias);
    kernels::layer_norm_backward(dln_2.data(), k.middle.data(), w.ln_2_weight.data(),
                                 k.mean_2.data(), k.rstd_2.data(), rows, e, dx.data(),
                                 d.ln_2_weight.data(), d.ln_2_bias.data());
    const Tensor dcontext =
        linear_backward(dx, k.context, w.proj_weight, d.proj_weight, d.proj_bias);
    Tensor dqkv(rows * 3 * e);
    from = 0;
    const float* probabilities = k.probabilities.data();
    for (const auto& sequence : batch) {
      const auto tokens = sequence.tokens.size();
      for (std::size_t h = 0; h < config.n_head; ++h, probabilities += tokens * tokens) {
        const float* q = &k.qkv[from * 3 * e + h * hd];
        float* dq = &dqkv[from * 3 * e + h * hd];
        kernels::attend_backward(&dcontext[from * e + h * hd], e, q, q + e, q + 2 * e, 3 * e,
                                 probabilities, tokens, hd, config.score_scale(l), dq, dq + e,
                                 dq + 2 * e, scratch.data());
      }
      from += tokens;
    }
    const Tensor dln_1 = linear_backward(dqkv, k.ln_1, w.attn_weight, d.attn_weight, d.attn_bias);
    kernels::layer_norm_backward(dln_1.data(), k.x.data(), w.ln_1_weight.data(), k.mean_1.data(),
                                 k.rstd_1.data(), rows, e, dx.data(), d.ln_1_weight.data(),
                                 d.ln_1_bias.data());
  }
  row = 0;
  for (const auto& sequence : batch) {
    for (std::size_t t = 0; t < sequence.tokens.size(); ++t, ++row) {
      for (std::size_t i = 0; i < e; ++i) {
        slope.wte[sequence.tokens[t] * e + i] += dx[row * e + i];
        slope.wpe[t * e + i] += dx[row * e + i];
      }
    }
  }
  return value;
}

void Trainer::State::descend(float rate) {
  ++steps;
  const auto g = tensors_of(config, slope);
  double norm = 0;
  for (const auto* tensor : g) {
    for (const auto value : *tensor) norm += static_cast<double>(value) * value;
  }
  norm = std::sqrt(norm);
  if (!std::isfinite(norm)) return;  // a batch that overflowed teaches nothing
  const float clip =
      norm > rules.gradient_norm_max ? static_cast<float>(rules.gradient_norm_max / norm) : 1.0F;
  const auto w = tensors_of(config, weights);
  const auto m = tensors_of(config, first);
  const auto s = tensors_of(config, second);
  const float correct1 = 1 - std::pow(rules.beta1, static_cast<float>(steps));
  const float correct2 = 1 - std::pow(rules.beta2, static_cast<float>(steps));
  for (std::size_t i = 0; i < w.size(); ++i) {
    // Vectors (biases and norms) are as wide as the model at most three or n_inner times.
    const bool matrix = w[i]->size() > std::max(3 * config.n_embd, config.n_inner);
    const float decay = matrix ? rate * rules.weight_decay : 0.0F;
    float* weight = w[i]->data();
    float* mean = m[i]->data();
    float* square = s[i]->data();
    const float* grad = g[i]->data();
#pragma omp simd
    for (std::size_t j = 0; j < w[i]->size(); ++j) {
      const float slope_j = grad[j] * clip;
      mean[j] = rules.beta1 * mean[j] + (1 - rules.beta1) * slope_j;
      square[j] = rules.beta2 * square[j] + (1 - rules.beta2) * slope_j * slope_j;
      weight[j] -= rate * (mean[j] / correct1) / (std::sqrt(square[j] / correct2) + rules.epsilon) +
                   decay * weight[j];
    }
  }
}

Trainer::Trainer(const Config& config, Weights weights, const TrainRules& rules)
    : state_(std::make_unique<State>(config, std::move(weights), rules)) {}
Trainer::~Trainer() = default;

double Trainer::step(std::span<const Sequence> batch, const Loss& loss, float rate) {
  const double value = state_->backward(batch, loss);
  state_->descend(rate);
  return value;
}

double Trainer::gradient(std::span<const Sequence> batch, const Loss& loss, Weights& out) {
  const double value = state_->backward(batch, loss);
  out = state_->slope;
  return value;
}

const Weights& Trainer::weights() const {
  return state_->weights;
}

float learning_rate(std::size_t step, std::size_t steps, std::size_t warmup, float peak) {
  if (step < warmup) return peak * static_cast<float>(step + 1) / static_cast<float>(warmup);
  const float done = static_cast<float>(step - warmup) /
                     static_cast<float>(std::max<std::size_t>(1, steps - warmup));
  return peak * (0.1F + 0.45F * (1 + std::cos(std::numbers::pi_v<float> * std::min(done, 1.0F))));
}

}  // namespace foreline::gpt2
