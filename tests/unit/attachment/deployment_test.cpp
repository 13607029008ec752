// SPDX-License-Identifier: Apache-2.0
// What becomes of a schedule after the gate: two people, deployment to the soft PLC, promises, the
// way back on request and by itself, and what a restart still knows. Real processes throughout.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "plugin/attachment/attachment.hpp"
#include "plugin/core/register_map.hpp"
#include "plugin/host/plugin_settings.hpp"
#include "plugin/io/modbus_client.hpp"
#include "plugin/store/store.hpp"
#include "sim/line/schedule_block.hpp"
#include "sim/plc/contract.hpp"
#include "sim/text/files.hpp"
#include "tests/support/programs.hpp"
#include "tests/support/soft_plc.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using attachment::Attachment;
using attachment::Refusal;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// How much longer everything takes under a sanitizer: waits are longer, and the line is slower,
/// so that it stands where it would stand otherwise when the plugin has seen it.
#if defined(__SANITIZE_THREAD__)
constexpr int slowness = 8;
#elif defined(__SANITIZE_ADDRESS__)
constexpr int slowness = 3;
#else
constexpr int slowness = 1;
#endif

/// One order under way, a long one next that nobody waits for, and three that are due soon.
const std::string line_text =
    "format = \"foreline line 1\"\nname = \"two\"\nproducts = [\"a\"]\nsample_period = \"30 s\"\n"
    "[[machine]]\nname = \"first\"\nbuffer_after = 10\n"
    "cycle = { distribution = \"normal\", mean = \"6 s\", deviation = \"0.3 s\" }\n"
    "[[machine]]\nname = \"second\"\n"
    "cycle = { distribution = \"normal\", mean = \"5 s\", deviation = \"0.3 s\" }\n";
const std::string orders_text =
    "id,product,quantity,release,due,weight\n"
    "running,a,120,,30min,1\nlong,a,300,,3h,1\n"
    "soon-1,a,30,,20min,1\nsoon-2,a,30,,25min,1\nsoon-3,a,30,,30min,1\n";

