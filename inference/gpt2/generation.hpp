// SPDX-License-Identifier: Apache-2.0
// What is asked of a language model beyond its logits: how likely a text is, how it goes on, which
// of several continuations fits best.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/gpt2/model.hpp"

namespace foreline::gpt2 {

/// Replaces each row (of vocab_size logits) by log softmax. Sums are in double.
void log_softmax(std::span<float> rows, std::size_t vocab_size);

/// Of each sequence of ids its log-probabilities: entry t is log p(ids[t + 1] | ids[0 .. t]), so
/// one less than ids. `rows`, when given, receives log-probabilities over the whole vocabulary
/// (some tokens of the sequences x vocab_size), in order, a piece at a time. Needs memory for
/// hidden states and a few rows of logits only. std::invalid_argument as Model::hidden.
[[nodiscard]] std::vector<std::vector<float>> score(
    const Model& model, std::span<const Sequence> batch,
    const std::function<void(std::span<const float>)>& rows = {});

/// How the next token is drawn, in the order of transformers: temperature, top k, top p.
struct Sampling {
  double temperature = 0;  ///< 0: always the most likely token.
  std::size_t top_k = 0;   ///< 0: all.
  double top_p = 1;        ///< The fewest tokens that together have this probability.
  std::uint64_t seed = 0;
};
/// The token after `logits` (vocab_size); `place` is the number of the draw. A function of its
/// inputs.
[[nodiscard]] std::uint32_t draw(std::span<const float> logits, const Sampling& sampling,
                                 std::uint64_t place);

enum class Ended { eos, stop, count, positions };
[[nodiscard]] const char* name_of(Ended ended);
struct Continuation {
  std::vector<std::uint32_t> ids;
  Ended ended = Ended::count;
};
/// Goes on after the prompt until eos, `count` tokens, the model's last position, or until `stop`,
/// called with all ids so far, returns true. std::invalid_argument for a prompt that does not fit.
[[nodiscard]] Continuation continue_text(
    const Model& model, std::span<const std::uint32_t> prompt, std::size_t count,
    const Sampling& sampling, const std::function<bool(std::span<const std::uint32_t>)>& stop = {});

/// Log-probability of each continuation after the prompt, the sum over its tokens.
/// std::invalid_argument for what does not fit, or an empty prompt or continuation.
[[nodiscard]] std::vector<double> weigh(const Model& model, std::span<const std::uint32_t> prompt,
                                        std::span<const std::vector<std::uint32_t>> continuations);

}  // namespace foreline::gpt2
