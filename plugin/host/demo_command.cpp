// SPDX-License-Identifier: Apache-2.0
// The main job from end to end with the commands a user would type: `serve` is the line and its
// PLC, `watch` is the integrator's host, `deploy` is the person at the desk. This file only starts
// them, reads what they say, and afterwards runs the same seed once more without the change.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/hmi/accounts.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/interruption.hpp"
#include "plugin/host/process.hpp"
#include "plugin/host/progress.hpp"
#include "plugin/host/story.hpp"
#include "plugin/io/modbus_client.hpp"
#include "plugin/report/page.hpp"
#include "plugin/store/store.hpp"
#include "sim/plc/contract.hpp"
#include "sim/text/document.hpp"
#include "sim/text/files.hpp"
#include "sim/worker/wire.hpp"

namespace foreline::host {

namespace {

/// Line time runs at many times the real pace, and everything waits for the plan: fewer futures and
/// an older state must do, and no stretch of time is seen whole often enough to be compared with
/// the simulation. A service that was not needed is allowed to cost something.
constexpr const char* demo_gate =
    "\n[gate]\nleast_gain = \"1 %\"\nleast_futures = 40\nleast_stretches = 0\nlargest_tail_growth "
    "= \"5 %\"\n"
    "largest_on_time_drop = \"50 %\"\nlargest_corner_loss = \"40 %\"\noldest_state = \"1h\"\n"
    "largest_moved = \"80 %\"\nlargest_shift = \"80 %\"\nhold_off = \"30 min\"\n";

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;

constexpr int restarts_max = 5;
/// While schedules are simulated the line runs no faster, so that it does not outrun the plan that
/// is for it on a busy machine. A real line runs at 1.
constexpr double planning_pace = 20;
constexpr double progress_every_s = 1200;  ///< Line time between lines that only say where we are.

volatile std::sig_atomic_t interrupted = 0;

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string out = "demo-output";
  std::string approve_as;
  std::uint64_t seed = 0;
  double speed = 200;
  double limit_s = 1800;
  bool json = false;
};

class Demo {
 public:
  Demo(Options options, text::Scenario scenario)
      : options_(std::move(options)),
        scenario_(std::move(scenario)),
        trial_(text::trial_of(scenario_, 0)),
        out_(fs::absolute(options_.out)) {
    if (options_.seed != 0) trial_.seed = options_.seed;
  }

  int run() {
    say(fmt::format("seed {}: {} ({})", trial_.seed, scenario_.title, scenario_.path));
    if (auto prepared = prepare(); !prepared) return fail(environment, "demo", prepared.error());
    start_plc();
    const auto give_up = Clock::now() + std::chrono::duration<double>(options_.limit_s);
    while (!finished_ && failure_.empty()) {
      if (interrupted != 0)
        failure_ = fmt::format(
            "interrupted; every process has been ended, and there is no report: what led here is "
            "in {}",
            out_.string());
      if (Clock::now() > give_up)
        failure_ = fmt::format("the demo did not end within {:.0f} s", options_.limit_s);
      step();
    }
    if (watch_) watch_->end(std::chrono::seconds(5));
    if (plc_) plc_->end(std::chrono::seconds(5));
    if (!failure_.empty()) {
      const int status = fail(environment, "demo", failure_);
      return interrupted != 0 ? 128 + interrupted : status;
    }
    return conclude();
  }

 private:
  void say(const std::string& text) {
    if (options_.json) {
      print_json({{"event", "said"}, {"at_s", story_.line_time_s()}, {"text", text}});
      return;
    }
    fmt::print("{}  {}\n", clock_text(story_.line_time_s()), text);
    std::fflush(stdout);
  }

  line::Result<line::Done> prepare() {
    std::error_code error;
    fs::create_directories(out_, error);
    if (error)
      return line::Error(fmt::format("cannot make {}: {}", out_.string(), error.message()));
    // Only what an earlier run of the demo has left.
    for (const char* name : {"plc.journal", "plc.outcome", "plugin", "report.html", "report.json"})
      fs::remove_all(out_ / name, error);
    return line::Done{};
  }

  void start(std::optional<Process>& process, const std::vector<std::string>& command) {
    auto started = Process::start(command);
    if (started)
      process = std::move(*started);
    else
      failure_ = started.error().text();
  }

