// SPDX-License-Identifier: Apache-2.0
// A person's decision on a proposal, or on the schedule that was deployed, written to the plugin's
// own Modbus registers, as any SCADA would.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <bit>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "plugin/core/published.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "plugin/host/endpoint.hpp"
#include "plugin/host/hint.hpp"
#include "plugin/io/modbus_client.hpp"

namespace foreline::host {

namespace {

using core::ProposalState;
using Clock = std::chrono::steady_clock;
namespace published = core::published;

constexpr auto patience = std::chrono::seconds(15);

struct Options {
  std::string plugin = "127.0.0.1:15030";
  std::uint16_t approve = 0;
  std::uint16_t reject = 0;
  std::string who;
  bool status = false;
  bool clear = false;
  bool json = false;
};

struct Standing {
  std::uint16_t proposal = 0;
  ProposalState state = ProposalState::none;
  double gain = 0;
  std::uint16_t deployed = 0;
  bool locked_out = false;
  core::RollBack roll_back = core::RollBack::none;
};

line::Result<Standing> read_standing(io::ModbusClient& plugin) {
  auto words = plugin.read({core::RegisterTable::holding, 0, published::roll_back + 1});
  if (!words) return words.error();
  if ((*words)[published::signature] != published::signature_value)
    return line::Error("that is no foreline plugin (its first register says otherwise)");
  const auto state = (*words)[published::proposal_state];
  if (state > static_cast<std::uint16_t>(ProposalState::failed))
    return line::Error("that plugin is of another release");
  const auto at = static_cast<std::size_t>(published::proposal_gain);
  const auto bits = (std::uint32_t{(*words)[at]} << 16U) | (*words)[at + 1];
  return Standing{(*words)[published::proposal],
                  static_cast<ProposalState>(state),
                  static_cast<double>(std::bit_cast<float>(bits)),
                  (*words)[published::deployed],
                  (*words)[published::locked_out] != 0,
                  static_cast<core::RollBack>((*words)[published::roll_back])};
}

void print(const Standing& standing, bool json) {
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"proposal", standing.proposal},
                                              {"state", name_of(standing.state)},
                                              {"gain_lower_95", standing.gain},
                                              {"deployed", standing.deployed},
                                              {"locked_out", standing.locked_out}}
                           .dump());
    return;
  }
  if (standing.proposal == 0) {
    fmt::print("no proposal yet ({})\n", name_of(standing.state));
    return;
  }
  fmt::print("proposal {}: {}; gain at least {:.0f} (95 % sure)\n", standing.proposal,
             name_of(standing.state), standing.gain);
}

/// The plugin's register server; complains itself.
std::unique_ptr<io::ModbusClient> connected_to(const Options& options, const char* command,
                                               int& status) {
  const auto at = endpoint_of(options.plugin, 0);
  if (!at) {
    status =
        fail(bad_input, command, fmt::format("--plugin \"{}\" is no HOST:PORT", options.plugin));
    return {};
  }
  auto plugin = std::make_unique<io::ModbusClient>(at->host, at->port, 1, std::chrono::seconds(2));
  if (auto connected = plugin->connect(); !connected) {
    status = fail(environment, command, unanswered(connected.error()));
    return {};
  }
  return plugin;
}

/// Reads until `settled` says yes, at most for `patience`.
template <class Settled>
line::Result<Standing> await(io::ModbusClient& plugin, const Settled& settled) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    auto standing = read_standing(plugin);
    if (!standing || settled(*standing) || Clock::now() > deadline) return standing;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

int deploy(const Options& options) {
  const std::uint16_t number = options.approve != 0 ? options.approve : options.reject;
  if (number != 0 && options.who.empty())
    return fail(bad_input, "deploy", "a decision needs a name: --as NAME");
  int status = pass;
  const auto plugin = connected_to(options, "deploy", status);
  if (!plugin) return status;
  auto standing = read_standing(*plugin);
  if (!standing) return fail(environment, "deploy", standing.error());
  if (number == 0) {
    print(*standing, options.json);
    return pass;
  }
  // What the gate refused may be overruled by two people: the plugin knows whether it may.
  const bool overrules = standing->state == ProposalState::refused;
  if (standing->proposal != number || (standing->state != ProposalState::proposed && !overrules)) {
    print(*standing, options.json);
    return fail(expectation_failed, "deploy",
                fmt::format("proposal {} does not wait for a decision", number));
  }
  using Kind = core::Decision::Kind;
  const core::Decision decision{number, options.approve != 0 ? Kind::approve : Kind::reject,
                                options.who};
  if (auto written = plugin->write(published::decision, core::to_words(decision)); !written)
    return fail(environment, "deploy", written.error());
  const auto wanted =
      decision.kind == Kind::approve ? ProposalState::confirmed : ProposalState::rejected;
  const auto patient_until = Clock::now() + std::chrono::seconds(2);
  standing = await(*plugin, [&](const Standing& now) {
    if (now.proposal != number) return true;
    if (now.state == ProposalState::refused) return Clock::now() > patient_until;
    return now.state != ProposalState::proposed && now.state != ProposalState::deploying;
  });
  if (!standing) return fail(environment, "deploy", standing.error());
  print(*standing, options.json);
  if (standing->proposal == number && standing->state == ProposalState::refused) {
    fmt::print(stderr,
               "the gate has refused it; where its rules allow that, a second person of another "
               "name can agree now\n");
    return expectation_failed;
  }
  return standing->proposal == number && standing->state == wanted ? pass : expectation_failed;
}

