// SPDX-License-Identifier: Apache-2.0
// Each invariant is shown to hold on a real outcome and to notice one thing that is wrong with it.
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "sim/verdict/verdict.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

struct Real {
  line::Trial trial;
  line::Outcome outcome;
};

Real real() {
  Real real;
  auto worn = tests::machine("b", 6, 0);
  worn.scrap_share = 0.1;
  real.trial = tests::trial_of(tests::line_of({tests::machine("a", 5, 3), worn}),
                               {{"A", {0}, 40}, {"B", {0}, 40, 60}});
  real.trial.faults.push_back({"f", {1}, line::FaultKind::bearing_wear, 50, 100, 120});
  real.trial.want_gantt = true;
  real.outcome = tests::run(real.trial);
  return real;
}

/// What is said after `spoil` has had its way.
std::string said(const std::function<void(line::Outcome&)>& spoil) {
  static const auto good = real();
  auto outcome = good.outcome;
  spoil(outcome);
  std::string all;
  for (const auto& broken : verdict::broken_invariants(good.trial, outcome)) all += broken + "\n";
  return all;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a real outcome breaks no invariant") {
  CHECK(said([](line::Outcome&) {}).empty());
}

TEST_CASE("parts that appear or vanish are noticed") {
  CHECK(mentions(said([](auto& o) { o.machines[1].good += 1; }), "between a and b"));
  CHECK(mentions(said([](auto& o) { o.machines[0].good += 9; }), "between a and b"));
  CHECK(mentions(said([](auto& o) { o.orders[0].good += 1; }), "order A"));
  CHECK(mentions(said([](auto& o) { o.orders[1].good -= 1; }), "order B"));
}

TEST_CASE("times that cannot be are noticed") {
  CHECK(mentions(said([](auto& o) { o.machines[0].state_s[6] += 2; }), "the states of a"));
  CHECK(mentions(said([](auto& o) { o.orders[1].started_s = 10; }), "before its release"));
  CHECK(mentions(said([](auto& o) { o.orders[1].finished_s = o.orders[1].started_s - 1; }),
                 "finished before it started"));
  CHECK(mentions(said([](auto& o) { o.faults[0].failed_s = o.faults[0].onset_s - 5; }),
                 "before its onset"));
  CHECK(mentions(said([](auto& o) { o.faults[0].restored_s = o.faults[0].failed_s - 5; }),
                 "repaired before"));
  CHECK(mentions(said([](auto& o) {
                   for (auto& bar : o.gantt)
                     if (bar.what == line::Occupation::What::repair) bar.until_s += 20;
                 }),
                 "does two things"));
}

TEST_CASE("a trial that did not end properly is named with its reason") {
  const auto text = said([](auto& o) {
    o.end = line::Outcome::End::crashed;
    o.error = "signal 11";
  });
  CHECK(mentions(text, "crashed"));
  CHECK(mentions(text, "signal 11"));
}
