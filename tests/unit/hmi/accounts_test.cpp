// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/accounts.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

using namespace foreline::hmi;
namespace fs = std::filesystem;

namespace {

fs::path scratch(const std::string& name) {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / "hmi-accounts";
  fs::create_directories(folder);
  fs::remove(folder / name);
  return folder / name;
}

}  // namespace

TEST_CASE("a hash is salted, and matches its own password only") {
  const auto first = hash_of("correct horse");
  const auto second = hash_of("correct horse");
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != *second);
  CHECK(first->rfind("$argon2id$", 0) == 0);
  CHECK(matches(*first, "correct horse"));
  CHECK_FALSE(matches(*first, "correct horsf"));
  CHECK_FALSE(matches(*first, ""));
  CHECK_FALSE(matches("", "correct horse"));
  CHECK_FALSE(matches("$argon2id$nonsense", "correct horse"));
  CHECK_FALSE(matches(std::string(5000, 'a'), "correct horse"));
}

TEST_CASE("accounts survive their file, which only its owner may read") {
  const auto file = scratch("accounts.json");
  REQUIRE(write_accounts(
      file, {{"ada", Role::approver, "$argon2id$a"}, {"bo", Role::viewer, "$argon2id$b"}}));
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto read = read_accounts(file);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(read->front().name == "ada");
  CHECK(read->front().role == Role::approver);

  ::chmod(file.c_str(), 0644);
  const auto open = read_accounts(file);
  REQUIRE_FALSE(open);
  CHECK(open.error().text().find("chmod 600") != std::string::npos);
}

TEST_CASE("a file of accounts that is wrong says all that is wrong") {
  const auto file = scratch("wrong.json");
  const auto write = [&](const std::string& text) {
    std::ofstream(file) << text;
    ::chmod(file.c_str(), 0600);
    const auto read = read_accounts(file);
    return read ? std::string("read") : read.error().text();
  };
  CHECK(write("").find("no file of the format") != std::string::npos);
  CHECK(write("[]").find("no file of the format") != std::string::npos);
  const auto said = write(R"({"format":"foreline accounts 1","accounts":[
    {"name":"a b","role":"viewer","password":"$argon2id$x"},
    {"name":"c","role":"king","password":"$argon2id$x"},
    {"name":"d","role":"viewer","password":"plain"},
    {"name":"e","role":"viewer","password":"$argon2id$x"},
    {"name":"e","role":"viewer","password":"$argon2id$x"}, 7]})");
  for (const char* part :
       {"account 1: a name has", "account 2: the role", "account 3: the password",
        "account 5: the name e comes twice", "account 6:"})
    CHECK(said.find(part) != std::string::npos);
  CHECK(read_accounts(scratch("none.json")).error().text().find("foreline account add") !=
        std::string::npos);
}

TEST_CASE("rights are apart: who asks for a plan does not decide on it") {
  for (const auto role : {Role::viewer, Role::planner, Role::approver, Role::engineer})
    CHECK_FALSE((may(role, Act::plan) && may(role, Act::decide)));
  CHECK(may(Role::approver, Act::decide));
  CHECK_FALSE(may(Role::engineer, Act::decide));
  CHECK(may(Role::engineer, Act::service));
  CHECK_FALSE(may(Role::approver, Act::service));
  for (const auto act :
       {Act::acknowledge, Act::shelve, Act::service, Act::plan, Act::what_if, Act::decide})
    CHECK_FALSE(may(Role::viewer, act));
}

TEST_CASE("five wrong passwords lock a name out for five minutes, at the address they came from") {
  Lockout lockout;
  for (int i = 0; i < Lockout::failures_max; ++i) {
    CHECK(lockout.wait_s("ada", "10.0.0.9", 10) == 0);
    lockout.failed("ada", "10.0.0.9", 10);
  }
  CHECK(lockout.wait_s("ada", "10.0.0.9", 10) == Approx(300));
  CHECK(lockout.wait_s("bo", "10.0.0.9", 10) == 0);
  CHECK(lockout.wait_s("ada", "10.0.0.7", 10) == 0);
  CHECK(lockout.wait_s("ada", "10.0.0.9", 309) == Approx(1));
  CHECK(lockout.wait_s("ada", "10.0.0.9", 311) == 0);
  lockout.failed("ada", "10.0.0.9", 311);
  CHECK(lockout.wait_s("ada", "10.0.0.9", 311) == 0);
  lockout.succeeded("ada", "10.0.0.9", 311);
  CHECK(lockout.wait_s("ada", "10.0.0.9", 311) == 0);
}

