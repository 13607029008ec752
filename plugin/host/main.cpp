// SPDX-License-Identifier: Apache-2.0
// `foreline`, the command of planners, test engineers and integrators.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "plugin/host/commands.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "plugin/host/help.hpp"
#include "sim/text/document.hpp"

int main(int argc, char** argv) {
  using namespace foreline::host;
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Sees a production line's faults coming and proves a better schedule in simulation.",
               "foreline"};
  app.formatter(std::make_shared<Help>());
  app.set_version_flag("--version", FORELINE_VERSION);
  app.require_subcommand(1);
  app.footer("Exit status: 0 pass, 1 expectation failed, 2 bad input, 3 environment, 4 bug.");
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
  const bool in_json = std::any_of(argv, argv + argc, [](const char* word) {
    return std::strcmp(word, "--json") == 0 || std::strncmp(word, "--json=", 7) == 0;
  });
  if (in_json) fail_in_json();
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    const std::string first = argc > 1 ? argv[1] : "";
    std::vector<std::string> known;
    for (const auto* command : app.get_subcommands({})) known.push_back(command->get_name());
    if (!first.empty() && first.front() != '-' &&
        std::find(known.begin(), known.end(), first) == known.end()) {
      const auto meant = foreline::text::nearest(first, known);
      const auto what =
          "there is no command \"" + first + "\" (" +
          (meant ? "did you mean \"" + *meant + "\"?" : "foreline --help lists them") + ")";
      if (in_json) return fail(bad_input, first, what);
      std::fprintf(stderr, "foreline: %s\n", what.c_str());
      return bad_input;
    }
    if (in_json && error.get_exit_code() != 0) return fail(bad_input, first, error.what());
    return app.exit(error) == 0 ? pass : bad_input;
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
