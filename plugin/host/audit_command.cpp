// SPDX-License-Identifier: Apache-2.0
// The audit: what was decided and written, and whether the chain of its lines is whole.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "plugin/store/store.hpp"
#include "sim/text/escape.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string action;
  std::string folder;
  std::string head;
  bool json = false;
};

std::string time_text(std::int64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

int audit(const Options& options) {
  const std::filesystem::path folder = options.folder;
  if (!std::filesystem::exists(folder / "foreline.db"))
    return fail(bad_input, "audit",
                fmt::format("{} has no foreline.db: it is no store", options.folder));
  auto lines = store::Store::read_audit(folder);
  if (!lines) return fail(expectation_failed, "audit", lines.error());
  if (options.action == "show") {
    for (const auto& line : *lines) {
      if (options.json)
        fmt::print("{}\n",
                   nlohmann::ordered_json{{"number", line.number},
                                          {"wall_ns", line.wall_ns},
                                          {"at_s", line.at_s},
                                          {"who", line.who},
                                          {"what", line.what},
                                          {"detail", line.detail},
                                          {"hash", line.hash}}
                       .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
      else
        fmt::print("{:>6}  {}  {}  {:<12} {:<14} {}\n", line.number, time_text(line.wall_ns),
                   clock_text(line.at_s), text::printable(line.who), text::printable(line.what),
                   text::printable(line.detail));
    }
    return pass;
  }
  const auto head = lines->empty() ? std::string() : lines->back().hash;
  bool kept = options.head.empty();
  for (const auto& line : *lines) kept = kept || line.hash == options.head;
  if (!kept)
    return fail(expectation_failed, "audit",
                fmt::format("no line has the hash {}: lines have been cut off, or this is another "
                            "audit",
                            options.head));
  if (options.json) {
    fmt::print(
        "{}\n",
        nlohmann::ordered_json{{"lines", lines->size()}, {"whole", true}, {"head", head}}.dump());
    return pass;
  }
  fmt::print("{} lines, each follows from the ones before; the last hash is {}\n", lines->size(),
             head.empty() ? "none" : head);
  return pass;
}

}  // namespace

void add_audit(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("audit", "Show the audit of a store, or verify its chain");
  command->add_option("action", options->action, "verify or show")
      ->required()
      ->check(CLI::IsMember({"verify", "show"}));
  command->add_option("store", options->folder, "The store's folder")->required();
  command->add_option(
      "--head", options->head,
      "A hash that was written down before; shows whether lines were cut off since");
  command->add_flag("--json", options->json, "One JSON object a line");
  command->footer("Example:\n  foreline audit verify my-store");
  command->callback([options, &exit_code] { exit_code = audit(*options); });
}

}  // namespace foreline::host
