// SPDX-License-Identifier: Apache-2.0
#include "sim/select/comparison.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "sim/select/scenario_set.hpp"
#include "tests/unit/select/draws.hpp"

using namespace foreline;
using tests::costs;

namespace {

/// Fewer resamples: a thousand trials stand beside each other here.
select::ComparisonOptions quick() {
  select::ComparisonOptions options;
  options.resamples = 240;
  return options;
}

}  // namespace

TEST_CASE("a schedule against itself gains exactly nothing") {
  const auto same = costs(1, 1, 50);
  const auto result = select::compare(same, same);
  CHECK(result.gain.mean == 0);
  CHECK(result.gain.half_width == 0);
  CHECK(result.gain_lower == 0);
  CHECK(result.gain_lower_boot == 0);
  CHECK(result.probability_better == 0.5);
  CHECK(result.better.hits == 0);
  CHECK(result.largest_regret == 0);
  CHECK(result.tail_change == 0);
}

TEST_CASE("two schedules that are equal in law are told apart in at most one of twenty trials") {
  constexpr int trials = 1000;
  int student = 0;
  int both = 0;
  int covered = 0;
  int passed = 0;
  for (std::uint64_t t = 0; t < trials; ++t) {
    const auto result = select::compare(costs(t, 1, 200), costs(t, 2, 200), quick());
    passed += result.gain_lower > 0.5 && result.gain_lower_boot > 0.5 ? 1 : 0;
    student += result.gain_lower > 0 ? 1 : 0;
    both += result.gain_lower > 0 && result.gain_lower_boot > 0 ? 1 : 0;
    covered += result.gain.holds(0) ? 1 : 0;
  }
  INFO(student << " by Student alone, " << both << " by both, covered " << covered);
  // The true rate is 5 %: more than 70 of 1000 has a probability below 0.3 %.
  CHECK(student <= 70);
  CHECK(both <= student);
  // With the gate's margin of half a percent there are hardly any.
  CHECK(passed <= 50);
  // 95 % intervals: 950 expected, 21 is three deviations.
  CHECK(covered >= 929);
  CHECK(covered <= 971);
}

TEST_CASE("a true gain of two percent is proved in four of five trials") {
  int passed = 0;
  int covered = 0;
  for (std::uint64_t t = 0; t < 1000; ++t) {
    const auto result = select::compare(costs(t, 1, 200), costs(t, 2, 200, 98), quick());
    passed += result.gain_lower > 0.5 && result.gain_lower_boot > 0.5 ? 1 : 0;
    covered += result.gain.holds(2) ? 1 : 0;
  }
  INFO(passed << " passed, " << covered << " intervals hold the truth");
  CHECK(passed >= 550);  // power at a margin of half the effect
  CHECK(covered >= 929);
  CHECK(covered <= 971);
  // With the correlation that simulated schedules have (0.95 and more) it is four of five.
  passed = 0;
  for (std::uint64_t t = 0; t < 1000; ++t) {
    const auto result =
        select::compare(costs(t, 1, 200, 100, 0.95), costs(t, 2, 200, 98, 0.95), quick());
    passed += result.gain_lower > 0.5 && result.gain_lower_boot > 0.5 ? 1 : 0;
  }
  INFO(passed << " passed with correlation 0.95");
  CHECK(passed >= 800);
}

TEST_CASE("the best of many equals is not taken for better") {
  int passed = 0;
  for (std::uint64_t t = 0; t < 300; ++t) {
    double best = -1e9;
    for (std::uint32_t c = 2; c < 10; ++c) {
      auto options = quick();
      options.rivals = 8;
      best = std::max(best, select::compare(costs(t, 1, 60), costs(t, c, 60), options).gain_lower);
    }
    passed += best > 0 ? 1 : 0;
  }
  CHECK(passed <= 26);  // 5 % of 300 is 15; three deviations more
}

TEST_CASE("common futures and a model of them save simulations") {
  const auto incumbent = costs(3, 1, 400);
  const auto candidate = costs(3, 2, 400, 97);
  const auto result = select::compare(incumbent, candidate);
  CHECK(result.correlation == Approx(0.9).margin(0.03));
  CHECK(result.variance_ratio == Approx(10).epsilon(0.3));
  std::vector<double> gain;
  std::vector<double> model;
  for (std::size_t i = 0; i < 400; ++i) {
    gain.push_back(incumbent[i] - candidate[i]);
    model.push_back(gain.back() - 3 + tests::normal(9, 3, i));
  }
  auto sharp = result;
  select::sharpen(sharp, gain, {model, 0, 0.05, false});
  CHECK(sharp.sharpened);
  CHECK(sharp.gain.half_width < result.gain.half_width / 5);
  CHECK(sharp.gain.holds(3));
  CHECK(sharp.gain_lower < 3);
  CHECK(select::correlation_of(gain, model) > 0.97);
  CHECK(select::correlation_of(gain, std::vector<double>(400, 1.0)) == 0);
}

