// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/config.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace foreline::gpt2 {

using line::Diagnostic;
using line::Error;
using line::Result;
using nlohmann::json;

float Config::score_scale(std::size_t layer) const {
  float scale = scale_attn_weights ? 1.0F / std::sqrt(static_cast<float>(head_size())) : 1.0F;
  if (scale_attn_by_inverse_layer_idx) scale /= static_cast<float>(layer + 1);
  return scale;
}

Result<Config> config_from_json(std::string_view text, const std::string& file) {
  std::vector<Diagnostic> diagnostics;
  auto complain = [&](std::string what, std::string hint = {}) {
    diagnostics.push_back({file, 0, 0, std::move(what), std::move(hint)});
  };
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object()) {
    complain("is not a JSON object", "it must be the config.json of a GPT-2");
    return Error(std::move(diagnostics));
  }
  Config config;
  if (const auto type = root.find("model_type"); type != root.end() && *type != "gpt2") {
    complain(fmt::format("model_type is {}, wanted \"gpt2\"", type->dump()));
  }
  auto size = [&](const char* key, std::size_t& value, std::size_t high) {
    const auto found = root.find(key);
    if (found == root.end() || found->is_null()) return;
    if (!found->is_number_unsigned() || found->get<std::size_t>() == 0 ||
        found->get<std::size_t>() > high) {
      complain(
          fmt::format("{} is {}, wanted a whole number from 1 to {}", key, found->dump(), high));
    } else {
      value = found->get<std::size_t>();
    }
  };
  size("vocab_size", config.vocab_size, 10'000'000);
  size("n_positions", config.n_positions, 1'000'000);
  size("n_embd", config.n_embd, 65'536);
  size("n_layer", config.n_layer, 1'000);
  size("n_head", config.n_head, 1'024);
  size("n_inner", config.n_inner, 1'000'000);
  if (config.n_inner == 0) config.n_inner = 4 * config.n_embd;
  if (config.n_embd % config.n_head != 0) {
    complain(fmt::format("n_embd {} is not a multiple of n_head {}", config.n_embd, config.n_head));
  }
  auto flag = [&](const char* key, bool& value) {
    const auto found = root.find(key);
    if (found == root.end() || found->is_null()) return;
    if (found->is_boolean())
      value = found->get<bool>();
    else
      complain(fmt::format("{} is {}, wanted true or false", key, found->dump()));
  };
  flag("scale_attn_weights", config.scale_attn_weights);
  flag("scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx);
  flag("tie_word_embeddings", config.tie_word_embeddings);
  bool cross_attention = false;
  flag("add_cross_attention", cross_attention);
  if (cross_attention)
    complain("add_cross_attention is true; a decoder that reads an encoder is not supported");
  if (const auto epsilon = root.find("layer_norm_epsilon"); epsilon != root.end()) {
    if (epsilon->is_number() && epsilon->get<double>() > 0)
      config.layer_norm_epsilon = epsilon->get<float>();
    else
      complain(fmt::format("layer_norm_epsilon is {}, wanted a number above 0", epsilon->dump()));
  }
  if (const auto activation = root.find("activation_function"); activation != root.end()) {
    if (*activation == "gelu_new" || *activation == "gelu_pytorch_tanh")
      config.activation = Activation::gelu_new;
    else if (*activation == "gelu")
      config.activation = Activation::gelu;
    else if (*activation == "relu")
      config.activation = Activation::relu;
    else
      complain(fmt::format("activation_function is {}, wanted gelu_new, gelu or relu",
                           activation->dump()));
  }
  if (const auto eos = root.find("eos_token_id"); eos != root.end() && eos->is_number_unsigned())
    config.eos_token_id = eos->get<std::size_t>();
  if (const auto own = root.find("foreline"); own != root.end()) config.foreline = own->dump();
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return config;
}

std::string config_to_json(const Config& config) {
  const char* activation = config.activation == Activation::gelu_new ? "gelu_new"
                           : config.activation == Activation::gelu   ? "gelu"
                                                                     : "relu";
  json root = {{"model_type", "gpt2"},
               {"architectures", {"GPT2LMHeadModel"}},
               {"vocab_size", config.vocab_size},
               {"n_positions", config.n_positions},
               {"n_ctx", config.n_positions},
               {"n_embd", config.n_embd},
               {"n_layer", config.n_layer},
               {"n_head", config.n_head},
               {"n_inner", config.n_inner},
               {"layer_norm_epsilon", config.layer_norm_epsilon},
               {"activation_function", activation},
               {"scale_attn_weights", config.scale_attn_weights},
               {"scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx},
               {"tie_word_embeddings", config.tie_word_embeddings},
               {"bos_token_id", config.eos_token_id},
               {"eos_token_id", config.eos_token_id},
               {"torch_dtype", "float32"}};
  if (!config.foreline.empty()) root["foreline"] = json::parse(config.foreline);
  return root.dump(2) + "\n";
}

}  // namespace foreline::gpt2
