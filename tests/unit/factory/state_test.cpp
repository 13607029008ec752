// SPDX-License-Identifier: Apache-2.0
// A line's state through a file: what goes on from it is what would have gone on without.
#include <fmt/format.h>
#include <algorithm>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/text/state_file.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::line;
using namespace foreline::tests;

namespace {

FaultMode mode(FaultKind kind, Distribution onset, double progress_s, double repair_s) {
  FaultMode made;
  made.kind = kind;
  made.onset = std::move(onset);
  made.progress = {Distribution::Kind::lognormal, progress_s, progress_s / 3, 0, 0};
  made.repair = {Distribution::Kind::uniform, 0, 0, repair_s / 2, repair_s * 2};
  return made;
}

/// Three machines that wear, trip, scrap and change over, with a crew for each.
Trial busy_day() {
  std::vector<Machine> machines = {machine("a", 4, 6, 2), machine("b", 5, 3, 2),
                                   machine("c", 3, 0, 2)};
  for (auto& m : machines) {
    m.cycle = {Distribution::Kind::gamma, m.cycle.mean, 0.8, 0, 0};
    m.changeover_s = {{0, 120}, {90, 0}};
    m.scrap_share = 0.02;
    m.faults = {
        mode(FaultKind::bearing_wear, {Distribution::Kind::weibull, 900, 2, 0, 0}, 500, 200),
        mode(FaultKind::jam, {Distribution::Kind::exponential, 700, 0, 0, 0}, 60, 30),
        mode(FaultKind::motor_trip, {Distribution::Kind::exponential, 1500, 0, 0, 0}, 1, 90),
        mode(FaultKind::power_dip, {Distribution::Kind::exponential, 2500, 0, 0, 0}, 1, 60)};
    m.faults[3].clock = FaultMode::Clock::calendar;
    m.faults[0].spare = 0;
  }
  auto line = line_of(std::move(machines), 3);
  line.products = {"x", "y"};
  line.spares = {{"bearing", 4, 0, 2, Distribution::constant(50)}};
  auto trial = trial_of(std::move(line), {{"1", {0}, 160}, {"2", {1}, 150}, {"3", {0}, 170, 400}});
  trial.random_faults = true;
  return trial;
}

std::filesystem::path scratch(const std::string& name) {
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "scratch";
  std::filesystem::create_directories(folder);
  return folder / name;
}

/// What reading the file back says.
Result<LineNow> through_file(const std::string& text, const Trial& trial) {
  // Its own for each text: tests run side by side.
  const auto path = scratch(fmt::format("state-{}.toml", std::hash<std::string>{}(text)));
  std::ofstream(path) << text;
  return text::read_state_file(path, *trial.line, *trial.orders);
}

/// The state that was asked for, which a file keeps as it is.
LineNow kept_in_file(const Outcome& past, const Trial& asked) {
  REQUIRE(past.state);
  const auto now = through_file(text::state_text(*past.state, *asked.line, *asked.orders), asked);
  INFO((now ? "" : now.error().text()));
  REQUIRE(now);
  CHECK(*now == *past.state);
  return *now;
}

}  // namespace

TEST_CASE("what goes on from a state file is what would have gone on without") {
  std::vector<Trial> asked;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    asked.push_back(busy_day());
    asked.back().seed = seed;
    asked.back().want_state_at_s = 61.0 + 37 * static_cast<double>(seed);
    asked.back().want_health = true;
  }
  const auto past = run(asked);
  std::vector<Trial> futures;
  std::size_t repairs = 0;
  for (std::size_t i = 0; i < past.size(); ++i) {
    const auto now = kept_in_file(past[i], asked[i]);
    for (const auto& machine : now.machines) repairs += machine.repairing >= 0 ? 1 : 0;
    futures.push_back(asked[i]);
    futures.back().want_state_at_s.reset();
    futures.back().from = now;
  }
  CHECK(repairs > 5);
  const auto future = run(futures);
  for (std::size_t i = 0; i < future.size(); ++i) {
    const double from_s = futures[i].from->at_s;
    INFO("seed " << futures[i].seed << " from " << from_s);
    REQUIRE(future[i].end == Outcome::End::done);
    CHECK(future[i].end_s == Approx(past[i].end_s).margin(1e-6));
    for (std::size_t o = 0; o < 3; ++o) {
      CHECK(future[i].orders[o].good == past[i].orders[o].good);
      CHECK(future[i].orders[o].scrap == past[i].orders[o].scrap);
    }
    // Faults that stopped a machine afterwards, at the same moments.
    const auto stops = [&](const Outcome& outcome) {
      std::vector<std::pair<double, int>> found;
      for (const auto& fault : outcome.faults)
        if (fault.failed_s > from_s + 1e-6)
          found.emplace_back(std::round(fault.failed_s * 1e3), static_cast<int>(fault.kind));
      std::sort(found.begin(), found.end());  // those that had begun are noted anew
      return found;
    };
    CHECK(stops(future[i]) == stops(past[i]));
  }
}