TEST_CASE("sharpened bounds hold as often as they say, and are narrower where the model is good") {
  // Gains are normal, or crooked, or the model misses one in fifty by two deviations.
  const int kind = GENERATE(0, 1, 2, 3);
  const std::size_t n = 40;
  const std::size_t many = 1000;
  int held = 0;
  int above = 0;
  int boot_above = 0;
  int sharpened = 0;
  double narrower = 0;
  const int trials = 1000;
  for (int t = 0; t < trials; ++t) {
    const auto seed = static_cast<std::uint64_t>(1000 * kind + t + 1);
    const auto model_at = [&](std::uint64_t i) {
      const double z = tests::normal(seed, 1, i);
      return kind == 1 ? std::exp(0.7 * z) - std::exp(0.245) : z;
    };
    std::vector<double> gain;
    std::vector<double> model;
    double mean = 0;
    double squares = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      model.push_back(model_at(i));
      double miss = 0.2 * tests::normal(seed, 2, i);
      if (kind == 2) miss = tests::normal(seed, 3, i) > 2.0537 ? 2 - 0.04 : -0.04;
      if (kind == 3) miss = 3 * tests::normal(seed, 2, i);  // a model that is good for nothing
      gain.push_back(model.back() + miss);
    }
    for (std::uint64_t i = 0; i < many; ++i) {
      const double value = model_at(10'000 + i);
      mean += value / static_cast<double>(many);
      squares += value * value;
    }
    const double error =
        std::sqrt((squares / static_cast<double>(many) - mean * mean) / static_cast<double>(many));
    const std::vector<double> zeros(n, 0.0);
    std::vector<double> costs;
    for (const double one : gain) costs.push_back(-one);
    select::ComparisonOptions options;
    options.resamples = 400;
    const auto plain = select::compare(zeros, costs, options);
    auto sharp = plain;
    select::sharpen(sharp, gain, {model, mean, error, false}, options);
    held += sharp.gain.holds(0) ? 1 : 0;
    above += sharp.gain_lower > 0 ? 1 : 0;
    boot_above += sharp.gain_lower_boot > 0 ? 1 : 0;
    sharpened += sharp.sharpened ? 1 : 0;
    narrower += sharp.gain.half_width / plain.gain.half_width / trials;
  }
  INFO("kind " << kind << ": held " << held << ", above " << above << ", bootstrap " << boot_above
               << ", sharpened " << sharpened << ", width x " << narrower);
  // 95 % and 5 %, with three standard errors of a thousand trials.
  CHECK(held >= 929);
  CHECK(above <= 71);
  CHECK(boot_above <= 71);
  if (kind < 3) {
    CHECK(sharpened == trials);
    CHECK(narrower < 0.5);
  }
}

TEST_CASE(
    "a bootstrap bound agrees with Student's for normal and is lower for crooked differences") {
  std::vector<double> plain;
  std::vector<double> crooked;
  for (std::uint64_t i = 0; i < 300; ++i) {
    plain.push_back(1 + tests::normal(5, 1, i));
    // Mostly small gains, seldom a large loss.
    crooked.push_back(i % 50 == 7 ? -20.0 : 1 + 0.1 * tests::normal(5, 2, i));
  }
  const auto zero = std::vector<double>(300, 0.0);
  std::vector<double> minus(300);
  for (std::size_t i = 0; i < 300; ++i) minus[i] = -plain[i];
  const auto first = select::compare(zero, minus);
  CHECK(first.gain_lower_boot == Approx(first.gain_lower).margin(0.02));
  for (std::size_t i = 0; i < 300; ++i) minus[i] = -crooked[i];
  const auto second = select::compare(zero, minus);
  CHECK(second.gain_lower_boot < second.gain_lower);
}

TEST_CASE("the tail is the mean of the worst twentieth, to a part of a future") {
  std::vector<double> costs;
  for (int i = 1; i <= 100; ++i) costs.push_back(i);
  CHECK(select::tail_mean(costs) == Approx((96 + 97 + 98 + 99 + 100) / 5.0));
  CHECK(select::tail_mean({1, 2, 3}) == 3);
  costs.resize(30);  // 1.5 futures
  CHECK(select::tail_mean(costs) == Approx((30 + 0.5 * 29) / 1.5));
  CHECK(select::tail_mean({}) == 0);
  // Better on average, worse in the tail.
  std::vector<double> steady(200, 100.0);
  std::vector<double> risky(200, 90.0);
  for (std::size_t i = 0; i < 200; i += 15) risky[i] = 150;
  const auto result = select::compare(steady, risky);
  CHECK(result.gain_lower > 0);
  CHECK(result.tail_change == Approx(0.5));
  CHECK(result.tail_change_upper >= 0.5);
  CHECK(result.largest_regret == 50);
}

TEST_CASE("chances are Wilson's: three of three is not certain") {
  const auto chance = select::chance_of(3, 3);
  CHECK(chance.low == Approx(0.4385).margin(1e-3));
  CHECK(chance.high == Approx(1));
  CHECK(chance.middle() < 0.75);
  CHECK(select::chance_of(0, 0).middle() == 0.5);
  // Coverage of the interval for a rare event.
  int held = 0;
  for (std::uint64_t t = 0; t < 1000; ++t) {
    std::size_t hits = 0;
    for (std::uint64_t i = 0; i < 100; ++i)
      hits += line::random_uniform(t, 7, line::Purpose::scenario, i) < 0.1 ? 1 : 0;
    const auto one = select::chance_of(hits, 100);
    held += one.low <= 0.1 && one.high >= 0.1 ? 1 : 0;
  }
  CHECK(held >= 920);
}

TEST_CASE("futures for searching, choosing, proving and reporting never meet") {
  std::set<std::uint64_t> all;
  std::size_t count = 0;
  for (std::uint64_t base = 0; base < 3; ++base)
    for (const auto set : {select::ScenarioSet::search, select::ScenarioSet::selection,
                           select::ScenarioSet::gate, select::ScenarioSet::report})
      for (const auto seed : select::scenario_seeds(base, set, 1000)) {
        CHECK(select::set_of(seed) == set);
        all.insert(seed);
        ++count;
      }
  CHECK(all.size() == count);
  CHECK(select::name_of(select::ScenarioSet::gate) == "gate");
}
