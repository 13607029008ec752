// SPDX-License-Identifier: Apache-2.0
#include "plugin/store/store.hpp"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace foreline;
using store::Store;
using store::StoreLock;

namespace {

std::filesystem::path fresh(const std::string& name) {
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "stores" / name;
  std::filesystem::remove_all(folder);
  return folder;
}

/// What SQLite says to this; empty when it agrees.
std::string run_sql(const std::filesystem::path& folder, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open((folder / "foreline.db").c_str(), &database) == SQLITE_OK);
  char* error = nullptr;
  sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error);
  const std::string text = error == nullptr ? "" : error;
  sqlite3_free(error);
  sqlite3_close(database);
  return text;
}

void fill(const std::filesystem::path& folder) {
  auto store = Store::open(folder);
  REQUIRE(store);
  CHECK(store->append(1, 10.5, "foreline", "proposed", "service filler now"));
  CHECK(store->append(2, 11, "Ada", "approved", "it's \"fine\"\n2nd line"));
  CHECK(store->append(3, 12, "foreline", "confirmed", ""));
}

}  // namespace

TEST_CASE("the audit is kept, in order, over openings") {
  const auto folder = fresh("kept");
  fill(folder);
  auto store = Store::open(folder);
  REQUIRE(store);
  CHECK(store->append(4, 13, "Ada", "rejected", "x"));
  auto lines = store->audit();
  REQUIRE(lines);
  REQUIRE(lines->size() == 4);
  CHECK((*lines)[1].who == "Ada");
  CHECK((*lines)[1].detail == "it's \"fine\"\n2nd line");
  CHECK((*lines)[3].number == 4);
  CHECK((*lines)[0].hash.size() == 64);
  CHECK((*lines)[0].hash != (*lines)[1].hash);
}

TEST_CASE("the database itself refuses to change a line") {
  const auto folder = fresh("refuses");
  fill(folder);
  CHECK(run_sql(folder, "UPDATE audit SET who = 'Eve'").find("append-only") != std::string::npos);
  CHECK(run_sql(folder, "DELETE FROM audit").find("append-only") != std::string::npos);
}

TEST_CASE("a line altered behind the database's back is found") {
  const std::vector<std::pair<std::string, std::string>> attacks = {
      {"who", "UPDATE audit SET who = 'Eve' WHERE number = 2"},
      {"time", "UPDATE audit SET at_s = 11.1 WHERE number = 2"},
      {"gone", "DELETE FROM audit WHERE number = 2"},
      {"first", "DELETE FROM audit WHERE number = 1"},
      {"swapped", "UPDATE audit SET detail = 'service filler now' WHERE number = 3"}};
  for (const auto& [name, sql] : attacks) {
    INFO(name);
    const auto folder = fresh("altered-" + name);
    fill(folder);
    CHECK(run_sql(folder, "DROP TRIGGER audit_stays; DROP TRIGGER audit_keeps; " + sql).empty());
    auto store = Store::open(folder);
    REQUIRE_FALSE(store);
    CHECK(store.error().text().find("does not follow") != std::string::npos);
  }
}

TEST_CASE("a folder that cannot be used is an error with its name") {
  const auto folder = fresh("file");
  std::filesystem::create_directories(folder.parent_path());
  std::ofstream(folder) << "not a folder";
  auto store = Store::open(folder);
  REQUIRE_FALSE(store);
  CHECK(store.error().text().find(folder.string()) != std::string::npos);
  const auto broken = fresh("broken");
  std::filesystem::create_directories(broken);
  std::ofstream(broken / "foreline.db") << std::string(5000, 'x');
  CHECK_FALSE(Store::open(broken));
}

TEST_CASE("hourly sums are written over, dropped when they are old, and kept over openings") {
  const auto folder = fresh("hours");
  {
    auto store = Store::open(folder);
    REQUIRE(store);
    CHECK(store->hours()->empty());
    REQUIRE(store->keep_hours({{"a/x", 1, 0, 10, 20}, {"a/y", 1, 0, 10, 30}}, 0));
    REQUIRE(store->keep_hours({{"a/x", 1, 0, 11, 22}, {"a/x", 2, 3600, 1, 2}}, 0));
  }
  auto store = Store::open(folder);
  REQUIRE(store);
  auto rows = store->hours();
  REQUIRE(rows);
  REQUIRE(rows->size() == 3);
  CHECK((*rows)[0].samples == 11);
  CHECK((*rows)[2].from_s == 3600);
  REQUIRE(store->keep_hours({}, 2));
  CHECK(store->hours()->size() == 1);
}

TEST_CASE("one instance at a time holds a store, and a kill frees it") {
  const auto folder = fresh("held");
  {
    auto held = StoreLock::take(folder);
    REQUIRE(held);
    const auto again = StoreLock::take(folder);
    REQUIRE_FALSE(again);
    CHECK(again.error().text().find("another plugin (process " + std::to_string(::getpid())) !=
          std::string::npos);
  }
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const auto child = ::fork();
  if (child == 0) {
    const auto held = StoreLock::take(folder);
    (void)!::write(told[1], held ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char said = 0;
  REQUIRE(::read(told[0], &said, 1) == 1);
  CHECK(said == 'y');
  CHECK_FALSE(StoreLock::take(folder));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(StoreLock::take(folder));
  ::close(told[0]);
  ::close(told[1]);
  CHECK_FALSE(StoreLock::take("/proc/no/such"));
}
