// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/page.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string story;
  std::string out;
};

int report(const Options& options) {
  const auto text = gpt2::read_file(shipped(options.story));
  if (!text) return fail(bad_input, "report", text.error());
  nlohmann::ordered_json story;
  try {
    story = nlohmann::ordered_json::parse(*text);
  } catch (const nlohmann::ordered_json::exception& error) {
    return fail(bad_input, "report", fmt::format("{}: {}", options.story, error.what()));
  }
  auto page = report::page_of(story);
  if (!page) return fail(bad_input, "report", page.error());
  const auto out = options.out.empty()
                       ? std::filesystem::path(options.story).replace_extension(".html")
                       : std::filesystem::path(options.out);
  if (auto written = gpt2::write_file(out, *page); !written)
    return fail(environment, "report", written.error());
  fmt::print("The report: {}\n", out.string());
  return pass;
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("report", "Make the page of a demo run from its report.json");
  command->add_option("story", options->story, "report.json of a demo run")->required();
  command->add_option("--out", options->out, "HTML file; beside the story when not given");
  command->footer("Example:\n  foreline report demo-output/report.json --out report.html");
  command->callback([options, &exit_code] { exit_code = report(*options); });
}

}  // namespace foreline::host
