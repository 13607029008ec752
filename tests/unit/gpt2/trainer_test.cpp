// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/trainer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <limits>

#include "inference/gpt2/losses.hpp"
#include "inference/gpt2/reference.hpp"
#include "inference/gpt2/training_kernels.hpp"
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

namespace {

std::vector<std::uint32_t> labels_of(const std::vector<Sequence>& batch) {
  std::vector<std::uint32_t> labels;
  for (const auto& sequence : batch) {
    for (const auto position : sequence.asked) labels.push_back(sequence.tokens[position + 1]);
  }
  return labels;
}

std::vector<Tensor*> tensors_of(const Config& config, Weights& weights) {
  std::vector<Tensor*> all;
  for_each_tensor(
      config, weights,
      [&](const std::string&, const std::vector<std::size_t>&, Tensor& t) { all.push_back(&t); });
  return all;
}

/// Compares a gradient with central differences of `loss_at`, tensor by tensor: along the gradient
/// itself and along one entry.
template <class LossAt>
void check_slopes(const Config& config, Weights weights, Weights gradient, LossAt loss_at,
                  double tolerance, double h = 2e-3) {
  const auto slopes = tensors_of(config, gradient);
  std::size_t number = 0;
  for_each_tensor(
      config, weights,
      [&](const std::string& name, const std::vector<std::size_t>&, Tensor& tensor) {
        const auto& slope = *slopes[number++];
        REQUIRE(slope.size() == tensor.size());
        for (const bool whole : {true, false}) {
          std::vector<float> direction(tensor.size());
          if (whole) {
            direction = slope;
          } else {
            direction[foreline::line::random_word(9, 0, foreline::line::Purpose::training, number) %
                      tensor.size()] = 1;
          }
          double length = 0;
          double predicted = 0;
          for (const auto value : direction) length += static_cast<double>(value) * value;
          length = std::sqrt(length);
          if (length < 1e-7) continue;
          const Tensor before = tensor;
          for (std::size_t i = 0; i < tensor.size(); ++i) {
            predicted += direction[i] / length * slope[i];
            tensor[i] = before[i] + static_cast<float>(h * direction[i] / length);
          }
          const double above = loss_at(weights);
          for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor[i] = before[i] - static_cast<float>(h * direction[i] / length);
          const double below = loss_at(weights);
          tensor = before;
          INFO(name << (whole ? " along the gradient" : " along one entry"));
          CHECK(predicted ==
                Approx((above - below) / (2 * h)).epsilon(tolerance).margin(tolerance / 60));
        }
      });
}

}  // namespace

TEST_CASE("the gradient of every tensor is the slope of the oracle's loss") {
  struct Case {
    const char* name;
    void (*change)(Config&);
  };
  for (const Case& one : {Case{"tied", [](Config&) {}},
                          Case{"head of its own", [](Config& c) { c.tie_word_embeddings = false; }},
                          Case{"gelu", [](Config& c) { c.activation = Activation::gelu; }},
                          Case{"relu", [](Config& c) { c.activation = Activation::relu; }},
                          Case{"inverse layer", [](Config& c) {
                                 c.scale_attn_by_inverse_layer_idx = true;
                                 c.scale_attn_weights = false;
                               }}}) {
    auto config = small_config(2, 12, 3, 23);
    config.n_inner = 20;
    one.change(config);
    INFO(one.name);
    const auto weights = lively_weights(config, 77);
    const auto batch = some_batch(config);
    const auto loss = next_token(batch, config.vocab_size);
    Trainer trainer(config, weights, {});
    Weights gradient;
    const double value = trainer.gradient(batch, loss, gradient);
    CHECK(value == Approx(loss_by_oracle(config, weights, batch, loss)).epsilon(1e-5));
    CHECK(trainer.evaluate(batch, loss) == value);
    check_slopes(
        config, weights, gradient,
        [&](const Weights& moved) { return loss_by_oracle(config, moved, batch, loss); },
        // A step across relu's bend would not see the slope.
        config.activation == Activation::relu ? 0.05 : 0.02,
        config.activation == Activation::relu ? 3e-4 : 2e-3);
  }
}

