// SPDX-License-Identifier: Apache-2.0
// Poll groups over several devices, some of which misbehave.
#include "plugin/io/poller.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "plugin/io/loop.hpp"
#include "tests/support/plain_server.hpp"

using namespace foreline;
using core::Range;
using core::RegisterTable;
using line::Quality;
using tests::Bytes;
using tests::Peer;
using tests::PlainServer;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

core::Device at(std::uint16_t port) {
  core::Device device;
  device.port = port;
  device.timeout_s = 0.2;
  device.reconnect_min_s = 0.02;
  device.reconnect_max_s = 0.05;
  device.breaker_failures = 1'000'000;
  return device;
}

/// Answers each register with its own address; those in `holes` do not exist.
struct Registers {
  std::vector<int> holes;
  std::atomic<int> requests{0};
  void serve(Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request()) {
      ++requests;
      const int address = (request[8] << 8) | request[9];
      const int count = (request[10] << 8) | request[11];
      const bool hit = std::any_of(holes.begin(), holes.end(), [&](int hole) {
        return hole >= address && hole < address + count;
      });
      if (hit) {
        peer.send(Peer::answer(request, {static_cast<std::uint8_t>(request[7] | 0x80), 2}));
        continue;
      }
      Bytes pdu = {request[7], static_cast<std::uint8_t>(2 * count)};
      for (int i = 0; i < count; ++i) {
        pdu.push_back(static_cast<std::uint8_t>((address + i) >> 8));
        pdu.push_back(static_cast<std::uint8_t>((address + i) & 0xFF));
      }
      peer.send(Peer::answer(request, pdu));
    }
  }
};

Range words(std::uint16_t address, std::uint16_t count, core::DeviceIndex device = 0) {
  return {RegisterTable::holding, address, count, device};
}

struct Bench {
  io::Loop loop;
  std::vector<std::shared_ptr<io::Device>> devices;
  std::vector<io::Polled> polled;
  std::unique_ptr<io::Poller> poller;

  explicit Bench(const std::vector<core::Device>& settings, std::vector<io::PollPlan> plans) {
    for (const auto& each : settings) devices.push_back(std::make_shared<io::Device>(loop, each));
    poller = std::make_unique<io::Poller>(loop, devices, std::move(plans),
                                          [this](io::Polled p) { polled.push_back(std::move(p)); });
  }
  ~Bench() {
    poller.reset();
    devices.clear();
  }
  void once() {
    bool finished = false;
    poller->once([&] { finished = true; });
    REQUIRE(loop.run(Clock::now() + 10s, finished));
  }
  void run(std::chrono::milliseconds time) {
    const bool never = false;
    (void)loop.run(Clock::now() + time, never);
  }
};

std::uint16_t word(const io::Polled& polled, std::uint16_t address) {
  return polled.image.word(RegisterTable::holding, address, polled.device);
}

bool read(const io::Polled& polled, std::uint16_t address) {
  core::Register at;
  at.address = address;
  at.device = polled.device;
  return polled.image.has(at);
}

}  // namespace

TEST_CASE("neighbours are read in one request, and holes and limits are kept") {
  Registers registers;
  PlainServer server([&](Peer& peer) { registers.serve(peer); });
  io::PollPlan plan;
  plan.fields = {words(0, 2), words(10, 1), words(40, 2), words(60, 4)};
  plan.rules.gap = 16;
  Bench bench({at(server.port())}, {plan});
  bench.once();
  CHECK(registers.requests == 3);  // 0-10, 40-41 and 60-63: the gaps between are 29 and 18
  REQUIRE(bench.polled.size() == 1);
  for (const std::uint16_t address : std::vector<std::uint16_t>{0, 1, 10, 41, 63})
    CHECK(word(bench.polled[0], address) == address);
  CHECK(bench.polled[0].troubles.empty());

  registers.requests = 0;
  plan.rules.holes = {words(5, 1)};
  plan.rules.longest = 3;
  PlainServer other([&](Peer& peer) { registers.serve(peer); });
  Bench narrow({at(other.port())}, {plan});
  narrow.once();
  CHECK(registers.requests == 5);  // 0-1, 10, 40-41, and 60-63 in two, being longer than a request
}

