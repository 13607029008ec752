// SPDX-License-Identifier: Apache-2.0
// GPT-2: whole sequences at once, or token by token with a cache of keys and values.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/weights.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// A sequence of token ids, and the positions whose logits are wanted (rising). A position may hold
/// several tokens: their embeddings are summed there, as transformers reads from `inputs_embeds`.
struct Sequence {
  std::vector<std::uint32_t> tokens;
  std::vector<std::uint32_t> asked;
  /// Number of tokens at each position (each at least 1, sum = tokens.size()); empty: one each.
  std::vector<std::uint32_t> summed{};
  [[nodiscard]] std::size_t positions() const {
    return summed.empty() ? tokens.size() : summed.size();
  }
};
/// Calls visit(position, token) for each token of the sequence, in order.
template <class Visit>
void for_each_token(const Sequence& sequence, Visit visit) {
  if (sequence.summed.empty()) {
    for (std::size_t t = 0; t < sequence.tokens.size(); ++t) visit(t, sequence.tokens[t]);
    return;
  }
  std::size_t token = 0;
  for (std::size_t position = 0; position < sequence.summed.size(); ++position) {
    for (std::uint32_t i = 0; i < sequence.summed[position]; ++i)
      visit(position, sequence.tokens[token++]);
  }
}
/// Throws std::invalid_argument when a sequence does not fit the model: no or too many positions,
/// ids beyond the vocabulary, asked positions that are not there, counts that do not add up.
void check(const Config& config, const Sequence& sequence);

struct ModelOptions {
  int threads = 1;
  Precision precision = Precision::f32;
  std::string kernels{};  ///< "avx2", "portable" ...; empty: the fastest (see forward_kernels()).
  /// Where only some words are ever answers: a row of logits is that of `answers` words from
  /// `first_answer` on. 0: of all words.
  std::size_t first_answer = 0, answers = 0;
};

class Model {
 public:
  /// Packs the weights. oneDNN's slow reference kernels are never used: where it has no other, own
  /// kernels do all the work.
  [[nodiscard]] static line::Result<Model> create(const Config& config, const Weights& weights,
                                                  const ModelOptions& options = {});
  /// The same from files, which are read once, a piece at a time, and not needed afterwards.
  /// Refuses NaN and infinity by the tensor's name.
  [[nodiscard]] static line::Result<Model> create(const StoredCheckpoint& checkpoint,
                                                  const ModelOptions& options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  /// Logits (asked positions of all sequences, in order, x vocab_size, or answers). Sequences may
  /// differ in length; each has 1 to n_positions positions, ids below vocab_size
  /// (std::invalid_argument otherwise). Safe to call from several threads, one at a time.
  [[nodiscard]] std::vector<float> logits(std::span<const Sequence> batch) const;
  /// Hidden states after ln_f (all positions of all sequences x n_embd).
  [[nodiscard]] std::vector<float> hidden(std::span<const Sequence> batch) const;

  /// Logits (rows x vocab_size) of hidden states (rows x n_embd) as hidden() gives them.
  [[nodiscard]] std::vector<float> project(std::span<const float> hidden) const;

  /// A text that grows. Keys and values of what it has read are kept, contiguous by layer and head:
  /// f32 in an f32 model, else bf16; 2 x n_layer x n_embd numbers a token.
  class Session {
   public:
    explicit Session(const Model& model);
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    ~Session();
    /// Another one that has read the same and goes its own way; costs a copy of the cache.
    [[nodiscard]] Session copy() const;
    /// Reads more tokens; logits (vocab_size) after the last. std::invalid_argument beyond
    /// n_positions.
    [[nodiscard]] std::vector<float> append(std::span<const std::uint32_t> tokens);
    /// Many sessions of one model, each reading its own tokens (at least one), in one pass: logits
    /// (sessions x vocab_size). What a pass costs beyond attention hardly grows up to 8 of them.
    [[nodiscard]] static std::vector<float> append(
        std::span<Session* const> sessions, std::span<const std::vector<std::uint32_t>> tokens);
    [[nodiscard]] std::size_t length() const { return length_; }

   private:
    friend class Model;
    const Model* model_;
    std::size_t length_ = 0;
    struct Cache;
    std::unique_ptr<Cache> cache_;
  };
  /// Continues `prompt` by the most likely tokens, until eos or `count` tokens or n_positions.
  [[nodiscard]] std::vector<std::uint32_t> generate(std::span<const std::uint32_t> prompt,
                                                    std::size_t count) const;

  [[nodiscard]] const Config& config() const;
  /// Bytes of packed weights and tables.
  [[nodiscard]] std::size_t bytes() const;
  /// Bytes of keys and values that a session keeps for each token.
  [[nodiscard]] std::size_t cache_bytes_per_token() const;
  /// "GPT-2, 3 layers x 96, 0.49 M parameters, f32, avx2 kernels, 2 threads".
  [[nodiscard]] std::string description() const;

 private:
  struct State;
  explicit Model(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::gpt2
