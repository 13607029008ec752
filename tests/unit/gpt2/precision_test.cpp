// SPDX-License-Identifier: Apache-2.0
// What bf16 and int8 change, with limits: divergence of the next token's distribution from that of
// f32 and agreement on the likeliest token; and that every set of kernels computes the same.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/forward_kernels.hpp"
#include "inference/gpt2/generation.hpp"
#include "tests/unit/gpt2/small_model.hpp"

using namespace foreline::gpt2;
using namespace foreline::gpt2::test;

namespace {

struct Divergence {
  double mean_kl = 0, worst_kl = 0;  ///< KL(f32 || other), in nats.
  double agreement = 0;              ///< Share of positions with the same likeliest token.
};

std::vector<double> log_probabilities(const float* logits, std::size_t size) {
  const double top = static_cast<double>(*std::max_element(logits, logits + size));
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += std::exp(static_cast<double>(logits[i]) - top);
  std::vector<double> out;
  for (std::size_t i = 0; i < size; ++i)
    out.push_back(static_cast<double>(logits[i]) - top - std::log(sum));
  return out;
}

Divergence divergence(const std::vector<float>& a, const std::vector<float>& b, std::size_t size) {
  Divergence found;
  const auto rows = a.size() / size;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto p = log_probabilities(&a[r * size], size);
    const auto q = log_probabilities(&b[r * size], size);
    double kl = 0;
    for (std::size_t i = 0; i < size; ++i) kl += std::exp(p[i]) * (p[i] - q[i]);
    found.mean_kl += kl / static_cast<double>(rows);
    found.worst_kl = std::max(found.worst_kl, kl);
    const auto best = [&](const std::vector<double>& x) {
      return std::max_element(x.begin(), x.end()) - x.begin();
    };
    found.agreement += best(p) == best(q) ? 1 / static_cast<double>(rows) : 0;
  }
  return found;
}

/// Texts that the model itself finds likely, as it would meet them: drawn from it.
std::vector<Sequence> own_texts(const Model& model, std::size_t count, std::size_t length) {
  std::vector<Sequence> texts;
  for (std::size_t i = 0; i < count; ++i) {
    Sampling sampling;
    sampling.temperature = 1;
    sampling.seed = i + 1;
    const std::vector<std::uint32_t> prompt = {
        static_cast<std::uint32_t>(i * 37 % model.config().vocab_size)};
    Sequence text{prompt, {}};
    const auto more = continue_text(model, prompt, length, sampling).ids;
    text.tokens.insert(text.tokens.end(), more.begin(), more.end());
    for (std::uint32_t t = 0; t < text.tokens.size(); ++t) text.asked.push_back(t);
    texts.push_back(text);
  }
  return texts;
}

struct Limits {
  Precision precision;
  double mean_kl, worst_kl, agreement;
};

}  // namespace

TEST_CASE("bf16 and int8 stay within their stated divergence from f32") {
  const auto shipped =
      load_checkpoint(std::filesystem::path(FORELINE_SOURCE_DIR) / "inference/models/small");
  REQUIRE(shipped);
  const auto random = small_config(4, 96, 4, 1009);
  struct Case {
    const char* name;
    const Config& config;
    Weights weights;
    std::vector<Limits> limits;
  };
  // The shipped model reads sums of words: single ones, as here, move its rounding most.
  for (const auto& one :
       {Case{"the shipped model",
             shipped->config,
             shipped->weights,
             {{Precision::bf16, 1e-4, 3e-2, 0.98}, {Precision::int8, 1e-3, 1e-1, 0.97}}},
        // Rounding is amplified where weights are drawn, not learned, most by units for bf16, which
        // want rounded activations.
        Case{"a lively random one",
             random,
             lively_weights(random, 7),
             {{Precision::bf16, 6e-3, 3e-1, 0.95}, {Precision::int8, 9e-2, 1.2, 0.75}}}}) {
    const auto exact = Model::create(one.config, one.weights);
    REQUIRE(exact);
    const auto length = std::min<std::size_t>(one.config.n_positions - 1, 40);
    const auto texts = own_texts(*exact, 24, length);
    const auto wanted = exact->logits(texts);
    for (const auto& limit : one.limits) {
      ModelOptions options;
      options.precision = limit.precision;
      const auto rounded = Model::create(one.config, one.weights, options);
      REQUIRE(rounded);
      const auto d = divergence(wanted, rounded->logits(texts), one.config.vocab_size);
      INFO(one.name << ", " << name_of(limit.precision) << ": mean KL " << d.mean_kl << ", worst "
                    << d.worst_kl << ", same likeliest token " << d.agreement);
      CHECK(d.mean_kl <= limit.mean_kl);
      CHECK(d.worst_kl <= limit.worst_kl);
      CHECK(d.agreement >= limit.agreement);
      CHECK(d.mean_kl > 0);  // something was rounded
    }
  }
}

TEST_CASE("every set of kernels that runs here computes the same") {
  // Heads of 24, a width that fills no panel, and from one row to more than a block of them.
  const auto config = [] {
    auto c = small_config(2, 72, 3, 1009);
    c.n_positions = 160;
    c.n_inner = 300;
    return c;
  }();
  const auto weights = lively_weights(config, 3);
  std::vector<Sequence> batch;
  for (const std::size_t length : {1U, 2U, 5U, 13U, 31U, 150U}) {
    Sequence sequence{some_tokens(config, length, length), {}};
    for (std::uint32_t t = 0; t < length; ++t) sequence.asked.push_back(t);
    batch.push_back(sequence);
  }
  for (const auto precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    ModelOptions options;
    options.precision = precision;
    options.kernels = "portable";
    const auto plain = Model::create(config, weights, options);
    REQUIRE(plain);
    for (const char* name : {"avx2", "avx512", "avx512_bf16"}) {
      try {
        (void)forward_kernels(name);
      } catch (const std::invalid_argument&) {
        continue;  // not on this CPU
      }
      options.kernels = name;
      const auto fast = Model::create(config, weights, options);
      REQUIRE(fast);
      // Each sequence alone, then all of them: other numbers of rows meet other kernels.
      for (std::size_t s = 0; s <= batch.size(); ++s) {
        const auto some = s < batch.size() ? std::span(&batch[s], 1) : std::span(batch);
        const auto d = divergence(plain->logits(some), fast->logits(some), config.vocab_size);
        INFO(name << ", " << name_of(precision) << ", sequence " << s << ": worst KL "
                  << d.worst_kl);
        const bool rounds_activations =
            precision == Precision::bf16 && std::string_view(name) != "avx2";
        CHECK(d.worst_kl <= (precision == Precision::f32 ? 1e-9
                             : rounds_activations        ? 2e-2
                                                         : 1e-3));
      }
    }
  }
  CHECK_THROWS_AS(forward_kernels("mmx"), std::invalid_argument);
}
