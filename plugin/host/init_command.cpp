// SPDX-License-Identifier: Apache-2.0
// `foreline init`: a project folder that works at once, from the answers to a few questions. What
// it writes is meant to be changed: each file says what to put in.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>
#include <vector>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/core/tags.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/endpoint.hpp"
#include "plugin/host/plugin_settings.hpp"
#include "sim/text/document.hpp"
#include "sim/text/escape.hpp"
#include "sim/text/files.hpp"

namespace foreline::host {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string folder;
  std::string name = "line-1";
  std::vector<std::string> machines = {"press", "weld", "pack"};
  std::string cycle = "5 s";
  std::vector<std::string> products = {"A", "B"};
  std::string plc = "127.0.0.1:15020";
  std::string tags;  ///< A tag file of probe; empty: none.
  bool yes = false;
  bool json = false;
};

/// What a project is made of: a name in its folder, and the text.
using Files = std::vector<std::pair<std::string, std::string>>;

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(" \t\r");
  if (from == std::string::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") + 1 - from);
}

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');)
    if (auto name = trimmed(word); !name.empty()) words.push_back(std::move(name));
  return words;
}

// What is wrong with an answer, and how it is right; empty: nothing.

std::string wrong_cycle(const std::string& text) {
  const auto cycle_s = text::parse_duration(text);
  if (cycle_s && *cycle_s > 0) return {};
  return fmt::format("\"{}\" is no time of a part (write \"4.5 s\")", text);
}

std::string wrong_machines(const std::string& text) {
  return listed(text).empty() ? "a line has at least one machine (write \"filler, packer\")" : "";
}

std::string wrong_products(const std::string& text) {
  return listed(text).empty() ? "a line makes at least one product (write \"A, B\")" : "";
}

constexpr std::uint16_t modbus_port = 502;

std::string wrong_plc(const std::string& text) {
  if (endpoint_of(text, modbus_port)) return {};
  return fmt::format("\"{}\" is no address of a PLC (write 192.168.0.10:502)", text);
}

/// An answer from the terminal, asked for again until it is right; an empty line takes what is
/// shown.
std::string asked(const std::string& question, const std::string& standard,
                  std::string (*wrong)(const std::string&) = nullptr) {
  for (;;) {
    fmt::print("{} [{}]: ", question, standard);
    std::fflush(stdout);
    std::string answer;
    if (!std::getline(std::cin, answer)) {
      fmt::print("\n");
      return standard;
    }
    answer = trimmed(answer);
    if (answer.empty()) return standard;
    const auto complaint = wrong == nullptr ? std::string() : wrong(answer);
    if (complaint.empty()) return answer;
    fmt::print("  {}\n", complaint);
  }
}

void ask(Options& options) {
  const auto in_a_row = [](const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
  };
  fmt::print(
      "A project in {}. Enter takes what stands in brackets; every answer can be changed in "
      "the files later.\n",
      options.folder);
  options.name = asked("Name of the line", options.name);
  options.machines =
      listed(asked("Machines in the order of flow", in_a_row(options.machines), wrong_machines));
  options.cycle = asked("Time a part takes on the slowest of them", options.cycle, wrong_cycle);
  options.products = listed(asked("Products", in_a_row(options.products), wrong_products));
  options.plc = asked("Address of the PLC (HOST:PORT)", options.plc, wrong_plc);
}

