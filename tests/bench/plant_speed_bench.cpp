// SPDX-License-Identifier: Apache-2.0
// What training of a plant model's network and its forecasts cost, beside XGBoost's prediction of
// the trees that belong to it: FD001 with the default shape, batch and optimizer, CPU time of one
// thread, JSON lines. plant_torch_bench.py does the same in PyTorch and prints the ratios.
//   bench_plant_speed [steps=200] [members=8]
#include <fmt/format.h>
#include <unistd.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>

#include "inference/plant/plant_model.hpp"

using namespace foreline;
using namespace foreline::plant;

namespace {

double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Median CPU seconds of `work`, after one to warm up.
double median_s(std::size_t times, const std::function<void()>& work) {
  std::vector<double> each;
  for (std::size_t i = 0; i <= times; ++i) {
    const double from_s = cpu_s();
    work();
    if (i > 0) each.push_back(cpu_s() - from_s);
  }
  std::sort(each.begin(), each.end());
  return each[each.size() / 2];
}

template <class Value>
Value must(line::Result<Value> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().text());
  std::exit(1);
}

void say(const std::string& work, double ms) {
  fmt::print("{{\"work\": \"{}\", \"ms\": {:.5f}}}\n", work, ms);
  std::fflush(stdout);
}

/// The trees of a saved model, in XGBoost itself.
class InXgboost {
 public:
  explicit InXgboost(const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".ubj") continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      auto& booster = boosters_.emplace_back();
      wants(XGBoosterCreate(nullptr, 0, &booster));
      wants(XGBoosterLoadModelFromBuffer(booster, bytes.data(), bytes.size()));
      wants(XGBoosterSetParam(booster, "nthread", "1"));
    }
  }
  InXgboost(const InXgboost&) = delete;
  InXgboost& operator=(const InXgboost&) = delete;
  ~InXgboost() {
    for (auto* booster : boosters_) XGBoosterFree(booster);
  }
  void predict(const Samples& samples) const {
    DMatrixHandle matrix = nullptr;
    wants(XGDMatrixCreateFromMat_omp(samples.features.data(), samples.size(), samples.width,
                                     std::numeric_limits<float>::quiet_NaN(), &matrix, 1));
    for (auto* booster : boosters_) {
      bst_ulong count = 0;
      const float* values = nullptr;
      wants(XGBoosterPredict(booster, matrix, 0, 0, 0, &count, &values));
    }
    wants(XGDMatrixFree(matrix));
  }

 private:
  static void wants(int failed) {
    if (failed == 0) return;
    fmt::print(stderr, "XGBoost: {}\n", XGBGetLastError());
    std::exit(1);
  }
  std::vector<BoosterHandle> boosters_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int place, std::size_t otherwise) {
    return argc > place ? static_cast<std::size_t>(std::max(1, std::atoi(argv[place]))) : otherwise;
  };
  const auto steps = argument(1, 200);
  const auto file =
      std::filesystem::path(FORELINE_SOURCE_DIR) / "tests/bench/forecast/fd001_train.toml";
  const auto description = must(read_description(file));
  if (!std::filesystem::exists(description.beside(description.file))) {
    fmt::print("{{\"skipped\": \"FD001 is not beside the checkout\"}}\n");
    return 0;
  }
  const auto records = must(read_records(description));
  std::vector<std::size_t> machines(records.machines.size());
  std::iota(machines.begin(), machines.end(), std::size_t{0});

  PlantRules rules;
  rules.members = argument(2, rules.members);
  rules.horizon = description.horizon;
  rules.horizons = description.horizons;
  rules.network.steps = 10;  // weights cost the same whatever they have learned
  rules.imagined = 1;
  const auto model = must(PlantModel::train(
      records, machines, std::numeric_limits<double>::infinity(), rules, [](const auto&) {}));
  QualityReport report;
  const auto prepared = must(model.prepare(records, report));
  Choice all;
  all.machines = machines;
  const auto samples = model.samples(prepared, all);
  const auto& words = model.words();
  const auto sentence = words.sequence(words.levels(samples.status(0)));

  auto network = rules.network;
  network.steps = steps;
  network.batch = 32;
  std::vector<double> each_s;
  double from_s = 0;
  const auto trained =
      train_network(words, samples, {}, model.bins(), network, [&](auto step, auto, double) {
        if (step > 1) each_s.push_back(cpu_s() - from_s);
        from_s = cpu_s();
      });
  std::sort(each_s.begin(), each_s.end());
  const auto one = must(open_network(trained, words, 1));
  std::vector<std::size_t> some(2048);
  for (std::size_t i = 0; i < some.size(); ++i) some[i] = i * samples.size() / some.size();
  const auto many = samples.picked(some);
  const auto single = samples.picked(std::vector<std::size_t>{some.size() / 2});
  fmt::print(
      "{{\"vocabulary\": {}, \"width\": {}, \"layers\": {}, \"heads\": {}, \"positions\": {}, "
      "\"tokens\": {}, \"answers\": {}, \"first_answer\": {}, \"batch\": {}, \"dropout\": {}, "
      "\"average\": {}, \"members\": {}}}\n",
      trained.config.vocab_size, trained.config.n_embd, trained.config.n_layer,
      trained.config.n_head, sentence.positions(), sentence.tokens.size(), words.answers(),
      words.answer(0), network.batch, network.dropout, network.average, rules.members);
  say("training step", 1e3 * each_s[each_s.size() / 2]);
  const auto forecast = [&](const Samples& of) {
    return [&] { (void)answer(one, 1, words, model.bins(), of); };
  };
  const auto forecasts = [&](Method method, const Samples& of) {
    return [&, method] { (void)model.answers(method, prepared, of); };
  };
  const auto count = static_cast<double>(many.size());
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("bench-plant-{}", ::getpid());
  must(model.save(folder));
  const InXgboost xgboost(folder);
  std::filesystem::remove_all(folder);
  say("batch, one network", 1e3 / count * median_s(5, forecast(many)));
  say("batch, all networks", 1e3 / count * median_s(3, forecasts(Method::gpt, many)));
  say("batch, trees", 1e3 / count * median_s(3, forecasts(Method::trees, many)));
  say("batch, XGBoost", 1e3 / count * median_s(3, [&] { xgboost.predict(many); }));
  say("one, one network", 1e3 * median_s(201, forecast(single)));
  say("one, all networks", 1e3 * median_s(101, forecasts(Method::gpt, single)));
  say("one, trees", 1e3 * median_s(101, forecasts(Method::trees, single)));
  say("one, XGBoost", 1e3 * median_s(101, [&] { xgboost.predict(single); }));
  auto alone = prepared;
  alone.machines = {prepared.machines.front()};
  say("one, whole forecast",
      1e3 * median_s(101, [&] { (void)model.forecast(alone, false, false); }));
  say("one, with reasons", 1e3 * median_s(51, [&] { (void)model.forecast(alone, false, true); }));
  return 0;
}
