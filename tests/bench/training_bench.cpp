// SPDX-License-Identifier: Apache-2.0
// Speed of training against what this machine can do: one JSON line a configuration. The peak of
// the machine's multiply-add units is measured before and after, with the same number of threads;
// under foreign load wall time says little, so CPU time is printed too.
//   training_bench [--threads 2] [--steps 5] [--only NAME] [--torch python3]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "inference/gpt2/losses.hpp"
#include "inference/gpt2/machine.hpp"
#include "inference/gpt2/trainer.hpp"
#include "sim/line/random.hpp"

namespace {

using namespace foreline::gpt2;

double wall_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
struct Case {
  const char* name;
  Config config;
  std::size_t batch, tokens;
};

/// Floating point operations a token: 6 a weight that multiplies, and causal attention (2 products
/// forward and 4 back, half of each square).
double flops_per_token(const Case& c) {
  const auto e = static_cast<double>(c.config.n_embd);
  const auto layers = static_cast<double>(c.config.n_layer);
  const auto weights = layers * (4 * e * e + 2 * e * static_cast<double>(c.config.n_inner)) +
                       e * static_cast<double>(c.config.vocab_size);
  return 6 * weights + 6 * layers * e * static_cast<double>(c.tokens);
}

void run(const Case& c, bool bf16, int threads, std::size_t steps) {
  TrainRules rules;
  rules.threads = threads;
  rules.bf16 = bf16;
  Trainer trainer(c.config, initial_weights(c.config, 1), rules);
  std::vector<Sequence> batch;
  std::vector<std::uint32_t> labels;
  for (std::size_t s = 0; s < c.batch; ++s) {
    Sequence sequence;
    for (std::size_t t = 0; t < c.tokens; ++t) {
      const auto word = foreline::line::random_word(s, 3, foreline::line::Purpose::training, t);
      sequence.tokens.push_back(static_cast<std::uint32_t>(word % c.config.vocab_size));
      sequence.asked.push_back(static_cast<std::uint32_t>(t));
      labels.push_back(static_cast<std::uint32_t>((word >> 20U) % c.config.vocab_size));
    }
    batch.push_back(sequence);
  }
  const auto loss = cross_entropy(labels);
  const auto number = bf16 ? Precision::bf16 : Precision::f32;
  const auto before = measured_peak(number, threads);
  double last = trainer.step(batch, loss, 1e-4F);  // makes the primitives
  std::vector<double> walls;
  std::vector<double> cpus;
  for (std::size_t i = 0; i < steps; ++i) {
    const double cpu = cpu_seconds();
    const double began = wall_s();
    last = trainer.step(batch, loss, 1e-4F);
    walls.push_back(wall_s() - began);
    cpus.push_back(cpu_seconds() - cpu);
  }
  const auto after = measured_peak(number, threads);
  std::sort(walls.begin(), walls.end());
  std::sort(cpus.begin(), cpus.end());
  const double tokens = static_cast<double>(c.batch * c.tokens);
  const double work = tokens * flops_per_token(c) * 1e-9;
  const double gflops = std::max(before.gflops, after.gflops);
  const double per_cpu = std::max(before.gflops_per_cpu_s, after.gflops_per_cpu_s);
  fmt::print(
      "{{\"bench\": \"training\", \"model\": \"{}\", \"products\": \"{}\", \"threads\": {}, "
      "\"batch\": {}, \"tokens\": {}, \"tokens_per_s_best\": {:.1f}, \"tokens_per_s_median\": "
      "{:.1f}, \"peak_gflops\": {:.1f}, \"of_peak_best\": {:.3f}, \"cpu_s_per_step_median\": "
      "{:.4f}, \"peak_gflop_per_cpu_s\": {:.1f}, \"of_peak_by_cpu_time\": {:.3f}, \"loss\": "
      "{:.4f}, \"engine\": \"{}\"}}\n",
      c.name, bf16 ? "bf16" : "f32", threads, c.batch, c.tokens, tokens / walls.front(),
      tokens / walls[walls.size() / 2], gflops, work / walls.front() / gflops,
      cpus[cpus.size() / 2], per_cpu, work / cpus[cpus.size() / 2] / per_cpu, last,
      trainer.description());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  // Waiting threads must not burn the CPU time that is measured.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  int threads = 2;
  std::size_t steps = 5;
  std::string only;
  std::string python;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--threads") threads = std::max(1, std::atoi(argv[i + 1]));
    if (option == "--steps") steps = static_cast<std::size_t>(std::max(1, std::atoi(argv[i + 1])));
    if (option == "--only") only = argv[i + 1];
    if (option == "--torch") python = argv[i + 1];
  }
  Config big;
  big.n_inner = 4 * big.n_embd;
  Config small;
  small.vocab_size = 1024;
  small.n_positions = 256;
  small.n_embd = 192;
  small.n_layer = 6;
  small.n_head = 6;
  small.n_inner = 768;
  small.eos_token_id = 1023;
  Config factory = small;
  factory.n_embd = 96;
  factory.n_layer = 3;
  factory.n_head = 4;
  factory.n_inner = 384;
  factory.vocab_size = 512;
  for (const auto& c : {Case{"small", small, 16, 256}, Case{"forecaster", factory, 32, 96},
                        Case{"124M", big, 4, 128}}) {
    if (!only.empty() && only != c.name) continue;
    for (const bool bf16 : {false, true}) run(c, bf16, threads, steps);
    if (python.empty()) continue;
    const auto command =
        fmt::format("{} {}/tests/bench/training_torch.py {} {} {} {} {} {} {} {} {}", python,
                    FORELINE_SOURCE_DIR, c.name, c.config.vocab_size, c.config.n_embd,
                    c.config.n_layer, c.config.n_head, c.batch, c.tokens, threads, steps);
    if (std::system(command.c_str()) != 0) fmt::print(stderr, "PyTorch did not run: {}\n", command);
  }
  return 0;
}
