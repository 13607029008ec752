// SPDX-License-Identifier: Apache-2.0
// Personalities and faults of the soft PLC, as a master sees them.
#include "sim/plc/wire.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "plugin/io/device.hpp"
#include "plugin/io/loop.hpp"
#include "sim/plc/personality.hpp"
#include "sim/plc/replier.hpp"
#include "tests/support/lines.hpp"
#include "tests/support/plain_client.hpp"
#include "tests/support/soft_plc.hpp"
#include "tests/support/wire_thread.hpp"

using namespace foreline;
using plc::WireFault;
using Kind = WireFault::Kind;
using Bytes = std::vector<std::uint8_t>;
using What = io::Outcome::What;
using namespace std::chrono_literals;

namespace {

line::Trial some_line() {
  return tests::trial_of(tests::line_of({tests::machine("a", 5, 4)}), tests::one_order(10));
}

/// What the PDU is answered with under this unit; nothing: silence.
std::optional<Bytes> ask(plc::Replier& replier, const Bytes& pdu, std::uint8_t unit = 1) {
  return replier.answer(unit, pdu);
}

Bytes exception(int function, int code) {
  return {static_cast<std::uint8_t>(function | 0x80), static_cast<std::uint8_t>(code)};
}

/// A master with a deadline of 100 ms against a wire that answers each register with its address.
struct Bench {
  tests::WireThread wire;
  io::Loop loop;
  std::unique_ptr<io::Device> device;
  explicit Bench(std::vector<WireFault> faults)
      : wire(
            [](std::uint8_t, std::span<const std::uint8_t> pdu) {
              const int count = (pdu[3] << 8) | pdu[4];
              Bytes answer = {pdu[0], static_cast<std::uint8_t>(2 * count)};
              for (int i = 0; i < count; ++i)
                answer.insert(answer.end(), {pdu[1], static_cast<std::uint8_t>(pdu[2] + i)});
              return std::optional(answer);
            },
            {std::move(faults), 7, 32, false}) {
    core::Device settings;
    settings.port = wire.port();
    settings.timeout_s = 0.1;
    settings.reconnect_min_s = settings.reconnect_max_s = 0.01;
    settings.breaker_failures = 1'000'000;
    device = std::make_unique<io::Device>(loop, settings);
  }
  io::Outcome ask() {
    core::Query query;
    query.address = 20;
    query.count = 3;
    io::Outcome outcome;
    bool finished = false;
    device->submit(query, [&](io::Outcome got) {
      outcome = std::move(got);
      finished = true;
    });
    REQUIRE(loop.run(std::chrono::steady_clock::now() + 5s, finished));
    return outcome;
  }
  io::DeviceCounters counters() { return device->counters(); }
  ~Bench() { device.reset(); }
};

WireFault fault_of(Kind kind) {
  WireFault fault;
  fault.kind = kind;
  return fault;
}

}  // namespace