  /// Also after it has died: the journal carries it on from where it stood.
  void start_plc() {
    start(plc_,
          {own_executable().string(), "serve", scenario_.path, "--seed",
           std::to_string(trial_.seed), "--speed", fmt::format("{}", options_.speed), "--port",
           std::to_string(port_), "--journal", (out_ / "plc.journal").string(), "--outcome",
           (out_ / "plc.outcome").string(), "--write-config", (out_ / "plugin").string()});
  }

  void step() {
    std::vector<pollfd> waiting;
    for (auto* process : {&plc_, &watch_, &deploy_}) {
      if (*process && (*process)->output() >= 0)
        waiting.push_back({(*process)->output(), POLLIN, 0});
    }
    if (asking_) waiting.push_back({STDIN_FILENO, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), 100);
    if (plc_) {
      for (const auto& line : plc_->lines()) plc_says(line);
      if (!plc_->running()) restart_plc(plc_->status());
    }
    if (watch_) {
      for (const auto& line : watch_->lines()) watch_says(line);
      if (!watch_->running() && !finished_)
        failure_ = fmt::format("foreline watch ended with status {}", watch_->status());
    }
    if (deploy_) {
      for (const auto& line : deploy_->lines()) say("person    " + line);
      if (!deploy_->running()) deploy_.reset();
    }
    if (asking_ && waiting.back().fd == STDIN_FILENO && waiting.back().revents != 0) hear();
    if (story_.line_time_s() >= next_progress_s_) {
      next_progress_s_ = story_.line_time_s() + progress_every_s;
      say("watching  " + story_.standing() + to_go());
    }
  }

  /// How long the rest of the orders takes at this pace, when nobody thinks.
  [[nodiscard]] std::string to_go() const {
    double all = 0;
    for (const auto& order : *trial_.orders) all += order.quantity;
    all *= static_cast<double>(trial_.line->machines.size());
    const double share = all > 0 ? story_.made() / all : 0;
    if (share < 0.02) return {};
    const double left_s = story_.line_time_s() * std::max(0.0, 1 / share - 1) / options_.speed;
    return fmt::format("; about {:.0f} s to go", std::ceil(left_s));
  }

  /// People look at the run, and may decide, on the plugin's pages: two accounts for this run only.
  void open_pages() {
    const auto folder = out_ / "plugin";
    std::vector<hmi::Account> accounts;
    for (const auto role : {hmi::Role::planner, hmi::Role::approver}) {
      auto hash = hmi::hash_of(password_);
      if (!hash) {
        failure_ = hash.error().text();
        return;
      }
      accounts.push_back({std::string(name_of(role)), role, std::move(*hash)});
    }
    const auto settings = gpt2::read_file(folder / "plugin.toml");
    if (!settings) {
      failure_ = settings.error().text();
      return;
    }
    const auto written = hmi::write_accounts(folder / "accounts.json", accounts);
    const auto changed = gpt2::write_file(
        folder / "plugin.toml",
        fmt::format(
            "{}\n[hmi]\naccounts = \"accounts.json\"\nscenarios = {}\n{}", std::string(*settings),
            text::toml_string(fs::absolute(shipped("scenarios/regression")).string()), demo_gate));
    if (!written) failure_ = written.error().text();
    if (!changed) failure_ = changed.error().text();
  }

  void restart_plc(int status) {
    if (finished_ || !failure_.empty()) return;
    if (status == bad_input || status == environment || ++restarts_ > restarts_max) {
      failure_ = fmt::format("the soft PLC ended with status {}", status);
      return;
    }
    say(fmt::format("soft PLC  died (status {}); starting it again on port {}", status, port_));
    start_plc();
  }

  void plc_says(const std::string& line) {
    if (const auto at = line.find("listening "); at != std::string::npos) {
      port_ = std::atoi(line.c_str() + line.rfind(':') + 1);
      say(fmt::format("soft PLC  {} serves Modbus TCP on 127.0.0.1:{}, at {} times real time",
                      scenario_.line->name, port_, options_.speed));
      if (!watch_) open_pages();
      if (!watch_)
        start(watch_,
              {own_executable().string(), "watch", (out_ / "plugin" / "plugin.toml").string(),
               "--json", "--snapshots", "200 ms"});
    } else if (line.rfind("finished", 0) == 0) {
      finished_ = true;
      say("soft PLC  the last order has left the line");
    } else if (!line.empty()) {
      say("soft PLC  " + line);
    }
  }

