// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/wire.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "inference/train/population.hpp"
#include "sim/line/random.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

line::Trial full_trial() {
  auto trial =
      inference::random_day(std::make_shared<line::Line>(inference::random_line(11)), 12, {});
  trial.from = line::LineNow{};
  trial.from->at_s = 12.5;
  trial.from->machines.resize(trial.line->machines.size());
  trial.hazards.push_back({{1}, line::FaultKind::tool_wear, {}});
  trial.want_state_at_s = 99;
  trial.sensor_faults.push_back({"s", {0}, "x", line::SensorFaultKind::drift, 1, 2, 3});
  trial.communication_losses.push_back({"c", 5, 6});
  return trial;
}

}  // namespace

TEST_CASE("a trial and an outcome survive the wire") {
  const auto trial = full_trial();
  const auto bytes = worker::to_bytes(trial);
  const auto again = worker::trial_from(bytes);
  REQUIRE(again);
  CHECK(*again->line == *trial.line);
  CHECK(*again->orders == *trial.orders);
  CHECK(again->schedule == trial.schedule);
  CHECK(again->faults == trial.faults);
  CHECK(again->from == trial.from);
  CHECK(again->hazards == trial.hazards);
  CHECK(worker::to_bytes(*again) == bytes);

  auto small = tests::trial_of(
      tests::line_of({tests::machine("a", 4, 1), tests::machine("b", 5, 0)}), tests::one_order(20));
  small.want_trace = true;
  small.want_gantt = true;
  small.want_state_at_s = 30;
  const auto outcome = tests::run(small);
  REQUIRE(outcome.state);
  const auto back = worker::outcome_from(worker::to_bytes(outcome));
  REQUIRE(back);
  CHECK(worker::to_bytes(*back) == worker::to_bytes(outcome));
  CHECK(back->gantt.size() == outcome.gantt.size());
}

TEST_CASE("bytes that are cut or too many are refused, and changed ones never crash") {
  const auto bytes = worker::to_bytes(full_trial());
  for (std::size_t size = 0; size < bytes.size(); size += 7)
    CHECK_FALSE(worker::trial_from(std::string_view(bytes).substr(0, size)));
  CHECK_FALSE(worker::trial_from(bytes + "x"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(line::random_word(i, 0, line::Purpose::noise, 0));
    (void)worker::trial_from(changed);
    (void)worker::outcome_from(changed);
  }
}

TEST_CASE("a byte that is no truth value is refused") {
  auto trial = full_trial();
  auto bytes = worker::to_bytes(trial);
  trial.want_trace = !trial.want_trace;
  const auto other = worker::to_bytes(trial);
  const auto differs = std::mismatch(bytes.begin(), bytes.end(), other.begin()).first;
  REQUIRE(differs != bytes.end());
  *differs = 3;
  CHECK_FALSE(worker::trial_from(bytes));
}

TEST_CASE("a fan and its outcome survive the wire") {
  line::Fan fan{full_trial(), 44, {}, 60};
  fan.branches.resize(2);
  fan.branches[1] = {7, fan.trial.line, fan.trial.schedule, fan.trial.faults, 99.0};
  const auto bytes = worker::to_bytes(fan);
  const auto again = worker::fan_from(bytes);
  REQUIRE(again);
  CHECK(again->branches.size() == 2);
  CHECK_FALSE(again->branches[0].line);
  CHECK(*again->branches[1].line == *fan.trial.line);
  CHECK(worker::to_bytes(*again) == bytes);
  for (std::size_t size = 0; size < bytes.size(); size += 97)
    CHECK_FALSE(worker::fan_from(std::string_view(bytes).substr(0, size)));
}

TEST_CASE("messages are taken off a stream however it is cut") {
  const auto stream = worker::framed(1, "one") + worker::framed(2, "") + worker::framed(3, "three");
  for (std::size_t step = 1; step < 20; ++step) {
    std::string buffer;
    std::string heard;
    bool broken = false;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      buffer += stream.substr(at, step);
      while (const auto message = worker::take_message(buffer, broken))
        heard += std::to_string(message->id) + message->bytes + ";";
    }
    CHECK(heard == "1one;2;3three;");
    CHECK_FALSE(broken);
    CHECK(buffer.empty());
  }
  std::string noise = "these are not the bytes of a message at all";
  bool broken = false;
  CHECK_FALSE(worker::take_message(noise, broken));
  CHECK(broken);
}
