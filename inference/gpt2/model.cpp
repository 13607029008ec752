// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "inference/gpt2/generation.hpp"
#include "inference/gpt2/linear.hpp"

namespace foreline::gpt2 {

using line::Error;
using line::Result;

namespace {

constexpr std::size_t cache_line = 64;   ///< Bytes.
constexpr std::size_t looked_ahead = 8;  ///< Tokens whose rows are on their way meanwhile.
/// Queries of one head that one thread attends to at a time.
constexpr std::size_t queries_at_once = 32;
/// Tokens of a batch below which sharing attention costs more than it saves, by keys.
constexpr std::size_t attention_share_from = 1024;

struct Layer {
  Linear qkv, proj, fc, mlp_proj;
  Tensor ln_1_weight, ln_1_bias, ln_2_weight, ln_2_bias;
};

void check_tokens(const Config& config, std::span<const std::uint32_t> tokens, std::size_t past) {
  if (tokens.empty() || past + tokens.size() > config.n_positions) {
    throw std::invalid_argument(past == 0
                                    ? fmt::format("a sequence of {} tokens, wanted 1 to {}",
                                                  tokens.size(), config.n_positions)
                                    : fmt::format("{} tokens after {}, the model has {} positions",
                                                  tokens.size(), past, config.n_positions));
  }
  for (const auto token : tokens) {
    if (token >= config.vocab_size)
      throw std::invalid_argument(
          fmt::format("token {} is beyond the vocabulary of {}", token, config.vocab_size));
  }
}

std::size_t rounded_up(std::size_t n, std::size_t step) {
  return (n + step - 1) / step * step;
}

/// Keys and values of one layer: by head, `capacity` tokens each. Keys in blocks of 16 tokens
/// (head_size x 16), values a row a token.
struct KeysAndValues {
  Memory keys, values;
  std::size_t capacity = 0;  ///< A multiple of 64.
};

}  // namespace

struct Model::Session::Cache {
  std::vector<KeysAndValues> layers;
};

void check(const Config& config, const Sequence& sequence) {
  const auto positions = sequence.positions();
  if (positions == 0 || positions > config.n_positions) {
    throw std::invalid_argument(
        fmt::format("a sequence of {} positions, wanted 1 to {}", positions, config.n_positions));
  }
  if (!sequence.summed.empty()) {
    std::size_t tokens = 0;
    for (const auto count : sequence.summed) {
      if (count == 0) throw std::invalid_argument("a position without a token");
      tokens += count;
    }
    if (tokens != sequence.tokens.size())
      throw std::invalid_argument(fmt::format("positions hold {} tokens, the sequence has {}",
                                              tokens, sequence.tokens.size()));
  }
  for (const auto token : sequence.tokens) {
    if (token >= config.vocab_size)
      throw std::invalid_argument(
          fmt::format("token {} is beyond the vocabulary of {}", token, config.vocab_size));
  }
  for (const auto position : sequence.asked) {
    if (position >= positions)
      throw std::invalid_argument("an asked position is beyond the sequence");
  }
}

struct Model::State {
  Config config;
  ModelOptions options;
  std::vector<Layer> layers;
  Linear head;
  std::size_t answers = 0;  ///< Columns of the head.
  bool gathered = false;    ///< Embeddings come from the head's packed weights.
  Memory wte;  ///< (vocab_size x E), f32 or bf16 as `halves` says; empty when gathered.
  bool halves = false;
  Tensor wpe, ln_f_weight, ln_f_bias;
  std::size_t parameters = 0;
  mutable std::mutex mutex;  ///< Of everything below: one pass at a time.
  mutable Multiplier products;
  mutable Memory x, normal, qkv, context, inner, last;
  mutable std::vector<Memory> scratch;     ///< By worker.
  mutable std::vector<KeysAndValues> own;  ///< Of sequences that keep no cache; one layer's.

  State(const Config& c, const ModelOptions& o)
      : config(c),
        options(o),
        products(o.precision, o.threads, o.kernels),
        scratch(products.workers.count()) {}

  [[nodiscard]] std::size_t element() const {
    return options.precision == Precision::f32 ? sizeof(float) : sizeof(std::uint16_t);
  }
  [[nodiscard]] std::size_t value_stride() const { return rounded_up(config.head_size(), 16); }