class Plant {
 public:
  /// The PLC's second machine takes `slower` times as long as the plugin's line file says.
  Plant(const std::string& name, double slower, const std::string& gate, double speed = 10,
        double poll_s = 0.02)
      : poll_s_(poll_s),
        folder_(fs::path(FORELINE_BINARY_DIR) / "scratch" / ("deployment-" + name)) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(folder_ / "line.toml") << line_text;
    std::ofstream(folder_ / "orders.csv") << orders_text;
    write_configuration(1, gate);  // for the line and the orders
    auto read = core::read_configuration(folder_ / "plugin.toml");
    if (!read) FAIL(read.error().text());
    auto line = *read->line;
    line.machines[1].cycle.mean *= slower;
    plc_ = std::make_unique<tests::SoftPlc>(tests::trial_of(line, *read->orders),
                                            "deployment-" + name, speed / slowness);
    if (plc_->port() == 0) FAIL(plc_->said());
    write_configuration(plc_->port(), gate);
    start();
  }

  ~Plant() { busy = false; }

  void start() {
    attachment_.reset();
    auto read = core::read_configuration(folder_ / "plugin.toml");
    if (!read) FAIL(read.error().text());
    attachment::HostCalls host;
    host.event = [this](const attachment::Event& event) {
      {
        const std::lock_guard lock(mutex_);
        events_.push_back(event);
      }
      while (busy && event.what == "proposed") std::this_thread::sleep_for(1ms);
    };
    attachment_ = std::make_unique<Attachment>(*read, host);
    const auto answer = attachment_->start();
    INFO(answer.text);
    REQUIRE(answer.refusal == Refusal::none);
    REQUIRE(soon([&] { return snapshot()["connected"] == true; }));
  }
  void stop() { attachment_.reset(); }

  Attachment& plugin() { return *attachment_; }
  [[nodiscard]] const fs::path& folder() const { return folder_; }
  json snapshot() { return json::parse(attachment_->snapshot()); }
  json deployment() { return snapshot()["deployment"]; }
  /// The last event of that kind, once there is one more than when it was asked before.
  std::string next(attachment::EventKind kind, const std::string& what,
                   std::chrono::milliseconds limit = 40s) {
    std::string found;
    (void)soon(
        [&] {
          const std::lock_guard lock(mutex_);
          while (heard_ < events_.size()) {
            const auto& event = events_[heard_++];
            if (event.kind != kind || event.what != what) continue;
            found = event.text + " " + event.detail_json;
            return true;
          }
          return false;
        },
        limit);
    INFO("wanted " << what << "\n" << all());
    REQUIRE_FALSE(found.empty());
    return found;
  }
  std::string all() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& event : events_)
      if (event.kind != attachment::EventKind::forecast)
        text += event.subject + " " + event.what + ": " + event.text + "\n";
    return text;
  }
  std::vector<store::AuditLine> audit() const {
    auto lines = store::Store::read_audit(folder_ / "store");
    REQUIRE(lines);
    return *lines;
  }
  std::size_t audited(const std::string& what) const {
    const auto lines = audit();
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(), [&](const auto& line) { return line.what == what; }));
  }
  void pace(std::uint16_t pace) const {
    const auto slower = std::max(1, pace / slowness);
    io::ModbusClient plc("127.0.0.1", plc_->port(), 1, slowness * 2s);
    REQUIRE(plc.connect());
    REQUIRE(plc.write(plc::contract::pace,
                      std::vector<std::uint16_t>{static_cast<std::uint16_t>(slower)}));
  }
  [[nodiscard]] std::vector<std::uint16_t> words(std::uint16_t address, std::uint16_t count) const {
    io::ModbusClient plc("127.0.0.1", plc_->port(), 1, 2s);
    REQUIRE(plc.connect());
    auto words = plc.read({core::RegisterTable::holding, address, count});
    REQUIRE(words);
    return *words;
  }
  /// As a kill leaves it behind the commit: the journal knows of what runs now, nothing else does.
  void leave_open(json meaning) const {
    meaning["sequence"] = words(plc::contract::commit_sequence, 1).front();
    meaning["block"] = words(plc::contract::active_base, line::block_size);
    auto store = store::Store::open(folder_ / "store");
    REQUIRE(store);
    REQUIRE(store->begin("deployment", meaning.dump()));
  }
  [[nodiscard]] std::vector<std::uint32_t> sequence() const {
    line::Schedule schedule;
    REQUIRE(line::from_block(words(plc::contract::active_base, line::block_size), schedule) ==
            line::BlockFault::none);
    std::vector<std::uint32_t> orders;
    for (const auto order : schedule.sequence) orders.push_back(order.index);
    return orders;
  }
  static bool soon(const std::function<bool()>& holds, std::chrono::milliseconds limit = 10s) {
    const auto until = std::chrono::steady_clock::now() + slowness * limit;
    while (std::chrono::steady_clock::now() < until) {
      if (holds()) return true;
      std::this_thread::sleep_for(20ms);
    }
    return holds();
  }

  /// Plans, approves and waits for the PLC.
  void deploy() {
    REQUIRE(plugin().plan().refusal == Refusal::none);
    next(attachment::EventKind::plan, "proposed");
    REQUIRE(plugin().decide(1, true, "ada").refusal == Refusal::none);
    next(attachment::EventKind::deploy, "confirmed");
    CHECK(sequence() != as_ordered);
  }

  const std::vector<std::uint32_t> as_ordered = {0, 1, 2, 3, 4};
  /// Telling of a proposal keeps the plugin's thread from everything else.
  std::atomic<bool> busy = false;

 private:
  void write_configuration(std::uint16_t port, const std::string& gate) const {
    auto line = tests::line_of({tests::machine("first", 6, 10), tests::machine("second", 5, 0)});
    host::PluginSettings settings;
    settings.line = "line.toml";
    settings.orders = "orders.csv";
    settings.host = "127.0.0.1";
    settings.port = port;
    settings.poll_s = poll_s_;
    settings.writes = true;
    auto text = host::configuration_of(line, settings);
    text.erase(text.find("model = "),
               text.find('\n', text.find("model = ")) - text.find("model = "));
    std::ofstream(folder_ / "plugin.toml")
        << text << "[planning]\nhorizon = \"1 h\"\nselection_seeds = 8\ncheck_every = \"5 min\"\n"
        << "twin = \"twin\"\n"
        << "[gate]\nleast_futures = 30\nlargest_moved = \"100 %\"\nlargest_shift = \"100 "
           "%\"\nhold_off = \"0 s\"\n"
        << "largest_on_time_drop = \"20 %\"\n"
        << gate;
  }

  double poll_s_;
  fs::path folder_;
  std::unique_ptr<tests::SoftPlc> plc_;
  std::mutex mutex_;
  std::vector<attachment::Event> events_;
  std::size_t heard_ = 0;
  std::unique_ptr<Attachment> attachment_;
};

}  // namespace

