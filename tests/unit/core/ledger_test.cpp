// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/ledger.hpp"

#include <catch2/catch.hpp>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::core;

namespace {

const line::Line two = tests::line_of({tests::machine("a", 10, 4), tests::machine("b", 10, 0)});
const std::vector<line::Order> orders = {{"1", {0}, 10, 0, 700, 2}, {"2", {0}, 10, 0, 900, 1}};

line::LineNow now_at(double at_s, std::uint32_t first, std::uint32_t second) {
  line::LineNow now;
  now.at_s = at_s;
  now.machines.resize(2);
  for (auto& machine : now.machines) machine.progress = {{first, 0}, {second, 0}};
  return now;
}

line::Frame frame(double at_s, line::PackmlState a, line::PackmlState b) {
  line::Frame frame;
  frame.at_s = at_s;
  frame.machines.resize(2);
  frame.machines[0].state = a;
  frame.machines[1].state = b;
  return frame;
}

/// From 600 s to 1600 s, a window each 200 s in which 2 to 6 parts leave.
Promised promise() {
  Promised promised;
  promised.name = "service a now";
  promised.from_s = 600;
  promised.until_s = 1600;
  promised.keep_cost = 1000;
  promised.gain_lower = 300;
  promised.off_at_start = 5;
  promised.finished = {false, false};
  promised.booked.at_s = 600;
  promised.band = {200, {2, 4, 6, 8, 10}, {6, 8, 10, 12, 14}};
  promised.prices.now.at_s = 600;
  return promised;
}

Booked seen(double at_s, double down_s = 0, double missed_s = 0) {
  Booked booked;
  booked.at_s = at_s;
  booked.down_s = down_s;
  booked.missed_s = missed_s;
  return booked;
}

}  // namespace

TEST_CASE("frames are booked by state, and gaps as missed") {
  using S = line::PackmlState;
  Booked booked;
  booked.book(frame(10, S::execute, S::execute), two);
  booked.book(frame(20, S::held, S::stopped), two);
  booked.book(frame(30, S::held, S::held), two);
  CHECK(booked.down_s == 30);
  CHECK(booked.service_s == 10);
  CHECK(booked.missed_s == 0);
  booked.book(frame(100, S::held, S::held), two);
  CHECK(booked.down_s == 30);
  CHECK(booked.missed_s == 70);
  booked.book(frame(110, S::execute, S::resetting), two);
  booked.book(frame(120, S::held, S::execute), two);
  CHECK(booked.changeover_s == 10);
  CHECK(booked.breakdowns == 3);
  CHECK(booked.services == 1);
}

TEST_CASE("a machine that stops because its shift is over is in no service") {
  using S = line::PackmlState;
  auto shifts = two;
  shifts.calendars = {{"day", 1000, 0, {{0, 100}}, {}}};
  shifts.calendar = 0;
  Booked booked;
  for (const double at_s : {80.0, 90.0, 100.0, 110.0})
    booked.book(frame(at_s, at_s < 90 ? S::execute : S::stopped, S::execute), shifts);
  CHECK(booked.service_s == 10);
  CHECK(booked.services == 1);
}

TEST_CASE("what was gained is what keeping would have cost less what it cost") {
  Following following(promise(), {});
  CHECK_FALSE(following.step(two, orders, now_at(800, 8, 0), seen(800)).over);
  CHECK_FALSE(following.step(two, orders, now_at(1000, 10, 2), seen(1000, 60)).over);
  const auto news = following.step(two, orders, now_at(1300, 10, 10), seen(1300, 100));
  REQUIRE(news.over);
  REQUIRE(news.realised);
  // Late: order 1 by 300 s with weight 2, order 2 by 400 s; 100 s down; 700 s long at a tenth.
  CHECK(*news.realised == Approx(1000 - (2 * 300 + 400) - 100 - 70));
}