TEST_CASE("an unedited future of a state is the run from that state to the last bit") {
  auto trial = busy_day();
  trial.seed = 5;
  trial.want_state_at_s = 700;
  trial.want_health = true;
  trial.from = run(trial).state;
  trial.want_state_at_s.reset();
  const auto parent = run(trial);
  auto fast = trial;
  fast.replication = true;
  const auto replication = run(fast);
  CHECK(parent.end_s == replication.end_s);
  CHECK(parent.events == replication.events);
  CHECK(parent.lead_time_s == replication.lead_time_s);
}

TEST_CASE("health that is only known by its damage leaves as much life as the damage says") {
  auto line = line_of({machine("m", 10, 0)});
  auto wear = mode(FaultKind::bearing_wear, Distribution::constant(1e6), 1, 100);
  wear.progress = Distribution::constant(1000);
  wear.repair = Distribution::constant(100);
  line.machines[0].faults = {wear};
  auto trial = trial_of(line, one_order(50));
  const auto now = through_file(
      "format = \"foreline state 1\"\nat = \"200 s\"\n[[machine]]\nname = \"m\"\nstate = "
      "\"Execute\"\norder = \"A\"\nparts = 1\nremaining = \"4 s\"\nmade = { A = 20 }\noperating = "
      "\"206 s\"\n  [[machine.fault]]\n  kind = \"bearing-wear\"\n  damage = \"80 %\"\n",
      trial);
  INFO((now ? "" : now.error().text()));
  REQUIRE(now);
  trial.from = *now;
  const auto outcome = run(trial);
  // 29 parts and the rest of one are 294 s of work; a fifth of 1000 s is left until the stop.
  REQUIRE(outcome.faults.size() == 1);
  CHECK(outcome.faults[0].failed_s == Approx(400));
  CHECK(outcome.end_s == Approx(200 + 294 + 100));
}

TEST_CASE("a state file's mistakes are said all at once, with their places") {
  const auto trial = busy_day();
  const auto now = through_file(
      "format = \"foreline state 1\"\n"
      "at = \"5 min\"\n"
      "line = \"other\"\n"
      "[[machine]]\n"
      "name = \"a\"\n"
      "state = \"Exekute\"\n"
      "order = \"7\"\n"
      "parts = 1\n"
      "made = { 1 = 12 }\n"
      "busy = \"5 min\"\n"
      "[[machine]]\n"
      "name = \"b\"\n"
      "state = \"Execute\"\n"
      "remaining = \"3 s\"\n"
      "repairing = \"jam\"\n"
      "  [[machine.fault]]\n"
      "  kind = \"motor-trip\"\n"
      "  damage = \"40 %\"\n"
      "[spares]\n"
      "baering = 1\n",
      trial);
  REQUIRE_FALSE(now);
  const auto text = now.error().text();
  INFO(text);
  for (const char* wanted :
       {":3:", "state of line other", ":6:", "Exekute", ":7:", "no order \"7\"", ":10:",
        "has no repair", ":14:", "no part on the machine", ":15:", "only a machine that is Held",
        ":18:", "gives no warning", ":20:", "did you mean \"bearing\"?", "machine c is missing",
        "12 parts are between a and b, where there are 6 places"})
    CHECK(text.find(wanted) != std::string::npos);
}

namespace {

/// Two ovens' worth of everything that a state has to tell of: a belt, a truck, rework, a split.
Trial bakery() {
  auto cut = machine("cut", 5, 4);
  cut.gives = 2;
  cut.conveyor = {30, 2, true};
  auto bake = machine("bake", 25, 6);
  bake.batch = 4;
  bake.batch_wait_s = 60;
  bake.transporter = 0;
  bake.carry_s = 12;
  auto look = machine("look", 5, 0);
  look.defect_share = 0.3;
  look.inspection = {1, 0.1, 1, 2, 1};
  auto line = line_of({cut, bake, look});
  line.transporters = {{"truck", 1}};
  return trial_of(line, {{"A", {0}, 30}, {"B", {0}, 20}});
}

}  // namespace

