// SPDX-License-Identifier: Apache-2.0
// Days that go on from a state file taken in their middle, on lines with everything that lines can
// have.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <vector>

#include "sim/swarm/random_day.hpp"
#include "sim/text/state_file.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

line::Trial through_file(line::Trial trial, const line::LineNow& now) {
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "scratch";
  std::filesystem::create_directories(folder);
  const auto path = folder / fmt::format("day-{}.toml", trial.seed);
  std::ofstream(path) << text::state_text(now, *trial.line, *trial.orders);
  const auto read = text::read_state_file(path, *trial.line, *trial.orders);
  INFO("seed " << trial.seed << ' ' << (read ? "" : read.error().text()));
  REQUIRE(read);
  CHECK(*read == now);
  trial.from = *read;
  trial.want_state_at_s.reset();
  return trial;
}

}  // namespace

TEST_CASE("a random day goes on from a state file as it would have gone on") {
  std::vector<std::uint64_t> seeds(400);
  std::iota(seeds.begin(), seeds.end(), 9'000'001U);
  // Of the 4000 first, those that have once gone on in another way.
  seeds.insert(seeds.end(), {9'000'471, 9'000'952, 9'001'356, 9'001'403, 9'001'848, 9'002'195,
                             9'002'326, 9'002'446, 9'003'019, 9'003'993});
  std::vector<line::Trial> days;
  for (const auto seed : seeds) {
    auto day = swarm::random_day(seed);
    day.faults.clear();  // what is scripted belongs to the past of a state
    day.sensor_faults.clear();
    day.communication_losses.clear();
    day.random_faults = true;
    day.want_health = true;
    day.want_state_at_s = 1000.3 + 611 * static_cast<double>(seed % 17);
    days.push_back(std::move(day));
  }
  const auto past = tests::run(days);
  std::vector<line::Trial> futures;
  std::vector<std::size_t> of;
  for (std::size_t i = 0; i < days.size(); ++i) {
    if (!past[i].state) continue;
    futures.push_back(through_file(days[i], *past[i].state));
    of.push_back(i);
  }
  REQUIRE(futures.size() > days.size() / 4);
  const auto future = tests::run(futures);
  std::size_t different = 0;
  for (std::size_t i = 0; i < future.size(); ++i) {
    const auto& whole = past[of[i]];
    const double from_s = futures[i].from->at_s;
    if (whole.end_s <= from_s) continue;
    bool same = future[i].end == whole.end && std::abs(future[i].end_s - whole.end_s) < 1e-6;
    for (std::size_t o = 0; o < whole.orders.size(); ++o) {
      same = same && future[i].orders[o].good == whole.orders[o].good &&
             future[i].orders[o].scrap == whole.orders[o].scrap;
      if (whole.orders[o].finished_s > from_s)
        same = same && std::abs(future[i].orders[o].finished_s - whole.orders[o].finished_s) < 1e-6;
    }
    if (same) continue;
    ++different;
    UNSCOPED_INFO("seed " << futures[i].seed << " from " << from_s << ": ends at "
                          << future[i].end_s << ", not at " << whole.end_s);
  }
  INFO(different << " of " << future.size());
  CHECK(different == 0);
}
