// SPDX-License-Identifier: Apache-2.0
#include "inference/forecaster.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "frames.hpp"
#include "inference/gpt2/checkpoint.hpp"
#include "inference/hazard_trees.hpp"
#include "inference/language/answers.hpp"

using namespace foreline;
namespace fs = std::filesystem;

namespace {

const fs::path shipped = fs::path(FORELINE_SOURCE_DIR) / "inference/models/small";

inference::Forecaster loaded(const inference::ForecasterOptions& options = {}) {
  auto forecaster = inference::Forecaster::load(shipped, options);
  if (!forecaster) FAIL(forecaster.error().text());
  return std::move(*forecaster);
}

/// The window of a machine whose vibration has risen by `rise` (mm/s an hour) over four hours.
inference::Window window(double rise, double hours = 4) {
  const auto line = testing::small_line();
  inference::History history(line);
  const auto level = [&](const line::Signal& signal, double at_s) {
    const double worn = std::max(0.0, at_s - 7200) / 3600 * rise;
    return signal.normal + (signal.kind == line::SignalKind::vibration ? worn : 0);
  };
  for (const auto& frame : testing::running_frames(*line, 0, hours * 3600, level))
    history.add(frame);
  return history.window({0});
}

/// The window of a machine whose bearing has gone to `damage` of its way to the stop, in two hours,
/// as the fault models have it.
inference::Window bearing_at(double damage) {
  const auto line = testing::small_line();
  inference::History history(line);
  const auto worn = [&](double at_s) { return std::max(0.0, (at_s - 7200) / 7200); };
  const auto level = [&](const line::Signal& signal, double at_s) {
    const double d = worn(at_s);
    double rise = 0;
    if (signal.kind == line::SignalKind::vibration) rise = 0.35 * d + 2.2 * d * d;
    if (signal.kind == line::SignalKind::temperature) rise = 0.15 * d * d + 0.55 * d * d * d;
    if (signal.kind == line::SignalKind::current) rise = 0.1 * d * d;
    return signal.normal + (signal.normal - signal.idle) * rise;
  };
  for (auto& frame : testing::running_frames(*line, 0, 7200 * (1 + damage), level)) {
    auto& vibration = frame.machines[0].signals[0].value;
    const auto middle = static_cast<float>(level(line->machines[0].signals[0], frame.at_s));
    vibration += (vibration - middle) * static_cast<float>(1.5 * worn(frame.at_s));
    history.add(frame);
  }
  return history.window({0});
}

double alarm_probability(const line::Forecast& forecast, line::FaultKind kind) {
  for (const auto& entry : forecast.kinds)
    if (entry.kind == kind) return entry.probability_within(7200);
  FAIL("no forecast of that kind");
  return 0;
}

/// A copy of the shipped model that a test may spoil.
fs::path copy_of_model(const std::string& name) {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "spoilt" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (const auto& entry : fs::directory_iterator(shipped))
    fs::copy_file(entry.path(), folder / entry.path().filename());
  return folder;
}

std::string complaint(const fs::path& folder) {
  const auto forecaster = inference::Forecaster::load(folder, {});
  return forecaster ? "" : forecaster.error().text();
}

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a worn machine is forecast to fail, a healthy one is not, and vibration is the reason") {
  const auto forecaster = loaded({1, true, 0.5});
  const std::vector<inference::Window> windows = {window(0), bearing_at(0.75), window(4)};
  const auto forecasts = forecaster.forecast(windows);
  REQUIRE(forecasts.size() == 3);
  REQUIRE(forecasts[0].available);
  REQUIRE(forecasts[1].available);
  const auto healthy = alarm_probability(forecasts[0], line::FaultKind::bearing_wear);
  const auto worn = alarm_probability(forecasts[1], line::FaultKind::bearing_wear);
  CHECK(healthy < 0.1);
  CHECK(worn > 0.4);
  // Where vibration alone creeps up, evenly and without unrest, the sensor may lie.
  const auto lone = alarm_probability(forecasts[2], line::FaultKind::bearing_wear);
  CHECK(lone > 20 * healthy);
  CHECK(lone < worn);
  for (const auto& kind : forecasts[1].kinds) {
    if (kind.kind != line::FaultKind::bearing_wear) continue;
    REQUIRE_FALSE(kind.reasons.empty());
    CHECK(kind.reasons.front().signal == 0);
    CHECK(kind.reasons.front().contribution > 0.1);
  }
}