void print_deployed(const Standing& standing, bool json) {
  if (json) return print(standing, true);
  if (standing.deployed == 0)
    fmt::print("no deployed schedule stands");
  else
    fmt::print("the schedule of proposal {} is deployed", standing.deployed);
  fmt::print("{}\n", standing.locked_out
                         ? "; one was rolled back: nothing is deployed before a person clears that"
                         : "");
}

int roll_back(const Options& options) {
  if (!options.status && options.who.empty())
    return fail(bad_input, "rollback", "it needs a name: --as NAME");
  int status = pass;
  const auto plugin = connected_to(options, "rollback", status);
  if (!plugin) return status;
  auto standing = read_standing(*plugin);
  if (!standing) return fail(environment, "rollback", standing.error());
  if (options.status) {
    print_deployed(*standing, options.json);
    return pass;
  }
  if (options.clear ? !standing->locked_out : standing->deployed == 0)
    return fail(expectation_failed, "rollback",
                options.clear ? "there is no roll-back to clear"
                              : "no deployed schedule stands to be taken back");
  using Kind = core::Decision::Kind;
  const core::Decision decision{standing->deployed, options.clear ? Kind::clear : Kind::roll_back,
                                options.who};
  if (auto written = plugin->write(published::decision, core::to_words(decision)); !written)
    return fail(environment, "rollback", written.error());
  const auto deployed = standing->deployed;
  const auto was_refused = [](const Standing& now) {
    return now.roll_back == core::RollBack::refused || now.roll_back == core::RollBack::failed;
  };
  // An answer to an earlier request stands until this one is handled.
  const auto stale_until = Clock::now() + std::chrono::seconds(was_refused(*standing) ? 2 : 0);
  standing = await(*plugin, [&](const Standing& now) {
    if (options.clear) return !now.locked_out;
    return now.deployed != deployed || (was_refused(now) && Clock::now() > stale_until);
  });
  if (!standing) return fail(environment, "rollback", standing.error());
  print_deployed(*standing, options.json);
  if (options.clear ? !standing->locked_out : standing->deployed != deployed) return pass;
  return fail(
      expectation_failed, "rollback",
      fmt::format("it was {}; foreline audit show STORE says why",
                  standing->roll_back == core::RollBack::refused  ? "refused"
                  : standing->roll_back == core::RollBack::failed ? "not confirmed by the PLC"
                                                                  : "not answered in time"));
}

}  // namespace

void add_deploy(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("deploy", "Approve or reject what a running plugin proposes");
  command->add_option("--plugin", options->plugin, "The plugin's register server, HOST:PORT")
      ->capture_default_str();
  auto* approve = command->add_option("--approve", options->approve, "Number of the proposal");
  auto* reject = command->add_option("--reject", options->reject, "Number of the proposal");
  command->add_option("--as", options->who, "Who decides; goes into the audit");
  auto* status = command->add_flag("--status", options->status, "Only say what stands");
  command->add_flag("--json", options->json, "Print one JSON object: what stands now");
  approve->excludes(reject);
  approve->excludes(status);
  reject->excludes(status);
  command->footer("Example:\n  foreline deploy --plugin 127.0.0.1:15030 --status");
  command->callback([options, &exit_code] { exit_code = deploy(*options); });
}

void add_rollback(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("rollback", "Take the deployed schedule back: what ran before runs again");
  command->add_option("--plugin", options->plugin, "The plugin's register server, HOST:PORT")
      ->capture_default_str();
  command->add_option("--as", options->who, "Who wants it; goes into the audit");
  auto* clear = command->add_flag("--clear", options->clear,
                                  "After a roll-back: let schedules be deployed again");
  command->add_flag("--status", options->status, "Only say what stands")->excludes(clear);
  command->add_flag("--json", options->json, "Print one JSON object: what stands now");
  command->footer(
      "Orders that have started stay where they are.\n"
      "Example:\n  foreline rollback --plugin 127.0.0.1:15030 --status");
  command->callback([options, &exit_code] { exit_code = roll_back(*options); });
}

}  // namespace foreline::host
