// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/client.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <set>

#include "sim/worker/wire.hpp"
#include "tests/support/lines.hpp"
#include "tests/support/programs.hpp"

using namespace foreline;
using line::Outcome;

namespace {

line::Trial numbered(std::uint64_t seed) {
  static const auto line =
      std::make_shared<line::Line>(tests::line_of({tests::machine("m", 1, 0)}));
  static const auto orders = std::make_shared<std::vector<line::Order>>(tests::one_order(1));
  line::Trial trial;
  trial.line = line;
  trial.orders = orders;
  trial.seed = seed;
  return trial;
}

worker::Client misbehaving(std::chrono::milliseconds limit = std::chrono::milliseconds(200),
                           std::function<bool()> given_up = {}) {
  worker::Options options;
  options.executable = std::filesystem::path(FORELINE_BINARY_DIR) / "bin" / "misbehaving_worker";
  options.children = 2;
  options.trial_limit = limit;
  options.given_up = std::move(given_up);
  auto client = worker::Client::start(options);
  if (!client) FAIL(client.error().text());
  return std::move(*client);
}

}  // namespace

TEST_CASE("outcomes come back in the order of the trials, and each arrives once") {
  auto client = misbehaving();
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 100; seed < 400; ++seed) trials.push_back(numbered(seed));
  std::multiset<std::size_t> seen;
  const auto outcomes =
      client.run(trials, [&](std::size_t position, const Outcome&) { seen.insert(position); });
  REQUIRE(outcomes);
  REQUIRE(outcomes->size() == trials.size());
  for (std::size_t i = 0; i < trials.size(); ++i) {
    CHECK((*outcomes)[i].events == trials[i].seed);
    CHECK(seen.count(i) == 1);
  }
  CHECK(client.run({})->empty());
}

TEST_CASE("a trial that crashes, hangs, leaves or throws is an outcome; the others are unharmed") {
  auto client = misbehaving();
  const auto outcomes = client.run(
      std::vector<line::Trial>{numbered(10), numbered(1), numbered(11), numbered(2), numbered(3),
                               numbered(4), numbered(12), numbered(6), numbered(13)});
  REQUIRE(outcomes);
  const auto& all = *outcomes;
  CHECK(all[0].events == 10);
  CHECK(all[1].end == Outcome::End::crashed);
  CHECK(all[1].error.find("signal") != std::string::npos);
  CHECK(all[2].events == 11);
  CHECK(all[3].end == Outcome::End::timed_out);
  CHECK(all[4].end == Outcome::End::crashed);
  CHECK(all[4].error.find("status 7") != std::string::npos);
  CHECK(all[5].end == Outcome::End::crashed);
  CHECK(all[5].error.find("unlucky") != std::string::npos);
  CHECK(all[6].events == 12);
#if !defined(__SANITIZE_ADDRESS__)  // it reserves more addresses than any limit
  CHECK(all[7].end == Outcome::End::out_of_memory);
  CHECK(all[7].error.find("memory") != std::string::npos);
#endif
  CHECK(all[8].events == 13);
}

TEST_CASE("a trial that kills the worker each time is its own outcome; the others are unharmed") {
  auto client = misbehaving();
  std::vector<line::Trial> trials;
  for (const std::uint64_t seed : {20, 5, 21, 22, 5, 23, 24, 25, 26, 27, 28, 29, 30, 31, 5})
    trials.push_back(numbered(seed));
  std::multiset<std::size_t> seen;
  const auto outcomes =
      client.run(trials, [&](std::size_t position, const Outcome&) { seen.insert(position); });
  REQUIRE(outcomes);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    CAPTURE(trials[i].seed);
    CHECK(seen.count(i) == 1);
    CHECK(((*outcomes)[i].end == Outcome::End::crashed) == (trials[i].seed == 5));
    if (trials[i].seed != 5) CHECK((*outcomes)[i].events == trials[i].seed);
  }
  CHECK((*outcomes)[1].error.find("worker is lost") != std::string::npos);
  CHECK(client.run(std::vector<line::Trial>{numbered(77)})->front().events == 77);
}

TEST_CASE("a worker that somebody kills in the middle of a batch harms no trial") {
  auto client = misbehaving();
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = 100; seed < 160; ++seed) trials.push_back(numbered(seed));
  std::size_t arrived = 0;
  const auto outcomes = client.run(trials, [&](std::size_t, const Outcome&) {
    if (++arrived != 20) return;
    for (const auto& process : tests::descendants(::getpid()))
      if (process.command.find("misbehaving_worker") != std::string::npos)
        ::kill(process.pid, SIGKILL);
  });
  REQUIRE(outcomes);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    CHECK((*outcomes)[i].valid());
    CHECK((*outcomes)[i].events == trials[i].seed);
  }
}

TEST_CASE("a run that is given up ends at once, though its trials hang, and the next one runs") {
  int asked = 0;
  bool enough = true;
  auto client = misbehaving(std::chrono::hours(24), [&] { return ++asked > 3 && enough; });
  const auto given_up = client.run(std::vector<line::Trial>{numbered(10), numbered(2)});
  REQUIRE_FALSE(given_up);
  CHECK(given_up.error().text() == "the simulations were given up");
  enough = false;
  const auto outcomes = client.run(std::vector<line::Trial>{numbered(11)});
  REQUIRE(outcomes);
  CHECK(outcomes->front().events == 11);
}

TEST_CASE("a program that is no worker is an error, not a hang") {
  worker::Options options;
  options.executable = "/bin/true";
  auto client = worker::Client::start(options);
  if (client) CHECK_FALSE(client->run(std::vector<line::Trial>{numbered(1)}));
  options.executable = "/nowhere/foreline-sim";
  const auto none = worker::Client::start(options);
  REQUIRE_FALSE(none);
  CHECK(none.error().text().find("/nowhere/foreline-sim") != std::string::npos);
}

TEST_CASE("the same trial gives the same bytes, alone and in a crowd") {
  auto machines = std::vector<line::Machine>{tests::machine("a", 4, 3), tests::machine("b", 5, 0)};
  for (auto& machine : machines) {
    machine.cycle = {line::Distribution::Kind::exponential, 5, 0, 0, 0};
    machine.scrap_share = 0.1;
  }
  auto trial = tests::trial_of(tests::line_of(std::move(machines)), tests::one_order(200));
  trial.seed = 42;
  const auto alone = worker::to_bytes(tests::run(trial));
  std::vector<line::Trial> crowd(20, trial);
  for (std::size_t i = 0; i < crowd.size(); ++i) crowd[i].seed = i % 2 == 0 ? 42 : 1000 + i;
  const auto outcomes = tests::run(crowd);
  for (std::size_t i = 0; i < crowd.size(); ++i)
    CHECK((worker::to_bytes(outcomes[i]) == alone) == (crowd[i].seed == 42));
}

TEST_CASE("a worker holds nothing open that the host has open") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);  // as of a host that does not think of its children
  auto client = misbehaving();
  const auto trial = numbered(100);
  REQUIRE(client.run(std::span(&trial, 1)));
  ::close(ends[1]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == 0);  // its end, as the only writer has closed it
  ::close(ends[0]);
}