TEST_CASE(
    "few answers at few positions of long sequences have the slope of the whole model's loss") {
  auto config = small_config(2, 12, 3, 23);
  config.n_positions = 150;
  const auto weights = lively_weights(config, 78);
  const std::vector<Sequence> batch = {{some_tokens(config, 140, 1), {138}},
                                       {some_tokens(config, 3, 2), {}},
                                       {some_tokens(config, 70, 3), {60, 69}},
                                       {some_tokens(config, 19, 4), {18}}};
  constexpr std::size_t first = 9;
  constexpr std::size_t count = 7;
  const auto some = cross_entropy({1, 6, 0, 3});
  const auto of = [&](std::size_t from, std::size_t vocabulary) -> Loss {
    return [=](std::span<const float> logits, std::span<float> slope) {
      double loss = 0;
      for (std::size_t r = 0; r < 4; ++r) {
        const auto row = logits.subspan(r * vocabulary + from, count);
        std::vector<float> answers(row.begin(), row.end());
        loss += some(r, answers);
        std::copy(answers.begin(), answers.end(), &slope[r * vocabulary + from]);
      }
      return loss;
    };
  };
  TrainRules rules;
  rules.first_answer = first;
  rules.answers = count;
  Trainer trainer(config, weights, rules);
  Weights gradient;
  Weights by_row;
  const auto of_all = of(first, config.vocab_size);
  CHECK(trainer.gradient(batch, of(0, count), gradient) ==
        Approx(loss_by_oracle(config, weights, batch, of_all)).epsilon(1e-5));
  CHECK(trainer.gradient(batch, some, by_row) == trainer.evaluate(batch, of(0, count)));
  CHECK(by_row.wte == gradient.wte);
  check_slopes(
      config, weights, gradient,
      [&](const Weights& moved) { return loss_by_oracle(config, moved, batch, of_all); }, 0.02);
  rules.first_answer = config.vocab_size - count + 1;
  CHECK_THROWS_AS(Trainer(config, weights, rules), std::invalid_argument);
}

TEST_CASE("the gradient through dropout is the slope of the loss with the same numbers dropped") {
  const auto config = small_config(2, 24, 2, 31);
  const auto weights = lively_weights(config, 5);
  const auto batch = some_batch(config);
  const auto loss = cross_entropy(labels_of(batch));
  TrainRules rules;
  rules.dropout = {0.2F, 0.3F, 0.25F};
  rules.seed = 11;
  const auto loss_at = [&](const Weights& moved) {
    Trainer trainer(config, moved, rules);
    Weights unused;
    return trainer.gradient(batch, loss, unused);
  };
  Trainer trainer(config, weights, rules);
  Weights gradient;
  const double value = trainer.gradient(batch, loss, gradient);
  CHECK(value == loss_at(weights));
  CHECK(value != trainer.evaluate(batch, loss));
  check_slopes(config, weights, gradient, loss_at, 0.03);
  rules.seed = 12;
  CHECK(loss_at(weights) != value);
}