TEST_CASE("a register that does not exist costs its own value only, and is asked for seldom") {
  Registers registers;
  registers.holes = {20};
  PlainServer server([&](Peer& peer) { registers.serve(peer); });
  io::PollPlan plan;
  for (std::uint16_t address = 0; address < 40; ++address) plan.fields.push_back(words(address, 1));
  Bench bench({at(server.port())}, {plan});
  for (int beat = 0; beat < 12; ++beat) bench.once();
  const auto& last = bench.polled.back();
  for (std::uint16_t address = 0; address < 40; ++address)
    CHECK(read(last, address) == (address != 20));
  REQUIRE(last.troubles.size() == 1);
  CHECK(last.troubles[0].first == words(20, 1));
  CHECK(last.troubles[0].second == Quality::bad_config);
  registers.requests = 0;
  for (int beat = 0; beat < 10; ++beat) bench.once();
  CHECK(registers.requests <= 80);  // once found, the hole itself is left alone
  CHECK(bench.poller->counters().splits >= 5);
}

TEST_CASE(
    "requests that a PLC in mid-load took apart are joined again, good values all the while") {
  Registers registers;
  for (int address = 0; address < 40; ++address) registers.holes.push_back(address);
  PlainServer server([&](Peer& peer) { registers.serve(peer); });
  io::PollPlan plan;
  for (std::uint16_t address = 0; address < 40; address = static_cast<std::uint16_t>(address + 2))
    plan.fields.push_back(words(address, 1));
  Bench bench({at(server.port())}, {plan});
  for (int beat = 0; beat < 10; ++beat) bench.once();
  CHECK(bench.polled.back().troubles.size() == 20);
  registers.holes.clear();
  for (int beat = 0; beat < 130; ++beat) bench.once();
  CHECK(bench.polled.back().troubles.empty());
  registers.requests = 0;
  bench.once();
  CHECK(registers.requests == 1);
  // A real hole never costs its neighbours a beat.
  registers.holes = {20};
  for (int beat = 0; beat < 10; ++beat) bench.once();
  for (int beat = 0; beat < 200; ++beat) {
    bench.once();
    REQUIRE(bench.polled.back().troubles.size() == 1);
    REQUIRE(read(bench.polled.back(), 18));
    REQUIRE(read(bench.polled.back(), 22));
  }
}

TEST_CASE("a device that gives fewer registers at once than configured is read all the same") {
  PlainServer server([](Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request()) {
      const int count = (request[10] << 8) | request[11];
      if (count > 32) {
        peer.send(Peer::answer(request, {0x83, 3}));
        continue;
      }
      Bytes pdu = {3, static_cast<std::uint8_t>(2 * count)};
      pdu.resize(2 + 2 * static_cast<std::size_t>(count), 7);
      peer.send(Peer::answer(request, pdu));
    }
  });
  io::PollPlan plan;
  for (std::uint16_t address = 0; address < 100; ++address)
    plan.fields.push_back(words(address, 1));
  Bench bench({at(server.port())}, {plan});
  for (int beat = 0; beat < 4; ++beat) bench.once();
  CHECK(bench.polled.back().troubles.empty());
  CHECK(read(bench.polled.back(), 99));
}

TEST_CASE("row 15: a device that closes after each answer, or soon after, is read whole") {
  Registers registers;
  PlainServer server([&](Peer& peer) {
    const auto request = peer.request();
    if (request.empty()) return;
    ++registers.requests;
    const auto address = request[9];
    peer.send(Peer::answer(request, {request[7], 2, 0, address}));
  });
  io::PollPlan plan;
  plan.fields = {words(0, 1), words(100, 1), words(200, 1)};
  Bench bench({at(server.port())}, {plan});
  for (int beat = 0; beat < 20; ++beat) {
    bench.once();
    INFO(beat << ": " << bench.polled.back().text);
    REQUIRE(bench.polled.back().troubles.empty());
    CHECK(word(bench.polled.back(), 200) == 200);
  }
  CHECK(registers.requests == 60);
}

TEST_CASE("a device that takes one field a request is read whole, however many there are") {
  Registers registers;
  PlainServer server([&](Peer& peer) { registers.serve(peer); });
  io::PollPlan plan;
  for (std::uint16_t address = 0; address < 1500; ++address)
    plan.fields.push_back(words(address, 1));
  plan.rules.one_field = true;
  Bench bench({at(server.port())}, {plan});
  bench.once();
  CHECK(bench.polled.back().troubles.empty());
  CHECK(word(bench.polled.back(), 1499) == 1499);
}

TEST_CASE(
    "what a PLC in mid-load refused is asked for again within a minute, however slow the poll") {
  Registers registers;
  registers.holes = {0};
  PlainServer server([&](Peer& peer) { registers.serve(peer); });
  io::PollPlan plan;
  plan.period_s = 30;
  plan.fields = {words(0, 1)};
  Bench bench({at(server.port())}, {plan});
  bench.once();
  CHECK(bench.polled.back().troubles.size() == 1);
  registers.holes.clear();
  for (int beat = 0; beat < 3; ++beat) bench.once();
  CHECK(bench.polled.back().troubles.empty());
}

