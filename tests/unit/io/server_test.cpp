// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/register_server.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "plugin/io/modbus_client.hpp"
#include "tests/support/plain_client.hpp"

using namespace foreline;
using io::ModbusClient;
using io::RegisterServer;
using Bytes = std::vector<std::uint8_t>;
using tests::PlainClient;
using namespace std::chrono_literals;

namespace {

io::ServerOptions on(std::uint16_t port, const std::string& host = "127.0.0.1") {
  io::ServerOptions options;
  options.host = host;
  options.port = port;
  return options;
}

struct Served {
  std::mutex mutex;
  std::vector<std::uint16_t> last;
  std::unique_ptr<RegisterServer> server;

  Served() {
    auto started = RegisterServer::start(
        {}, [this](std::uint16_t address, std::span<const std::uint16_t> words, const auto&) {
          const std::lock_guard lock(mutex);
          last.assign(words.begin(), words.end());
          return address == 60   ? core::Taken::yes
                 : address == 61 ? core::Taken::later
                                 : core::Taken::no;
        });
    REQUIRE(started);
    server = std::move(*started);
    server->publish({10, 11, 12, 13}, {true, false, true});
  }
  /// The PDU that answers this PDU.
  [[nodiscard]] Bytes ask(const Bytes& pdu) const {
    PlainClient client(server->port());
    return client.ask(pdu);
  }
};

}  // namespace

TEST_CASE("registers and inputs are read by all four functions") {
  Served served;
  CHECK(served.ask({3, 0, 1, 0, 2}) == Bytes{3, 4, 0, 11, 0, 12});
  CHECK(served.ask({4, 0, 3, 0, 1}) == Bytes{4, 2, 0, 13});
  CHECK(served.ask({2, 0, 0, 0, 3}) == Bytes{2, 1, 5});
  CHECK(served.ask({1, 0, 2, 0, 1}) == Bytes{1, 1, 1});
}

TEST_CASE("what is published is what is read next") {
  Served served;
  ModbusClient client("127.0.0.1", served.server->port(), 1, 1s);
  REQUIRE(client.connect());
  for (std::uint16_t i = 0; i < 50; ++i) {
    served.server->publish({i, static_cast<std::uint16_t>(i + 1)}, {});
    auto words = client.read({core::RegisterTable::input, 0, 2});
    REQUIRE(words);
    CHECK((*words)[0] == i);
    CHECK((*words)[1] == i + 1);
  }
}

TEST_CASE("writes reach the owner, who may refuse them") {
  Served served;
  CHECK(served.ask({6, 0, 60, 0, 9}) == Bytes{6, 0, 60, 0, 9});
  CHECK(served.last == std::vector<std::uint16_t>{9});
  CHECK(served.ask({16, 0, 60, 0, 2, 4, 0, 1, 0, 2}) == Bytes{16, 0, 60, 0, 2});
  CHECK(served.last == std::vector<std::uint16_t>{1, 2});
  CHECK(served.ask({6, 0, 1, 0, 9}) == Bytes{0x86, 2});
  CHECK(served.ask({6, 0, 61, 0, 9}) == Bytes{0x86, 6});  // not now
}

TEST_CASE("bad requests get the exception they deserve") {
  Served served;
  CHECK(served.ask({3, 0, 3, 0, 2}) == Bytes{0x83, 2});  // beyond the end
  CHECK(served.ask({3, 0xFF, 0xFF, 0, 2}) == Bytes{0x83, 2});
  CHECK(served.ask({3, 0, 0, 0, 0}) == Bytes{0x83, 3});    // none
  CHECK(served.ask({3, 0, 0, 0, 126}) == Bytes{0x83, 3});  // too many
  CHECK(served.ask({3, 0, 0}) == Bytes{0x83, 3});          // cut off
  CHECK(served.ask({2, 0, 0, 8, 0}) == Bytes{0x82, 3});
  CHECK(served.ask({16, 0, 60, 0, 2, 4, 0, 1}) == Bytes{0x90, 3});
  CHECK(served.ask({16, 0, 60, 0, 2, 5, 0, 1, 0, 2}) == Bytes{0x90, 3});
  for (const std::uint8_t function : Bytes{5, 15, 22, 23, 43, 99})  // 43 without type 14
    CHECK(served.ask({function, 0, 0, 0, 1}) ==
          Bytes{static_cast<std::uint8_t>(function | 0x80U), 1});
}

