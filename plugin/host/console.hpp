// SPDX-License-Identifier: Apache-2.0
// What all commands share: how they fail, where shipped files are, how they reach the simulator.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "inference/train/training.hpp"
#include "plugin/host/commands.hpp"
#include "sim/line/result.hpp"
#include "sim/worker/client.hpp"

namespace foreline::host {

/// Prints "foreline COMMAND: what" (one line a diagnostic) to standard error; returns `status`.
int fail(Exit status, std::string_view command, const line::Error& error);
int fail(Exit status, std::string_view command, const std::string& what);

/// A line of progress on standard error, so that standard output stays the result.
void progress(const std::string& what);

/// A file or folder that comes with foreline, named as in the source tree ("scenarios/demo.toml"):
/// under the current folder, the folder of a build, or the installation. Itself when nowhere.
[[nodiscard]] std::filesystem::path shipped(const std::string& name);

/// Scenario files named by paths; a folder stands for the .toml files in it.
[[nodiscard]] line::Result<std::vector<std::filesystem::path>> scenario_files(
    const std::vector<std::string>& paths);

/// Simulates on a worker process with all cores.
[[nodiscard]] line::Result<worker::Client> start_worker();
[[nodiscard]] inference::Simulate simulate_on(worker::Client& client);

/// The password of `name`: from a terminal, which does not show it, or the first line of a pipe.
/// `rule` stands behind the question.
[[nodiscard]] std::string password_from_person(const std::string& name, const std::string& rule);

/// Line time as hours, minutes and seconds: "02:14:30".
[[nodiscard]] std::string clock_text(double at_s);

}  // namespace foreline::host
