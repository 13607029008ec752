// SPDX-License-Identifier: Apache-2.0
// Encoding on one core, MB a CPU second, each line of a text by itself; JSON lines.
//   bench_tokenizer FOLDER TEXT [PYTHON]   with PYTHON: the Rust package tokenizers, in the same
//   run
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/machine.hpp"
#include "inference/gpt2/tokenizer.hpp"

int main(int argc, char** argv) {
  using namespace foreline;
  if (argc < 3) {
    fmt::print(stderr, "usage: bench_tokenizer FOLDER TEXT [PYTHON]\n");
    return 2;
  }
  const auto tokenizer = gpt2::Tokenizer::load(argv[1]);
  const auto text = gpt2::read_file(argv[2]);
  if (!tokenizer || !text) {
    fmt::print(stderr, "{}\n", !tokenizer ? tokenizer.error().text() : text.error().text());
    return 2;
  }
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text->size();) {
    const auto end = std::min(text->find('\n', at), text->size() - 1) + 1;
    lines.push_back(text->substr(at, end - at));
    at = end;
  }
  double best = 1e9;
  std::size_t tokens = 0;
  for (int round = 0; round < 7; ++round) {
    tokens = 0;
    const double began = gpt2::cpu_seconds();
    for (const auto& line : lines) tokens += tokenizer->encode(line).size();
    best = std::min(best, gpt2::cpu_seconds() - began);
  }
  fmt::print(
      "{{\"bench\": \"tokenizer\", \"bytes\": {}, \"tokens\": {}, \"mb_per_cpu_s\": {:.2f}}}\n",
      text->size(), tokens, static_cast<double>(text->size()) * 1e-6 / best);
  std::fflush(stdout);
  if (argc < 4) return 0;
  const auto command = fmt::format("{} {}/tests/bench/tokenizer_rust.py {} {}", argv[3],
                                   FORELINE_SOURCE_DIR, argv[1], argv[2]);
  return std::system(command.c_str()) == 0 ? 0 : 1;
}
