// SPDX-License-Identifier: Apache-2.0
// What all commands share: how they fail, where shipped files are, how they reach the simulator.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/train/population.hpp"
#include "plugin/host/commands.hpp"
#include "sim/line/result.hpp"
#include "sim/worker/client.hpp"

namespace foreline::host {

/// Prints "foreline COMMAND: what" (one line a diagnostic) to standard error; returns `status`.
int fail(Exit status, std::string_view command, const line::Error& error);
int fail(Exit status, std::string_view command, const std::string& what);

/// From now on `fail` says it as one JSON object a line: {"error": {"command", "status",
/// "mistakes"}}, each mistake as `check --json` lists it.
void fail_in_json();

/// {"file", "line", "column", "what", "hint"} of each.
[[nodiscard]] nlohmann::ordered_json mistakes_json(const line::Error& error);

/// A line of progress on standard error, so that standard output stays the result.
void progress(const std::string& what);

/// Adds --json, a flag: standard output is JSON.
void add_json(CLI::App& command, bool& json, const std::string& what = "Print one JSON object");

/// One object on a line of standard output.
void print_json(const nlohmann::ordered_json& object);

/// Where --json puts what a command has measured: nowhere, to a file, or to standard output when no
/// file stands behind it. Then what people read goes to standard error.
class JsonTarget {
 public:
  void add_to(CLI::App& command, const std::string& what);
  [[nodiscard]] bool wanted() const { return wanted_; }
  [[nodiscard]] line::Result<line::Done> write(const std::string& text) const;
  template <class... Ts>
  void tell(fmt::format_string<Ts...> format, Ts&&... values) const {
    fmt::print(people(), format, std::forward<Ts>(values)...);
  }
  [[nodiscard]] std::FILE* people() const { return wanted_ && file_.empty() ? stderr : stdout; }

 private:
  bool wanted_ = false;
  std::string file_;
};

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