TEST_CASE("row 8: what an exception means for the values") {
  const auto quality = [](std::uint8_t code) {
    io::Outcome outcome;
    outcome.what = io::Outcome::What::exception;
    outcome.reply.exception = code;
    return io::quality_of(outcome);
  };
  for (const std::uint8_t code : Bytes{1, 2, 3}) CHECK(quality(code) == Quality::bad_config);
  CHECK(quality(4) == Quality::bad_device_failure);
  CHECK(quality(5) == Quality::uncertain_last_known);
  CHECK(quality(6) == Quality::uncertain_last_known);
  CHECK(quality(8) == Quality::bad_device_failure);
  CHECK(quality(10) == Quality::bad_comm_failure);
  CHECK(quality(11) == Quality::bad_comm_failure);
  CHECK(quality(99) == Quality::bad_device_failure);
  io::Outcome refused;
  refused.what = io::Outcome::What::refused;
  CHECK(io::quality_of(refused) == Quality::bad_not_connected);
  refused.because = io::Outcome::What::timeout;
  CHECK(io::quality_of(refused) == Quality::bad_comm_failure);
}

TEST_CASE("row 18: one dead device of fifty, or five, leave the others their beat") {
  constexpr int count = 50;
  constexpr double period_s = 0.1;
  const int dead = GENERATE(1, 5);
  // One is mute, one refuses, one drips, one is reset at once, one takes half of a request.
  std::vector<std::unique_ptr<Registers>> registers;
  std::vector<std::unique_ptr<PlainServer>> servers;
  std::vector<core::Device> settings;
  std::vector<io::PollPlan> plans;
  for (int d = 0; d < count; ++d) {
    registers.push_back(std::make_unique<Registers>());
    auto* own = registers.back().get();
    servers.push_back(std::make_unique<PlainServer>([d, dead, own](Peer& peer) {
      if (d >= dead) return own->serve(peer);
      if (d == 0) {
        while (!peer.request().empty()) {
        }
      } else if (d == 2) {
        const auto request = peer.request();
        if (request.empty()) return;
        for (const auto byte : Peer::answer(request, {3, 2, 0, 0})) {
          peer.send({byte});
          std::this_thread::sleep_for(30ms);
        }
      } else if (d == 4) {
        (void)peer.bytes(5);
        std::this_thread::sleep_for(300ms);
      }
    }));
    settings.push_back(at(d == 1 && dead > 1 ? 1 : servers.back()->port()));
    io::PollPlan plan;
    plan.device = static_cast<core::DeviceIndex>(d);
    plan.period_s = period_s;
    plan.phase_s = period_s * d / count;
    plan.fields = {words(7, 2, static_cast<core::DeviceIndex>(d))};
    plans.push_back(plan);
  }
  Bench bench(settings, plans);
  bench.poller->start();
  bench.run(2s);
  std::map<int, std::vector<Clock::time_point>> beats;
  std::map<int, int> good;
  for (const auto& polled : bench.polled) {
    beats[polled.device].push_back(polled.beat);
    if (polled.troubles.empty()) ++good[polled.device];
  }
  for (int d = dead; d < count; ++d) {
    INFO("device " << d);
    // A sequential poller would manage two to nine beats in the shadow of the timeouts.
    CHECK(good[d] >= 12);
    for (std::size_t i = 1; i < beats[d].size(); ++i) {
      const auto apart = std::chrono::duration<double>(beats[d][i] - beats[d][i - 1]).count();
      // The beat is the steady clock's: a multiple of the period, whatever the work took.
      CHECK(std::abs(apart / period_s - std::round(apart / period_s)) < 1e-3);
    }
  }
  for (int d = 0; d < dead; ++d) CHECK(good[d] == 0);
}

TEST_CASE("a beat that finds the last one at work is skipped and counted, never made up for") {
  std::atomic<int> asked{0};
  PlainServer server([&](Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request()) {
      ++asked;
      std::this_thread::sleep_for(70ms);
      peer.send(Peer::answer(request, {3, 2, 0, 1}));
    }
  });
  io::PollPlan plan;
  plan.period_s = 0.02;
  plan.fields = {words(0, 1)};
  Bench bench({at(server.port())}, {plan});
  bench.poller->start();
  bench.run(600ms);
  CHECK(asked <= 9);
  CHECK(asked >= 2);
  CHECK(bench.poller->counters().overruns >= 10);
}