std::string machine_text(const std::string& name, double cycle_s, bool last) {
  const auto cycle = text::duration_text(cycle_s);
  std::string out = fmt::format(
      "\n[[machine]]\nname = {}\n"
      "cycle = {{ distribution = \"normal\", mean = \"{}\", deviation = \"{}\" }}   # of one part\n"
      "changeover = \"5 min\"   # or rows of times, from product to product\n"
      "scrap = \"0.3 %\"\nservice = \"10 min\"\n{}",
      text::toml_string(name), cycle, text::duration_text(cycle_s * 0.03),
      last ? "" : "buffer_after = 20       # places before the next machine\n");
  // What nearly every machine has. The shipped model knows these kinds.
  out += fmt::format(R"(
  [[machine.signal]]
  name = "vibration"
  kind = "vibration"
  normal = "2.5 mm/s"     # healthy, at work
  idle = "0.2 mm/s"       # when it stands
  noise = "0.15 mm/s"     # standard deviation
  resolution = "0.01 mm/s"
  range = ["0 mm/s", "40 mm/s"]

  [[machine.signal]]
  name = "bearing temperature"
  kind = "temperature"
  normal = "50 degC"
  idle = "24 degC"
  noise = "0.6 degC"
  resolution = "0.1 degC"
  range = ["-20 degC", "150 degC"]

  [[machine.signal]]
  name = "drive current"
  kind = "current"
  normal = "11 A"
  idle = "1.2 A"
  noise = "0.25 A"
  resolution = "0.05 A"
  range = ["0 A", "40 A"]

  [[machine.signal]]
  name = "cycle time"
  kind = "cycle-time"
  normal = "{:.3g} s"
  idle = "0 s"
  noise = "{:.3g} s"
  resolution = "0.01 s"
  range = ["0 s", "{:.3g} s"]

  [[machine.fault]]       # how often, how long it announces itself, how long a repair takes
  kind = "bearing-wear"
  onset = {{ distribution = "weibull", mean = "140 h", shape = 2.2 }}
  progress = {{ distribution = "lognormal", mean = "110 min", deviation = "25 min" }}
  repair = {{ distribution = "lognormal", mean = "45 min", deviation = "8 min" }}

  [[machine.fault]]
  kind = "jam"
  onset = {{ distribution = "exponential", mean = "60 h" }}
  progress = {{ distribution = "lognormal", mean = "12 min", deviation = "3 min" }}
  repair = {{ distribution = "lognormal", mean = "6 min", deviation = "2 min" }}
)",
                     cycle_s, cycle_s * 0.02, cycle_s * 15);
  return out;
}

std::string line_text(const Options& options, double cycle_s) {
  std::vector<std::string> products;
  for (const auto& product : options.products) products.push_back(text::toml_string(product));
  std::string out = fmt::format(
      "# A line as foreline sees it; replace the typical values by yours, and run foreline check "
      "on "
      "it.\nformat = \"foreline line 1\"\nname = {}\nproducts = [{}]\ncrews = 1\nsample_period = "
      "\"10 s\"\n",
      text::toml_string(options.name), fmt::join(products, ", "));
  for (std::size_t m = 0; m < options.machines.size(); ++m)
    // The first sets the pace, as a line is laid out.
    out += machine_text(options.machines[m], m == 0 ? cycle_s : 0.9 * cycle_s,
                        m + 1 == options.machines.size());
  return out;
}

constexpr int order_count = 4;
constexpr double changeover_s = 300;
constexpr double work_s = 45 * 60;  ///< Of the slowest machine, for one order.

/// When an order ought to be finished: one changes over behind the other, machine by machine.
double due_s(const Options& options, int order) {
  return 1.1 * (order + 1) * (work_s + changeover_s * static_cast<double>(options.machines.size()));
}

std::string orders_text(const Options& options, double cycle_s) {
  const auto quantity = std::max(1L, std::lround(work_s / cycle_s));
  std::string out = "id,product,quantity,release,due,weight\n";
  for (int i = 0; i < order_count; ++i)
    out += fmt::format(
        "O-{},{},{},,{},1\n", i + 1,
        text::csv_field(options.products[static_cast<std::size_t>(i) % options.products.size()]),
        quantity, text::duration_text(std::ceil(due_s(options, i) / 60) * 60));
  return out;
}

