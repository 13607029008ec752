// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/sparkplug.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "tests/support/mutations.hpp"

using namespace foreline;
using core::Bytes;
using core::Metric;
using core::MetricType;
using line::Quality;

namespace {

core::SparkplugNode node_of_two() {
  return {"plant",
          "edge",
          {{"plc", {{"Speed", MetricType::real, "m/s"}, {"Runs", MetricType::boolean, ""}}},
           {"oven", {{"Name", MetricType::string, ""}}}}};
}

/// The sequence number at the end of a payload; -1: none.
int sequence_of(const Bytes& payload) {
  if (payload.size() >= 3 && payload[payload.size() - 3] == 0x18 && payload.back() == 1)
    return payload[payload.size() - 2];  // two bytes of varint: 128 and more
  return payload[payload.size() - 2] == 0x18 ? payload.back() : -1;
}

Metric only(const Bytes& payload) {
  const auto metrics = core::metrics_of(payload);
  REQUIRE(metrics);
  REQUIRE(metrics->size() == 1);
  return metrics->front();
}

}  // namespace

TEST_CASE("a metric has the bytes of sparkplug_b.proto, field by field") {
  Metric metric{"A", 300, 5, MetricType::real, 1.5, false, Quality::good};
  const Bytes inside = {0x0A, 1,    'A',                                    // name
                        0x10, 0xAC, 2,                                      // alias 300
                        0x18, 5,                                            // timestamp
                        0x20, 10,                                           // datatype double
                        0x4A, 16,                                           // properties:
                        0x0A, 7,    'Q',  'u', 'a',  'l',  'i', 't',  'y',  // a key
                        0x12, 5,    0x08, 3,   0x18, 0xC0, 1,               // its value, Int32 192
                        0x69, 0,    0,    0,   0,    0,    0,   0xF8, 0x3F};
  Bytes wanted = {0x12, static_cast<std::uint8_t>(inside.size())};
  wanted.insert(wanted.end(), inside.begin(), inside.end());
  const auto bytes = core::metric_bytes(metric);
  CHECK(bytes == wanted);
  const auto back = core::metrics_of(core::payload_bytes(9, bytes, 7));
  REQUIRE(back);
  CHECK(back->front().name == "A");
  CHECK(back->front().alias == 300U);
  CHECK(back->front().at_ms == 5);
  CHECK(std::get<double>(back->front().value) == 1.5);
  CHECK(sequence_of(core::payload_bytes(9, bytes, 7)) == 7);
}

TEST_CASE("births come first, in one sequence that wraps after 255, and deaths carry bdSeq") {
  auto node = node_of_two();
  const auto will = node.will(42, 1);
  CHECK(will.topic == "spBv1.0/plant/NDEATH/edge");
  CHECK(only(will.payload).name == "bdSeq");
  CHECK(std::get<std::uint64_t>(only(will.payload).value) == 42);
  CHECK(sequence_of(will.payload) == -1);
  CHECK(node.link(0, true, 1));  // not connected: the caller drops it
  const auto births = node.birth(2);
  REQUIRE(births.size() == 2);  // the oven is not there
  CHECK(births[0].topic == "spBv1.0/plant/NBIRTH/edge");
  CHECK(sequence_of(births[0].payload) == 0);
  const auto of_node = core::metrics_of(births[0].payload);
  REQUIRE(of_node);
  CHECK(std::get<std::uint64_t>(of_node->at(0).value) == 42);
  CHECK(of_node->at(1).name == "Node Control/Rebirth");
  CHECK(births[1].topic == "spBv1.0/plant/DBIRTH/edge/plc");
  CHECK(sequence_of(births[1].payload) == 1);
  const auto of_device = core::metrics_of(births[1].payload);
  REQUIRE(of_device);
  REQUIRE(of_device->size() == 2);
  CHECK(of_device->at(0).name == "Speed");
  CHECK(of_device->at(0).alias != of_device->at(1).alias);
  int last = 1;
  for (int i = 0; i < 300; ++i) {
    REQUIRE(node.change(0, 0, static_cast<double>(i), Quality::good, 10 + i));
    const auto records = node.take_changes(10 + i);
    REQUIRE(records.size() == 1);
    const auto message = node.data(records[0]);
    CHECK(message.topic == "spBv1.0/plant/DDATA/edge/plc");
    last = (last + 1) % 256;
    REQUIRE(sequence_of(message.payload) == last);
    const auto metric = only(message.payload);
    CHECK(metric.name.empty());  // known by its alias
    CHECK(metric.alias == of_device->at(0).alias);
  }
  const auto death = node.link(0, false, 900);
  REQUIRE(death);
  CHECK(death->topic == "spBv1.0/plant/DDEATH/edge/plc");
  CHECK(sequence_of(death->payload) == (last + 1) % 256);
  CHECK_FALSE(node.link(0, false, 901));
}