TEST_CASE("a share of numbers is dropped and the rest makes up for it") {
  const auto& kernels = training_kernels();
  std::vector<float> ones(100'003, 1.0F);
  const Dropped drop{0x123456789ABCDEFULL, static_cast<std::uint32_t>(0.3 * 4294967296.0),
                     1 / 0.7F};
  kernels.drop(ones.data(), ones.size(), drop, 7);
  double sum = 0;
  std::size_t zeros = 0;
  for (const auto value : ones) {
    sum += static_cast<double>(value);
    zeros += value == 0 ? 1 : 0;
  }
  // Five standard deviations of a binomial.
  CHECK(static_cast<double>(zeros) == Approx(30'001).margin(5 * std::sqrt(100'003 * 0.21)));
  CHECK(sum == Approx(100'003).epsilon(0.02));
}

TEST_CASE("ready-made losses agree with one written out") {
  const auto config = small_config(1, 16, 2, 37);
  const auto weights = lively_weights(config, 8);
  const auto batch = some_batch(config);
  const auto labels = labels_of(batch);
  Trainer trainer(config, weights, {});
  Weights by_hand, ready, soft;
  const double value = trainer.gradient(batch, next_token(batch, config.vocab_size), by_hand);
  CHECK(trainer.gradient(batch, cross_entropy(labels), ready) == Approx(value).epsilon(1e-6));
  std::vector<std::vector<Share>> shares;
  for (const auto label : labels) shares.push_back({{label, 0.75F}, {(label + 1) % 37, 0.25F}});
  const double mixed = trainer.gradient(batch, soft_cross_entropy(shares), soft);
  std::vector<std::uint32_t> next;
  for (const auto label : labels) next.push_back((label + 1) % 37);
  CHECK(mixed == Approx(0.75 * value + 0.25 * trainer.evaluate(batch, cross_entropy(next))));
  for (std::size_t i = 0; i < by_hand.wte.size(); ++i)
    REQUIRE(ready.wte[i] == Approx(by_hand.wte[i]).margin(1e-6));

  // A weight of 2 is as good as the row twice; 0 leaves it out.
  std::vector<float> twice(labels.size(), 0.0F);
  twice[0] = 2;
  twice[1] = 1;
  const auto rows = std::vector<Sequence>{
      {batch[0].tokens, {batch[0].asked[0], batch[0].asked[0], batch[0].asked[1]}}};
  CHECK(trainer.evaluate(batch, cross_entropy(labels, twice)) ==
        Approx(trainer.evaluate(rows, cross_entropy({labels[0], labels[0], labels[1]}))));
  // Smoothing is a soft label.
  std::vector<std::vector<Share>> smooth;
  for (const auto label : labels) {
    smooth.emplace_back();
    for (std::uint32_t v = 0; v < 37; ++v)
      smooth.back().push_back({v, 0.1F / 37 + (v == label ? 0.9F : 0.0F)});
  }
  CHECK(trainer.evaluate(batch, cross_entropy(labels, {}, 0.1F)) ==
        Approx(trainer.evaluate(batch, soft_cross_entropy(smooth))));
  CHECK_THROWS_AS(trainer.evaluate(batch, cross_entropy({1})), std::invalid_argument);
  CHECK_THROWS_AS(
      trainer.evaluate(batch, cross_entropy(std::vector<std::uint32_t>(labels.size(), 37))),
      std::invalid_argument);
  CHECK_THROWS_AS(cross_entropy({1, 2}, {1.0F}), std::invalid_argument);
}

TEST_CASE("a large vocabulary in blocks, a batch in parts, and packed lengths change nothing") {
  auto config = small_config(2, 24, 3, 61);
  config.n_positions = 90;
  const auto weights = lively_weights(config, 21);
  std::vector<Sequence> batch;
  for (std::size_t i = 0; i < 3; ++i) {
    Sequence sequence{some_tokens(config, 70 + 9 * i, 60 + i), {}};
    for (std::uint32_t t = 0; t + 1 < sequence.tokens.size(); ++t) sequence.asked.push_back(t);
    batch.push_back(sequence);
  }
  const auto labels = labels_of(batch);
  const auto compare = [&](Weights& a, Weights& b) {
    const auto left = tensors_of(config, a);
    const auto right = tensors_of(config, b);
    for (std::size_t i = 0; i < left.size(); ++i) {
      double difference = 0;
      double size = 0;
      for (std::size_t j = 0; j < left[i]->size(); ++j) {
        difference += std::pow(static_cast<double>((*left[i])[j]) - (*right[i])[j], 2);
        size += std::pow(static_cast<double>((*left[i])[j]), 2);
      }
      INFO("tensor " << i);
      CHECK(std::sqrt(difference) <= 2e-5 * std::sqrt(size) + 1e-9);
    }
  };
  TrainRules rules;
  Trainer trainer(config, weights, rules);
  Weights whole;
  const double value = trainer.gradient(batch, cross_entropy(labels), whole);

  rules.logits_bytes = 1;  // 64 rows at a time
  rules.threads = 2;
  Trainer in_blocks(config, weights, rules);
  Weights blocks;
  CHECK(in_blocks.gradient(batch, cross_entropy(labels), blocks) == Approx(value).epsilon(1e-6));
  compare(whole, blocks);

  // Each sequence alone, with its share of the rows.
  Weights sum;
  std::size_t from = 0;
  double parts = 0;
  for (const auto& sequence : batch) {
    const auto rows = sequence.asked.size();
    const std::vector<std::uint32_t> own(labels.begin() + static_cast<std::ptrdiff_t>(from),
                                         labels.begin() + static_cast<std::ptrdiff_t>(from + rows));
    const auto part = static_cast<float>(rows) / static_cast<float>(labels.size());
    Weights gradient;
    parts += part * trainer.gradient(std::vector{sequence}, cross_entropy(own), gradient);
    if (from == 0) sum = gradient;
    const auto to = tensors_of(config, sum);
    const auto add = tensors_of(config, gradient);
    for (std::size_t i = 0; i < to.size(); ++i) {
      for (std::size_t j = 0; j < to[i]->size(); ++j)
        (*to[i])[j] = (from == 0 ? 0 : (*to[i])[j]) + part * (*add[i])[j];
    }
    from += rows;
  }
  CHECK(parts == Approx(value).epsilon(1e-6));
  compare(whole, sum);

  // The same in accumulated parts gives the same step.
  Trainer at_once(config, weights, {});
  Trainer in_parts(config, weights, {});
  at_once.step(batch, cross_entropy(labels), 1e-2F);
  from = 0;
  for (const auto& sequence : batch) {
    const auto rows = sequence.asked.size();
    in_parts.accumulate(std::vector{sequence},
                        cross_entropy({labels.begin() + static_cast<std::ptrdiff_t>(from),
                                       labels.begin() + static_cast<std::ptrdiff_t>(from + rows)}),
                        static_cast<float>(rows) / static_cast<float>(labels.size()));
    from += rows;
  }
  const auto descent = in_parts.descend(1e-2F);
  CHECK(descent.applied);
  CHECK(trainer.evaluate(batch, cross_entropy(labels)) == Approx(value).epsilon(1e-6));
  CHECK(in_parts.evaluate(batch, cross_entropy(labels)) ==
        Approx(at_once.evaluate(batch, cross_entropy(labels))).epsilon(2e-4));
  CHECK(at_once.steps() == 1);
}

TEST_CASE("bfloat16 products keep the gradient's direction") {
  const auto config = small_config(2, 32, 4, 41);
  const auto weights = lively_weights(config, 15);
  const auto batch = some_batch(config);
  const auto loss = cross_entropy(labels_of(batch));
  Weights exact, rounded;
  Trainer in_f32(config, weights, {});
  TrainRules rules;
  rules.bf16 = true;
  Trainer in_bf16(config, weights, rules);
  const double value = in_f32.gradient(batch, loss, exact);
  const double rounded_value = in_bf16.gradient(batch, loss, rounded);
  CHECK(rounded_value == Approx(value).epsilon(0.01));
  CHECK(rounded_value != value);
  const auto a = tensors_of(config, exact);
  const auto b = tensors_of(config, rounded);
  for (std::size_t i = 0; i < a.size(); ++i) {
    double aa = 0;
    double bb = 0;
    double ab = 0;
    for (std::size_t j = 0; j < a[i]->size(); ++j) {
      const double x = (*a[i])[j];
      const double y = (*b[i])[j];
      aa += x * x, bb += y * y, ab += x * y;
    }
    INFO("tensor " << i);
    CHECK(ab / std::sqrt(aa * bb) > 0.995);
    CHECK(std::sqrt(bb / aa) == Approx(1).epsilon(0.05));
  }
}

TEST_CASE("each token of a summed position gets the gradient of its position") {
  auto config = small_config(2, 24, 3, 31);
  config.tie_word_embeddings = false;
  auto weights = lively_weights(config, 12);
  for (std::size_t i = 0; i < config.n_embd; ++i)
    weights.wte[30 * config.n_embd + i] =
        weights.wte[3 * config.n_embd + i] + weights.wte[4 * config.n_embd + i];
  const Loss loss = [&](std::span<const float> logits, std::span<float> slope) {
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      slope[i] = i % 3 == 0 ? 1.0F : -0.5F;
      sum += static_cast<double>(slope[i]) * static_cast<double>(logits[i]);
    }
    return sum;
  };
  Trainer trainer(config, weights, {});
  Weights plain;
  Weights summed;
  const std::vector<Sequence> one_each = {{{7, 30, 8}, {1, 2}}};
  const std::vector<Sequence> two_at_once = {{{7, 3, 4, 8}, {1, 2}, {1, 2, 1}}};
  CHECK(trainer.gradient(two_at_once, loss, summed) ==
        Approx(trainer.gradient(one_each, loss, plain)).epsilon(1e-4).margin(1e-4));
  for (std::size_t i = 0; i < config.n_embd; ++i) {
    for (const std::size_t token : {3U, 4U})
      CHECK(summed.wte[token * config.n_embd + i] ==
            Approx(plain.wte[30 * config.n_embd + i]).epsilon(1e-3).margin(1e-4));
    CHECK(summed.wpe[config.n_embd + i] ==
          Approx(plain.wpe[config.n_embd + i]).epsilon(1e-3).margin(1e-4));
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

TEST_CASE("rules of descent: decay groups, cutting, average, and a gradient that is not finite") {
  const auto config = small_config(1, 16, 2, 19);
  const auto start = lively_weights(config, 3);
  const auto batch = some_batch(config);
  const auto loss = cross_entropy(labels_of(batch));
  TrainRules rules;
  rules.average_decay = 0.75F;
  rules.decay_of = [](std::string_view tensor) { return tensor == "wpe.weight" ? 0.5F : 0.0F; };
  Trainer trainer(config, start, rules);
  trainer.step(batch, loss, 0.1F);
  // Positions that no sequence reaches have no gradient: they only decay.
  const auto untouched = start.wpe.size() - 1;
  CHECK(trainer.weights().wpe[untouched] == Approx(start.wpe[untouched] * (1 - 0.1 * 0.5)));
  CHECK(trainer.averaged().wpe[untouched] ==
        Approx(0.75 * start.wpe[untouched] + 0.25 * trainer.weights().wpe[untouched]));
  // Adam's first step is the rate, in the direction of the slope's sign.
  CHECK(std::abs(trainer.weights().layers[0].fc_bias[0] - start.layers[0].fc_bias[0]) ==
        Approx(0.1).epsilon(1e-3));

  Weights gradient;
  const auto before = trainer.weights();
  trainer.gradient(batch, loss, gradient);
  double norm = 0;
  for (const auto* tensor : tensors_of(config, gradient)) {
    for (const auto value : *tensor) norm += static_cast<double>(value) * value;
  }
  trainer.accumulate(batch, loss);
  CHECK(trainer.descend(0).gradient_norm == Approx(std::sqrt(norm)).epsilon(1e-5));

  const auto here = trainer.weights();
  const auto steps = trainer.steps();
  const RowLoss broken = [](std::size_t, std::span<float> row) {
    for (auto& slope : row) slope = std::numeric_limits<float>::quiet_NaN();
    return std::numeric_limits<double>::quiet_NaN();
  };
  CHECK(std::isnan(trainer.step(batch, broken, 0.1F)));
  CHECK(trainer.weights().wte == here.wte);
  CHECK(trainer.weights().layers[0].fc_weight == here.layers[0].fc_weight);
  CHECK(trainer.steps() == steps);
  CHECK_FALSE(trainer.descend(0.1F).applied);  // nothing is left of it
  CHECK_THROWS_AS(trainer.step(std::vector<Sequence>{{{}, {}}}, loss, 0.1F), std::invalid_argument);
  CHECK_THROWS_AS(trainer.step(std::vector<Sequence>{{{19}, {0}}}, loss, 0.1F),
                  std::invalid_argument);
  CHECK_THROWS_AS(Trainer(config, Weights{}, rules), std::invalid_argument);
}

TEST_CASE("a run that was saved and resumed is bit for bit the unbroken one") {
  const auto config = small_config(2, 24, 2, 43);
  const auto file = fresh_folder("training-state") / "run.state";
  TrainRules rules;
  rules.threads = 2;
  rules.dropout = {0.1F, 0.1F, 0.1F};
  rules.average_decay = 0.9F;
  for (const bool bf16 : {false, true}) {
    rules.bf16 = bf16;
    const auto run = [&](Trainer& trainer, std::size_t from, std::size_t to) {
      for (std::size_t step = from; step < to; ++step) {
        std::vector<Sequence> batch;
        for (std::size_t i = 0; i < 4; ++i) {
          Sequence sequence{some_tokens(config, 5 + (3 * step + 7 * i) % 40, 100 * step + i), {}};
          for (std::uint32_t t = 0; t + 1 < sequence.tokens.size(); ++t)
            sequence.asked.push_back(t);
          batch.push_back(sequence);
        }
        trainer.step(batch, cross_entropy(labels_of(batch)), 3e-3F);
      }
    };
    Trainer unbroken(config, initial_weights(config, 1), rules);
    run(unbroken, 0, 6);
    Trainer first(config, initial_weights(config, 1), rules);
    run(first, 0, 3);
    REQUIRE(first.save(file, "step 3 \" of\n6", &first.weights()));
    run(first, 3, 4);  // what came after the checkpoint is lost with the process
    Trainer second(config, initial_weights(config, 999), rules);
    Weights best;
    const auto note = second.restore(file, &best);
    REQUIRE(note);
    CHECK(*note == "step 3 \" of\n6");
    CHECK(second.steps() == 3);
    CHECK(best.wte == second.weights().wte);
    run(second, 3, 6);
    auto left = unbroken.weights();
    auto right = second.weights();
    const auto a = tensors_of(config, left);
    const auto b = tensors_of(config, right);
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(*a[i] == *b[i]);
    CHECK(unbroken.averaged().wte == second.averaged().wte);
  }
}

TEST_CASE("a damaged, cut or foreign state is refused and the trainer stays as it was") {
  const auto config = small_config(1, 16, 2, 19);
  const auto folder = fresh_folder("damaged-state");
  const auto file = folder / "run.state";
  Trainer trainer(config, initial_weights(config, 1), {});
  REQUIRE(trainer.save(file, "note"));
  CHECK_FALSE(std::filesystem::exists(folder / "run.state.part"));
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto with = [&](const std::string& changed) {
    std::ofstream(file, std::ios::binary) << changed;
    Trainer other(config, initial_weights(config, 2), {});
    const auto before = other.weights().wte;
    const auto restored = other.restore(file);
    CHECK((other.weights().wte == before) == !restored.has_value());
    return restored ? std::string() : restored.error().text();
  };
  CHECK(with(bytes).empty());
  auto flipped = bytes;
  flipped[bytes.size() - 5] = static_cast<char>(flipped[bytes.size() - 5] ^ 1);
  CHECK(with(flipped).find("checksum") != std::string::npos);
  CHECK(with(bytes.substr(0, bytes.size() - 1)).find("beyond the end") != std::string::npos);
  CHECK(with(bytes + "more").find("wanted") != std::string::npos);
  auto lying = bytes;
  lying[6] = '\x7f';
  CHECK(with(lying).find("longer than the file") != std::string::npos);
  CHECK(with("").find("empty") != std::string::npos);
  CHECK(with("12345678{}").find("longer than the file") != std::string::npos);
  std::ofstream(file, std::ios::binary) << bytes;
  auto larger = config;
  larger.n_inner = 80;
  Trainer other(larger, initial_weights(larger, 2), {});
  const auto restored = other.restore(file);
  REQUIRE_FALSE(restored);
  CHECK(restored.error().text().find("first/h.0.mlp.c_fc.weight is (16 x 64), wanted (16 x 80)") !=
        std::string::npos);
  TrainRules rules;
  rules.average_decay = 0.9F;
  Trainer averaging(config, initial_weights(config, 2), rules);
  CHECK_FALSE(averaging.restore(file));
}

TEST_CASE("a state that cannot be written leaves the old one whole") {
  const auto config = small_config(1, 16, 2, 19);
  const auto folder = fresh_folder("full-disk");
  Trainer trainer(config, initial_weights(config, 1), {});
  const auto refused = trainer.save("/dev/full/run.state", "note");
  REQUIRE_FALSE(refused);
  REQUIRE(trainer.save(folder / "run.state", "first"));
  // A full disk, as /dev/full shows it.
  std::filesystem::create_symlink("/dev/full", folder / "run.state.part");
  const auto full = trainer.save(folder / "run.state", "second");
  REQUIRE_FALSE(full);
  CHECK(full.error().text().find("No space left") != std::string::npos);
  CHECK(full.error().text().find("still there") != std::string::npos);
  Trainer other(config, initial_weights(config, 2), {});
  const auto note = other.restore(folder / "run.state");
  REQUIRE(note);
  CHECK(*note == "first");
}