TEST_CASE("parts on belts, on trucks, in ovens and sent back go on from where they are") {
  std::vector<Trial> asked;
  for (double at_s = 31; at_s < 900; at_s += 23.3) {
    asked.push_back(bakery());
    asked.back().want_state_at_s = at_s;
    asked.back().want_health = true;
  }
  const auto past = run(asked);
  auto futures = asked;
  std::size_t rework = 0, carried = 0, under_way = 0, given = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto now = kept_in_file(past[i], asked[i]);
    for (const auto& at : now.machines) {
      rework += at.rework.size();
      carried += at.carried.size() + at.returning_s.size();
      given += at.given.value_or(0);
    }
    for (const auto& part : now.buffers[0]) under_way += part.reach_s > 0 ? 1 : 0;
    futures[i].from = now;
    futures[i].want_state_at_s.reset();
  }
  CHECK(rework > 0);
  CHECK(carried > 0);
  CHECK(under_way > 0);
  CHECK(given > 0);
  const auto future = run(futures);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    INFO("from " << futures[i].from->at_s);
    CHECK(future[i].end_s == Approx(past[i].end_s).margin(1e-6));
    for (std::size_t o = 0; o < 2; ++o) {
      CHECK(future[i].orders[o].good == past[i].orders[o].good);
      CHECK(future[i].orders[o].scrap == past[i].orders[o].scrap);
    }
  }
}

TEST_CASE("what waits for rework is not begun anew by a plan") {
  auto feed = machine("feed", 5, 4);
  auto weld = machine("weld", 9, 4);
  auto look = machine("look", 5, 0);
  look.defect_share = 0.4;
  look.inspection = {1, 0, 1, 5, 1};
  auto trial = trial_of(line_of({feed, weld, look}), one_order(60));
  std::size_t waiting = 0;
  for (double at_s = 100; at_s < 400; at_s += 7) {
    auto past = trial;
    past.want_state_at_s = at_s;  // without what only a simulation knows
    auto rest = trial;
    rest.from = run(past).state;
    REQUIRE(rest.from);
    waiting += rest.from->machines[1].rework.size();
    const auto future = run(rest);
    INFO("from " << at_s);
    const auto& fed = rest.from->machines[0];
    CHECK(future.machines[0].good + fed.progress[0].good == 60);
    CHECK(future.orders[0].good + future.orders[0].scrap == 60);
  }
  CHECK(waiting > 0);
}

TEST_CASE("what a state cannot be is said of parts, belts, trucks and deliveries") {
  auto trial = bakery();
  auto line = *trial.line;
  line.spares = {{"belt", 1, 0, 1, Distribution::constant(50)}};
  trial.line = std::make_shared<Line>(line);
  const auto now = through_file(
      "format = \"foreline state 1\"\n"
      "at = \"5 min\"\n"
      "[[machine]]\n"
      "name = \"cut\"\n"
      "order = \"A\"\n"
      "holds = [{ order = \"B\", entered = \"1 h\" }]\n"
      "given = 2\n"
      "buffer = [7, \"A\", \"C\", { order = \"A\", arrives = \"40 s\" }]\n"
      "belt_busy = \"3 s\"\n"
      "carried = [\"A\"]\n"
      "rework = [\"A\"]\n"
      "[[machine]]\n"
      "name = \"bake\"\n"
      "buffer = [\"A\", \"A\", \"A\", \"A\", \"A\", \"A\", { order = \"A\", colour = 1 }]\n"
      "carried = [{ order = \"A\", arrives = \"13 s\" }]\n"
      "placed = true\n"
      "returning = [\"5 s\", \"soon\"]\n"
      "rework = [{ reworks = 1 }]\n"
      "crew = \"crew\"\n"
      "[[machine]]\n"
      "name = \"look\"\n"
      "placed = true\n"
      "served = [{ }, { before_order = \"D\" }]\n"
      "[spares]\n"
      "belt = { pieces = 0, deliveries = [\"-2 h\"], order = 1 }\n",
      trial);
  REQUIRE_FALSE(now);
  const auto text = now.error().text();
  INFO(text);
  for (const char* wanted : {":6:10: cut works on order A",
                             ":6:35: 1 h is after this moment, 5 min",
                             ":7:",
                             "cut gives 2 for each part",
                             ":8:11: an entry of \"buffer\" is",
                             ":8:19: no order \"C\"",
                             ":8:49: the whole way takes 30 s",
                             ":9:",
                             "parts on the belt behind cut are 2 s apart",
                             ":10:",
                             "no transporter carries the parts of cut",
                             ":11:",
                             "no part is sent back to cut",
                             ":14:",
                             "unknown key \"colour\"",
                             ":15:",
                             "the whole way takes 12 s",
                             ":17:",
                             "\"soon\" is no time on the way back",
                             ":18:",
                             "\"order\" is missing",
                             ":19:",
                             "only an open repair or service has a crew",
                             ":25:",
                             "\"-2 h\" is no time from now",
                             "did you mean \"orders\"?",
                             ":14:10: 9 parts are in the buffer behind bake, where 6 have room",
                             ":15:11: 3 transporters \"truck\" are under way, of 1",
                             ":22:10: there is no part on the machine",
                             ":23:11: a service needs either \"at\" or \"before_order\"",
                             ":23:33: \"before_order\" is \"D\""})
    CHECK(text.find(wanted) != std::string::npos);
}