TEST_CASE("what is no Modbus is shut out, and nobody else notices") {
  Served served;
  ModbusClient good("127.0.0.1", served.server->port(), 1, 1s);
  REQUIRE(good.connect());
  for (const auto& garbage :
       {Bytes{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P'}, Bytes{0, 1, 0, 0, 0, 0, 1, 3},
        Bytes{0, 1, 0, 0, 0xFF, 0xFF, 1, 3}, Bytes{0, 1, 0, 9, 0, 6, 1, 3, 0, 0, 0, 1}}) {
    PlainClient bad(served.server->port());
    bad.send(garbage);
    CHECK(bad.closed_within(1s));
  }
  PlainClient slow(served.server->port());
  slow.send({0, 1, 0});  // never goes on
  CHECK(good.read({core::RegisterTable::holding, 0, 4}));
}

TEST_CASE("row 9: a write that is cut short is not filled up from the next request") {
  const Bytes write = {0, 1, 0, 0, 0, 11, 1, 16, 0, 60, 0, 2, 4, 0, 1, 0, 2};
  for (std::size_t missing = 1; missing < 4; ++missing) {
    for (const bool at_once : {true, false}) {
      Served served;
      PlainClient client(served.server->port());
      Bytes bytes(write.begin(), write.end() - static_cast<std::ptrdiff_t>(missing));
      const auto next = write;
      const auto first = at_once ? next.size() : missing + 3;
      bytes.insert(bytes.end(), next.begin(), next.begin() + static_cast<std::ptrdiff_t>(first));
      client.send(bytes);
      if (!at_once) {
        std::this_thread::sleep_for(20ms);
        client.send(Bytes(next.begin() + static_cast<std::ptrdiff_t>(first), next.end()));
      }
      CHECK(client.closed_within(1s));
      CHECK(served.last.empty());
    }
  }
}

TEST_CASE("more clients than there is room for are turned away, later ones come in again") {
  Served served;
  std::vector<std::unique_ptr<PlainClient>> crowd;
  for (int i = 0; i < 200; ++i) {
    crowd.push_back(std::make_unique<PlainClient>(served.server->port()));
    REQUIRE(crowd.back()->ask({3, 0, 0, 0, 1}) == Bytes{3, 2, 0, 10});
  }
  PlainClient late(served.server->port());
  CHECK(late.closed_within(1s));
  crowd.clear();
  bool in = false;
  for (int i = 0; i < 100 && !in; ++i) {
    PlainClient again(served.server->port());
    in = again.ask({3, 0, 0, 0, 1}) == Bytes{3, 2, 0, 10};
    if (!in) std::this_thread::sleep_for(10ms);
  }
  CHECK(in);
}

TEST_CASE("row 23: clients that only hold their places make room, those at work keep theirs") {
  io::ServerOptions options;
  options.clients = 4;
  options.quiet_least = 300ms;
  auto started = io::RegisterServer::start(options, {});
  REQUIRE(started);
  auto& server = **started;
  server.publish({10, 11, 12, 13}, {});
  PlainClient at_work(server.port());
  std::vector<std::unique_ptr<PlainClient>> idle;
  for (int i = 0; i < 3; ++i) idle.push_back(std::make_unique<PlainClient>(server.port()));
  const auto asks = [](PlainClient& client) {
    return client.ask({3, 0, 0, 0, 1}) == Bytes{3, 2, 0, 10};
  };
  for (int i = 0; i < 20; ++i) {
    REQUIRE(asks(at_work));
    std::this_thread::sleep_for(20ms);
  }
  for (int i = 0; i < 3; ++i) {
    idle.push_back(std::make_unique<PlainClient>(server.port()));
    CHECK(asks(*idle.back()));
    CHECK(asks(at_work));
  }
  PlainClient late(server.port());
  CHECK(late.closed_within(1s));
  CHECK(server.clients() == 4);
}

TEST_CASE("row 23: two hundred clients, slow ones among them, and each gets its own answer") {
  Served served;
  std::vector<std::unique_ptr<PlainClient>> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(std::make_unique<PlainClient>(served.server->port()));
    slow.back()->send({0, 1, 0, 0});  // half a header, and then nothing
  }
  for (int i = 0; i < 40; ++i) {
    slow.push_back(std::make_unique<PlainClient>(served.server->port()));
    // Asks without ever reading the answers.
    Bytes many;
    for (int k = 0; k < 200; ++k) {
      const Bytes one = {0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 4};
      many.insert(many.end(), one.begin(), one.end());
    }
    slow.back()->send(many);
  }
  std::vector<std::unique_ptr<PlainClient>> good;
  for (int i = 0; i < 100; ++i)
    good.push_back(std::make_unique<PlainClient>(served.server->port()));
  for (int round = 0; round < 3; ++round)
    for (auto& client : good) REQUIRE(client->ask({3, 0, 0, 0, 2}) == Bytes{3, 4, 0, 10, 0, 11});
  CHECK(served.server->clients() == 200);
}

TEST_CASE("row 23: eight requests in one segment get eight answers in order") {
  Served served;
  PlainClient client(served.server->port());
  Bytes segment;
  for (std::uint8_t i = 0; i < 8; ++i) {
    const Bytes request = {0, i, 0, 0, 0, 6, 1, 3, 0, static_cast<std::uint8_t>(i % 4), 0, 1};
    segment.insert(segment.end(), request.begin(), request.end());
  }
  client.send(segment);
  for (std::uint8_t i = 0; i < 8; ++i)
    CHECK(client.bytes(11) ==
          Bytes{0, i, 0, 0, 0, 5, 1, 3, 2, 0, static_cast<std::uint8_t>(10 + i % 4)});
}

