// SPDX-License-Identifier: Apache-2.0
// Gradients and a loss curve beside PyTorch's, from the same weights and batches.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/trainer.hpp"
#include "tests/unit/gpt2/small_model.hpp"

using namespace foreline::gpt2;
using namespace foreline::gpt2::test;
using nlohmann::json;

namespace {

constexpr std::size_t steps = 200;

/// Sequences of unequal length in which each token mostly decides the next, so that there is
/// something to learn.
std::vector<Sequence> batch_of(const Config& config, std::size_t number) {
  std::vector<Sequence> batch;
  for (std::size_t i = 0; i < 4; ++i) {
    Sequence sequence{some_tokens(config, 9 + (5 * number + 7 * i) % 30, 31 * number + i), {}};
    for (std::uint32_t t = 0; t + 1 < sequence.tokens.size(); ++t) {
      if (sequence.tokens[t + 1] % 4 != 0)
        sequence.tokens[t + 1] =
            static_cast<std::uint32_t>((sequence.tokens[t] * 7 + 3) % config.vocab_size);
      sequence.asked.push_back(t);
    }
    batch.push_back(sequence);
  }
  return batch;
}

RowLoss next_of(const std::vector<Sequence>& batch) {
  std::vector<std::uint32_t> labels;
  for (const auto& sequence : batch) {
    for (const auto position : sequence.asked) labels.push_back(sequence.tokens[position + 1]);
  }
  return cross_entropy(labels);
}

}  // namespace

TEST_CASE("gradients and 200 steps are those of PyTorch") {
  struct Case {
    const char* name;
    std::size_t layers, width, heads, vocabulary;
    Weights (*start)(const Config&, std::uint64_t seed);
    float rate;
    void (*change)(Config&);
  };
  const auto odd = [](Config& c) {
    c.n_inner = 100;
    c.tie_word_embeddings = false;
    c.scale_attn_by_inverse_layer_idx = true;
    c.activation = Activation::gelu;
  };
  std::size_t number = 0;
  for (const Case& one : {Case{"lively", 2, 48, 4, 97, lively_weights, 0, [](Config&) {}},
                          Case{"odd and lively", 3, 72, 3, 1009, lively_weights, 0, odd},
                          Case{"plain", 2, 48, 4, 97, initial_weights, 1e-3F, [](Config&) {}},
                          Case{"odd", 3, 72, 3, 1009, initial_weights, 3e-4F, odd}}) {
    INFO(one.name);
    auto config = small_config(one.layers, one.width, one.heads, one.vocabulary);
    one.change(config);
    const auto folder = fresh_folder("torch-training-" + std::to_string(++number));
    const auto weights = one.start(config, 5);
    REQUIRE(save_checkpoint(folder, config, weights));
    json task = {{"decay", 0.01}, {"steps", one.rate > 0 ? steps : 0}};
    std::vector<std::vector<Sequence>> batches;
    for (std::size_t b = 0; b < 10; ++b) {
      batches.push_back(batch_of(config, b));
      json lines = json::array();
      for (const auto& sequence : batches.back()) lines.push_back(sequence.tokens);
      task["batches"].push_back(lines);
    }
    for (std::size_t step = 0; step < steps; ++step)
      task["rates"].push_back(learning_rate(step, steps, 20, one.rate));
    Weights gradient;
    Trainer trainer(config, weights, {});
    trainer.gradient(batches[0], next_of(batches[0]), gradient);
    std::vector<std::pair<std::string, Tensor*>> tensors;
    for_each_tensor(config, gradient,
                    [&](const std::string& name, const std::vector<std::size_t>&, Tensor& tensor) {
                      tensors.emplace_back(name, &tensor);
                      task["names"].push_back(name);
                    });
    std::ofstream(folder / "batches.json") << task;
    const std::string command = std::string("/usr/bin/python3 ") + FORELINE_SOURCE_DIR +
                                "/tests/peers/torch_training.py " + folder.string();
    REQUIRE(std::system(command.c_str()) == 0);

    std::ifstream in(folder / "gradient.bin", std::ios::binary);
    for (const auto& [name, tensor] : tensors) {
      Tensor theirs(tensor->size());
      in.read(reinterpret_cast<char*>(theirs.data()),
              static_cast<std::streamsize>(theirs.size() * sizeof(float)));
      REQUIRE(in);
      double difference = 0;
      double size = 0;
      for (std::size_t i = 0; i < theirs.size(); ++i) {
        difference += std::pow(static_cast<double>(theirs[i]) - (*tensor)[i], 2);
        size += std::pow(static_cast<double>(theirs[i]), 2);
      }
      INFO(name << ": differs by " << std::sqrt(difference) << " of " << std::sqrt(size));
      CHECK(std::sqrt(difference) <= 1e-4 * std::sqrt(size) + 1e-7);
    }

    if (one.rate == 0) continue;  // a lively start parts by chance: Adam follows signs
    json losses;
    std::ifstream(folder / "losses.json") >> losses;
    REQUIRE(losses.size() == steps);
    double furthest = 0;
    double last = 0;
    for (std::size_t step = 0; step < steps; ++step) {
      const auto& batch = batches[step % batches.size()];
      last = trainer.step(batch, next_of(batch), learning_rate(step, steps, 20, one.rate));
      furthest = std::max(furthest, std::abs(last - losses[step].get<double>()));
    }
    INFO("the curves part by " << furthest << " at most");
    CHECK(furthest < 1e-3);
    CHECK(last < 0.95 * losses[0].get<double>());  // something was learned
  }
}
