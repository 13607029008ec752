// SPDX-License-Identifier: Apache-2.0
// Alarms of a running plugin from the command line: accounts, rights, and what outlives kill -9.
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/support/programs.hpp"

using namespace foreline::tests;
using nlohmann::json;

namespace {

struct Ran {
  int status = -1;
  std::string out;
};

/// `foreline` with these arguments, the password on its standard input.
Ran command(const std::string& arguments, const std::string& password = "") {
  const auto program = (fs::path(FORELINE_BINARY_DIR) / "bin" / "foreline").string();
  std::FILE* pipe = ::popen(
      ("printf '%s\\n' '" + password + "' | " + program + " " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    ran.out.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

/// The sample line with no PLC to be had, whose alarm stands at once; with a store and accounts.
fs::path plant() {
  const auto folder = fresh_folder("alarms-command");
  auto text = contents(from_tree("plugin/config/bottling.toml"));
  text = std::regex_replace(text, std::regex("\"\\.\\./\\.\\./"), "\"" + from_tree("").string());
  const auto replace = [&](const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    text.replace(at, what.size(), by);
  };
  replace("port = 15020", "port = 1");
  replace("port = 15030", "port = 0");
  replace("communication_on_delay = \"30 s\"", "communication_on_delay = \"0 s\"");
  replace("format = \"foreline plugin 1\"", "format = \"foreline plugin 1\"\nstore = \"store\"");
  text = std::regex_replace(text, std::regex("\nmodel = [^\n]*"), "");
  std::ofstream(folder / "plugin.toml") << text << "\n[hmi]\naccounts = \"accounts.json\"\n";
  for (const char* who : {"eva engineer", "vera viewer", "anton approver"}) {
    const std::string both = who;
    const auto name = both.substr(0, both.find(' '));
    const auto made = command("account add " + (folder / "accounts.json").string() + " " + name +
                                  " --role " + both.substr(both.find(' ') + 1),
                              "a long enough " + name);
    INFO(made.out);
    REQUIRE(made.status == 0);
  }
  return folder;
}

/// The port of the pages.
std::string pages_of(Foreline& watch) {
  const auto line = watch.line_with("hmi_port");
  INFO(watch.said());
  REQUIRE_FALSE(line.empty());
  return "127.0.0.1:" + std::to_string(json::parse(line).at("hmi_port").get<int>());
}

}  // namespace

TEST_CASE("alarms are listed and acted on by those who may, and stay so after kill -9") {
  const auto folder = plant();
  const std::vector<std::string> start = {"watch", (folder / "plugin.toml").string(), "--json",
                                          "--hmi", "0"};
  const std::string link = "plc/communication";
  std::string pages;
  const auto alarms = [&](const std::string& action, const std::string& who,
                          const std::string& password = "") {
    return command(
        "alarms " + action + " --pages " + pages + (who.empty() ? std::string() : " --as " + who),
        password.empty() ? "a long enough " + who : password);
  };
  const auto listed = [&] {
    const auto ran = alarms("list --json", "");
    INFO(ran.out);
    REQUIRE(ran.status == 0);
    return json::parse(ran.out).at("alarms");
  };
  {
    Foreline watch(start);
    pages = pages_of(watch);
    REQUIRE_FALSE(watch.line_with("\"what\":\"raised\"").empty());
    REQUIRE(listed().size() == 1);
    CHECK(listed()[0].at("id") == link);
    CHECK(alarms("list", "").out.find("unacknowledged") != std::string::npos);

    CHECK(alarms("acknowledge " + link, "").status == 2);  // nobody's act
    CHECK(alarms("acknowledge " + link, "eva", "not the password").status == 1);
    const auto viewer = alarms("acknowledge " + link, "vera");
    CHECK(viewer.status == 1);
    CHECK(viewer.out.find("viewer") != std::string::npos);
    CHECK(alarms("acknowledge no/such", "eva").status == 1);
    CHECK(alarms("acknowledge " + link, "eva").status == 0);
    CHECK(listed()[0].at("state") == "acknowledged");
    CHECK(alarms("acknowledge " + link, "eva").status == 1);  // there is nothing left to do

    CHECK(alarms("shelve " + link + " --minutes 0.5 --reason x", "eva").status == 2);
    CHECK(alarms("shelve " + link, "eva").status == 2);  // no reason
    const auto shelved =
        alarms("shelve " + link + " --minutes 120 --reason 'switch is replaced'", "anton");
    INFO(shelved.out);
    CHECK(shelved.status == 0);
    CHECK(shelved.out.find("by anton: switch is replaced") != std::string::npos);
    CHECK(alarms("out-of-service filler/bearing-wear --reason x", "anton").status == 1);
    CHECK(alarms("out-of-service filler/no-such --reason x", "eva").status == 2);
    CHECK(alarms("out-of-service filler/bearing-wear --reason 'bearing on order'", "eva").status ==
          0);
    watch.signal(SIGKILL);
    CHECK(watch.end() == 137);
  }
  {
    Foreline watch(start);
    pages = pages_of(watch);
    json by_id;
    for (const auto& alarm : listed()) by_id[alarm.at("id").get<std::string>()] = alarm;
    REQUIRE(by_id.contains(link));
    CHECK(by_id[link].at("state") == "shelved");
    CHECK(by_id[link].at("by") == "anton");
    CHECK(by_id[link].at("until_s").get<double>() > 7000);
    CHECK(by_id.at("filler/bearing-wear").at("state") == "out-of-service");
    CHECK(by_id.at("filler/bearing-wear").at("reason") == "bearing on order");
    CHECK(alarms("unshelve " + link, "eva").status == 0);
    CHECK(alarms("in-service filler/bearing-wear --reason 'it has come'", "eva").status == 0);
    watch.signal(SIGTERM);
    CHECK(watch.end() == 0);
  }
  const auto audit = command("audit show " + (folder / "store").string());
  for (const char* part : {"acknowledged", "alarm shelved", "alarm unshelved",
                           "alarm out of service", "alarm in service", "it has come"}) {
    INFO(part << "\n" << audit.out);
    CHECK(audit.out.find(part) != std::string::npos);
  }
  const auto gone = alarms("list", "");
  CHECK(gone.status == 3);
  CHECK(gone.out.find(pages) != std::string::npos);
  CHECK(command("alarms list --pages nowhere").status == 2);
}