std::string scenario_text(const Options& options, const std::string& title,
                          const std::string& more) {
  return fmt::format(
      "format = \"foreline scenario 1\"\ntitle = {}\nline = \"../line.toml\"\norders = "
      "\"../orders.csv\"\nhorizon = \"{:.0f} h\"\n{}",
      text::toml_string(title), std::ceil(1.5 * due_s(options, order_count) / 3600), more);
}

Files files_of(const Options& options, double cycle_s) {
  const auto& first = options.machines.front();
  Files files;
  files.emplace_back("line.toml", line_text(options, cycle_s));
  files.emplace_back("orders.csv", orders_text(options, cycle_s));
  files.emplace_back(
      "scenarios/quiet-day.toml",
      scenario_text(options, "a quiet day: no fault, every order in time",
                    "seeds = 5\n\n[[expect]]\nmeasure = \"orders-late\"\nis = \"<= 0 "
                    "orders\"\n\n[[expect]]\nmeasure = \"breakdowns\"\nis = \"<= 0 "
                    "stops\"\n"));
  files.emplace_back(
      "scenarios/worn-bearing.toml",
      scenario_text(
          options, fmt::format("a bearing of {} wears out on a busy day", first),
          fmt::format(
              "first_seed = 100\nseeds = 5\n\n[[fault]]\nid = \"wear\"\nmachine = {0}\nkind "
              "= \"bearing-wear\"\nat = \"30 min\"\nfails_after = \"100 min\"\nrepair = \"45 "
              "min\"\n\n[[expect]]\nmeasure = \"downtime\"\nis = \">= 40 min\"\n\n"
              "[[expect]]   # the model sees it coming\nalarm = {1}\nof = \"wear\"\nlead = "
              "\">= 10 min\"\nseeds = \"4 of 5\"\n",
              text::toml_string(first), text::toml_string(first + "/bearing-wear"))));
  files.emplace_back(".gitignore", "store/\ndemo-output/\n");
  return files;
}

std::string readme_text(const Options& options, std::uint16_t port) {
  return fmt::format(R"(# {0}

A line for foreline. In this folder:

| file | what it is |
| --- | --- |
| `line.toml` | the machines, their times, signals and faults |
| `orders.csv` | what is to be made, and when it is due |
| `scenarios/` | days with faults and what is expected of them |
| `plugin.toml` | where the PLC keeps each value |

```sh
foreline check line.toml scenarios plugin.toml   # are the files right?
foreline run scenarios                           # do the days go as expected?
foreline serve scenarios/worn-bearing.toml --port {1} --speed 100   # the line behind a soft PLC
foreline watch plugin.toml --hmi 15080           # in another terminal: forecasts, alarms, pages
```

For the real PLC, put its address and registers into `plugin.toml` (`foreline check plugin.toml` says what is amiss).
Nothing is written to it until `writes = true` stands in `[schedule]`.
)",
                     options.name, port);
}

line::Result<line::Done> write_all(const fs::path& folder, const Files& files) {
  for (const auto& [name, text] : files) {
    const auto path = folder / name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error)
      return line::Error(
          fmt::format("cannot make {}: {}", path.parent_path().string(), error.message()));
    if (auto written = gpt2::write_file(path, text); !written) return written.error();
  }
  return line::Done{};
}