TEST_CASE("stops, services, changeovers and scrap count by their prices, energy is not seen") {
  auto promised = promise();
  auto& objective = promised.prices.objective;
  objective = line::free_of_cost();
  objective.breakdown = 100;
  objective.service = 10;
  objective.changeover_s = 1;
  objective.scrap_part = 5;
  promised.booked.breakdowns = 2;
  promised.booked.services = 1;
  promised.booked.changeover_s = 40;
  promised.scrapped_at_start = 3;
  auto booked = seen(1300);
  booked.breakdowns = 3;
  booked.services = 3;
  booked.changeover_s = 47;
  auto now = now_at(1300, 9, 9);
  now.machines[0].progress[0].scrap = 3;
  now.machines[1].progress[1].scrap = 1;
  now.machines[0].progress[1].scrap = 1;
  now.machines[1].progress[0].good = 7;
  now.machines[1].progress[1].good = 8;
  Following following(promised, {});
  const auto news = following.step(two, orders, now, booked);
  REQUIRE(news.realised);
  CHECK(*news.realised == Approx(1000 - 100 - 20 - 7 - 10));

  promised.prices.objective.energy_kwh = 1;
  Following unseen(promised, {});
  const auto unknown = unseen.step(two, orders, now, booked);
  CHECK(unknown.over);
  CHECK_FALSE(unknown.realised);
  CHECK(unknown.text.find("energy") != std::string::npos);
}

TEST_CASE("orders that were over before count for nothing, unfinished ones by mean times") {
  auto promised = promise();
  promised.after.sequence = {{0}, {1}};
  promised.finished = {true, false};
  Following following(promised, {});
  CHECK_FALSE(following.step(two, orders, now_at(700, 10, 1), seen(700)).over);
  const auto news = following.step(two, orders, now_at(1610, 10, 9), seen(1610));
  REQUIRE(news.realised);
  // Its last part takes 10 s more.
  CHECK(*news.realised == Approx(1000 - 720 - 102));
}

TEST_CASE("what was not seen is not judged") {
  Following gap(promise(), {});
  auto news = gap.step(two, orders, now_at(1600, 10, 10), seen(1600, 0, 51));
  CHECK(news.over);
  CHECK_FALSE(news.realised);
  Following restarted(promise(), {}, false);
  news = restarted.step(two, orders, now_at(1600, 10, 10), seen(1600));
  CHECK(news.over);
  CHECK_FALSE(news.realised);
  CHECK(news.text.find("cannot be known") != std::string::npos);
}

TEST_CASE("three windows below the band ask for the way back; one above does not") {
  Following following(promise(), {});
  CHECK(following.step(two, orders, now_at(805, 5, 0), seen(805)).window ==
        "0 parts in 3 min, simulated 2 to 6");
  CHECK_FALSE(following.step(two, orders, now_at(1000, 6, 0), seen(1000)).back_due);
  const auto news = following.step(two, orders, now_at(1200, 7, 0), seen(1200));
  CHECK(news.back_due);
  CHECK(news.text.find("3 windows") != std::string::npos);
  CHECK_FALSE(news.over);

  Following quick(promise(), {});
  for (const double at_s : {800.0, 1000.0, 1200.0})
    CHECK_FALSE(quick.step(two, orders, now_at(at_s, 10, 8), seen(at_s)).back_due);
}

TEST_CASE("a look that comes late says nothing about the window it missed") {
  Following following(promise(), {});
  for (const double at_s : {890.0, 1090.0, 1290.0, 1490.0}) {
    const auto news = following.step(two, orders, now_at(at_s, 5, 0), seen(at_s));
    CHECK(news.window.empty());
    CHECK_FALSE(news.back_due);
  }
}

TEST_CASE("the ledger keeps promises, outcomes, roll-backs and the lock-out") {
  Ledger ledger;
  ledger.promised(promise());
  CHECK(ledger.open());
  ledger.settled(350);
  CHECK_FALSE(ledger.open());
  CHECK(ledger.standing());  // it runs on, and can still be taken back
  ledger.promised(promise());
  ledger.settled(std::nullopt);
  ledger.promised(promise());
  ledger.rolled_back();
  CHECK(ledger.locked_out());
  CHECK_FALSE(ledger.standing());
  ledger.cleared();
  CHECK_FALSE(ledger.locked_out());
  REQUIRE(ledger.promises().size() == 3);
  CHECK(ledger.promises()[0].realised == 350);
  CHECK_FALSE(ledger.promises()[1].realised);
  CHECK(ledger.promises()[2].rolled_back);
}
