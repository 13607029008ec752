// SPDX-License-Identifier: Apache-2.0
// The peer of llama_cpp_bench.py, compiled by it against a build of llama.cpp: one JSON line a kind
// of work and a setting of flash attention. Work as `foreline bench model` has it: prefill:512,
// decode:8x256. usage: llama_cpp_peer MODEL.gguf THREADS WORK...
#include <llama.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/// Least of a pass.
struct Spent {
  double wall_s = 1e9;
  double cpu_s = 1e9;
};

struct Batch {
  llama_batch it;
  explicit Batch(int room) : it(llama_batch_init(room, 0, 1)) {}
  ~Batch() { llama_batch_free(it); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  void add(llama_token token, int position, int sequence, bool asked) {
    const int i = it.n_tokens++;
    it.token[i] = token;
    it.pos[i] = position;
    it.n_seq_id[i] = 1;
    it.seq_id[i][0] = sequence;
    it.logits[i] = static_cast<signed char>(asked);
  }
};

/// False when llama.cpp cannot do it.
bool quickest(llama_model* model, int threads, bool prefill, int batch, int context, bool flash,
              Spent& spent) {
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  // The cache grows by a token a pass; the context named is the one in the middle.
  const int passes = prefill ? 3 : std::min(batch <= 2 ? 64 : 16, std::max(1, context / 4));
  const int first = prefill ? context : context - passes / 2 - 1;
  auto settings = llama_context_default_params();
  settings.n_seq_max = static_cast<unsigned>(batch);
  settings.n_ctx = static_cast<unsigned>(batch * (first + (prefill ? 0 : passes + 1)));
  settings.n_batch = settings.n_ubatch = 512;
  settings.n_threads = settings.n_threads_batch = threads;
  settings.flash_attn_type = flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  settings.kv_unified = false;
  auto* state = llama_init_from_model(model, settings);
  if (state == nullptr) return false;
  Batch prompt(first);
  for (int i = 0; i < first; ++i) prompt.add(i * 7919 % vocabulary, i, 0, i + 1 == first);
  auto* memory = llama_get_memory(state);
  bool good = true;
  const auto decode = [&](llama_batch batch, bool counts) {
    const double began = now();
    const double cpu = cpu_seconds();
    good = llama_decode(state, batch) == 0;
    llama_synchronize(state);
    if (!counts) return;
    spent.wall_s = std::min(spent.wall_s, now() - began);
    spent.cpu_s = std::min(spent.cpu_s, cpu_seconds() - cpu);
  };
  if (prefill) {
    for (int pass = 0; pass < passes && good; ++pass) {
      llama_memory_clear(memory, false);
      decode(prompt.it, pass > 0);
    }
  } else {
    decode(prompt.it, false);
    for (int sequence = 1; sequence < batch; ++sequence)
      llama_memory_seq_cp(memory, 0, sequence, -1, -1);
    for (int pass = 0; pass < passes && good; ++pass) {
      Batch step(batch);
      for (int sequence = 0; sequence < batch; ++sequence)
        step.add(sequence * 7919 % vocabulary, first + pass, sequence, true);
      decode(step.it, pass > 0);
    }
  }
  llama_free(state);
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  auto* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return 1;
  const int threads = std::atoi(argv[2]);
  for (int i = 3; i < argc; ++i) {
    int batch = 1;
    int context = 0;
    const bool prefill = std::sscanf(argv[i], "prefill:%d", &context) == 1;
    if (!prefill && std::sscanf(argv[i], "decode:%dx%d", &batch, &context) != 2) return 2;
    for (const bool flash : {false, true}) {
      Spent spent;
      if (!quickest(model, threads, prefill, batch, context, flash, spent)) continue;
      std::printf(
          "{\"work\": \"%s\", \"threads\": %d, \"flash\": %s, \"tokens_per_s\": %.2f, \"cpu_s\": "
          "%.6f}\n",
          argv[i], threads, flash ? "true" : "false", (prefill ? context : batch) / spent.wall_s,
          spent.cpu_s);
      std::fflush(stdout);
    }
  }
  llama_model_free(model);
  llama_backend_free();
  return 0;
}