  /// Room for `tokens` tokens; what is there stays.
  void grow(KeysAndValues& kv, std::size_t tokens, std::size_t past) const {
    if (tokens <= kv.capacity) return;
    const auto old = kv.capacity;
    const auto capacity = std::min(rounded_up(std::max(tokens, past == 0 ? tokens : 2 * old), 64),
                                   rounded_up(config.n_positions, 64));
    const auto key_size = config.head_size() * element();
    const auto value_size = value_stride() * element();
    Memory keys(config.n_head * capacity * key_size);
    Memory values(config.n_head * capacity * value_size);
    if (past > 0) {
      for (std::size_t h = 0; h < config.n_head; ++h) {
        std::memcpy(keys.as<char>() + h * capacity * key_size,
                    kv.keys.as<char>() + h * old * key_size, old * key_size);
        std::memcpy(values.as<char>() + h * capacity * value_size,
                    kv.values.as<char>() + h * old * value_size, old * value_size);
      }
    }
    kv.keys = std::move(keys);
    kv.values = std::move(values);
    kv.capacity = capacity;
  }

  struct Item {
    std::span<const std::uint32_t> tokens;
    std::size_t past = 0;
    Session::Cache* cache = nullptr;
    std::size_t row = 0;                      ///< Of its first position in the batch.
    std::span<const std::uint32_t> summed{};  ///< Tokens at each position; empty: one each.
    std::size_t first_asked = 0;              ///< Nobody reads what the last layer makes before it.
    [[nodiscard]] std::size_t positions() const {
      return summed.empty() ? tokens.size() : summed.size();
    }
  };

  /// The row of a token in wte.
  void look_up(std::uint32_t token, float* out) const {
    const auto e = config.n_embd;
    if (gathered) {
      head.column(products, token, out);
    } else if (halves) {
      const StoredTensor table{wte.as<void>(), StoredType::bf16, config.vocab_size * e, {}};
      (void)table.read(token * e, e, out);
    } else {
      std::copy_n(wte.as<float>() + token * e, e, out);
    }
  }

  /// Asks memory for the row of a token, which lies anywhere in the table.
  void fetch(std::uint32_t token) const {
    if (gathered) return;
    const auto size = config.n_embd * (halves ? sizeof(std::uint16_t) : sizeof(float));
    const auto* row = wte.as<char>() + token * size;
    for (std::size_t at = 0; at < size; at += cache_line) __builtin_prefetch(row + at);
  }

  void embed(std::uint32_t token, std::size_t position, float* out) const {
    const auto e = config.n_embd;
    look_up(token, out);
    for (std::size_t i = 0; i < e; ++i) out[i] += wpe[position * e + i];
  }

  /// The embeddings of an item whose positions hold several tokens.
  void embed_sums(const Item& item, float* out) const {
    const auto e = config.n_embd;
    std::vector<float> row(e);
    std::size_t token = 0;
    const auto next = [&] {
      if (const auto ahead = token + looked_ahead; ahead < item.tokens.size())
        fetch(item.tokens[ahead]);
      return item.tokens[token++];
    };
    for (std::size_t t = 0; t < item.summed.size(); ++t) {
      float* sum = out + t * e;
      embed(next(), item.past + t, sum);
      for (std::uint32_t more = 1; more < item.summed[t]; ++more) {
        look_up(next(), row.data());
        for (std::size_t i = 0; i < e; ++i) sum[i] += row[i];
      }
    }
  }