int init(Options options) {
  const fs::path folder = options.folder;
  std::error_code error;
  if (fs::exists(folder, error) &&
      !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
    return fail(bad_input, "init",
                fmt::format("{} is there and not empty; name a new folder", folder.string()));
  if (!options.yes && !options.json && ::isatty(STDIN_FILENO) != 0) ask(options);
  line::Error wrong;
  for (auto complaint : {wrong_machines(fmt::format("{}", fmt::join(options.machines, ","))),
                         wrong_cycle(options.cycle),
                         wrong_products(fmt::format("{}", fmt::join(options.products, ","))),
                         wrong_plc(options.plc)})
    if (!complaint.empty()) wrong.diagnostics.push_back({{}, 0, 0, std::move(complaint), {}});
  if (!wrong.diagnostics.empty()) return fail(bad_input, "init", wrong);
  const double cycle_s = *text::parse_duration(options.cycle);
  const auto plc = *endpoint_of(options.plc, modbus_port);
  std::string tags;
  if (!options.tags.empty()) {
    const auto text = text::read_text_file(options.tags);
    const core::TagContext context{{"plc"}, {0}, {125}, {"default"}};
    const auto read = text ? core::parse_tags(*text, options.tags, context)
                           : line::Result<std::vector<core::Tag>>(text.error());
    if (!read) return fail(bad_input, "init", read.error());
    tags = *text;
  }
  // The folder appears whole or not at all: what is written is read back before it gets its name.
  const fs::path draft = (folder.has_filename() ? folder : folder.parent_path()).string() + ".part";
  fs::remove_all(draft, error);
  auto files = files_of(options, cycle_s);
  files.emplace_back("README.md", readme_text(options, plc.port));
  if (!tags.empty()) files.emplace_back("tags.csv", tags);
  auto done = write_all(draft, files);
  auto line = text::read_line_file(draft / "line.toml");
  if (done && line)
    done = write_all(
        draft, {{"plugin.toml",
                 configuration_of(*line, {"line.toml", "orders.csv",
                                          fs::absolute(shipped("inference/models/small")), plc.host,
                                          plc.port, 0.1, false, tags.empty() ? "" : "tags.csv"})}});
  if (done && line)
    for (const char* name : {"quiet-day.toml", "worn-bearing.toml"})
      if (auto day = text::read_scenario_file(draft / "scenarios" / name); !day && line)
        line = day.error();
  if (!done || !line) {
    fs::remove_all(draft, error);
    return done ? fail(bad_input, "init", line.error()) : fail(environment, "init", done.error());
  }
  fs::remove(folder, error);
  fs::rename(draft, folder, error);
  if (error)
    return fail(environment, "init",
                fmt::format("cannot make {}: {}", folder.string(), error.message()));
  const std::string next = tags.empty() ? "run scenarios" : "watch plugin.toml --dry-run";
  if (options.json) {
    auto names = nlohmann::ordered_json::array();
    for (const auto& [name, text] : files) names.push_back((folder / name).string());
    names.push_back((folder / "plugin.toml").string());
    print_json({{"folder", folder.string()},
                {"files", names},
                {"next", fmt::format("cd {} && foreline {}", folder.string(), next)}});
    return pass;
  }
  fmt::print(
      "{0}: line.toml, orders.csv, plugin.toml,{1} two scenarios and a README.md\nNext: "
      "cd {0} && foreline {2}\n",
      folder.string(), tags.empty() ? "" : " tags.csv,", next);
  return pass;
}

}  // namespace

void add_init(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("init",
                                     "Begin a project: a folder with a line, orders, scenarios "
                                     "and a plugin's file");
  command->add_option("folder", options->folder, "Folder to make")->required();
  command->add_option("--name", options->name, "Name of the line")->capture_default_str();
  command->add_option("--machines", options->machines, "Machines in the order of flow")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--cycle", options->cycle, "Time a part takes on the slowest machine")
      ->capture_default_str();
  command->add_option("--products", options->products, "Products")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--plc", options->plc, "Address of the PLC")->capture_default_str();
  command->add_option("--tags", options->tags,
                      "Tag file of the PLC, as foreline probe --tags has written it");
  command->add_flag("--yes", options->yes, "Ask nothing");
  add_json(*command, options->json, "Ask nothing; print one JSON object: the files");
  command->footer(
      "On a terminal it asks for what decides most; without one, or with --yes, it takes "
      "the options.\n\nExample:\n  foreline init my-line --machines filler,capper,packer "
      "--cycle '4 s' --yes");
  command->callback([options, &exit_code] { exit_code = init(*options); });
}

}  // namespace foreline::host