TEST_CASE("a machine that is Stopped because nobody works is not serviced when work begins") {
  auto line = line_of({machine("m", 10, 0)});
  Calendar day;
  day.name = "day";
  day.period_s = 1000;
  day.open = {{0, 500}};
  line.calendars = {day};
  line.calendar = 0;
  auto trial = trial_of(line, one_order(60), 5000);
  trial.schedule.services = {{{0}, Service::When::at_time, 505, {}}};
  trial.want_state_at_s = 700;
  const auto past = run(trial);
  REQUIRE(past.state);
  CHECK(past.state->machines[0].state == PackmlState::stopped);
  trial.from = past.state;
  trial.want_state_at_s.reset();
  const auto future = run(trial);
  CHECK(future.end_s == past.end_s);
  CHECK(future.machines[0].services == past.machines[0].services);
}

namespace {

/// The state of a busy day in its middle, as a file.
std::string busy_text(Trial& trial) {
  trial = busy_day();
  trial.seed = 3;
  trial.want_state_at_s = 640;
  trial.want_health = true;
  const auto past = run(trial);
  REQUIRE(past.state);
  trial.want_state_at_s.reset();
  return text::state_text(*past.state, *trial.line, *trial.orders);
}

}  // namespace

TEST_CASE("a state file that is cut anywhere is an error with a place, or all there") {
  Trial trial;
  const auto whole = busy_text(trial);
  const auto path = scratch("state-cut.toml");
  std::size_t cuts = 0;
  std::size_t refused = 0;
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    ++cuts;
    std::ofstream(path) << whole.substr(0, size);
    const auto now = text::read_state_file(path, *trial.line, *trial.orders);
    // Machine c comes last: what is cut off before its own lines is missed.
    if (size < whole.rfind("name = \"c\"")) CHECK_FALSE(now);
    if (now) continue;
    ++refused;
    CHECK(now.error().diagnostics.front().file == path.string());
    CHECK(now.error().diagnostics.front().line > 0);
  }
  CHECK(refused > cuts / 2);
}

TEST_CASE("a state file with impossible numbers is refused, or simulated like any other") {
  Trial trial;
  const auto whole = busy_text(trial);
  const auto path = scratch("state-numbers.toml");
  std::vector<Trial> accepted;
  std::size_t refused = 0;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 1; i < whole.size(); ++i) {
    if (!is_digit(whole[i]) || is_digit(whole[i - 1]) || whole[i - 1] == '.') continue;
    auto end = i;
    while (end < whole.size() && (is_digit(whole[end]) || whole[end] == '.')) ++end;
    for (const char* number : {"nan", "inf", "-7", "1e400", "99999999999999999999", "4294967295",
                               "1e300", "0", "0.0000000001"}) {
      auto changed = whole;
      changed.replace(i, end - i, number);
      std::ofstream(path) << changed;
      const auto now = text::read_state_file(path, *trial.line, *trial.orders);
      if (!now) {
        ++refused;
        CHECK(now.error().diagnostics.front().line > 0);
        continue;
      }
      accepted.push_back(trial);
      accepted.back().from = *now;
      accepted.back().horizon_s = now->at_s + 600;
      accepted.back().replication = true;
      accepted.back().event_limit = 100'000;
    }
  }
  CHECK(refused > 100);
  CHECK(accepted.size() > 50);
  const auto outcomes = run(accepted);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    INFO(text::state_text(*accepted[i].from, *trial.line, *trial.orders));
    CHECK(outcomes[i].error == "");
    CHECK(outcomes[i].valid());
  }
}
