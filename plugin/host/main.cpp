// SPDX-License-Identifier: Apache-2.0
// `foreline`, the command of planners, test engineers and integrators.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "plugin/host/commands.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "plugin/host/help.hpp"
#include "plugin/host/interruption.hpp"
#include "sim/text/document.hpp"

namespace {

using foreline::text::nearest;

std::string meant(const std::string& word, const std::vector<std::string>& known) {
  const auto found = nearest(word, known);
  return found ? "did you mean " + *found + "?" : "";
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// The first example of a command's help.
std::string example_of(const CLI::App& command) {
  std::istringstream lines(command.get_footer());
  for (std::string line; std::getline(lines, line);)
    if (line.rfind("  foreline ", 0) == 0 || line.rfind("  echo ", 0) == 0) return line.substr(2);
  return {};
}

/// What is wrong with the words behind a command, and what to write instead. `left`: words that
/// nothing wanted.
foreline::line::Error mistake(const CLI::App& command, const std::string& name,
                              const std::vector<std::string>& left, const CLI::ParseError& error) {
  const auto commands = commands_of(command);
  const auto said = [](const std::string& what, const std::string& hint) {
    return foreline::line::Error(what, hint);
  };
  const auto help =
      fmt::format("foreline {}--help lists what there is", name.empty() ? "" : name + " ");
  // An error of words that are left over has the command's name instead of its own.
  const auto is = [&](CLI::ExitCodes code) {
    return error.get_exit_code() == static_cast<int>(code);
  };
  const bool required = is(CLI::ExitCodes::RequiredError);
  if (!left.empty() && (is(CLI::ExitCodes::ExtrasError) || (required && !commands.empty()))) {
    const auto& word = left.front();
    std::vector<std::string> options;
    for (const auto* option : command.get_options({}))
      for (const auto& known : option->get_lnames()) options.push_back("--" + known);
    const bool option = word.size() > 1 && word.front() == '-';
    const auto hint = meant(word.substr(0, word.find('=')), option ? options : commands);
    if (option) return said("there is no option " + word, hint.empty() ? help : hint);
    if (!commands.empty())
      return said("there is no command \"" + word + "\"",
                  hint.empty() ? fmt::format("there are {}", fmt::join(commands, ", ")) : hint);
    return said("\"" + word + "\" is one word too many", "put a text with spaces in quotes");
  }
  if (required && !commands.empty())
    return said("a command is missing", fmt::format("one of {}", fmt::join(commands, ", ")));
  if (required) {
    const auto example = example_of(command);
    const std::string what = error.what();
    return said(what.substr(0, what.find(" is required")) + " is missing",
                example.empty() ? help : "for example: " + example);
  }
  return said(error.what(), help);
}

/// The parser takes -1 for the largest number there is, a larger one than that likewise, 010 for 8,
/// and a bound does not stop nan.
std::string complaint_about(std::string& word, bool whole) {
  if (!whole) {
    double value = 0;
    if (CLI::detail::lexical_cast(word, value) && std::isfinite(value)) return {};
    return "\"" + word + "\" is no number";
  }
  std::uint64_t value = 0;
  const char* end = word.data() + word.size();
  const auto read = std::from_chars(word.data(), end, value);
  if (read.ec == std::errc::result_out_of_range) return "\"" + word + "\" is too large a number";
  if (read.ec != std::errc{} || read.ptr != end)
    return "\"" + word + "\" is no whole number from 0";
  word = std::to_string(value);
  return {};
}

/// Every option that wants a number, of a command and of those below it.
void demand_numbers(CLI::App& app) {
  for (auto* option : app.get_options({})) {
    const bool whole = option->get_type_name().rfind("UINT", 0) == 0;
    if (!whole && option->get_type_name().rfind("FLOAT", 0) != 0) continue;
    option->transform(
        CLI::Validator([whole](std::string& word) { return complaint_about(word, whole); }, ""));
  }
  for (auto* command : app.get_subcommands({})) demand_numbers(*command);
}

/// The threads that grow trees meet at thousands of barriers. Where they spin there while others
/// have the processor, learning takes ten times as long; libgomp reads how to wait before main()
/// begins.
void wait_without_spinning(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if ((command != "train" && command != "evaluate") || std::getenv("OMP_WAIT_POLICY") != nullptr)
    return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::execv("/proc/self/exe", argv);  // where that fails, it spins
}

}  // namespace

int main(int argc, char** argv) {
  using namespace foreline::host;
  wait_without_spinning(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Sees a production line's faults coming; proves a better schedule in simulation.",
               "foreline"};
  app.formatter(std::make_shared<Help>());
  app.set_version_flag("--version", FORELINE_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 pass, 1 expectation failed, 2 bad input, 3 environment, 4 bug, "
      "130 Ctrl-C. foreline --version says which this is.");
  int exit_code = pass;
  // The order in which people meet them; --help shows them so.
  const auto in = [&](const char* group, void (*add)(CLI::App&, int&)) {
    const auto before = app.get_subcommands({}).size();
    add(app, exit_code);
    const auto all = app.get_subcommands({});
    for (auto i = before; i < all.size(); ++i) all[i]->group(group);
  };
  for (const auto add : {add_init, add_demo}) in("Begin", add);
  for (const auto add :
       {add_check, add_show, add_run, add_state, add_futures, add_generate, add_swarm, add_serve})
    in("Lines and their days", add);
  for (const auto add : {add_forecast, add_data, add_train, add_evaluate, add_explain})
    in("Forecasts", add);
  for (const auto add :
       {add_plan, add_what_if, add_compare, add_solve, add_deploy, add_rollback, add_report})
    in("Schedules", add);
  for (const auto add :
       {add_probe, add_watch, add_status, add_alarms, add_registers, add_audit, add_account})
    in("The plant", add);
  for (const auto add : {add_tokenize, add_hidden, add_score, add_complete, add_bench})
    in("GPT-2", add);
  for (const auto add : {add_completion, add_man}) in("The command line", add);
  demand_numbers(app);
  const bool in_json = std::any_of(argv, argv + argc, [](const char* word) {
    return std::strcmp(word, "--json") == 0 || std::strncmp(word, "--json=", 7) == 0;
  });
  if (in_json) fail_in_json();
  end_when_interrupted(argc > 1 ? argv[1] : "");
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    if (argc == 1) {
      std::fprintf(stderr, "%s", app.help().c_str());
      return bad_input;
    }
    const std::string first = argv[1];
    const auto known = commands_of(app);
    if (first.rfind('-', 0) != 0 && std::find(known.begin(), known.end(), first) == known.end()) {
      const auto hint = meant(first, known);
      return fail(bad_input, "",
                  foreline::line::Error("there is no command \"" + first + "\"",
                                        hint.empty() ? "foreline --help lists them" : hint));
    }
    const CLI::App* command = &app;
    std::string name;
    while (!command->get_subcommands().empty()) {
      command = command->get_subcommands().back();
      name += (name.empty() ? "" : " ") + command->get_name();
    }
    return fail(bad_input, name, mistake(*command, name, app.remaining(true), error));
  } catch (const std::system_error& error) {
    // Who reads what is printed has read enough, as in foreline registers plugin.toml | head.
    if (error.code() == std::errc::broken_pipe) return pass;
    std::fprintf(stderr, "foreline: internal error: %s\n", error.what());
    return bug;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "foreline: internal error: %s\n", error.what());
    return bug;
  }
}