TEST_CASE("each personality does what the device does that it is named after") {
  const auto trial = some_line();
  const Bytes nothing = {3, 0, 0, 0, 0};
  const Bytes too_many = {3, 0, 0, 0, 126};
  const Bytes masked = {22, 0x10, 0x72, 0xFF, 0xFF, 0, 0};  // the pace, unchanged
  const Bytes both = {23, 0, 0, 0, 1, 0x10, 0x72, 0, 1, 2, 0, 7};
  const Bytes identify = {43, 14, 1, 0};
  struct Row {
    const char* name;
    bool combined;
    bool identifies;
    std::optional<int> server_id;  ///< -1: an answer; else an exception; nothing: silence.
    std::optional<int> status;
    int echo;
    bool illegal_pdu;
    int nothing;  ///< Exception, or -1: an empty answer.
    std::optional<int> foreign;
    int bits;
  };
  const std::vector<Row> table = {
      {"foreline", false, false, 1, 1, 1, false, 3, 11, 1},
      {"openplc", false, false, 1, 1, 1, true, -1, -1, 2},
      {"libmodbus", true, false, -1, std::nullopt, 1, false, 3, -1, 2},
      {"pymodbus", true, true, -1, -1, -1, false, 3, -1, 2},
      {"modbus-serial", false, true, std::nullopt, std::nullopt, 1, true, 2, std::nullopt, 2}};
  CHECK(table.size() == plc::personality_names.size());
  for (const auto& row : table) {
    INFO(row.name);
    const auto* personality = plc::personality_named(row.name);
    REQUIRE(personality != nullptr);
    plc::Registers registers(trial);
    plc::Replier replier(registers, *personality);
    const auto check = [&](const Bytes& pdu, std::optional<int> wanted, std::uint8_t unit = 1) {
      INFO("function " << int{pdu[0]});
      const auto got = ask(replier, pdu, unit);
      REQUIRE(got.has_value() == wanted.has_value());
      if (!wanted) return;
      if (*wanted > 0)
        CHECK(*got == exception(pdu[0], *wanted));
      else
        CHECK(got->at(0) == pdu[0]);
    };
    check({3, 0, 0, 0, 5}, -1);
    check(masked, row.combined ? -1 : 1);
    check(both, row.combined ? -1 : 1);
    CHECK(registers.at(plc::contract::pace) == (row.combined ? 7 : 0));
    check({23, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0, 7}, row.combined ? 2 : 1);  // may not be written
    check({22, 0, 0, 0, 0, 0, 9}, row.combined ? 2 : 1);
    CHECK(registers.at(0) == plc::contract::signature_value);
    check(identify, row.identifies ? -1 : 1);
    check({17}, row.server_id);
    check({7}, row.status);
    check({8, 0, 0, 1, 2}, row.echo);
    check(too_many, row.illegal_pdu ? -1 : 3);
    if (row.illegal_pdu) CHECK(ask(replier, too_many)->size() == 254);
    check(nothing, row.nothing);
    if (row.nothing < 0) CHECK(*ask(replier, nothing) == Bytes{3, 0});
    check({3, 0, 0, 0, 5}, row.foreign, 99);
    check({1, 0, 0, 0, 5}, row.bits);
    check({15, 0, 0, 0, 5, 1, 0}, row.bits);
  }
  CHECK(plc::personality_named("siemens") == nullptr);
}

TEST_CASE("a personality serves the line, and one of them closes on a request in parts") {
  for (const auto* name : {"pymodbus", "openplc"}) {
    INFO(name);
    const tests::SoftPlc plc(some_line(), std::string("like-") + name, 10, 0, "",
                             {"--personality", name});
    REQUIRE(plc.port() != 0);
    const tests::PlainClient whole(plc.port());
    CHECK(whole.ask({3, 0, 0, 0, 1}) == Bytes{3, 2, 0x46, 0x4C});
    const tests::PlainClient parts(plc.port());
    parts.send({0, 1, 0, 0, 0, 6, 1});
    CHECK(parts.closed_within(300ms) == (std::string(name) == "pymodbus"));
  }
  const tests::SoftPlc none(some_line(), "like-none", 10, 0, "", {"--personality", "siemens"});
  CHECK(none.port() == 0);
  CHECK(none.said().find("siemens") != std::string::npos);
}

