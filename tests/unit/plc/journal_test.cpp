// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/journal.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace foreline;

namespace {

std::filesystem::path fresh(const char* name) {
  auto path = std::filesystem::path(FORELINE_BINARY_DIR) / name;
  std::filesystem::remove(path);
  return path;
}

plc::Journal opened(const std::filesystem::path& path) {
  auto journal = plc::Journal::open(path);
  if (!journal) FAIL(journal.error().text());
  return std::move(*journal);
}

}  // namespace

TEST_CASE("schedules and the clock come back in order, and the last clock counts") {
  const auto path = fresh("order.journal");
  line::Schedule schedule;
  schedule.sequence = {{1}, {0}};
  {
    auto journal = opened(path);
    CHECK(journal.accepted().empty());
    CHECK(journal.clock_s() == 0);
    journal.append_clock(10);
    journal.append({12.5, 3, line::to_block(schedule)});
    journal.append_clock(20.25);
  }
  auto journal = opened(path);
  REQUIRE(journal.accepted().size() == 1);
  CHECK(journal.accepted()[0].at_s == 12.5);
  CHECK(journal.accepted()[0].sequence == 3);
  CHECK(journal.accepted()[0].block == line::to_block(schedule));
  CHECK(journal.clock_s() == 20.25);
}

TEST_CASE("a last line that was torn by a crash is ignored") {
  const auto path = fresh("torn.journal");
  { std::ofstream(path) << "clock 100\nschedule 120 4 1 2 3\nclock 130\nclock 13"; }
  const auto journal = opened(path);
  CHECK(journal.accepted().empty());
  CHECK(journal.clock_s() == 130);
}

TEST_CASE("a journal that cannot be written is an error with its name") {
  const auto none = plc::Journal::open("/nowhere/plc.journal");
  REQUIRE_FALSE(none);
  CHECK(none.error().text().find("/nowhere/plc.journal") != std::string::npos);
}