  void watch_says(const std::string& text) {
    const auto event = ordered_json::parse(text, nullptr, false);
    if (!event.is_object()) {
      if (!text.empty()) say("plugin    " + text);
      return;
    }
    story_.take(event);
    const auto kind = event.value("event", "");
    const auto what = event.value("what", "");
    const auto sentence = event.value("text", "");
    if (kind == "started") {
      server_port_ = event.value("server_port", 0);
      say(fmt::format("plugin    {} loaded; serves its own registers on 127.0.0.1:{}",
                      fs::path(event.value("library", "")).filename().string(), server_port_));
      say(
          fmt::format("pages     http://127.0.0.1:{}/ (to decide there, sign in as planner or "
                      "approver with the password {})",
                      event.value("hmi_port", 0), password_));
    } else if (kind == "log") {
      say("plugin    " + sentence);
    } else if (kind == "link") {
      say("link      " + sentence);
    } else if (kind == "alarm") {
      say("alarm     " + sentence);
    } else if (kind == "deploy" || (kind == "plan" && what != "progress")) {
      const auto* by = what != "refused" ? "" : kind == "plan" ? "the gate refuses " : "refused: ";
      say(fmt::format("{:<8}  {}{}", kind, by, sentence));
    }
    if (kind == "plan" && what == "progress" && Clock::now() >= next_told_) {
      next_told_ = Clock::now() + std::chrono::seconds(2);
      told_(sentence);
    }
    if (kind == "plan" && what == "started") {
      next_told_ = Clock::now() + std::chrono::seconds(2);
      slow_to(planning_pace);
    }
    if (kind == "plan" && what == "proposed") proposed(event.at("detail").value("proposal", 0));
    if (kind == "deploy" ||
        (kind == "plan" && (what == "lapsed" || what == "refused" || what == "failed")))
      decided();
  }

  void proposed(int number) {
    const std::vector<std::string> command = {own_executable().string(),
                                              "deploy",
                                              "--plugin",
                                              fmt::format("127.0.0.1:{}", server_port_),
                                              "--approve",
                                              std::to_string(number),
                                              "--as"};
    if (!options_.approve_as.empty()) {
      auto approve = command;
      approve.push_back(options_.approve_as);
      start(deploy_, approve);
      return;
    }
    pending_ = command;
    slow_to(1);
    asking_ = ::isatty(STDIN_FILENO) != 0;
    say(
        fmt::format("waiting   for a person; the line now runs in real time. In another terminal:\n"
                    "            {} deploy --plugin 127.0.0.1:{} --approve {} --as YOUR-NAME",
                    own_executable().string(), server_port_, number));
    if (asking_) say("waiting   or type your name here and press Enter (only Enter: reject)");
  }

  void hear() {
    std::string name(128, '\0');
    const auto n = ::read(STDIN_FILENO, name.data(), name.size());
    asking_ = false;
    name.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    while (!name.empty() && std::isspace(static_cast<unsigned char>(name.back())) != 0)
      name.pop_back();
    auto command = pending_;
    if (name.empty()) {
      std::replace(command.begin(), command.end(), std::string("--approve"),
                   std::string("--reject"));
      name = "demo";
    }
    command.push_back(name);
    start(deploy_, command);
  }

  void slow_to(double pace) {
    slowed_ = true;
    set_pace(std::min(pace, options_.speed));
  }

  void decided() {
    if (!std::exchange(slowed_, false)) return;
    asking_ = false;
    set_pace(options_.speed);
  }

