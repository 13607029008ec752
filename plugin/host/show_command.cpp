// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "sim/drawing/line_drawing.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string line;
  std::string svg;
  bool json = false;
};

std::string as_json(const line::Line& line) {
  nlohmann::ordered_json machines = nlohmann::ordered_json::array();
  const auto takers = line.takers();
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto& machine = line.machines[m];
    auto after = nlohmann::ordered_json::array();
    for (const auto input : line.inputs_of(m)) after.push_back(line.machines[input].name);
    auto faults = nlohmann::ordered_json::array();
    for (const auto& fault : machine.faults)
      faults.push_back({{"kind", line::name_of(fault.kind)},
                        {"onset_mean_s", fault.onset.expectation()},
                        {"progress_mean_s", fault.progress.expectation()},
                        {"repair_mean_s", fault.repair.expectation()}});
    auto signals = nlohmann::ordered_json::array();
    for (const auto& signal : machine.signals)
      signals.push_back(
          {{"name", signal.name}, {"kind", line::name_of(signal.kind)}, {"unit", signal.unit}});
    machines.push_back({{"name", machine.name},
                        {"after", after},
                        {"takes", machine.takes},
                        {"gives", machine.gives},
                        {"buffer_after", machine.buffer_after},
                        {"parts_leave_here", takers[line.buffer_of(m)] == 0},
                        {"cycle", line::name_of(machine.cycle.kind)},
                        {"cycle_mean_s", machine.cycle.expectation()},
                        {"faults", faults},
                        {"signals", signals}});
  }
  return nlohmann::ordered_json({{"name", line.name},
                                 {"products", line.products},
                                 {"crews", line.crews},
                                 {"machines", machines}})
             .dump(1) +
         "\n";
}

int show(const Options& options) {
  const auto line = text::read_line_file(shipped(options.line));
  if (!line) return fail(bad_input, "show", line.error());
  fmt::print("{}", options.json ? as_json(*line) : drawing::as_text(*line));
  if (options.svg.empty()) return pass;
  if (auto written = gpt2::write_file(options.svg, drawing::as_svg(*line)); !written)
    return fail(environment, "show", written.error());
  return pass;
}

}  // namespace

void add_show(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("show", "Draw a line as text, JSON or SVG");
  command->add_option("line", options->line, "Line file")->required();
  command->add_option("--svg", options->svg, "Write a drawing to this file");
  command->add_flag("--json", options->json, "Print JSON instead of text");
  command->footer("Example:\n  foreline show scenarios/lines/gearbox.toml --svg gearbox.svg");
  command->callback([options, &exit_code] { exit_code = show(*options); });
}

}  // namespace foreline::host
