// SPDX-License-Identifier: Apache-2.0
// One case that passes; then each reason to refuse, alone.
#include "plugin/core/gate.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "sim/select/scenario_set.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::core;

namespace {

struct Case {
  plan::Request request;
  plan::Plan plan;
  GateInput input;
  GateRules rules;

  Case() {
    request.line = std::make_shared<line::Line>(
        tests::line_of({tests::machine("a", 10, 4), tests::machine("b", 10, 0)}));
    request.orders = std::make_shared<std::vector<line::Order>>(std::vector<line::Order>{
        {"1", {0}, 10}, {"2", {0}, 10}, {"3", {0}, 10}, {"4", {0}, 10}, {"5", {0}, 10}});
    request.active.sequence = {{0}, {1}, {2}, {3}, {4}};
    request.now.at_s = 1000;
    request.now.machines.resize(2);
    for (auto& machine : request.now.machines) machine.progress.resize(5);
    request.now.machines[0].progress[0].good = 3;
    request.now.machines[1].progress[0].good = 3;
    plan::Evaluated winner;
    winner.candidate.name = "service a now";
    winner.candidate.schedule = request.active;
    winner.candidate.schedule.services = {{{0}, line::Service::When::at_time, 1100, {}}};
    plan.evaluated = {winner};
    auto& proof = plan.proof;
    proof.seeds = select::scenario_seeds(1, select::ScenarioSet::gate, 200);
    std::vector<double> keep;
    std::vector<double> changed;
    for (std::size_t i = 0; i < 200; ++i) {
      keep.push_back(2000 + static_cast<double>(i % 7));
      changed.push_back(1500 + static_cast<double>(i % 5));
      proof.gain.push_back(keep.back() - changed.back());
    }
    proof.compared = select::compare(keep, changed);
    proof.mean_gain = {500, 480, 520};
    proof.gain_lower_95 = 480;
    proof.probability_better = 1;
    proof.keep_cost = 2000;
    proof.tail_change = proof.compared.tail_change;
    proof.on_time = {{{1}, select::chance_of(150, 200), select::chance_of(180, 200)}};
    for (const char* name : {"a", "b", "c", "d", "e"}) proof.corners.push_back({name, 0.1});
    input.identity = input.identity_now = "digest";
    input.connected = true;
    input.now_s = 1010;
    input.forecast_at_s = 980;
    input.may_write = true;
    input.audit_works = true;
    request.hazards = {{{0}, line::FaultKind::bearing_wear, {}}};
    input.forecast = ForecastRecord{0.2, 0.02};
    input.twin = TwinRecord{0.01, 0.01, 18, 20, false};
  }

  /// The name of the check that refuses; "passed" when none does.
  std::string verdict() {
    input.request = &request;
    input.plan = &plan;
    const auto judged = judge(input, rules);
    CHECK_FALSE(judged.reason.empty());
    if (judged.passed) return "passed";
    return judged.reason.substr(0, judged.reason.find(':'));
  }
  line::Schedule& schedule() { return plan.evaluated[0].candidate.schedule; }
};

}  // namespace

TEST_CASE("a schedule that is proved better is proposed") {
  CHECK(Case().verdict() == "passed");
}

