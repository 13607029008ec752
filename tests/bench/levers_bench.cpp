// SPDX-License-Identifier: Apache-2.0
// Who names a line's best lever and its bottleneck, judged by simulated counterfactuals on lines
// that nobody has met: arithmetic, trees, the GPT-2, their blend. Lines and days are made up at
// random; those on which no lever surely brings anything are left out. Seeds of learning and of
// judging are apart. Gains are kept in a file, so that a second run pulls no lever again.
//   bench_levers STUDIES [learn=300] [judge=150] [futures=10] [seeds=1] [members=4] [save=FOLDER]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "inference/levers/lever_model.hpp"
#include "sim/swarm/random_day.hpp"
#include "sim/worker/client.hpp"

using namespace foreline;
using levers::LineStudy;

namespace {

constexpr std::uint64_t first_learned = 500'000;
constexpr std::uint64_t first_judged = 900'000;

/// A day on which only the line limits what comes out: all orders are there from the beginning.
line::Trial day_of(std::uint64_t seed) {
  auto trial = swarm::random_day(seed);
  auto orders = *trial.orders;
  for (auto& order : orders) order.release_s = 0;
  trial.orders = std::make_shared<const std::vector<line::Order>>(std::move(orders));
  trial.horizon_s = std::min(trial.horizon_s, 16 * 3600.0);
  trial.sensor_faults.clear();
  trial.communication_losses.clear();
  return trial;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_levers STUDIES [learn=300] [judge=150] [futures=10] ...\n");
    return 2;
  }
  std::map<std::string, std::string> options;
  for (int i = 2; i < argc; ++i) {
    const std::string one = argv[i];
    options[one.substr(0, one.find('='))] = one.substr(one.find('=') + 1);
  }
  const auto number = [&](const char* name, std::size_t fallback) {
    return options.count(name) > 0 ? std::strtoull(options[name].c_str(), nullptr, 10) : fallback;
  };
  const auto learn = number("learn", 300);
  const auto judge = number("judge", 150);
  const auto futures = number("futures", 10);
  std::map<std::uint64_t, nlohmann::json> known;
  {
    std::ifstream in(argv[1]);
    for (std::string text; std::getline(in, text);) {
      auto j = nlohmann::json::parse(text);
      const std::uint64_t seed = j.at("seed");
      known.emplace(seed, std::move(j));
    }
  }
  auto client = worker::Client::start({});
  if (!client) {
    fmt::print(stderr, "{}\n", client.error().text());
    return 3;
  }
  const auto run = [&](std::span<const line::Trial> trials) { return client->run(trials); };
  std::ofstream out(argv[1], std::ios::app);
  const auto studies_from = [&](std::uint64_t first, std::size_t count) {
    std::vector<LineStudy> studies;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      auto begun = levers::LeverStudy::begin(day_of(seed), seed, futures, run);
      if (!begun) continue;  // a day that runs away says nothing
      auto study = begun->study();
      if (known.count(seed) == 0) {
        std::vector<std::size_t> all(study.levers.size());
        std::iota(all.begin(), all.end(), std::size_t{0});
        if (!begun->pull(all, run)) continue;
        study = begun->study();
        out << nlohmann::json{{"seed", seed}, {"gain", study.gain}, {"half", study.half}}.dump()
            << std::endl;
      } else {
        study.gain = known[seed].at("gain").get<std::vector<double>>();
        study.half = known[seed].at("half").get<std::vector<double>>();
      }
      studies.push_back(std::move(study));
    }
    return studies;
  };
  const auto learned = studies_from(first_learned, learn);
  const auto judged = studies_from(first_judged, judge);
  const auto say = [&](const std::string& name, std::uint64_t seed,
                       const std::vector<std::vector<double>>& scores,
                       const std::vector<std::vector<double>>& pace) {
    const auto hits = levers::hits_of(judged, scores, pace);
    fmt::print(
        "{{\"method\":\"{}\",\"seed\":{},\"lines\":{},\"bottlenecks\":{},\"bottleneck\":{:.3f},"
        "\"best_first\":{:.3f},"
        "\"best_in_three\":{:.3f},\"simulated\":{:.3f}}}\n",
        name, seed, hits.studies, hits.bottlenecks, hits.bottleneck, hits.best_first,
        hits.best_in_three, hits.simulated);
    std::fflush(stdout);
  };
  for (const auto method : {levers::Method::utilisation, levers::Method::active_period}) {
    std::vector<std::vector<double>> scores, pace;
    for (const auto& study : judged) {
      scores.push_back(levers::scores_by(method, study.levers, *study.line, study.use));
      const auto machines = levers::pace_by(method, study.use);
      pace.emplace_back();
      for (const auto& lever : study.levers) pace.back().push_back(machines[lever.machine.index]);
    }
    say(method == levers::Method::utilisation ? "utilisation" : "active period", 0, scores, pace);
  }
  plant::PlantRules rules;
  rules.members = number("members", 4);
  rules.threads = static_cast<int>(number("threads", 2));
  rules.network.steps = number("steps", rules.network.steps);
  rules.imagined = static_cast<double>(number("imagined", 6));
  for (std::uint64_t seed = 1; seed <= number("seeds", 1); ++seed) {
    rules.seed = rules.network.seed = seed;
    const auto model = inference::LeverModel::train(
        learned, rules, [](const std::string& text) { fmt::print(stderr, "{}\n", text); });
    if (!model) {
      fmt::print(stderr, "{}\n", model.error().text());
      return 1;
    }
    for (const auto method : {plant::Method::trees, plant::Method::gpt, plant::Method::blend}) {
      std::vector<std::vector<double>> scores, pace;
      for (const auto& study : judged) {
        auto some = model->read(method, *study.line, study.levers, study.use);
        if (!some) {
          fmt::print(stderr, "{}\n", some.error().text());
          return 1;
        }
        scores.push_back(std::move(some->best));
        pace.push_back(std::move(some->pace));
      }
      say(plant::name_of(method), seed, scores, pace);
    }
    if (options.count("save") > 0 && seed == 1)
      if (auto saved = model->save(options["save"]); !saved) {
        fmt::print(stderr, "{}\n", saved.error().text());
        return 1;
      }
  }
}
