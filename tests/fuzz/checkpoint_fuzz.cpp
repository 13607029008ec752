// SPDX-License-Identifier: Apache-2.0
// model.safetensors: any bytes are refused or read. An input that begins with '{' is config.json, a
// zero, and the weights; others go with a small shape that is always the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "inference/gpt2/checkpoint.hpp"
#include "tests/fuzz/folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace foreline;
  std::string_view all(reinterpret_cast<const char*>(data), size);
  std::string_view config =
      R"({"model_type": "gpt2", "vocab_size": 8, "n_positions": 4, "n_embd": 4, "n_layer": 1,)"
      R"( "n_head": 2, "eos_token_id": 7})";
  if (!all.empty() && all.front() == '{') {
    const auto end = std::min(all.find('\0'), all.size());
    config = all.substr(0, end);
    all.remove_prefix(std::min(end + 1, all.size()));
  }
  fuzz::put("config.json", config);
  fuzz::put("model.safetensors", all);
  const auto read = gpt2::load_checkpoint(fuzz::folder());
  if (!read && read.error().text().empty()) std::abort();
  return 0;
}
