// SPDX-License-Identifier: Apache-2.0
// The main job from end to end with the commands a user would type: `serve` is the line and its
// PLC, `watch` is the integrator's host, `deploy` is the person at the desk. This file only starts
// them, reads what they say, and afterwards runs the same seed once more without the change.
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "plugin/host/commands.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/demo_story.hpp"
#include "plugin/host/process.hpp"
#include "sim/text/files.hpp"
#include "sim/worker/client.hpp"

namespace foreline::host {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

volatile std::sig_atomic_t interrupted = 0;

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string out = "demo-output";
  std::string approve_as;
  std::uint64_t seed = 0;
  double speed = 0;
  double limit_s = 900;
};

/// Starts and restarts the soft PLC, as a plant's watchdog would. The journal carries a killed PLC
/// on from where it stood.
class SoftPlc {
 public:
  SoftPlc(const Options& options, std::uint64_t seed, const fs::path& out)
      : options_(options), seed_(seed), out_(out) {}

  line::Result<line::Done> start() {
    auto process = Process::start(
        {own_executable().string(), "serve", options_.scenario, "--seed", std::to_string(seed_),
         "--speed", fmt::format("{}", options_.speed), "--port", std::to_string(port_), "--journal",
         (out_ / "plc.journal").string(), "--outcome", (out_ / "outcome.json").string(),
         "--write-config", (out_ / "plugin").string()});
    if (!process) return process.error();
    process_ = std::move(*process);
    return line::Done{};
  }

  [[nodiscard]] Process* process() { return process_ ? &*process_ : nullptr; }
  void listening_on(int port) { port_ = port; }
  [[nodiscard]] int port() const { return port_; }

 private:
  const Options& options_;
  std::uint64_t seed_;
  fs::path out_;
  int port_ = 0;
  std::optional<Process> process_;
};

class Demo {
 public:
  Demo(const Options& options, text::Scenario scenario, std::uint64_t seed)
      : options_(options),
        scenario_(std::move(scenario)),
        seed_(seed),
        out_(fs::absolute(options.out)),
        plc_(options_, seed, out_) {}

  int run() {
    say("seed {}: {} ({})", seed_, scenario_.title, options_.scenario);
    if (auto prepared = prepare(); !prepared) return fail(environment, prepared.error().text());
    if (auto started = plc_.start(); !started) return fail(environment, started.error().text());
    const auto give_up = Clock::now() + std::chrono::duration<double>(options_.limit_s);
    while (!finished_ && failure_.empty()) {
      if (interrupted != 0) return fail(environment, "interrupted; every process has been ended");
      if (Clock::now() > give_up) {
        return fail(environment,
                    fmt::format("the demo did not end within {:.0f} s", options_.limit_s));
      }
      step();
    }
    if (!failure_.empty()) return fail(environment, failure_);
    if (watch_) watch_->end(std::chrono::seconds(5));
    if (plc_.process() != nullptr) plc_.process()->end(std::chrono::seconds(5));
    return conclude();
  }

 private:
  template <class... T>
  void say(fmt::format_string<T...> format, T&&... values) {
    fmt::print("{} {}\n", stamp(story_.at_s), fmt::format(format, std::forward<T>(values)...));
    std::fflush(stdout);
  }

  int fail(int status, const std::string& why) {
    fmt::print(stderr, "foreline demo: {}\n", why);
    return status;
  }

  line::Result<line::Done> prepare() {
    std::error_code error;
    fs::create_directories(out_, error);
    if (error)
      return line::Error(fmt::format("cannot create {}: {}", out_.string(), error.message()));
    for (const char* name :
         {"plc.journal", "outcome.json", "plugin", "store", "report.html", "report.json"}) {
      fs::remove_all(out_ / name, error);
    }
    return line::Done{};
  }

  void step() {
    std::vector<pollfd> waiting;
    auto add = [&](int descriptor) {
      if (descriptor >= 0) waiting.push_back({descriptor, POLLIN, 0});
    };
    if (plc_.process() != nullptr) add(plc_.process()->output());
    if (watch_) add(watch_->output());
    if (deploy_) add(deploy_->output());
    if (asking_) add(STDIN_FILENO);
    ::poll(waiting.data(), waiting.size(), 200);
    if (auto* process = plc_.process()) {
      for (const auto& line : process->lines()) plc_says(line);
      if (!process->running()) restart_plc(process->status());
    }
    if (watch_) {
      for (const auto& line : watch_->lines()) watch_says(line);
      if (!watch_->running())
        failure_ = fmt::format("foreline watch ended with status {}", watch_->status());
    }
    if (deploy_) {
      for (const auto& line : deploy_->lines()) fmt::print("        {}\n", line);
      if (!deploy_->running()) deploy_.reset();
    }
    if (asking_ && !waiting.empty() && waiting.back().fd == STDIN_FILENO &&
        waiting.back().revents != 0)
      answer();
  }

