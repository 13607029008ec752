// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/configuration.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

using namespace foreline;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(FORELINE_SOURCE_DIR) / "plugin" / "config" / "bottling.toml";

/// The sample with some text replaced, as a file of its own.
std::filesystem::path changed(const std::string& name, const std::string& from,
                              const std::string& to) {
  std::ifstream in(sample);
  std::ostringstream text;
  text << in.rdbuf();
  auto out = text.str();
  for (const char* folder : {"../../scenarios", "../../inference"}) {
    const std::string absolute = std::string(FORELINE_SOURCE_DIR) + (folder + 5);
    for (auto at = out.find(folder); at != std::string::npos; at = out.find(folder, at + 1))
      out.replace(at, std::string(folder).size(), absolute);
  }
  const auto at = out.find(from);
  REQUIRE(at != std::string::npos);
  out.replace(at, from.size(), to);
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "configurations";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name) << out;
  return folder / name;
}

std::string complaint(const std::string& name, const std::string& from, const std::string& to) {
  auto read = core::read_configuration(changed(name, from, to));
  return read ? std::string() : read.error().text();
}

}  // namespace

TEST_CASE("the annotated sample says what it is read as") {
  auto read = core::read_configuration(sample);
  REQUIRE(read);
  CHECK(read->line->machines.size() == 5);
  CHECK(read->orders->size() == 8);
  CHECK(read->plc.port == 15'020);
  CHECK(read->plc.poll_s == Approx(0.1));
  CHECK(read->map.clock->factor == Approx(0.1));
  CHECK(read->map.machines[4].signals.size() == 5);
  CHECK(read->map.schedule->commit == 4200);
  CHECK_FALSE(read->may_write);
  CHECK(read->watch.alarms.raise_probability == Approx(0.5));
  CHECK(read->server.port == 15'030);
}

TEST_CASE("the defaults in the sample's comments are the defaults") {
  auto read = core::read_configuration(sample);
  REQUIRE(read);
  const core::AlarmRules alarms;
  CHECK(read->watch.alarms.horizon_s == alarms.horizon_s);
  CHECK(read->watch.alarms.off_delay_s == alarms.off_delay_s);
  CHECK(read->watch.alarms.communication_on_delay_s == alarms.communication_on_delay_s);
  const core::GateRules gate;
  CHECK(read->gate.least_probability_better == Approx(gate.least_probability_better));
  CHECK(read->gate.least_good_corners == Approx(gate.least_good_corners));
  CHECK(read->gate.largest_missing_share == Approx(gate.largest_missing_share));
  CHECK(read->gate.oldest_forecast_s == gate.oldest_forecast_s);
  const core::PlanningRules planning;
  CHECK(read->planning.gate_seeds == planning.gate_seeds);
  CHECK(read->planning.selection_seeds == planning.selection_seeds);
  CHECK(read->planning.expires_s == planning.expires_s);
  CHECK(read->planning.react == planning.react);
  CHECK(read->planning.policy == planning.policy);
  CHECK(read->planning.freeze_s == planning.freeze_s);
  CHECK(read->plc.gap == core::PlcLink{}.gap);
}

TEST_CASE("several devices, groups, tags and what may be written are read from one file") {
  const auto path = changed("devices.toml", "[plc]\n", R"(store = "devices-store"
tags = "devices.csv"
[[device]]
name = "oven"
host = "10.0.0.7"
backup_host = "10.0.0.8"
base = 1
holes = ["hr:40-47"]
close_after_poll = true
heartbeat = "hr:5"
signature = "hr:1"
signature_value = 4711
[[device]]
name = "scale"
transport = "rtu"
path = "/dev/ttyUSB0"
baud = 9600
unit = 3
[[group]]
name = "slow"
period = "10 s"
[[group]]
name = "fast"
period = "50 ms"
phase = "20 ms"
[[tag]]
name = "Gross"
device = "scale"
at = "ir:7 f32 CDAB"
group = "fast"
[[write]]
tag = "Set"
low = 0
high = 100
step = 5
every = "1 min"
[historian]
keep = "10 min"
[metrics]
[plc]
)");
  std::ofstream(path.parent_path() / "devices.csv")
      << "name,device,address,group\nTemp,oven,hr:1,slow\nSet,plc,400101,\n";
  auto read = core::read_configuration(path);
  if (!read) FAIL(read.error().text());
  REQUIRE(read->devices.size() == 2);
  const auto& oven = read->devices[0];
  CHECK(oven.backup_host == "10.0.0.8");
  CHECK(oven.close_after_poll);
  CHECK(oven.holes.at(0) == core::Range{core::RegisterTable::holding, 39, 8, 1});
  CHECK(oven.heartbeat->address == 4);
  CHECK(oven.signature->device == 1);
  CHECK(read->devices[1].serial.baud == 9600);
  REQUIRE(read->tags.size() == 3);
  CHECK(read->tags[0].at.address == 0);
  CHECK(read->tags[2].at.device == 2);
  CHECK(read->tags[2].at.order() == "CDAB");
  CHECK(read->groups[read->tags[2].group].period_s == Approx(0.05));
  REQUIRE(read->writes.size() == 1);
  CHECK(read->tags[read->writes[0].tag].name == "Set");
  CHECK(read->historian.keep_s == 600);

  std::ofstream(path.parent_path() / "devices.csv") << "name,device,address\nTemp,ovn,hr:1\n";
  const auto wrong = core::read_configuration(path);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().text().find("devices.csv:2:6") != std::string::npos);
}

TEST_CASE("mistakes are told with their place") {
  CHECK(complaint("typo.toml", "heartbeat_stale", "heartbeet_stale")
            .find("did you mean \"heartbeat_stale\"") != std::string::npos);
  CHECK(complaint("register.toml", "\"106 u32\"", "\"106 u23\"").find("\"u23\" is not known") !=
        std::string::npos);
  CHECK(complaint("empty.toml", "\"106 u32\"", "\"\"").find("\"\" names no register") !=
        std::string::npos);
  CHECK(complaint("host.toml", "host = \"127.0.0.1\"", "host = \"\"").find("\"host\" is empty") !=
        std::string::npos);
  CHECK(complaint("machine.toml", "name = \"capper\"", "name = \"caper\"")
            .find("no [[machine]] describes capper") != std::string::npos);
  CHECK(complaint("signal.toml", "vibration = \"120 f32\"", "vibratio = \"120 f32\"")
            .find("vibration") != std::string::npos);
  CHECK(complaint("store.toml", "writes = false", "writes = true").find("no audit, no write") !=
        std::string::npos);
  CHECK(complaint("good.toml", "writes = false", "writes = false").empty());
  CHECK_FALSE(core::read_configuration("no/such/file.toml"));
}

TEST_CASE("what the configuration names must be there, and is missed with its place") {
  const auto missed = [](const std::string& from, const std::string& to, const std::string& what) {
    INFO(to);
    const auto found = complaint("named.toml", from, to);
    INFO(found);
    CHECK(found.find("there is no " + what) != std::string::npos);
    CHECK(std::regex_search(found, std::regex(R"(named\.toml:\d+:\d+: there is no )")));
  };
  const std::string model = std::string("model = \"") + FORELINE_SOURCE_DIR;
  missed(model, "model = \"/nowhere", "folder /nowhere/inference/models/small");
  missed(model + "/inference/models/small\"", "model = \"named.toml\"", "folder ");
  const std::string plc = "[plc]";
  const std::string tls =
      "[plc]\ntransport = \"tls\"\nauthorities = \"no-ca.pem\"\n"
      "certificate = \"no-us.pem\"\nkey = \"no-key.pem\"";
  for (const char* file : {"no-ca.pem", "no-us.pem", "no-key.pem"})
    missed(
        plc, tls,
        "file " + (std::filesystem::path(FORELINE_BINARY_DIR) / "configurations" / file).string());
  const std::string server = "host = \"127.0.0.1\"\nport = 15030";
  missed(
      server,
      server + "\nauthorities = \"no-ca.pem\"\ncertificate = \"no-us.pem\"\nkey = \"no-key.pem\"",
      "file ");
  missed(plc, "[hmi]\naccounts = \"no-accounts.json\"\n[plc]", "file ");
  missed(plc, "[hmi]\ncertificate = \"no-us.pem\"\nkey = \"no-key.pem\"\n[plc]", "file ");
  missed(plc, "[hmi]\nscenarios = \"no-scenarios\"\n[plc]", "folder ");
  const std::string sparkplug = "[sparkplug]\ngroup = \"Plant1\"\n";
  missed(plc, sparkplug + "password = \"no-password.txt\"\n[plc]", "file ");
  missed(plc, sparkplug + "authorities = \"no-ca.pem\"\n[plc]", "file ");
  CHECK(complaint("named.toml", plc, "[plc]\ntransport = \"tls\"\nauthorities = \"\"")
            .find("this names no file") != std::string::npos);
}

TEST_CASE("our servers listen at addresses") {
  const std::string server = "host = \"127.0.0.1\"\nport = 15030";
  for (const char* wrong : {"", "300.1.1.1", "127.0.0", "scada.plant", "::g"}) {
    INFO(wrong);
    const auto text = std::string("host = \"") + wrong + "\"";
    CHECK(complaint("listen.toml", server, text).find("is no address to listen on") !=
          std::string::npos);
    CHECK(complaint("listen.toml", "[plc]", "[hmi]\n" + text + "\n[plc]")
              .find("is no address to listen on") != std::string::npos);
  }
  for (const char* right : {"127.0.0.1", "::1", "localhost"})
    CHECK(complaint("listen.toml", server, std::string("host = \"") + right + "\"").empty());
}

TEST_CASE("a configuration without its line is told so, whatever else it says") {
  CHECK(complaint("no-line.toml", "line = ", "lines = ").find("\"line\" is missing") !=
        std::string::npos);
  CHECK(complaint("no-line.toml", "[planning]", "[planning]\ntwin = \"twin\"").empty());
  std::ifstream in(changed("no-line.toml", "[planning]", "[planning]\ntwin = \"twin\""));
  std::ostringstream text;
  text << in.rdbuf();
  const auto without = std::regex_replace(text.str(), std::regex("\nline = [^\n]*"), "");
  const auto file = std::filesystem::path(FORELINE_BINARY_DIR) / "configurations" / "no-line.toml";
  std::ofstream(file) << without;
  auto read = core::read_configuration(file);
  REQUIRE_FALSE(read);
  CHECK(read.error().text().find("\"line\" is missing") != std::string::npos);
}

TEST_CASE("an order book that no schedule block holds is refused before anything is planned") {
  const std::string day = std::string(FORELINE_SOURCE_DIR) + "/scenarios/orders/bottling-day.csv";
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "configurations";
  const auto book = [&](int orders) {
    std::ofstream out(folder / "long-day.csv");
    out << "id,product,quantity,release,due,weight\n";
    for (int i = 0; i < orders; ++i) out << "A-" << i << ",still,100,,20h,1\n";
    out.close();
    return complaint("long-day.toml", day, (folder / "long-day.csv").string());
  };
  CHECK(book(32).empty());
  CHECK(book(33).find("the order book has 33 orders, and a schedule block holds 32") !=
        std::string::npos);
}

TEST_CASE("counts of different orders have registers of their own") {
  CHECK(complaint("counts.toml", "machine_stride = 64", "machine_stride = 16").empty());
  CHECK(complaint("counts.toml", "machine_stride = 64", "machine_stride = 15")
            .find("the counts of 5 machines and 8 orders share registers") != std::string::npos);
  CHECK(complaint("counts.toml", "order_stride = 2", "order_stride = 1").find("share registers") !=
        std::string::npos);
  // One order after the other, each with its machines.
  CHECK(complaint("counts.toml", "machine_stride = 64\norder_stride = 2",
                  "machine_stride = 2\norder_stride = 10")
            .empty());
  CHECK(
      complaint("counts.toml", "address = 1000", "address = 65280").find("beyond register 65535") !=
      std::string::npos);
}

TEST_CASE("nothing lies where schedules are written but schedules") {
  CHECK(complaint("areas.toml", "staging = 4000", "staging = 65421").empty());
  CHECK(complaint("areas.toml", "staging = 4000", "staging = 65422")
            .find("would end beyond register 65535") != std::string::npos);
  CHECK(complaint("areas.toml", "commit = 4200", "commit = 4114")
            .find("\"commit\" lies in the registers of \"staging\"") != std::string::npos);
  CHECK(complaint("areas.toml", "commit = 4200", "commit = 4115").empty());
  CHECK(complaint("areas.toml", "echo = 3200", "echo = 4200")
            .find("\"echo\" lies in the registers of \"commit\"") != std::string::npos);
  CHECK(complaint("areas.toml", "active = 3000", "active = 3900")
            .find("\"active\" lies in the registers of \"staging\"") != std::string::npos);
  const auto write = [](const std::string& at) {
    return complaint("areas.toml", "[forecast]",
                     "[[tag]]\nname = \"T\"\nat = \"" + at +
                         "\"\n[[write]]\ntag = \"T\"\nlow = 0\nhigh = 9\n[forecast]");
  };
  for (const char* at : {"4000", "4114", "3999 u32", "4200", "4197 u64"}) {
    INFO(at);
    CHECK(write(at).find("where schedules are staged and committed") != std::string::npos);
  }
  for (const char* at : {"3999", "4115", "4201", "coil:4000"}) {
    INFO(at);
    CHECK(write(at).find("where schedules are staged") == std::string::npos);
  }
}

TEST_CASE("the JSON Schema knows every key that the reader asks for") {
  const std::string schema = core::configuration_schema();
  CHECK(std::count(schema.begin(), schema.end(), '{') ==
        std::count(schema.begin(), schema.end(), '}'));
  std::ifstream in(std::filesystem::path(FORELINE_SOURCE_DIR) / "plugin/core/configuration.cpp");
  std::ostringstream code;
  code << in.rdbuf();
  const auto text = code.str();
  const std::regex asked(
      R"x((?:(?:table|root|historian|metrics|section)(?:\.|->)(?:string|boolean|integer|number|duration|share|one_of|strings|table|tables)\(\s*|existing\((?:table|root), )"([a-z_]+)")x");
  std::size_t keys = 0;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), asked);
       it != std::sregex_iterator(); ++it, ++keys) {
    INFO((*it)[1]);
    CHECK(schema.find("\"" + (*it)[1].str() + "\"") != std::string::npos);
  }
  CHECK(keys > 90);
}