TEST_CASE("eight requests in one segment get eight answers in order") {
  const tests::SoftPlc plc(some_line(), "segment", 10, 0, "", {"--personality", "modbus-serial"});
  REQUIRE(plc.port() != 0);
  io::Loop loop;
  core::Device settings;
  settings.port = plc.port();
  settings.in_flight = 8;
  io::Device device(loop, settings);
  std::vector<std::uint16_t> order;
  bool finished = false;
  for (std::uint16_t i = 0; i < 8; ++i) {
    core::Query query;
    query.address = i;
    query.count = 1;
    device.submit(query, [&, i](const io::Outcome& outcome) {
      CHECK(outcome.what == What::answer);
      order.push_back(i);
      finished = order.size() == 8;
    });
  }
  REQUIRE(loop.run(std::chrono::steady_clock::now() + 5s, finished));
  CHECK(order == std::vector<std::uint16_t>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("faults of the wire meet the master as they are named") {
  const auto first = [](WireFault fault) {
    fault.times = 1;
    return fault;
  };
  SECTION("delay: late, and nobody's") {
    auto fault = first(fault_of(Kind::delay));
    fault.delay_s = 0.15;
    Bench bench({fault});
    CHECK(bench.ask().what == What::timeout);
    CHECK(bench.ask().what == What::answer);
    for (int i = 0; i < 100 && bench.counters().late == 0; ++i) {
      std::this_thread::sleep_for(20ms);
      CHECK(bench.ask().reply.words == std::vector<std::uint16_t>{20, 21, 22});
    }
    CHECK(bench.counters().late == 1);
  }
  SECTION("drop") {
    Bench bench({first(fault_of(Kind::drop))});
    CHECK(bench.ask().what == What::timeout);
    CHECK(bench.ask().what == What::answer);
    CHECK(bench.wire.stop().met(Kind::drop) == 1);
  }
  SECTION("split: whole when quick, given up when slow") {
    auto fault = fault_of(Kind::split);
    fault.bytes = 4;
    fault.delay_s = 0.002;
    Bench quick({fault});
    for (int i = 0; i < 5; ++i)
      CHECK(quick.ask().reply.words == std::vector<std::uint16_t>{20, 21, 22});
    fault.bytes = 1;
    fault.delay_s = 0.05;
    Bench slow({fault});
    CHECK(slow.ask().what == What::timeout);
  }
  SECTION("corrupt: never a value") {
    Bench bench({fault_of(Kind::corrupt)});
    for (int i = 0; i < 40; ++i) {
      const auto outcome = bench.ask();
      CHECK(outcome.what != What::answer);
      CHECK(outcome.reply.words.empty());
      std::this_thread::sleep_for(12ms);  // the connection is tried again after 10
    }
    CHECK(bench.wire.stop().met(Kind::corrupt) >= 20);
  }
  SECTION("exception") {
    auto fault = fault_of(Kind::exception);
    fault.code = 11;
    Bench bench({fault});
    CHECK(bench.ask().reply.exception == 11);
  }
  SECTION("reset") {
    Bench bench({first(fault_of(Kind::reset))});
    CHECK(bench.ask().what == What::lost);
    std::this_thread::sleep_for(15ms);
    CHECK(bench.ask().what == What::answer);
    CHECK(bench.counters().connects == 2);
  }
  SECTION("repeat and misnumber") {
    Bench bench({first(fault_of(Kind::misnumber)), fault_of(Kind::repeat)});
    CHECK(bench.ask().what == What::timeout);
    for (int i = 0; i < 5; ++i) CHECK(bench.ask().what == What::answer);
    CHECK(bench.counters().strangers >= 1);
    CHECK(bench.counters().duplicates >= 4);
  }
}

TEST_CASE("a frozen program answers, and its heart stands still") {
  WireFault fault;
  fault.kind = Kind::freeze;
  fault.from_s = 0.3;
  fault.until_s = 1.2;
  const tests::SoftPlc plc(some_line(), "freeze", 10, 0, "", {"--fault", plc::argument_of(fault)});
  REQUIRE(plc.port() != 0);
  const tests::PlainClient client(plc.port());
  const auto beat = [&] {
    const auto answer = client.ask({3, 0, plc::contract::heartbeat, 0, 1});
    REQUIRE(answer.size() == 4);
    return (answer[2] << 8) | answer[3];
  };
  std::this_thread::sleep_for(500ms);
  const int before = beat();
  std::this_thread::sleep_for(100ms);
  CHECK(beat() == before);
  bool moves = false;
  for (int i = 0; i < 300 && !moves; ++i) {
    std::this_thread::sleep_for(10ms);
    moves = beat() != before;
  }
  CHECK(moves);
}

TEST_CASE("a fault travels as one argument") {
  WireFault fault;
  CHECK(plc::wire_fault_of(plc::argument_of(fault)) == fault);
  fault = {Kind::split, 1.5, 9, 0.25, 4, 16, 0.01, 6, 3};
  CHECK(plc::wire_fault_of(plc::argument_of(fault)) == fault);
  CHECK_FALSE(plc::wire_fault_of("99 0 1 1 0 0 0 0 1"));
  CHECK_FALSE(plc::wire_fault_of("delay"));
}
