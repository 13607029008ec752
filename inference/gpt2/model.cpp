// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "inference/gpt2/kernels.hpp"
#include "inference/gpt2/matmul.hpp"

namespace foreline::gpt2 {

using line::Error;
using line::Result;

namespace {

struct PackedLayer {
  std::shared_ptr<const Matmul::Packed> qkv, proj, fc, mlp_proj;
};

void check(const Config& config, const Sequence& sequence) {
  if (sequence.tokens.empty() || sequence.tokens.size() > config.n_positions) {
    throw std::invalid_argument(fmt::format("a sequence of {} tokens, wanted 1 to {}",
                                            sequence.tokens.size(), config.n_positions));
  }
  for (const auto token : sequence.tokens) {
    if (token >= config.vocab_size)
      throw std::invalid_argument(
          fmt::format("token {} is beyond the vocabulary of {}", token, config.vocab_size));
  }
  for (const auto position : sequence.asked) {
    if (position >= sequence.tokens.size())
      throw std::invalid_argument("an asked position is beyond the sequence");
  }
}

void add(float* y, const float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
}

}  // namespace

struct Model::State {
  Config config;
  Weights weights;  ///< Embeddings and norms; the matrices live packed.
  ModelOptions options;
  std::vector<PackedLayer> layers;
  std::shared_ptr<const Matmul::Packed> head;
  std::size_t parameters = 0;
  mutable std::mutex mutex;  ///< Of the primitives: one pass at a time.
  mutable Matmul matmul;

  State(const Config& c, const Weights& w, const ModelOptions& o)
      : config(c), weights(w), options(o), matmul(o.threads) {}

  void embed(std::uint32_t token, std::size_t position, float* x) const {
    const auto e = config.n_embd;
    for (std::size_t i = 0; i < e; ++i)
      x[i] = weights.wte[token * e + i] + weights.wpe[position * e + i];
  }

  /// One layer over `rows` tokens; `attend` fills the context (rows x E) from qkv (rows x 3E).
  template <class Attend>
  void layer(std::size_t number, std::size_t rows, std::vector<float>& x, Attend attend) const {
    const auto e = config.n_embd;
    const auto padded = Matmul::rows_padded(rows);
    const auto& w = weights.layers[number];
    std::vector<float> normal(padded * e), qkv(padded * 3 * e), context(padded * e),
        inner(padded * config.n_inner), out(padded * e);
    kernels::layer_norm(x.data(), w.ln_1_weight.data(), w.ln_1_bias.data(),
                        config.layer_norm_epsilon, rows, e, normal.data(), nullptr, nullptr);
    matmul(normal.data(), *layers[number].qkv, qkv.data(), rows);
    attend(qkv.data(), context.data());
    matmul(context.data(), *layers[number].proj, out.data(), rows);
    add(x.data(), out.data(), rows * e);
    kernels::layer_norm(x.data(), w.ln_2_weight.data(), w.ln_2_bias.data(),
                        config.layer_norm_epsilon, rows, e, normal.data(), nullptr, nullptr);
    matmul(normal.data(), *layers[number].fc, inner.data(), rows);
    kernels::activate(config.activation, inner.data(), inner.data(), rows * config.n_inner);
    matmul(inner.data(), *layers[number].mlp_proj, out.data(), rows);
    add(x.data(), out.data(), rows * e);
  }

  [[nodiscard]] std::vector<float> run(std::span<const Sequence> batch) const {
    const auto e = config.n_embd;
    std::size_t rows = 0;
    std::size_t longest = 0;
    for (const auto& sequence : batch) {
      check(config, sequence);
      rows += sequence.tokens.size();
      longest = std::max(longest, sequence.tokens.size());
    }
    std::vector<float> x(Matmul::rows_padded(std::max<std::size_t>(rows, 1)) * e);
    std::size_t row = 0;
    for (const auto& sequence : batch) {
      for (std::size_t t = 0; t < sequence.tokens.size(); ++t)
        embed(sequence.tokens[t], t, &x[row++ * e]);
    }
    std::vector<float> scratch(longest);
    for (std::size_t l = 0; l < config.n_layer; ++l) {
      layer(l, rows, x, [&](const float* qkv, float* context) {
        std::size_t from = 0;
        for (const auto& sequence : batch) {
          const auto tokens = sequence.tokens.size();
          for (std::size_t h = 0; h < config.n_head; ++h) {
            const float* q = qkv + from * 3 * e + h * config.head_size();
            kernels::attend(q, 3 * e, q + e, q + 2 * e, 3 * e, tokens, tokens, 0,
                            config.head_size(), config.score_scale(l),
                            context + from * e + h * config.head_size(), e, nullptr,
                            scratch.data());
          }
          from += tokens;
        }
      });
    }
    std::vector<float> hidden(x.size());
    kernels::layer_norm(x.data(), weights.ln_f_weight.data(), weights.ln_f_bias.data(),
                        config.layer_norm_epsilon, rows, e, hidden.data(), nullptr, nullptr);
    hidden.resize(rows * e);
    return hidden;
  }

