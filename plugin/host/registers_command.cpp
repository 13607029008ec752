// SPDX-License-Identifier: Apache-2.0
// The registers that the plugin serves for a line, as a page for integrators or as CSV.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "plugin/core/configuration.hpp"
#include "plugin/core/published.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

int registers(const std::string& file, bool csv, bool json) {
  const auto path = shipped(file);
  std::shared_ptr<const line::Line> line;
  if (auto configuration = core::read_configuration(path)) {
    line = configuration->line;
  } else if (auto read = text::read_line_file(path)) {
    line = std::make_shared<const line::Line>(std::move(*read));
  } else {
    return fail(bad_input, "registers", configuration.error());
  }
  const auto map = core::published_map(*line);
  if (json) {
    nlohmann::ordered_json out = {{"line", line->name},
                                  {"version", core::published::version_value},
                                  {"layout", core::layout_of(map)},
                                  {"registers", nlohmann::ordered_json::array()},
                                  {"discrete_inputs", nlohmann::ordered_json::array()}};
    for (const auto& entry : map)
      out["registers"].push_back({{"address", entry.address},
                                  {"type", entry.type},
                                  {"written", entry.written},
                                  {"name", entry.name},
                                  {"meaning", entry.meaning}});
    for (const auto& machine : line->machines)
      for (const auto kind : line::all_fault_kinds)
        out["discrete_inputs"].push_back(fmt::format("{}/{}", machine.name, line::name_of(kind)));
    fmt::print("{}\n", out.dump());
    return pass;
  }
  if (csv) {
    fmt::print("address,hr,type,access,name,meaning\n");
    for (const auto& entry : map)
      fmt::print("{},{},{},{},\"{}\",\"{}\"\n", entry.address, 400'001 + entry.address, entry.type,
                 entry.written ? "w" : "r", entry.name, entry.meaning);
    return pass;
  }
  fmt::print("Registers of the line {}, version {}, layout {:08x}\n\n", line->name,
             core::published::version_value, core::layout_of(map));
  fmt::print(
      "| address | data model | type | | name | meaning |\n| --- | --- | --- | --- | --- | --- "
      "|\n");
  for (const auto& entry : map)
    fmt::print("| {} | {} | {} | {} | {} | {} |\n", entry.address, 400'001 + entry.address,
               entry.type, entry.written ? "written" : "", entry.name, entry.meaning);
  fmt::print("\nDiscrete inputs, on while the alarm of that forecast is active:\n\n");
  std::size_t input = 0;
  for (const auto& machine : line->machines)
    for (const auto kind : line::all_fault_kinds)
      fmt::print("- {}: {}/{}\n", input++, machine.name, line::name_of(kind));
  return pass;
}

}  // namespace

void add_registers(CLI::App& app, int& exit_code) {
  struct Options {
    std::string file;
    bool csv = false;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("registers", "Print the registers that the plugin serves for a line");
  command->add_option("file", options->file, "A plugin configuration or a line file")->required();
  auto* csv = command->add_flag("--csv", options->csv, "As CSV, to import into a SCADA");
  command->add_flag("--json", options->json, "Print one JSON object")->excludes(csv);
  command->footer("Example:\n  foreline registers plugin/config/bottling.toml --csv");
  command->callback(
      [options, &exit_code] { exit_code = registers(options->file, options->csv, options->json); });
}

}  // namespace foreline::host
