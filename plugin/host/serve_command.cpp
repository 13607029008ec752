// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/plugin_settings.hpp"
#include "plugin/host/wire_fault_file.hpp"
#include "sim/plc/personality.hpp"
#include "sim/text/document.hpp"
#include "sim/text/files.hpp"
#include "sim/worker/wire.hpp"

namespace foreline::host {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string host = "127.0.0.1";
  int port = 0;
  double speed = 1;
  std::uint64_t seed = 0;
  std::string journal;
  std::string outcome;
  std::string write_config;
  std::string duration;
  std::string personality = "foreline";
  std::string faults;
  bool json = false;
};

/// A port that is free at this moment, so that it is known before the PLC listens.
int free_port(const std::string& host) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  socklen_t size = sizeof address;
  int port = 0;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    port = ntohs(address.sin_port);
  ::close(fd);
  return port;
}

int serve(Options options) {
  auto scenario = text::read_scenario_file(shipped(options.scenario));
  if (!scenario) return fail(bad_input, "serve", scenario.error());
  auto trial = text::trial_of(*scenario, 0);
  if (options.seed != 0) trial.seed = options.seed;
  std::optional<double> duration_s;
  if (!options.duration.empty()) {
    duration_s = text::parse_duration(options.duration);
    if (!duration_s)
      return fail(bad_input, "serve",
                  fmt::format("--for \"{}\" is no duration (write \"20 s\")", options.duration));
  }
  std::vector<plc::WireFault> faults;
  if (!options.faults.empty()) {
    auto read = read_wire_fault_file(shipped(options.faults));
    if (!read) return fail(bad_input, "serve", read.error());
    faults = std::move(*read);
  }
  const auto executable = worker::find_worker();
  if (executable.empty())
    return fail(environment, "serve",
                "foreline-sim is not found (build it, or name it in FORELINE_SIM)");
  if (options.port == 0) options.port = free_port(options.host);
  if (!options.write_config.empty()) {
    const fs::path folder = options.write_config;
    const PluginSettings settings{
        fs::absolute(scenario->line_path),
        fs::absolute(scenario->orders_path),
        fs::absolute(shipped("inference/models/small")),
        options.host,
        options.port,
        std::clamp(scenario->line->sample_period_s / options.speed / 2, 0.02, 1.0),
        true};
    std::error_code error;
    fs::create_directories(folder, error);
    auto written =
        gpt2::write_file(folder / "plugin.toml", configuration_of(*scenario->line, settings));
    if (!written) return fail(environment, "serve", written.error());
  }
  // The trial travels in a file without a name, which the soft PLC inherits.
  const int file = ::memfd_create("foreline-trial", 0);
  const auto bytes = worker::to_bytes(trial);
  if (file < 0 || ::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return fail(environment, "serve", std::string("no memory file: ") + std::strerror(errno));
  std::vector<std::string> arguments = {executable.string(),
                                        "--plc",
                                        fmt::format("/proc/self/fd/{}", file),
                                        "--host",
                                        options.host,
                                        "--port",
                                        std::to_string(options.port),
                                        "--speed",
                                        fmt::format("{}", options.speed)};
  const auto pass_on = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    arguments.emplace_back(name);
    arguments.push_back(value);
  };
  pass_on("--journal", options.journal);
  pass_on("--outcome", options.outcome);
  pass_on("--say", options.json ? "json" : "");
  pass_on("--personality", options.personality);
  for (const auto& fault : faults) pass_on("--fault", plc::argument_of(fault));
  if (duration_s) pass_on("--for", fmt::format("{}", *duration_s));
  std::vector<char*> raw;
  for (auto& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  ::execv(raw[0], raw.data());
  return fail(environment, "serve",
              fmt::format("cannot run {}: {}", executable.string(), std::strerror(errno)));
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("serve", "Run a scenario's line behind a soft PLC on Modbus TCP");
  command->add_option("scenario", options->scenario, "Scenario file")->capture_default_str();
  command->add_option("--host", options->host, "Address to listen on")->capture_default_str();
  command->add_option("--port", options->port, "TCP port; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--speed", options->speed, "Line seconds per second")
      ->check(CLI::Range(0.001, 100000.0))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed instead of the scenario's; 0: the scenario's")
      ->capture_default_str();
  command->add_option("--journal", options->journal,
                      "File that carries schedules and clock over a restart");
  command->add_option("--outcome", options->outcome, "File for the outcome when the work is done");
  command->add_option("--write-config", options->write_config,
                      "Folder for a plugin.toml that fits this PLC");
  command->add_option("--for", options->duration, "End after this time, such as \"20 s\"");
  command
      ->add_option(
          "--personality", options->personality,
          "Kind of device that it behaves like: where the specification leaves room, or is "
          "not kept to")
      ->check(CLI::IsMember(
          std::vector<std::string>(plc::personality_names.begin(), plc::personality_names.end())))
      ->capture_default_str();
  command->add_option("--faults", options->faults,
                      "File of faults of the wire, such as plugin/config/rough-wire.toml");
  add_json(*command, options->json, "One JSON object a line: listening, schedule, finished");
  command->footer(
      "Example:\n  foreline serve scenarios/demo.toml --speed 200 --write-config my-plc --for '1 "
      "s'\n  foreline serve --personality openplc --faults plugin/config/rough-wire.toml --for '1 "
      "s'");
  command->callback([options, &exit_code] { exit_code = serve(*options); });
}

}  // namespace foreline::host
