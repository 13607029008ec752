// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/model.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "inference/gpt2/reference.hpp"
#include "tests/unit/gpt2/small_model.hpp"

using namespace foreline::gpt2;
using namespace foreline::gpt2::test;

namespace {

double largest_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

Sequence all_asked(std::vector<std::uint32_t> tokens) {
  Sequence sequence{std::move(tokens), {}};
  sequence.asked.resize(sequence.tokens.size());
  std::iota(sequence.asked.begin(), sequence.asked.end(), 0U);
  return sequence;
}

}  // namespace

TEST_CASE("the oneDNN pass gives the hidden states and logits of the plain one") {
  struct Shape {
    std::size_t layers, width, heads;
    Activation activation;
    bool inverse_layer_scale;
  };
  for (const auto& shape :
       {Shape{1, 16, 1, Activation::gelu_new, false}, Shape{2, 48, 4, Activation::gelu, true},
        Shape{3, 96, 4, Activation::gelu_new, false}, Shape{2, 40, 5, Activation::relu, false}}) {
    auto config = small_config(shape.layers, shape.width, shape.heads);
    config.activation = shape.activation;
    config.scale_attn_by_inverse_layer_idx = shape.inverse_layer_scale;
    const auto weights = lively_weights(config, shape.width);
    auto model = Model::create(config, weights);
    REQUIRE(model);
    for (const std::size_t length : {1, 2, 7, 33, 48}) {
      const auto tokens = some_tokens(config, length, length);
      const auto reference = reference_forward(config, weights, tokens);
      const std::vector<Sequence> batch = {all_asked(tokens)};
      INFO(shape.layers << " x " << shape.width << ", " << length << " tokens");
      CHECK(largest_difference(model->hidden(batch), reference.hidden) < 2e-4);
      CHECK(largest_difference(model->logits(batch), reference.logits) < 2e-4);
    }
  }
}

TEST_CASE("a separate head is used when the embeddings are not tied") {
  auto config = small_config(1, 16, 2);
  config.tie_word_embeddings = false;
  const auto weights = lively_weights(config, 5);
  REQUIRE(weights.lm_head.size() == weights.wte.size());
  auto model = Model::create(config, weights);
  REQUIRE(model);
  const auto tokens = some_tokens(config, 9, 1);
  CHECK(largest_difference(model->logits(std::vector<Sequence>{all_asked(tokens)}),
                           reference_forward(config, weights, tokens).logits) < 1e-4);
}

TEST_CASE("a sequence's logits do not depend on the batch around it") {
  const auto config = small_config(2, 32, 4);
  auto model = Model::create(config, lively_weights(config, 3));
  REQUIRE(model);
  std::vector<Sequence> batch;
  for (std::size_t i = 0; i < 9; ++i)
    batch.push_back({some_tokens(config, 3 + 5 * i, i), {static_cast<std::uint32_t>(2 + i)}});
  const auto together = model->logits(batch);
  REQUIRE(together.size() == 9 * config.vocab_size);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto alone = model->logits(std::span(&batch[i], 1));
    CHECK(largest_difference(
              alone, std::span(together).subspan(i * config.vocab_size, config.vocab_size)) < 1e-4);
  }
}

TEST_CASE("reading token by token with the cache gives what reading at once gives") {
  const auto config = small_config(3, 48, 4);
  auto model = Model::create(config, lively_weights(config, 8));
  REQUIRE(model);
  const auto tokens = some_tokens(config, 40, 2);
  const auto at_once = model->logits(std::vector<Sequence>{all_asked(tokens)});
  Model::Session session(*model);
  std::size_t read = 0;
  for (const std::size_t chunk : {5, 1, 1, 12, 1, 20}) {
    const auto logits = session.append(std::span(tokens).subspan(read, chunk));
    read += chunk;
    CHECK(largest_difference(logits, std::span(at_once).subspan((read - 1) * config.vocab_size,
                                                                config.vocab_size)) < 2e-4);
  }
  CHECK(session.length() == 40);
  CHECK_THROWS_AS(session.append(std::span(tokens).first(9)), std::invalid_argument);
}

