// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/trainer.hpp"

#include <fmt/format.h>
#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "inference/gpt2/products.hpp"
#include "inference/gpt2/training_kernels.hpp"
#include "inference/gpt2/training_state.hpp"
#include "sim/line/random.hpp"

namespace foreline::gpt2 {

namespace {

/// Memory that grows and is never given back, so that steps of one size
/// allocate once; on huge pages where the system has them.
class Store {
 public:
  Store() = default;
  ~Store() { std::free(data_); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void* at_least(std::size_t bytes) {
    if (bytes > size_) {
      std::free(data_);
      constexpr std::size_t huge = std::size_t{2} << 20U;
      const auto alignment = bytes >= huge ? huge : std::size_t{64};
      size_ = (bytes + alignment - 1) / alignment * alignment;
      data_ = std::aligned_alloc(alignment, size_);
      if (data_ == nullptr) {
        size_ = 0;
        throw std::bad_alloc();
      }
      if (alignment == huge) ::madvise(data_, size_, MADV_HUGEPAGE);
    }
    return data_;
  }
  [[nodiscard]] void* get() const { return data_; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

class Floats : public Store {
 public:
  float* of(std::size_t size) { return static_cast<float*>(at_least(size * sizeof(float))); }
  [[nodiscard]] float* data() const { return static_cast<float*>(get()); }
  /// `size` zeros.
  float* zeros(std::size_t size) { return std::fill_n(of(size), size, 0.0F) - size; }
};

/// What the way back needs of one layer. N = tokens of the batch, padded.
struct Kept {
  Floats x, mean_1, rstd_1;       // (N x E) input, (N)
  Store ln_1;                     // (N x E) numbers
  Floats qkv;                     // (N x 3E)
  Floats spread;                  // (H x N)
  Store context;                  // (N x E) numbers
  Floats middle, mean_2, rstd_2;  // (N x E) after attention, (N)
  Store ln_2;                     // (N x E) numbers
  Floats fc;                      // (N x I)
  Store activated;                // (N x I) numbers
};

/// A parameter, where its gradient and moments lie in the flat arrays, and what
/// it does.
struct Slot {
  Tensor* weight;
  std::size_t offset;
  float decay;
  bool factor;  ///< Enters products.
};

/// A piece of a parameter that one thread updates.
struct Piece {
  std::size_t slot;
  std::size_t begin, size;
};

/// Rows of products are rounded up to these, so that batches of all sizes meet
/// few shapes.
std::size_t padded(std::size_t rows) {
  const std::size_t step = rows <= 64 ? 16 : rows <= 1024 ? 64 : 128;
  return std::max<std::size_t>(step, (rows + step - 1) / step * step);
}

bool is_vector(std::string_view name) {
  return name.ends_with("bias") || name.find("ln_") != std::string_view::npos;
}

/// Places that drop numbers.
enum class Place : std::uint32_t { embedding = 1, attention, attention_branch, mlp_branch };

}  // namespace

struct Trainer::State {
  Config config;
  Weights weights;
  TrainRules rules;
  Number number;
  const TrainingKernels& kernels = training_kernels();
  Products products;
  std::vector<Slot> slots;  ///< In the order of for_each_tensor.
  std::vector<Piece> pieces;
  std::size_t parameters = 0;
  Floats slope, first, second, average;  ///< (parameters), flat
  Store copies;                          ///< (parameters) bfloat16, of the factors.
  std::uint64_t steps = 0;
  std::uint64_t passes = 0;  ///< Batches accumulated since the last step.
  bool fresh = true;         ///< `slope` holds nothing yet.

  std::vector<Kept> kept;
  std::vector<std::size_t> starts;       ///< First row of each sequence, and the end.
  std::vector<std::size_t> origin;       ///< Row of each asked position.
  std::vector<std::size_t> first_asked;  ///< Position in each sequence.
  std::vector<double> row_losses, piece_squares;
  /// Rows that are at work, and with padding: those of the batch up to the last layer's attention,
  /// from there on those that were asked for.
  std::size_t used = 0, rows = 0;
  Floats last, mean_f, rstd_f, asked_x, branch, dx, dx_of_all, dcontext_of_all, dy, dwide, partial,
      scratch;
  Store out, dout, asked_context, gathered, dlogits;
  Floats logits, dgathered, whole_slope;
  std::exception_ptr failure;

  State(const Config& c, Weights w, const TrainRules& r)
      : config(c),
        weights(std::move(w)),
        rules(r),
        number(r.bf16 ? Number::bf16 : Number::f32),
        products(r.threads),
        kept(c.n_layer) {
    rules.threads = std::max(1, rules.threads);
    for (const auto share :
         {r.dropout.embedding, r.dropout.attention, r.dropout.residual, r.average_decay}) {
      if (!(share >= 0 && share < 1))
        throw std::invalid_argument("dropout and average_decay are at least 0 and below 1");
    }
    if (r.first_answer + r.answers > c.vocab_size)
      throw std::invalid_argument("answers are beyond the vocabulary");
    constexpr std::size_t piece = std::size_t{1} << 15U;
    for_each_tensor(
        config, weights,
        [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& tensor) {
          const auto size =
              std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
          if (tensor.size() != size)
            throw std::invalid_argument(
                fmt::format("tensor {} has {} numbers, wanted {}", name, tensor.size(), size));
          const bool vector = is_vector(name);
          const float decay = rules.decay_of ? rules.decay_of(name)
                              : vector       ? 0.0F
                                             : rules.weight_decay;
          const bool head =
              config.tie_word_embeddings ? name == "wte.weight" : name == "lm_head.weight";
          slots.push_back({&tensor, parameters, decay,
                           head || (!vector && name != "wte.weight" && name != "wpe.weight")});
          for (std::size_t at = 0; at < size; at += piece)
            pieces.push_back({slots.size() - 1, at, std::min(piece, size - at)});
          parameters += (size + 15) / 16 * 16;  // each begins on a cache line
        });
    for (auto* flat : {&slope, &first, &second}) flat->zeros(parameters);
    if (number == Number::bf16) copies.at_least(parameters * 2);
    refresh();
    if (rules.average_decay > 0) {
      average.zeros(parameters);
      for (const auto& slot : slots)
        std::copy(slot.weight->begin(), slot.weight->end(), average.data() + slot.offset);
    }
    piece_squares.resize(pieces.size());
  }

  void forget() {
    fresh = true;
    passes = 0;
  }
  /// Rounds the weights that products use.
  void refresh() {
    if (number != Number::bf16) return;
    for (const auto& slot : slots) {
      if (slot.factor) kernels.convert(slot.weight->data(), slot.weight->size(), 1, copy_of(slot));
    }
  }
  [[nodiscard]] Numbers copy_of(const Slot& slot) const {
    return Numbers{copies.get(), Number::bf16}.at(slot.offset);
  }

  [[nodiscard]] std::size_t slot_of(const Tensor& tensor) const {
    std::size_t i = 0;
    while (slots[i].weight != &tensor) ++i;
    return i;
  }
  [[nodiscard]] float* slope_of(const Tensor& tensor) const {
    return slope.data() + slots[slot_of(tensor)].offset;
  }
  /// A weight as a factor, rows of `stride`.
  [[nodiscard]] Factor factor_of(const Tensor& tensor, std::size_t stride, bool turned) const {
    const auto& slot = slots[slot_of(tensor)];
    if (number == Number::bf16) return {copy_of(slot), stride, turned};
    return {{slot.weight->data(), Number::f32}, stride, turned};
  }

  /// Calls work(begin, end, part) for `threads` parts of `count`. What a part
  /// does must not depend on when it does it.
  template <class Work>
  void share(std::size_t count, Work work) {
    const auto parts = static_cast<std::size_t>(rules.threads);
#pragma omp parallel for num_threads(rules.threads) schedule(static, 1)
    for (std::size_t part = 0; part < parts; ++part)
      work(count * part / parts, count * (part + 1) / parts, part);
  }

  /// Sums of columns, each part its own, then added in order to `sums`.
  class Sums {
   public:
    Sums(State& state, std::size_t width)
        : width_(width),
          parts_(static_cast<std::size_t>(state.rules.threads)),
          data_(state.partial.zeros(width * parts_)) {}
    [[nodiscard]] float* of(std::size_t part) const { return data_ + part * width_; }
    /// Adds columns `from`... to sums (size).
    void add_to(float* sums, std::size_t from, std::size_t size) const {
      for (std::size_t part = 0; part < parts_; ++part) {
        for (std::size_t i = 0; i < size; ++i) sums[i] += data_[part * width_ + from + i];
      }
    }

   private:
    std::size_t width_, parts_;
    float* data_;
  };

  /// Rows that only pad must not bring in what an earlier batch left there.
  [[nodiscard]] Numbers numbers(Store& store, std::size_t width) const {
    const Numbers all{store.at_least(rows * width * (number == Number::bf16 ? 2 : 4)), number};
    return all;
  }
  void clear_padding(Numbers all, std::size_t from, std::size_t to, std::size_t width) const {
    std::memset(all.at(from * width).data, 0,
                (to - from) * width * (number == Number::bf16 ? 2 : 4));
  }

  [[nodiscard]] Dropped dropped(float part, Place place, std::size_t layer,
                                std::size_t head = 0) const {
    if (part <= 0 || !training) return {};
    const auto step_key = line::random_word(rules.seed, static_cast<std::uint32_t>(place),
                                            line::Purpose::training, steps);
    const auto key = line::random_word(step_key, static_cast<std::uint32_t>(layer),
                                       line::Purpose::training, (passes << 32U) + head);
    return {key, static_cast<std::uint32_t>(static_cast<double>(part) * 4294967296.0),
            1 / (1 - part)};
  }
  bool training = false;  ///< Whether numbers are dropped in this pass.

  void work_on(std::size_t count) {
    used = count;
    rows = padded(count);
  }
  void lay_out(std::span<const Sequence> batch) {
    starts.assign(1, 0);
    origin.clear();
    first_asked.clear();
    for (const auto& sequence : batch) {
      check(config, sequence);
      auto lowest = sequence.positions();
      for (const auto position : sequence.asked) {
        origin.push_back(starts.back() + position);
        lowest = std::min<std::size_t>(lowest, position);
      }
      first_asked.push_back(lowest);
      starts.push_back(starts.back() + sequence.positions());
    }
    work_on(starts.back());
  }
  /// Nothing reads what the last layer's attention makes of earlier positions.
  [[nodiscard]] std::size_t first_query(std::size_t layer, std::size_t sequence) const {
    return layer + 1 == config.n_layer ? first_asked[sequence] : 0;
  }
  /// The rows that were asked for, one after the other.
  void gather_asked(Numbers from, Numbers to) const {
    const auto size = config.n_embd * (from.number == Number::bf16 ? 2 : 4);
    for (std::size_t i = 0; i < origin.size(); ++i)
      std::memcpy(to.at(i * config.n_embd).data, from.at(origin[i] * config.n_embd).data, size);
  }
  /// Zeros, and to the rows that were asked for what `from` adds to each.
  float* scatter_asked(const float* from, Floats& to) const {
    const auto e = config.n_embd;
    float* all = to.zeros(padded(starts.back()) * e);
    for (std::size_t i = 0; i < origin.size(); ++i) {
      for (std::size_t j = 0; j < e; ++j) all[origin[i] * e + j] += from[i * e + j];
    }
    return all;
  }

  void forward(std::span<const Sequence> batch);
  void attention(std::size_t layer);
  void attention_back(std::size_t layer, const float* dcontext, Numbers dqkv);
  double learn(const Loss* whole, const RowLoss* by_row, bool backward, float share_of_batch);
  void backward(std::span<const Sequence> batch);
  double pass(std::span<const Sequence> batch, const Loss* whole, const RowLoss* by_row,
              bool wants_gradient, bool drops, float share_of_batch);
  Descent descend(float rate);

  /// out (rows x width of bias) = x w + b.
  void linear(Numbers x, std::size_t in, const Tensor& w, const Tensor& b, float* y) {
    const auto width = b.size();
    products({x, in, false}, factor_of(w, width, false), b.data(), y, false, rows, in, width);
  }
  /// dw = x^T dy, or += when there is a gradient already; dx = dy w^T.
  void linear_back(Numbers dy_numbers, Numbers x, std::size_t in, const Tensor& w,
                   std::size_t width, float* dx_of) {
    products({x, in, true}, {dy_numbers, width, false}, nullptr, slope_of(w), !fresh, in, rows,
             width);
    products({dy_numbers, width, false}, factor_of(w, width, true), nullptr, dx_of, false, rows,
             width, in);
  }
};

void Trainer::State::attention(std::size_t layer) {
  const auto e = config.n_embd;
  const auto hd = config.head_size();
  auto& k = kept[layer];
  const auto sequences = starts.size() - 1;
  std::size_t longest = 0;
  for (std::size_t s = 0; s < sequences; ++s)
    longest = std::max(longest, starts[s + 1] - starts[s]);
  const auto size = kernels.attention_scratch(longest, hd);
  float* desks = scratch.of(size * static_cast<std::size_t>(rules.threads));
  float* spread = k.spread.of(config.n_head * rows);
  const auto context = numbers(k.context, e);
  const float* qkv = k.qkv.data();
  // Heads write apart from each other, so it does not matter which thread takes
  // which.
#pragma omp parallel num_threads(rules.threads)
  {
    float* desk = desks + size * static_cast<std::size_t>(omp_get_thread_num());
#pragma omp for schedule(dynamic, 1) collapse(2)
    for (std::size_t s = 0; s < sequences; ++s) {
      for (std::size_t h = 0; h < config.n_head; ++h) {
        const auto from = starts[s];
        kernels.attend(
            qkv + from * 3 * e + h * hd, e, starts[s + 1] - from, hd, first_query(layer, s),
            config.score_scale(layer),
            dropped(rules.dropout.attention, Place::attention, layer, s * config.n_head + h),
            context.at(from * e + h * hd), spread + h * rows + from, desk);
      }
    }
  }
  clear_padding(context, used, rows, e);
}

void Trainer::State::attention_back(std::size_t layer, const float* dcontext, Numbers dqkv) {
  const auto e = config.n_embd;
  const auto hd = config.head_size();
  const auto& k = kept[layer];
  const auto sequences = starts.size() - 1;
  std::size_t longest = 0;
  for (std::size_t s = 0; s < sequences; ++s)
    longest = std::max(longest, starts[s + 1] - starts[s]);
  const auto size = kernels.attention_scratch(longest, hd);
  float* desks = scratch.of(size * static_cast<std::size_t>(rules.threads));
  const float* spread = k.spread.data();
  const float* qkv = k.qkv.data();
#pragma omp parallel num_threads(rules.threads)
  {
    float* desk = desks + size * static_cast<std::size_t>(omp_get_thread_num());
#pragma omp for schedule(dynamic, 1) collapse(2)
    for (std::size_t s = 0; s < sequences; ++s) {
      for (std::size_t h = 0; h < config.n_head; ++h) {
        const auto from = starts[s];
        kernels.attend_backward(
            dcontext + from * e + h * hd, qkv + from * 3 * e + h * hd, e, starts[s + 1] - from, hd,
            first_query(layer, s), config.score_scale(layer),
            dropped(rules.dropout.attention, Place::attention, layer, s * config.n_head + h),
            spread + h * rows + from, dqkv.at(from * 3 * e + h * hd), desk);
      }
    }
  }
  clear_padding(dqkv, used, rows, 3 * e);
}

void Trainer::State::forward(std::span<const Sequence> batch) {
  const auto e = config.n_embd;
  const auto inner = config.n_inner;
  const auto epsilon = config.layer_norm_epsilon;
  float* x = config.n_layer == 0 ? asked_x.of(rows * e) : kept[0].x.of(rows * e);
  share(batch.size(), [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t s = begin; s < end; ++s) {
      for (std::size_t t = 0; t < batch[s].positions(); ++t)
        std::copy_n(&weights.wpe[t * e], e, x + (starts[s] + t) * e);
      for_each_token(batch[s], [&](std::size_t position, std::uint32_t token) {
        const float* embedding = &weights.wte[token * e];
        float* row = x + (starts[s] + position) * e;
        for (std::size_t i = 0; i < e; ++i) row[i] += embedding[i];
      });
    }
  });
  const auto drop_embedded = dropped(rules.dropout.embedding, Place::embedding, 0);
  if (drop_embedded.threshold != 0) kernels.drop(x, used * e, drop_embedded, 0);
  if (config.n_layer > 0) {
    auto& k = kept[0];
    const auto& w = weights.layers[0];
    const auto ln_1 = numbers(k.ln_1, e);
    float* mean = k.mean_1.of(rows);
    float* rstd = k.rstd_1.of(rows);
    share(used, [&](std::size_t begin, std::size_t end, std::size_t) {
      kernels.norm(x + begin * e, w.ln_1_weight.data(), w.ln_1_bias.data(), epsilon, end - begin, e,
                   ln_1.at(begin * e), mean + begin, rstd + begin);
    });
    clear_padding(ln_1, used, rows, e);
  }
  for (std::size_t l = 0; l < config.n_layer; ++l) {
    auto& k = kept[l];
    const auto& w = weights.layers[l];
    linear({k.ln_1.get(), number}, e, w.attn_weight, w.attn_bias, k.qkv.of(rows * 3 * e));
    attention(l);
    Numbers context{k.context.get(), number};
    const float* input = k.x.data();
    if (l + 1 == config.n_layer) {
      work_on(origin.size());
      const auto asked = numbers(asked_context, e);
      gather_asked(context, asked);
      clear_padding(asked, used, rows, e);
      gather_asked({k.x.data(), Number::f32}, {asked_x.of(rows * e), Number::f32});
      context = asked;
      input = asked_x.data();
    }
    float* added = branch.of(rows * e);
    linear(context, e, w.proj_weight, w.proj_bias, added);
    const auto join = [&](const float* before, Place place, const Tensor* weight,
                          const Tensor* bias, float* to, Store* normal, Floats& mean_of,
                          Floats& rstd_of) {
      const auto drop = dropped(rules.dropout.residual, place, l);
      const auto y = normal != nullptr ? numbers(*normal, e) : Numbers{};
      float* mean = mean_of.of(rows);
      float* rstd = rstd_of.of(rows);
      share(used, [&](std::size_t begin, std::size_t end, std::size_t) {
        const auto at = begin * e;
        kernels.add_norm(before + at, added + at, drop, at, weight->data(), bias->data(), epsilon,
                         end - begin, e, to + at, y.at(at), mean + begin, rstd + begin);
      });
      clear_padding(y, used, rows, e);
    };
    join(input, Place::attention_branch, &w.ln_2_weight, &w.ln_2_bias, k.middle.of(rows * e),
         &k.ln_2, k.mean_2, k.rstd_2);
    float* fc = k.fc.of(rows * inner);
    linear({k.ln_2.get(), number}, e, w.fc_weight, w.fc_bias, fc);
    const auto activated = numbers(k.activated, inner);
    share(used, [&](std::size_t begin, std::size_t end, std::size_t) {
      kernels.activate(config.activation, fc + begin * inner, (end - begin) * inner,
                       activated.at(begin * inner));
    });
    clear_padding(activated, used, rows, inner);
    linear(activated, inner, w.mlp_proj_weight, w.mlp_proj_bias, added);
    if (l + 1 < config.n_layer) {
      auto& next = kept[l + 1];
      const auto& next_w = weights.layers[l + 1];
      join(k.middle.data(), Place::mlp_branch, &next_w.ln_1_weight, &next_w.ln_1_bias,
           next.x.of(rows * e), &next.ln_1, next.mean_1, next.rstd_1);
    } else {
      const auto drop = dropped(rules.dropout.residual, Place::mlp_branch, l);
      float* to = last.of(rows * e);
      const float* middle = k.middle.data();
      share(used, [&](std::size_t begin, std::size_t end, std::size_t) {
        const auto at = begin * e;
        kernels.add_norm(middle + at, added + at, drop, at, nullptr, nullptr, 0, end - begin, e,
                         to + at, {}, nullptr, nullptr);
      });
    }
  }
  if (config.n_layer > 0) return;
  work_on(origin.size());
  gather_asked({x, Number::f32}, {last.of(rows * e), Number::f32});
}

/// Logits of the rows at work in blocks, their loss, and the way back to `dx` of
/// ln_f's input.
double Trainer::State::learn(const Loss* whole, const RowLoss* by_row, bool wants_gradient,
                             float share_of_batch) {
  const auto e = config.n_embd;
  const auto v = rules.answers > 0 ? rules.answers : config.vocab_size;
  const auto asked = used;
  const auto asked_rows = rows;
  float* mean = mean_f.of(asked_rows);
  float* rstd = rstd_f.of(asked_rows);
  const float* inputs = last.data();
  const auto normal = numbers(gathered, e);
  share(asked, [&](std::size_t begin, std::size_t end, std::size_t) {
    kernels.norm(inputs + begin * e, weights.ln_f_weight.data(), weights.ln_f_bias.data(),
                 config.layer_norm_epsilon, end - begin, e, normal.at(begin * e), mean + begin,
                 rstd + begin);
  });
  clear_padding(normal, asked, asked_rows, e);

  const auto& head = weights.head();
  auto words = factor_of(head, e, false);
  words.numbers = words.numbers.at(rules.first_answer * e);
  auto words_turned = words;
  words_turned.turned = true;
  float* dhead = slope_of(head);
  if (wants_gradient && fresh && v < config.vocab_size) std::fill_n(dhead, head.size(), 0.0F);
  dhead += rules.first_answer * e;
  float* dnormal = dgathered.of(asked_rows * e);
  // A whole-batch loss sees all logits at once; else as many rows as stay near
  // the caches.
  const std::size_t block =
      whole != nullptr
          ? asked_rows
          : std::min(asked_rows,
                     padded(std::max<std::size_t>(64, rules.logits_bytes / sizeof(float) / v)));
  double total = 0;
  row_losses.assign(asked, 0);
  bool first_product = fresh;
  for (std::size_t from = 0; from < asked_rows && asked > 0; from += block) {
    const auto count = std::min(block, asked_rows - from);
    const auto real = std::min(count, asked - std::min(asked, from));
    float* scores = logits.of(block * v);
    products({normal.at(from * e), e, false}, words_turned, nullptr, scores, false, count, e, v);
    float* slopes = scores;
    if (whole != nullptr) {
      slopes = whole_slope.of(block * v);
      std::fill_n(slopes, real * v, 0.0F);
      total = (*whole)(std::span(scores, real * v), std::span(slopes, real * v));
    } else {
      failure = nullptr;
#pragma omp parallel for num_threads(rules.threads) schedule(static)
      for (std::size_t r = 0; r < real; ++r) {
        try {
          row_losses[from + r] = (*by_row)(from + r, std::span(slopes + r * v, v));
        } catch (...) {
#pragma omp critical(foreline_row_loss)
          failure = std::current_exception();
        }
      }
      if (failure) std::rethrow_exception(failure);
    }
    if (!wants_gradient) continue;
    std::fill_n(slopes + real * v, (count - real) * v, 0.0F);
    Numbers dscores{slopes, Number::f32};
    if (number == Number::bf16) {
      dscores = {dlogits.at_least(block * v * 2), Number::bf16};
      share(count, [&](std::size_t begin, std::size_t end, std::size_t) {
        kernels.convert(slopes + begin * v, (end - begin) * v, share_of_batch,
                        dscores.at(begin * v));
      });
    } else if (share_of_batch != 1) {
      share(count, [&](std::size_t begin, std::size_t end, std::size_t) {
        kernels.convert(slopes + begin * v, (end - begin) * v, share_of_batch,
                        dscores.at(begin * v));
      });
    }
    products({dscores, v, true}, {normal.at(from * e), e, false}, nullptr, dhead, !first_product, v,
             count, e);
    first_product = false;
    products({dscores, v, false}, words, nullptr, dnormal + from * e, false, count, v, e);
  }
  if (whole == nullptr) {
    for (const auto value : row_losses) total += value;
  }
  if (!wants_gradient) return total;
  if (first_product && fresh) std::fill_n(dhead, v * e, 0.0F);

  float* dinputs = dx.of(rows * e);
  const Sums sums(*this, 2 * e);
  share(asked, [&](std::size_t begin, std::size_t end, std::size_t part) {
    kernels.norm_backward(dnormal + begin * e, inputs + begin * e, weights.ln_f_weight.data(),
                          mean + begin, rstd + begin, end - begin, e, false, dinputs + begin * e,
                          sums.of(part), sums.of(part) + e, {}, 0, {}, nullptr);
  });
  sums.add_to(slope_of(weights.ln_f_weight), 0, e);
  sums.add_to(slope_of(weights.ln_f_bias), e, e);
  return total;
}

void Trainer::State::backward(std::span<const Sequence> batch) {
  const auto e = config.n_embd;
  const auto inner = config.n_inner;
  float* d = dx.data();
  auto dbranch = numbers(out, e);
  // The derivative of the last branch; those of the others come out of
  // norm_backward.
  if (config.n_layer > 0) {
    const auto l = config.n_layer - 1;
    const auto drop = dropped(rules.dropout.residual, Place::mlp_branch, l);
    const Sums sums(*this, e);
    share(used, [&](std::size_t begin, std::size_t end, std::size_t part) {
      const auto size = (end - begin) * e;
      float* rows_of = branch.data() + begin * e;
      std::copy_n(d + begin * e, size, rows_of);
      if (drop.threshold != 0) kernels.drop(rows_of, size, drop, begin * e);
      kernels.convert(rows_of, size, 1, dbranch.at(begin * e));
      kernels.column_sums({rows_of, Number::f32}, end - begin, e, sums.of(part));
    });
    sums.add_to(slope_of(weights.layers[l].mlp_proj_bias), 0, e);
    clear_padding(dbranch, used, rows, e);
  }
  for (std::size_t l = config.n_layer; l-- > 0;) {
    auto& k = kept[l];
    const auto& w = weights.layers[l];
    float* dactivated = dwide.of(rows * std::max(inner, 3 * e));
    linear_back(dbranch, {k.activated.get(), number}, inner, w.mlp_proj_weight, e, dactivated);
    const auto dfc = numbers(dout, std::max(inner, 3 * e));
    {
      const Sums sums(*this, inner);
      const float* fc = k.fc.data();
      share(used, [&](std::size_t begin, std::size_t end, std::size_t part) {
        const auto at = begin * inner;
        kernels.activate_backward(config.activation, dactivated + at, fc + at, end - begin, inner,
                                  dfc.at(at), sums.of(part));
      });
      sums.add_to(slope_of(w.fc_bias), 0, inner);
      clear_padding(dfc, used, rows, inner);
    }
    float* dnormal = dy.of(rows * e);
    linear_back(dfc, {k.ln_2.get(), number}, e, w.fc_weight, inner, dnormal);
    const auto norm_back = [&](const Floats& x, const Tensor& weight, const Tensor& bias,
                               const Floats& mean, const Floats& rstd, Dropped drop,
                               const Tensor* below) {
      const Sums sums(*this, 3 * e);
      share(used, [&](std::size_t begin, std::size_t end, std::size_t part) {
        const auto at = begin * e;
        float* sums_of = sums.of(part);
        kernels.norm_backward(dnormal + at, x.data() + at, weight.data(), mean.data() + begin,
                              rstd.data() + begin, end - begin, e, true, d + at, sums_of,
                              sums_of + e, drop, at, below != nullptr ? dbranch.at(at) : Numbers{},
                              sums_of + 2 * e);
      });
      sums.add_to(slope_of(weight), 0, e);
      sums.add_to(slope_of(bias), e, e);
      if (below == nullptr) return;
      sums.add_to(slope_of(*below), 2 * e, e);
      clear_padding(dbranch, used, rows, e);
    };
    norm_back(k.middle, w.ln_2_weight, w.ln_2_bias, k.mean_2, k.rstd_2,
              dropped(rules.dropout.residual, Place::attention_branch, l), &w.proj_bias);
    const bool narrow = l + 1 == config.n_layer;
    linear_back(dbranch, {narrow ? asked_context.get() : k.context.get(), number}, e, w.proj_weight,
                e, dnormal);
    const float* behind_attention = dnormal;
    if (narrow) {
      behind_attention = scatter_asked(dnormal, dcontext_of_all);
      d = scatter_asked(d, dx_of_all);
      work_on(starts.back());
      dbranch = numbers(out, e);
      dnormal = dy.of(rows * e);
    }
    const auto dqkv = numbers(dout, 3 * e);
    attention_back(l, behind_attention, dqkv);
    {
      const Sums sums(*this, 3 * e);
      share(used, [&](std::size_t begin, std::size_t end, std::size_t part) {
        kernels.column_sums(dqkv.at(begin * 3 * e), end - begin, 3 * e, sums.of(part));
      });
      sums.add_to(slope_of(w.attn_bias), 0, 3 * e);
    }
    linear_back(dqkv, {k.ln_1.get(), number}, e, w.attn_weight, 3 * e, dnormal);
    norm_back(k.x, w.ln_1_weight, w.ln_1_bias, k.mean_1, k.rstd_1,
              l > 0 ? dropped(rules.dropout.residual, Place::mlp_branch, l - 1) : Dropped{},
              l > 0 ? &weights.layers[l - 1].mlp_proj_bias : nullptr);
  }
  if (config.n_layer == 0) {
    d = scatter_asked(d, dx_of_all);
    work_on(starts.back());
  }
  const auto drop_embedded = dropped(rules.dropout.embedding, Place::embedding, 0);
  if (drop_embedded.threshold != 0) kernels.drop(d, used * e, drop_embedded, 0);
  float* dtokens = slope_of(weights.wte);
  float* dpositions = slope_of(weights.wpe);
  // By columns: two rows of one token are then added in their order.
  share(e, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t s = 0; s < batch.size(); ++s) {
      for (std::size_t t = 0; t < batch[s].positions(); ++t) {
        const float* row = d + (starts[s] + t) * e;
        for (std::size_t i = begin; i < end; ++i) dpositions[t * e + i] += row[i];
      }
      for_each_token(batch[s], [&](std::size_t position, std::uint32_t token) {
        const float* row = d + (starts[s] + position) * e;
        for (std::size_t i = begin; i < end; ++i) dtokens[token * e + i] += row[i];
      });
    }
  });
}

double Trainer::State::pass(std::span<const Sequence> batch, const Loss* whole,
                            const RowLoss* by_row, bool wants_gradient, bool drops,
                            float share_of_batch) {
  lay_out(batch);
  training = drops;
  if (wants_gradient && fresh) {
    // Products overwrite the gradients of factors; all others are added to.
    for (const auto& slot : slots) {
      if (!slot.factor) std::fill_n(slope.data() + slot.offset, slot.weight->size(), 0.0F);
    }
  }
  forward(batch);
  double value = 0;
  try {
    value = learn(whole, by_row, wants_gradient, share_of_batch);
  } catch (...) {  // the caller's loss: what was accumulated may be half of something
    forget();
    throw;
  }
  if (wants_gradient) {
    backward(batch);
    fresh = false;
    ++passes;
  }
  return value;
}

Descent Trainer::State::descend(float rate) {
  Descent descent;
  if (fresh) return descent;
  forget();
#pragma omp parallel for num_threads(rules.threads) schedule(static)
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& piece = pieces[i];
    piece_squares[i] =
        kernels.squares(slope.data() + slots[piece.slot].offset + piece.begin, piece.size);
  }
  descent.gradient_norm =
      std::sqrt(std::accumulate(piece_squares.begin(), piece_squares.end(), 0.0));
  if (!std::isfinite(descent.gradient_norm)) return descent;
  descent.applied = true;
  ++steps;
  AdamStep step;
  step.rate = rate;
  const auto most = static_cast<double>(rules.gradient_norm_max);
  step.clip = most > 0 && descent.gradient_norm > most
                  ? static_cast<float>(most / descent.gradient_norm)
                  : 1.0F;
  step.beta1 = rules.beta1;
  step.beta2 = rules.beta2;
  step.epsilon = rules.epsilon;
  step.correct1 = static_cast<float>(
      1 - std::pow(static_cast<double>(rules.beta1), static_cast<double>(steps)));
  step.correct2 = static_cast<float>(
      1 - std::pow(static_cast<double>(rules.beta2), static_cast<double>(steps)));
  step.average_decay = rules.average_decay;
#pragma omp parallel for num_threads(rules.threads) schedule(static)
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& piece = pieces[i];
    const auto& slot = slots[piece.slot];
    const auto at = slot.offset + piece.begin;
    kernels.adam(step, slot.decay, slope.data() + at, piece.size, slot.weight->data() + piece.begin,
                 first.data() + at, second.data() + at,
                 number == Number::bf16 && slot.factor ? copy_of(slot).at(piece.begin) : Numbers{},
                 rules.average_decay > 0 ? average.data() + at : nullptr);
  }
  return descent;
}

