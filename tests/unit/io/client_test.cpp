// SPDX-License-Identifier: Apache-2.0
// The client against peers that misbehave, each in its own way.
#include "plugin/io/modbus_client.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "tests/support/plain_server.hpp"

using namespace foreline;
using io::ModbusClient;
using tests::Bytes;
using tests::Peer;
using tests::PlainServer;
using namespace std::chrono_literals;

namespace {

const core::Range two = {core::RegisterTable::holding, 10, 2};
constexpr auto timeout = 150ms;

/// The error of one read from a peer that answers like this; empty when it succeeded.
std::string read_from(const std::function<void(Peer&)>& serve, ModbusClient** kept = nullptr) {
  static std::unique_ptr<ModbusClient> client;
  PlainServer server(serve);
  client = std::make_unique<ModbusClient>("127.0.0.1", server.port(), 1, timeout);
  REQUIRE(client->connect());
  const auto begun = std::chrono::steady_clock::now();
  auto words = client->read(two);
  CHECK(std::chrono::steady_clock::now() - begun < timeout + 1s);
  if (kept != nullptr) *kept = client.get();
  return words ? std::string() : words.error().text();
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a well-behaved peer is read and written") {
  Bytes written;
  PlainServer server([&](Peer& peer) {
    const auto read = peer.request();
    if (read.empty()) return;
    CHECK(Bytes(read.begin() + 6, read.end()) == Bytes{1, 3, 0, 10, 0, 2});
    peer.send(Peer::answer(read, {3, 4, 0x12, 0x34, 0, 7}));
    written = peer.request();
    if (!written.empty()) peer.send(Peer::answer(written, {16, 0, 5, 0, 2}));
    (void)peer.request();
  });
  ModbusClient client("127.0.0.1", server.port(), 1, 1s);
  REQUIRE(client.connect());
  auto words = client.read(two);
  REQUIRE(words);
  CHECK(*words == std::vector<std::uint16_t>{0x1234, 7});
  const std::vector<std::uint16_t> values = {0xABCD, 1};
  CHECK(client.write(5, values));
  CHECK(Bytes(written.begin() + 7, written.end()) == Bytes{16, 0, 5, 0, 2, 4, 0xAB, 0xCD, 0, 1});
  CHECK(client.connected());
}

TEST_CASE("a silent peer costs one timeout and the connection") {
  ModbusClient* client = nullptr;
  CHECK(says(read_from(
                 [](Peer& peer) {
                   (void)peer.request();
                   (void)peer.request();
                 },
                 &client),
             "no answer within 150 ms"));
  CHECK_FALSE(client->connected());
  CHECK(client->counters().timeouts == 1);
}

TEST_CASE("an answer in drips ends at the total deadline") {
  CHECK(says(read_from([](Peer& peer) {
               const auto full = Peer::answer(peer.request(), {3, 4, 0, 1, 0, 2});
               for (const auto byte : full) {
                 peer.send({byte});
                 std::this_thread::sleep_for(40ms);
               }
             }),
             "no answer within 150 ms"));
}

TEST_CASE("an answer to another request is thrown away, the real one is taken") {
  ModbusClient* client = nullptr;
  CHECK(read_from(
            [](Peer& peer) {
              const auto request = peer.request();
              auto late = Peer::answer(request, {3, 4, 9, 9, 9, 9});
              late[1] = static_cast<std::uint8_t>(late[1] + 77);
              peer.send(late);
              peer.send(Peer::answer(request, {3, 4, 0, 1, 0, 2}));
              (void)peer.request();
            },
            &client)
            .empty());
  CHECK(client->counters().strangers == 1);
}

TEST_CASE("exceptions are named and keep the connection") {
  ModbusClient* client = nullptr;
  CHECK(says(read_from(
                 [](Peer& peer) {
                   peer.send(Peer::answer(peer.request(), {0x83, 2}));
                   (void)peer.request();
                 },
                 &client),
             "exception 2 (illegal data address)"));
  CHECK(client->connected());
  CHECK(says(read_from([](Peer& peer) {
               peer.send(Peer::answer(peer.request(), {0x83, 99}));
             }),
             "unknown exception"));
}

TEST_CASE("answers that are no answer end the connection") {
  const std::vector<std::pair<std::string, std::function<void(Peer&)>>> liars = {
      {"HTTP",
       [](Peer& peer) {
         (void)peer.request();
         const std::string page = "HTTP/1.1 400 Bad Request\r\n\r\n";
         peer.send({page.begin(), page.end()});
       }},
      {"another protocol",
       [](Peer& peer) {
         auto answer = Peer::answer(peer.request(), {3, 4, 0, 1, 0, 2});
         answer[3] = 1;
         peer.send(answer);
       }},
      {"another unit",
       [](Peer& peer) {
         auto answer = Peer::answer(peer.request(), {3, 4, 0, 1, 0, 2});
         answer[6] = 9;
         peer.send(answer);
       }},
      {"another function",
       [](Peer& peer) {
         peer.send(Peer::answer(peer.request(), {4, 4, 0, 1, 0, 2}));
       }},
      {"too few registers",
       [](Peer& peer) {
         peer.send(Peer::answer(peer.request(), {3, 2, 0, 1}));
       }},
      {"a byte count that lies",
       [](Peer& peer) {
         peer.send(Peer::answer(peer.request(), {3, 250, 0, 1, 0, 2}));
       }},
      {"length 0",
       [](Peer& peer) {
         auto answer = Peer::answer(peer.request(), {3, 4, 0, 1, 0, 2});
         answer[4] = answer[5] = 0;
         peer.send(answer);
       }},
      {"length 65535",
       [](Peer& peer) {
         auto answer = Peer::answer(peer.request(), {3, 4, 0, 1, 0, 2});
         answer[4] = answer[5] = 0xFF;
         peer.send(answer);
       }},
      {"half an answer",
       [](Peer& peer) {
         auto answer = Peer::answer(peer.request(), {3, 4, 0, 1, 0, 2});
         answer.resize(9);
         peer.send(answer);
       }},
      {"nothing but goodbye", [](Peer& peer) { (void)peer.request(); }},
  };
  for (const auto& [name, serve] : liars) {
    INFO(name);
    ModbusClient* client = nullptr;
    CHECK_FALSE(read_from(serve, &client).empty());
    CHECK_FALSE(client->connected());
  }
}

TEST_CASE("nobody there is an error with the address, at once or in time") {
  std::uint16_t port = 0;
  {
    PlainServer server([](Peer&) {});
    port = server.port();
  }
  ModbusClient client("127.0.0.1", port, 1, 200ms);
  const auto error = client.connect();
  REQUIRE_FALSE(error);
  CHECK(says(error.error().text(), "127.0.0.1:" + std::to_string(port)));
  CHECK_FALSE(client.connected());
  CHECK_FALSE(client.read(two));
  ModbusClient unknown("no-such-host.invalid", 502, 1, 300ms);
  CHECK_FALSE(unknown.connect());
}

TEST_CASE("pauses between attempts double up to the highest, and vary") {
  io::Backoff backoff(2s, 5);
  std::vector<std::chrono::milliseconds> pauses;
  for (int i = 0; i < 12; ++i) pauses.push_back(backoff.next());
  CHECK(pauses[0] <= 100ms);
  CHECK(pauses[0] >= 66ms);
  for (const auto pause : pauses) CHECK(pause <= 2s);
  CHECK(pauses[11] >= 1300ms);
  CHECK(pauses[10] != pauses[11]);
  backoff.reset();
  CHECK(backoff.next() <= 100ms);
}