TEST_CASE("only changes are data, and what an absent device shows waits for its birth") {
  auto node = node_of_two();
  (void)node.will(0, 0);
  (void)node.link(0, true, 0);
  (void)node.birth(0);
  CHECK(node.change(0, 0, 2.0, Quality::good, 5));
  CHECK_FALSE(node.change(0, 0, 2.0, Quality::good, 6));
  CHECK(node.change(0, 0, 2.0, Quality::bad_stale, 7));  // the quality is a change
  CHECK(node.change(0, 0, std::nan(""), Quality::bad_sensor_failure, 8));
  CHECK(node.take_changes(9).size() == 1);
  CHECK(node.take_changes(9).empty());
  CHECK(node.change(1, 0, std::string("hot"), Quality::good, 10));
  CHECK(node.take_changes(11).empty());
  const auto birth = node.link(1, true, 12);
  REQUIRE(birth);
  CHECK(std::get<std::string>(only(birth->payload).value) == "hot");
}

TEST_CASE("what was kept is sent as history, by any process that has the same names") {
  auto first = node_of_two();
  (void)first.link(0, true, 0);
  (void)first.change(0, 0, 3.0, Quality::good, 77);
  const auto records = first.take_changes(78);
  REQUIRE(records.size() == 1);

  core::SparkplugNode later(
      "plant", "edge",
      {{"new", {{"X", MetricType::real, ""}}},
       {"plc", {{"Y", MetricType::real, ""}, {"Speed", MetricType::real, ""}}}});
  (void)later.birth(100);
  // The device is not there now: it is born before and dies after.
  const auto messages = later.history(records[0], 101);
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].topic == "spBv1.0/plant/DBIRTH/edge/plc");
  CHECK(messages[2].topic == "spBv1.0/plant/DDEATH/edge/plc");
  const auto metric = only(messages[1].payload);
  CHECK(metric.historical);
  CHECK(metric.at_ms == 77);
  CHECK(std::get<double>(metric.value) == 3.0);
  const auto births = core::metrics_of(messages[0].payload);
  CHECK(births->at(1).alias == metric.alias);  // Speed, wherever it is in the list

  core::SparkplugNode without("plant", "edge", {{"plc", {{"Y", MetricType::real, ""}}}});
  CHECK(without.history(records[0], 101).empty());
  CHECK(core::SparkplugNode("plant", "edge", {}).history(records[0], 101).empty());
}

TEST_CASE("a host's STATE is a JSON word with a time, and nothing else is") {
  const auto said = [](const std::string& text) {
    return core::host_state_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  const auto online = said(R"({"online": true, "timestamp": 1668114759262})");
  REQUIRE(online);
  CHECK(online->online);
  CHECK(online->at_ms == 1'668'114'759'262);
  CHECK_FALSE(said(R"({"online":false,"timestamp":5})")->online);
  for (const auto* text :
       {"", "ONLINE", "{}", "[]", "null", R"({"online":true})", R"({"timestamp":5})",
        R"({"online":"true","timestamp":5})", R"({"online":true,"timestamp":"5"})",
        R"({"online":true,"timestamp":1e300})", R"({"online":true,"timestamp":5)"})
    CHECK_FALSE(said(text));
  CHECK_FALSE(said(R"({"online":true,"timestamp":5,"more":")" + std::string(5000, 'x') + "\"}"));
  CHECK_FALSE(said(std::string(900, '[')));
}