TEST_CASE("who approves sees each register with its limits, and afterwards what was read back") {
  Plant plant("registers", 1, "least_stretches = 0\n");
  CHECK_FALSE(plant.plugin().staging(1, false));
  CHECK_FALSE(plant.plugin().staging(1, true));
  REQUIRE(plant.plugin().plan().refusal == Refusal::none);
  plant.next(attachment::EventKind::plan, "proposed");
  const auto staging = plant.plugin().staging(1, false);
  REQUIRE(staging);
  const auto told = json::parse(*staging);
  const auto& registers = told["registers"];
  REQUIRE(registers.size() == line::block_size + 1);
  const auto active = plant.words(plc::contract::active_base, line::block_size);
  const auto held = plant.words(plc::contract::staging_base, line::block_size);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < active.size(); ++i) {
    CHECK(registers[i]["address"] == plc::contract::staging_base + i);
    CHECK(registers[i]["active_address"] == plc::contract::active_base + i);
    CHECK(registers[i]["active"] == active[i]);
    CHECK(registers[i]["held"] == held[i]);
    CHECK(registers[i]["word"] >= registers[i]["low"]);
    CHECK(registers[i]["word"] <= registers[i]["high"]);
    changed += registers[i]["word"] != registers[i]["active"] ? 1U : 0U;
  }
  CHECK(changed >= 3);  // two places and the checksum
  CHECK(registers[1]["by"] == "orders that have started or are frozen");
  CHECK(registers.back()["address"] == plc::contract::commit_sequence);
  CHECK(told["back"].size() == 5);
  // Nothing was written by looking.
  CHECK(plant.words(plc::contract::staging_base, line::block_size) == held);

  REQUIRE(plant.plugin().decide(1, true, "ada").refusal == Refusal::none);
  const auto confirmed = plant.next(attachment::EventKind::deploy, "confirmed");
  const auto back = json::parse(confirmed.substr(confirmed.find(" {") + 1))["registers"];
  REQUIRE(back.size() == registers.size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    CHECK(back[i]["word"] == registers[i]["word"]);
    CHECK(back[i]["active"] == back[i]["word"]);
  }
  const auto way_back = plant.plugin().staging(1, true);
  REQUIRE(way_back);
  CHECK(json::parse(*way_back)["registers"][2]["word"] == active[2]);
}

TEST_CASE("registers that nobody waits for any more are not read") {
  Plant plant("nobody-waits", 1, "least_stretches = 0\n", 10, 600);
  plant.busy = true;
  REQUIRE(plant.plugin().plan().refusal == Refusal::none);
  plant.next(attachment::EventKind::plan, "proposed");
  const auto requests = [&] {
    return plant.snapshot()["devices"][0]["requests"].get<std::uint64_t>();
  };
  const auto before = requests();
  CHECK_FALSE(plant.plugin().staging(1, false, 1ms));
  plant.busy = false;
  CHECK_FALSE(plant.plugin().staging(7, false));
  CHECK_FALSE(plant.plugin().staging(1, true));
  CHECK(requests() == before);
  CHECK(plant.plugin().staging(1, false));
  CHECK(requests() > before);
}

