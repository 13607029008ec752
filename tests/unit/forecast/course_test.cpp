// SPDX-License-Identifier: Apache-2.0
#include "inference/course.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <random>

#include "inference/train/population.hpp"
#include "sim/text/files.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using inference::Course;

TEST_CASE(
    "a signal that scatters around a level is expected to go on so, as far as a third of what was "
    "seen") {
  Course course;
  std::mt19937 dice(5);
  std::normal_distribution<double> noise(50, 2);
  CHECK(course.ahead().empty());
  double at_s = 0;
  const auto watch = [&](double until_s) {
    for (; at_s < until_s; at_s += 10) course.add(at_s, noise(dice));
  };
  watch(3500);
  CHECK(course.ahead().empty());
  watch(3 * 3600 + 310);
  REQUIRE(course.ahead().size() == 4);
  CHECK(course.ahead().front().at_s == 3 * 3600 + 600);
  CHECK(course.ahead().back().at_s == 4 * 3600 + 300);
  watch(24 * 3600 + 10);
  REQUIRE(course.ahead().size() == 6);
  CHECK(course.ahead().back().at_s == 28 * 3600);
  for (const auto& point : course.ahead()) {
    CHECK(point.low == Approx(50 - 1.2816 * 2).margin(0.8));
    CHECK(point.middle == Approx(50).margin(0.8));
    CHECK(point.high == Approx(50 + 1.2816 * 2).margin(0.8));
  }
}

TEST_CASE("what a signal did is expected again, and what was not measured is no reading") {
  Course course;
  for (double at_s = 0; at_s < 13 * 3600; at_s += 10) {
    if (std::fmod(at_s, 3600) < 600) continue;
    course.add(at_s, at_s / 3600);
    course.add(at_s, std::numeric_limits<double>::quiet_NaN());
    course.add(std::numeric_limits<double>::infinity(), 5);
    course.add(0, 1000);  // the past is over
  }
  REQUIRE(course.ahead().size() == 6);
  const auto& last = course.ahead().back();
  CHECK(last.low <= last.middle);
  CHECK(last.middle <= last.high);
  CHECK(last.middle == Approx(last.at_s / 3600).margin(0.5));  // it has always risen so
}

TEST_CASE("nothing is expected of a signal that has been silent for a quarter of an hour") {
  Course course;
  for (double at_s = 0; at_s < 6 * 3600; at_s += 10) course.add(at_s, 1);
  REQUIRE_FALSE(course.ahead().empty());
  course.add(6 * 3600 + 3000, 1);
  CHECK(course.ahead().empty());
}

namespace {

/// How many readings came below, within and above what had been expected of them.
struct Came {
  double below = 0, within = 0, above = 0;
  [[nodiscard]] double of() const { return below + within + above; }
};

}  // namespace

TEST_CASE(
    "on simulated lines eight of ten readings lie between P10 and P90, whatever breaks down") {
  const auto read =
      text::read_line_file(std::string(FORELINE_SOURCE_DIR) + "/scenarios/lines/bottling.toml");
  REQUIRE(read);
  const auto line = std::make_shared<const line::Line>(*read);
  inference::DayRules rules;
  rules.horizon_s = 36 * 3600;
  rules.scripted_share = 1;  // one to four faults more than come by chance
  std::vector<line::Trial> days;
  for (std::uint64_t seed = 4'000'001; seed <= 4'000'008; ++seed)
    days.push_back(inference::random_day(line, seed, rules));
  std::map<double, Came> came;  // by horizon
  std::map<std::size_t, Came> by_day;
  std::size_t faults = 0;
  const auto outcomes = tests::run(days);
  for (std::size_t d = 0; d < outcomes.size(); ++d) {
    REQUIRE(outcomes[d].valid());
    faults += outcomes[d].faults.size();
    for (std::size_t m = 0; m < line->machines.size(); ++m) {
      for (std::size_t s = 0; s < line->machines[m].signals.size(); ++s) {
        Course course;
        std::multimap<double, std::pair<double, inference::CoursePoint>> waiting;
        double told_s = -1;
        double began_s = 0;
        for (const auto& frame : outcomes[d].trace.frames) {
          if (!frame.connected) continue;
          if (frame.machines[m].state != line::PackmlState::execute) {
            began_s = frame.at_s + line->sample_period_s;
            continue;
          }
          if (frame.at_s - began_s < 15) continue;
          const auto& sample = frame.machines[m].signals[s];
          if (sample.quality != line::Quality::good) continue;
          const auto value = static_cast<double>(sample.value);
          while (!waiting.empty() && waiting.begin()->first <= frame.at_s) {
            const auto& [in_s, point] = waiting.begin()->second;
            if (frame.at_s < point.at_s + 10) {
              for (auto* each : {&came[in_s], &by_day[d]})
                (value < point.low    ? each->below
                 : value > point.high ? each->above
                                      : each->within) += 1;
            }
            waiting.erase(waiting.begin());
          }
          course.add(frame.at_s, value);
          const auto& ahead = course.ahead();
          const double now_s = Course::block_s * std::floor(frame.at_s / Course::block_s);
          if (ahead.empty() || now_s == told_s) continue;
          told_s = now_s;
          for (const auto& point : ahead) waiting.insert({point.at_s, {point.at_s - now_s, point}});
        }
      }
    }
  }
  CHECK(faults > 20);
  for (const auto& [in_s, one] : came) {
    INFO("in " << in_s / 60 << " min, of " << one.of() << ": below " << one.below / one.of()
               << ", within " << one.within / one.of() << ", above " << one.above / one.of());
    CHECK(one.of() > 20'000);
    CHECK(one.within / one.of() == Approx(0.8).margin(0.03));
    CHECK(one.below / one.of() == Approx(0.1).margin(0.03));
    CHECK(one.above / one.of() == Approx(0.1).margin(0.03));
  }
  CHECK(came.size() == 6);
  for (const auto& [day, one] : by_day) {
    INFO("day " << day << ": within " << one.within / one.of() << " of " << one.of());
    CHECK(one.within / one.of() == Approx(0.8).margin(0.03));
  }
}