  void restart_plc(int status) {
    if (finished_ || !failure_.empty()) return;
    if (status == bad_input || status == environment || ++restarts_ > 5) {
      failure_ = fmt::format("the soft PLC ended with status {}", status);
      return;
    }
    say("soft PLC  died (status {}); restarting it on port {}", status, plc_.port());
    ++story_.plc_restarts;
    if (auto started = plc_.start(); !started) failure_ = started.error().text();
  }

  void plc_says(const std::string& line) {
    if (const auto at = line.find("listening 127.0.0.1:"); at != std::string::npos) {
      plc_.listening_on(std::stoi(line.substr(at + 20)));
      say("soft PLC  {} over Modbus TCP on 127.0.0.1:{}, {}x real time", scenario_.line->name,
          plc_.port(), options_.speed);
      if (!watch_) start_watch();
    } else if (line.rfind("finished", 0) == 0) {
      say("soft PLC  the last order has left the line");
      finished_ = true;
    } else if (!line.empty()) {
      fmt::print("        soft PLC: {}\n", line);
    }
  }

  void start_watch() {
    auto watch = Process::start({own_executable().string(), "watch",
                                 (out_ / "plugin" / "plugin.toml").string(), "--json",
                                 "--snapshots", "300ms"});
    if (!watch) {
      failure_ = watch.error().text();
      return;
    }
    watch_ = std::move(*watch);
    say("plugin    libforeline.so loaded by foreline watch");
  }

  void watch_says(const std::string& text) {
    const json event = json::parse(text, nullptr, false);
    if (!event.is_object()) {
      if (!text.empty()) fmt::print("        watch: {}\n", text);
      return;
    }
    story_.take(event);
    const std::string kind = event.value("event", "");
    const std::string what = event.value("what", "");
    const std::string sentence = event.value("text", "");
    if (kind == "link") say("link      {}", sentence);
    if (kind == "alarm") say("ALARM     {}", sentence);
    if (kind == "plan" && what != "progress") say("plan      {}", sentence);
    if (kind == "deploy") say("deploy    {}", sentence);
    if (kind == "plan" && what == "proposed") proposed(event);
  }

  void proposed(const json& event) {
    const auto number = event.value("detail", json::object()).value("proposal", 0);
    const std::vector<std::string> approve = {own_executable().string(),
                                              "deploy",
                                              "--plugin",
                                              fmt::format("127.0.0.1:{}", story_.server_port),
                                              "--approve",
                                              std::to_string(number),
                                              "--as"};
    if (!options_.approve_as.empty()) {
      auto command = approve;
      command.push_back(options_.approve_as);
      start_deploy(command);
      return;
    }
    pending_ = approve;
    asking_ = ::isatty(STDIN_FILENO) != 0;
    say("waiting   a person must approve. In another terminal:\n            {} deploy --plugin "
        "127.0.0.1:{} --approve {} --as YOUR-NAME",
        own_executable().string(), story_.server_port, number);
    if (asking_)
      fmt::print("          or type your name here and press Enter (just Enter rejects): ");
    std::fflush(stdout);
  }

  void answer() {
    char buffer[128];
    const auto n = ::read(STDIN_FILENO, buffer, sizeof buffer - 1);
    asking_ = false;
    std::string name(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    while (!name.empty() && std::isspace(static_cast<unsigned char>(name.back())) != 0)
      name.pop_back();
    auto command = pending_;
    if (name.empty()) {
      std::replace(command.begin(), command.end(), std::string("--approve"),
                   std::string("--reject"));
      name = "demo";
    }
    command.push_back(name);
    start_deploy(command);
  }

  void start_deploy(const std::vector<std::string>& command) {
    auto deploy = Process::start(command);
    if (deploy) {
      deploy_ = std::move(*deploy);
    } else {
      failure_ = deploy.error().text();
    }
  }

  int conclude();

  Options options_;
  text::Scenario scenario_;
  std::uint64_t seed_;
  fs::path out_;
  SoftPlc plc_;
  std::optional<Process> watch_;
  std::optional<Process> deploy_;
  std::vector<std::string> pending_;
  Story story_;
  std::string failure_;
  int restarts_ = 0;
  bool asking_ = false;
  bool finished_ = false;
};
