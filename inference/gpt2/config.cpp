// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/config.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "inference/gpt2/json_text.hpp"

namespace foreline::gpt2 {

using line::Diagnostic;
using line::Error;
using line::Result;
using nlohmann::json;

namespace {

const std::map<std::string, Activation>& activations() {
  static const std::map<std::string, Activation> all = {{"gelu_new", Activation::gelu_new},
                                                        {"gelu_fast", Activation::gelu_new},
                                                        {"gelu_accurate", Activation::gelu_new},
                                                        {"gelu_pytorch_tanh", Activation::gelu_new},
                                                        {"gelu_python_tanh", Activation::gelu_new},
                                                        {"gelu", Activation::gelu},
                                                        {"gelu_python", Activation::gelu},
                                                        {"relu", Activation::relu},
                                                        {"silu", Activation::silu},
                                                        {"swish", Activation::silu},
                                                        {"tanh", Activation::tanh},
                                                        {"quick_gelu", Activation::quick_gelu},
                                                        {"relu6", Activation::relu6},
                                                        {"sigmoid", Activation::sigmoid},
                                                        {"mish", Activation::mish},
                                                        {"linear", Activation::linear}};
  return all;
}

}  // namespace

const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::gelu_new:
      return "gelu_new";
    case Activation::gelu:
      return "gelu";
    case Activation::relu:
      return "relu";
    case Activation::silu:
      return "silu";
    case Activation::tanh:
      return "tanh";
    case Activation::quick_gelu:
      return "quick_gelu";
    case Activation::relu6:
      return "relu6";
    case Activation::sigmoid:
      return "sigmoid";
    case Activation::mish:
      return "mish";
    case Activation::linear:
      return "linear";
  }
  return "gelu_new";
}

const char* name_of(Precision precision) {
  return precision == Precision::f32 ? "f32" : precision == Precision::bf16 ? "bf16" : "int8";
}

float Config::score_scale(std::size_t layer) const {
  float scale = scale_attn_weights ? 1.0F / std::sqrt(static_cast<float>(head_size())) : 1.0F;
  if (scale_attn_by_inverse_layer_idx) scale /= static_cast<float>(layer + 1);
  return scale;
}

Result<Config> config_from_json(std::string_view text, const std::string& file) {
  std::vector<Diagnostic> diagnostics;
  const auto shown = [](const json& value) {
    auto text_of = value.dump(-1, ' ', true, json::error_handler_t::replace);
    if (text_of.size() > 60) text_of = text_of.substr(0, 57) + "...";
    return text_of;
  };
  auto complain = [&](std::string what, std::string hint = {}) {
    diagnostics.push_back({file, 0, 0, std::move(what), std::move(hint)});
  };
  const auto parsed = json_from(text, file);
  if (!parsed) return parsed.error();
  const json& root = *parsed;
  if (!root.is_object()) {
    complain("is not a JSON object", "it must be the config.json of a GPT-2");
    return Error(std::move(diagnostics));
  }
  Config config;
  if (const auto type = root.find("model_type"); type != root.end() && *type != "gpt2") {
    complain(fmt::format("model_type is {}, wanted \"gpt2\"", shown(*type)));
  }
  auto size = [&](const char* key, std::size_t& value, std::size_t high) {
    const auto found = root.find(key);
    if (found == root.end() || found->is_null()) return;
    if (!found->is_number_unsigned() || found->get<std::size_t>() == 0 ||
        found->get<std::size_t>() > high) {
      complain(
          fmt::format("{} is {}, wanted a whole number from 1 to {}", key, shown(*found), high));
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
  // GPT2Config knows these by a second name, which counts where a file has both.
  size("max_position_embeddings", config.n_positions, 1'000'000);
  size("hidden_size", config.n_embd, 65'536);
  size("num_hidden_layers", config.n_layer, 1'000);
  size("num_attention_heads", config.n_head, 1'024);
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
      complain(fmt::format("{} is {}, wanted true or false", key, shown(*found)));
  };
  flag("scale_attn_weights", config.scale_attn_weights);
  flag("scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx);
  flag("tie_word_embeddings", config.tie_word_embeddings);
  for (const char* key : {"add_cross_attention", "is_encoder_decoder"}) {
    bool reads_encoder = false;
    flag(key, reads_encoder);
    if (reads_encoder)
      complain(fmt::format("{} is true; a decoder that reads an encoder is not supported", key));
  }
  bool upcast = false;  // changes nothing where all scores are f32
  flag("reorder_and_upcast_attn", upcast);
  for (const auto& [key, hint] :
       {std::pair("pruned_heads", "save the model without pruned heads"),
        std::pair("quantization_config", "save the model in F32, F16 or BF16")}) {
    if (const auto found = root.find(key);
        found != root.end() && !found->is_null() && !found->empty())
      complain(fmt::format("{} is {}, which is not supported", key, shown(*found)), hint);
  }
  if (const auto epsilon = root.find("layer_norm_epsilon");
      epsilon != root.end() && !epsilon->is_null()) {
    // As f32: 1e-50 would be 0 there.
    if (epsilon->is_number() && epsilon->get<float>() > 0 && epsilon->get<double>() < 1e30)
      config.layer_norm_epsilon = epsilon->get<float>();
    else
      complain(fmt::format("layer_norm_epsilon is {}, wanted a number above 0 in single precision",
                           shown(*epsilon)));
  }
  if (const auto activation = root.find("activation_function");
      activation != root.end() && !activation->is_null()) {
    const auto known = activation->is_string() ? activations().find(activation->get<std::string>())
                                               : activations().end();
    if (known != activations().end()) {
      config.activation = known->second;
    } else {
      std::string names;
      for (const auto& [name, value] : activations()) names += (names.empty() ? "" : ", ") + name;
      complain(
          fmt::format("activation_function is {}, wanted one of {}", shown(*activation), names));
    }
  }
  if (const auto eos = root.find("eos_token_id"); eos != root.end() && eos->is_number_unsigned())
    config.eos_token_id = eos->get<std::size_t>();
  if (const auto own = root.find("foreline"); own != root.end()) config.foreline = own->dump();
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return config;
}

std::string config_to_json(const Config& config) {
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
               {"activation_function", name_of(config.activation)},
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
