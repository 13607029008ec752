// SPDX-License-Identifier: Apache-2.0
// What is behind an address: who it says it is, which registers it has, and what they may mean.
// Reads only.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/core/configuration.hpp"
#include "plugin/core/survey.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "plugin/host/endpoint.hpp"
#include "plugin/host/hint.hpp"
#include "plugin/host/progress.hpp"
#include "plugin/io/modbus_client.hpp"
#include "sim/text/document.hpp"
#include "sim/text/escape.hpp"

namespace foreline::host {

namespace {

using core::Range;
using core::RegisterTable;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1:502";
  int unit = 1;
  int last = 1999;
  int pause_ms = 0;
  std::string wait = "1 s";
  std::string timeout = "1 s";
  std::string tags;
  std::string against;
  bool json = false;
};

/// Finds the ranges of a table that the device has, by halves.
class Scan {
 public:
  Scan(io::ModbusClient& device, int pause_ms, int last)
      : device_(device),
        pause_(pause_ms),
        last_(last),
        progress_("blocks of addresses", 2 * (blocks(100) + blocks(1000))) {}

  /// False when the device has never answered.
  bool table(RegisterTable table) {
    silences_ = 0;
    mute_ = refused_ = false;
    const int block = core::is_bits(table) ? 1000 : 100;
    auto left = blocks(block);
    for (int from = 0; from <= last_ && !mute_ && !refused_; from += block, --left) {
      look({table, static_cast<std::uint16_t>(from),
            static_cast<std::uint16_t>(std::min(block, last_ - from + 1))});
      progress_.step();
    }
    progress_.less(left);
    return !mute_ || answered_;
  }
  [[nodiscard]] const std::vector<Range>& found() const { return found_; }
  [[nodiscard]] const core::Image& image() const { return image_; }
  /// From where a table was not looked at any more, and why.
  struct Gap {
    Range from;
    std::string why;
  };
  [[nodiscard]] const std::vector<Gap>& gaps() const { return gaps_; }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }  ///< The last one.
  [[nodiscard]] std::size_t requests() const { return requests_; }
  /// Reads what was found once more; what does not answer again counts as unmoved.
  core::Image again() {
    auto image = image_;
    std::vector<Range> parts;
    for (const auto& range : found_)
      for (const auto& part : core::ranges_of({range}, core::MergeRules{})) parts.push_back(part);
    Progress progress("second readings", parts.size());
    for (const auto& part : parts) {
      if (!device_.connected()) (void)device_.connect();
      if (auto words = device_.read(part)) image.put(part, *words);
      progress.step();
    }
    return image;
  }

 private:
  [[nodiscard]] std::size_t blocks(int size) const {
    return static_cast<std::size_t>(last_ / size + 1);
  }
  /// Acknowledge, busy, and a gateway's two: they say nothing about the registers.
  static bool says_not_now(std::uint8_t exception) {
    return exception == 5 || exception == 6 || exception == 10 || exception == 11;
  }
  void look(const Range& range) {
    if (mute_ || refused_) return;
    line::Result<core::Reply> reply = line::Error("");
    for (;;) {
      if (pause_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_));
      ++requests_;
      progress_.tell();
      if (!device_.connected()) (void)device_.connect();
      reply = device_.ask(core::read_query(range));
      const auto said = reply && reply->exception != 0
                            ? fmt::format("exception {} ({})", reply->exception,
                                          core::exception_name(reply->exception))
                            : std::string();
      if (reply && !said.empty()) refusal_ = said;
      if (reply && !says_not_now(reply->exception)) break;
      // What is not answered is not known; silence about one request may be chance.
      mute_ = ++silences_ >= 3;
      if (!mute_) continue;
      gaps_.push_back({range, reply ? said : reply.error().text()});
      return;
    }
    silences_ = 0;
    answered_ = true;
    if (reply->exception == 1) {
      refused_ = true;  // the device has no such table
      return;
    }
    if (reply->exception != 0) {
      if (range.count == 1) return;
      const auto half = static_cast<std::uint16_t>(range.count / 2);
      look({range.table, range.address, half});
      look({range.table, static_cast<std::uint16_t>(range.address + half),
            static_cast<std::uint16_t>(range.count - half)});
      return;
    }
    if (core::is_bits(range.table))
      image_.put(range, std::vector<std::uint16_t>(reply->bits.begin(), reply->bits.end()));
    else
      image_.put(range, reply->words);
    if (!found_.empty() && found_.back().table == range.table &&
        found_.back().address + found_.back().count == range.address)
      found_.back().count = static_cast<std::uint16_t>(found_.back().count + range.count);
    else
      found_.push_back(range);
  }

  io::ModbusClient& device_;
  int pause_;
  int last_;
  Progress progress_;
  std::vector<Range> found_;
  core::Image image_;
  std::vector<Gap> gaps_;
  std::string refusal_;
  bool answered_ = false;
  std::size_t requests_ = 0;
  int silences_ = 0;
  bool mute_ = false;
  bool refused_ = false;
};

