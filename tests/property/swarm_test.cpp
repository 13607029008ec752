// SPDX-License-Identifier: Apache-2.0
// Random days on random graphs: parts, times and events add up, and the fast stage comes to the
// bytes of SimGrid's.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <vector>

#include "sim/swarm/pairwise.hpp"
#include "sim/swarm/random_day.hpp"
#include "sim/swarm/shrink.hpp"
#include "sim/text/files.hpp"
#include "sim/verdict/verdict.hpp"
#include "sim/worker/wire.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

std::vector<line::Trial> days(std::uint64_t first, std::size_t count) {
  std::vector<line::Trial> trials;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    trials.push_back(swarm::random_day(seed));
    trials.back().want_gantt = true;
    trials.back().want_trace = seed % 4 == 0;
  }
  return trials;
}

}  // namespace

TEST_CASE("random days on random graphs break no invariant, and are the same on both stages") {
  auto trials = days(1, 150);
  const auto on_simgrid = tests::run(trials);
  for (auto& trial : trials) trial.replication = true;
  const auto on_fibers = tests::run(trials);
  std::size_t breakdowns = 0;
  std::size_t left = 0;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    INFO("seed " << trials[i].seed);
    for (const auto& broken : verdict::broken_invariants(trials[i], on_simgrid[i]))
      FAIL_CHECK(broken);
    const bool same = worker::to_bytes(on_simgrid[i]) == worker::to_bytes(on_fibers[i]);
    UNSCOPED_INFO(on_simgrid[i].events << " and " << on_fibers[i].events << " events, until "
                                       << on_simgrid[i].end_s << " and " << on_fibers[i].end_s
                                       << " s; " << on_simgrid[i].error);
    CHECK(same);
    for (const auto& machine : on_simgrid[i].machines) breakdowns += machine.breakdowns;
    left += on_simgrid[i].left;
  }
  CHECK(breakdowns > trials.size());
  CHECK(left > 50 * trials.size());
}

TEST_CASE("random lines and orders are read back as they were written") {
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "swarm-files";
  std::filesystem::create_directories(folder);
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    const auto trial = swarm::random_day(seed);
    const auto line_path = folder / "line.toml";
    const auto orders_path = folder / "orders.csv";
    std::ofstream(line_path) << text::line_text(*trial.line);
    std::ofstream(orders_path) << text::orders_text(*trial.orders, *trial.line);
    const auto line = text::read_line_file(line_path);
    if (!line) FAIL(line.error().text() << "\n" << text::line_text(*trial.line));
    CHECK(text::line_text(*line) == text::line_text(*trial.line));
    CHECK(*line == *trial.line);
    const auto orders = text::read_orders_file(orders_path, *line);
    if (!orders) FAIL(orders.error().text());
    CHECK(*orders == *trial.orders);
  }
}

TEST_CASE("a failing day shrinks to what it fails of") {
  // Says that it fails whenever a machine has a transporter and an order of more than 20 parts.
  std::size_t asked = 0;
  const auto fails = [&](const line::Trial& trial) {
    ++asked;
    bool carries = false;
    for (const auto& machine : trial.line->machines) carries = carries || machine.transporter;
    bool large = false;
    for (const auto& order : *trial.orders) large = large || order.quantity > 20;
    return carries && large;
  };
  std::size_t found = 0;
  for (std::uint64_t seed = 1; found < 5; ++seed) {
    const auto trial = swarm::random_day(seed);
    if (!fails(trial)) continue;
    ++found;
    INFO("seed " << seed);
    asked = 0;
    const auto small = swarm::shrunk(trial, fails, 2000);
    CHECK(asked <= 2000);
    CHECK(fails(small));
    CHECK(small.orders->size() == 1);
    CHECK(small.orders->front().quantity <= 41);
    CHECK(small.faults.empty());
    CHECK_FALSE(small.random_faults);
    std::size_t carriers = 0;
    for (const auto& machine : small.line->machines) {
      CHECK(machine.faults.empty());
      if (!machine.unit_of) carriers += machine.transporter ? 1 : 0;
    }
    CHECK(carriers == 1);
    CHECK(small.line->machines.back().transporter.has_value());
  }
}

TEST_CASE("pairwise cases hold every pair that is possible, in far fewer cases than there are") {
  const auto any = [](std::size_t, std::size_t, std::size_t, std::size_t) { return true; };
  const std::vector<std::size_t> levels = {16, 6, 3, 3, 5};
  const auto cases = swarm::pairwise(levels, any);
  const auto coverage = swarm::coverage_of(cases, levels, any);
  CHECK(coverage.pairs == 16 * 6 + 16 * 3 + 16 * 3 + 16 * 5 + 6 * 3 + 6 * 3 + 6 * 5 + 9 + 15 + 15);
  CHECK(coverage.covered == coverage.pairs);
  CHECK(cases.size() >= 16 * 6);  // every kind with every machine
  CHECK(cases.size() < 130);
  // Level 0 of the first factor never with level 1 of the second.
  const auto some = [](std::size_t a, std::size_t i, std::size_t b, std::size_t j) {
    return !(a == 0 && b == 1 && i == 0 && j == 1);
  };
  for (const auto& made : swarm::pairwise({3, 2, 2}, some))
    CHECK_FALSE((made[0] == 0 && made[1] == 1));
  CHECK(swarm::coverage_of(swarm::pairwise({3, 2, 2}, some), {3, 2, 2}, some).covered == 15);
}
