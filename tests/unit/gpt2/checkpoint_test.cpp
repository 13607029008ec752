// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/checkpoint.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "inference/gpt2/forward_kernels.hpp"
#include "inference/gpt2/model.hpp"
#include "tests/unit/gpt2/small_model.hpp"

using namespace foreline::gpt2;
using namespace foreline::gpt2::test;
using nlohmann::json;

namespace {

bool equal(const Config& config, Weights a, Weights b) {
  std::vector<Tensor> first;
  for_each_tensor(config, a, [&](const std::string&, const std::vector<std::size_t>&, Tensor& t) {
    first.push_back(t);
  });
  std::size_t i = 0;
  bool same = true;
  for_each_tensor(config, b, [&](const std::string&, const std::vector<std::size_t>&, Tensor& t) {
    same = same && first[i++] == t;
  });
  return same;
}

std::string bytes_of(const std::filesystem::path& file) {
  return *read_file(file);
}

/// Splits model.safetensors into its header and data.
std::pair<json, std::string> taken_apart(const std::filesystem::path& file) {
  const auto bytes = bytes_of(file);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  return {json::parse(bytes.substr(8, length)), bytes.substr(8 + length)};
}

void put_together(const std::filesystem::path& file, const json& header, const std::string& data) {
  const auto text = header.dump();
  const std::uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), 8);
  REQUIRE(write_file(file, bytes + text + data));
}

}  // namespace

TEST_CASE("a saved checkpoint loads as it was, tied or not") {
  for (const bool tied : {true, false}) {
    auto config = small_config(2, 16, 2);
    config.tie_word_embeddings = tied;
    config.foreline = R"({"language":1})";
    const auto weights = lively_weights(config, 6);
    const auto folder = fresh_folder(tied ? "tied" : "untied");
    REQUIRE(save_checkpoint(folder, config, weights));
    auto loaded = load_checkpoint(folder);
    REQUIRE(loaded);
    CHECK(loaded->config.foreline == config.foreline);
    CHECK(loaded->config.tie_word_embeddings == tied);
    CHECK(equal(config, weights, loaded->weights));
  }
}

TEST_CASE("half precision, shards and names without prefix load too") {
  const auto config = small_config(1, 8, 2);
  const auto weights = lively_weights(config, 9);
  const auto folder = fresh_folder("shards");
  REQUIRE(save_checkpoint(folder, config, weights));
  const auto [header, data] = taken_apart(folder / "model.safetensors");
  std::filesystem::remove(folder / "model.safetensors");
  json first = json::object();
  json second = json::object();
  std::string first_data;
  std::string second_data;
  json map = json::object();
  bool odd = false;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    odd = !odd;
    auto& part = odd ? first : second;
    auto& bytes = odd ? first_data : second_data;
    const auto begin = entry["data_offsets"][0].get<std::size_t>();
    const auto end = entry["data_offsets"][1].get<std::size_t>();
    const auto start = bytes.size();
    for (std::size_t at = begin; at < end; at += 4) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &data[at], 4);
      const auto half = static_cast<std::uint16_t>(bits >> 16U);  // BF16, cut off
      bytes.append(reinterpret_cast<const char*>(&half), 2);
    }
    const auto bare = name.substr(std::string("transformer.").size());
    part[bare] = {
        {"dtype", "BF16"}, {"shape", entry["shape"]}, {"data_offsets", {start, bytes.size()}}};
    map[bare] = odd ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
  }
  put_together(folder / "model-00001-of-00002.safetensors", first, first_data);
  put_together(folder / "model-00002-of-00002.safetensors", second, second_data);
  REQUIRE(write_file(folder / "model.safetensors.index.json", json{{"weight_map", map}}.dump()));
  auto loaded = load_checkpoint(folder);
  REQUIRE(loaded);
  for (std::size_t i = 0; i < weights.wte.size(); ++i) {
    CHECK(loaded->weights.wte[i] ==
          std::bit_cast<float>(std::bit_cast<std::uint32_t>(weights.wte[i]) & 0xFFFF0000U));
  }
  Sequence sequence{some_tokens(config, 5, 3), {4}};
  for (const auto precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const auto from_files = Model::create(*open_checkpoint(folder), {2, precision});
    const auto from_memory = Model::create(config, loaded->weights, {1, precision});
    REQUIRE(from_files);
    REQUIRE(from_memory);
    CHECK(from_files->logits(std::span(&sequence, 1)) ==
          from_memory->logits(std::span(&sequence, 1)));
  }
}

TEST_CASE("a truncated model names its file and the tensor, wherever it is cut") {
  const auto config = small_config(1, 8, 2);
  const auto folder = fresh_folder("truncated");
  REQUIRE(save_checkpoint(folder, config, lively_weights(config, 2)));
  const auto whole = bytes_of(folder / "model.safetensors");
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    REQUIRE(write_file(folder / "model.safetensors", whole.substr(0, size)));
    const auto loaded = load_checkpoint(folder);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().text().find("model.safetensors") != std::string::npos);
  }
  REQUIRE(write_file(folder / "model.safetensors", whole.substr(0, whole.size() - 1)));
  CHECK(load_checkpoint(folder).error().text().find("truncated") != std::string::npos);
}

