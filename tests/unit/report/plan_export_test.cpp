// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/plan_export.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/plan/requests.hpp"

using namespace foreline;

namespace {

/// The running schedule, turned at its end, as if it had been proved.
plan::Plan planned(const plan::Request& request) {
  line::Trial trial;
  trial.line = request.line;
  trial.orders = request.orders;
  trial.from = request.now;
  trial.horizon_s = 1e6;
  trial.random_faults = false;
  trial.want_gantt = true;
  plan::Plan plan;
  plan::Evaluated winner;
  winner.candidate.name = "turned";
  winner.candidate.schedule = request.active;
  std::swap(winner.candidate.schedule.sequence[2], winner.candidate.schedule.sequence[3]);
  winner.candidate.schedule.services = {{{1}, line::Service::When::before_order, 0, {3}}};
  trial.schedule = winner.candidate.schedule;
  plan.evaluated = {winner};
  plan.winner_example = tests::run(trial);
  plan.proof.winner_spans = plan::work_spans({&plan.winner_example, 1});
  plan.proof.on_time = {{{1}, select::chance_of(1, 10), select::chance_of(9, 10)}};
  return plan;
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t hits = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++hits;
  return hits;
}

}  // namespace

TEST_CASE("the Gantt shows machines and orders, spreads, dates, now and the fence") {
  const auto request = tests::request();
  const auto svg = report::plan_gantt(request, planned(request), request.now.at_s + 600);
  CHECK(svg.find("xmlns='http://www.w3.org/2000/svg'") != std::string::npos);
  CHECK(svg.find("<style>") != std::string::npos);
  for (const char* row : {">first<", ">second<", ">order A<", ">order D<"})
    CHECK(count(svg, row) == 1);
  CHECK(count(svg, "class='spread ") == 16);  // four orders on two machines, in both kinds of rows
  CHECK(count(svg, "class='due ") == 2);      // one order has no date, one a date far behind
  CHECK(count(svg, "class='service ") == 1);
  CHECK(count(svg, "<line class='mark now'") == 1);
  CHECK(count(svg, "<line class='mark freeze'") == 1);
  CHECK(count(report::plan_gantt(request, planned(request)), "<line class='mark freeze'") == 0);
}

TEST_CASE("the tables hold the new sequence with its times and chances") {
  const auto request = tests::request();
  const auto plan = planned(request);
  const auto tables = report::plan_tables(request, plan);
  REQUIRE(tables.size() == 4);
  const auto& orders = tables[0];
  REQUIRE(orders.rows.size() == 4);
  for (const auto& table : tables)
    for (const auto& row : table.rows) CHECK(row.size() == table.columns.size());
  CHECK(std::get<std::string>(orders.rows[2][1]) == "D");
  CHECK(std::holds_alternative<std::monostate>(orders.rows[2][4]));  // no date
  CHECK(std::get<double>(orders.rows[3][9]) ==
        Approx(plan.winner_example.orders[2].finished_s).margin(0.1));
  CHECK(std::get<double>(orders.rows[1][12]) > std::get<double>(orders.rows[1][11]));
  CHECK(tables[1].rows.size() == 8);
  CHECK(std::get<std::string>(tables[2].rows[0][2]) == "D");
}

TEST_CASE("nine of ten futures lie on each side of a span's ends") {
  std::vector<line::Outcome> futures(11);
  for (std::size_t i = 0; i < futures.size(); ++i) {
    const double at_s = 100 * static_cast<double>(i);
    futures[i].gantt = {{{0}, line::Occupation::What::work, {0}, at_s, at_s + 10},
                        {{0}, line::Occupation::What::repair, {0}, 0, 9999},
                        {{0}, line::Occupation::What::work, {0}, at_s + 20, at_s + 50}};
    if (i < 5) futures[i].gantt.push_back({{1}, line::Occupation::What::work, {0}, 0, 1});
  }
  const auto spans = plan::work_spans(futures);
  REQUIRE(spans.size() == 1);  // the second machine works in too few of them
  CHECK(spans[0].begin_low_s == 100);
  CHECK(spans[0].begin_s == 500);
  CHECK(spans[0].end_high_s == 950);
}

TEST_CASE("services stand in a calendar at their local time, over the ends of months") {
  auto request = tests::request();
  auto line = *request.line;
  line.machines[0].name = "press, hall 2; \xC3\xBC" + std::string(80, 'x');
  const auto zero = report::moment_of("2028-02-28T22:30");
  REQUIRE(zero);
  const auto text = report::calendar_of(
      {{{0}, line::Occupation::What::service, {0}, 86400 + 5400, 86400 + 7200.4},
       {{0}, line::Occupation::What::work, {0}, 0, 10}},
      line, "Planned: ", *zero);
  CHECK(count(text, "BEGIN:VEVENT\r\n") == 1);
  CHECK(text.find("DTSTART:20280301T000000\r\nDTEND:20280301T003000\r\n") != std::string::npos);
  CHECK(text.find("SUMMARY:Planned: service of press\\, hall 2\\; \xC3\xBCx") != std::string::npos);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find("\r\n", at);
    REQUIRE(end != std::string::npos);
    CHECK(end - at <= 75);
    at = end + 2;
  }
  for (const char* wrong : {"", "2026-11-30", "2026-02-30T06:00", "2026-11-30T24:00",
                            "2026-11-30 06:00", "2026-11-30T06:0x"})
    CHECK_FALSE(report::moment_of(wrong));
}
