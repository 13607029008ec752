// SPDX-License-Identifier: Apache-2.0
// `foreline`, the command of planners, test engineers and integrators.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "plugin/host/commands.hpp"
#include "sim/text/document.hpp"

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
  add_futures(app, exit_code);
  add_generate(app, exit_code);
  add_serve(app, exit_code);
  add_watch(app, exit_code);
  add_forecast(app, exit_code);
  add_data(app, exit_code);
  add_train(app, exit_code);
  add_evaluate(app, exit_code);
  add_explain(app, exit_code);
  add_plan(app, exit_code);
  add_solve(app, exit_code);
  add_deploy(app, exit_code);
  add_report(app, exit_code);
  add_tokenize(app, exit_code);
  add_hidden(app, exit_code);
  add_score(app, exit_code);
  add_complete(app, exit_code);
  add_demo(app, exit_code);
  add_account(app, exit_code);
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
      std::fprintf(
          stderr, "foreline: there is no command \"%s\" (%s)\n", first.c_str(),
          meant ? ("did you mean \"" + *meant + "\"?").c_str() : "foreline --help lists them");
      return bad_input;
    }
    return app.exit(error) == 0 ? pass : bad_input;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "foreline: internal error: %s\n", error.what());
    return bug;
  }
}