TEST_CASE("row 23: a request that drips or an answer that is not taken costs five seconds") {
  Served served;
  PlainClient drips(served.server->port());
  PlainClient waits(served.server->port());
  PlainClient whole(served.server->port());
  drips.send({0, 1, 0, 0, 0, 200, 1, 16});
  const auto begun = std::chrono::steady_clock::now();
  bool closed = false;
  while (!closed && std::chrono::steady_clock::now() - begun < 9s) {
    closed = drips.closed_within(1000ms);
    if (!closed) drips.send({0});
  }
  CHECK(closed);
  CHECK(std::chrono::steady_clock::now() - begun > 4s);
  CHECK_FALSE(waits.closed_within(10ms));  // silence between requests is no offence
  CHECK(whole.ask({3, 0, 0, 0, 1}) == Bytes{3, 2, 0, 10});
}

TEST_CASE("row 23: without descriptors the server waits, and does not spin") {
  Served served;
  PlainClient before(served.server->port());
  CHECK(before.ask({3, 0, 0, 0, 1}) == Bytes{3, 2, 0, 10});
  rlimit old{};
  ::getrlimit(RLIMIT_NOFILE, &old);
  const int waiting = ::socket(AF_INET, SOCK_STREAM, 0);
  const rlimit few{static_cast<rlim_t>(waiting) + 1, old.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<int> taken;
  for (int fd = ::dup(waiting); fd >= 0; fd = ::dup(waiting)) taken.push_back(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(served.server->port());
  (void)::connect(waiting, reinterpret_cast<sockaddr*>(&address), sizeof address);
  const auto cpu_s = [] {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
  };
  const double from_s = cpu_s();
  std::this_thread::sleep_for(500ms);
  const double spent_s = cpu_s() - from_s;
  const auto answer = before.ask({3, 0, 0, 0, 1});
  for (const int fd : taken) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &old);
  CHECK(spent_s < 0.15);
  CHECK(answer == Bytes{3, 2, 0, 10});
  PlainClient later(served.server->port());
  CHECK(later.ask({3, 0, 0, 0, 1}) == Bytes{3, 2, 0, 10});
  ::close(waiting);
}

TEST_CASE("row 23: function 43 says who we are, in parts and object by object") {
  Served served;
  const auto basic = served.ask({43, 14, 1, 0});
  REQUIRE(basic.size() > 8);
  CHECK(Bytes(basic.begin(), basic.begin() + 7) == Bytes{43, 14, 1, 0x82, 0, 0, 3});
  const std::string text(basic.begin(), basic.end());
  CHECK(text.find("Foreline") != std::string::npos);
  CHECK(text.find(FORELINE_VERSION) != std::string::npos);
  CHECK(served.ask({43, 14, 4, 0}).at(6) == 1);
  CHECK(served.ask({43, 14, 4, 9}) == Bytes{0xAB, 2});
  CHECK(served.ask({43, 14, 7, 0}) == Bytes{0xAB, 3});
  CHECK(served.ask({43, 13, 1, 0}) == Bytes{0xAB, 1});
  ModbusClient client("127.0.0.1", served.server->port(), 1, 1s);
  REQUIRE(client.connect());
  core::Query query;
  query.function = core::Function::device_identification;
  query.id_level = 2;
  const auto reply = client.ask(query);
  REQUIRE(reply);
  CHECK(reply->objects.at(0).second == "Foreline");
}

TEST_CASE("row 23: units 0 and 255 are answered under their own number") {
  Served served;
  for (const std::uint8_t unit : Bytes{0, 1, 255}) {
    core::Device settings;
    settings.port = served.server->port();
    settings.unit = unit;
    ModbusClient client(settings);
    REQUIRE(client.connect());
    CHECK(client.read({core::RegisterTable::holding, 0, 2}));
  }
}

TEST_CASE("a port in use and a name that is no address are errors") {
  Served served;
  auto second = RegisterServer::start(on(served.server->port()), {});
  REQUIRE_FALSE(second);
  CHECK(second.error().text().find(std::to_string(served.server->port())) != std::string::npos);
  CHECK_FALSE(RegisterServer::start(on(0, "plant floor"), {}));
  CHECK(RegisterServer::start(on(0, "localhost"), {}));
}

TEST_CASE("no socket of ours is passed on to programs that the host starts") {
  const auto descriptors = [] {
    std::set<int> open;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
      open.insert(std::stoi(entry.path().filename()));
    return open;
  };
  const auto before = descriptors();
  auto server = io::RegisterServer::start({}, {});
  REQUIRE(server);
  (*server)->publish({1, 2, 3}, {});
  io::ModbusClient client("127.0.0.1", (*server)->port(), 1, std::chrono::seconds(5));
  REQUIRE(client.connect());
  REQUIRE(client.read({core::RegisterTable::holding, 0, 3}));
  for (const int fd : descriptors())
    if (before.count(fd) == 0 && ::fcntl(fd, F_GETFD) >= 0) {
      INFO(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)));
      CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
}
