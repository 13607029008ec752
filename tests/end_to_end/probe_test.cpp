// SPDX-License-Identifier: Apache-2.0
// A look at a device that will not be looked at.
#include <catch2/catch.hpp>
#include <regex>
#include <string>

#include "tests/support/plain_server.hpp"
#include "tests/support/programs.hpp"

using namespace foreline::tests;

TEST_CASE("a device that is always busy, or behind a dead gateway, is given up soon and by name") {
  const auto code = GENERATE(std::uint8_t{6}, std::uint8_t{11});
  int asked = 0;
  PlainServer device([&](Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request(), ++asked)
      peer.send(Peer::answer(request, {static_cast<std::uint8_t>(request[7] | 0x80U), code}));
  });
  Foreline probe({"probe", "127.0.0.1:" + std::to_string(device.port())});
  CHECK(probe.end(30) == 3);
  INFO(probe.said());
  CHECK(probe.said().find("exception " + std::to_string(code)) != std::string::npos);
  CHECK(asked < 40);
}

TEST_CASE("a device that closes after each answer is looked at whole") {
  PlainServer device([](Peer& peer) {
    const auto request = peer.request();
    if (request.empty()) return;
    const int count = (request[10] << 8) | request[11];
    Bytes pdu = {request[7], static_cast<std::uint8_t>(2 * count)};
    pdu.resize(2 + 2 * static_cast<std::size_t>(count), 7);
    const bool has = request[7] == 3 || request[7] == 4;
    peer.send(
        Peer::answer(request, has ? pdu : Bytes{static_cast<std::uint8_t>(request[7] | 0x80U), 1}));
  });
  Foreline probe({"probe", "127.0.0.1:" + std::to_string(device.port()), "--last", "249"});
  CHECK(probe.end(30) == 0);
  INFO(probe.said());
  for (const char* said : {"hr:0 to hr:249 are readable", "ir:0 to ir:249 are readable"})
    CHECK(probe.said().find(said) != std::string::npos);
}

TEST_CASE("what a device is silent about is told, and the rest looked at") {
  PlainServer device([](Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request()) {
      if (request[7] == 4) continue;
      peer.send(Peer::answer(
          request, request[7] == 3 ? Bytes{3, 4, 0, 1, 0, 2}
                                   : Bytes{static_cast<std::uint8_t>(request[7] | 0x80U),
                                           request[7] == 1 ? std::uint8_t{4} : std::uint8_t{1}}));
    }
  });
  Foreline probe({"probe", "127.0.0.1:" + std::to_string(device.port()), "--last", "1", "--timeout",
                  "100 ms", "--wait", "0 s"});
  CHECK(probe.end(30) == 0);
  INFO(probe.said());
  for (const char* said : {"hr:0 to hr:1 are readable", "ir:0 and on were not looked at"})
    CHECK(probe.said().find(said) != std::string::npos);
}

TEST_CASE("a slow look says how long it still takes") {
  PlainServer device([](Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request())
      peer.send(Peer::answer(
          request, request[7] == 3 ? Bytes{0x83, 2}
                                   : Bytes{static_cast<std::uint8_t>(request[7] | 0x80U), 1}));
  });
  // 199 requests for the first block, as it has no register at all.
  Foreline probe(
      {"probe", "127.0.0.1:" + std::to_string(device.port()), "--last", "199", "--pause", "15"});
  CHECK(probe.end(30) == 3);
  INFO(probe.said());
  CHECK(std::regex_search(probe.said(), std::regex("blocks of addresses: 1 of 6, \\d+ s to go")));
}