TEST_CASE("hostile headers are refused") {
  const auto config = small_config(1, 8, 2);
  const auto folder = fresh_folder("hostile");
  REQUIRE(save_checkpoint(folder, config, lively_weights(config, 2)));
  const auto [header, data] = taken_apart(folder / "model.safetensors");
  auto with = [&, h = header, d = data](const std::string& key, const json& value) {
    auto changed = h;
    changed["transformer.wte.weight"][key] = value;
    put_together(folder / "model.safetensors", changed, d);
    auto loaded = load_checkpoint(folder);
    REQUIRE_FALSE(loaded);
    return loaded.error().text();
  };
  CHECK(with("data_offsets", {0, 18446744073709551615ULL}).find("wte.weight") != std::string::npos);
  CHECK(with("data_offsets", {100, 4}).find("wte.weight") != std::string::npos);
  CHECK(with("shape", {-1, 8}).find("wte.weight") != std::string::npos);
  CHECK(with("shape", {1ULL << 39U, 1ULL << 39U, 1ULL << 39U}).find("wte.weight") !=
        std::string::npos);
  CHECK(with("dtype", "I64").find("I64") != std::string::npos);
  CHECK(with("shape", "big").find("wte.weight") != std::string::npos);
  auto overlapping = header;
  const auto& wte = header["transformer.wte.weight"]["data_offsets"];
  const auto& wpe = header["transformer.wpe.weight"];
  const auto size =
      wpe["data_offsets"][1].get<std::size_t>() - wpe["data_offsets"][0].get<std::size_t>();
  const auto begin = wte[0].get<std::size_t>();
  overlapping["transformer.wpe.weight"]["data_offsets"] = {begin, begin + size};
  put_together(folder / "model.safetensors", overlapping, data);
  CHECK(load_checkpoint(folder).error().text().find("overlap") != std::string::npos);
}

TEST_CASE("a tensor of a layer that would not be computed with is refused, a mask is not") {
  const auto config = small_config(1, 8, 2);
  const auto folder = fresh_folder("more-tensors");
  REQUIRE(save_checkpoint(folder, config, lively_weights(config, 2)));
  const auto [header, data] = taken_apart(folder / "model.safetensors");
  const auto with = [&, h = header, d = data](const std::string& name) {
    auto more = h;
    more[name] = {{"dtype", "U8"}, {"shape", {1}}, {"data_offsets", {d.size(), d.size() + 1}}};
    put_together(folder / "model.safetensors", more, d + '\1');
    const auto loaded = load_checkpoint(folder);
    return loaded ? std::string() : loaded.error().text();
  };
  CHECK(with("transformer.h.0.attn.bias").empty());
  CHECK(with("transformer.h.0.attn.masked_bias").empty());
  CHECK(with("score.weight").empty());
  CHECK(with("transformer.h.0.attn.c_attn.lora_A.weight").find("h.0.attn.c_attn.lora_A.weight") !=
        std::string::npos);
  CHECK(with("transformer.h.1.ln_1.weight").find("in none of the 1 layers") != std::string::npos);
}

TEST_CASE("a tensor with NaN or infinity is refused by name") {
  const auto config = small_config(1, 8, 2);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    auto weights = lively_weights(config, 2);
    weights.layers[0].fc_weight[3] = bad;
    const auto folder = fresh_folder("not-finite");
    REQUIRE(save_checkpoint(folder, config, weights));
    CHECK(load_checkpoint(folder).error().text().find("h.0.mlp.c_fc.weight") != std::string::npos);
    const auto opened = open_checkpoint(folder);
    REQUIRE(opened);
    CHECK(Model::create(*opened).error().text().find("h.0.mlp.c_fc.weight") != std::string::npos);
  }
}

TEST_CASE("every tensor with NaN is named, a bias as itself") {
  const auto config = small_config(2, 8, 2);
  auto weights = lively_weights(config, 2);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  weights.layers[1].attn_bias[5] = nan;
  weights.wpe.back() = nan;
  weights.wte.back() = nan;
  for (const auto precision : {Precision::f32, Precision::int8}) {
    const auto created = Model::create(config, weights, {2, precision});
    REQUIRE_FALSE(created);
    std::string names;
    for (const auto& d : created.error().diagnostics) names += d.what + "; ";
    CHECK(names ==
          "tensor h.1.attn.c_attn.bias has values that are NaN or infinite; "
          "tensor wpe.weight has values that are NaN or infinite; "
          "tensor wte.weight has values that are NaN or infinite; ");
  }
}

TEST_CASE("a file that is cut off while it is open is an error that names the tensor") {
  const auto config = small_config(2, 16, 2);
  const auto folder = fresh_folder("cut-off");
  REQUIRE(save_checkpoint(folder, config, lively_weights(config, 2)));
  const auto opened = open_checkpoint(folder);
  REQUIRE(opened);
  const auto file = folder / "model.safetensors";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  const auto text = Model::create(*opened).error().text();
  INFO(text);
  CHECK(text.find("model.safetensors") != std::string::npos);
  CHECK(text.find("was cut off after it was opened") != std::string::npos);
  CHECK(text.find("tensor ln_f.bias") != std::string::npos);
}

