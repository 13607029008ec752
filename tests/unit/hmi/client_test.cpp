// SPDX-License-Identifier: Apache-2.0
// The client of the pages against servers that misbehave.
#include "plugin/hmi/client.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "plugin/hmi/server.hpp"
#include "tests/support/plain_server.hpp"

using namespace foreline;
using namespace foreline::hmi;
using namespace std::chrono_literals;

namespace {

Client::Options options(std::uint16_t port, std::chrono::milliseconds patience = 500ms) {
  Client::Options options;
  options.at = {false, "127.0.0.1", port};
  options.patience = patience;
  return options;
}

tests::Bytes bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

}  // namespace

TEST_CASE("an address of pages is a host and a port, with or without a scheme") {
  for (const char* text :
       {"127.0.0.1:15080", "http://127.0.0.1:15080", "http://127.0.0.1:15080/"}) {
    const auto found = pages_address(text);
    REQUIRE(found);
    CHECK(found->host == "127.0.0.1");
    CHECK(found->port == 15'080);
    CHECK_FALSE(found->secure);
  }
  CHECK(pages_address("https://plant-1.example:443")->secure);
  CHECK(pages_address("[::1]:80")->host == "::1");
  for (const char* text :
       {"", ":", "x", "x:", ":80", "x:0", "x:65536", "x:-1", "x:8 0", "ftp://x:80", "http://x",
        "http://x:80/path", "a b:80", "a\r\nb:80", "x:99999999999"})
    CHECK_FALSE(pages_address(text));
}

TEST_CASE("what is no answer is an error in time, and never an answer") {
  const std::vector<std::string> answers = {
      "",
      "garbage\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
      std::string(20'000, 'x')};
  for (const auto& answer : answers) {
    tests::PlainServer server([&](tests::Peer& peer) {
      (void)peer.bytes(4);
      peer.send(bytes(answer));
    });
    Client client(options(server.port()));
    const auto begun = std::chrono::steady_clock::now();
    const auto told = client.get("/api/alarms");
    INFO(answer.substr(0, 80));
    CHECK_FALSE(told);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
  }
  // What is HTTP and no JSON says so by its status alone.
  tests::PlainServer server([](tests::Peer& peer) {
    (void)peer.bytes(4);
    peer.send(bytes("HTTP/1.1 500 No\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"));
  });
  Client client(options(server.port()));
  const auto told = client.get("/");
  REQUIRE(told);
  CHECK(told->status == 500);
  CHECK(told->body.is_null());
  CHECK(told->refusal().find("500") != std::string::npos);
}

TEST_CASE("a server that says nothing is given up, one that is not there is named") {
  tests::PlainServer mute([](tests::Peer& peer) { (void)peer.bytes(100'000); });
  {
    Client client(options(mute.port(), 200ms));
    const auto told = client.get("/api/alarms");
    REQUIRE_FALSE(told);
    CHECK(told.error().text().find("no answer in time") != std::string::npos);
  }
  Client client(options(1));
  const auto told = client.get("/api/alarms");
  REQUIRE_FALSE(told);
  CHECK(told.error().text().find("127.0.0.1:1") != std::string::npos);
}

TEST_CASE("cookie and token of a session go with what follows, and it is ended") {
  ServerOptions rules;
  auto server = Server::listen(rules);
  REQUIRE(server);
  std::vector<std::string> asked;
  (*server)->serve([&](const Request& request, const Reply& reply) {
    asked.push_back(request.method + " " + request.path + " " + request.cookie + " " +
                    request.token);
    Response response;
    response.body = request.path == "/api/sign-in" ? "{\"token\":\"T\"}" : "{}";
    response.headers = {{"Set-Cookie", "foreline_session=S; Path=/; HttpOnly"}};
    reply(response);
  });
  {
    Client client(options((*server)->port()));
    REQUIRE(client.sign_in("eva", "x"));
    REQUIRE(client.post("/api/plan", Json::object()));
    REQUIRE(client.get("/api/alarms"));
  }
  server->reset();
  REQUIRE(asked.size() == 4);
  CHECK(asked[0] == "POST /api/sign-in  ");
  CHECK(asked[1] == "POST /api/plan foreline_session=S T");
  CHECK(asked[2] == "GET /api/alarms foreline_session=S ");
  CHECK(asked[3] == "POST /api/sign-out foreline_session=S T");
}