  /// Puts one head's new keys and values into its cache.
  void remember(const Item& item, std::size_t h, const float* rows, KeysAndValues& kv) const {
    const auto e = config.n_embd;
    const auto hd = config.head_size();
    const auto stride = value_stride();
    const auto place = [&](auto* keys, auto* values, auto convert) {
      keys += h * kv.capacity * hd;
      values += h * kv.capacity * stride;
      std::vector<std::remove_reference_t<decltype(*keys)>> converted(hd);
      for (std::size_t t = 0; t < item.positions(); ++t) {
        const float* key = rows + t * 3 * e + e + h * hd;
        const auto at = item.past + t;
        auto* block = keys + at / key_block * key_block * hd + at % key_block;
        convert(key, hd, converted.data());
        for (std::size_t d = 0; d < hd; ++d) block[d * key_block] = converted[d];
        convert(key + e, hd, values + at * stride);
      }
    };
    if (options.precision == Precision::f32) {
      place(kv.keys.as<float>(), kv.values.as<float>(),
            [](const float* from, std::size_t count, float* to) { std::copy_n(from, count, to); });
    } else {
      place(kv.keys.as<std::uint16_t>(), kv.values.as<std::uint16_t>(),
            [&](const float* from, std::size_t count, std::uint16_t* to) {
              products.kernels.to_bf16(from, count, to);
            });
    }
  }

