// SPDX-License-Identifier: Apache-2.0
// One running instance against a PLC that misbehaves, by the rows of the reliability table in
// docs/integrators/failure-behaviour.md.
#include "plugin/attachment/attachment.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "plugin/io/deployer.hpp"
#include "plugin/store/history.hpp"
#include "plugin/store/store.hpp"
#include "sim/line/schedule_block.hpp"
#include "tests/support/plain_client.hpp"
#include "tests/support/register_plc.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using attachment::Attachment;
using attachment::Refusal;
using line::Quality;
using tests::Bytes;
using tests::RegisterPlc;
using namespace std::chrono_literals;

namespace {

fs::path fresh_folder(const std::string& name) {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / ("attachment-" + name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

/// A line of one machine without a model, tags at 40 and on, writes allowed to one of them.
std::string text_of(std::uint16_t port, const std::string& more = "") {
  return "format = \"foreline plugin 1\"\nline = \"line.toml\"\nstore = \"store\"\n"
         "[plc]\nport = " +
         std::to_string(port) +
         "\npoll = \"20 ms\"\ntimeout = \"200 ms\"\nreconnect_min = \"20 ms\"\n"
         "reconnect_max = \"100 ms\"\nheartbeat = \"2\"\nheartbeat_stale = \"200 ms\"\n"
         "signature = \"0\"\nsignature_value = 4711\n"
         "[[group]]\nname = \"fast\"\nperiod = \"20 ms\"\n"
         "[[tag]]\nname = \"Speed\"\nat = \"40\"\neu_min = 0\neu_max = 100\n"
         "[[tag]]\nname = \"Temp\"\nat = \"42 f32\"\nunit = \"C\"\neu_min = -50\neu_max = 500\n"
         "[[write]]\ntag = \"Speed\"\nlow = 10\nhigh = 90\nstep = 20\n"
         "[[machine]]\nname = \"press\"\nstate = \"10\"\noperating = \"11\"\nrenewals = \"12\"\n"
         "[machine.signals]\nvibration = \"20 f32\"\n"
         "[server]\nport = 0\napprovals = true\n" +
         more;
}

const std::string line_text =
    "format = \"foreline line 1\"\nname = \"test\"\nproducts = [\"a\"]\n"
    "sample_period = \"1 s\"\n[[machine]]\nname = \"press\"\ncycle = \"10 s\"\n"
    "[[machine.signal]]\nname = \"vibration\"\nkind = \"vibration\"\nnormal = \"2 mm/s\"\n"
    "noise = \"0.1 mm/s\"\nrange = [\"0 mm/s\", \"40 mm/s\"]\n";

core::Configuration configured(const fs::path& folder, const std::string& text) {
  std::ofstream(folder / "line.toml") << line_text;
  std::ofstream(folder / "plugin.toml") << text;
  auto read = core::read_configuration(folder / "plugin.toml");
  if (!read) FAIL(read.error().text());
  return *read;
}

core::Configuration configuration(const fs::path& folder, std::uint16_t port,
                                  const std::string& more = "") {
  return configured(folder, text_of(port, more));
}

/// The same of a PLC whose clock is in register 30.
core::Configuration with_clock(const fs::path& folder, std::uint16_t port) {
  auto text = text_of(port);
  text.insert(text.find("heartbeat ="), "clock = \"30\"\n");
  return configured(folder, text);
}

/// Registers as the configuration wants them.
void fill(RegisterPlc& plc) {
  plc.set(0, 4711);
  plc.beat_at(2);
  plc.set(10, 6);
  plc.set(20, 0x4000);  // 2.0
  plc.set(40, 50);
  plc.set(42, 0x41C8);  // 25.0
}

struct Heard {
  std::mutex mutex;
  std::vector<attachment::Event> events;
  std::vector<std::string> lines;
  std::atomic<std::int64_t> clock_ns{1'000'000'000'000};
  std::atomic<int> calls{0};
  attachment::HostCalls calls_of() {
    attachment::HostCalls host;
    host.event = [this](const attachment::Event& event) {
      ++calls;
      const std::lock_guard lock(mutex);
      events.push_back(event);
    };
    host.log = [this](attachment::Level, std::string_view, std::string_view text) {
      const std::lock_guard lock(mutex);
      lines.emplace_back(text);
    };
    host.now_ns = [this] { return clock_ns.load(); };
    return host;
  }
  [[nodiscard]] std::size_t lines_with(const std::string& part) {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(),
        [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }
  [[nodiscard]] std::size_t times(const std::string& subject, const std::string& what) {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const attachment::Event& event) {
          return event.subject == subject && event.what == what;
        }));
  }
  [[nodiscard]] std::string said(const std::string& subject, const std::string& what) {
    const std::lock_guard lock(mutex);
    for (const auto& event : events)
      if (event.subject == subject && event.what == what) return event.text;
    return {};
  }
};

bool soon(const std::function<bool()>& holds, std::chrono::milliseconds limit = 5s) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    if (holds()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return holds();
}

Quality quality(const Attachment& attachment, const std::string& tag) {
  attachment::Value value;
  (void)attachment.read(tag, value);
  return value.quality;
}

bool good_soon(const Attachment& attachment, const std::string& tag) {
  return soon([&] { return quality(attachment, tag) == Quality::good; });
}

std::vector<std::string> audit_of(const fs::path& folder) {
  auto store = store::Store::open(folder / "store");
  REQUIRE(store);
  auto lines = store->audit();
  REQUIRE(lines);
  std::vector<std::string> out;
  for (const auto& line : *lines) out.push_back(line.what + ": " + line.detail);
  return out;
}

bool mentions(const std::vector<std::string>& lines, const std::string& part) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("values, tags and metrics of a small plant arrive with their quality") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("values");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Temp"));
  attachment::Value value;
  REQUIRE(attachment.read("Temp", value).refusal == Refusal::none);
  CHECK(value.value == 25);
  CHECK(value.unit == "C");
  CHECK(soon([&] { return quality(attachment, "press/vibration") == Quality::good; }));
  const auto metrics = attachment.metrics();
  CHECK(metrics.find("foreline_connected{device=\"plc\"} 1\n") != std::string::npos);
  CHECK(metrics.find("foreline_round_trip_seconds_bucket{device=\"plc\",le=\"+Inf\"}") !=
        std::string::npos);
  const auto snapshot = nlohmann::json::parse(attachment.snapshot());
  CHECK(snapshot["tags"]["Speed"]["quality"] == "Good");
  (void)attachment.stop(1s);
  const int calls = heard.calls;
  std::this_thread::sleep_for(50ms);
  CHECK(heard.calls == calls);
}