TEST_CASE("probabilities are probabilities, and grow with the horizon") {
  for (const double rise : {0.0, 0.5, 1.0, 3.0, 30.0, -3.0}) {
    const auto forecast = loaded().forecast(std::vector{window(rise)}).front();
    for (const auto& kind : forecast.kinds) {
      float before = 0;
      for (const auto p : kind.within) {
        CHECK(p >= before);
        CHECK(p <= 1.0F + 1e-6F);
        before = p;
      }
    }
  }
}

TEST_CASE("a forecast does not depend on the batch around it, and is the same every time") {
  const auto forecaster = loaded();
  const auto two_threads = loaded({2, false, 0.5});
  std::vector<inference::Window> crowd;
  for (int i = 0; i < 23; ++i) crowd.push_back(window(0.2 * i, 3 + 0.1 * i));
  const auto together = forecaster.forecast(crowd);
  const auto again = forecaster.forecast(crowd);
  const auto threaded = two_threads.forecast(crowd);
  for (std::size_t i = 0; i < crowd.size(); ++i) {
    const auto alone = forecaster.forecast(std::vector{crowd[i]}).front();
    for (std::size_t k = 0; k < alone.kinds.size(); ++k)
      for (std::size_t h = 0; h < alone.kinds[k].within.size(); ++h) {
        CHECK(std::abs(alone.kinds[k].within[h] - together[i].kinds[k].within[h]) < 1e-3F);
        CHECK(std::abs(alone.kinds[k].within[h] - threaded[i].kinds[k].within[h]) < 1e-3F);
        CHECK(again[i].kinds[k].within[h] == together[i].kinds[k].within[h]);
      }
  }
  CHECK(forecaster.forecast({}).empty());
}

TEST_CASE("no number is given where the input does not carry one, and the reason is said") {
  const auto forecaster = loaded();
  const auto short_view = forecaster.forecast(std::vector{window(0, 0.02)}).front();
  CHECK_FALSE(short_view.available);
  CHECK_FALSE(short_view.why_not.empty());
  auto blind = window(0);
  blind.missing_share = 0.7F;
  const auto missing = forecaster.forecast(std::vector{blind}).front();
  CHECK_FALSE(missing.available);
  CHECK(missing.why_not.find("70") != std::string::npos);
}

TEST_CASE("a machine is forecast the faults that its line file gives it, and none without any") {
  const auto forecaster = loaded();
  auto one = window(1);
  one.kinds.reset();
  CHECK(forecaster.forecast(std::vector{one}).front().why_not ==
        "the line file names no fault of this machine");
  one.kinds.set(static_cast<std::size_t>(line::FaultKind::gear_wear));
  one.kinds.set(static_cast<std::size_t>(line::FaultKind::imbalance));
  auto other = window(1);
  const auto forecasts = forecaster.forecast(std::vector{one, other});
  REQUIRE(forecasts.at(0).kinds.size() == 2);
  CHECK(forecasts[0].kinds[0].kind == line::FaultKind::imbalance);
  CHECK(forecasts[0].kinds[1].kind == line::FaultKind::gear_wear);
  CHECK(forecasts.at(1).kinds.size() == other.kinds.count());
}

