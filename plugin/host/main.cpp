// SPDX-License-Identifier: Apache-2.0
// `foreline`, the command of planners, test engineers and integrators.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "plugin/host/commands.hpp"

int main(int argc, char** argv) {
  using namespace foreline::host;
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Sees a production line's faults coming and proves a better schedule in simulation.",
               "foreline"};
  app.set_version_flag("--version", FORELINE_VERSION);
  app.require_subcommand(1);
  app.footer("Exit status: 0 pass, 1 expectation failed, 2 bad input, 3 environment, 4 bug.");
  int exit_code = pass;
  add_check(app, exit_code);
  add_run(app, exit_code);
  add_generate(app, exit_code);
  add_serve(app, exit_code);
  add_watch(app, exit_code);
  add_forecast(app, exit_code);
  add_train(app, exit_code);
  add_plan(app, exit_code);
  add_deploy(app, exit_code);
  add_report(app, exit_code);
  add_demo(app, exit_code);
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? pass : bad_input;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "foreline: internal error: %s\n", error.what());
    return bug;
  }
}
