// SPDX-License-Identifier: Apache-2.0
// What trees tell the network, and what both learn of moments that were not seen to their end.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <numeric>

#include "inference/plant/imagined.hpp"
#include "inference/plant/plant_model.hpp"
#include "sim/line/random.hpp"

using namespace foreline;
using namespace foreline::plant;

namespace {

std::vector<std::size_t> first_machines(std::size_t count) {
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

}  // namespace

TEST_CASE("imagined items are mixed from real ones and have no answer") {
  Records records;
  records.items = true;
  records.channels.resize(2);
  records.kinds = {"failure"};
  for (std::uint32_t m = 0; m < 50; ++m)
    records.machines.push_back(
        {{}, {0}, {static_cast<float>(m), 100 + static_cast<float>(m)}, {}, {{0, 0}}, 0});
  const auto items = first_machines(40);
  const auto imagined = ImaginedItems(records, items, 5).next(500);
  REQUIRE(imagined.size() == 500);
  std::size_t mixed = 0;
  for (const auto& item : imagined) {
    CHECK(item.failures.empty());
    CHECK(item.values[0] < 40);
    CHECK((item.values[1] >= 100 && item.values[1] < 140));
    mixed += item.values[1] != item.values[0] + 100 ? 1 : 0;
  }
  CHECK((mixed > 150 && mixed < 450));
  ImaginedItems again(records, items, 5);
  CHECK(again.next(200).back().values == imagined[199].values);
  CHECK(again.next(300).back().values == imagined[499].values);
}

TEST_CASE("imagined moments are mixed group by group, and begin near failures every other time") {
  Samples real;
  real.width = 4;
  real.kinds = 1;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto x = static_cast<float>(i);
    real.features.insert(real.features.end(), {x, x, 1000 + x, 2000 + x});
    real.truth.push_back({i < 10 ? 2.0F : 90.0F, i < 10});
    real.machine.push_back(i);
    real.row.push_back(0);
    real.at.push_back(0);
    real.missing.push_back(0);
    real.view.push_back(100);
  }
  const std::vector<std::vector<std::size_t>> groups = {{0, 1}, {2}};
  const auto imagined = imagined_moments(real, groups, 5, 1000, 3);
  REQUIRE(imagined.size() == 1000);
  std::size_t near = 0;
  std::size_t mixed = 0;
  std::size_t hidden = 0;
  for (std::size_t i = 0; i < imagined.size(); ++i) {
    const auto row = imagined.status(i);
    near += row[3] < 2010 ? 1 : 0;  // in no group: the moment that it began with
    CHECK(std::isnan(row[0]) == std::isnan(row[1]));
    hidden += std::isnan(row[0]) || std::isnan(row[2]) ? 1 : 0;
    if (std::isnan(row[0])) continue;
    CHECK(row[0] == row[1]);
    mixed += row[0] != row[3] - 2000 ? 1 : 0;
  }
  CHECK((near > 480 && near < 580));
  CHECK(hidden == 200);
  CHECK((mixed > 180 && mixed < 400));
  const auto again = imagined_moments(real, groups, 5, 1000, 3);
  CHECK(std::memcmp(again.features.data(), imagined.features.data(),
                    imagined.features.size() * sizeof(float)) == 0);
}

