// SPDX-License-Identifier: Apache-2.0
// The commands of `foreline`. Each adds itself to the application; its callback leaves the exit
// status in `exit_code`.
#pragma once

#include <CLI/App.hpp>

namespace foreline::host {

/// Exit statuses, the same for every command.
enum Exit : int {
  pass = 0,
  expectation_failed = 1,
  bad_input = 2,    ///< A file or an option is wrong; the message says where.
  environment = 3,  ///< A port, a process, a disk or a PLC is not as needed.
  bug = 4,
};

void add_check(CLI::App& app, int& exit_code);
void add_show(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
void add_state(CLI::App& app, int& exit_code);
void add_futures(CLI::App& app, int& exit_code);
void add_generate(CLI::App& app, int& exit_code);
void add_swarm(CLI::App& app, int& exit_code);
void add_serve(CLI::App& app, int& exit_code);
void add_watch(CLI::App& app, int& exit_code);
void add_forecast(CLI::App& app, int& exit_code);
void add_data(CLI::App& app, int& exit_code);
void add_evaluate(CLI::App& app, int& exit_code);
void add_explain(CLI::App& app, int& exit_code);
void add_train(CLI::App& app, int& exit_code);
void add_plan(CLI::App& app, int& exit_code);
void add_what_if(CLI::App& app, int& exit_code);
void add_compare(CLI::App& app, int& exit_code);
void add_solve(CLI::App& app, int& exit_code);
void add_deploy(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_tokenize(CLI::App& app, int& exit_code);
void add_hidden(CLI::App& app, int& exit_code);
void add_score(CLI::App& app, int& exit_code);
void add_complete(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_demo(CLI::App& app, int& exit_code);
void add_account(CLI::App& app, int& exit_code);
void add_init(CLI::App& app, int& exit_code);
void add_completion(CLI::App& app, int& exit_code);
void add_man(CLI::App& app, int& exit_code);

}  // namespace foreline::host
