// SPDX-License-Identifier: Apache-2.0
// The soft PLC as a master sees it: a process behind a socket.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "plugin/io/modbus_client.hpp"
#include "sim/line/schedule_block.hpp"
#include "sim/plc/contract.hpp"
#include "tests/support/plain_client.hpp"
#include "tests/support/soft_plc.hpp"

using namespace foreline;
namespace contract = foreline::plc::contract;
using namespace std::chrono_literals;

namespace {

line::Trial three_orders() {
  auto trial =
      tests::trial_of(tests::line_of({tests::machine("a", 5, 4), tests::machine("b", 6, 0)}),
                      {{"A", {0}, 100}, {"B", {0}, 100}, {"C", {0}, 100}}, 1e5);
  trial.random_faults = false;
  return trial;
}

class Master {
 public:
  explicit Master(std::uint16_t port) : client_("127.0.0.1", port, 1, 2s) {
    if (auto connected = client_.connect(); !connected) FAIL(connected.error().text());
  }
  std::vector<std::uint16_t> read(int address, int count) {
    auto words = client_.read({core::RegisterTable::holding, static_cast<std::uint16_t>(address),
                               static_cast<std::uint16_t>(count)});
    if (!words) FAIL(words.error().text());
    return *words;
  }
  std::uint16_t word(int address) { return read(address, 1)[0]; }
  double clock_s() {
    const auto words = read(contract::clock_ds, 2);
    return static_cast<double>((std::uint32_t{words[0]} << 16U) | words[1]) / 10;
  }
  bool write(int address, std::vector<std::uint16_t> words) {
    return bool(client_.write(static_cast<std::uint16_t>(address), words));
  }
  bool until(const std::function<bool()>& holds) {
    for (int i = 0; i < 500; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  /// Stages and commits; the reject code.
  std::uint16_t commit(const line::Block& block, std::uint16_t sequence) {
    CHECK(write(contract::staging_base, {block.begin(), block.end()}));
    CHECK(write(contract::commit_sequence, {sequence}));
    CHECK(until([&] { return word(contract::echo_sequence) == sequence; }));
    return word(contract::reject_code);
  }

 private:
  io::ModbusClient client_;
};

line::Block block_of(std::vector<line::OrderId> sequence,
                     std::vector<line::Service> services = {}) {
  line::Schedule schedule;
  schedule.sequence = std::move(sequence);
  schedule.services = std::move(services);
  return line::to_block(schedule);
}

}  // namespace

TEST_CASE("the head tells who this is, the clock runs at the stated pace and the heart beats") {
  const tests::SoftPlc plc(three_orders(), "head", 100);
  REQUIRE(plc.port() != 0);
  Master master(plc.port());
  const auto head = master.read(0, contract::head_size);
  CHECK(head[contract::signature] == contract::signature_value);
  CHECK(head[contract::machine_count] == 2);
  CHECK(head[contract::order_count] == 3);
  const double from_s = master.clock_s();
  const auto begun = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(500ms);
  const double passed_s = master.clock_s() - from_s;
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begun;
  CHECK(passed_s / wall.count() > 50);
  CHECK(passed_s / wall.count() < 150);
  CHECK(master.word(contract::heartbeat) != head[contract::heartbeat]);
  CHECK(master.write(contract::pace, {1}));
  std::this_thread::sleep_for(50ms);
  const double slow_from_s = master.clock_s();
  std::this_thread::sleep_for(300ms);
  CHECK(master.clock_s() - slow_from_s < 5);
}

TEST_CASE("a line of as many machines as there is room for is served, a larger one is refused") {
  const auto of = [](std::size_t machines) {
    std::vector<line::Machine> all;
    for (std::size_t m = 0; m < machines; ++m)
      all.push_back(tests::machine(fmt::format("m{}", m), 1, m + 1 < machines ? 4 : 0));
    auto trial = tests::trial_of(tests::line_of(std::move(all)), {{"A", {0}, 2}}, 1e5);
    trial.random_faults = false;
    return trial;
  };
  const tests::SoftPlc plc(of(contract::machines_max), "largest", 1000);
  REQUIRE(plc.port() != 0);
  Master master(plc.port());
  CHECK(master.word(contract::machine_count) == contract::machines_max);
  const int last = contract::machines_max - 1;
  const int base = contract::machine_base(contract::machines_max) + last * contract::machine_stride;
  CHECK(master.until([&] { return master.word(base + contract::m_good + 1) == 2; }));
  CHECK(master.word(contract::progress_base(contract::machines_max) +
                    last * contract::orders_max * 2) == 2);
  CHECK(master.word(contract::good_parts + 1) == 2);

  const tests::SoftPlc too_large(of(contract::machines_max + 1), "too large", 1000);
  CHECK(too_large.port() == 0);
}

TEST_CASE("the state of a machine and how long it will stand are of one moment") {
  auto trial = three_orders();
  auto line = *trial.line;
  line.sample_period_s = 120;
  trial.line = std::make_shared<const line::Line>(line);
  trial.schedule.services = {{{0}, line::Service::When::at_time, 130, {}}};
  const tests::SoftPlc plc(trial, "moment", 200);
  REQUIRE(plc.port() != 0);
  Master master(plc.port());
  const auto stopped = static_cast<std::uint16_t>(line::PackmlState::stopped);
  bool served = false;
  bool together = true;
  CHECK(master.until([&] {
    const auto machine = master.read(contract::machine_base(2), contract::machine_stride);
    const bool stands = machine[contract::m_down_ds] + machine[contract::m_down_ds + 1] > 0;
    together = together && stands == (machine[contract::m_state] == stopped);
    served = served || stands;
    return served && !stands;
  }));
  CHECK(together);
}

TEST_CASE("a good schedule becomes active; every bad one is refused with its own code") {
  const tests::SoftPlc plc(three_orders(), "commit", 10);
  REQUIRE(plc.port() != 0);
  Master master(plc.port());
  CHECK(master.until([&] { return master.clock_s() > 6; }));  // A has started
  CHECK(master.commit(block_of({{0}, {2}, {1}}, {{{1}, line::Service::When::at_time, 50, {}}}),
                      1) == contract::reject_none);
  CHECK(master.word(contract::active_sequence) == 1);
  const auto active = master.read(contract::active_base, static_cast<int>(line::block_size));
  CHECK(
      std::equal(active.begin(), active.end(),
                 block_of({{0}, {2}, {1}}, {{{1}, line::Service::When::at_time, 50, {}}}).begin()));

  auto damaged = block_of({{0}, {1}, {2}});
  damaged[3] ^= 1;
  CHECK(master.commit(damaged, 2) == contract::reject_checksum);
  CHECK(master.commit(block_of({{0}, {1}}), 3) == contract::reject_sequence);
  CHECK(master.commit(block_of({{0}, {1}, {1}}), 4) == contract::reject_sequence);
  CHECK(master.commit(block_of({{0}, {1}, {9}}), 5) == contract::reject_sequence);
  CHECK(master.commit(block_of({{1}, {0}, {2}}), 6) == contract::reject_frozen);
  CHECK(master.commit(block_of({{0}, {1}, {2}}, {{{7}, line::Service::When::at_time, 9, {}}}), 7) ==
        contract::reject_service);
  CHECK(master.word(contract::active_sequence) == 1);
  CHECK(master.read(contract::active_base, static_cast<int>(line::block_size)) == active);
}

TEST_CASE("only the marked registers can be written") {
  const tests::SoftPlc plc(three_orders(), "writable", 10);
  REQUIRE(plc.port() != 0);
  Master master(plc.port());
  CHECK_FALSE(master.write(contract::signature, {1}));
  CHECK_FALSE(master.write(contract::active_base, {1}));
  CHECK_FALSE(master.write(contract::commit_sequence, {1, 2}));
  CHECK(master.word(contract::signature) == contract::signature_value);
}

TEST_CASE("hostile bytes end their own connection and nobody else's") {
  const tests::SoftPlc plc(three_orders(), "hostile", 10);
  REQUIRE(plc.port() != 0);
  Master master(plc.port());
  for (const std::vector<std::uint8_t>& bytes :
       {std::vector<std::uint8_t>{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P'},
        std::vector<std::uint8_t>{0, 1, 0, 0, 0xFF, 0xFF, 1, 3},
        std::vector<std::uint8_t>{0, 1, 0, 0, 0, 0, 1, 3}, std::vector<std::uint8_t>(300, 0xFF)}) {
    const tests::PlainClient client(plc.port());
    client.send(bytes);
    CHECK(client.closed_within(2000ms));
  }
  const tests::PlainClient odd(plc.port());
  CHECK(odd.ask({3, 0, 0, 0, 126}) == std::vector<std::uint8_t>{0x83, 3});
  CHECK(odd.ask({3, 0, 0, 0, 0}) == std::vector<std::uint8_t>{0x83, 3});
  CHECK(odd.ask({3, 0xFF, 0xFF, 0, 2}) == std::vector<std::uint8_t>{0x83, 2});
  CHECK(odd.ask({0x2A}) == std::vector<std::uint8_t>{0xAA, 1});
  CHECK(odd.ask({16, 0x0F, 0xA0, 0, 2, 4, 0, 1}) == std::vector<std::uint8_t>{0x90, 3});
  CHECK(master.word(contract::signature) == contract::signature_value);
}

TEST_CASE("a killed PLC comes back with its schedule and its clock") {
  const auto journal = std::filesystem::path(FORELINE_BINARY_DIR) / "killed.journal";
  std::filesystem::remove(journal);
  double killed_at_s = 0;
  {
    tests::SoftPlc plc(three_orders(), "killed", 100, 0, journal.string());
    REQUIRE(plc.port() != 0);
    Master master(plc.port());
    CHECK(master.until([&] { return master.clock_s() > 6; }));
    CHECK(master.commit(block_of({{0}, {2}, {1}}), 5) == contract::reject_none);
    const double committed_s = master.clock_s();
    CHECK(master.until([&] { return master.clock_s() > committed_s + 60; }));
    killed_at_s = master.clock_s();
    CHECK(plc.kill(SIGKILL) == 128 + SIGKILL);
  }
  const tests::SoftPlc plc(three_orders(), "killed", 1, 0, journal.string());
  REQUIRE(plc.port() != 0);
  Master master(plc.port());
  CHECK(master.clock_s() > killed_at_s - 40);
  CHECK(master.clock_s() < killed_at_s + 40);
  CHECK(master.word(contract::active_sequence) == 5);
  CHECK(master.word(contract::active_base + 2) == 2);
}

TEST_CASE("a port in use is told, with what to do") {
  const tests::SoftPlc first(three_orders(), "first", 10);
  REQUIRE(first.port() != 0);
  tests::SoftPlc second(three_orders(), "second", 10, first.port());
  CHECK(second.port() == 0);
  CHECK(second.said().find(std::to_string(first.port())) != std::string::npos);
  CHECK(second.said().find("--port") != std::string::npos);
  CHECK(second.kill(0) == 3);  // no signal: it ends by itself
}