TEST_CASE("the time zone of the site is one that there is") {
  const auto zone = [&](const std::string& name) {
    return complaint("zone.toml", "[forecast]", "[site]\ntime_zone = \"" + name + "\"\n[forecast]");
  };
  CHECK(zone("Europe/Berlin").empty());
  CHECK(zone("UTC").empty());
  CHECK(zone("America/Argentina/Buenos_Aires").empty());
  CHECK(zone("Europe/Berlim").find("there is no time zone \"Europe/Berlim\"") != std::string::npos);
  CHECK(zone("Europe/Berlim").find("such as \"Europe/Berlin\"") != std::string::npos);
  for (const char* wrong : {"", "Europe", "../../etc/passwd", "posix/UTC", "CEST+2x"}) {
    INFO(wrong);
    CHECK(zone(wrong).find("there is no time zone") != std::string::npos);
  }
}

TEST_CASE("approvals without TLS stay on the loopback, unless the network is said to be trusted") {
  const std::string host = "host = \"127.0.0.1\"\nport = 15030";
  const auto with = [&](const std::string& text) { return complaint("open.toml", host, text); };
  CHECK(with("host = \"127.0.0.2\"").empty());
  CHECK(with("host = \"::1\"").empty());
  CHECK(with("host = \"0.0.0.0\"\non = false").find("reached from other computers") ==
        std::string::npos);
  for (const char* open : {"0.0.0.0", "::", "192.168.1.5"}) {
    INFO(open);
    const auto text = std::string("host = \"") + open + "\"\nport = 502";
    CHECK(with(text).find("reached from other computers") != std::string::npos);
    CHECK(with(text + "\ntrusted_network = true").empty());
  }
  for (const char* file : {"a.pem", "c.pem", "k.pem"})
    std::ofstream(std::filesystem::path(FORELINE_BINARY_DIR) / "configurations" / file);
  const std::string tls =
      "host = \"0.0.0.0\"\nauthorities = \"a.pem\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
  CHECK(with(tls + "write_roles = [\"planner\"]").empty());
  CHECK(with(tls).find("no role in a certificate may approve") != std::string::npos);
}