TEST_CASE("a device is born again when it is asked for, and only that one") {
  core::SparkplugNode node("g", "n",
                           {{"press", {{"State", MetricType::string, ""}}}, {"oven", {}}});
  (void)node.birth(1);
  (void)node.link(0, true, 2);
  Metric command{"Device Control/Rebirth", {}, 1, MetricType::boolean, true, false, {}};
  const auto payload = core::payload_bytes(1, core::metric_bytes(command), std::nullopt);
  const auto born = node.birth_asked("spBv1.0/g/DCMD/n/press", payload, 3);
  REQUIRE(born);
  CHECK(born->topic == "spBv1.0/g/DBIRTH/n/press");
  CHECK_FALSE(node.birth_asked("spBv1.0/g/DCMD/n/oven", payload, 4));  // it is not there
  CHECK_FALSE(node.birth_asked("spBv1.0/g/DCMD/n/none", payload, 4));
  CHECK_FALSE(node.birth_asked("spBv1.0/g/NCMD/n", payload, 4));
  CHECK_FALSE(node.birth_asked("spBv1.0/g/DCMD/n/press", {}, 4));
}

TEST_CASE("a command asks for births only when it says so, and noise asks for nothing") {
  Metric command{"Node Control/Rebirth", {}, 1, MetricType::boolean, true, false, {}};
  const auto asks = [](const Metric& metric) {
    return core::SparkplugNode::asks_for_birth(
        core::payload_bytes(1, core::metric_bytes(metric), std::nullopt));
  };
  CHECK(asks(command));
  command.value = false;
  CHECK_FALSE(asks(command));
  command.value = true;
  command.name = "Node Control/Reboot";
  CHECK_FALSE(asks(command));
  std::uint64_t state = 9;
  for (int i = 0; i < 20'000; ++i) {
    Bytes noise(static_cast<std::size_t>(i % 50));
    for (auto& byte : noise) {
      state = state * 6'364'136'223'846'793'005ULL + 1;
      byte = static_cast<std::uint8_t>(state >> 56U);
    }
    CHECK_FALSE(core::SparkplugNode::asks_for_birth(noise));
  }
}

TEST_CASE("payloads that are cut, damaged or swollen are taken apart within their bounds") {
  core::SparkplugNode node("g", "n", {{"press", {{"State", MetricType::string, ""}}}});
  (void)node.birth(1);
  (void)node.link(0, true, 2);
  (void)node.change(0, 0, std::string("Execute"), line::Quality::good, 3);
  const auto records = node.take_changes(4);
  REQUIRE(records.size() == 1);
  Metric command{"Node Control/Rebirth", 7, 1, MetricType::boolean, true, true,
                 line::Quality::good};
  const auto bytes = core::payload_bytes(1, core::metric_bytes(command), std::uint8_t{3});
  const std::string whole(bytes.begin(), bytes.end());
  const std::string kept(records[0].metrics.begin(), records[0].metrics.end());
  tests::Mutations mutations(11);
  const auto damaged = [&](const std::string& text) {
    const auto wounded = mutations.of(text);
    return Bytes(wounded.begin(), wounded.end());
  };
  int understood = 0;
  for (int i = 0; i < 50'000; ++i) {
    const auto payload = damaged(whole);
    if (const auto metrics = core::metrics_of(payload)) {
      ++understood;
      std::size_t held = 0;
      for (const auto& metric : *metrics) held += metric.name.size();
      CHECK(held <= payload.size());
    }
    (void)core::SparkplugNode::asks_for_birth(payload);
    (void)node.birth_asked("spBv1.0/g/DCMD/n/press", payload, 5);
    (void)core::host_state_of(payload);
    // An outbox that somebody has written into.
    const auto content = damaged(kept);
    for (const auto& message : node.history({"press", 6, content}, 7))
      CHECK(message.payload.size() < 3 * content.size() + 200);
  }
  CHECK(understood > 1000);

  // A long name once, and then a thousand fields of the metrics' number that hold a number.
  Metric named = command;
  named.name = std::string(1000, 'x');
  Bytes swollen = core::payload_bytes(1, core::metric_bytes(named), std::nullopt);
  for (int i = 0; i < 1000; ++i) swollen.insert(swollen.end(), {0x10, 0x00});
  std::size_t held = 0;
  const auto many = core::metrics_of(swollen);
  REQUIRE(many);
  for (const auto& metric : *many) held += metric.name.size();
  CHECK(held == 1000);
  auto longest = core::payload_bytes(1, core::metric_bytes(command), std::nullopt);
  CHECK(core::SparkplugNode::asks_for_birth(longest));
  while (longest.size() < 100'000) longest.insert(longest.end(), {0x18, 0x00});
  CHECK_FALSE(core::SparkplugNode::asks_for_birth(longest));
}