TEST_CASE("each doubt alone refuses") {
  Case c;
  SECTION("the running schedule won") {
    c.schedule() = c.request.active;
    CHECK(c.verdict() == "change");
  }
  SECTION("a started order would move") {
    std::swap(c.schedule().sequence[0], c.schedule().sequence[1]);
    CHECK(c.verdict() == "schedule");
  }
  SECTION("an order is missing") {
    c.schedule().sequence.pop_back();
    CHECK(c.verdict() == "schedule");
  }
  SECTION("more services than a block holds") {
    c.schedule().services.assign(17, c.schedule().services[0]);
    CHECK(c.verdict() == "schedule");
  }
  SECTION("the PLC is away") {
    c.input.connected = false;
    CHECK(c.verdict() == "link");
  }
  SECTION("the forecast is old") {
    c.input.forecast_at_s = 1010 - 901;
    CHECK(c.verdict() == "forecast");
  }
  SECTION("the forecast is of the future") {
    c.input.forecast_at_s = 1020;
    CHECK(c.verdict() == "forecast");
  }
  SECTION("too much input was missing") {
    c.input.missing_share = 0.31;
    CHECK(c.verdict() == "input");
  }
  SECTION("one future crashed") {
    c.plan.proof.invalid_trials = 1;
    CHECK(c.verdict() == "simulation");
  }
  SECTION("the gain may be too small") {
    c.plan.proof.gain_lower_95 = 9.9;  // half a percent of 2000 is 10
    CHECK(c.verdict() == "gain");
  }
  SECTION("nothing was proved") {
    c.plan.proof.gain.clear();
    CHECK(c.verdict() == "futures");
    c.rules.least_futures = 0;
    CHECK(c.verdict() == "gain");
  }
  SECTION("a coin would do as well") {
    c.plan.proof.probability_better = 0.59;
    CHECK(c.verdict() == "better");
  }
  SECTION("better on average, worse when it matters") {
    c.plan.proof.tail_change = 0.011;
    CHECK(c.verdict() == "tail");
  }
  SECTION("nearly everything moves") {
    c.schedule().sequence = {{0}, {4}, {3}, {2}, {1}};
    CHECK(c.verdict() == "stability");
  }
  SECTION("an order before the fence moves") {
    c.request.fence = 3;
    c.schedule().sequence = {{0}, {2}, {1}, {3}, {4}};
    c.rules.largest_moved_share = 1;
    CHECK(c.verdict() == "freeze");
  }
  SECTION("the next orders shift far, though few move") {
    c.rules.largest_moved_share = 1;
    c.rules.largest_shift = 0.3;
    c.schedule().sequence = {{0}, {4}, {1}, {2}, {3}};
    CHECK(c.verdict() == "stability");
  }
  SECTION("the last change is fresh") {
    c.input.deployed_at_s = 500;
    CHECK(c.verdict() == "hold-off");
  }
  SECTION("G0: one byte of the line, the orders, the state or the rules is another") {
    c.input.identity_now = "digesT";
    CHECK(c.verdict() == "identity");
  }
  SECTION("G1: one future broke a law of the line") {
    c.plan.proof.broken = {"future 199: a part was made twice"};
    CHECK(c.verdict() == "simulation");
  }
  SECTION("G2: too few futures") {
    c.plan.proof.gain.pop_back();
    CHECK(c.verdict() == "futures");
  }
  SECTION("G2: a future that the choice has seen") {
    c.plan.proof.seeds[150] = select::scenario_seed(1, select::ScenarioSet::selection, 3);
    CHECK(c.verdict() == "futures");
  }
  SECTION("G2: only the bootstrap doubts it") {
    c.plan.proof.compared.gain_lower_boot = 5;
    CHECK(c.verdict() == "gain");
  }
  SECTION("G3: the tail may be worse, though it is better in these futures") {
    c.plan.proof.compared.tail_change_upper = 0.02;
    CHECK(c.verdict() == "tail");
  }
  SECTION("G3: one order pays for the others") {
    c.plan.proof.on_time.push_back({{3}, select::chance_of(190, 200), select::chance_of(160, 200)});
    CHECK(c.verdict() == "on time");
  }
  SECTION("G4: good in one corner only") {
    for (std::size_t i = 1; i < 3; ++i) c.plan.proof.corners[i].gain_share = -0.01;
    CHECK(c.verdict() == "model error");
  }
  SECTION("G4: very bad in one corner") {
    c.plan.proof.corners[4].gain_share = -0.04;
    CHECK(c.verdict() == "model error");
  }
  SECTION("G5: a forecast older than a twentieth of a short horizon") {
    c.request.horizon_s = 400;
    CHECK(c.verdict() == "forecast");
  }
  SECTION("G5: a forecast without skill, or that says sixty where thirty come") {
    c.input.forecast = ForecastRecord{0.2, 0.02};
    CHECK(c.verdict() == "passed");
    c.input.forecast = ForecastRecord{-0.01, 0.02};
    CHECK(c.verdict() == "skill");
    c.input.forecast = ForecastRecord{0.2, 0.3};
    CHECK(c.verdict() == "skill");
    c.input.forecast.reset();
    CHECK(c.verdict() == "skill");
    c.request.hazards.clear();  // by base rates alone nothing has to be believed
    CHECK(c.verdict() == "passed");
  }
  SECTION("G6: the simulation is ten percent too quick, or its intervals do not hold") {
    c.input.twin = TwinRecord{0.01, 0.01, 18, 20, false};
    CHECK(c.verdict() == "passed");
    c.input.twin->throughput_error = 0.1;
    CHECK(c.verdict() == "twin");
    c.input.twin = TwinRecord{0.01, 0.01, 12, 20, false};
    CHECK(c.verdict() == "twin");
    c.input.twin = TwinRecord{0.01, 0.01, 18, 20, true};
    CHECK(c.verdict() == "twin");
    c.input.twin.reset();
    CHECK(c.verdict() == "twin");
    c.rules.least_stretches = 0;
    CHECK(c.verdict() == "passed");
  }
  SECTION("G7: a stale state, or counts that contradict") {
    c.input.now_s = 1301;
    c.input.forecast_at_s = 1290;
    CHECK(c.verdict() == "state");
    c.input.now_s = 1010;
    c.input.forecast_at_s = 980;
    c.request.now.machines[1].progress[0].good = 4;
    CHECK(c.verdict() == "counts");
  }
  SECTION("G8: everything starts at another time") {
    c.plan.proof.start_deviation_s = 4 * 3600 + 1;
    CHECK(c.verdict() == "starts");
  }
  SECTION("G11: no way back, or one was taken") {
    c.input.locked_out = true;
    CHECK(c.verdict() == "way back");
    c.input.locked_out = false;
    c.input.previous_kept = false;
    CHECK(c.verdict() == "way back");
  }
  SECTION("G12: four of the last twenty promises were broken") {
    for (int i = 0; i < 20; ++i) c.input.ledger.push_back({100, i < 3 ? 50.0 : 150.0, false});
    CHECK(c.verdict() == "passed");
    c.input.ledger.push_back({100, 99.0, false});
    c.input.ledger.push_back({100, 500.0, true});  // gained much, and was taken back
    c.input.ledger.push_back({100, std::nullopt, false});
    CHECK(c.verdict() == "passed");  // the oldest three are out of the twenty
    c.input.ledger.push_back({100, 10.0, false});
    c.input.ledger.push_back({100, std::nullopt, true});
    CHECK(c.verdict() == "ledger");
  }
  SECTION("writing is off") {
    c.input.may_write = false;
    CHECK(c.verdict() == "write");
  }
  SECTION("the audit cannot be written") {
    c.input.audit_works = false;
    CHECK(c.verdict() == "audit");
  }
}

