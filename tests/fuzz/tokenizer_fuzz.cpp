// SPDX-License-Identifier: Apache-2.0
// tokenizer.json, or vocab.json and merges.txt with a zero between them: any bytes are refused or
// read; a tokenizer that was read encodes any text to ids of its own and can be saved.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "inference/gpt2/tokenizer.hpp"
#include "tests/fuzz/folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace foreline;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto zero = all.find('\0');
  if (zero == std::string_view::npos) {
    fuzz::put("tokenizer.json", all);
  } else {
    fuzz::drop("tokenizer.json");
    fuzz::put("vocab.json", all.substr(0, zero));
    fuzz::put("merges.txt", all.substr(zero + 1));
  }
  const auto tokenizer = gpt2::Tokenizer::load(fuzz::folder());
  if (!tokenizer) {
    if (tokenizer.error().text().empty()) std::abort();
    return 0;
  }
  const auto text = all.substr(0, std::min<std::size_t>(all.size(), 400));
  const auto ids = tokenizer->encode(text);
  if (std::any_of(ids.begin(), ids.end(), [&](auto id) { return id >= tokenizer->size(); }))
    std::abort();
  (void)tokenizer->decode(ids);
  return 0;
}