TEST_CASE("a spoilt model is refused with the file that is spoilt") {
  auto folder = copy_of_model("truncated");
  const auto weights = folder / "model.safetensors";
  fs::resize_file(weights, fs::file_size(weights) / 2);
  CHECK(complaint(folder).find("model.safetensors") != std::string::npos);

  folder = copy_of_model("no-weights");
  fs::remove(folder / "model.safetensors");
  CHECK(complaint(folder).find("model.safetensors") != std::string::npos);

  folder = copy_of_model("other-language");
  auto config = contents(folder / "config.json");
  const auto at = config.find("\"language\"");
  REQUIRE(at != std::string::npos);
  config.replace(config.find_first_of("0123456789", at), 1, "9");
  std::ofstream(folder / "config.json") << config;
  CHECK(complaint(folder).find("config.json") != std::string::npos);
  CHECK(complaint(folder).find("language") != std::string::npos);

  folder = copy_of_model("not-json");
  std::ofstream(folder / "config.json") << "{";
  CHECK(complaint(folder).find("config.json") != std::string::npos);

  folder = copy_of_model("no-merges");
  fs::remove(folder / "merges.txt");
  CHECK(complaint(folder).find("merges.txt") != std::string::npos);

  CHECK(complaint("/nowhere/model").find("/nowhere/model") != std::string::npos);
}

namespace {

/// A folder whose trees are these; each kind is blended so.
fs::path with_trees(const std::string& name, const inference::HazardTrees& trees,
                    const inference::Blend& blend) {
  const auto folder = copy_of_model(name);
  const auto bytes = trees.bytes();
  std::ofstream(folder / inference::tree_file, std::ios::binary) << bytes;
  auto config = nlohmann::json::parse(contents(folder / "config.json"));
  auto& noted = config["foreline"]["trees"];
  noted = {{"sum", gpt2::checksum(bytes)}};
  noted["blend"] = {{"offset", blend.offset}, {"network", blend.network}, {"trees", blend.trees}};
  std::ofstream(folder / "config.json") << config;
  return folder;
}

fs::path without_trees(const std::string& name) {
  const auto folder = copy_of_model(name);
  auto config = nlohmann::json::parse(contents(folder / "config.json"));
  config["foreline"].erase("trees");
  std::ofstream(folder / "config.json") << config;
  fs::remove(folder / inference::tree_file);
  return folder;
}

inference::Forecaster loaded_from(const fs::path& folder,
                                  const inference::ForecasterOptions& options = {}) {
  auto forecaster = inference::Forecaster::load(folder, options);
  if (!forecaster) FAIL(forecaster.error().text());
  return std::move(*forecaster);
}

/// One tree that says of bearings 4 to 1 where vibration is high, 1 to 4 where it is not known, and
/// 1 to 99 else.
inference::HazardTrees vibration_tree() {
  using inference::TreeNode;
  inference::HazardTrees::Ensembles all;
  constexpr std::uint16_t mean = 1;  // of vibration, 5 min
  const auto log_odds = [](double p) { return static_cast<float>(inference::log_odds_of(p)); };
  all[static_cast<std::size_t>(line::FaultKind::bearing_wear)].nodes = {
      {-1e6F, static_cast<std::uint16_t>(mean | TreeNode::unknown_below)},
      {log_odds(0.2)},
      {3, mean},
      {log_odds(0.01)},
      {log_odds(0.8)}};
  return *inference::HazardTrees::of(std::move(all));
}

}  // namespace

TEST_CASE("a folder without trees is a GPT-2 alone, as the GPT-2 of one with trees says") {
  const auto alone = loaded_from(without_trees("no-trees"));
  const auto voices = loaded_from(with_trees("one-tree", vibration_tree(), {0, 0.5, 0.5}))
                          .voices(std::vector{window(0), window(4)});
  REQUIRE(voices.model.size() == 2);
  CHECK(alone.voices(std::vector{window(0)}).trees.empty());
  for (std::size_t i = 0; i < 2; ++i) {
    const auto said = alone.forecast(std::vector{window(i == 0 ? 0 : 4)}).front();
    for (std::size_t k = 0; k < said.kinds.size(); ++k) {
      for (std::size_t h = 0; h < said.kinds[k].within.size(); ++h)
        CHECK(std::abs(said.kinds[k].within[h] - voices.network[i].kinds[k].within[h]) < 1e-3F);
      // There are trees for bearings only.
      if (said.kinds[k].kind != line::FaultKind::bearing_wear)
        CHECK(voices.model[i].kinds[k].within == voices.network[i].kinds[k].within);
    }
  }
  const auto bearing = line::FaultKind::bearing_wear;
  CHECK(alarm_probability(voices.trees[0], bearing) == Approx(0.01).epsilon(1e-3));
  CHECK(alarm_probability(voices.trees[1], bearing) == Approx(0.8).epsilon(1e-3));
  for (std::size_t i = 0; i < 2; ++i) {
    const double odds = (inference::log_odds_of(alarm_probability(voices.network[i], bearing)) +
                         inference::log_odds_of(alarm_probability(voices.trees[i], bearing))) /
                        2;
    CHECK(inference::log_odds_of(alarm_probability(voices.model[i], bearing)) ==
          Approx(odds).margin(1e-3));
  }
}