TEST_CASE("what was proved earlier is deployed only on the line it was proved for") {
  Case c;
  const auto schedule = c.schedule();
  CHECK(complaints_now(schedule, c.request, c.request.now, c.request.active).empty());
  auto other = c.request.active;
  std::swap(other.sequence[3], other.sequence[4]);
  CHECK_FALSE(complaints_now(schedule, c.request, c.request.now, other).empty());
  auto moved = schedule;
  std::swap(moved.sequence[1], moved.sequence[2]);
  CHECK(complaints_now(moved, c.request, c.request.now, c.request.active).empty());
  auto later = c.request.now;
  later.machines[0].progress[1].good = 1;  // order 2 has started meanwhile
  CHECK_FALSE(complaints_now(moved, c.request, later, c.request.active).empty());
}

TEST_CASE("two people may overrule the gate, but not identity, constraints, state or writing") {
  Case c;
  c.plan.proof.probability_better = 0.5;
  c.input.request = &c.request;
  c.input.plan = &c.plan;
  auto verdict = judge(c.input, c.rules);
  REQUIRE_FALSE(verdict.passed);
  CHECK(verdict.can_be_overruled());
  Approval approval{"ada", "", "digest", 1000, 1100};
  CHECK_FALSE(complaints_about(approval, verdict, "digest", c.rules).empty());
  approval.second = "ada";
  CHECK_FALSE(complaints_about(approval, verdict, "digest", c.rules).empty());
  approval.second = "grace";
  CHECK(complaints_about(approval, verdict, "digest", c.rules).empty());
  for (const char* rule : {"G0", "G1", "G7", "G10"}) {
    auto worse = verdict;
    worse.checks.push_back({rule, "x", false, "no", {}});
    CHECK_FALSE(worse.can_be_overruled());
    CHECK_FALSE(complaints_about(approval, worse, "digest", c.rules).empty());
  }
}

