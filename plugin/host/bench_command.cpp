// SPDX-License-Identifier: Apache-2.0
// foreline bench model: how fast a GPT-2 runs here, as a share of what this machine can do at most.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/machine.hpp"
#include "inference/gpt2/model.hpp"
#include "inference/gpt2/workers.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/language_model.hpp"

namespace foreline::host {

namespace {

namespace fs = std::filesystem;
using gpt2::Precision;

struct Options {
  std::string folder;
  std::string size;
  std::string keep;
  int threads = 2;
  std::vector<std::string> precisions = {"f32", "bf16", "int8"};
  std::vector<std::string> works;
  bool tables = false;
  bool json = false;
  double seconds = 60;
  std::uint64_t seed = 1;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Shapes by the name that people give them.
std::optional<gpt2::Config> config_of(const std::string& size) {
  struct Shape {
    const char* name;
    std::size_t width, layers, heads, vocabulary, positions;
  };
  for (const Shape& s :
       {Shape{"1M", 128, 4, 4, 1024, 1024}, Shape{"small", 192, 6, 6, 1024, 256},
        Shape{"30M", 384, 8, 6, 50257, 1024}, Shape{"124M", 768, 12, 12, 50257, 1024},
        Shape{"355M", 1024, 24, 16, 50257, 1024}, Shape{"774M", 1280, 36, 20, 50257, 1024},
        Shape{"1558M", 1600, 48, 25, 50257, 1024}}) {
    if (size != s.name) continue;
    gpt2::Config config;
    config.vocab_size = s.vocabulary;
    config.n_positions = s.positions;
    config.n_embd = s.width;
    config.n_layer = s.layers;
    config.n_head = s.heads;
    config.n_inner = 4 * s.width;
    config.eos_token_id = s.vocabulary - 1;
    return config;
  }
  return std::nullopt;
}

/// A folder that is gone when this is.
class Temporary {
 public:
  Temporary() {
    std::string name = (fs::temp_directory_path() / "foreline-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Temporary() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Kilobytes by their name in /proc/self/status.
double status_mb(const char* name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name, 0) == 0)
      return std::strtod(line.c_str() + line.find(':') + 1, nullptr) / 1000;
  }
  return 0;
}

/// Seconds to read the weights' files from where they lie, out of the page cache first if the
/// system lets them go.
double read_seconds(const fs::path& folder) {
  std::vector<char> buffer(std::size_t{4} << 20U);
  double spent = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".safetensors") continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    const double began = now();
    while (::read(file, buffer.data(), buffer.size()) > 0) {
    }
    spent += now() - began;
    ::close(file);
  }
  return spent;
}

void forget_pages(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    ::fsync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

/// What one measurement does.
struct Work {
  bool prefill = false;
  std::size_t batch = 1;
  std::size_t context = 0;  ///< Tokens of the prompt, or in the cache.
  bool operator==(const Work&) const = default;
};

/// As people name it: "prefill:512", "decode:8x256".
std::string name_of(const Work& work) {
  return work.prefill ? fmt::format("prefill:{}", work.context)
                      : fmt::format("decode:{}x{}", work.batch, work.context);
}

std::optional<Work> work_of(const std::string& name) {
  Work work;
  work.prefill = name.rfind("prefill:", 0) == 0;
  if (!work.prefill && name.rfind("decode:", 0) != 0) return std::nullopt;
  const char* at = name.data() + name.find(':') + 1;
  const char* end = name.data() + name.size();
  const auto number = [&](std::size_t& to, std::size_t high) {
    const auto [rest, error] = std::from_chars(at, end, to);
    at = rest;
    return error == std::errc() && to >= 1 && to <= high;
  };
  if (!work.prefill && (!number(work.batch, 4096) || at == end || *at++ != 'x'))
    return std::nullopt;
  if (!number(work.context, 1'000'000) || at != end) return std::nullopt;
  return work;
}

/// A process that computes and does nothing else, while this lives.
class BusyNeighbour {
 public:
  BusyNeighbour() : process_(::fork()) {
    if (process_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (volatile std::uint64_t work = 0;;) work = work + 1;
  }
  ~BusyNeighbour() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  BusyNeighbour(const BusyNeighbour&) = delete;
  BusyNeighbour& operator=(const BusyNeighbour&) = delete;
  [[nodiscard]] bool there() const { return process_ > 0; }

 private:
  pid_t process_;
};

struct Spent {
  /// Of one pass; CPU time is the least, `late_s` what one pass in a hundred takes longer than.
  double best_s = 0, median_s = 0, late_s = 0, cpu_s = 0;
  std::size_t passes = 0;
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), began_(now()) {}

  [[nodiscard]] bool time_left() const { return now() - began_ < options_.seconds; }

  int run(const fs::path& folder) {
    if (options_.json) {
      say({{"bench", "model"},
           {"machine", gpt2::machine_description()},
           {"model", folder.string()}});
    } else {
      fmt::print("{}\n", gpt2::machine_description());
    }
    for (const auto& name : options_.precisions) {
      const int status = with(folder, name, options_.threads);
      if (status != pass) return status;
    }
    if (!options_.tables) return pass;
    for (const int threads : {1, 2}) {
      if (threads == options_.threads) continue;
      for (const auto& name : options_.precisions) {
        const int status = with(folder, name, threads);
        if (status != pass) return status;
      }
    }
    if (skipped_ > 0)
      progress(fmt::format("{} rows left out: --seconds {} were over", skipped_, options_.seconds));
    return pass;
  }

 private:
  void say(const nlohmann::json& record) { fmt::print("{}\n", record.dump()); }

  int with(const fs::path& folder, const std::string& name, int threads) {
    const auto precision = *precision_of(name);
    forget_pages(folder);
    const double file_cpu = gpt2::cpu_seconds();
    const double file_s = read_seconds(folder);
    const double file_cpu_s = gpt2::cpu_seconds() - file_cpu;
    forget_pages(folder);
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts here
    const double before_mb = status_mb("VmRSS");
    const double first_cpu = gpt2::cpu_seconds();
    const double began = now();
    const auto checkpoint = gpt2::open_checkpoint(folder, gpt2::Head::wanted);
    if (!checkpoint) return fail(bad_input, "bench", checkpoint.error());
    auto created = gpt2::Model::create(*checkpoint, {threads, precision});
    if (!created) return fail(bad_input, "bench", created.error());
    const auto& model = *created;
    {
      gpt2::Model::Session session(model);
      const std::uint32_t token = 0;
      (void)session.append(std::span(&token, 1));
    }
    const double first_s = now() - began;
    const double first_cpu_s = gpt2::cpu_seconds() - first_cpu;
    const double loaded_mb = status_mb("VmHWM") - before_mb;
    const double weights_mb = static_cast<double>(model.bytes()) * 1e-6;
    rows_of(model, precision, name, threads);
    if (options_.works.empty()) beside_a_neighbour(model, name, threads);
    if (options_.json) {
      say({{"bench", "load"},
           {"precision", name},
           {"threads", threads},
           {"engine", model.description()},
           {"first_token_s", first_s},
           {"first_token_cpu_s", first_cpu_s},
           {"read_file_s", file_s},
           {"read_file_cpu_s", file_cpu_s},
           {"first_token_over_read", first_s / file_s},
           {"weights_mb", weights_mb},
           {"peak_loading_mb", loaded_mb},
           {"peak_mb", status_mb("VmHWM") - before_mb}});
    } else {
      fmt::print("{}\n", model.description());
      fmt::print(
          "first token {:.2f} s after the start, cold: {:.2f} x the {:.2f} s of reading the file; "
          "{:.2f} s and {:.2f} s of CPU time. Memory: weights {:.0f} MB, at most {:.0f} MB to the "
          "first token, {:.0f} MB in all\n\n",
          first_s, first_s / file_s, file_s, first_cpu_s, file_cpu_s, weights_mb, loaded_mb,
          status_mb("VmHWM") - before_mb);
    }
    return pass;
  }

  void rows_of(const gpt2::Model& model, Precision precision, const std::string& name,
               int threads) {
    const auto positions = model.config().n_positions;
    std::vector<Work> works;
    const auto add = [&](bool prefill, std::size_t batch, std::size_t context) {
      const Work work{prefill, batch, std::min(context, positions)};
      if (std::find(works.begin(), works.end(), work) == works.end()) works.push_back(work);
    };
    for (const auto& given : options_.works) {
      const auto work = *work_of(given);
      add(work.prefill, work.batch, work.context);
    }
    if (!works.empty()) return measure(model, precision, name, threads, works);
    add(true, 1, 512);
    if (positions >= 4) {
      for (const std::size_t batch : {1, 8, 32}) add(false, batch, 256);
    }
    if (options_.tables && positions >= 4) {
      for (const std::size_t context : {64, 128, 256, 512, 1024}) add(true, 1, context);
      for (const std::size_t batch : {1, 2, 4, 8, 16, 32, 64, 128, 256}) add(false, batch, 64);
      for (const std::size_t context : {64, 128, 512, 1024}) add(false, 1, context);
    }
    measure(model, precision, name, threads, works);
  }

  void measure(const gpt2::Model& model, Precision precision, const std::string& name, int threads,
               const std::vector<Work>& works) {
    if (!options_.json)
      fmt::print("{:8} {:5} {:>7} {:>5} {:>7} {:>11} {:>9} {:>12} {:>6} {:>10}\n", "work",
                 "numbers", "threads", "batch", "context", "tokens/s", "median", "at most", "share",
                 "by CPU time");
    for (const auto& work : works) {
      if (!time_left()) {
        ++skipped_;
        continue;
      }
      row(model, precision, name, threads, work);
    }
  }

  /// A short prompt again and again: alone, and beside a process that is always busy.
  void beside_a_neighbour(const gpt2::Model& model, const std::string& name, int threads) {
    constexpr std::size_t passes_min = 100;
    if (!time_left()) return;
    const Work work{true, 1, std::min<std::size_t>(96, model.config().n_positions)};
    if (prefill(model, work, 3).median_s * passes_min > options_.seconds / 10) return;
    gpt2::take_short_turns();  // as the thread does that watches a plant
    const auto alone = prefill(model, work, 1000, passes_min);
    const BusyNeighbour neighbour;
    if (!neighbour.there()) return;
    const auto beside = prefill(model, work, 1000, passes_min);
    const double ratio = beside.late_s / alone.late_s;
    if (options_.json) {
      say({{"bench", "neighbour"},
           {"precision", name},
           {"threads", threads},
           {"context", work.context},
           {"passes", beside.passes},
           {"median_s", alone.median_s},
           {"p99_s", alone.late_s},
           {"beside_median_s", beside.median_s},
           {"beside_p99_s", beside.late_s},
           {"p99_ratio", ratio}});
      return;
    }
    fmt::print(
        "{} tokens, {} thread{}: median {:.2f} ms, p99 {:.2f} ms; beside a busy process median "
        "{:.2f} ms, p99 {:.2f} ms: {:.1f} x\n",
        work.context, threads, threads == 1 ? "" : "s", 1e3 * alone.median_s, 1e3 * alone.late_s,
        1e3 * beside.median_s, 1e3 * beside.late_s, ratio);
  }

  void row(const gpt2::Model& model, Precision precision, const std::string& name, int threads,
           const Work& work) {
    const auto& c = model.config();
    const double e = static_cast<double>(c.n_embd);
    const double layers = static_cast<double>(c.n_layer);
    const double block_weights = layers * (4 * e * e + 2 * e * static_cast<double>(c.n_inner));
    const double head_weights = e * static_cast<double>(c.vocab_size);
    const double batch = static_cast<double>(work.batch);
    const double context = static_cast<double>(work.context);
    const double element = precision == Precision::f32 ? 4 : precision == Precision::bf16 ? 2 : 1;
    // A pass: every weight is read once; prefill projects the last position only.
    const double tokens = work.prefill ? batch * context : batch;
    double gflop = 2e-9 * (block_weights * tokens + head_weights * batch);
    gflop += 1e-9 * layers * e * 4 * (work.prefill ? context * (context + 1) / 2 : context) * batch;
    double bytes = (block_weights + head_weights) * element;
    if (!work.prefill)
      bytes += batch * context * static_cast<double>(model.cache_bytes_per_token());
    const auto machine = [&] {
      auto& peak = peaks_[{name, threads}];
      const auto again = gpt2::measured_peak(precision, threads);
      peak.gflops = std::max(peak.gflops, again.gflops);
      peak.gflops_per_cpu_s = std::max(peak.gflops_per_cpu_s, again.gflops_per_cpu_s);
      auto& read = reads_[{static_cast<std::size_t>(bytes), threads}];
      read = std::max(
          read, gpt2::measured_read_gb_s(
                    std::min(static_cast<std::size_t>(bytes), std::size_t{1} << 28U), threads));
      return std::pair(peak, read);
    };
    (void)machine();
    const auto spent = work.prefill ? prefill(model, work) : decode(model, work);
    const auto [peak, read] = machine();
    const double compute_s = gflop / peak.gflops;
    const double memory_s = bytes * 1e-9 / read;
    const double least_s = std::max(compute_s, memory_s);
    const double share = least_s / spent.best_s;
    const double by_cpu = gflop / peak.gflops_per_cpu_s / spent.cpu_s;
    const bool compute_bound = compute_s >= memory_s;
    if (options_.json) {
      say({{"bench", work.prefill ? "prefill" : "decode"},
           {"work", name_of(work)},
           {"precision", name},
           {"threads", threads},
           {"batch", work.batch},
           {"context", work.context},
           {"tokens_per_s", tokens / spent.best_s},
           {"tokens_per_s_median", tokens / spent.median_s},
           {"passes", spent.passes},
           {"cpu_s", spent.cpu_s},
           {"ceiling_tokens_per_s", tokens / least_s},
           {"bound", compute_bound ? "compute" : "memory"},
           {"share", share},
           {"share_of_peak_by_cpu_time", by_cpu},
           {"gflop", gflop},
           {"mb", bytes * 1e-6},
           {"peak_gflops", peak.gflops},
           {"peak_gflops_per_cpu_s", peak.gflops_per_cpu_s},
           {"read_gb_s", read}});
      std::fflush(stdout);
      return;
    }
    fmt::print("{:8} {:5} {:>7} {:>7} {:>7} {:>11.1f} {:>9.1f} {:>12} {:>6.0f} % {:>8.0f} %\n",
               work.prefill ? "prefill" : "decode", name, threads, work.batch, work.context,
               tokens / spent.best_s, tokens / spent.median_s,
               fmt::format("{:.0f} {}", tokens / least_s, compute_bound ? "flop" : "read"),
               100 * share, 100 * by_cpu);
    std::fflush(stdout);
  }

  /// Repeats `pass`, which starts a pass and says how long it took, for a part of the time.
  template <class Pass>
  [[nodiscard]] Spent repeat(std::size_t passes_max, Pass pass, std::size_t passes_min = 3) const {
    std::vector<double> walls;
    Spent spent;
    const double until = now() + options_.seconds / 30;
    while (walls.size() < passes_max && (walls.size() < passes_min || now() < until)) {
      const double cpu = gpt2::cpu_seconds();
      const double began = now();
      pass();
      walls.push_back(now() - began);
      const double cpu_s = gpt2::cpu_seconds() - cpu;
      spent.cpu_s = walls.size() == 1 ? cpu_s : std::min(spent.cpu_s, cpu_s);
    }
    std::sort(walls.begin(), walls.end());
    spent.best_s = walls.front();
    spent.median_s = walls[walls.size() / 2];
    spent.late_s = walls[walls.size() * 99 / 100];
    spent.passes = walls.size();
    return spent;
  }

  [[nodiscard]] std::vector<std::uint32_t> some_tokens(const gpt2::Model& model,
                                                       std::size_t count) const {
    std::vector<std::uint32_t> tokens;
    for (std::size_t i = 0; i < count; ++i)
      tokens.push_back(
          static_cast<std::uint32_t>((i * 7919 + options_.seed) % model.config().vocab_size));
    return tokens;
  }

  [[nodiscard]] Spent prefill(const gpt2::Model& model, const Work& work,
                              std::size_t passes_max = 1000, std::size_t passes_min = 3) const {
    const auto tokens = some_tokens(model, work.context);
    {
      gpt2::Model::Session warm(model);
      (void)warm.append(tokens);
    }
    const auto pass = [&] {
      gpt2::Model::Session session(model);
      (void)session.append(tokens);
    };
    return repeat(passes_max, pass, passes_min);
  }

  [[nodiscard]] Spent decode(const gpt2::Model& model, const Work& work) const {
    // The cache grows by a token a pass; the context named is the one in the middle.
    const std::size_t passes_max = std::min<std::size_t>(
        work.batch <= 2 ? 64 : 48, std::max<std::size_t>(1, work.context / 4));
    const auto first = std::min(work.context - std::min(work.context / 2, passes_max / 2),
                                model.config().n_positions - passes_max - 1);
    gpt2::Model::Session first_session(model);
    (void)first_session.append(some_tokens(model, std::max<std::size_t>(first, 1)));
    std::vector<gpt2::Model::Session> sessions;
    for (std::size_t b = 1; b < work.batch; ++b) sessions.push_back(first_session.copy());
    sessions.push_back(std::move(first_session));
    std::vector<gpt2::Model::Session*> all;
    for (auto& session : sessions) all.push_back(&session);
    std::vector<std::vector<std::uint32_t>> next;
    for (const auto token : some_tokens(model, work.batch)) next.push_back({token});
    (void)gpt2::Model::Session::append(all, next);
    return repeat(passes_max, [&] { (void)gpt2::Model::Session::append(all, next); });
  }

  const Options& options_;
  double began_;
  std::size_t skipped_ = 0;
  std::map<std::pair<std::string, int>, gpt2::Peak> peaks_;
  std::map<std::pair<std::size_t, int>, double> reads_;
};

int bench(const Options& options) {
  for (const auto& name : options.precisions) {
    if (!precision_of(name))
      return fail(bad_input, "bench",
                  fmt::format("--precision \"{}\" is none of f32, bf16, int8", name));
  }
  for (const auto& work : options.works) {
    if (!work_of(work))
      return fail(
          bad_input, "bench",
          fmt::format("--work \"{}\" is neither prefill:TOKENS nor decode:BATCHxTOKENS, for "
                      "instance prefill:512, decode:8x256",
                      work));
  }
  if (options.size.empty())
    return Bench(options).run(
        shipped(options.folder.empty() ? "inference/models/small" : options.folder));
  const auto config = config_of(options.size);
  if (!config)
    return fail(bad_input, "bench",
                fmt::format("--size \"{}\" is none of 1M, small, 30M, 124M, 355M, 774M, 1558M",
                            options.size));
  const Temporary temporary;
  const fs::path folder = options.keep.empty() ? temporary.path() : fs::path(options.keep);
  if (folder.empty()) return fail(environment, "bench", "no temporary folder can be made");
  progress(fmt::format("writing a random GPT-2 of size {}, seed {}", options.size, options.seed));
  if (auto done =
          gpt2::save_checkpoint(folder, *config, gpt2::initial_weights(*config, options.seed));
      !done)
    return fail(environment, "bench", done.error());
  return Bench(options).run(folder);
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* all = app.add_subcommand("bench", "Measure speed as a share of what this machine can do");
  all->require_subcommand(1);
  all->footer("Example:\n  foreline bench model --seconds 3 --precision f32");
  auto* command = all->add_subcommand(
      "model",
      "A GPT-2: tokens/s of prompts and of generation, the most that the machine's multiply-add "
      "units and memory would allow (measured in the same run), memory, time of the first token");
  auto* folder = command->add_option("--model", options->folder,
                                     "Folder of a GPT-2 in the Hugging Face layout (default: the "
                                     "small one that comes with foreline)");
  command
      ->add_option("--size", options->size,
                   "Instead, random weights of this size: 1M, small, 30M, 124M, 355M, 774M, 1558M")
      ->excludes(folder);
  command->add_option("--keep", options->keep, "With --size: write the model here and keep it");
  command->add_option("--seed", options->seed, "Of the random weights")->capture_default_str();
  command->add_option("--threads", options->threads, "Threads to compute on")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      ->add_option("--precision", options->precisions,
                   "f32, bf16, int8; may be given several times")
      ->capture_default_str();
  auto* works =
      command->add_option("--work", options->works,
                          "Only this work: prefill:TOKENS or decode:BATCHxTOKENS, where TOKENS are "
                          "in the cache; may be given several times");
  command
      ->add_flag("--tables", options->tables,
                 "Also batches 1 to 256, contexts 64 to 1024, and 1 and 2 threads")
      ->excludes(works);
  command->add_option("--seconds", options->seconds, "Time for all of it, about")
      ->check(CLI::Range(1.0, 36000.0))
      ->capture_default_str();
  command->add_flag("--json", options->json, "One JSON object a line");
  command->footer("Example:\n  foreline bench model --size small --seconds 5");
  command->callback([options, &exit_code] { exit_code = bench(*options); });
}

}  // namespace foreline::host