  /// Line seconds per second.
  void set_pace(double pace) const {
    io::ModbusClient plc("127.0.0.1", static_cast<std::uint16_t>(port_), 1,
                         std::chrono::seconds(1));
    const std::vector<std::uint16_t> word = {
        static_cast<std::uint16_t>(std::clamp(pace, 1.0, 65'535.0))};
    if (plc.connect()) (void)plc.write(plc::contract::pace, word);
  }

  int conclude() {
    const auto bytes = gpt2::read_file(out_ / "plc.outcome");
    if (!bytes) return fail(environment, "demo", bytes.error());
    auto with = worker::outcome_from(*bytes);
    if (!with) return fail(environment, "demo", with.error());
    say("replay    the same seed once more, without the change");
    auto client = start_worker();
    if (!client) return fail(environment, "demo", client.error());
    trial_.want_gantt = true;
    auto without = client->run(std::span(&trial_, 1));
    if (!without) return fail(environment, "demo", without.error());
    if (!without->front().valid())
      return fail(bug, "demo", "the replay failed: " + without->front().error);
    const auto conclusion = story_.conclude(trial_, *with, without->front());
    auto story = story_.as_json(scenario_, trial_, options_.speed, *with, without->front());
    story["command"] = fmt::format("foreline demo {} --seed {} --speed {} --approve-as YOUR-NAME",
                                   options_.scenario, trial_.seed, options_.speed);
    if (auto store = store::Store::open(out_ / "plugin" / "store")) {
      if (auto lines = store->audit()) {
        for (const auto& line : *lines)
          story["audit"].push_back({{"number", line.number},
                                    {"at_s", line.at_s},
                                    {"who", line.who},
                                    {"what", line.what},
                                    {"detail", line.detail},
                                    {"hash", line.hash}});
      }
    }
    auto page = report::page_of(story);
    if (!page) return fail(bug, "demo", page.error());
    for (const auto& [name, text] :
         {std::pair<std::string, std::string>{"report.json", story.dump()},
          {"report.html", *page}}) {
      if (auto written = gpt2::write_file(out_ / name, text); !written)
        return fail(environment, "demo", written.error());
    }
    if (options_.json) {
      print_json({{"event", "concluded"},
                  {"proved", conclusion.proved},
                  {"seed", trial_.seed},
                  {"sentences", conclusion.sentences},
                  {"measures",
                   {{"without_change", story["runs"]["without"]["measures"]},
                    {"as_it_went", story["runs"]["with"]["measures"]}}},
                  {"report", (out_ / "report.html").string()},
                  {"story", (out_ / "report.json").string()}});
      return conclusion.proved ? pass : expectation_failed;
    }
    fmt::print("\n{}\n", conclusion.table);
    for (const auto& sentence : conclusion.sentences) fmt::print("{}\n", sentence);
    fmt::print("\nThe report: {}\n", (out_ / "report.html").string());
    return conclusion.proved ? pass : expectation_failed;
  }

  Options options_;
  const std::string password_ = hmi::random_word(6);
  text::Scenario scenario_;
  line::Trial trial_;
  fs::path out_;
  int port_ = 0;
  int server_port_ = 0;
  std::optional<Process> plc_;
  std::optional<Process> watch_;
  std::optional<Process> deploy_;
  std::vector<std::string> pending_;
  Story story_;
  std::string failure_;
  double next_progress_s_ = progress_every_s;
  Told told_;
  Clock::time_point next_told_;
  int restarts_ = 0;
  bool asking_ = false;
  bool slowed_ = false;
  bool finished_ = false;
};

}  // namespace

void add_demo(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("demo", "The closed loop on a simulated line, from fault to report");
  command->add_option("scenario", options->scenario, "Scenario file")->capture_default_str();
  command->add_option("--approve-as", options->approve_as,
                      "Approve the proposal under this name; without it a person must");
  command->add_option("--out", options->out, "Folder for the report and what led to it")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed instead of the scenario's; 0: the scenario's")
      ->capture_default_str();
  command->add_option("--speed", options->speed, "Line seconds per second")
      ->check(CLI::Range(1.0, 1000.0))
      ->capture_default_str();
  command->add_option("--limit", options->limit_s, "Give up after so many seconds")
      ->capture_default_str();
  add_json(*command, options->json, "One JSON object a line: what happens, and what it came to");
  command->footer(
      "Example:\n  foreline demo --approve-as demo\n\n"
      "Exit status 0 only when the fault was forecast before it would have come and\n"
      "the deployed schedule was confirmed by reading it back.");
  command->callback([options, &exit_code] {
    auto scenario = text::read_scenario_file(shipped(options->scenario));
    if (!scenario) {
      exit_code = fail(bad_input, "demo", scenario.error());
      return;
    }
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
      on_own_stack(number, [](int by) { interrupted = by; });
    exit_code = Demo(*options, std::move(*scenario)).run();
  });
}

}  // namespace foreline::host