  [[nodiscard]] std::vector<float> project(const std::vector<float>& asked,
                                           std::size_t rows) const {
    const auto padded = Matmul::rows_padded(rows);
    std::vector<float> in(padded * config.n_embd);
    std::copy(asked.begin(), asked.end(), in.begin());
    std::vector<float> logits(padded * config.vocab_size);
    matmul(in.data(), *head, logits.data(), rows);
    logits.resize(rows * config.vocab_size);
    return logits;
  }
};

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Result<Model> Model::create(const Config& config, const Weights& weights,
                            const ModelOptions& options) {
  auto state = std::make_unique<State>(config, weights, options);
  auto& s = *state;
  for_each_tensor(config, s.weights,
                  [&](const std::string&, const std::vector<std::size_t>&, Tensor& tensor) {
                    s.parameters += tensor.size();
                  });
  for (auto& layer : s.weights.layers) {
    auto pack = [&](Tensor& weight, const Tensor& bias) {
      auto packed = s.matmul.pack(weight.data(), Lies::as_is, bias.data(),
                                  weight.size() / bias.size(), bias.size(), options.bf16_weights);
      Tensor().swap(weight);
      return packed;
    };
    s.layers.push_back(
        {pack(layer.attn_weight, layer.attn_bias), pack(layer.proj_weight, layer.proj_bias),
         pack(layer.fc_weight, layer.fc_bias), pack(layer.mlp_proj_weight, layer.mlp_proj_bias)});
  }
  s.head = s.matmul.pack(s.weights.head().data(), Lies::transposed, nullptr, config.n_embd,
                         config.vocab_size, options.bf16_weights);
  Model model(std::move(state));
  (void)model.logits(std::vector<Sequence>{{{0}, {0}}});
  if (model.state_->matmul.slow()) {
    return Error(fmt::format("oneDNN has only its reference kernels here ({})",
                             model.state_->matmul.kernels()),
                 "unset DNNL_MAX_CPU_ISA, or use a CPU with SSE 4.1 or newer");
  }
  return model;
}

std::vector<float> Model::hidden(std::span<const Sequence> batch) const {
  const std::lock_guard lock(state_->mutex);
  return state_->run(batch);
}

std::vector<float> Model::logits(std::span<const Sequence> batch) const {
  const std::lock_guard lock(state_->mutex);
  const auto hidden = state_->run(batch);
  const auto e = state_->config.n_embd;
  std::vector<float> asked;
  std::size_t from = 0;
  for (const auto& sequence : batch) {
    for (const auto position : sequence.asked) {
      const auto* row = &hidden[(from + position) * e];
      asked.insert(asked.end(), row, row + e);
    }
    from += sequence.tokens.size();
  }
  if (asked.empty()) return {};
  return state_->project(asked, asked.size() / e);
}

Model::Session::Session(const Model& model)
    : model_(&model), keys_(model.config().n_layer), values_(model.config().n_layer) {}

std::vector<float> Model::Session::append(std::span<const std::uint32_t> tokens) {
  const auto& s = *model_->state_;
  const auto& config = s.config;
  const auto e = config.n_embd;
  if (tokens.empty() || length_ + tokens.size() > config.n_positions) {
    throw std::invalid_argument(fmt::format("{} tokens after {}, the model has {} positions",
                                            tokens.size(), length_, config.n_positions));
  }
  for (const auto token : tokens) {
    if (token >= config.vocab_size)
      throw std::invalid_argument(
          fmt::format("token {} is beyond the vocabulary of {}", token, config.vocab_size));
  }
  const std::lock_guard lock(s.mutex);
  const auto rows = tokens.size();
  const auto all = length_ + rows;
  std::vector<float> x(Matmul::rows_padded(rows) * e);
  for (std::size_t t = 0; t < rows; ++t) s.embed(tokens[t], length_ + t, &x[t * e]);
  std::vector<float> scratch(all);
  for (std::size_t l = 0; l < config.n_layer; ++l) {
    auto& keys = keys_[l];
    auto& values = values_[l];
    keys.resize(all * e);
    values.resize(all * e);
    s.layer(l, rows, x, [&](const float* qkv, float* context) {
      for (std::size_t t = 0; t < rows; ++t) {
        const float* row = qkv + t * 3 * e;
        std::copy(row + e, row + 2 * e, &keys[(length_ + t) * e]);
        std::copy(row + 2 * e, row + 3 * e, &values[(length_ + t) * e]);
      }
      for (std::size_t h = 0; h < config.n_head; ++h) {
        const auto at = h * config.head_size();
        kernels::attend(qkv + at, 3 * e, &keys[at], &values[at], e, rows, all, length_,
                        config.head_size(), config.score_scale(l), context + at, e, nullptr,
                        scratch.data());
      }
    });
  }
  length_ = all;
  std::vector<float> last(e);
  kernels::layer_norm(&x[(rows - 1) * e], s.weights.ln_f_weight.data(), s.weights.ln_f_bias.data(),
                      config.layer_norm_epsilon, 1, e, last.data(), nullptr, nullptr);
  return s.project(last, 1);
}

std::vector<std::uint32_t> Model::generate(std::span<const std::uint32_t> prompt,
                                           std::size_t count) const {
  Session session(*this);
  std::vector<std::uint32_t> out;
  auto logits = session.append(prompt);
  while (out.size() < count && prompt.size() + out.size() < config().n_positions) {
    const auto next =
        static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    if (next == config().eos_token_id) break;
    out.push_back(next);
    if (out.size() == count || session.length() == config().n_positions) break;
    logits = session.append(std::span(&out.back(), 1));
  }
  return out;
}

const Config& Model::config() const {
  return state_->config;
}

std::string Model::description() const {
  const std::lock_guard lock(state_->mutex);
  return fmt::format("GPT-2, {} layers x {}, {:.2f} M parameters, oneDNN {}, {} weights",
                     state_->config.n_layer, state_->config.n_embd,
                     static_cast<double>(state_->parameters) * 1e-6, state_->matmul.kernels(),
                     state_->options.bf16_weights ? "bf16" : "f32");
}

}  // namespace foreline::gpt2