TEST_CASE("a device with tags alone is connected while it answers, if only by exceptions") {
  RegisterPlc plc;
  fill(plc);
  std::atomic<bool> answers = true;
  tests::PlainServer oven([&](tests::Peer& peer) {
    for (auto request = peer.request(); !request.empty() && answers; request = peer.request())
      peer.send(tests::Peer::answer(request, {3, 2, 0, 7}));
  });
  const auto folder = fresh_folder("oven");
  const auto device = [&](const std::string& name) {
    return "[[device]]\nname = \"" + name + "\"\nport = " + std::to_string(oven.port()) +
           "\ntimeout = \"100 ms\"\nreconnect_min = \"20 ms\"\nreconnect_max = \"100 ms\"\n" +
           "[[tag]]\nname = \"Heat\"\ndevice = \"" + name + "\"\nat = \"5\"\n";
  };
  Heard heard;
  Attachment attachment(configuration(folder, plc.port(), device("oven")), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  const auto shown = [&] {
    return nlohmann::json::parse(attachment.snapshot())["devices"][1]["quality"].get<std::string>();
  };
  REQUIRE(good_soon(attachment, "Heat"));
  CHECK(soon([&] { return shown() == "Good"; }));
  CHECK_FALSE(heard.said("oven", "connected").empty());
  answers = false;
  CHECK(soon([&] { return shown() == "Bad_NotConnected"; }));
  CHECK_FALSE(heard.said("oven", "lost").empty());
}

TEST_CASE("row 8: a device that refuses all its tags is told of once, with the time since when") {
  RegisterPlc plc;
  fill(plc);
  std::atomic<bool> refuses = true;
  tests::PlainServer oven([&](tests::Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request())
      peer.send(tests::Peer::answer(request, refuses ? Bytes{0x83, 2} : Bytes{3, 2, 0, 7}));
  });
  const auto folder = fresh_folder("refusing");
  Heard heard;
  Attachment attachment(
      configuration(folder, plc.port(),
                    "[[group]]\nname = \"slow\"\nperiod = \"30 ms\"\n"
                    "[[device]]\nname = \"oven\"\nport = " +
                        std::to_string(oven.port()) +
                        "\n[[tag]]\nname = \"Heat\"\ndevice = \"oven\"\nat = \"5\"\n"
                        "[[tag]]\nname = \"Door\"\ndevice = \"oven\"\nat = \"9\"\n"
                        "group = \"slow\"\n"),
      heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  const auto device = [&] { return nlohmann::json::parse(attachment.snapshot())["devices"][1]; };
  REQUIRE(soon([&] { return heard.lines_with("refuses all its tags") == 1; }));
  CHECK(heard.lines_with("oven: answers, and refuses all its tags: ") == 1);
  CHECK(heard.lines_with("exception 2 (illegal data address)") == 1);
  CHECK(device()["quality"] == "Good");
  CHECK(device()["trouble"].get<std::string>().find("exception 2") != std::string::npos);
  const auto since = device()["since_ns"].get<std::int64_t>();
  CHECK(since == heard.clock_ns);
  heard.clock_ns += 1'000'000'000;
  std::this_thread::sleep_for(200ms);
  CHECK(heard.lines_with("refuses all its tags") == 1);
  CHECK(device()["since_ns"].get<std::int64_t>() == since);
  refuses = false;
  // A register that is not there is asked for again after sixty beats.
  CHECK(soon([&] { return heard.lines_with("oven: its tags are answered again") == 1; }, 10s));
  CHECK(device()["trouble"] == "");
  CHECK(device()["since_ns"].get<std::int64_t>() > since);
}

TEST_CASE("texts in any bytes, of a PLC or a person, break nothing that is told") {
  RegisterPlc plc;
  fill(plc);
  plc.set(60, 0x4DE4);  // "M\xE4rz", as PLCs write it
  plc.set(61, 0x727A);
  const auto folder = fresh_folder("texts");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port(),
                                      "[[tag]]\nname = \"Month\"\nat = \"60 string 4\"\n[alarms]\n"
                                      "quality_on_delay = \"0 s\"\n"),
                        heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  const auto snapshot = [&] {
    return nlohmann::json::parse(attachment.snapshot(), nullptr, false);
  };
  CHECK(soon([&] {
    const auto now = snapshot();
    return now.is_object() && now["tags"]["Month"].value("value", "") == "M\xC3\xA4rz";
  }));
  plc.set(20, 0x7FC0);
  REQUIRE(soon([&] { return snapshot()["alarms"].size() == 1; }));
  const std::string bytes = "\xff\xfe\xed\xa0\x80<script>";
  REQUIRE(attachment.shelve("press/vibration", 600, bytes, bytes).refusal == Refusal::none);
  CHECK(soon([&] { return snapshot()["alarms"].at(0).value("state", "") == "shelved"; }));
  CHECK(snapshot()["alarms"].at(0)["reason"].get<std::string>().find("<script>") !=
        std::string::npos);
  CHECK(attachment.shelve("press/vibration", 600, "", "x").refusal == Refusal::invalid_argument);
  CHECK(attachment.shelve("press/vibration", 600, std::string(65, 'x'), "x").refusal ==
        Refusal::invalid_argument);
  CHECK(attachment.service("press/vibration", false, "eva", std::string(201, 'x')).refusal ==
        Refusal::invalid_argument);
}