Trainer::Trainer(const Config& config, Weights weights, const TrainRules& rules)
    : state_(std::make_unique<State>(config, std::move(weights), rules)) {}
Trainer::~Trainer() = default;

double Trainer::step(std::span<const Sequence> batch, const Loss& loss, float rate) {
  const double value = state_->pass(batch, &loss, nullptr, true, true, 1);
  state_->descend(rate);
  return value;
}
double Trainer::step(std::span<const Sequence> batch, const RowLoss& loss, float rate) {
  const double value = state_->pass(batch, nullptr, &loss, true, true, 1);
  state_->descend(rate);
  return value;
}
double Trainer::accumulate(std::span<const Sequence> batch, const Loss& loss, float part) {
  return state_->pass(batch, &loss, nullptr, true, true, part);
}
double Trainer::accumulate(std::span<const Sequence> batch, const RowLoss& loss, float part) {
  return state_->pass(batch, nullptr, &loss, true, true, part);
}
Descent Trainer::descend(float rate) {
  return state_->descend(rate);
}
double Trainer::evaluate(std::span<const Sequence> batch, const Loss& loss) {
  return state_->pass(batch, &loss, nullptr, false, false, 1);
}
double Trainer::evaluate(std::span<const Sequence> batch, const RowLoss& loss) {
  return state_->pass(batch, nullptr, &loss, false, false, 1);
}