/// The values of a configuration on its first device that tell something: those with a range.
std::vector<core::Tag> ranged(const core::Configuration& configuration) {
  std::vector<core::Tag> tags;
  for (const auto& tag : configuration.tags)
    if (tag.at.device == 0) tags.push_back(tag);
  const auto exactly = [&](const core::Register& at, double value) {
    core::Tag tag;
    tag.at = at;
    tag.low = tag.high = value;
    tags.push_back(tag);
  };
  const auto& map = configuration.map;
  if (map.signature) exactly(*map.signature, map.signature_value);
  for (std::size_t m = 0; m < map.machines.size(); ++m)
    for (std::size_t s = 0; s < map.machines[m].signals.size(); ++s) {
      const auto& signal = configuration.line->machines[m].signals[s];
      core::Tag tag;
      tag.at = map.machines[m].signals[s];
      if (tag.at.device != 0 || !(signal.high > signal.low)) continue;
      tag.low = signal.low;
      tag.high = signal.high;
      tags.push_back(tag);
    }
  return tags;
}

int probe(const Options& options) {
  const auto at = endpoint_of(options.host, 502);
  const auto wait_s = text::parse_duration(options.wait);
  const auto timeout_s = text::parse_duration(options.timeout);
  if (!at)
    return fail(bad_input, "probe", fmt::format("\"{}\" is no HOST or HOST:PORT", options.host));
  if (!wait_s || !timeout_s || !(*timeout_s > 0) || *wait_s < 0)
    return fail(bad_input, "probe", "--wait and --timeout are durations (write \"1 s\")");
  std::optional<core::Configuration> against;
  if (!options.against.empty()) {
    auto read = core::read_configuration(shipped(options.against));
    if (!read) return fail(bad_input, "probe", read.error());
    against = std::move(*read);
  }
  core::Device settings;
  settings.host = at->host;
  settings.port = at->port;
  settings.unit = static_cast<std::uint8_t>(options.unit);
  settings.timeout_s = *timeout_s;
  settings.breaker_failures = 1'000'000;
  io::ModbusClient device(settings);
  if (auto connected = device.connect(); !connected)
    return fail(
        environment, "probe",
        hinted(connected.error(), "is a Modbus TCP device there? HOST alone means port 502"));
  ordered_json out;
  core::Query identify;
  identify.function = core::Function::device_identification;
  constexpr std::array<const char*, 7> object_names = {
      "vendor", "product", "version", "url", "product name", "model", "application"};
  if (auto reply = device.ask(identify); reply && reply->exception == 0) {
    for (const auto& [object, said] : reply->objects) {
      const std::string name = object < object_names.size() ? object_names[object] : "object";
      out["identity"][name] = said;
      if (!options.json) fmt::print("{}: {}\n", name, text::printable(said));
    }
  } else if (!options.json) {
    fmt::print("does not say who it is (function 43: {})\n",
               reply ? core::exception_name(reply->exception) : "no answer");
  }
  Scan scan(device, options.pause_ms, options.last);
  for (const auto table :
       {RegisterTable::holding, RegisterTable::input, RegisterTable::coil, RegisterTable::discrete})
    if (!scan.table(table)) break;
  if (scan.found().empty())
    return fail(environment, "probe",
                scan.gaps().empty()
                    ? fmt::format("no register up to {} is readable under unit {}: {}; try --unit "
                                  "or --last",
                                  options.last, options.unit, scan.refusal())
                    : scan.gaps().back().why);
  std::this_thread::sleep_for(std::chrono::duration<double>(*wait_s));
  const auto second = scan.again();
  const auto order = core::likely_order(scan.found(), second);
  const auto guesses = core::guess(scan.found(), scan.image(), second);
  for (const auto& range : scan.found()) {
    out["ranges"].push_back({{"table", short_name(range.table)},
                             {"first", range.address},
                             {"last", range.address + range.count - 1}});
    if (!options.json)
      fmt::print("{}:{} to {}:{} are readable\n", short_name(range.table), range.address,
                 short_name(range.table), range.address + range.count - 1);
  }
  for (const auto& [from, why] : scan.gaps()) {
    out["not_looked_at"].push_back(
        {{"table", short_name(from.table)}, {"first", from.address}, {"why", why}});
    if (!options.json)
      fmt::print("{}:{} and on were not looked at: {}\n", short_name(from.table), from.address,
                 why);
  }
  out["order"] = order;
  if (!options.json)
    fmt::print("{}\n", order.empty() ? std::string("nothing looks like a 32-bit float")
                                     : "32-bit floats seem to come as " + order);
  out["guesses"] = ordered_json::array();
  for (const auto& found : guesses) {
    out["guesses"].push_back(
        {{"at", core::place_text(found.at.table, found.at.address)},
         {"type", core::name_of(found.at.type)},
         {"value", std::isfinite(found.value) ? ordered_json(found.value) : ordered_json()},
         {"moved", found.moved}});
    if (!options.json)
      fmt::print("  {:<18} {:<5} {:>14.6g}{}\n", core::place_text(found.at.table, found.at.address),
                 core::name_of(found.at.type), found.value, found.moved ? "  moves" : "");
  }
  int status = pass;
  if (against) {
    const auto all = core::fits(ranged(*against), second);
    const auto& best = all.front();
    out["fit"] = {
        {"shift", best.shift}, {"order", best.order}, {"good", best.good}, {"all", best.all}};
    const bool as_written = best.shift == 0 && best.order == "as written";
    if (!as_written) status = expectation_failed;
    if (!options.json && as_written)
      fmt::print("the configuration fits: {} of {} values in range\n", best.good, best.all);
    else if (!options.json)
      fmt::print(
          "the configuration fits best with addresses shifted by {:+} and order {}: {} of "
          "{} values in range, {} as written\n",
          best.shift, best.order, best.good, best.all,
          std::find_if(all.begin(), all.end(), [](const core::Fit& fit) {
            return fit.shift == 0 && fit.order == "as written";
          })->good);
  }
  if (!options.tags.empty()) {
    core::TagContext context;
    context.devices = {"plc"};
    context.bases = {0};
    context.groups = {"default"};
    const auto text = core::tags_text(core::tags_of(guesses), context);
    if (auto written = gpt2::write_file(options.tags, text); !written)
      return fail(environment, "probe", written.error());
    if (!options.json) fmt::print("{} tags are in {}\n", guesses.size(), options.tags);
  }
  out["requests"] = scan.requests();
  if (options.json)
    fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return status;
}

}  // namespace

void add_probe(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "probe", "Scan an unknown Modbus device, guess its map, write a first tag file");
  command->add_option("host", options->host, "HOST or HOST:PORT")->required();
  command->add_option("--unit", options->unit, "Unit number")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
  command->add_option("--last", options->last, "Last address to look at, in each table")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--wait", options->wait, "Between the two readings that show what moves")
      ->capture_default_str();
  command->add_option("--timeout", options->timeout, "Of one transaction")->capture_default_str();
  command->add_option("--pause", options->pause_ms, "Milliseconds between requests")
      ->check(CLI::Range(0, 60000))
      ->capture_default_str();
  command->add_option("--tags", options->tags, "Write a tag file (CSV) here");
  command->add_option("--against", options->against,
                      "A plugin configuration: say whether its addresses and orders fit");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Example:\n  foreline probe 127.0.0.1:15020 --last 399 --tags first-tags.csv --against "
      "plugin/config/bottling.toml");
  command->callback([options, &exit_code] { exit_code = probe(*options); });
}

}  // namespace foreline::host