TEST_CASE("row 2: a PLC that is mute is told of once, however often it is asked") {
  std::atomic<int> asked = 0;
  tests::PlainServer mute([&](tests::Peer& peer) {
    while (!peer.request().empty()) ++asked;
  });
  const auto folder = fresh_folder("mute");
  Heard heard;
  Attachment attachment(configuration(folder, mute.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  // Asked, left alone, and asked again.
  REQUIRE(soon([&] { return asked > 6; }, 30s));
  CHECK(heard.times("plc", "lost") == 1);
  CHECK(heard.said("plc", "lost").find("no answer within 200 ms") != std::string::npos);
  CHECK(quality(attachment, "Speed") == Quality::bad_comm_failure);
}

TEST_CASE("row 1: a PLC that comes and goes all the time is told of a few times, with a count") {
  std::atomic<int> asked = 0;
  tests::PlainServer flapping([&](tests::Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request()) {
      if (request[9] == 0 && ++asked % 2 == 0) {
        peer.send(tests::Peer::answer(request, {static_cast<std::uint8_t>(request[7] | 0x80U), 4}));
        continue;
      }
      const auto count = request[11];
      Bytes pdu = {request[7], static_cast<std::uint8_t>(2 * count)};
      pdu.resize(2 + 2U * count);
      if (request[9] == 0) pdu[2] = 18, pdu[3] = 103, pdu[7] = static_cast<std::uint8_t>(asked);
      peer.send(tests::Peer::answer(request, pdu));
    }
  });
  const auto folder = fresh_folder("flapping");
  Heard heard;
  Attachment attachment(configuration(folder, flapping.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(soon([&] { return asked > 40; }, 30s));
  const auto told = heard.times("plc", "lost") + heard.times("plc", "connected");
  CHECK(told >= 4);
  CHECK(told <= 7);
}

TEST_CASE("row 23: a client that writes faster than it is heard is told to wait") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("hasty");
  std::mutex held;
  attachment::HostCalls host;
  host.event = [&](const attachment::Event&) { const std::lock_guard lock(held); };
  Attachment attachment(configuration(folder, plc.port()), host);
  std::unique_lock lock(held);  // the plugin's thread waits in its host
  REQUIRE(attachment.start().refusal == Refusal::none);
  tests::PlainClient client(attachment.server_port());
  std::size_t taken = 0;
  Bytes answer;
  while (taken < 1000 && (answer = client.ask({6, 0, 60, 0xFF, 0xFF}))[0] == 6) ++taken;
  CHECK(taken >= 32);
  CHECK(taken < 1000);
  CHECK(answer == Bytes{0x86, 6});
  lock.unlock();
  CHECK(soon([&] { return client.ask({6, 0, 60, 0xFF, 0xFF})[0] == 6; }));
}

TEST_CASE("row 11: a byte-swapped float is never Good") {
  RegisterPlc plc;
  fill(plc);
  plc.set(42, 0);
  plc.set(43, 0x41C8);
  plc.set(20, 0);
  plc.set(21, 0x4000);
  const auto folder = fresh_folder("swapped");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  // 0x000041C8 is a denormal, 2.4e-41: in range of a temperature, and still no measured value.
  CHECK(quality(attachment, "Temp") != Quality::good);
  CHECK(quality(attachment, "press/vibration") != Quality::good);
}

TEST_CASE("row 13: a map that is shifted by one makes the device Bad_Config and writes stop") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("shifted");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  plc.shift(1);
  REQUIRE(soon([&] { return quality(attachment, "Speed") == Quality::bad_config; }));
  CHECK(soon([&] { return !heard.said("plc", "lost").empty(); }));
  CHECK(heard.said("plc", "lost").find("another register map") != std::string::npos);
  REQUIRE(attachment.write("Speed", 55, "me").refusal == Refusal::none);
  CHECK(soon([&] { return !heard.said("Speed", "refused").empty(); }));
  CHECK(plc.writes() == 0);
  plc.shift(0);
  CHECK(good_soon(attachment, "Speed"));
}

TEST_CASE("row 14: clock jumps touch neither the beat nor the order of times") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("clock");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  std::int64_t last = 0;
  const std::int64_t hour = 3'600'000'000'000;
  for (const std::int64_t jump : {-hour, hour, -hour, 2 * hour}) {
    heard.clock_ns += jump;
    const int before = plc.reads();
    REQUIRE(soon([&] { return plc.reads() > before + 6; }, 1s));
    attachment::Value value;
    (void)attachment.read("Speed", value);
    CHECK(value.quality == Quality::good);
    CHECK(value.received_ns >= last);
    last = value.received_ns;
  }
}

TEST_CASE(
    "row 20: a value that another master changes at once is a conflict, alarmed and audited") {
  RegisterPlc* self = nullptr;
  RegisterPlc plc([&](int address, const auto&) {
    if (address == 40) self->words()[40] = 33;
    return true;
  });
  self = &plc;
  fill(plc);
  const auto folder = fresh_folder("conflict");
  Heard heard;
  {
    Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    REQUIRE(good_soon(attachment, "Speed"));
    REQUIRE(attachment.write("Speed", 60, "me").refusal == Refusal::none);
    REQUIRE(soon([&] { return !heard.said("Speed", "conflict").empty(); }));
    CHECK(soon([&] { return !heard.said("plc/deployment", "raised").empty(); }));
    CHECK(plc.writes() == 1);
  }
  CHECK(mentions(audit_of(folder), "write conflict: Speed"));
}

TEST_CASE("row 20: what a device makes of a write is told: nothing, or something else") {
  std::atomic<std::uint16_t> kept = 50;
  RegisterPlc* self = nullptr;
  RegisterPlc plc([&](int address, const auto&) {
    if (address == 40) self->words()[40] = kept;
    return true;
  });
  self = &plc;
  fill(plc);
  const auto folder = fresh_folder("kept");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  REQUIRE(attachment.write("Speed", 60, "me").refusal == Refusal::none);
  REQUIRE(soon([&] { return heard.times("Speed", "conflict") == 1; }));
  CHECK(heard.said("Speed", "conflict") == "the device holds 50: it does not take what is written");
  heard.events.clear();
  kept = 55;
  REQUIRE(attachment.write("Speed", 60, "me").refusal == Refusal::none);
  REQUIRE(soon([&] { return heard.times("Speed", "conflict") == 1; }));
  CHECK(heard.said("Speed", "conflict") ==
        "the device holds 55: it limits what is written, or another master writes");
}

TEST_CASE("row 21: a write that the white list does not allow sends no byte") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("refused");
  Heard heard;
  {
    Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    REQUIRE(good_soon(attachment, "Speed"));
    CHECK(attachment.write("Temp", 30, "me").refusal == Refusal::refused);
    CHECK(attachment.write("Speed", 60, "").refusal == Refusal::invalid_argument);
    CHECK(attachment.write("Nothing", 60, "me").refusal == Refusal::invalid_argument);
    for (const double value : {95.0, 5.0, 71.0}) {
      heard.events.clear();
      REQUIRE(attachment.write("Speed", value, "me").refusal == Refusal::none);
      REQUIRE(soon([&] { return !heard.said("Speed", "refused").empty(); }));
    }
    CHECK(plc.writes() == 0);
    REQUIRE(attachment.write("Speed", 70, "me").refusal == Refusal::none);
    REQUIRE(soon([&] { return !heard.said("Speed", "written").empty(); }));
    CHECK(plc.writes() == 1);
    CHECK(plc.get(40) == 70);
  }
  const auto lines = audit_of(folder);
  CHECK(mentions(lines, "write refused: Speed"));
  CHECK(mentions(lines, "write written: Speed"));
}