TEST_CASE("a deployed schedule is taken back on request, and a person must clear that") {
  Plant plant("request", 1, "least_stretches = 0\n");
  CHECK(plant.plugin().roll_back("ada").refusal == Refusal::refused);
  plant.deploy();
  CHECK(plant.audited("promised") == 1);
  CHECK(plant.deployment()["proposal"] == 1);
  CHECK(plant.deployment()["gain_lower"].get<double>() > 0);
  const auto back = json::parse(plant.plugin().way_back());
  CHECK(back["after"]["sequence"] == json({"running", "long", "soon-1", "soon-2", "soon-3"}));

  REQUIRE(plant.plugin().roll_back("grace").refusal == Refusal::none);
  const auto told = plant.next(attachment::EventKind::deploy, "rolled-back");
  CHECK(told.find("grace") != std::string::npos);
  CHECK(plant.sequence() == plant.as_ordered);
  const auto registers = json::parse(told.substr(told.find(" {") + 1))["registers"];
  REQUIRE(registers.size() == line::block_size + 1);
  const auto active = plant.words(plc::contract::active_base, line::block_size);
  for (std::size_t i = 0; i < active.size(); ++i) {
    CHECK(registers[i]["word"] == active[i]);
    CHECK(registers[i]["active"] == active[i]);
  }
  CHECK(plant.audited("rolled back") == 1);
  CHECK(plant.deployment()["locked_out"] == true);
  CHECK(plant.deployment()["broken"] == 1);
  CHECK(plant.plugin().way_back() == "null");

  // Also after a restart.
  plant.stop();
  plant.start();
  CHECK(plant.deployment()["locked_out"] == true);
  CHECK(plant.plugin().roll_back("grace").refusal == Refusal::refused);
  REQUIRE(plant.plugin().plan().refusal == Refusal::none);
  const auto refused = plant.next(attachment::EventKind::plan, "refused");
  CHECK(refused.find("rolled back and nobody has cleared") != std::string::npos);
  REQUIRE(plant.plugin().clear_lock_out("ada").refusal == Refusal::none);
  plant.next(attachment::EventKind::deploy, "cleared");
  CHECK(plant.deployment()["locked_out"] == false);
  CHECK(plant.plugin().clear_lock_out("ada").refusal == Refusal::refused);
  CHECK(plant.audited("cleared") == 1);
}

TEST_CASE(
    "row 28: a schedule that a kill behind its commit left in force is told, followed, and can be "
    "taken back") {
  Plant plant("killed-committed", 1, "least_stretches = 0\n");
  plant.deploy();
  json promise;
  for (const auto& line : plant.audit())
    if (line.what == "promised") promise = json::parse(line.detail);
  plant.stop();
  const auto running = plant.sequence();
  fs::remove_all(plant.folder() / "store");
  plant.leave_open({{"promise", promise}});

  plant.start();
  CHECK(plant.next(attachment::EventKind::deploy, "recovered").find("it is in force") !=
        std::string::npos);
  CHECK(plant.sequence() == running);
  CHECK(plant.audited("promised") == 1);
  CHECK(plant.deployment()["proposal"] == 1);
  REQUIRE(plant.plugin().roll_back("grace").refusal == Refusal::none);
  plant.next(attachment::EventKind::deploy, "rolled-back");
  CHECK(plant.sequence() == plant.as_ordered);
}

TEST_CASE("row 28: a roll-back that a kill behind its commit left in force locks out, too") {
  Plant plant("killed-back", 1, "least_stretches = 0\n");
  plant.deploy();
  plant.stop();
  const auto kept = plant.folder() / "kept";
  fs::copy(plant.folder() / "store", kept, fs::copy_options::recursive);
  plant.start();
  REQUIRE(plant.plugin().roll_back("grace").refusal == Refusal::none);
  plant.next(attachment::EventKind::deploy, "rolled-back");
  plant.stop();
  fs::remove_all(plant.folder() / "store");
  fs::rename(kept, plant.folder() / "store");
  plant.leave_open({{"back", {{"proposal", 1}, {"because", "on request"}, {"who", "grace"}}}});

  plant.start();
  CHECK(plant.next(attachment::EventKind::deploy, "rolled-back").find("grace") !=
        std::string::npos);
  plant.next(attachment::EventKind::deploy, "recovered");
  CHECK(plant.sequence() == plant.as_ordered);
  CHECK(plant.deployment()["locked_out"] == true);
  CHECK(plant.audited("rolled back") == 1);
}