namespace {

/// Parameters in the shape of weights, from a flat array.
template <class Slots>
Weights shaped(const Config& config, const Slots& slots, const float* flat) {
  Weights weights;
  std::size_t number = 0;
  for_each_tensor(config, weights,
                  [&](const std::string&, const std::vector<std::size_t>&, Tensor& tensor) {
                    const auto& slot = slots[number++];
                    const float* from = flat + slot.offset;
                    tensor.assign(from, from + slot.weight->size());
                  });
  return weights;
}

}  // namespace

double Trainer::gradient(std::span<const Sequence> batch, const Loss& loss, Weights& gradient) {
  state_->forget();
  const double value = state_->pass(batch, &loss, nullptr, true, true, 1);
  state_->forget();
  gradient = shaped(state_->config, state_->slots, state_->slope.data());
  return value;
}
double Trainer::gradient(std::span<const Sequence> batch, const RowLoss& loss, Weights& gradient) {
  state_->forget();
  const double value = state_->pass(batch, nullptr, &loss, true, true, 1);
  state_->forget();
  gradient = shaped(state_->config, state_->slots, state_->slope.data());
  return value;
}

const Weights& Trainer::weights() const {
  return state_->weights;
}
Weights Trainer::averaged() const {
  if (state_->rules.average_decay <= 0) return state_->weights;
  return shaped(state_->config, state_->slots, state_->average.data());
}
std::uint64_t Trainer::steps() const {
  return state_->steps;
}
const Config& Trainer::config() const {
  return state_->config;
}
std::string Trainer::description() const {
  const auto& s = *state_;
  return fmt::format("oneDNN {}{}{}, {} products{}, {} kernels, {} thread{}", Products::library(),
                     s.products.kernels().empty() ? "" : " ", s.products.kernels(),
                     s.number == Number::bf16 ? "bf16" : "f32",
                     s.number == Number::bf16 && !s.products.native_bf16()
                         ? " (by f32: this CPU has no others)"
                         : "",
                     s.kernels.isa, s.rules.threads, s.rules.threads == 1 ? "" : "s");
}