TEST_CASE("row 22: a PLC whose heartbeat stands still is stale though it answers") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("frozen");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  plc.freeze(true);
  REQUIRE(soon([&] { return quality(attachment, "Speed") == Quality::bad_stale; }));
  CHECK(plc.connections() == 1);
  // It stays so while the PLC goes on answering.
  const int before = plc.reads();
  REQUIRE(soon([&] { return plc.reads() > before + 40; }));
  CHECK(quality(attachment, "Speed") == Quality::bad_stale);
  REQUIRE(attachment.write("Speed", 55, "me").refusal == Refusal::none);
  CHECK(soon([&] { return !heard.said("Speed", "refused").empty(); }));
  CHECK(plc.writes() == 0);
  plc.freeze(false);
  CHECK(good_soon(attachment, "Speed"));
}

TEST_CASE("a PLC whose clock stands still or is set back shows no value as good") {
  RegisterPlc plc;
  fill(plc);
  plc.set(30, 5000);
  const auto rules = with_clock(fresh_folder("clock"), plc.port());
  Heard heard;
  Attachment attachment(rules, heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "press/vibration"));
  CHECK(
      soon([&] { return quality(attachment, "press/vibration") == Quality::uncertain_last_known; },
           20s));
  CHECK(heard.said("plc", "lost") == "the PLC answers, but its clock stands still");
  CHECK(quality(attachment, "Speed") == Quality::good);
  const auto shown = nlohmann::json::parse(attachment.snapshot());
  CHECK(shown["values"]["machines"]["press"]["signals"]["vibration"]["quality"] ==
        "Uncertain_LastKnown");
  plc.set(30, 5010);
  REQUIRE(good_soon(attachment, "press/vibration"));
  heard.events.clear();
  plc.set(30, 4000);
  CHECK(
      soon([&] { return quality(attachment, "press/vibration") == Quality::uncertain_last_known; },
           20s));
  CHECK(heard.said("plc", "lost").find("was set back and is 17 min behind") != std::string::npos);
  plc.set(30, 5020);
  CHECK(good_soon(attachment, "press/vibration"));
  CHECK(heard.times("plc", "lost") == 1);
}

TEST_CASE("a host that is told something may ask for values at once") {
  RegisterPlc plc;
  fill(plc);
  plc.set(30, 9000);
  const auto rules = with_clock(fresh_folder("asking"), plc.port());
  Attachment* asked = nullptr;
  std::atomic<int> answers = 0;
  attachment::HostCalls host;
  host.log = [&](attachment::Level, std::string_view, const std::string&) {
    if (!asked->snapshot().empty()) ++answers;
  };
  Attachment attachment(rules, host);
  asked = &attachment;
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "press/vibration"));
  plc.set(30, 100);  // a new run, which is logged
  CHECK(soon([&] { return answers == 1; }));
}

TEST_CASE("a value was received when it arrived, not when the plugin found time for it") {
  RegisterPlc plc;
  fill(plc);
  std::atomic<bool> busy = true;
  attachment::HostCalls host;
  host.event = [&](const attachment::Event&) {
    while (busy) std::this_thread::sleep_for(1ms);
  };
  auto text = text_of(plc.port());
  text.replace(text.find("poll = \"20 ms\""), 14, "poll = \"1 s\"");
  text.replace(text.find("heartbeat_stale = \"200 ms\""), 26, "heartbeat_stale = \"9 s\"");
  text.replace(text.find("[[group]]"), text.find("[[machine]]") - text.find("[[group]]"), "");
  Attachment attachment(configured(fresh_folder("arrived"), text), host);
  const std::shared_ptr<void> ends(nullptr, [&](void*) { busy = false; });
  REQUIRE(attachment.start().refusal == Refusal::none);
  const auto received_ns = [&] {
    return nlohmann::json::parse(attachment.snapshot()).at("received_ns").get<std::int64_t>();
  };
  REQUIRE(soon([&] { return received_ns() != 0; }));
  const auto first_ns = received_ns();
  const int reads = plc.reads();
  REQUIRE(soon([&] { return plc.reads() > reads; }));
  std::this_thread::sleep_for(500ms);
  const std::int64_t heard_ns =
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
  busy = false;
  REQUIRE(soon([&] { return received_ns() != first_ns; }));
  CHECK(received_ns() < heard_ns);
}

TEST_CASE("a state that no machine has is not shown as good") {
  RegisterPlc plc;
  fill(plc);
  plc.set(10, 99);
  const auto folder = fresh_folder("state");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "press/vibration"));
  CHECK(quality(attachment, "press/state") == Quality::uncertain_out_of_range);
}

TEST_CASE("row 25: destroying an instance in mid-poll leaves no thread and no callback") {
  const auto threads = [] {
    return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator{});
  };
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("cycles");
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{});
  };
  const auto before = threads();
  const auto open_before = descriptors();
  Heard heard;
  for (int i = 0; i < 100; ++i) {
    Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    if (i % 10 == 0) REQUIRE(good_soon(attachment, "Speed"));
  }
  const int calls = heard.calls;
  std::this_thread::sleep_for(50ms);
  CHECK(heard.calls == calls);
  CHECK(soon([&] { return threads() == before; }, 100ms));  // the system forgets one late
  // The PLC's side of the last connection may still be closing.
  CHECK(soon([&] { return descriptors() <= open_before; }));
}