  void attend(std::size_t number, std::span<const Item> batch) const {
    const auto e = config.n_embd;
    const auto hd = config.head_size();
    struct Task {
      std::size_t item, head, first, count;
    };
    std::vector<Task> tasks;
    std::size_t work = 0;
    std::size_t longest = 0;
    std::size_t longest_part = 0;
    std::vector<KeysAndValues*> caches;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& item = batch[i];
      auto& kv = item.cache != nullptr ? item.cache->layers[number] : own[i];
      grow(kv, item.past + item.positions(), item.past);
      caches.push_back(&kv);
      longest = std::max(longest, item.past + item.positions());
      longest_part = std::max(longest_part, item.positions());
      work += item.positions() * (item.past + item.positions());
    }
    work *= config.n_head * hd;
    const bool share = work >= attention_share_from * 64;
    const auto remember_one = [&](std::size_t i, std::size_t h) {
      remember(batch[i], h, qkv.as<float>() + batch[i].row * 3 * e, *caches[i]);
    };
    // A head whose queries are one task's puts its keys and values there itself.
    const bool apart = longest_part > queries_at_once;
    if (apart) {
      products.workers(batch.size() * config.n_head, [&](std::size_t n, std::size_t) {
        remember_one(n / config.n_head, n % config.n_head);
      });
    }
    // Long ones first, so that no thread is left with one at the end.
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto first = number + 1 == config.n_layer ? batch[i].first_asked : 0;
      const auto count = batch[i].positions() - first;
      const auto parts = (count + queries_at_once - 1) / queries_at_once;
      for (std::size_t part = parts; part-- > 0;) {
        for (std::size_t h = 0; h < config.n_head; ++h)
          tasks.push_back({i, h, first + part * queries_at_once,
                           std::min(queries_at_once, count - part * queries_at_once)});
      }
    }
    for (auto& room : scratch) room.need(8 * rounded_up(longest, 64) * sizeof(float));
    const auto attend_one = [&](std::size_t n, std::size_t worker) {
      const auto& task = tasks[n];
      const auto& item = batch[task.item];
      const auto& kv = *caches[task.item];
      if (!apart) remember_one(task.item, task.head);
      Attention a{};
      a.rows = task.count;
      a.first = item.past + task.first;
      a.head_size = hd;
      a.value_stride = value_stride();
      a.ldq = 3 * e;
      a.ldo = e;
      a.scale = config.score_scale(number);
      a.q = qkv.as<float>() + (item.row + task.first) * 3 * e + task.head * hd;
      a.keys = kv.keys.as<char>() + task.head * kv.capacity * hd * element();
      a.values = kv.values.as<char>() + task.head * kv.capacity * value_stride() * element();
      a.out = context.as<float>() + (item.row + task.first) * e + task.head * hd;
      a.scratch = scratch[worker].as<float>();
      if (options.precision == Precision::f32)
        products.kernels.attend_f32(a);
      else
        products.kernels.attend_bf16(a);
    };
    if (share)
      products.workers(tasks.size(), attend_one);
    else
      for (std::size_t n = 0; n < tasks.size(); ++n) attend_one(n, 0);
  }

  void layer_norm(const float* from, const Tensor& weight, const Tensor& bias, std::size_t rows,
                  float* to) const {
    const auto e = config.n_embd;
    constexpr std::size_t at_once = 32;
    const auto some = [&](std::size_t part, std::size_t) {
      const auto first = part * at_once;
      products.kernels.layer_norm(from + first * e, weight.data(), bias.data(),
                                  config.layer_norm_epsilon, std::min(at_once, rows - first), e,
                                  to + first * e);
    };
    products.workers((rows + at_once - 1) / at_once, some);
  }

  /// Reads the batch; afterwards `last` holds what comes out of the last layer at the rows asked
  /// for (asked x E).
  void run(std::span<Item> batch, std::span<const std::size_t> asked) const {
    const auto e = config.n_embd;
    std::size_t rows = 0;
    for (auto& item : batch) {
      item.row = rows;
      rows += item.positions();
    }
    const auto room = (rows + spare_rows) * sizeof(float);
    x.need(room * e), normal.need(room * e), context.need(room * e);
    qkv.need(room * 3 * e), inner.need(room * config.n_inner);
    if (own.size() < batch.size()) own.resize(batch.size());
    for (const auto& item : batch) {
      if (!item.summed.empty()) {
        embed_sums(item, x.as<float>() + item.row * e);
        continue;
      }
      const auto embed_one = [&](std::size_t t, std::size_t) {
        embed(item.tokens[t], item.past + t, x.as<float>() + (item.row + t) * e);
      };
      if (item.positions() >= 64)
        products.workers(item.positions(), embed_one);
      else
        for (std::size_t t = 0; t < item.positions(); ++t) embed_one(t, 0);
    }
    const auto gather = [&](const Memory& from, const Memory& to) {
      for (std::size_t i = 0; i < asked.size(); ++i)
        std::copy_n(from.as<float>() + asked[i] * e, e, to.as<float>() + i * e);
    };
    const auto asked_room = (asked.size() + spare_rows) * sizeof(float);
    last.need(asked_room * e), normal.need(asked_room * e), inner.need(asked_room * config.n_inner);
    if (config.n_layer == 0) gather(x, last);
    for (std::size_t l = 0; l < config.n_layer; ++l) {
      const auto& w = layers[l];
      layer_norm(x.as<float>(), w.ln_1_weight, w.ln_1_bias, rows, normal.as<float>());
      w.qkv(products, normal.as<float>(), rows, qkv.as<float>(), Into::store);
      attend(l, batch);
      const bool ends = l + 1 == config.n_layer;
      if (ends) gather(x, last), gather(context, normal);
      const auto count = ends ? asked.size() : rows;
      float* stream = ends ? last.as<float>() : x.as<float>();
      w.proj(products, ends ? normal.as<float>() : context.as<float>(), count, stream, Into::add);
      layer_norm(stream, w.ln_2_weight, w.ln_2_bias, count, normal.as<float>());
      w.fc(products, normal.as<float>(), count, inner.as<float>(), Into::store, &config.activation);
      w.mlp_proj(products, inner.as<float>(), count, stream, Into::add);
    }
    // What one long batch needed is not kept for the next.
    constexpr std::size_t kept_tokens = 65'536;
    if (rows > kept_tokens) own.clear();
  }

  /// Reads whole sequences; the number of rows asked for, or of all.
  std::size_t run(std::span<const Sequence> batch, bool all) const {
    std::vector<Item> items;
    std::vector<std::size_t> asked;
    std::size_t from = 0;
    for (const auto& sequence : batch) {
      check(config, sequence);
      auto& item = items.emplace_back(Item{sequence.tokens, 0, nullptr, 0, sequence.summed});
      if (all) {
        for (std::size_t t = 0; t < item.positions(); ++t) asked.push_back(from + t);
      } else {
        item.first_asked = item.positions();
        for (const auto position : sequence.asked) {
          asked.push_back(from + position);
          item.first_asked = std::min<std::size_t>(item.first_asked, position);
        }
      }
      from += item.positions();
    }
    run(items, asked);
    return asked.size();
  }

  /// Logits of the first rows of `last`.
  [[nodiscard]] std::vector<float> logits_of(std::size_t rows) const {
    layer_norm(last.as<float>(), ln_f_weight, ln_f_bias, rows, normal.as<float>());
    std::vector<float> logits(rows * answers);
    head(products, normal.as<float>(), rows, logits.data(), Into::store);
    return logits;
  }
};

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Result<Model> Model::create(const Config& config, const Weights& weights,
                            const ModelOptions& options) {
  return create(StoredCheckpoint{config, stored_in(config, weights)}, options);
}

