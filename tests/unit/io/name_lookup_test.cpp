// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/name_lookup.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "plugin/io/device.hpp"
#include "plugin/io/loop.hpp"
#include "tests/support/plain_server.hpp"
#include "tests/support/silent_name.hpp"

using namespace foreline;
using namespace std::chrono_literals;
using tests::end_silence;
using tests::silent_answered;
using tests::silent_asked;

namespace {

std::vector<std::string> answer_of(io::NameLookup& lookup) {
  for (int i = 0; i < 5000; ++i) {
    if (auto answer = lookup.answer()) return *answer;
    std::this_thread::sleep_for(1ms);
  }
  FAIL("no answer");
  return {};
}

}  // namespace

TEST_CASE("names have addresses, literals are their own, and what is no name has none") {
  io::NameLookup literal("127.0.0.1");
  CHECK(literal.answer() == std::vector<std::string>{"127.0.0.1"});
  io::NameLookup space("::1");
  CHECK(space.answer() == std::vector<std::string>{"::1"});
  io::NameLookup name("localhost");
  const auto found = answer_of(name);
  CHECK(std::find_if(found.begin(), found.end(), [](const std::string& address) {
          return address == "127.0.0.1" || address == "::1";
        }) != found.end());
  io::NameLookup none("no such host\n");
  CHECK(answer_of(none).empty());
}

TEST_CASE("a lookup that hangs holds up nobody: it is given up at once") {
  {
    io::NameLookup lookup("silent.example");
    CHECK_FALSE(lookup.answer());
    while (silent_asked == 0) std::this_thread::sleep_for(1ms);
    CHECK_FALSE(lookup.answer());
  }
  CHECK(silent_answered < silent_asked);
  end_silence();
}

TEST_CASE(
    "a device whose name server is silent fails at its deadline, ends at once, and leaves "
    "others alone") {
  tests::PlainServer server([](tests::Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request())
      peer.send(tests::Peer::answer(request, {3, 4, 0, 1, 0, 2}));
  });
  {
    io::Loop loop;
    core::Device settings;
    settings.host = "silent.example";
    settings.port = 502;
    settings.timeout_s = 0.1;
    auto mute = std::make_shared<io::Device>(loop, settings);
    settings.host = "localhost";
    settings.port = server.port();
    settings.timeout_s = 2;
    auto other = std::make_shared<io::Device>(loop, settings);
    core::Query query;
    query.count = 2;
    int open = 2;
    bool finished = false;
    io::Outcome lost;
    io::Outcome good;
    const auto take = [&](io::Outcome& into) {
      return [&](io::Outcome got) {
        into = std::move(got);
        finished = --open == 0;
      };
    };
    mute->submit(query, take(lost));
    other->submit(query, take(good));
    REQUIRE(loop.run(std::chrono::steady_clock::now() + 10s, finished));
    CHECK(good.what == io::Outcome::What::answer);
    CHECK(lost.what != io::Outcome::What::answer);
  }
  CHECK(silent_answered < silent_asked);
  end_silence();
}