TEST_CASE("half precision is read exactly") {
  CHECK(from_half(0x3C00) == 1.0F);
  CHECK(from_half(0xC000) == -2.0F);
  CHECK(from_half(0x7BFF) == 65504.0F);
  CHECK(from_half(0x0001) == 0x1p-24F);
  CHECK(from_half(0x83FF) == -0x1.FF8p-15F);
  CHECK(std::signbit(from_half(0x8000)));
  CHECK(std::isinf(from_half(0x7C00)));
  CHECK(std::isnan(from_half(0x7E00)));
}

TEST_CASE("every set of kernels widens halves exactly and sees what is not finite") {
  for (const char* name : {"portable", "avx2", "avx512", "avx512_bf16"}) {
    const ForwardKernels* kernels = nullptr;
    try {
      kernels = &forward_kernels(name);
    } catch (const std::invalid_argument&) {
      continue;  // not on this CPU
    }
    INFO(name);
    // In place, from the second half of the room, as weights come from a file.
    constexpr std::size_t count = 65'536 + 5;
    std::vector<float> room(count);
    auto* halves = reinterpret_cast<std::uint16_t*>(room.data()) + count;
    const auto fill = [&] {
      for (std::size_t i = 0; i < count; ++i) halves[i] = static_cast<std::uint16_t>(i);
    };
    const auto wrong = [&](auto expected) {
      std::size_t differ = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const float wanted = expected(static_cast<std::uint16_t>(i));
        const bool same = std::isnan(wanted) ? std::isnan(room[i])
                                             : std::bit_cast<std::uint32_t>(wanted) ==
                                                   std::bit_cast<std::uint32_t>(room[i]);
        differ += same ? 0 : 1;
      }
      return differ;
    };
    fill();
    kernels->from_half(halves, count, room.data());
    CHECK(wrong(from_half) == 0);
    fill();
    kernels->from_bf16(halves, count, room.data());
    CHECK(wrong([](std::uint16_t half) {
            return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U);
          }) == 0);
    std::vector<float> some(70, -std::numeric_limits<float>::max());
    CHECK(kernels->finite(some.data(), some.size()));
    for (std::size_t i = 0; i < some.size(); ++i) {
      for (const float bad :
           {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        const float good = std::exchange(some[i], bad);
        CHECK_FALSE(kernels->finite(some.data(), some.size()));
        CHECK(kernels->finite(some.data(), i));
        some[i] = good;
      }
    }
  }
}

TEST_CASE("JSON that is nested too deeply is refused before it uses up the stack") {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (const std::string& text :
       {deep, R"({"vocab_size": )" + deep + "}", R"({"foreline": )" + deep + "}"})
    CHECK(config_from_json(text, "config.json").error().text().find("nested more than 100 deep") !=
          std::string::npos);
  CHECK(config_from_json(R"({"foreline": [[[{"a": [1]}]]]})", "config.json"));
}

TEST_CASE("sizes count by both of their names, the second one where both are there") {
  const auto config = config_from_json(
      R"({"hidden_size": 96, "n_embd": 64, "num_attention_heads": 4, "n_head": 2,
          "num_hidden_layers": 3, "max_position_embeddings": 50})",
      "config.json");
  REQUIRE(config);
  CHECK(config->n_embd == 96);
  CHECK(config->n_inner == 4 * 96);
  CHECK(config->n_head == 4);
  CHECK(config->n_layer == 3);
  CHECK(config->n_positions == 50);
  CHECK(config_from_json(R"({"num_attention_heads": 0})", "config.json")
            .error()
            .text()
            .find("num_attention_heads is 0") != std::string::npos);
}

TEST_CASE("configurations that change the arithmetic are refused by name") {
  auto refused = [](const std::string& text) {
    auto config = config_from_json(text, "config.json");
    REQUIRE_FALSE(config);
    return config.error().text();
  };
  CHECK(refused(R"({"model_type":"llama"})").find("model_type") != std::string::npos);
  CHECK(refused(R"({"activation_function":"no-such"})").find("activation_function") !=
        std::string::npos);
  CHECK(refused(R"({"n_embd":10,"n_head":3})").find("n_head") != std::string::npos);
  CHECK(refused(R"({"add_cross_attention":true,"n_layer":0})").find("n_layer") !=
        std::string::npos);
  CHECK(refused("not json").find("config.json") != std::string::npos);
  CHECK(refused(R"({"pruned_heads":{"0":[1]}})").find("pruned_heads") != std::string::npos);
  CHECK(refused(R"({"is_encoder_decoder":true})").find("is_encoder_decoder") != std::string::npos);
  CHECK(refused("{\n  \"n_layer\": 2,\n  oops}").find("config.json:3:") != std::string::npos);
  CHECK(config_from_json("{}", "config.json")->n_inner == 3072);
  CHECK(config_from_json(R"({"activation_function":"swish","reorder_and_upcast_attn":true})", "")
            ->activation == Activation::silu);
}