TEST_CASE("row 25: stopped in mid-poll, an instance that lives on asks, says and serves nothing") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("stopped");
  const auto threads = [] {
    return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator{});
  };
  const auto before = threads();
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  const auto port = attachment.server_port();
  plc.freeze(true);  // a request is on its way that nobody answers
  REQUIRE(attachment.stop(1s).refusal == Refusal::none);
  CHECK(soon([&] { return threads() == before; }, 100ms));  // the system forgets one late
  const int reads = plc.reads();
  const int connections = plc.connections();
  const int calls = heard.calls;
  plc.freeze(false);
  std::this_thread::sleep_for(200ms);  // ten polls
  CHECK(plc.reads() == reads);
  CHECK(plc.connections() == connections);
  CHECK(heard.calls == calls);
  io::ModbusClient scada("127.0.0.1", port, 1, 200ms);
  CHECK_FALSE(scada.connect());
}

TEST_CASE("row 25: pages and counters may be asked for while an instance starts and stops") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("asked");
  std::atomic<Attachment*> asked = nullptr;
  std::atomic<bool> over = false;
  std::atomic<int> answers = 0;
  std::mutex gone;  // held by who asks, so that an instance is not destroyed under it
  std::thread page([&] {
    while (!over) {
      const std::lock_guard lock(gone);
      const auto* attachment = asked.load();
      if (attachment == nullptr) continue;
      answers += attachment->snapshot().empty() ? 0 : 1;
      answers += attachment->metrics().empty() ? 0 : 1;
      (void)quality(*attachment, "Speed");
      (void)attachment->server_port();
    }
  });
  std::unique_ptr<Attachment> former;
  for (int i = 0; i < 10; ++i) {
    Heard heard;
    auto attachment = std::make_unique<Attachment>(configuration(folder, plc.port(), "[metrics]\n"),
                                                   heard.calls_of());
    asked = attachment.get();
    CHECK(attachment->start(former.get()).refusal == Refusal::none);
    CHECK(good_soon(*attachment, "Speed"));
    CHECK(attachment->stop(1s).refusal == Refusal::none);
    const std::lock_guard lock(gone);
    asked = nullptr;
    former = std::move(attachment);
  }
  over = true;
  page.join();
  CHECK(answers > 20);
}

TEST_CASE("row 25: stopping waits no longer than it is told, whatever a device's timeout") {
  std::atomic<bool> mute = false;
  std::atomic<int> unanswered = 0;
  tests::PlainServer slow([&](tests::Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request()) {
      if (mute) {
        ++unanswered;
        continue;
      }
      peer.send(tests::Peer::answer(request, {3, 2, 0, 50}));
    }
  });
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("patient");
  Heard heard;
  Attachment attachment(
      configuration(folder, plc.port(),
                    "[[device]]\nname = \"modem\"\ntimeout = \"60 s\"\nport = " +
                        std::to_string(slow.port()) +
                        "\n[[tag]]\nname = \"Level\"\ndevice = \"modem\"\nat = \"5\"\n"
                        "[[write]]\ntag = \"Level\"\nlow = 0\nhigh = 90\n"),
      heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Level"));
  mute = true;
  REQUIRE(soon([&] { return unanswered > 0; }));
  REQUIRE(attachment.write("Level", 60, "me").refusal == Refusal::none);
  std::this_thread::sleep_for(50ms);
  const auto begun = std::chrono::steady_clock::now();
  (void)attachment.stop(200ms);
  CHECK(std::chrono::steady_clock::now() - begun < 20s);
}

TEST_CASE("row 26: alarms, times and rate limits outlive a new configuration") {
  const std::string slow = "[[write]]\ntag = \"Extra\"\nlow = 0\nhigh = 9\nevery = \"1 h\"\n";
  const std::string extra = "[[tag]]\nname = \"Extra\"\nat = \"50\"\n" + slow;
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("reload");
  Heard heard;
  auto former =
      std::make_unique<Attachment>(configuration(folder, plc.port(), extra), heard.calls_of());
  REQUIRE(former->start().refusal == Refusal::none);
  REQUIRE(good_soon(*former, "Speed"));
  REQUIRE(former->write("Extra", 3, "me").refusal == Refusal::none);
  REQUIRE(soon([&] { return !heard.said("Extra", "written").empty(); }));
  REQUIRE(former->service("plc/communication", false, "me", "wiring").refusal == Refusal::none);
  REQUIRE(soon([&] { return !heard.said("plc/communication", "out-of-service").empty(); }));
  attachment::Value before;
  REQUIRE(former->read("Speed", before).refusal == Refusal::none);
  (void)former->stop(1s);
  heard.clock_ns -= 1'000'000'000;  // and the clock is set back meanwhile

  // One that cannot start leaves the former as it was.
  auto broken = configuration(folder, plc.port(), extra);
  broken.model = "no such folder";
  Attachment none(broken, heard.calls_of());
  CHECK(none.start(former.get()).refusal == Refusal::io);
  REQUIRE(former->start().refusal == Refusal::none);
  const auto out_of_service = [](const Attachment& attachment) {
    const auto snapshot = nlohmann::json::parse(attachment.snapshot());
    return !snapshot["alarms"].empty() && snapshot["alarms"][0]["state"] == "out-of-service";
  };
  CHECK(out_of_service(*former));
  REQUIRE(good_soon(*former, "Speed"));
  (void)former->stop(1s);

  const std::string more = "[[tag]]\nname = \"More\"\nat = \"51\"\n";
  Attachment next(configuration(folder, plc.port(), more + extra), heard.calls_of());
  REQUIRE(next.start(former.get()).refusal == Refusal::none);
  former.reset();
  CHECK(out_of_service(next));
  REQUIRE(good_soon(next, "More"));
  attachment::Value after;
  REQUIRE(next.read("Speed", after).refusal == Refusal::none);
  CHECK(after.received_ns >= before.received_ns);
  heard.events.clear();
  REQUIRE(next.write("Extra", 4, "me").refusal == Refusal::none);
  REQUIRE(soon([&] { return !heard.said("Extra", "refused").empty(); }));
  CHECK(heard.said("Extra", "refused").find("only every") != std::string::npos);
  CHECK(plc.writes() == 1);
}

namespace {

/// Nothing can be written while it lives: a file size limit is what a full disk looks like to the
/// store.
class FullDisk {
 public:
  FullDisk() {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit none{0, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int) = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old_{};
};

}  // namespace

TEST_CASE("row 27: with a full disk nothing is written to the PLC") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("full");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  std::optional<FullDisk> disk(std::in_place);
  const auto asked = attachment.write("Speed", 60, "me").refusal;
  const bool refused = soon([&] { return !heard.said("Speed", "refused").empty(); });
  disk.reset();
  CHECK(asked == Refusal::none);
  REQUIRE(refused);
  CHECK(heard.said("Speed", "refused").find("audit cannot be written") != std::string::npos);
  CHECK(plc.writes() == 0);
  REQUIRE(attachment.write("Speed", 60, "me").refusal == Refusal::none);
  CHECK(soon([&] { return !heard.said("Speed", "written").empty(); }));
}