Result<Model> Model::create(const StoredCheckpoint& checkpoint, const ModelOptions& options) {
  const auto& config = checkpoint.config;
  auto state = std::make_unique<State>(config, options);
  auto& s = *state;
  const auto e = config.n_embd;
  std::vector<Reading> readings;
  const auto tensor = [&](const std::string& name) -> const StoredTensor& {
    const auto& found = checkpoint.tensors.at(name);
    s.parameters += found.size;
    return found;
  };
  const auto numbers = [&](const std::string& name, float* to) {
    const auto& from = tensor(name);
    readings.push_back(by_rows(name, from, from.size, 1, 1, [to](const Piece& piece) {
      std::copy_n(piece.values, piece.rows, to + piece.row);
    }));
  };
  const auto vector = [&](const std::string& name, Tensor& to) {
    to.resize(checkpoint.tensors.at(name).size);
    numbers(name, to.data());
  };
  const auto matrix = [&](const std::string& name, std::size_t k, std::size_t n, Linear& to) {
    readings.push_back(
        to.pack(s.products, name + ".weight", tensor(name + ".weight"), Lies::as_is, k, n));
    numbers(name + ".bias", to.bias());
  };
  s.layers.resize(config.n_layer);
  for (std::size_t i = 0; i < config.n_layer; ++i) {
    auto& layer = s.layers[i];
    const auto h = fmt::format("h.{}.", i);
    vector(h + "ln_1.weight", layer.ln_1_weight);
    vector(h + "ln_1.bias", layer.ln_1_bias);
    matrix(h + "attn.c_attn", e, 3 * e, layer.qkv);
    matrix(h + "attn.c_proj", e, e, layer.proj);
    vector(h + "ln_2.weight", layer.ln_2_weight);
    vector(h + "ln_2.bias", layer.ln_2_bias);
    matrix(h + "mlp.c_fc", e, config.n_inner, layer.fc);
    matrix(h + "mlp.c_proj", config.n_inner, e, layer.mlp_proj);
  }
  vector("wpe.weight", s.wpe);
  vector("ln_f.weight", s.ln_f_weight);
  vector("ln_f.bias", s.ln_f_bias);
  const bool tied = config.tie_word_embeddings;
  const bool some = options.answers > 0;
  s.answers = some ? options.answers : config.vocab_size;
  if (options.first_answer + s.answers > config.vocab_size)
    return Error("answers are beyond the vocabulary");
  s.gathered = tied && !some && options.precision != Precision::int8;
  std::function<void(const Piece&)> keep;
  if (!s.gathered) {
    s.halves = options.precision != Precision::f32;
    s.wte = Memory(config.vocab_size * e * s.element());
    keep = [&s, e](const Piece& piece) {
      const auto at = piece.row * e;
      if (s.halves)
        s.products.kernels.to_bf16(piece.values, piece.rows * e, s.wte.as<std::uint16_t>() + at);
      else
        std::copy_n(piece.values, piece.rows * e, s.wte.as<float>() + at);
    };
  }
  const std::string head = tied ? "wte.weight" : "lm_head.weight";
  const auto words = (tied && some ? checkpoint.tensors.at(head) : tensor(head))
                         .part(options.first_answer * e, s.answers * e);
  readings.push_back(s.head.pack(s.products, head, words, Lies::transposed, e, s.answers,
                                 tied && !some ? keep : nullptr));
  if (!tied || some)
    readings.push_back(
        by_rows("wte.weight", tensor("wte.weight"), config.vocab_size, e, 1, std::move(keep)));
  if (auto diagnostics = read_all(s.products.workers, s.products.kernels, readings);
      !diagnostics.empty())
    return Error(std::move(diagnostics));
  return Model(std::move(state));
}

std::vector<float> Model::hidden(std::span<const Sequence> batch) const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto rows = s.run(batch, true);
  std::vector<float> out(rows * s.config.n_embd);
  s.layer_norm(s.last.as<float>(), s.ln_f_weight, s.ln_f_bias, rows, out.data());
  return out;
}