TEST_CASE("who guesses at many names is locked out himself, and others are not") {
  Lockout lockout;
  for (int i = 0; i < Lockout::failures_at_address; ++i) {
    CHECK(lockout.wait_s("name" + std::to_string(i), "10.0.0.9", 10) == 0);
    lockout.failed("name" + std::to_string(i), "10.0.0.9", 10);
  }
  CHECK(lockout.wait_s("ada", "10.0.0.9", 10) == Approx(300));
  CHECK(lockout.wait_s("ada", "10.0.0.7", 10) == 0);
  CHECK(lockout.wait_s("name3", "10.0.0.7", 10) == 0);
}

TEST_CASE("guessing from many addresses is as slow, and keeps nobody from where he has signed in") {
  Lockout lockout;
  lockout.succeeded("ada", "10.0.0.7", 5);
  for (int i = 0; i < Lockout::failures_of_name; ++i) {
    CHECK(lockout.wait_s("ada", "10.0.1." + std::to_string(i / 4), 10) == 0);
    lockout.failed("ada", "10.0.1." + std::to_string(i / 4), 10);
  }
  CHECK(lockout.wait_s("ada", "10.0.2.1", 10) == Approx(300));
  CHECK(lockout.wait_s("ada", "10.0.0.7", 10) == 0);
  for (int i = 0; i < Lockout::failures_max; ++i) lockout.failed("ada", "10.0.0.7", 11);
  CHECK(lockout.wait_s("ada", "10.0.0.7", 11) == Approx(300));
}

TEST_CASE("made-up names do not fill the memory of the lock-out") {
  Lockout lockout;
  for (int i = 0; i < 5; ++i) lockout.failed("ada", "10.0.0.9", 1e6);
  for (std::size_t i = 0; i < 3 * Lockout::entries_max; ++i)
    lockout.failed("name" + std::to_string(i), "10.0.1.1", static_cast<double>(i));
  CHECK(lockout.wait_s("ada", "10.0.0.9", 1e6) > 0);
}

TEST_CASE("a session ends when nobody acts, and at the latest after a shift") {
  Sessions sessions(900);
  const Account ada{"ada", Role::approver, ""};
  const auto id = sessions.begin(ada, 0);
  CHECK(id.size() == 64);
  // Pages ask, again and again: that is no act.
  for (double now = 0; now <= 900; now += 1) REQUIRE(sessions.find(id, now) != nullptr);
  CHECK(sessions.find(id, 900)->token.size() == 64);
  CHECK(sessions.find(id, 901) == nullptr);
  sessions.keep(id, 901);
  CHECK(sessions.find(id, 901) == nullptr);

  const auto other = sessions.begin(ada, 0);
  CHECK(other != id);
  for (double now = 0; now < Sessions::longest_s; now += 600) {
    REQUIRE(sessions.find(other, now) != nullptr);
    CHECK(sessions.ends_in_s(*sessions.find(other, now), now) <= 900);
    sessions.keep(other, now);
  }
  const double nearly = Sessions::longest_s - 10;
  CHECK(sessions.ends_in_s(*sessions.find(other, nearly), nearly) == Approx(10));
  CHECK(Sessions::ends_at_last_in_s(*sessions.find(other, nearly), nearly) == Approx(10));
  CHECK(sessions.find(other, Sessions::longest_s + 1) == nullptr);
  const auto third = sessions.begin(ada, 0);
  sessions.end(third);
  CHECK(sessions.find(third, 1) == nullptr);
  CHECK(sessions.find("", 1) == nullptr);
}

TEST_CASE("whose account has gone or is another has no session, and that is told once") {
  Sessions sessions(900);
  const Account ada{"ada", Role::approver, "$argon2id$a"};
  const Account bo{"bo", Role::viewer, "$argon2id$b"};
  const auto of_ada = sessions.begin(ada, 0);
  const auto of_bo = sessions.begin(bo, 0);
  sessions.end_others({ada, bo});
  CHECK_FALSE(sessions.sweep(1));
  sessions.end_others({ada, {"bo", Role::engineer, "$argon2id$b"}});
  CHECK(sessions.find(of_bo, 1) == nullptr);
  CHECK(sessions.find(of_ada, 1) != nullptr);
  CHECK(sessions.sweep(1));
  CHECK_FALSE(sessions.sweep(1));
  sessions.end_others({{"ada", Role::approver, "$argon2id$new"}});
  CHECK(sessions.find(of_ada, 1) == nullptr);
  (void)sessions.begin(ada, 1);
  (void)sessions.sweep(1);
  CHECK(sessions.sweep(902));
}

TEST_CASE("a cookie is found by its whole name") {
  CHECK(cookie_named("a=1; foreline_session=xyz; b=2", "foreline_session") == "xyz");
  CHECK(cookie_named("not_foreline_session=xyz", "foreline_session").empty());
  CHECK(cookie_named("foreline_session", "foreline_session").empty());
  CHECK(cookie_named("", "foreline_session").empty());
}