TEST_CASE("what both say grows with the horizon, whatever the GPT-2 and the trees say") {
  for (const double alone : {0.0, 1e-6, 0.2, 0.9, 1.0}) {
    for (const double odds : {-30.0, -2.0, 0.0, 3.0, 30.0}) {
      line::HorizonProbabilities network{};
      for (std::size_t h = 0; h < network.size(); ++h)
        network[h] = static_cast<float>(alone * static_cast<double>(h + 1) / network.size());
      const auto both = inference::blended(network, odds, {0, 0.6, 0.7});
      CHECK(std::is_sorted(both.begin(), both.end()));
      CHECK(both.front() >= 0);
      CHECK(both.back() <= 1);
    }
  }
}

TEST_CASE("the reasons are of what is forecast, trees included") {
  const auto forecaster =
      loaded_from(with_trees("reasons", vibration_tree(), {0, 0, 1}), {1, true, 0.5});
  const auto forecast = forecaster.forecast(std::vector{window(4)}).front();
  for (const auto& kind : forecast.kinds) {
    if (kind.kind != line::FaultKind::bearing_wear) continue;
    CHECK(kind.probability_within(7200) == Approx(0.8).epsilon(1e-3));
    REQUIRE(kind.reasons.size() > 1);
    CHECK(kind.reasons.front().signal == 0);  // vibration: 0.8 falls to the 0.2 of the unknown
    CHECK(kind.reasons.front().contribution == Approx(0.6).epsilon(1e-3));
    CHECK(std::abs(kind.reasons[1].contribution) < 1e-6F);
  }
}

TEST_CASE("spoilt trees are refused with their file") {
  const auto folder = with_trees("spoilt-trees", vibration_tree(), {});
  CHECK(complaint(folder).empty());
  const auto file = folder / inference::tree_file;
  fs::resize_file(file, fs::file_size(file) - 3);
  CHECK(complaint(folder).find("trees.bin") != std::string::npos);
  CHECK(complaint(folder).find("not the file that was written with this model") !=
        std::string::npos);
  fs::remove(file);
  CHECK(complaint(folder).find("trees.bin") != std::string::npos);
  // A forger who gets the sum right meets the reader of trees.
  const auto forged = with_trees("forged-trees", vibration_tree(), {});
  auto bytes = contents(forged / inference::tree_file);
  bytes.resize(bytes.size() - 3);
  std::ofstream(forged / inference::tree_file, std::ios::binary) << bytes;
  auto config = nlohmann::json::parse(contents(forged / "config.json"));
  config["foreline"]["trees"]["sum"] = gpt2::checksum(bytes);
  std::ofstream(forged / "config.json") << config;
  CHECK(complaint(forged).find("trees.bin") != std::string::npos);
  config["foreline"]["trees"]["blend"]["trees"] = 1e300;
  std::ofstream(forged / "config.json") << config;
  CHECK(complaint(forged).find("config.json") != std::string::npos);
  config["foreline"]["trees"]["blend"].erase("offset");
  std::ofstream(forged / "config.json") << config;
  CHECK(complaint(forged).find("config.json") != std::string::npos);
}