TEST_CASE("row 27: a historian that could not be written goes on when it can be") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("full-history");
  std::mutex mutex;
  std::vector<std::string> logged;
  attachment::HostCalls host;
  host.log = [&](attachment::Level, std::string_view, std::string_view text) {
    const std::lock_guard lock(mutex);
    logged.emplace_back(text);
  };
  const auto said = [&](const std::string& part) {
    const std::lock_guard lock(mutex);
    return std::count_if(logged.begin(), logged.end(), [&](const std::string& text) {
      return text.find(part) != std::string::npos;
    });
  };
  Attachment attachment(configuration(folder, plc.port(), "[historian]\nkeep = \"1 h\"\n"), host);
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(good_soon(attachment, "Speed"));
  std::optional<FullDisk> disk(std::in_place);
  for (std::uint16_t i = 0; i < 40; ++i) {
    plc.set(40, static_cast<std::uint16_t>(20 + i));
    std::this_thread::sleep_for(50ms);
  }
  const bool failed = soon([&] { return said("the past is not kept") == 1; });
  CHECK(failed);
  // Room for a moment is no disk that can be written again, and is not told as one.
  disk.reset();
  plc.set(40, 87);
  std::this_thread::sleep_for(6500ms);
  disk.emplace();
  plc.set(40, 86);
  std::this_thread::sleep_for(1500ms);
  disk.reset();
  plc.set(40, 88);
  CHECK(soon([&] { return said("the past is kept again") == 1; }, 60s));
  CHECK(said("the past is not kept") == 1);
}

