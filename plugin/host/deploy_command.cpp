// SPDX-License-Identifier: Apache-2.0
// A person's decision on a proposal, written to the plugin's own Modbus registers, as any SCADA
// would.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <bit>
#include <chrono>
#include <memory>
#include <thread>

#include "plugin/core/published.hpp"
#include "plugin/host/console.hpp"
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
};

struct Standing {
  std::uint16_t proposal = 0;
  ProposalState state = ProposalState::none;
  double gain = 0;
};

line::Result<Standing> read_standing(io::ModbusClient& plugin) {
  auto words = plugin.read({core::RegisterTable::holding, 0, 16});
  if (!words) return words.error();
  if ((*words)[published::signature] != published::signature_value)
    return line::Error("that is no foreline plugin (its first register says otherwise)");
  const auto state = (*words)[published::proposal_state];
  if (state > static_cast<std::uint16_t>(ProposalState::failed))
    return line::Error("that plugin is of another release");
  const auto at = static_cast<std::size_t>(published::proposal_gain);
  const auto bits = (std::uint32_t{(*words)[at]} << 16U) | (*words)[at + 1];
  return Standing{(*words)[published::proposal], static_cast<ProposalState>(state),
                  static_cast<double>(std::bit_cast<float>(bits))};
}

void print(const Standing& standing) {
  if (standing.proposal == 0) {
    fmt::print("no proposal yet ({})\n", name_of(standing.state));
    return;
  }
  fmt::print("proposal {}: {}; gain at least {:.0f} (95 % sure)\n", standing.proposal,
             name_of(standing.state), standing.gain);
}

int deploy(const Options& options) {
  const auto colon = options.plugin.rfind(':');
  int port = 0;
  if (colon != std::string::npos) port = std::atoi(options.plugin.c_str() + colon + 1);
  if (port < 1 || port > 65'535)
    return fail(bad_input, "deploy",
                fmt::format("--plugin \"{}\" is no HOST:PORT", options.plugin));
  const std::uint16_t number = options.approve != 0 ? options.approve : options.reject;
  if (number != 0 && options.who.empty())
    return fail(bad_input, "deploy", "a decision needs a name: --as NAME");
  io::ModbusClient plugin(options.plugin.substr(0, colon), static_cast<std::uint16_t>(port), 1,
                          std::chrono::seconds(2));
  if (auto connected = plugin.connect(); !connected)
    return fail(environment, "deploy", connected.error());
  auto standing = read_standing(plugin);
  if (!standing) return fail(environment, "deploy", standing.error());
  if (number == 0) {
    print(*standing);
    return pass;
  }
  if (standing->proposal != number || standing->state != ProposalState::proposed) {
    print(*standing);
    return fail(expectation_failed, "deploy",
                fmt::format("proposal {} does not wait for a decision", number));
  }
  const core::Decision decision{number, options.approve != 0, options.who};
  if (auto written = plugin.write(published::decision, core::to_words(decision)); !written)
    return fail(environment, "deploy", written.error());
  const auto wanted = decision.approved ? ProposalState::confirmed : ProposalState::rejected;
  const auto deadline = Clock::now() + patience;
  while (Clock::now() < deadline) {
    standing = read_standing(plugin);
    if (!standing) return fail(environment, "deploy", standing.error());
    const bool open =
        standing->state == ProposalState::proposed || standing->state == ProposalState::deploying;
    if (standing->proposal != number || !open) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  print(*standing);
  return standing->proposal == number && standing->state == wanted ? pass : expectation_failed;
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
  approve->excludes(reject);
  approve->excludes(status);
  reject->excludes(status);
  command->footer("Example:\n  foreline deploy --plugin 127.0.0.1:15030 --status");
  command->callback([options, &exit_code] { exit_code = deploy(*options); });
}

}  // namespace foreline::host