TEST_CASE("a network says what it is told where it has seen nothing fail") {
  const std::vector<Feature> features = {{"heat", "last"}, {"idle", "last"}};
  Samples real;
  real.width = 2;
  real.kinds = 1;
  for (std::uint32_t i = 0; i < 400; ++i) {
    const auto share = [&](std::uint64_t draw) {
      return static_cast<float>(line::random_uniform(5, i, line::Purpose::training, draw));
    };
    real.features.insert(real.features.end(), {share(0), share(1)});
    real.truth.push_back({0, false});  // the view ends at once: nothing is learned from these
    real.machine.push_back(i);
    real.row.push_back(0);
    real.at.push_back(0);
    real.missing.push_back(0);
    real.view.push_back(0);
  }
  Told told;
  told.samples = real;
  told.horizons = {2, 5};
  for (std::size_t i = 0; i < real.size(); ++i) {
    const bool hot = real.status(i)[0] > 0.5F;
    told.within.insert(told.within.end(), {hot ? 0.7F : 0.1F, hot ? 0.9F : 0.2F});
    told.expected.push_back(hot ? 2.2F : 6.0F);
  }
  const Bins bins{10, 10};
  const Words words(features, real.features, 8, {"failure"}, bins.words(), Packing::group);
  NetworkRules rules;
  rules.steps = 400;
  rules.batch = 32;
  rules.width = 32;
  const auto network = train_network(words, real, told, bins, rules, {});
  auto model = open_network(network, words, 1);
  REQUIRE(model);
  const auto shares = answer(*model, network.repeated, words, bins, real);
  double hot_by_2 = 0, cold_by_2 = 0, hot_by_5 = 0, hot = 0, cold = 0, cold_time = 0;
  for (std::size_t i = 0; i < real.size(); ++i) {
    const auto row = std::span(shares).subspan(i * bins.words(), bins.words());
    if (real.status(i)[0] > 0.6F)
      hot += 1, hot_by_2 += bins.within(row, 2), hot_by_5 += bins.within(row, 5);
    else if (real.status(i)[0] < 0.4F)
      cold += 1, cold_by_2 += bins.within(row, 2), cold_time += bins.expected(row);
  }
  CHECK(hot_by_2 / hot == Approx(0.7).margin(0.08));
  CHECK(hot_by_5 / hot == Approx(0.9).margin(0.08));
  CHECK(cold_by_2 / cold == Approx(0.1).margin(0.06));
  CHECK(cold_time / cold == Approx(6).margin(0.4));
}

TEST_CASE("a moment whose view ended is taken for what it may still have lasted, not left out") {
  // Every machine fails after 41 to 80 rows and shows nothing of it; most records end before. Of
  // the moments with a known time, those of short lives are far too many.
  Records records;
  records.time_unit = "h";
  records.channels.resize(1);
  records.channels[0].name = "heat";
  records.kinds = {"failure"};
  std::vector<double> lives;
  for (std::uint32_t m = 0; m < 240; ++m) {
    const auto share = [&](std::uint64_t draw) {
      return line::random_uniform(11, m, line::Purpose::training, draw);
    };
    const auto life = 41 + std::floor(40 * share(0));
    const auto seen = 10 + std::floor(70 * share(1));
    lives.push_back(life);
    Machine machine;
    machine.id = std::to_string(m);
    for (std::size_t t = 0; t < static_cast<std::size_t>(std::min(life, seen)); ++t) {
      machine.time.push_back(static_cast<double>(t));
      machine.values.push_back(static_cast<float>(share(2 + t)));
    }
    machine.until = machine.time.back();
    if (seen >= life) machine.failures = {{machine.until, 0}};
    records.machines.push_back(std::move(machine));
  }
  PlantRules rules;
  rules.network.steps = 1;
  rules.network.width = 16;
  rules.imagined = 0;
  rules.members = 1;
  rules.within.rounds = 60;
  rules.time.rounds = 60;
  rules.horizon = 80;
  rules.horizons = {20, 40, 60, 80};
  const auto model =
      PlantModel::train(records, first_machines(240), std::numeric_limits<double>::infinity(),
                        rules, [](const std::string&) {});
  REQUIRE(model);
  Records asked = records;
  asked.machines.resize(1);
  asked.machines[0] = records.machines[0];
  asked.machines[0].time.resize(6);
  asked.machines[0].values.resize(6);
  asked.machines[0].failures.clear();
  QualityReport report;
  const auto prepared = model->prepare(asked, report);
  REQUIRE(prepared);
  Choice last{{0}};
  last.last_only = true;
  const auto told = model->answers(Method::trees, *prepared, model->samples(*prepared, last));
  const auto mean =
      std::accumulate(lives.begin(), lives.end(), 0.0) / static_cast<double>(lives.size()) - 6;
  INFO("mean time left " << mean);
  CHECK(std::abs(static_cast<double>(told.expected[0]) - mean) < 4);
}