TEST_CASE("row 28: a kill between staging and commit is found at the next start, and cleared") {
  const core::ScheduleRegisters registers = {300, 420, 500, 620, 421, 422};
  line::Schedule schedule;
  schedule.sequence = {{0}, {2}, {1}};
  const auto block = line::to_block(schedule);
  const auto folder = fresh_folder("killed");
  const std::string more =
      "[schedule]\nwrites = true\nactive = 300\nactive_sequence = 420\nstaging = 500\n"
      "commit = 620\necho = 421\nreject = 422\n";
  int told[2];
  REQUIRE(::pipe(told) == 0);
  // The child deploys and is killed when the PLC has the staging block; the PLC lives here.
  std::uint16_t port = 0;
  int ports[2];
  REQUIRE(::pipe(ports) == 0);
  const auto child = ::fork();
  if (child == 0) {
    if (::read(ports[0], &port, sizeof port) != sizeof port) ::_exit(1);
    auto store = store::Store::open(folder / "store");
    io::ModbusClient client("127.0.0.1", port, 1, 2s);
    if (!store || !client.connect()) ::_exit(1);
    (void)io::deploy(
        client, registers, block, 5s,
        [&](const std::string& what, const std::string&) {
          if (what != "staged") return;
          (void)!::write(told[1], "s", 1);
          ::pause();
        },
        [&](std::uint16_t sequence) {
          return store
              ->begin("deployment", nlohmann::json{{"sequence", sequence}, {"block", block}}.dump())
              .has_value();
        });
    ::_exit(1);
  }
  RegisterPlc plc;
  fill(plc);
  port = plc.port();
  REQUIRE(::write(ports[1], &port, sizeof port) == sizeof port);
  char said = 0;
  REQUIRE(::read(told[0], &said, 1) == 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const int fd : {told[0], told[1], ports[0], ports[1]}) ::close(fd);
  CHECK(plc.get(500) == 3);
  CHECK(plc.get(620) == 0);
  Heard heard;
  {
    Attachment attachment(configuration(folder, plc.port(), more), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    REQUIRE(soon([&] { return !heard.said("an earlier deployment", "recovered").empty(); }));
  }
  for (int i = 0; i < static_cast<int>(line::block_size); ++i) REQUIRE(plc.get(500 + i) == 0);
  CHECK(plc.get(620) == 0);  // never committed
  CHECK(mentions(audit_of(folder), "the staging block has been cleared"));
  Heard again;
  {
    Attachment attachment(configuration(folder, plc.port(), more), again.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    REQUIRE(good_soon(attachment, "Speed"));
    CHECK(again.said("an earlier deployment", "recovered").empty());
  }
}

TEST_CASE("the past is kept, and counters are served to Prometheus") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("history");
  Heard heard;
  {
    Attachment attachment(
        configuration(folder, plc.port(), "[historian]\nkeep = \"1 h\"\n[metrics]\n"),
        heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    REQUIRE(good_soon(attachment, "Speed"));
    plc.set(40, 51);
    REQUIRE(soon([&] {
      attachment::Value value;
      return attachment.read("Speed", value).refusal == Refusal::none && value.value == 51;
    }));
    tests::PlainClient prometheus(attachment.metrics_port());
    const std::string get = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    prometheus.send({get.begin(), get.end()});
    const auto text = prometheus.all();
    CHECK(text.find("200 OK") != std::string::npos);
    CHECK(text.find("foreline_polls_total ") != std::string::npos);
  }
  const auto renewals = [](const Attachment& attachment) -> int {
    const auto values = nlohmann::json::parse(attachment.snapshot()).at("values");
    const auto machines = values.value("machines", nlohmann::json::object());
    return machines.contains("press") ? machines["press"].at("renewals").get<int>() : -1;
  };
  const auto entries = [](const Attachment& attachment) {
    return nlohmann::json::parse(attachment.maintenance("press")).at("entries");
  };
  {
    Attachment serviced(configuration(folder, plc.port(), "[historian]\nkeep = \"1 h\"\n"),
                        heard.calls_of());
    REQUIRE(serviced.start().refusal == Refusal::none);
    CHECK(serviced.past() == "[]");
    REQUIRE(soon([&] { return renewals(serviced) == 0; }));
    plc.set(12, 1);
    REQUIRE(soon([&] { return renewals(serviced) == 1; }));
    plc.set(10, 11);
    REQUIRE(soon([&] { return entries(serviced).size() == 2; }));
    CHECK(entries(serviced)[1].at("until_s").is_null());
    plc.set(10, 6);
    REQUIRE(soon([&] { return !entries(serviced)[1].at("until_s").is_null(); }));
    CHECK(serviced.maintenance("nobody") == "null");
  }
  {
    Attachment again(configuration(folder, plc.port(), "[historian]\nkeep = \"1 h\"\n"),
                     heard.calls_of());
    CHECK(again.past() == "null");
    REQUIRE(again.start().refusal == Refusal::none);
    CHECK(again.past() == "[]");  // there was no alarm
    const auto before = entries(again);
    REQUIRE(before.size() == 2);
    CHECK(before[0].at("what") == "renewal");
    CHECK(before[1].at("what") == "breakdown");
    CHECK(before[1].at("until_s").get<double>() > before[1].at("from_s").get<double>());
    CHECK(before[0].at("wall_ms").get<double>() > 0);
    REQUIRE(again.service("press/vibration", false, "eva", "x").refusal == Refusal::none);
    REQUIRE(soon([&] { return !heard.said("press/vibration", "out-of-service").empty(); }));
  }
  {
    Attachment again(configuration(folder, plc.port(), "[historian]\nkeep = \"1 h\"\n"),
                     heard.calls_of());
    REQUIRE(again.start().refusal == Refusal::none);
    const auto past = nlohmann::json::parse(again.past());
    REQUIRE(past.size() == 1);
    CHECK(past[0].at("what") == "out-of-service");
    CHECK(entries(again).size() == 2);
  }
  auto history = store::History::open(folder / "store", {});
  REQUIRE(history);
  const auto speed = history->window("Speed", 0, INT64_MAX);
  REQUIRE(speed);
  CHECK(speed->back().value == 51);
  const auto events = history->events(0, INT64_MAX);
  REQUIRE(events);
  CHECK(events->at(0).what == "connected");
}

TEST_CASE("what machines and alarms did before a restart counts on, as long as the clock does") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("sums");
  const auto run = [&](std::uint16_t clock, const std::function<void(Attachment&)>& inside) {
    plc.set(30, clock);
    auto text = text_of(plc.port(), "[historian]\n[alarms]\nquality_on_delay = \"0 s\"\n");
    text.insert(text.find("heartbeat ="), "clock = \"30\"\n");
    Attachment attachment(configured(folder, text), {});
    REQUIRE(attachment.start().refusal == Refusal::none);
    inside(attachment);
  };
  const auto soon_at = [&](Attachment& attachment, std::uint16_t clock) {
    plc.set(30, clock);
    REQUIRE(soon([&] {
      return nlohmann::json::parse(attachment.snapshot())["values"].value("at_s", 0.0) == clock;
    }));
    return nlohmann::json::parse(attachment.maintenance("press"));
  };
  const auto watched_from = [](Attachment& attachment) {
    return nlohmann::json::parse(attachment.snapshot()).at("watched_from_s");
  };
  run(1000, [&](Attachment& first) {
    CHECK(soon_at(first, 1000)["since_s"] == 1000);
    plc.set(11, 100);
    CHECK(soon_at(first, 1100)["operating_s"] == 100);
    plc.set(10, 11);
    plc.set(20, 0x7FC0);  // NaN
    CHECK(soon_at(first, 1110)["breakdowns"] == 1);
    plc.set(10, 6);
    CHECK(soon_at(first, 1200)["mttr_s"] == 90);
  });
  run(1260, [&](Attachment& second) {
    auto told = soon_at(second, 1260);
    CHECK(told["since_s"] == 1000);
    CHECK(told["mtbf_s"] == 100);
    CHECK(told["mttr_s"] == 90);
    CHECK(told["entries"].size() == 1);
    CHECK(watched_from(second) == 1000);
    const auto past = nlohmann::json::parse(second.past());
    REQUIRE(past.size() == 1);
    CHECK(past[0]["what"] == "raised");
    CHECK(past[0]["detail"]["class"] == "data-quality");
    plc.set(11, 160);
    CHECK(soon_at(second, 1300)["mtbf_s"] == 160);
  });
  run(5000, [&](Attachment& long_after) {
    CHECK(soon_at(long_after, 5000)["mtbf_s"] == 160);
    CHECK(watched_from(long_after) == 5000);
  });
  run(10, [&](Attachment& another_run) {
    const auto told = soon_at(another_run, 10);
    CHECK(told["since_s"] == 10);
    CHECK(told["mtbf_s"].is_null());
    CHECK(told["entries"].size() == 1);
    CHECK(watched_from(another_run) == 10);
  });
}

TEST_CASE("an alarm out of service stays so over a restart, until it is returned") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("out-of-service");
  Heard heard;
  const auto state = [](const Attachment& attachment) -> std::string {
    const auto snapshot = nlohmann::json::parse(attachment.snapshot());
    for (const auto& alarm : snapshot.at("alarms"))
      if (alarm.at("id") == "press/vibration") return alarm.at("state");
    return "normal";
  };
  {
    Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    CHECK(attachment.service("press/no-such", false, "eva", "x").refusal ==
          Refusal::invalid_argument);
    CHECK(attachment.service("press/vibration", true, "eva", "x").refusal == Refusal::refused);
    REQUIRE(attachment.service("press/vibration", false, "eva", "sensor replaced").refusal ==
            Refusal::none);
    REQUIRE(soon([&] { return state(attachment) == "out-of-service"; }));
  }
  CHECK(mentions(
      audit_of(folder),
      "alarm out of service: {\"alarm\":\"press/vibration\",\"reason\":\"sensor replaced\"}"));
  {
    Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    CHECK(state(attachment) == "out-of-service");
    REQUIRE(good_soon(attachment, "Speed"));
    REQUIRE(attachment.service("press/vibration", true, "eva", "tested").refusal == Refusal::none);
    REQUIRE(soon([&] { return state(attachment) != "out-of-service"; }));
  }
  CHECK(mentions(audit_of(folder), "alarm in service: "));
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  CHECK(state(attachment) != "out-of-service");
}

