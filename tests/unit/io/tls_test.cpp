// SPDX-License-Identifier: Apache-2.0
// Modbus/TCP Security on both sides, with certificates made by the openssl program for this test.
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>

#include "plugin/io/modbus_client.hpp"
#include "plugin/io/register_server.hpp"
#include "tests/support/plain_client.hpp"

using namespace foreline;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// An authority, and what it has signed.
class Authority {
 public:
  explicit Authority(const std::string& name)
      : folder_(fs::path(FORELINE_BINARY_DIR) / "scratch" / ("tls-" + name)) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=" +
        name + " -keyout ca.key -out ca.pem");
  }
  /// A certificate for `host` that carries `role` (none when empty).
  core::TlsFiles sign(const std::string& name, const std::string& host, const std::string& role,
                      int days = 2) {
    std::ofstream extensions(folder_ / (name + ".ext"));
    extensions << "subjectAltName=DNS:" << host << ",IP:127.0.0.1\n";
    if (!role.empty()) extensions << "1.3.6.1.4.1.50316.802.1=ASN1:UTF8String:" << role << "\n";
    extensions.close();
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + host +
        " -keyout " + name + ".key -out " + name + ".csr");
    run("openssl x509 -req -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days " +
        std::to_string(days) + " -extfile " + name + ".ext -out " + name + ".pem");
    core::TlsFiles files;
    files.authorities = (folder_ / "ca.pem").string();
    files.certificate = (folder_ / (name + ".pem")).string();
    files.key = (folder_ / (name + ".key")).string();
    return files;
  }

 private:
  void run(const std::string& command) {
    const auto line = "cd '" + folder_.string() + "' && " + command + " >log 2>&1";
    REQUIRE(std::system(line.c_str()) == 0);
  }
  fs::path folder_;
};

bool openssl_is_there() {
  return std::system("openssl version >/dev/null 2>&1") == 0;
}

struct Served {
  std::string role = "-";
  std::mutex mutex;
  std::unique_ptr<io::RegisterServer> server;
  explicit Served(const core::TlsFiles& files) {
    io::ServerOptions options;
    options.tls = files;
    auto started = io::RegisterServer::start(
        options, [this](std::uint16_t, std::span<const std::uint16_t>, const std::string& from) {
          const std::lock_guard lock(mutex);
          role = from;
          return from == "approver" ? core::Taken::yes : core::Taken::no;
        });
    if (!started) FAIL(started.error().text());
    server = std::move(*started);
    server->publish({10, 11, 12, 13}, {});
  }
  [[nodiscard]] core::Device device(const core::TlsFiles& files) const {
    core::Device settings;
    settings.transport = core::Transport::tls;
    settings.port = server->port();
    settings.tls = files;
    settings.timeout_s = 2;
    return settings;
  }
};

}  // namespace

TEST_CASE("under TLS both sides show certificates, and the role in the client's decides") {
  if (!openssl_is_there()) {
    WARN("the openssl program is not installed: nothing was tested");
    return;
  }
  Authority plant("plant");
  Authority stranger("stranger");
  Served served(plant.sign("server", "foreline.plant", ""));
  auto approver = plant.sign("approver", "hmi.plant", "approver");
  approver.peer_name = "foreline.plant";
  {
    io::ModbusClient client(served.device(approver));
    const auto connected = client.connect();
    INFO((connected ? std::string() : connected.error().text()));
    REQUIRE(connected);
    const auto words = client.read({core::RegisterTable::holding, 0, 4});
    REQUIRE(words);
    CHECK(*words == std::vector<std::uint16_t>{10, 11, 12, 13});
    const std::vector<std::uint16_t> one = {1};
    CHECK(client.write(60, one));
    CHECK(served.role == "approver");
  }
  for (const std::string role : {"viewer", ""}) {
    auto other = plant.sign("other" + role, "hmi.plant", role);
    other.peer_name = "foreline.plant";
    io::ModbusClient client(served.device(other));
    REQUIRE(client.connect());
    CHECK(client.read({core::RegisterTable::holding, 0, 4}));
    const std::vector<std::uint16_t> one = {1};
    const auto refused = client.write(60, one);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text().find("exception 1") != std::string::npos);
    CHECK(served.role == role);
  }
  const auto fails = [&](const core::TlsFiles& files) -> std::string {
    io::ModbusClient client(served.device(files));
    if (auto connected = client.connect(); !connected) return connected.error().text();
    const auto read = client.read({core::RegisterTable::holding, 0, 4});
    return read ? std::string() : read.error().text();
  };
  const auto says = [&](const core::TlsFiles& files, const std::string& part) {
    const auto text = fails(files);
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  auto foreign = stranger.sign("client", "hmi.plant", "approver");
  foreign.peer_name = "foreline.plant";
  foreign.authorities = approver.authorities;
  CHECK_FALSE(fails(foreign).empty());  // signed by nobody whom the server knows
  auto elsewhere = approver;
  elsewhere.peer_name = "another.plant";
  says(elsewhere, "its certificate does not name \"another.plant\"");
  auto unbelieving = approver;
  unbelieving.authorities = foreign.certificate;
  says(unbelieving, "its certificate is not believed: ");
  auto broken = approver;
  broken.key = broken.certificate;
  says(broken, "the key " + broken.key + " cannot be used: ");
  auto absent = approver;
  absent.authorities = "no-such-ca.pem";
  says(absent, "the authorities no-such-ca.pem cannot be used: No such file");
  // One that has expired is believed by neither side.
  auto expired = plant.sign("expired", "foreline.plant", "approver", -1);
  expired.peer_name = "foreline.plant";
  CHECK_FALSE(fails(expired).empty());
  {
    Served late(expired);
    io::ModbusClient client(late.device(approver));
    const auto connected = client.connect();
    REQUIRE_FALSE(connected);
    CHECK(connected.error().text().find("certificate has expired") != std::string::npos);
  }
  // Plain Modbus on the TLS port is no handshake, and one that never comes is not waited for long.
  tests::PlainClient plain(served.server->port());
  plain.send({0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1});
  CHECK(plain.closed_within(7s));
}

TEST_CASE("a certificate that cannot be used is named before anything is served") {
  io::ServerOptions options;
  options.tls = core::TlsFiles{"no-such-ca.pem", "no-such.pem", "no-such.key", {}};
  const auto started = io::RegisterServer::start(options, {});
  REQUIRE_FALSE(started);
  CHECK(started.error().text().find("no-such-ca.pem cannot be used: No such file") !=
        std::string::npos);
}
