// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/hint.hpp"
#include "plugin/host/interruption.hpp"
#include "plugin/host/process.hpp"

namespace foreline::host {

namespace fs = std::filesystem;

using Json = nlohmann::ordered_json;

namespace {

bool failures_are_json = false;

/// Texts come from files and may be no UTF-8.
std::string one_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void fail_in_json() {
  failures_are_json = true;
}

Json mistakes_json(const line::Error& error) {
  auto mistakes = Json::array();
  for (const auto& one : error.diagnostics)
    mistakes.push_back({{"file", one.file},
                        {"line", one.line},
                        {"column", one.column},
                        {"what", one.what},
                        {"hint", one.hint}});
  return mistakes;
}

void add_json(CLI::App& command, bool& json, const std::string& what) {
  command.add_flag("--json", json, what);
}

void print_json(const Json& object) {
  fmt::print("{}\n", one_line(object));
  std::fflush(stdout);
}

void JsonTarget::add_to(CLI::App& command, const std::string& what) {
  // What stands behind it would be overwritten: no scenario by mistake.
  const auto is_json = [](const std::string& name) {
    return name.empty() || fs::path(name).extension() == ".json" || name.rfind("/dev/", 0) == 0
               ? std::string()
               : fmt::format(
                     "\"{}\" does not end with .json; for JSON on standard output put "
                     "--json last",
                     name);
  };
  command
      .add_option_function<std::string>(
          "--json",
          [this](const std::string& file) {
            wanted_ = true;
            file_ = file;
          },
          what + "; to standard output when no file follows")
      ->expected(0, 1)
      ->type_name("FILE.json")
      ->check(CLI::Validator(is_json, ""));
}

line::Result<line::Done> JsonTarget::write(const std::string& text) const {
  if (!wanted_) return line::Done{};
  if (!file_.empty()) return gpt2::write_file(file_, text);
  fmt::print("{}", text);
  return line::Done{};
}

int fail(Exit status, std::string_view command, const line::Error& error) {
  if (failures_are_json) {
    fmt::print(stderr, "{}\n",
               one_line({{"error",
                          {{"command", command},
                           {"status", static_cast<int>(status)},
                           {"mistakes", mistakes_json(error)}}}}));
    return status;
  }
  constexpr std::size_t most_told = 100;
  const auto& all = error.diagnostics;
  const auto who = command.empty() ? std::string("foreline") : fmt::format("foreline {}", command);
  for (std::size_t i = 0; i < std::min(all.size(), most_told); ++i)
    fmt::print(stderr, "{}: {}\n", who, all[i].text());
  if (all.size() > most_told)
    fmt::print(stderr, "{}: and {} more like these\n", who, all.size() - most_told);
  return status;
}

int fail(Exit status, std::string_view command, const std::string& what) {
  return fail(status, command, line::Error(what));
}

line::Error hinted(line::Error error, const std::string& hint) {
  for (auto& one : error.diagnostics)
    if (one.hint.empty()) one.hint = hint;
  return error;
}

line::Error unanswered(line::Error error) {
  return hinted(std::move(error),
                "is foreline watch running? --plugin HOST:PORT names its register server");
}

void progress(const std::string& what) {
  fmt::print(stderr, "   {}\n", what);
}

fs::path shipped(const std::string& name) {
  std::error_code error;
  if (fs::exists(name, error)) return name;
  const auto here = own_executable().parent_path();
  for (auto folder = here; folder.has_relative_path(); folder = folder.parent_path()) {
    if (fs::exists(folder / name, error)) return folder / name;
  }
  // An installation, then the tree that this program was built from.
  for (const auto& folder :
       {here.parent_path() / "share" / "foreline", fs::path(FORELINE_SOURCE_DIR)})
    if (fs::exists(folder / name, error)) return folder / name;
  return name;
}

line::Result<worker::Client> start_worker() {
  worker::Options options;
  options.children = std::max(1U, std::thread::hardware_concurrency());
  return worker::Client::start(options);
}

inference::Simulate simulate_on(worker::Client& client) {
  return [&client](std::span<const line::Trial> trials) { return client.run(trials); };
}

std::string password_from_person(const std::string& name, const std::string& rule) {
  std::string password;
  if (::isatty(STDIN_FILENO) == 0) {
    std::getline(std::cin, password);
    return password;
  }
  fmt::print(stderr, "Password for {}{}: ", name, rule);
  {
    const Unseen unseen(STDIN_FILENO);
    std::getline(std::cin, password);
  }
  fmt::print(stderr, "\n");
  return password;
}

std::string clock_text(double at_s) {
  const auto seconds = static_cast<long>(std::max(0.0, at_s));
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

line::Result<std::vector<std::filesystem::path>> scenario_files(
    const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  line::Error missing;
  for (const auto& name : paths) {
    const auto path = shipped(name);
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
      std::vector<std::filesystem::path> found;
      for (const auto& entry : std::filesystem::directory_iterator(path, error))
        if (entry.path().extension() == ".toml") found.push_back(entry.path());
      std::sort(found.begin(), found.end());
      if (found.empty())
        missing.diagnostics.push_back({name, 0, 0, "this folder holds no .toml file", ""});
      files.insert(files.end(), found.begin(), found.end());
    } else {
      files.push_back(path);
    }
  }
  if (!missing.diagnostics.empty()) return missing;
  return files;
}

}  // namespace foreline::host
