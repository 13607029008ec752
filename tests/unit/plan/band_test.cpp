// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <span>

#include "sim/line/random.hpp"
#include "sim/select/scenario_set.hpp"
#include "tests/unit/plan/requests.hpp"

using namespace foreline;

namespace {

constexpr std::size_t futures_each = 100;
constexpr std::size_t windows_outside = 3;

/// A line of two slow machines that often stop, somewhere in a day of three orders.
plan::Request stopping(std::uint64_t seed) {
  auto a = tests::machine("first", 60, 5);
  auto b = tests::machine("second", 60, 0);
  for (auto* machine : {&a, &b}) {
    line::FaultMode trip;
    trip.kind = line::FaultKind::motor_trip;
    trip.onset = {line::Distribution::Kind::exponential, 4 * 3600, 0, 0, 0};
    trip.repair = {line::Distribution::Kind::lognormal, 1200, 600, 0, 0};
    machine->faults = {trip};
  }
  auto trial =
      tests::trial_of(tests::line_of({a, b}), {{"A", {0}, 60}, {"B", {0}, 200}, {"C", {0}, 700}});
  trial.random_faults = true;
  trial.seed = seed;
  trial.want_state_at_s = 3600 * (0.5 + line::random_uniform(seed, 1, line::Purpose::scenario, 0));
  plan::Request request;
  request.now = tests::run(trial).state.value();
  request.line = trial.line;
  request.orders = trial.orders;
  request.active = trial.schedule;
  request.seed = seed;
  return request;
}

std::vector<line::Trial> futures_of(const plan::Request& request,
                                    std::shared_ptr<const line::Line> line, select::ScenarioSet set,
                                    std::size_t count) {
  line::Trial future;
  future.line = std::move(line);
  future.orders = request.orders;
  future.schedule = request.active;
  future.from = request.now;
  future.horizon_s = request.now.at_s + request.horizon_s;
  future.replication = true;
  future.count_at_s = plan::window_ends(request);
  std::vector<line::Trial> futures(count, future);
  for (std::size_t i = 0; i < count; ++i)
    futures[i].seed = select::scenario_seed(request.seed, set, i);
  return futures;
}

/// Whether as many windows in a row are below as take a schedule back.
bool is_taken_back(const plan::Band& band, const line::Outcome& outcome) {
  std::size_t below = 0;
  for (std::size_t w = 0; w < band.low.size() && below < windows_outside; ++w)
    below = static_cast<double>(outcome.left_by[w]) < band.low[w] ? below + 1 : 0;
  return below >= windows_outside;
}

}  // namespace

TEST_CASE("a band is about what leaves the line after its start, of the order under way too") {
  const auto request = tests::request();
  auto trial = tests::trial_of(*request.line, *request.orders);
  trial.count_at_s = plan::window_ends(request);
  const double before = plan::parts_off(*request.line, request.now);
  REQUIRE(before > 10);
  const auto real = tests::run(trial);
  const auto band = plan::band_of(
      request, tests::run(futures_of(request, request.line, select::ScenarioSet::gate, 3)));
  REQUIRE(band.low.size() == real.left_by.size());
  for (std::size_t w = 0; w < band.low.size(); ++w) {
    const double parts = static_cast<double>(real.left_by[w]) - before;
    CHECK(band.low[w] <= parts);
    CHECK(band.high[w] >= parts);
    CHECK(band.high[w] - band.low[w] <= 2);
  }
}

TEST_CASE("a line that is as it was simulated is seldom taken back, one that fails is") {
  std::size_t sound = 0;
  std::size_t slow = 0;
  std::size_t ever_outside = 0;
  constexpr std::size_t deployments = 30;
  constexpr std::size_t lives = 20;
  for (std::uint64_t seed = 1; seed <= deployments; ++seed) {
    const auto request = stopping(seed);
    auto line = *request.line;
    for (auto& machine : line.machines) machine.cycle.mean *= 2;
    auto trials = futures_of(request, request.line, select::ScenarioSet::gate, futures_each);
    for (const auto& truth : {request.line, std::make_shared<const line::Line>(line)})
      for (auto& life : futures_of(request, truth, select::ScenarioSet::report, lives))
        trials.push_back(std::move(life));
    const auto outcomes = tests::run(trials);
    const std::span<const line::Outcome> all(outcomes);
    const auto band = plan::band_of(request, all.first(futures_each));
    for (std::size_t i = 0; i < lives; ++i) {
      const auto& real = all[futures_each + i];
      for (std::size_t w = 0; w < band.low.size(); ++w)
        if (static_cast<double>(real.left_by[w]) < band.low[w]) {
          ++ever_outside;
          break;
        }
      sound += is_taken_back(band, real) ? 1 : 0;
      slow += is_taken_back(band, all[futures_each + lives + i]) ? 1 : 0;
    }
  }
  INFO(ever_outside << " ever outside, " << sound << " sound and " << slow << " slow taken back");
  CHECK(ever_outside <= deployments * lives * 6 / 100);
  CHECK(sound <= deployments * lives * 3 / 100);
  CHECK(slow >= deployments * lives * 95 / 100);
}

TEST_CASE("the border of a band is what one of forty futures falls below, wherever it does") {
  auto request = tests::request();
  request.horizon_s = 16 * 600;
  // Each future has its own window in which it is as low as nobody else.
  std::vector<line::Outcome> futures(400);
  for (std::size_t i = 0; i < futures.size(); ++i) {
    futures[i].left_by.assign(16, 1000);
    futures[i].left_by[i % 16] = 100 + i;
  }
  const auto band = plan::band_of(request, futures);
  REQUIRE(band.low.size() == 16);
  std::size_t outside = 0;
  for (const auto& future : futures)
    for (std::size_t w = 0; w < 16; ++w)
      if (static_cast<double>(future.left_by[w]) < band.low[w]) ++outside;
  CHECK(outside <= 10);
  CHECK(band.high[0] == 1001);
}
