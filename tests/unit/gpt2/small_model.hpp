// SPDX-License-Identifier: Apache-2.0
// Random GPT-2s of a few shapes, and folders for their files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "inference/gpt2/model.hpp"
#include "inference/gpt2/weights.hpp"
#include "sim/line/random.hpp"

namespace foreline::gpt2::test {

inline Config small_config(std::size_t layers, std::size_t width, std::size_t heads,
                           std::size_t vocabulary = 101) {
  Config config;
  config.vocab_size = vocabulary;
  config.n_positions = 48;
  config.n_embd = width;
  config.n_layer = layers;
  config.n_head = heads;
  config.n_inner = 4 * width;
  config.eos_token_id = vocabulary - 1;
  return config;
}

/// Weights with biases and gains that are not the identity, so that every tensor counts.
inline Weights lively_weights(const Config& config, std::uint64_t seed) {
  Weights weights = initial_weights(config, seed);
  std::uint32_t number = 1000;
  for_each_tensor(
      config, weights, [&](const std::string&, const std::vector<std::size_t>&, Tensor& tensor) {
        for (std::size_t i = 0; i < tensor.size(); ++i) {
          tensor[i] = tensor[i] * 4 + 0.1F * (static_cast<float>(line::random_uniform(
                                                  seed, number, line::Purpose::training, i)) -
                                              0.5F);
        }
        ++number;
      });
  return weights;
}

inline std::vector<std::uint32_t> some_tokens(const Config& config, std::size_t count,
                                              std::uint64_t seed) {
  std::vector<std::uint32_t> tokens;
  for (std::size_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<std::uint32_t>(
        line::random_word(seed, 0, line::Purpose::training, i) % config.vocab_size));
  }
  return tokens;
}

inline std::filesystem::path fresh_folder(const std::string& name) {
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "test-data" / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace foreline::gpt2::test