TEST_CASE("a running plugin keeps the plant's now as files that futures begin from") {
  Plant plant("twin", 1, "");
  std::optional<text::Scenario> kept;
  REQUIRE(Plant::soon(
      [&] {
        auto read = text::read_scenario_file(plant.folder() / "twin" / "plant.toml");
        if (read) kept = std::move(*read);
        // The first order is under way.
        return kept && kept->from->machines[0].progress[0].good > 3;
      },
      40s));
  const auto& now = *kept->from;
  CHECK(now.at_s > 20);
  CHECK(now.buffer_level(0) >= 0);
  CHECK(kept->schedule.sequence.size() == 5);
  auto trial = text::trial_of(*kept, 0);
  trial.random_faults = false;
  const auto outcome = tests::run(trial);
  CHECK(outcome.end == line::Outcome::End::done);
  // 510 parts at 6 s on the first machine, less what is made already.
  const double left = 510.0 - now.machines[0].progress[0].good;
  CHECK(outcome.end_s - now.at_s == Approx(6 * left).margin(60));
}

TEST_CASE("the command takes a deployed schedule back, and clears that") {
  Plant plant("command", 1, "least_stretches = 0\n");
  const auto rollback = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"rollback", "--plugin",
                                      fmt::format("127.0.0.1:{}", plant.plugin().server_port())};
    words.insert(words.end(), more.begin(), more.end());
    tests::Foreline command(words);
    const auto status = command.end();
    return std::pair(status, command.said());
  };
  const auto nothing = rollback({"--as", "grace"});
  INFO(nothing.second);
  CHECK(nothing.first != 0);
  plant.deploy();
  CHECK(rollback({"--status"}).first == 0);
  const auto began = std::chrono::steady_clock::now();
  const auto [status, said] = rollback({"--as", "grace"});
  INFO(said);
  CHECK(status == 0);
  CHECK(std::chrono::steady_clock::now() - began < slowness * 5s);  // G11
  CHECK(plant.sequence() == plant.as_ordered);
  CHECK(plant.deployment()["locked_out"] == true);
  CHECK(plant.audited("rolled back") == 1);
  CHECK(rollback({"--clear", "--as", "ada"}).first == 0);
  CHECK(plant.deployment()["locked_out"] == false);
}

TEST_CASE("a line that does not keep what was simulated gets its former schedule back by itself") {
  Plant plant("by-itself", 2.6, "least_stretches = 0\n");
  plant.deploy();
  plant.pace(200);
  const auto told = plant.next(attachment::EventKind::deploy, "rolled-back");
  CHECK(told.find("foreline rolled") != std::string::npos);
  CHECK(told.find("for 3 windows") != std::string::npos);
  CHECK(plant.deployment()["locked_out"] == true);
  const auto sequence = plant.sequence();
  CHECK(sequence[0] == 0);
  INFO(plant.all() << fmt::format("{}", fmt::join(sequence, " ")));
  // Whatever had not started stands behind the long order again.
  CHECK(std::find(sequence.begin(), sequence.end(), 1U) <
        std::find(sequence.begin(), sequence.end(), 4U));
}

TEST_CASE("a schedule that keeps its promise is judged when its work is done") {
  Plant plant("kept", 1, "least_stretches = 0\n");
  plant.deploy();
  plant.pace(100);
  const auto told = plant.next(attachment::EventKind::deploy, "settled", 100s);
  INFO(told);
  const auto settled = json::parse(told.substr(told.find('{')));
  const auto now = plant.deployment();
  REQUIRE(settled["realised"].is_number());
  CHECK(settled["realised"].get<double>() > now["gain_lower"].get<double>());
  CHECK(now["judged"] == 1);
  CHECK(now["broken"] == 0);
  CHECK(now["locked_out"] == false);
  CHECK(plant.audited("settled") == 1);
}

