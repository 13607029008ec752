// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "inference/forecaster.hpp"
#include "plugin/core/configuration.hpp"
#include "plugin/core/skill.hpp"
#include "plugin/hmi/accounts.hpp"
#include "plugin/host/console.hpp"
#include "plugin/io/tls_files.hpp"
#include "sim/text/document.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

/// What an instance loads at its start, so that mistakes in it are found before.
line::Result<line::Done> load_named(const core::Configuration& configuration) {
  if (!configuration.model.empty()) {
    if (auto model = inference::Forecaster::load(configuration.model, {}); !model)
      return model.error();
    if (auto evaluation = core::evaluation_of(configuration.model); !evaluation)
      return evaluation.error();
  }
  if (!configuration.hmi.accounts.empty())
    if (auto accounts = hmi::read_accounts(configuration.hmi.accounts); !accounts)
      return accounts.error();
  std::vector<core::TlsFiles> secured;
  if (configuration.server.tls) secured.push_back(*configuration.server.tls);
  if (configuration.sparkplug.tls) secured.push_back(*configuration.sparkplug.tls);
  if (configuration.plc.transport == core::Transport::tls) secured.push_back(configuration.plc.tls);
  for (const auto& device : configuration.devices)
    if (device.transport == core::Transport::tls) secured.push_back(device.tls);
  if (!configuration.hmi.certificate.empty())
    secured.push_back(
        {{}, configuration.hmi.certificate.string(), configuration.hmi.key.string(), {}});
  for (const auto& files : secured)
    if (auto read = io::read_tls_files(files); !read) return read.error();
  return line::Done{};
}

/// What a good file comes to, in a line; or its mistakes.
line::Result<std::string> describe(const std::filesystem::path& path) {
  auto document = text::Document::open(path);
  if (!document) return document.error();
  auto root = document->root();
  const auto format = root.has("format") ? root.string("format") : std::string();
  if (format == "foreline line 1") {
    auto line = text::read_line_file(path);
    if (!line) return line.error();
    return fmt::format("line {}: {} machines, {} products", line->name, line->machines.size(),
                       line->products.size());
  }
  if (format == "foreline scenario 1") {
    auto scenario = text::read_scenario_file(path);
    if (!scenario) return scenario.error();
    return fmt::format("scenario: {}; {} expectations on {} seeds", scenario->title,
                       scenario->expectations.size(), scenario->seed_count);
  }
  if (format == "foreline plugin 1") {
    auto configuration = core::read_configuration(path);
    if (!configuration) return configuration.error();
    if (auto usable = load_named(*configuration); !usable) return usable.error();
    return fmt::format("plugin configuration: line {}, PLC at {}:{}, writes {}",
                       configuration->line->name, configuration->plc.host, configuration->plc.port,
                       configuration->may_write ? "on" : "off");
  }
  if (format == "foreline schedule 1")
    return line::Error({{path.string(), root.place("format").line, root.place("format").column,
                         "a schedule is checked with the scenario that names it", ""}});
  return line::Error(
      {{path.string(), root.place("format").line, root.place("format").column,
        format.empty() ? std::string("\"format\" is missing")
                       : fmt::format("\"{}\" is no format of foreline", format),
        "write format = \"foreline line 1\", \"foreline scenario 1\" or \"foreline plugin 1\""}});
}

std::string to_json(const std::filesystem::path& file, const line::Result<std::string>& described) {
  nlohmann::ordered_json out = {{"file", file.string()}, {"right", described.has_value()}};
  if (described) {
    out["text"] = *described;
  } else {
    out["mistakes"] = mistakes_json(described.error());
  }
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  struct Options {
    std::vector<std::string> paths;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("check", "Read line, scenario and plugin files; report every mistake");
  command->add_option("files", options->paths, "Files, or folders of .toml files")->required();
  command->add_flag("--json", options->json, "One JSON object a file");
  command->footer("Example:\n  foreline check scenarios/lines plugin/config/bottling.toml");
  command->callback([options, &exit_code] {
    auto files = scenario_files(options->paths);
    if (!files) {
      exit_code = fail(bad_input, "check", files.error());
      return;
    }
    for (const auto& file : *files) {
      auto described = describe(file);
      if (options->json) {
        fmt::print("{}\n", to_json(file, described));
        if (!described) exit_code = bad_input;
      } else if (described)
        fmt::print("{}: {}\n", file.string(), *described);
      else
        exit_code = fail(bad_input, "check", described.error());
    }
  });
}

}  // namespace foreline::host
