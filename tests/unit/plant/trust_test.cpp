// SPDX-License-Identifier: Apache-2.0
// Whether a forecast may be trusted: explanations that say what moved it, intervals that hold,
// sensors that fail, data that change, and answers that do not depend on the company they are in.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "inference/plant/plant_model.hpp"
#include "sim/line/random.hpp"

using namespace foreline;
using namespace foreline::plant;

namespace {

constexpr double ever = std::numeric_limits<double>::infinity();
constexpr std::size_t signals = 4;  // heat, shake and sound tell of wear, idle of nothing

/// Machines that wear out over the last `wear` cycles.
Records plant_of(std::uint32_t seed, std::size_t count, double wear) {
  Records records;
  records.name = "made up";
  records.time_unit = "cycle";
  records.kinds = {"failure"};
  for (const auto* name : {"heat", "shake", "sound", "idle"})
    records.channels.push_back({name, "", {}, {}, {}, false});
  for (std::size_t m = 0; m < count; ++m) {
    const auto noise = [&](std::size_t i) {
      const auto uniform = [&](std::uint64_t part) {
        return line::random_uniform(seed, static_cast<std::uint32_t>(m), line::Purpose::training,
                                    4 * i + part);
      };
      return uniform(0) + uniform(1) + uniform(2) + uniform(3) - 2;
    };
    Machine machine;
    machine.id = fmt::format("{}", m + 1);
    const auto life = static_cast<std::size_t>(90 + 30 * std::abs(noise(100'000)));
    for (std::size_t t = 1; t <= life; ++t) {
      const double worn = std::max(0.0, 1 - static_cast<double>(life - t) / wear);
      machine.time.push_back(static_cast<double>(t));
      for (std::size_t s = 0; s < signals; ++s)
        machine.values.push_back(static_cast<float>(
            20 + static_cast<double>(s) + (s < 3 ? 6 * worn : 0) + noise(1 + t * signals + s)));
    }
    machine.until = machine.time.back();
    machine.failures.push_back({machine.until, 0});
    records.machines.push_back(std::move(machine));
  }
  records.run_to_failure = true;
  return records;
}

std::vector<std::size_t> all_of(const Records& records) {
  std::vector<std::size_t> all(records.machines.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

const PlantModel& trained() {
  static const auto* model = [] {  // for ever: the engines behind it end before statics do
    const auto records = plant_of(1, 40, 40);
    PlantRules rules;
    rules.network.steps = 250;
    rules.network.width = 32;
    rules.network.batch = 32;
    rules.members = 2;
    rules.within.rounds = 200;
    rules.time.rounds = 60;
    rules.horizon = 40;
    rules.horizons = {10, 20, 40};
    auto learned =
        PlantModel::train(records, all_of(records), ever, rules, [](const std::string&) {});
    if (!learned) throw std::runtime_error(learned.error().text());
    return new PlantModel(std::move(*learned));
  }();
  return *model;
}

Records prepared(const Records& raw) {
  QualityReport report;
  auto records = trained().prepare(raw, report);
  REQUIRE(records);
  return *records;
}

void each_value(Records& records, std::size_t channel,
                const std::function<float(const Machine&, std::size_t row, float)>& change) {
  for (auto& machine : records.machines) {
    const auto before = machine;
    for (std::size_t i = 0; i < machine.time.size(); ++i) {
      auto& value = machine.values[i * signals + channel];
      value = change(before, i, value);
    }
  }
}

/// Brier skill of the blend at the middle horizon.
double skill_of(const Records& raw) {
  const auto records = prepared(raw);
  const auto samples = trained().samples(records, Choice{all_of(records)});
  return judge(trained(), records, samples).methods.front().horizons[1].skill;
}

}  // namespace

TEST_CASE("what an explanation names first moves the forecast most") {
  const auto raw = plant_of(2, 24, 40);
  const auto whole = trained().forecast(prepared(raw), false, true);
  double named = 0;
  double others = 0;
  for (const auto& forecast : whole) {
    REQUIRE(forecast.available);
    CHECK(forecast.any[1] > 0.5F);
    const auto place = static_cast<std::size_t>(&forecast - whole.data());
    for (std::size_t s = 0; s < signals; ++s) {
      // Deletion for real: the signal's rows are gone, not only its words.
      auto hidden = raw;
      hidden.machines = {raw.machines[place]};
      each_value(hidden, s, [](const Machine&, std::size_t, float) { return unknown; });
      const auto without = trained().forecast(prepared(hidden), false, false);
      const auto fall =
          static_cast<double>(forecast.any[1]) - static_cast<double>(without[0].any[1]);
      const auto top = std::find_if(forecast.reasons.begin(), forecast.reasons.end(),
                                    [](const Reason& reason) { return reason.signal != "age"; });
      if (raw.channels[s].name == top->signal)
        named += fall;
      else
        others += fall / static_cast<double>(signals - 1);
    }
  }
  INFO("falls by " << named << " without the first, by " << others << " without another");
  CHECK(named > 1.2 * others);
  CHECK(named > 0);
}

TEST_CASE("a trend turned around turns its explanation around") {
  const auto raw = plant_of(3, 16, 40);
  auto turned = raw;
  for (std::size_t s = 0; s < signals; ++s)
    each_value(turned, s, [s](const Machine& before, std::size_t i, float) {
      return before.values[(before.time.size() - 1 - i) * signals + s];
    });
  const auto forward = trained().forecast(prepared(raw), false, true);
  const auto backward = trained().forecast(prepared(turned), false, true);
  const auto worn = [](const PlantForecast& forecast) {
    double sum = 0;
    for (const auto& reason : forecast.reasons)
      if (reason.signal != "age" && reason.signal != "idle") sum += reason.change;
    return sum;
  };
  std::size_t flips = 0;
  for (std::size_t i = 0; i < forward.size(); ++i) {
    CHECK(worn(forward[i]) > 0);
    flips += worn(backward[i]) < 0 ? 1 : 0;
  }
  CHECK(flips >= 15);
}

TEST_CASE("a forecast is the same in any company and with any number of threads") {
  const auto raw = plant_of(4, 6, 40);
  const auto all = trained().forecast(prepared(raw), true, false);
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "test-data" / "plant-threads";
  std::filesystem::remove_all(folder);
  REQUIRE(trained().save(folder));
  auto two = PlantModel::load(folder, 2);
  REQUIRE(two);
  const auto again = two->forecast(prepared(raw), true, false);
  REQUIRE(again.size() == all.size());
  std::size_t end = 0;
  for (std::size_t m = 0; m < raw.machines.size(); ++m) {
    end += raw.machines[m].time.size();
    auto alone = raw;
    alone.machines = {raw.machines[m]};
    const auto one = trained().forecast(prepared(alone), false, false);
    for (std::size_t h = 0; h < 3; ++h) {
      CHECK(one[0].any[h] == Approx(all[end - 1].any[h]).margin(1e-3));
      CHECK(again[end - 1].any[h] == Approx(all[end - 1].any[h]).margin(1e-3));
    }
  }
}

TEST_CASE("a sensor that fails costs at most a fifth of the skill") {
  const auto raw = plant_of(5, 24, 40);
  const double clean = skill_of(raw);
  CHECK(clean > 0.5);
  for (std::size_t s = 0; s < 3; ++s) {
    INFO("signal " << s);
    auto gone = raw;
    each_value(gone, s, [](const Machine&, std::size_t, float) { return unknown; });
    CHECK(skill_of(gone) > 0.8 * clean);
    auto stuck = raw;
    each_value(stuck, s, [s](const Machine& before, std::size_t i, float) {
      return before.values[std::min<std::size_t>(i, 30) * signals + s];
    });
    CHECK(skill_of(stuck) > 0.8 * clean);
    auto unit = raw;
    each_value(unit, s, [](const Machine&, std::size_t i, float value) {
      return i > 30 ? 1000 * value : value;
    });
    CHECK(skill_of(unit) > 0.8 * clean);
    auto spikes = raw;
    each_value(spikes, s, [](const Machine&, std::size_t i, float value) {
      return i % 17 == 0 ? value + 500 : value;
    });
    CHECK(skill_of(spikes) > 0.8 * clean);
  }
}

TEST_CASE("intervals that are told of outcomes hold again after the plant has changed") {
  auto model = trained();
  const auto uniform = [](std::uint64_t i) {
    return line::random_uniform(6, 0, line::Purpose::training, i);
  };
  double held[4] = {0, 0, 0, 0};
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const auto low = static_cast<float>(18 - model.widening());
    const auto high = static_cast<float>(22 + model.widening());
    const double spread = i < 2000 ? 4 : 12;
    const auto truth = static_cast<float>(20 + spread * (2 * uniform(i) - 1));
    held[i / 1000] += truth >= low && truth <= high ? 1e-3 : 0;
    model.adapt(low, high, truth, 0.01);
  }
  CHECK(held[1] == Approx(0.9).margin(0.03));
  CHECK(held[3] == Approx(0.9).margin(0.03));
  CHECK(model.widening() > trained().widening() + 3);
}

TEST_CASE("recalibration follows another plant without training") {
  const auto slow = prepared(plant_of(7, 24, 70));  // wears for longer: looks later than it is
  const auto later = prepared(plant_of(8, 24, 70));
  auto model = trained();
  const auto judged = trained().samples(later, Choice{all_of(later)});
  const auto before = judge(trained(), later, judged).methods.front();
  const auto samples = model.samples(slow, Choice{all_of(slow)});
  REQUIRE(model.recalibrate(slow, samples, [](const std::string&) {}));
  const auto after = judge(model, later, judged).methods.front();
  INFO("covers " << *before.coverage << ", then " << *after.coverage);
  CHECK(*before.coverage < 0.87);
  CHECK(*after.coverage > *before.coverage);
  CHECK(*after.coverage > 0.8);
  Records none = slow;
  for (auto& machine : none.machines) machine.failures.clear();
  CHECK_FALSE(model.recalibrate(none, model.samples(none, Choice{all_of(none)}),
                                [](const std::string&) {}));
}

TEST_CASE("drift of a signal is named, and none where there is none") {
  const auto same = prepared(plant_of(9, 30, 40));
  CHECK(trained().drift(trained().samples(same, Choice{all_of(same)})).empty());
  auto moved = plant_of(9, 30, 40);
  each_value(moved, 1, [](const Machine&, std::size_t, float value) { return value + 4; });
  const auto ready = prepared(moved);
  const auto drift = trained().drift(trained().samples(ready, Choice{all_of(ready)}));
  REQUIRE(drift.size() == 1);
  CHECK(drift.front().signal == "shake");
}