TEST_CASE("the gate's defaults in the schema are the gate's defaults") {
  const std::string schema = core::configuration_schema();
  const auto from = schema.find("\n  \"gate\": {");
  const auto until = schema.find("\n  \"server\": {", from);
  REQUIRE(until != std::string::npos);
  const auto keys_at = schema.find("\"properties\": {", from) + 15;
  const auto gate = schema.substr(keys_at, until - keys_at);
  std::string section = "[gate]\n";
  const std::regex stated(R"x("([a-z_]+)": \{[^}]*"default": ([^\n,}]+))x");
  std::size_t keys = 0;
  for (auto it = std::sregex_iterator(gate.begin(), gate.end(), stated);
       it != std::sregex_iterator(); ++it, ++keys)
    section += (*it)[1].str() + " = " + (*it)[2].str() + "\n";
  CHECK(keys >= 17);
  std::ifstream in(sample);
  std::ostringstream text;
  text << in.rdbuf();
  const auto begin = text.str().find("\n[gate]") + 1;
  const auto own =
      text.str().substr(begin, text.str().find("\n# Our own registers", begin) - begin);
  auto read = core::read_configuration(changed("gate-defaults.toml", own, section));
  INFO((read ? "" : read.error().text()));
  REQUIRE(read);
  CHECK(read->gate == core::GateRules{});
}