TEST_CASE("an approval is by a person, of what is deployed, and in time") {
  Case c;
  c.input.request = &c.request;
  c.input.plan = &c.plan;
  const auto verdict = judge(c.input, c.rules);
  REQUIRE(verdict.passed);
  const Approval good{"ada", "", "digest", 1000, 1900};
  CHECK(complaints_about(good, verdict, "digest", c.rules).empty());
  auto other = good;
  other.who.clear();
  CHECK(complaints_about(other, verdict, "digest", c.rules).size() == 1);
  other = good;
  other.at_s = 1901;
  CHECK(complaints_about(other, verdict, "digest", c.rules).size() == 1);
  CHECK(complaints_about(good, verdict, "digesT", c.rules).size() == 1);
}

TEST_CASE("an identity changes with everything that was looked at") {
  Case c;
  const auto base = identity_text(c.request, c.schedule(), c.rules);
  CHECK(identity_text(c.request, c.schedule(), c.rules) == base);
  auto request = c.request;
  request.now.machines[0].parts = 1;
  CHECK(identity_text(request, c.schedule(), c.rules) != base);
  request = c.request;
  request.seed = 2;
  CHECK(identity_text(request, c.schedule(), c.rules) != base);
  auto schedule = c.schedule();
  schedule.services[0].at_s += 1;
  CHECK(identity_text(c.request, schedule, c.rules) != base);
  auto rules = c.rules;
  rules.worst_corner = -0.5;
  CHECK(identity_text(c.request, c.schedule(), rules) != base);
}

TEST_CASE("the way back leaves in place what has started") {
  line::Schedule previous;
  previous.sequence = {{0}, {1}, {2}, {3}};
  line::Schedule active;
  active.sequence = {{0}, {3}, {1}, {2}};
  active.services = {{{0}, line::Service::When::at_time, 5, {}}};
  const auto back = way_back(previous, active, 2);
  CHECK(back.sequence == std::vector<line::OrderId>{{0}, {3}, {1}, {2}});
  CHECK(back.services.empty());
  CHECK(way_back(previous, active, 0).sequence == previous.sequence);
}

TEST_CASE("three windows outside the simulated band ask for the way back, once") {
  BandWatch watch;
  CHECK_FALSE(watch.step(1, 2, 4));
  CHECK_FALSE(watch.step(1, 2, 4));
  CHECK_FALSE(watch.step(3, 2, 4));
  CHECK_FALSE(watch.step(1, 2, 4));
  CHECK_FALSE(watch.step(std::nan(""), 2, 4));
  CHECK(watch.step(1, 2, 4));
  CHECK(watch.locked_out());
  CHECK_FALSE(watch.step(1, 2, 4));
  watch.clear();
  CHECK_FALSE(watch.locked_out());
}

TEST_CASE("coverage is judged by a binomial test") {
  CHECK(binomial_p(18, 20, 0.9) == Approx(1));
  CHECK(binomial_p(12, 20, 0.9) < 0.001);
  CHECK(binomial_p(0, 0, 0.9) == 1);
}

TEST_CASE("a finding is its form with its values in their places") {
  CHECK(core::Finding{"{1} of {0}, {1}", {"a", "b"}}.text() == "b of a, b");
  CHECK(core::Finding{"{2}", {"a"}}.text().empty());
}

TEST_CASE("everything that the gate can find has a Chinese sentence with the same values") {
  std::ifstream in(std::filesystem::path(FORELINE_SOURCE_DIR) / "plugin/hmi/web/src/clauses.js");
  const std::string dictionary((std::istreambuf_iterator<char>(in)), {});
  REQUIRE_FALSE(dictionary.empty());
  for (const auto form : core::gate_forms()) {
    if (form == "{0}") continue;  // a complaint of the line, word for word
    std::string key;
    for (const char c : form) key += c == '"' ? std::string("\\\"") : std::string(1, c);
    const auto opening = "\"" + key + "\": \"";
    const auto at = dictionary.find(opening);
    INFO(form);
    REQUIRE(at != std::string::npos);
    const auto from = at + opening.size();
    const auto chinese = dictionary.substr(from, dictionary.find('"', from) - from);
    CHECK(std::any_of(chinese.begin(), chinese.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
    for (int place = 0; place < 10; ++place) {
      const auto value = "{" + std::to_string(place) + "}";
      CHECK((form.find(value) == std::string_view::npos) ==
            (chinese.find(value) == std::string::npos));
    }
  }
}