line::Result<line::Done> Trainer::save(const std::filesystem::path& file, std::string_view note,
                                       const Weights* best) const {
  const auto& s = *state_;
  StateFile written;
  written.steps = s.steps;
  written.note = std::string(note);
  std::size_t number = 0;
  const auto add = [&](const char* group, const std::string& name,
                       const std::vector<std::size_t>& shape, const float* data) {
    std::size_t size = 1;
    for (const auto n : shape) size *= n;
    written.tensors.push_back({group + name, shape, {data, size}});
  };
  for_each_tensor(s.config, const_cast<Weights&>(s.weights),
                  [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& w) {
                    const auto at = s.slots[number++].offset;
                    add("weights/", name, shape, w.data());
                    add("first/", name, shape, s.first.data() + at);
                    add("second/", name, shape, s.second.data() + at);
                    if (s.rules.average_decay > 0)
                      add("average/", name, shape, s.average.data() + at);
                  });
  if (best != nullptr) {
    for_each_tensor(s.config, const_cast<Weights&>(*best),
                    [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& w) {
                      add("best/", name, shape, w.data());
                    });
  }
  return write_state(file, written);
}

line::Result<std::string> Trainer::restore(const std::filesystem::path& file, Weights* best) {
  auto& s = *state_;
  std::vector<StateTensor> wanted;
  const auto want = [&](const char* group, const std::string& name,
                        const std::vector<std::size_t>& shape) {
    wanted.push_back({group + name, shape, {}});
  };
  for_each_tensor(s.config, s.weights,
                  [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor&) {
                    for (const char* group : {"weights/", "first/", "second/"})
                      want(group, name, shape);
                    if (s.rules.average_decay > 0) want("average/", name, shape);
                  });
  const auto opened = OpenState::open(file, wanted);
  if (!opened) return opened.error();
  std::size_t number = 0;
  for_each_tensor(s.config, s.weights,
                  [&](const std::string& name, const std::vector<std::size_t>&, Tensor& tensor) {
                    const auto at = s.slots[number++].offset;
                    opened->copy("weights/" + name, tensor.data());
                    opened->copy("first/" + name, s.first.data() + at);
                    opened->copy("second/" + name, s.second.data() + at);
                    if (s.rules.average_decay > 0)
                      opened->copy("average/" + name, s.average.data() + at);
                  });
  if (best != nullptr) {
    Weights found;
    bool whole = true;
    for_each_tensor(s.config, found,
                    [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& w) {
                      std::size_t size = 1;
                      for (const auto n : shape) size *= n;
                      whole = whole && opened->has("best/" + name, shape);
                      if (!whole) return;
                      w.resize(size);
                      opened->copy("best/" + name, w.data());
                    });
    *best = whole ? std::move(found) : Weights{};
  }
  s.steps = opened->steps();
  s.forget();
  s.refresh();
  return opened->note();
}

float learning_rate(std::size_t step, std::size_t steps, std::size_t warmup, float peak) {
  if (step < warmup) return peak * static_cast<float>(step + 1) / static_cast<float>(warmup);
  const float done = static_cast<float>(step - warmup) /
                     static_cast<float>(std::max<std::size_t>(1, steps - warmup));
  return peak * (0.1F + 0.45F * (1 + std::cos(std::numbers::pi_v<float> * std::min(done, 1.0F))));
}

}  // namespace foreline::gpt2
