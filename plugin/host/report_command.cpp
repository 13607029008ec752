// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/page.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/json_text.hpp"
#include "plugin/host/console.hpp"
#include "plugin/report/tables.hpp"
#include "sim/text/document.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string story;
  std::string out;
  std::string csv;
  std::string xlsx;
  bool json = false;
};

int write_tables(const nlohmann::ordered_json& story, const Options& options,
                 nlohmann::ordered_json& done) {
  const auto tables = report::tables_of(story);
  if (!tables) return fail(bad_input, "report", tables.error());
  if (!options.csv.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.csv, error);
    if (error)
      return fail(environment, "report",
                  fmt::format("cannot make {}: {}", options.csv, error.message()));
    for (const auto& table : *tables) {
      const auto file = std::filesystem::path(options.csv) / (table.name + ".csv");
      if (auto written = gpt2::write_file(file, report::csv_of(table)); !written)
        return fail(environment, "report", written.error());
    }
    if (!options.json) fmt::print("{} tables in {}\n", tables->size(), options.csv);
    for (const auto& table : *tables)
      done["csv"].push_back((std::filesystem::path(options.csv) / (table.name + ".csv")).string());
  }
  if (!options.xlsx.empty()) {
    if (auto written = report::write_xlsx(options.xlsx, *tables); !written)
      return fail(environment, "report", written.error());
    if (!options.json) fmt::print("The workbook: {}\n", options.xlsx);
    done["xlsx"] = options.xlsx;
  }
  return pass;
}

int report(const Options& options) {
  const auto content = text::read_text_file(shipped(options.story));
  if (!content) return fail(bad_input, "report", content.error());
  if (auto checked = gpt2::json_from(*content, options.story); !checked)
    return fail(bad_input, "report", checked.error());
  const auto story = nlohmann::ordered_json::parse(*content);
  auto page = report::page_of(story);
  if (!page) return fail(bad_input, "report", page.error());
  const auto out = options.out.empty()
                       ? std::filesystem::path(options.story).replace_extension(".html")
                       : std::filesystem::path(options.out);
  if (auto written = gpt2::write_file(out, *page); !written)
    return fail(environment, "report", written.error());
  if (!options.json) fmt::print("The report: {}\n", out.string());
  nlohmann::ordered_json done = {
      {"html", out.string()},
      {"title", story.value("title", "")},
      {"seed", story.value("seed", 0)},
      {"conclusion", story.value("conclusion", nlohmann::ordered_json())}};
  const int status = write_tables(story, options, done);
  if (options.json && status == pass) print_json(done);
  return status;
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("report", "Make the page, and tables, of a demo run from its report.json");
  command->add_option("story", options->story, "report.json of a demo run")->required();
  command->add_option("--out", options->out, "HTML file; beside the story when not given");
  command->add_option("--csv", options->csv, "Folder for the numbers, one CSV file a table");
  command->add_option("--xlsx", options->xlsx, "Workbook for the numbers, one sheet a table");
  add_json(*command, options->json, "Print one JSON object: the files, and what the run came to");
  command->footer(
      "Example:\n  foreline report demo-output/report.json --out report.html --xlsx report.xlsx "
      "--csv tables");
  command->callback([options, &exit_code] { exit_code = report(*options); });
}

}  // namespace foreline::host
