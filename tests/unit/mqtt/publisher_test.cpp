// SPDX-License-Identifier: Apache-2.0
#include "plugin/mqtt/publisher.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "tests/support/plain_server.hpp"
#include "tests/support/silent_name.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using namespace foreline::mqtt;
using namespace std::chrono_literals;
using tests::end_silence;
using tests::silent_answered;
using tests::silent_asked;

namespace {

bool soon(const std::function<bool()>& holds, std::chrono::milliseconds limit = 5s) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    if (holds()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return holds();
}

PublisherOptions options(const std::string& host, std::uint16_t port, const std::string& name) {
  PublisherOptions options;
  options.link.host = host;
  options.link.port = port;
  options.link.client = "test";
  options.group = "plant";
  options.node = "line";
  options.folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / ("mqtt-" + name);
  fs::remove_all(options.folder);
  fs::create_directories(options.folder);
  options.now_ms = [] { return std::int64_t{1'700'000'000'000}; };
  return options;
}

std::vector<core::SparkplugDevice> devices() {
  return {{"plc", {{"Speed", core::MetricType::real, ""}}}};
}

/// Empty when publishing is not to be had here.
std::unique_ptr<Publisher> started(PublisherOptions rules) {
  auto publisher = Publisher::start(std::move(rules), devices());
  if (!publisher) {
    WARN("left out: " << publisher.error().text());
    return nullptr;
  }
  return std::move(*publisher);
}

/// One MQTT packet: its first byte and what follows the length; empty when the client has gone.
tests::Bytes packet_from(const tests::Peer& peer) {
  auto packet = peer.bytes(1);
  std::size_t size = 0;
  for (unsigned shift = 0; !packet.empty(); shift += 7) {
    const auto byte = peer.bytes(1);
    if (byte.empty()) return {};
    size |= static_cast<std::size_t>(byte[0] & 0x7FU) << shift;
    if (byte[0] < 0x80) break;
  }
  if (packet.empty() || size == 0) return packet;
  const auto rest = peer.bytes(size);
  if (rest.empty()) return {};
  packet.insert(packet.end(), rest.begin(), rest.end());
  return packet;
}

}  // namespace

TEST_CASE(
    "a broker whose name hangs holds up nothing: values go to disk, and the end comes at once") {
  auto publisher = started(options("silent.example", 1883, "silent"));
  if (!publisher) return;
  REQUIRE(soon([] { return silent_asked > 0; }));
  publisher->link(0, true);
  for (int i = 0; i < 5; ++i) {
    publisher->change(0, 0, core::MetricValue(double(i)), line::Quality::good, 1000 + i);
    std::this_thread::sleep_for(120ms);
  }
  // The name has no answer yet, and what was to be sent is on disk all the same.
  CHECK(soon([&] { return publisher->counters().kept > 0; }));
  CHECK(silent_answered < silent_asked);
  const auto begun = std::chrono::steady_clock::now();
  publisher.reset();
  CHECK(std::chrono::steady_clock::now() - begun < 3s);
  CHECK(silent_answered < silent_asked);
  end_silence();
  std::this_thread::sleep_for(100ms);  // the thread that nobody waits for ends
}

TEST_CASE("a broker that is not there, refuses or talks nonsense is told once and tried again") {
  std::mutex mutex;
  std::vector<std::string> said;
  auto rules = options("127.0.0.1", 1, "absent");
  rules.log = [&](bool, const std::string& line) {
    const std::lock_guard lock(mutex);
    said.push_back(line);
  };
  const auto told = [&] {
    const std::lock_guard lock(mutex);
    return said.size();
  };
  if (auto publisher = started(rules)) {
    CHECK(soon([&] { return told() == 1; }));
    std::this_thread::sleep_for(1200ms);  // a second attempt lies within
    CHECK(told() == 1);
    CHECK(said.front().find("Connection refused") != std::string::npos);
  }
  tests::PlainServer nonsense([](tests::Peer& peer) {
    (void)peer.bytes(8);
    peer.send(tests::Bytes(300, 0xFF));
  });
  said.clear();
  rules.link.port = nonsense.port();
  if (auto publisher = started(rules)) {
    CHECK(soon([&] { return nonsense.connections() >= 2; }, 10s));
    CHECK(told() == 1);
    CHECK_FALSE(publisher->counters().connected);
  }
}

TEST_CASE(
    "a broker that dies in the middle of a message loses nothing, and history comes in order") {
  constexpr int deaths = 2;
  std::mutex mutex;
  std::vector<std::uint64_t> taken;    ///< By a broker that lived on.
  std::vector<std::uint64_t> history;  ///< Likewise.
  std::vector<std::uint64_t> swallowed;
  std::atomic<int> connection = 0;
  tests::PlainServer broker([&](tests::Peer& peer) {
    const bool dies = ++connection <= deaths;
    int data = 0;
    for (auto packet = packet_from(peer); !packet.empty(); packet = packet_from(peer)) {
      if (packet[0] >> 4U == 1) peer.send({0x20, 2, 0, 0});
      if (packet[0] >> 4U == 8 && !dies) peer.send({0x90, 3, packet[1], packet[2], 0});
      if (packet[0] >> 4U != 3) continue;
      const auto topic = std::size_t{3} + static_cast<std::size_t>((packet[1] << 8U) | packet[2]);
      const auto metrics = core::metrics_of(std::span(packet).subspan(topic));
      const std::string name(packet.begin() + 3,
                             packet.begin() + static_cast<std::ptrdiff_t>(topic));
      const bool data_now = name.find("/DDATA/") != std::string::npos;
      if (!metrics || (!data_now && name.find("/DBIRTH/") == std::string::npos)) continue;
      const std::lock_guard lock(mutex);
      for (const auto& metric : *metrics)
        if (const auto* value = std::get_if<std::uint64_t>(&metric.value))
          (!dies ? metric.historical ? history : taken : swallowed).push_back(*value);
      if (dies && data_now && ++data == 4) {
        (void)peer.bytes(5);  // of the next
        return;
      }
    }
  });
  auto publisher = Publisher::start(options("127.0.0.1", broker.port(), "dies"),
                                    {{"plc", {{"Count", core::MetricType::uint64, ""}}}});
  if (!publisher) {
    WARN("left out: " << publisher.error().text());
    return;
  }
  (*publisher)->link(0, true);
  std::uint64_t last = 0;
  const auto shown = [&](const std::vector<std::uint64_t>& values, std::uint64_t value) {
    const std::lock_guard lock(mutex);
    return std::find(values.begin(), values.end(), value) != values.end();
  };
  CHECK(soon(
      [&] {
        ++last;
        (*publisher)->change(0, 0, last, line::Quality::good, 1000 + static_cast<int>(last));
        std::this_thread::sleep_for(10ms);
        return connection > deaths && (*publisher)->counters().connected;
      },
      20s));
  CHECK(soon([&] { return shown(taken, last) || shown(history, last); }, 10s));
  CHECK(swallowed.size() > 4);
  for (const auto value : swallowed) {
    INFO(value);
    CHECK(soon([&] { return shown(history, value) || shown(taken, value); }));
  }
  CHECK(soon([&] { return (*publisher)->counters().kept == 0; }, 10s));
  const std::lock_guard lock(mutex);
  CHECK(std::is_sorted(history.begin(), history.end()));
}
