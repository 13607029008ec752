// SPDX-License-Identifier: Apache-2.0
// Lines that are no plain series, behind the soft PLC: what people see of them, and plans from
// where they stand.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "plugin/attachment/attachment.hpp"
#include "plugin/host/plugin_settings.hpp"
#include "tests/support/soft_plc.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using attachment::Attachment;
using attachment::Refusal;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string orders_text =
    "id,product,quantity,release,due,weight\nfirst,a,60,,1h,1\nlong,a,200,,6h,1\nsoon,a,30,,50min,"
    "1\n";

/// Two mills side by side and a hob feed an assembly; what it makes is checked.
std::string line_text(const std::string& inspection) {
  return "format = \"foreline line 1\"\nname = \"shop\"\nproducts = [\"a\"]\n"
         "sample_period = \"10 s\"\n"
         "[[machine]]\nname = \"mill\"\nunits = 2\nafter = []\ncycle = \"20 s\"\nbuffer_after = 6\n"
         "[[machine]]\nname = \"hob\"\nafter = []\ncycle = \"5 s\"\nbuffer_after = 12\n"
         "[[machine]]\nname = \"join\"\ntakes = { mill = 1, hob = 2 }\ncycle = \"11 s\"\n"
         "buffer_after = 5\n"
         "[[machine]]\nname = \"check\"\ncycle = \"9 s\"\n" +
         inspection;
}

class Shop {
 public:
  Shop(const std::string& name, const std::string& inspection)
      : folder_(fs::path(FORELINE_BINARY_DIR) / "scratch" / ("branches-" + name)) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(folder_ / "line.toml") << line_text(inspection);
    std::ofstream(folder_ / "orders.csv") << orders_text;
    auto rules = read(1);
    plc_ = std::make_unique<tests::SoftPlc>(tests::trial_of(*rules.line, *rules.orders),
                                            "branches-" + name, 60);
    if (plc_->port() == 0) FAIL(plc_->said());
    rules = read(plc_->port());
    attachment::HostCalls host;
    host.event = [this](const attachment::Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
    attachment_ = std::make_unique<Attachment>(rules, host);
    const auto answer = attachment_->start();
    INFO(answer.text);
    REQUIRE(answer.refusal == Refusal::none);
  }
  Attachment& plugin() { return *attachment_; }
  json stands() {
    const auto snapshot = json::parse(attachment_->snapshot());
    return snapshot.value("stands", json());
  }
  std::string said(attachment::EventKind kind, const std::vector<std::string>& whats) {
    const std::lock_guard lock(mutex_);
    for (const auto& event : events_)
      if (event.kind == kind && std::find(whats.begin(), whats.end(), event.what) != whats.end())
        return event.what + ": " + event.text;
    return {};
  }
  bool has_failed_for(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    return std::any_of(events_.begin(), events_.end(), [&](const auto& event) {
      return event.kind == attachment::EventKind::plan && event.what == "failed" &&
             event.text.find(reason) != std::string::npos;
    });
  }
  static bool soon(const std::function<bool()>& holds, std::chrono::milliseconds limit = 20s) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < until) {
      if (holds()) return true;
      std::this_thread::sleep_for(20ms);
    }
    return holds();
  }

 private:
  core::Configuration read(std::uint16_t port) {
    // The names of the units are the line's.
    auto line = tests::line_of({tests::machine("mill-1", 1, 1), tests::machine("mill-2", 1, 1),
                                tests::machine("hob", 1, 1), tests::machine("join", 1, 1),
                                tests::machine("check", 1, 0)});
    host::PluginSettings settings;
    settings.line = "line.toml";
    settings.orders = "orders.csv";
    settings.host = "127.0.0.1";
    settings.port = port;
    settings.poll_s = 0.05;
    settings.writes = true;
    auto text = host::configuration_of(line, settings);
    const auto model = text.find("model = ");
    text.erase(model, text.find('\n', model) - model);
    std::ofstream(folder_ / "plugin.toml")
        << text << "[hmi]\n[planning]\nhorizon = \"2 h\"\nselection_seeds = 4\n"
        << "[gate]\nleast_futures = 20\nleast_stretches = 0\n";
    auto found = core::read_configuration(folder_ / "plugin.toml");
    if (!found) FAIL(found.error().text());
    return *found;
  }
  fs::path folder_;
  std::unique_ptr<tests::SoftPlc> plc_;
  std::mutex mutex_;
  std::vector<attachment::Event> events_;
  std::unique_ptr<Attachment> attachment_;
};

}  // namespace

TEST_CASE("a line with units and an assembly is seen as it stands, and planned from there") {
  Shop shop("assembly", "");
  REQUIRE(Shop::soon([&] {
    const auto stands = shop.stands();
    return stands.is_object() && stands["machines"][4]["good"][0].get<int>() > 5;
  }));
  const auto stands = shop.stands();
  for (const std::size_t m : {0U, 2U, 3U}) {
    REQUIRE(stands["buffers"][m].is_number());
    CHECK(stands["buffers"][m].get<int>() <= 12);
  }
  for (const auto& machine : stands["machines"]) CHECK(machine["held"].is_number());
  REQUIRE(shop.plugin().question());
  const auto now = shop.plugin().question()->now;
  REQUIRE(now.buffers.size() == 5);
  CHECK(now.frozen_prefix(shop.plugin().question()->active) >= 1);
  REQUIRE(shop.plugin().plan().refusal == Refusal::none);
  REQUIRE(Shop::soon(
      [&] {
        return !shop.said(attachment::EventKind::plan, {"proposed", "refused", "failed"}).empty();
      },
      60s));
  const auto said = shop.said(attachment::EventKind::plan, {"proposed", "refused", "failed"});
  INFO(said);
  CHECK(said.rfind("failed", 0) != 0);
}

TEST_CASE(
    "a line with rework is seen by its registers, and says why it is not planned from there") {
  Shop shop("rework",
            "inspection = { detects = \"90 %\", false_alarms = \"20 %\", rework = \"80 %\", "
            "rework_to = \"join\", rework_max = 2 }\n");
  REQUIRE(Shop::soon([&] {
    const auto stands = shop.stands();
    return stands.is_object() && stands["machines"][4]["good"][0].get<int>() > 5;
  }));
  const auto stands = shop.stands();
  for (const std::size_t m : {0U, 2U, 3U}) CHECK(stands["buffers"][m].is_number());
  // On a busy machine a reading may lie across a scan of the PLC, which is another reason.
  CHECK(Shop::soon([&] {
    REQUIRE(shop.plugin().plan().refusal == Refusal::none);
    std::this_thread::sleep_for(200ms);
    return shop.has_failed_for("rework");
  }));
}