TEST_CASE("a position of several tokens reads the sum of their embeddings") {
  const auto config = small_config(2, 32, 4);
  auto weights = lively_weights(config, 6);
  for (std::size_t i = 0; i < config.n_embd; ++i) {
    weights.wte[90 * config.n_embd + i] = weights.wte[3 * config.n_embd + i] +
                                          weights.wte[4 * config.n_embd + i] +
                                          weights.wte[5 * config.n_embd + i];
  }
  auto model = Model::create(config, weights);
  REQUIRE(model);
  const std::vector<Sequence> plain = {{{7, 90, 8}, {1, 2}}, {{9}, {0}}};
  const std::vector<Sequence> summed = {{{7, 3, 4, 5, 8}, {1, 2}, {1, 3, 1}}, {{9}, {0}, {1}}};
  CHECK(largest_difference(model->logits(summed), model->logits(plain)) < 1e-4);
  CHECK(largest_difference(model->hidden(summed), model->hidden(plain)) < 1e-4);
}

TEST_CASE("a model that is asked for some words only gives their logits") {
  const auto config = small_config(2, 32, 4);
  const auto weights = lively_weights(config, 6);
  const std::vector<Sequence> batch = {{{7, 3, 4, 5, 8}, {2}, {1, 3, 1}}, {{9, 2}, {0, 1}}};
  for (const auto precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    auto all = Model::create(config, weights, {.precision = precision});
    auto some =
        Model::create(config, weights, {.precision = precision, .first_answer = 37, .answers = 21});
    REQUIRE(all);
    REQUIRE(some);
    const auto wanted = all->logits(batch);
    const auto logits = some->logits(batch);
    REQUIRE(logits.size() == 3 * 21);
    for (std::size_t r = 0; r < 3; ++r)
      CHECK(largest_difference(std::span(logits).subspan(r * 21, 21),
                               std::span(wanted).subspan(r * config.vocab_size + 37, 21)) < 1e-5);
  }
  CHECK_FALSE(Model::create(config, weights, {.first_answer = 90, .answers = 12}));
}

TEST_CASE("greedy text continues by the most likely token and stays within the positions") {
  const auto config = small_config(2, 32, 2);
  const auto weights = lively_weights(config, 21);
  auto model = Model::create(config, weights);
  REQUIRE(model);
  auto text = some_tokens(config, 4, 4);
  const auto continued = model->generate(text, 10);
  REQUIRE_FALSE(continued.empty());
  for (const auto token : continued) {
    const auto pass = reference_forward(config, weights, text);
    const auto last = std::span(pass.logits).last(config.vocab_size);
    CHECK(last[token] >= *std::max_element(last.begin(), last.end()) - 1e-3F);
    text.push_back(token);
  }
  // The last token needs no position of its own, as in transformers.
  CHECK(model->generate(some_tokens(config, 40, 5), 100).size() <= 9);
}

TEST_CASE("bfloat16 weights move the logits by little, and not by nothing") {
  const auto config = small_config(2, 64, 4);
  const auto weights = lively_weights(config, 13);
  auto exact = Model::create(config, weights);
  auto rounded = Model::create(config, weights, {.threads = 1, .precision = Precision::bf16});
  REQUIRE((exact && rounded));
  const std::vector<Sequence> batch = {all_asked(some_tokens(config, 20, 6))};
  const auto difference = largest_difference(exact->logits(batch), rounded->logits(batch));
  CHECK(difference > 0);
  const auto logits = exact->logits(batch);
  const auto [low, high] = std::minmax_element(logits.begin(), logits.end());
  CHECK(difference < 0.02 * static_cast<double>(*high - *low));
}

TEST_CASE("sequences that do not fit are refused") {
  const auto config = small_config(1, 16, 1);
  auto model = Model::create(config, lively_weights(config, 1));
  REQUIRE(model);
  CHECK_THROWS_AS(model->logits(std::vector<Sequence>{{{}, {}}}), std::invalid_argument);
  CHECK_THROWS_AS(
      model->logits(std::vector<Sequence>{{{static_cast<std::uint32_t>(config.vocab_size)}, {}}}),
      std::invalid_argument);
  CHECK_THROWS_AS(model->logits(std::vector<Sequence>{{{1, 2}, {2}}}), std::invalid_argument);
  CHECK_THROWS_AS(model->logits(std::vector<Sequence>{{std::vector<std::uint32_t>(49, 1), {}}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(model->logits(std::vector<Sequence>{{{1, 2}, {0}, {1, 2}}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(model->logits(std::vector<Sequence>{{{1, 2}, {0}, {2, 0}}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(model->logits(std::vector<Sequence>{{{1, 2}, {1}, {2}}}), std::invalid_argument);
}
