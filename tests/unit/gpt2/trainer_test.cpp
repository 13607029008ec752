// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/trainer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "inference/gpt2/reference.hpp"
#include "tests/unit/gpt2/small_model.hpp"

using namespace foreline::gpt2;
using namespace foreline::gpt2::test;

namespace {

/// Cross-entropy of the token that follows each asked position.
Loss next_token(const std::vector<Sequence>& batch, std::size_t vocabulary) {
  std::vector<std::uint32_t> wanted;
  for (const auto& sequence : batch) {
    for (const auto position : sequence.asked) wanted.push_back(sequence.tokens[position + 1]);
  }
  return [wanted, vocabulary](std::span<const float> logits, std::span<float> slope) {
    double loss = 0;
    for (std::size_t r = 0; r < wanted.size(); ++r) {
      const auto row = logits.subspan(r * vocabulary, vocabulary);
      const float highest = *std::max_element(row.begin(), row.end());
      double total = 0;
      for (const auto value : row) total += std::exp(static_cast<double>(value) - highest);
      const auto rows = static_cast<double>(wanted.size());
      for (std::size_t v = 0; v < vocabulary; ++v) {
        slope[r * vocabulary + v] = static_cast<float>(
            (std::exp(static_cast<double>(row[v]) - highest) / total - (v == wanted[r] ? 1 : 0)) /
            rows);
      }
      loss += (std::log(total) + highest - row[wanted[r]]) / rows;
    }
    return loss;
  };
}

std::vector<Sequence> some_batch(const Config& config) {
  std::vector<Sequence> batch;
  for (std::size_t i = 0; i < 3; ++i) {
    Sequence sequence{some_tokens(config, 6 + 3 * i, 40 + i), {}};
    for (std::uint32_t t = 1; t + 1 < sequence.tokens.size(); t += 2) sequence.asked.push_back(t);
    batch.push_back(sequence);
  }
  return batch;
}

double loss_by_oracle(const Config& config, const Weights& weights,
                      const std::vector<Sequence>& batch, const Loss& loss) {
  std::vector<float> logits;
  for (const auto& sequence : batch) {
    const auto pass = reference_forward(config, weights, sequence.tokens);
    for (const auto position : sequence.asked) {
      logits.insert(
          logits.end(),
          pass.logits.begin() + static_cast<std::ptrdiff_t>(position * config.vocab_size),
          pass.logits.begin() + static_cast<std::ptrdiff_t>((position + 1) * config.vocab_size));
    }
  }
  std::vector<float> slope(logits.size());
  return loss(logits, slope);
}

}  // namespace

TEST_CASE("the gradient of every tensor is the slope of the oracle's loss") {
  for (const bool tied : {true, false}) {
    auto config = small_config(2, 12, 3, 23);
    config.n_inner = 20;
    config.tie_word_embeddings = tied;
    auto weights = lively_weights(config, 77);
    const auto batch = some_batch(config);
    const auto loss = next_token(batch, config.vocab_size);
    Trainer trainer(config, weights, {});
    Weights gradient;
    const double value = trainer.gradient(batch, loss, gradient);
    CHECK(value == Approx(loss_by_oracle(config, weights, batch, loss)).epsilon(1e-4));
    std::vector<Tensor*> slopes;
    for_each_tensor(config, gradient,
                    [&](const std::string&, const std::vector<std::size_t>&, Tensor& t) {
                      slopes.push_back(&t);
                    });
    std::size_t number = 0;
    for_each_tensor(
        config, weights,
        [&](const std::string& name, const std::vector<std::size_t>&, Tensor& tensor) {
          const auto& slope = *slopes[number++];
          REQUIRE(slope.size() == tensor.size());
          // The direction of the gradient itself, and one random entry.
          for (const bool whole : {true, false}) {
            std::vector<float> direction(tensor.size());
            if (whole) {
              direction = slope;
            } else {
              direction[foreline::line::random_word(9, 0, foreline::line::Purpose::training,
                                                    number) %
                        tensor.size()] = 1;
            }
            double length = 0;
            double predicted = 0;
            for (std::size_t i = 0; i < tensor.size(); ++i)
              length += static_cast<double>(direction[i]) * direction[i];
            length = std::sqrt(length);
            if (length < 1e-7) continue;
            const double h = 2e-3;
            const Tensor before = tensor;
            for (std::size_t i = 0; i < tensor.size(); ++i) {
              predicted += direction[i] / length * slope[i];
              tensor[i] = before[i] + static_cast<float>(h * direction[i] / length);
            }
            const double up = loss_by_oracle(config, weights, batch, loss);
            for (std::size_t i = 0; i < tensor.size(); ++i)
              tensor[i] = before[i] - static_cast<float>(h * direction[i] / length);
            const double down = loss_by_oracle(config, weights, batch, loss);
            tensor = before;
            INFO(name << (whole ? " along the gradient" : " along one entry"));
            CHECK(predicted == Approx((up - down) / (2 * h)).epsilon(0.02).margin(3e-4));
          }
        });
  }
}

TEST_CASE("a small model learns a text by heart, the same way each time") {
  const auto config = small_config(2, 32, 4, 17);
  Sequence sequence{some_tokens(config, 24, 99), {}};
  for (std::uint32_t t = 0; t + 1 < 24; ++t) sequence.asked.push_back(t);
  const std::vector<Sequence> batch = {sequence};
  const auto loss = next_token(batch, config.vocab_size);
  auto train = [&] {
    Trainer trainer(config, initial_weights(config, 4), {});
    double last = 0;
    for (std::size_t step = 0; step < 120; ++step)
      last = trainer.step(batch, loss, learning_rate(step, 120, 10, 5e-3F));
    return std::pair(last, trainer.weights().wte);
  };
  const auto [first_loss, first_weights] = train();
  const auto [second_loss, second_weights] = train();
  CHECK(first_loss < 0.1);
  CHECK(first_loss == second_loss);
  CHECK(first_weights == second_weights);
}

TEST_CASE("the learning rate rises, falls, and ends at a tenth of its peak") {
  CHECK(learning_rate(0, 100, 10, 1.0F) == Approx(0.1));
  CHECK(learning_rate(9, 100, 10, 1.0F) == Approx(1.0));
  CHECK(learning_rate(55, 100, 10, 1.0F) == Approx(0.55));
  CHECK(learning_rate(100, 100, 10, 1.0F) == Approx(0.1));
}