TEST_CASE("an order that leaves its simulated band asks for another plan") {
  Plant plant("out-of-band", 2.6, "least_stretches = 0\nleast_gain = \"99 %\"\n");
  REQUIRE(plant.plugin().plan().refusal == Refusal::none);
  plant.next(attachment::EventKind::plan, "refused");
  plant.pace(200);
  const auto reason = plant.next(attachment::EventKind::plan, "reason");
  CHECK(reason.find("is not over after") != std::string::npos);
  CHECK(plant.next(attachment::EventKind::plan, "started").find("because of order") !=
        std::string::npos);
}

TEST_CASE("what the gate refuses is deployed by two people, not by one twice") {
  // It moves what is open, which this plant does not want at all.
  Plant plant("two-people", 1, "least_stretches = 0\nlargest_start_deviation = \"1 s\"\n");
  REQUIRE(plant.plugin().plan().refusal == Refusal::none);
  const auto refused = plant.next(attachment::EventKind::plan, "refused");
  CHECK(json::parse(refused.substr(refused.find('{')))["can_be_overruled"] == true);
  REQUIRE(plant.plugin().decide(1, true, "ada").refusal == Refusal::none);
  plant.next(attachment::EventKind::deploy, "signed");
  CHECK(plant.plugin().decide(1, true, "ada").refusal == Refusal::refused);
  CHECK(plant.sequence() == plant.as_ordered);
  REQUIRE(plant.plugin().decide(1, true, "grace").refusal == Refusal::none);
  const auto approved = plant.next(attachment::EventKind::deploy, "approved");
  CHECK(approved.find("grace and ada, against the gate") != std::string::npos);
  plant.next(attachment::EventKind::deploy, "confirmed");
  CHECK(plant.sequence() != plant.as_ordered);
}

TEST_CASE("a plan that is ready before the next poll is not from the future") {
  Plant plant("between-polls", 1, "least_stretches = 0\n", 10, 3);
  REQUIRE(plant.plugin().plan().refusal == Refusal::none);
  plant.next(attachment::EventKind::plan, "proposed");
  CHECK(plant.all().find("refused") == std::string::npos);
}

TEST_CASE("nobody overrules a state that is too old") {
  Plant plant("no-overruling", 1, "least_stretches = 0\noldest_state = \"1 s\"\n", 60);
  REQUIRE(plant.plugin().plan().refusal == Refusal::none);
  plant.next(attachment::EventKind::plan, "refused");
  CHECK(plant.plugin().decide(1, true, "ada").refusal == Refusal::refused);
}

TEST_CASE("the simulation is compared with the line, and the gate wants that it is right") {
  SECTION("a line as in its file") {
    Plant plant("compared", 1, "least_stretches = 2\n", 60);
    REQUIRE(Plant::soon([&] { return plant.audited("simulation compared") >= 2; }, 30s));
    plant.pace(10);
    for (const auto& line : plant.audit()) {
      if (line.what != "simulation compared") continue;
      const auto stretch = json::parse(line.detail);
      INFO(line.detail);
      CHECK(stretch["came"].get<double>() > 30);
      CHECK(std::abs(stretch["came"].get<double>() - stretch["replayed"].get<double>()) < 4);
    }
    REQUIRE(plant.plugin().plan().refusal == Refusal::none);
    REQUIRE(Plant::soon([&] { return plant.snapshot()["proposal"]["number"] == 1; }, 30s));
    CHECK(plant.all().find("twin:") == std::string::npos);
  }
  SECTION("a line whose second machine is slower than its file says") {
    Plant plant("compared-slow", 2, "least_stretches = 2\n", 60);
    REQUIRE(Plant::soon([&] { return plant.audited("simulation compared") >= 2; }, 30s));
    plant.pace(10);
    REQUIRE(plant.plugin().plan().refusal == Refusal::none);
    const auto refused = plant.next(attachment::EventKind::plan, "refused");
    const auto checks = json::parse(refused.substr(refused.find('{')))["checks"];
    for (const auto& check : checks)
      if (check["rule"] == "G6") {
        INFO(check.dump());
        CHECK(check["passed"] == false);
        CHECK(check["text"].get<std::string>().find("stretches in the 90") != std::string::npos);
      }
  }
}
