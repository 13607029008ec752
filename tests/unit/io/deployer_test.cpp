// SPDX-License-Identifier: Apache-2.0
// Deployments to a small PLC of the test's own that can be told to misbehave.
#include "plugin/io/deployer.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <map>

#include "plugin/io/modbus_client.hpp"
#include "tests/support/plain_server.hpp"

using namespace foreline;
using tests::Bytes;
using tests::Peer;
using tests::PlainServer;
using namespace std::chrono_literals;

namespace {

const core::ScheduleRegisters registers = {300, 420, 500, 620, 421, 422};

line::Block block() {
  line::Schedule schedule;
  schedule.sequence = {{0}, {2}, {1}};
  schedule.services = {{{1}, line::Service::When::at_time, 70'000, {}}};
  return line::to_block(schedule);
}

/// Holds registers; on a new commit number copies staging to active and echoes.
struct Plc {
  std::map<int, std::uint16_t> words;
  int writes = 0;
  std::uint16_t reject = 0;
  bool echoes = true;
  bool meddles_staging = false;  ///< Another master writes over the staging block.
  bool meddles_active = false;
  std::uint8_t commit_exception = 0;  ///< Answered to the commit, which is not taken.
  bool loses_commit_answer = false;
  bool loses_staging_answer = false;

  void serve(Peer& peer) {
    while (true) {
      const auto request = peer.request();
      if (request.empty()) return;
      const int address = (request[8] << 8) | request[9];
      const int count = (request[10] << 8) | request[11];
      if (request[7] == 3) {
        Bytes pdu = {3, static_cast<std::uint8_t>(2 * count)};
        for (int i = 0; i < count; ++i) {
          pdu.push_back(static_cast<std::uint8_t>(words[address + i] >> 8U));
          pdu.push_back(static_cast<std::uint8_t>(words[address + i] & 0xFFU));
        }
        peer.send(Peer::answer(request, pdu));
        continue;
      }
      ++writes;
      if (address == registers.commit && commit_exception != 0) {
        peer.send(Peer::answer(request, {0x90, commit_exception}));
        continue;
      }
      for (int i = 0; i < count; ++i)
        words[address + i] =
            static_cast<std::uint16_t>((request[static_cast<std::size_t>(13 + 2 * i)] << 8U) |
                                       request[static_cast<std::size_t>(14 + 2 * i)]);
      if (address == registers.staging && meddles_staging) words[registers.staging + 3] ^= 1U;
      if (address == registers.commit && echoes) {
        if (reject == 0) {
          for (int i = 0; i < static_cast<int>(line::block_size); ++i)
            words[registers.active + i] = words[registers.staging + i];
          words[registers.active_sequence] = words[registers.commit];
          if (meddles_active) words[registers.active + 2] ^= 1U;
        }
        words[registers.reject] = reject;
        words[registers.echo] = words[registers.commit];
      }
      if (address == registers.commit && loses_commit_answer) return;
      if (address == registers.staging && loses_staging_answer) return;
      peer.send(Peer::answer(request, {16, request[8], request[9], request[10], request[11]}));
    }
  }
};

struct Deployed {
  std::string error;
  io::ScheduleNow back;
  std::vector<std::string> steps;
};

Deployed deploy_to(Plc& plc) {
  PlainServer server([&](Peer& peer) { plc.serve(peer); });
  io::ModbusClient client("127.0.0.1", server.port(), 1, 300ms);
  REQUIRE(client.connect());
  Deployed deployed;
  auto done = io::deploy(
      client, registers, block(), 800ms,
      [&](const std::string& what, const std::string&) { deployed.steps.push_back(what); });
  if (!done)
    deployed.error = done.error().text();
  else
    deployed.back = *done;
  client.close();
  return deployed;
}

bool says(const Deployed& deployed, const std::string& part) {
  return deployed.error.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a schedule is staged, committed by number, echoed and read back") {
  Plc plc;
  plc.words[registers.commit] = plc.words[registers.echo] = 41;
  const auto deployed = deploy_to(plc);
  CHECK(deployed.error.empty());
  CHECK(deployed.steps == std::vector<std::string>{"staged", "committed", "echoed", "confirmed"});
  CHECK(plc.writes == 2);
  CHECK(plc.words[registers.commit] == 42);
  CHECK(deployed.back.active == block());
  CHECK(deployed.back.staging == block());
  CHECK(deployed.back.active_sequence == 42);
  CHECK(deployed.back.echoed == 42);
  CHECK(deployed.back.reject == 0);
  line::Schedule active;
  std::array<std::uint16_t, line::block_size> words{};
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = plc.words[registers.active + static_cast<int>(i)];
  REQUIRE(line::from_block(words, active) == line::BlockFault::none);
  CHECK(active.services.at(0).at_s == 70'000);
}

TEST_CASE("commit numbers wrap past zero") {
  Plc plc;
  plc.words[registers.commit] = plc.words[registers.echo] = 0xFFFF;
  CHECK(deploy_to(plc).error.empty());
  CHECK(plc.words[registers.commit] == 1);
}

TEST_CASE("a refusal of the PLC is an error with its code") {
  Plc plc;
  plc.reject = 3;
  const auto deployed = deploy_to(plc);
  CHECK(says(deployed, "code 3"));
  CHECK(plc.words[registers.active] == 0);
}

TEST_CASE("a staging block that reads back otherwise is never committed") {
  Plc plc;
  plc.meddles_staging = true;
  CHECK(says(deploy_to(plc), "nothing has been committed"));
  CHECK(plc.words[registers.commit] == 0);
}

TEST_CASE("an active block that differs is no success") {
  Plc plc;
  plc.meddles_active = true;
  CHECK(says(deploy_to(plc), "is not the one deployed"));
}

TEST_CASE("a PLC that never echoes ends in time") {
  Plc plc;
  plc.echoes = false;
  CHECK(says(deploy_to(plc), "was not echoed within 800 ms"));
  CHECK(plc.writes == 2);
}

TEST_CASE(
    "row 19: when the answer to the commit is lost, the echo decides and nothing is written "
    "twice") {
  Plc plc;
  plc.loses_commit_answer = true;
  CHECK(deploy_to(plc).error.empty());
  CHECK(plc.writes == 2);
}

TEST_CASE(
    "row 19: when the answer to the staging is lost, what is there decides, and it is one commit") {
  Plc plc;
  plc.loses_staging_answer = true;
  CHECK(deploy_to(plc).error.empty());
  CHECK(plc.writes == 2);
  CHECK(plc.words[registers.commit] == 1);
}

TEST_CASE("row 28: nothing is written when the journal cannot be") {
  Plc plc;
  PlainServer server([&](Peer& peer) { plc.serve(peer); });
  io::ModbusClient client("127.0.0.1", server.port(), 1, 300ms);
  REQUIRE(client.connect());
  const auto done = io::deploy(
      client, registers, block(), 800ms, [](const std::string&, const std::string&) {},
      [](std::uint16_t) { return false; });
  REQUIRE_FALSE(done);
  CHECK(plc.writes == 0);
}

TEST_CASE("row 28: what is left of a deployment is told from what the PLC holds") {
  Plc plc;
  const auto staged = block();
  const auto left = [&] {
    PlainServer server([&](Peer& peer) { plc.serve(peer); });
    io::ModbusClient client("127.0.0.1", server.port(), 1, 300ms);
    REQUIRE(client.connect());
    auto found = io::leftover(client, registers, staged, 7);
    REQUIRE(found);
    client.close();
    return *found;
  };
  CHECK(left() == io::Leftover::gone);
  for (std::size_t i = 0; i < staged.size(); ++i)
    plc.words[registers.staging + static_cast<int>(i)] = staged[i];
  CHECK(left() == io::Leftover::staged);
  plc.words[registers.commit] = 7;
  CHECK(left() == io::Leftover::waiting);
  plc.words[registers.echo] = 7;
  CHECK(left() == io::Leftover::replaced);
  plc.words[registers.active_sequence] = 7;
  for (std::size_t i = 0; i < staged.size(); ++i)
    plc.words[registers.active + static_cast<int>(i)] = staged[i];
  CHECK(left() == io::Leftover::active);
  // A restart forgets the numbers, and keeps the schedule.
  plc.words[registers.commit] = plc.words[registers.echo] = 0;
  plc.words[registers.active_sequence] = 0;
  CHECK(left() == io::Leftover::active);
  plc.words[registers.commit] = plc.words[registers.echo] = 7;
  plc.words[registers.reject] = 3;
  CHECK(left() == io::Leftover::refused);
  CHECK(plc.writes == 0);
}

TEST_CASE("a commit that the PLC refuses to take is told at once, with the reason") {
  for (const int code : {1, 2, 3, 4, 11}) {
    Plc plc;
    plc.commit_exception = static_cast<std::uint8_t>(code);
    const auto deployed = deploy_to(plc);
    CHECK(says(deployed, "did not take commit number 1"));
    CHECK(says(deployed, "exception " + std::to_string(code)));
    CHECK(deployed.steps == std::vector<std::string>{"staged"});
    CHECK(plc.writes == 2);
  }
  SECTION("one that the PLC is still at work on is waited for") {
    Plc plc;
    plc.commit_exception = 5;
    const auto deployed = deploy_to(plc);
    CHECK(says(deployed, "was not echoed within 800 ms"));
    CHECK(deployed.steps == std::vector<std::string>{"staged", "committed"});
  }
}

TEST_CASE("another commit under way is left alone") {
  Plc plc;
  plc.words[registers.commit] = 5;
  plc.words[registers.echo] = 4;
  CHECK(says(deploy_to(plc), "not handled yet"));
  CHECK(plc.writes == 0);
}