std::vector<float> Model::project(std::span<const float> hidden) const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto rows = hidden.size() / s.config.n_embd;
  s.normal.need((rows + spare_rows) * s.config.n_embd * sizeof(float));
  std::copy(hidden.begin(), hidden.end(), s.normal.as<float>());
  std::vector<float> logits(rows * s.answers);
  s.head(s.products, s.normal.as<float>(), rows, logits.data(), Into::store);
  return logits;
}

std::vector<float> Model::logits(std::span<const Sequence> batch) const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  return s.logits_of(s.run(batch, false));
}

Model::Session::Session(const Model& model) : model_(&model), cache_(std::make_unique<Cache>()) {
  cache_->layers.resize(model.config().n_layer);
}
Model::Session::Session(Session&&) noexcept = default;
Model::Session& Model::Session::operator=(Session&&) noexcept = default;
Model::Session::~Session() = default;

Model::Session Model::Session::copy() const {
  Session other(*model_);
  other.length_ = length_;
  const auto twin = [](const Memory& from) {
    Memory to(from.size());
    if (from.size() > 0) std::memcpy(to.as<char>(), from.as<char>(), from.size());
    return to;
  };
  for (std::size_t l = 0; l < cache_->layers.size(); ++l) {
    const auto& layer = cache_->layers[l];
    other.cache_->layers[l] = {twin(layer.keys), twin(layer.values), layer.capacity};
  }
  return other;
}

std::vector<float> Model::Session::append(std::span<const std::uint32_t> tokens) {
  Session* self = this;
  const std::vector<std::uint32_t> own(tokens.begin(), tokens.end());
  return append(std::span(&self, 1), std::span(&own, 1));
}

std::vector<float> Model::Session::append(std::span<Session* const> sessions,
                                          std::span<const std::vector<std::uint32_t>> tokens) {
  if (sessions.empty()) return {};
  if (sessions.size() != tokens.size())
    throw std::invalid_argument("sessions and their tokens differ in number");
  const auto& s = *sessions.front()->model_->state_;
  std::vector<State::Item> items;
  std::vector<std::size_t> asked;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    if (sessions[i]->model_ != sessions.front()->model_)
      throw std::invalid_argument("sessions of different models in one pass");
    check_tokens(s.config, tokens[i], sessions[i]->length_);
    items.push_back(
        {tokens[i], sessions[i]->length_, sessions[i]->cache_.get(), 0, {}, tokens[i].size() - 1});
    rows += tokens[i].size();
    asked.push_back(rows - 1);
  }
  const std::lock_guard lock(s.mutex);
  s.run(items, asked);
  for (std::size_t i = 0; i < sessions.size(); ++i) sessions[i]->length_ += tokens[i].size();
  return s.logits_of(asked.size());
}

std::vector<std::uint32_t> Model::generate(std::span<const std::uint32_t> prompt,
                                           std::size_t count) const {
  return continue_text(*this, prompt, count, {}).ids;
}

const Config& Model::config() const {
  return state_->config;
}

std::size_t Model::bytes() const {
  const auto& s = *state_;
  auto bytes = s.head.bytes() + s.wte.size() + s.wpe.size() * sizeof(float);
  for (const auto& layer : s.layers)
    bytes += layer.qkv.bytes() + layer.proj.bytes() + layer.fc.bytes() + layer.mlp_proj.bytes();
  return bytes;
}

std::size_t Model::cache_bytes_per_token() const {
  const auto& s = *state_;
  return s.config.n_layer * s.config.n_head * (s.config.head_size() + s.value_stride()) *
         s.element();
}

std::string Model::description() const {
  const auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto theirs = s.products.library_kernels();
  return fmt::format(
      "GPT-2, {} layers x {}, {:.2f} M parameters, {}, {} kernels{}, {} thread{}", s.config.n_layer,
      s.config.n_embd, static_cast<double>(s.parameters) * 1e-6, name_of(s.options.precision),
      s.products.kernels.name,
      theirs.empty() ? "" : fmt::format(", {} {} for many rows", library_version(), theirs),
      s.products.workers.count(), s.products.workers.count() == 1 ? "" : "s");
}

}  // namespace foreline::gpt2
