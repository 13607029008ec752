// SPDX-License-Identifier: Apache-2.0
#include "plugin/store/history.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

using namespace foreline;
using line::Quality;
using store::History;
namespace fs = std::filesystem;

namespace {

fs::path fresh_folder(const std::string& name) {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / ("history-" + name);
  fs::remove_all(folder);
  return folder;
}

History opened(const fs::path& folder, const std::vector<std::string>& channels) {
  auto history = History::open(folder, channels);
  if (!history) FAIL(history.error().text());
  return std::move(*history);
}

}  // namespace

TEST_CASE("the newest of what machines and alarms did are read without the forecasts") {
  auto history = opened(fresh_folder("machines"), {});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(history.add_event({i, 1.0 * i, "forecast", "a/wear", "forecast", "", "{}"}));
    REQUIRE(history.add_event({i, 1.0 * i, i % 2 == 0 ? "alarm" : "machine", "a", "x", "", "{}"}));
  }
  REQUIRE(history.commit());
  const auto newest = history.of_machines(10, 5);
  REQUIRE(newest);
  REQUIRE(newest->size() == 5);
  CHECK(newest->front().at_s == 95);
  CHECK(newest->front().kind == "machine");
  CHECK(newest->back().at_s == 99);
  CHECK(history.of_machines(98, 5)->size() == 2);
}

TEST_CASE("frames, tags and events come back as they were") {
  const auto folder = fresh_folder("round");
  {
    auto history = opened(folder, {"a/x", "a/y"});
    const std::vector<line::Sample> first = {{1.5F, Quality::good}, {2.5F, Quality::bad_stale}};
    REQUIRE(history.add_frame(10, first));
    REQUIRE(history.add_frame(20, first));
    REQUIRE(history.add_point("Speed", {15, 77, Quality::good}));
    REQUIRE(history.add_point("Speed", {16, std::nan(""), Quality::bad_not_connected}));
    REQUIRE(history.add_event({12, 3.5, "alarm", "a/wear", "raised", "text", "{}"}));
  }
  auto history = opened(folder, {"a/y", "a/z"});  // another line, the same store
  const std::vector<line::Sample> second = {{9.5F, Quality::good}, {0, Quality::good}};
  REQUIRE(history.add_frame(30, second));
  REQUIRE(history.commit());
  const auto y = history.window("a/y", 0, 100);
  REQUIRE(y);
  REQUIRE(y->size() == 3);
  CHECK((*y)[0].quality == Quality::bad_stale);
  CHECK((*y)[2].value == 9.5);
  CHECK(history.window("a/x", 11, 100)->size() == 1);
  const auto speed = history.window("Speed", 0, 100);
  REQUIRE(speed->size() == 2);
  CHECK(speed->at(0).value == 77);
  CHECK(std::isnan(speed->at(1).value));
  CHECK(history.events(0, 100)->at(0).subject == "a/wear");
  CHECK_FALSE(history.window("b/x", 0, 100));
}

TEST_CASE(
    "old samples are dropped, events stay longer, and times grow when the clock is set back") {
  auto history = opened(fresh_folder("keep"), {"a"});
  const std::vector<line::Sample> one = {{1, Quality::good}};
  for (const std::int64_t at : {100, 200, 50, 60, 300}) REQUIRE(history.add_frame(at, one));
  REQUIRE(history.add_event({90, 0, "k", "s", "w", "t", "{}"}));
  REQUIRE(history.commit());
  const auto all = history.window("a", 0, 1000);
  REQUIRE(all->size() == 5);
  for (std::size_t i = 1; i < all->size(); ++i) CHECK((*all)[i].at_ns > (*all)[i - 1].at_ns);
  REQUIRE(history.drop_before(201, 50));
  CHECK(history.window("a", 0, 1000)->size() == 3);
  CHECK(history.events(0, 1000)->size() == 1);
}

TEST_CASE("what was committed survives a kill") {
  const auto folder = fresh_folder("killed");
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const auto child = ::fork();
  if (child == 0) {
    auto history = History::open(folder, {"a"});
    const std::vector<line::Sample> one = {{1, Quality::good}};
    for (std::int64_t at = 1; at <= 500; ++at) (void)history->add_frame(at, one);
    (void)history->commit();
    for (std::int64_t at = 501; at <= 600; ++at) (void)history->add_frame(at, one);
    (void)!::write(told[1], "c", 1);
    ::pause();
  }
  char said = 0;
  REQUIRE(::read(told[0], &said, 1) == 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(told[0]);
  ::close(told[1]);
  auto history = opened(folder, {"a"});
  CHECK(history.window("a", 0, 1000)->size() == 500);
  REQUIRE(history.add_frame(700, std::vector<line::Sample>{{2, Quality::good}}));
  CHECK(history.commit());
}
