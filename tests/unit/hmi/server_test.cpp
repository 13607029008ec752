// SPDX-License-Identifier: Apache-2.0
// The server against clients that behave badly, over real sockets on the loopback.
#include "plugin/hmi/server.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/mutations.hpp"

using namespace foreline::hmi;
using namespace std::chrono_literals;

namespace {

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& text) const {
    (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// What comes until `part` is in it, the connection ends, or so long nothing has come.
  std::string hear(const std::string& part = "\x01never", int patience_ms = 5000) {
    while (heard_.find(part) == std::string::npos) {
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, patience_ms) <= 0) {
        timed_out_ = true;
        break;
      }
      char buffer[4096];
      const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      heard_.append(buffer, static_cast<std::size_t>(n));
    }
    return heard_;
  }
  [[nodiscard]] bool timed_out() const { return timed_out_; }

 private:
  int fd_;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string heard_;
};

struct Running {
  std::unique_ptr<Server> server;
  std::atomic<int> requests = 0;

  explicit Running(ServerOptions options = {}) {
    auto listening = Server::listen(options);
    REQUIRE(listening);
    server = std::move(*listening);
    server->serve([this](const Request& request, const Reply& reply) {
      ++requests;
      Response response;
      response.body = "{\"path\":\"" + request.path + "\"}";
      if (request.path == "/stream") {
        response.type = "text/event-stream";
        response.feed = [n = 0]() mutable { return "data: " + std::to_string(++n) + "\n\n"; };
      }
      if (request.path == "/short-stream") {
        response.type = "text/event-stream";
        response.feed = [n = 0]() mutable -> std::optional<std::string> {
          if (++n > 2) return std::nullopt;
          return "data: " + std::to_string(n) + "\n\n";
        };
      }
      if (request.path == "/large-stream") {
        response.type = "text/event-stream";
        response.feed = [] { return std::string(1 << 20, 'x'); };
      }
      reply(std::move(response));
    });
  }
};

const std::string get = "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1\r\n";

}  // namespace

TEST_CASE("a request is answered, with a policy that lets nothing else in") {
  Running running;
  Client client(running.server->port());
  client.send(get + "Connection: close\r\n\r\n");
  const auto heard = client.hear();
  CHECK(heard.rfind("HTTP/1.1 200", 0) == 0);
  CHECK(heard.find("{\"path\":\"/a\"}") != std::string::npos);
  for (const char* header : {"Content-Security-Policy: default-src 'none'; script-src 'self'",
                             "X-Content-Type-Options: nosniff", "frame-ancestors 'none'",
                             "Referrer-Policy: no-referrer", "Cache-Control: no-store"})
    CHECK(heard.find(header) != std::string::npos);
  CHECK(heard.find("unsafe-inline") == std::string::npos);
}

TEST_CASE("two requests fit one connection") {
  Running running;
  Client client(running.server->port());
  client.send(get + "\r\n");
  CHECK(client.hear("/a").find("200 OK") != std::string::npos);
  client.send("GET /second HTTP/1.1\r\nHost: localhost:1\r\n\r\n");
  CHECK(client.hear("/second").find("/second") != std::string::npos);
}

TEST_CASE("another site's name for this server is refused") {
  Running running;
  Client client(running.server->port());
  client.send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  CHECK(client.hear().rfind("HTTP/1.1 421", 0) == 0);
  CHECK(running.requests == 0);
  CHECK(host_is_ours("127.0.0.1:8080", {}));
  CHECK(host_is_ours("[::1]:8080", {}));
  CHECK(host_is_ours("LOCALHOST", {}));
  CHECK(host_is_ours("scada.plant", {"scada.plant"}));
  CHECK_FALSE(host_is_ours("127.0.0.1.evil.example", {}));
  CHECK_FALSE(host_is_ours("", {}));
  CHECK_FALSE(host_is_ours("[::1", {}));
}