TEST_CASE("shelving outlives kill -9 with who, why and until when, and ends in its time") {
  RegisterPlc plc;
  fill(plc);
  plc.set(30, 1000);  // the line's clock
  const std::string more = "[alarms]\nquality_on_delay = \"0 s\"\n";
  const auto folder = fresh_folder("shelved");
  auto text = text_of(plc.port(), more);
  text.insert(text.find("heartbeat ="), "clock = \"30\"\n");
  std::ofstream(folder / "line.toml") << line_text;
  std::ofstream(folder / "plugin.toml") << text;
  const auto alarm = [](const Attachment& attachment) {
    const auto snapshot = nlohmann::json::parse(attachment.snapshot());
    for (const auto& one : snapshot.at("alarms"))
      if (one.at("id") == "press/vibration") return one;
    return nlohmann::json{{"state", "normal"}};
  };
  const auto read = [&] {
    auto found = core::read_configuration(folder / "plugin.toml");
    if (!found) FAIL(found.error().text());
    return *found;
  };
  plc.set(20, 0x7FC0);  // NaN
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const auto child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto rules = core::read_configuration(folder / "plugin.toml");
    if (!rules) ::_exit(1);
    Attachment attachment(*rules, {});
    if (attachment.start().refusal != Refusal::none) ::_exit(2);
    const auto wait = [&](const char* state) {
      return soon([&] { return alarm(attachment).at("state") == state; });
    };
    if (!wait("unacknowledged")) ::_exit(3);
    if (attachment.shelve("press/vibration", 1800, "eva", "known").refusal != Refusal::none)
      ::_exit(4);
    if (!wait("shelved")) ::_exit(5);
    // The audit is written before this is told.
    (void)!::write(told[1], "s", 1);
    ::pause();
    ::_exit(6);
  }
  ::close(told[1]);
  // The PLC's clock runs on.
  std::atomic<bool> ends = false;
  std::thread clock([&] {
    for (int i = 1; !ends && i < 3000; ++i) {
      plc.set(30, static_cast<std::uint16_t>(1000 + i % 1000));
      std::this_thread::sleep_for(5ms);
    }
  });
  char said = 0;
  const auto got = ::read(told[0], &said, 1);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ends = true;
  clock.join();
  ::close(told[0]);
  INFO("child " << status);
  REQUIRE(got == 1);
  Heard heard;
  plc.set(30, 2100);
  {
    Attachment attachment(read(), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    const auto found = alarm(attachment);
    CHECK(found.at("state") == "shelved");
    CHECK(found.at("by") == "eva");
    CHECK(found.at("reason") == "known");
    CHECK(found.at("until_s").get<double>() > 2700);
    CHECK(found.at("until_s").get<double>() < 3900);
    CHECK(
        soon([&] { return nlohmann::json::parse(attachment.snapshot()).at("connected") == true; }));
    CHECK(alarm(attachment).at("state") == "shelved");
    plc.set(30, 4000);
    CHECK(soon([&] { return !heard.said("press/vibration", "unshelved").empty(); }));
    CHECK(soon([&] { return alarm(attachment).at("state") == "unacknowledged"; }));
  }
  CHECK(mentions(audit_of(folder), "alarm shelved: {\"alarm\":\"press/vibration\""));
  CHECK(mentions(audit_of(folder), "time is over"));
  {
    // A clock that began anew must not hide an alarm for longer than was said.
    Attachment attachment(read(), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    REQUIRE(soon([&] { return alarm(attachment).at("state") == "unacknowledged"; }));
    REQUIRE(attachment.shelve("press/vibration", 600, "eva", "again").refusal == Refusal::none);
    REQUIRE(soon([&] { return alarm(attachment).at("state") == "shelved"; }));
  }
  plc.set(30, 100);
  Attachment attachment(read(), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  CHECK(soon([&] { return alarm(attachment).value("until_s", 1e9) < 750; }));
  CHECK(alarm(attachment).at("state") == "shelved");
  REQUIRE(attachment.unshelve("press/vibration", "eva").refusal == Refusal::none);
  CHECK(soon([&] { return alarm(attachment).at("state") != "shelved"; }));
}

TEST_CASE("a second instance on the same store is refused by name, and the first runs on") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("shared-store");
  Heard heard;
  const auto rules = configuration(folder, plc.port());
  Attachment first(rules, heard.calls_of());
  REQUIRE(first.start().refusal == Refusal::none);
  {
    Attachment second(rules, heard.calls_of());
    const auto refused = second.start();
    CHECK(refused.refusal == Refusal::io);
    CHECK(refused.text.find("in use by another plugin") != std::string::npos);
  }
  CHECK(good_soon(first, "Speed"));
  // A reload goes on in it.
  (void)first.stop(1s);
  Attachment next(rules, heard.calls_of());
  REQUIRE(next.start(&first).refusal == Refusal::none);
  CHECK(good_soon(next, "Speed"));
}

TEST_CASE("the drift of inputs goes on after a restart") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("drift");
  Heard heard;
  const auto course = [](const Attachment& attachment) {
    return nlohmann::json::parse(attachment.drift()).at(0).at("shift");
  };
  plc.set(20, 0x4010);  // 2.25: two and a half deviations
  {
    Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
    REQUIRE(attachment.start().refusal == Refusal::none);
    REQUIRE(soon([&] { return course(attachment).size() == 1; }));
  }
  plc.set(10, 2);  // it does not work: nothing is added
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  REQUIRE(course(attachment).size() == 1);
  CHECK(course(attachment).at(0).get<double>() == Approx(2.5));
}

TEST_CASE("alarms are shelved, taken out of service and returned over our registers") {
  RegisterPlc plc;
  fill(plc);
  const auto folder = fresh_folder("service");
  Heard heard;
  Attachment attachment(configuration(folder, plc.port()), heard.calls_of());
  REQUIRE(attachment.start().refusal == Refusal::none);
  io::ModbusClient scada("127.0.0.1", attachment.server_port(), 1, 2s);
  REQUIRE(scada.connect());
  const std::vector<std::uint16_t> out = {65'535, 0};
  REQUIRE(scada.write(63, out));
  REQUIRE(soon([&] { return !heard.said("plc/communication", "out-of-service").empty(); }));
  CHECK(soon([&] {
    const auto words = scada.read({core::RegisterTable::holding, 10, 1});
    return words && words->at(0) == 5;
  }));
  const std::vector<std::uint16_t> in = {65'535, 1};
  REQUIRE(scada.write(63, in));
  CHECK(soon([&] { return !heard.said("plc/communication", "in-service").empty(); }));
  CHECK_FALSE(scada.write(64, in));  // no request register
  CHECK_FALSE(scada.write(40, in));
}
