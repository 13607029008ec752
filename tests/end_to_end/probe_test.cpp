// SPDX-License-Identifier: Apache-2.0
// A look at a device that will not be looked at.
#include <catch2/catch.hpp>
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