TEST_CASE("what is too large or no HTTP is refused, and nothing of it reaches the handler") {
  Running running;
  SECTION("head") {
    Client client(running.server->port());
    client.send(get + "X-Large: " + std::string(20'000, 'x') + "\r\n\r\n");
    CHECK(client.hear().find("431") != std::string::npos);
  }
  SECTION("body, by its own word") {
    Client client(running.server->port());
    client.send("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n");
    CHECK(client.hear().find("413") != std::string::npos);
  }
  SECTION("no HTTP") {
    Client client(running.server->port());
    client.send("\x16\x03\x01 hello\r\n\r\n");
    client.hear();
    CHECK_FALSE(client.timed_out());
  }
  CHECK(running.requests == 0);
}

TEST_CASE("requests with wounds are answered or cut off, and the next one is served") {
  ServerOptions options;
  options.limits.request = 300ms;
  Running running(options);
  const std::string whole =
      "POST /api/shelve?x=%41&y HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
      "Cookie: foreline_session=0123456789abcdef; other=1\r\nX-Foreline-Token: 0123\r\n"
      "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "1b\r\n{\"alarm\":\"press/vibration\"}\r\n0\r\n\r\n";
  foreline::tests::Mutations wound(11);
  for (int i = 0; i < 2000; ++i) {
    Client client(running.server->port());
    client.send(wound.of(whole));
  }
  Client next(running.server->port());
  next.send(get + "Connection: close\r\n\r\n");
  // Behind two thousand that wait to be accepted.
  CHECK(next.hear("\x01never", 60'000).rfind("HTTP/1.1 200", 0) == 0);
  CHECK(running.requests > 50);  // some wounds do no harm
}

TEST_CASE("a client that sends too slowly is put out, and others do not notice") {
  ServerOptions options;
  options.limits.request = 300ms;
  Running running(options);
  Client slow(running.server->port());
  slow.send("GET / HT");
  Client other(running.server->port());
  other.send(get + "Connection: close\r\n\r\n");
  CHECK(other.hear().find("200 OK") != std::string::npos);
  slow.hear();
  CHECK_FALSE(slow.timed_out());
}

TEST_CASE("connections beyond the limit are closed at once") {
  ServerOptions options;
  options.limits.connections = 3;
  Running running(options);
  Client first(running.server->port());
  Client second(running.server->port());
  Client third(running.server->port());
  for (auto* client : {&first, &second, &third}) {
    client->send(get + "\r\n");
    CHECK(client->hear("/a").find("200 OK") != std::string::npos);
  }
  Client fourth(running.server->port());
  fourth.send(get + "\r\n");
  CHECK(fourth.hear().empty());
  CHECK_FALSE(fourth.timed_out());
}

TEST_CASE("a stream gets news, and one that does not take them is put out") {
  ServerOptions options;
  options.limits.write = 300ms;
  Running running(options);
  running.server->every(20ms, [&] { running.server->wake_streams(); });
  Client good(running.server->port());
  good.send("GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  const auto heard = good.hear("data: 3\n\n");
  CHECK(heard.find("text/event-stream") != std::string::npos);
  CHECK(heard.find("data: 1\n\ndata: 2\n\ndata: 3\n\n") != std::string::npos);
  CHECK(heard.find("Content-Length") == std::string::npos);
  {
    Client stuck(running.server->port());
    stuck.send("GET /large-stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    // It reads nothing while the other goes on.
    good.hear("data: 60\n\n");
    std::atomic<std::size_t> open = 99;
    std::atomic<bool> known = false;
    running.server->post([&] {
      open = running.server->connections();
      known = true;
    });
    while (!known) ::poll(nullptr, 0, 1);
    CHECK(open == 1);
  }
}

TEST_CASE("a stream ends when its feed does") {
  Running running;
  running.server->every(20ms, [&] { running.server->wake_streams(); });
  Client client(running.server->port());
  client.send("GET /short-stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  const auto heard = client.hear();
  CHECK(heard.find("data: 1\n\ndata: 2\n\n") != std::string::npos);
  CHECK_FALSE(client.timed_out());
}

TEST_CASE("an address, port or certificate that cannot be used is an error") {
  Running running;
  ServerOptions options;
  options.port = running.server->port();
  const auto taken = Server::listen(options);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().text().find("[hmi] port") != std::string::npos);
  options.port = 0;
  options.host = "nowhere";
  CHECK_FALSE(Server::listen(options));
  options.host = "127.0.0.1";
  options.certificate = "/nonexistent.pem";
  options.key = "/nonexistent.key";
  const auto unsafe = Server::listen(options);
  REQUIRE_FALSE(unsafe);
  CHECK(unsafe.error().text().find("certificate") != std::string::npos);
}
